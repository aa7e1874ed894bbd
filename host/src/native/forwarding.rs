//! The opener's agent, lent to a host whose device says so, for as long as the agent lives.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{ChannelOpenHandle, Msg};
use russh::{Channel, ChannelOpenFailure};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// So many programs there may speak with the agent at once.
const TALKS_MAX: usize = 16;

/// An agent that does not take a call in this time is not there.
const LIMIT: Duration = Duration::from_secs(5);

/// Lends an agent.
pub(super) struct Lender {
    socket: PathBuf,
    talks: Arc<Semaphore>,
}

impl Lender {
    /// Lends the agent at this socket.
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket, talks: Arc::new(Semaphore::new(TALKS_MAX)) }
    }

    /// Connects a channel that a server opened with the agent, without keeping the connection waiting.
    pub(super) async fn lend(&self, channel: Channel<Msg>, asked: ChannelOpenHandle) {
        let Ok(turn) = Arc::clone(&self.talks).try_acquire_owned() else {
            // It is wanted too often.
            return asked.reject(ChannelOpenFailure::ConnectFailed).await;
        };
        let socket = self.socket.clone();
        tokio::spawn(async move {
            match timeout(LIMIT, UnixStream::connect(&socket)).await {
                Ok(Ok(agent)) => {
                    asked.accept().await;
                    talk(channel, agent, turn).await;
                }
                // It lives no more.
                _ => asked.reject(ChannelOpenFailure::ConnectFailed).await,
            }
        });
    }
}

async fn talk(channel: Channel<Msg>, mut agent: UnixStream, _turn: OwnedSemaphorePermit) {
    let mut there = channel.into_stream();
    // However it ends, both sides see it.
    drop(tokio::io::copy_bidirectional(&mut there, &mut agent).await);
}
