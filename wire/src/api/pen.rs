//! Who holds the pen, in parts: nobody has to read it out of a sentence that holds a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Who;

/// What keeps others from writing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holds {
    /// The command that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_by: Option<Who>,
    /// Whose unsent line stands at the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<Who>,
    /// The agent that was refused for that line, and waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited_by: Option<Who>,
    /// Whose line is put aside until a command has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Who>,
    /// The person who has taken the pen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
}

/// A pen in a person's hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Taken {
    /// Whose.
    pub who: Who,
    /// How long they still have it, if they type nothing, in milliseconds.
    pub left_ms: u64,
}
