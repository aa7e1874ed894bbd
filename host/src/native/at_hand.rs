//! What a login would have at hand: key files and the agent's keys, looked at without a packet to any host.

use std::path::{Path, PathBuf};

use russh::keys::PublicKey;

use crate::native::agent::Agent;
use crate::native::error::Trouble;
use crate::native::host_key::HostKey;
use crate::native::keyfile::{self, Content};
use crate::native::secret::one_line;
use crate::native::settings::Settings;

/// A key file that would be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// The file.
    pub path: PathBuf,
    /// How it stands.
    pub state: FileState,
}

/// How a key file stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// There is none: it is passed over.
    Absent,
    /// A key of this kind, ready for use.
    Ready(String),
    /// A key that needs its passphrase; its kind, where that is known without it.
    Encrypted(Option<String>),
    /// The public half of a key of this kind: it says which of the agent's keys is meant.
    Public(String),
    /// It cannot be used.
    Trouble(Trouble),
}

/// A key that the agent holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentKey {
    /// Its kind.
    pub algorithm: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// What its owner called it.
    pub comment: String,
    /// It would be offered: it is named by a file, or any of the agent's is.
    pub offered: bool,
}

/// Looks at the key files that would be tried. It reads them: not on a task that others wait for.
pub fn files(settings: &Settings) -> Vec<NamedFile> {
    settings.identity_files.iter().map(|path| NamedFile { path: path.clone(), state: state(path) }).collect()
}

/// Asks the agent what it holds; nothing where none would be used.
///
/// # Errors
///
/// Says why it did not answer, within the limit of an agent's answer.
pub async fn agent(settings: &Settings) -> Option<Result<Vec<AgentKey>, Trouble>> {
    let socket = settings.agent.clone()?;
    let opened = Agent::open(socket, settings.limits.agent, settings.limits.signature).await;
    let held = match opened {
        Ok((_, held)) => held.keys,
        Err(trouble) => return Some(Err(trouble)),
    };
    let (files, identities_only) = (settings.identity_files.clone(), settings.identities_only);
    let named = tokio::task::spawn_blocking(move || public_keys(&files)).await.unwrap_or_default();
    let is_named = |key: &PublicKey| named.iter().any(|it| it.key_data() == key.key_data());
    let told = |key: &PublicKey| AgentKey {
        algorithm: key.algorithm().as_str().to_owned(),
        fingerprint: HostKey::of(key).fingerprint(),
        comment: one_line(key.comment().as_ref()),
        offered: !identities_only || is_named(key),
    };
    Some(Ok(held.iter().map(told).collect()))
}

fn public_keys(files: &[PathBuf]) -> Vec<PublicKey> {
    let read = files.iter().filter_map(|it| keyfile::read(it)?.ok());
    read.filter_map(|it| it.public().cloned()).collect()
}

fn state(path: &Path) -> FileState {
    match keyfile::read(path) {
        None => FileState::Absent,
        Some(Err(trouble)) => FileState::Trouble(trouble),
        Some(Ok(file)) => {
            let kind = file.public().map(|it| it.algorithm().as_str().to_owned());
            match &file.content {
                Content::Open(_) => FileState::Ready(kind.unwrap_or_default()),
                Content::Encrypted { .. } => FileState::Encrypted(kind),
                Content::Public { .. } => FileState::Public(kind.unwrap_or_default()),
            }
        }
    }
}
