//! One channel of a connection, counted while it is open: spoken by ourselves, or by the user's ssh.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::native::driven::lane::{Driven, DrivenWriter};
pub(super) use crate::native::heard::{Heard, RequestError, Terminal};
use crate::native::spoken::{Spoken, SpokenWriter};

/// A channel, counted while it is open.
pub(super) struct Lane {
    by: By,
    _counted: Counted,
}

/// Who carries a channel.
pub(super) enum By {
    /// We speak it.
    Spoken(Spoken),
    /// The user's ssh does.
    Driven(Box<Driven>),
}

/// The sending side of a channel, for a task of its own: a window that is full makes it wait.
#[derive(Clone)]
pub(super) enum LaneWriter {
    Spoken(SpokenWriter),
    Driven(DrivenWriter),
}

struct Counted(Arc<AtomicUsize>);

impl Lane {
    /// Begins with a channel that was just opened.
    pub(super) fn new(by: By, open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self { by, _counted: Counted(open.clone()) }
    }

    /// Says whether the server has given it already. The user's ssh asks for it with what is started.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.by, By::Spoken(_))
    }

    /// Starts the account's shell in a terminal, or what its line says.
    pub(super) async fn shell(&mut self, terminal: &Terminal, limit: Duration) -> Result<(), RequestError> {
        match &mut self.by {
            By::Spoken(spoken) => spoken.shell(terminal, limit).await,
            By::Driven(driven) => driven.shell(terminal, limit).await,
        }
    }

    /// Returns the process there, where it had to say it.
    pub(super) fn told(&self) -> Option<u32> {
        match &self.by {
            By::Spoken(_) => None,
            By::Driven(driven) => driven.told(),
        }
    }

    /// Lets the shell that is started next ask for the agent; whether the server takes it, it does not say.
    pub(super) async fn lend_agent(&mut self) -> Result<(), RequestError> {
        match &mut self.by {
            By::Spoken(spoken) => spoken.lend_agent().await,
            By::Driven(driven) => {
                driven.lend_agent();
                Ok(())
            }
        }
    }

    /// Asks for variables, as ssh does: whether the server sets them is its business, and it does not say.
    pub(super) async fn ask_for(&mut self, env: &[(String, String)]) -> Result<(), RequestError> {
        match &mut self.by {
            By::Spoken(spoken) => spoken.ask_for(env).await,
            By::Driven(driven) => {
                driven.ask_for(env);
                Ok(())
            }
        }
    }

    /// Starts a program.
    pub(super) async fn exec(&mut self, command: &str, limit: Duration) -> Result<(), RequestError> {
        match &mut self.by {
            By::Spoken(spoken) => spoken.exec(command, limit).await,
            By::Driven(driven) => driven.exec(command, limit).await,
        }
    }

    /// Returns the sending side.
    pub(super) fn writer(&self) -> LaneWriter {
        match &self.by {
            By::Spoken(spoken) => LaneWriter::Spoken(spoken.writer()),
            By::Driven(driven) => LaneWriter::Driven(driven.writer()),
        }
    }

    /// Waits for what comes next; nothing if the connection is gone.
    ///
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Heard> {
        match &mut self.by {
            By::Spoken(spoken) => spoken.next().await,
            By::Driven(driven) => driven.next().await,
        }
    }
}

impl LaneWriter {
    /// Sends bytes, as fast as the other side takes them. Not cancel-safe.
    pub(super) async fn send(&self, bytes: Bytes) -> bool {
        match self {
            Self::Spoken(spoken) => spoken.send(bytes).await,
            Self::Driven(driven) => driven.send(bytes).await,
        }
    }

    /// Says that nothing more is sent.
    pub(super) async fn end(&self) {
        match self {
            Self::Spoken(spoken) => spoken.end().await,
            Self::Driven(driven) => driven.end().await,
        }
    }

    /// Tells the new size of the terminal.
    pub(super) async fn resize(&self, cols: u16, rows: u16) {
        match self {
            Self::Spoken(spoken) => spoken.resize(cols, rows).await,
            Self::Driven(driven) => driven.resize(cols, rows),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
