//! Who holds the pen, in parts: nothing is read out of a sentence.

use std::time::Duration;

use cotty_core::names::{Principal, RunId};

/// What keeps others from writing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// The command that runs, and whose it is.
    pub run: Option<(RunId, Principal)>,
    /// Whose unsent line stands at the prompt.
    pub draft: Option<Principal>,
    /// The agent that was refused for that line.
    pub awaited_by: Option<Principal>,
    /// Whose line is put aside.
    pub parked: Option<Principal>,
    /// The person who has taken the pen, and how long they still have it.
    pub taken: Option<(Principal, Duration)>,
}
