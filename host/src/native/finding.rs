//! Which process on the host is a program that we started, asked of the probe.

use std::time::Duration;

use crate::native::kin::Birth;
use crate::native::probe::{Probe, Question};
use crate::native::sight;

/// A program that begins gets its process, and a shell its terminal, a moment after the server has said yes: it is looked for
/// so often.
pub(super) const BEGINNING: usize = 200;

/// One that a signal is for is looked for so often.
pub(super) const RUNNING: usize = 20;

/// With this pause.
const PAUSE: Duration = Duration::from_millis(10);

/// Finds the process of a program, looking so often at most.
pub(super) async fn find(probe: &Probe, birth: &Birth, times: usize) -> Option<u32> {
    for time in 0..times {
        if birth.pid().is_some() || birth.is_over() {
            break;
        }
        if time > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let before = birth.changes();
        let lines = probe.ask(Question::Kin).await?;
        birth.find(&sight::children(&lines), before);
    }
    birth.pid()
}
