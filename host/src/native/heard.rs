//! What is asked of a channel and what comes over it, whichever engine carries it.

use std::time::Duration;

use bytes::Bytes;

use crate::holder::frame::Exit;

/// What comes over a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Standard output, or all of a terminal's.
    Output(Bytes),
    /// Standard error.
    Error(Bytes),
    /// How the program ended. More output may follow.
    Exit(Exit),
    /// The end, said by the server.
    Closed,
    /// The server gives no terminal: the user's ssh learns so only when the session is open.
    NoTerminal,
}

/// A request was not granted.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the server does not grant it")]
    Refused,
    #[error("the server did not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    #[error("the channel was closed")]
    Closed,
    /// The server gives the connection no more channels: the user's ssh learns so only with the request.
    #[error("the server refuses another channel: {0}")]
    Full(String),
}

/// The terminal of a shell.
#[derive(Clone, Debug)]
pub(super) struct Terminal {
    pub(super) term: String,
    pub(super) cols: u16,
    pub(super) rows: u16,
    /// What the account's shell reads instead of the terminal.
    pub(super) line: Option<String>,
    /// Variables that the server is asked to set.
    pub(super) env: Vec<(String, String)>,
}
