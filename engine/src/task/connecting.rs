//! A session whose terminal is still to come: it is there, can be looked at, attached and closed, and types nothing.

use cotty_core::refusal::Refusal;
use cotty_host::holder::client::Terminal;
use tokio::sync::mpsc;

use super::alarm::Alarm;
use super::{Ended, Owner};
use crate::clock;
use crate::remote::Coming;
use crate::request::Request;

/// Serves those who ask until the terminal is there; how the session ended if it never is.
pub(super) async fn terminal(
    owner: &mut Owner,
    mut coming: Coming,
    mailbox: &mut mpsc::Receiver<Request>,
) -> Result<Terminal, Ended> {
    let mut alarm = Alarm::default();
    loop {
        owner.carry_out_effects();
        owner.serve_waiters(clock::now());
        if let Some(ended) = owner.over.take() {
            // What is under way is dropped with its future: the connection is closed, or left to others.
            owner.leave(&ended);
            return Err(ended);
        }
        // An arm that is cancelled has taken nothing; the way there goes on where it was.
        tokio::select! {
            biased;
            request = mailbox.recv() => match request {
                Some(request) => owner.answer(request),
                None => owner.let_go(),
            },
            () = alarm.passed(owner.deadline()) => owner.pass_deadlines(),
            opened = &mut coming => match opened {
                Ok((terminal, pulse)) => {
                    if let Some(way) = &mut owner.way {
                        way.pulse = Some(pulse);
                    }
                    owner.session.handle_connected(clock::now());
                    return Ok(terminal);
                }
                Err(refusal) => owner.fail(refusal),
            },
        }
    }
}

impl Owner {
    /// There is no way: those who wait hear why, in its own words.
    fn fail(&mut self, refusal: Refusal) {
        self.end(&format!("failed: {refusal}"), &refusal.to_string());
        self.refuse_waiters(&refusal);
        self.failed = Some(refusal);
    }
}
