//! What this face asks of the house it stands in: who a peer is, where an agent's connection goes, how to end.

use std::path::PathBuf;
use std::pin::Pin;

pub use axum::body::Body;
use axum::http;
pub use axum::response::Response;
use bytes::Bytes;
use cotty_core::names::Principal;
use cotty_core::refusal::Refusal;
use cotty_engine::report::Caller;
use cotty_wire::api::Daemon;
use tokio::io::{AsyncRead, AsyncWrite};

/// The process at the other end, as the kernel named it when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its process id; none where the kernel does not say.
    pub pid: Option<u32>,
    /// Its user.
    pub uid: u32,
}

/// What was made of a peer.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What it may do, and who it is.
    pub principal: Principal,
    /// Why, in a few words.
    pub because: String,
}

/// How the daemon is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Sessions were ended before.
    Stop,
    /// Sessions live on with their holder.
    Restart,
}

/// A stream that stopped being HTTP.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Work that goes on until its stream ends.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A request of an agent that speaks MCP by HTTP, let in by the guard. Its extensions hold the [`Caller`].
pub struct AgentAsks {
    /// The request, whole.
    pub request: http::Request<Bytes>,
    /// By what it was let in, as it is named in lists. What one begins no other goes on with.
    pub credential: String,
    /// Ends with what let it in.
    pub over: Work,
}

/// An answer that is being made.
pub type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What only the binary knows.
pub trait House: Send + Sync + 'static {
    /// Judges a peer, once, when it has connected. Another user is not served at all.
    fn judge(&self, peer: Peer) -> Option<Judged>;

    /// Serves MCP on a stream that was upgraded for it.
    fn serve_agent(&self, stream: Box<dyn Stream>, caller: Caller, nonce: String) -> Work;

    /// Answers one request of an agent that speaks MCP by HTTP.
    fn answer_agent(&self, asked: AgentAsks) -> Answering;

    /// Returns the agent of ssh that those have who bring none: the config names it.
    fn agent_socket(&self) -> Option<PathBuf>;

    /// Returns how much memory the daemon has; nothing where the system does not say.
    fn memory_bytes(&self) -> Option<u64>;

    /// Tells of the daemon; the caller's own fields are filled in afterwards.
    fn about(&self) -> Daemon;

    /// Returns whether a variable of a caller's hello may reach a shell.
    fn passes(&self, variable: &str) -> bool;

    /// Returns whether a variable of a caller's hello holds the secret of a device.
    fn holds_a_secret(&self, variable: &str) -> bool;

    /// Reads a private file of the state directory; nothing where there is none.
    fn kept(&self, name: &str) -> Option<Vec<u8>>;

    /// Writes one, whole.
    ///
    /// # Errors
    ///
    /// Says that the disk would not take it.
    fn keep(&self, name: &str, content: &[u8]) -> Result<(), Refusal>;

    /// Ends the daemon soon after the answer has left.
    fn end(&self, how: Ending);
}
