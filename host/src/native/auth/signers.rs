//! Who signs: a key from a file, a key of the agent for a certificate from a file, or nobody, to ask whether it is worth it.

use std::sync::Arc;

use russh::Signer;
use russh::keys::agent::AgentIdentity;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::ssh_key::{self, Signature};
use russh::keys::{HashAlg, PrivateKey, PublicKey, signature};

use crate::native::agent::{Agent, Unsigned};

/// Finds out whether a signature is wanted, and gives none.
pub(super) struct Wanted;

/// Why [`Wanted`] gave none.
pub(super) enum Unanswered {
    /// The server would take the key.
    Wanted,
    /// The connection is gone.
    Lost,
}

/// Signs with a key of a file, for a certificate of it.
pub(super) struct FileKey(pub(super) Arc<PrivateKey>);

/// Signs with a key of the agent, which has no certificate of it.
pub(super) struct AgentKey<'agent> {
    pub(super) agent: &'agent mut Agent,
    pub(super) key: PublicKey,
}

/// Why a key of a file did not sign.
pub(super) enum Broken {
    /// It cannot.
    Key(String),
    /// The connection is gone.
    Lost,
}

impl From<russh::SendError> for Unanswered {
    fn from(_: russh::SendError) -> Self {
        Self::Lost
    }
}

impl From<russh::SendError> for Broken {
    fn from(_: russh::SendError) -> Self {
        Self::Lost
    }
}

impl Signer for Wanted {
    type Error = Unanswered;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        _: Option<HashAlg>,
        _: Vec<u8>,
    ) -> Result<Vec<u8>, Unanswered> {
        Err(Unanswered::Wanted)
    }
}

impl Signer for FileKey {
    type Error = Broken;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, Broken> {
        let signed = signed(&self.0, hash, &data).map_err(|error| Broken::Key(error.to_string()))?;
        data.extend(signed);
        Ok(data)
    }
}

impl Signer for AgentKey<'_> {
    type Error = Unsigned;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, Unsigned> {
        self.agent.auth_sign(&AgentIdentity::from(self.key.clone()), hash, data).await
    }
}

/// Returns a signature as it is sent, with its length.
fn signed(key: &PrivateKey, hash: Option<HashAlg>, data: &[u8]) -> Result<Vec<u8>, ssh_key::Error> {
    let signature: Signature = match key.key_data() {
        KeypairData::Rsa(rsa) => signature::Signer::try_sign(&(rsa, hash), data)?,
        other => signature::Signer::try_sign(other, data)?,
    };
    let mut sent = Vec::new();
    signature.encode_prefixed(&mut sent)?;
    Ok(sent)
}
