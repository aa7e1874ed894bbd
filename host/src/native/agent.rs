//! The agent: any socket, and never longer than a limit.

use std::path::PathBuf;
use std::time::Duration;

use russh::Signer;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Certificate, HashAlg, PublicKey};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::native::error::Trouble;

/// An agent that answered.
pub(super) struct Agent {
    client: AgentClient<UnixStream>,
    socket: PathBuf,
    signature_limit: Duration,
}

/// What an agent holds.
#[derive(Default)]
pub(super) struct Held {
    pub(super) keys: Vec<PublicKey>,
    pub(super) certificates: Vec<Certificate>,
}

/// Why a signature was not had.
pub(super) enum Unsigned {
    /// The agent would not, or was not there any more.
    Agent(Trouble),
    /// The connection to the server is gone.
    Connection,
}

impl Agent {
    /// Connects, and returns what it holds.
    pub(super) async fn open(
        socket: PathBuf,
        limit: Duration,
        signature_limit: Duration,
    ) -> Result<(Self, Held), Trouble> {
        let asked = timeout(limit, async {
            let stream = UnixStream::connect(&socket).await;
            let stream = stream
                .map_err(|error| Trouble::NoAgent { socket: socket.clone(), why: error.to_string() })?;
            let mut client = AgentClient::connect(stream);
            let keys = client.request_identities().await;
            let keys = keys
                .map_err(|error| Trouble::AgentFailed { socket: socket.clone(), why: error.to_string() })?;
            Ok((client, keys))
        });
        let (client, keys) =
            asked.await.map_err(|_| Trouble::AgentHangs { socket: socket.clone(), after: limit })??;
        let mut held = Held::default();
        for it in keys {
            match it {
                AgentIdentity::PublicKey { key, .. } => held.keys.push(key),
                AgentIdentity::Certificate { certificate, .. } => held.certificates.push(certificate),
            }
        }
        Ok((Self { client, socket, signature_limit }, held))
    }
}

impl From<russh::SendError> for Unsigned {
    fn from(_: russh::SendError) -> Self {
        Self::Connection
    }
}

impl Signer for Agent {
    type Error = Unsigned;

    async fn auth_sign(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, Unsigned> {
        let after = self.signature_limit;
        let socket = || self.socket.clone();
        match timeout(after, self.client.sign_request(key, hash, data)).await {
            Ok(Ok(signed)) => Ok(signed),
            Ok(Err(error)) => {
                Err(Unsigned::Agent(Trouble::AgentFailed { socket: socket(), why: error.to_string() }))
            }
            Err(_) => Err(Unsigned::Agent(Trouble::AgentHangs { socket: socket(), after })),
        }
    }
}
