//! A command beside the terminals: no terminal of its own, two streams, one end. Here or over SSH.

use crate::holder;
use crate::holder::isolated::News;
use crate::native;

/// A command under way. When this is dropped nobody listens to it any more: what is here is ended, and what runs over SSH
/// loses its channel.
#[derive(Debug)]
pub enum Isolated {
    /// On this machine.
    Local(holder::isolated::Command),
    /// Over SSH.
    Remote(native::isolated::Command),
}

impl Isolated {
    /// Waits for what happens next. After the last news only answers to questions that were asked before it follow.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> News {
        match self {
            Self::Local(command) => command.next().await,
            Self::Remote(command) => command.next().await,
        }
    }

    /// Sends a signal to all of it. `OutOfReach` follows where that is not possible.
    pub fn signal(&mut self, signal: i32) {
        match self {
            Self::Local(command) => command.signal(signal),
            Self::Remote(command) => command.signal(signal),
        }
    }

    /// Looks what is left of it. `Left` follows.
    pub fn look(&mut self) {
        match self {
            Self::Local(command) => command.look(),
            Self::Remote(command) => command.look(),
        }
    }

    /// Asks whether anything that was printed is still on its way. `Still` follows what is.
    pub fn sound(&mut self) {
        match self {
            Self::Local(command) => command.sound(),
            Self::Remote(command) => command.sound(),
        }
    }
}
