//! What is told of sessions and commands that are closed.

use super::RunReport;

/// The answer to a close.
#[derive(Clone, Debug)]
pub enum Closed {
    /// Sessions.
    Sessions(Vec<ClosedSession>),
    /// A command, as it stands after the ladder.
    Run(Box<RunReport>),
}

/// A session that was closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClosedSession {
    /// Its name.
    pub name: String,
    /// It was given up: its shell did not stand at a prompt of its own.
    pub given_up: Option<GivenUp>,
}

/// What is lost with a shell that was given up, and what begins a new one in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// One thing each, in our own words.
    pub lost: Vec<String>,
    /// What it was opened on.
    pub target: String,
    /// Its program, where that was named.
    pub shell: Option<String>,
    /// Its directory, as last seen.
    pub cwd: Option<String>,
}
