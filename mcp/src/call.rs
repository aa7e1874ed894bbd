//! One call on its way: who calls, and the engine that answers.

use cotty_engine::hub::Hub;
use cotty_engine::report::{CallKey, Caller};

/// What every tool needs beside its arguments.
#[derive(Clone)]
pub struct Call {
    /// The engine.
    pub hub: Hub,
    /// Who calls.
    pub caller: Caller,
    /// Identifies the call over restarts of the daemon.
    pub key: Option<CallKey>,
}
