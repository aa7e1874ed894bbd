//! What every handler works with: the sessions, the house, who has logged in, and how it all ends.

use std::sync::Arc;

use cotty_engine::hub::Hub;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::counts::Counts;
use crate::door::Door;
use crate::house::House;
use crate::logins::Logins;

/// What there is to serve, and how it ends.
#[derive(Clone)]
pub struct Served {
    /// The sessions.
    pub hub: Hub,
    /// What only the binary knows.
    pub house: Arc<dyn House>,
    /// Who has logged in.
    pub logins: Arc<Logins>,
    /// What is counted.
    pub counts: Arc<Counts>,
    /// The listener for browsers and programs.
    pub door: Arc<Door>,
    /// Everything that is spawned; ends after `stopping`.
    pub tasks: TaskTracker,
    /// No new connections, and the end of those that are there.
    pub stopping: CancellationToken,
}
