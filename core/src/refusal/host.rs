//! Why there is no connection to a host: not allowed, not reached, not trusted, not let in.

use std::fmt;

use super::FailureKind;

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Finding the address of the name.
    Address,
    /// Opening the connection.
    Connect,
    /// The banner and the key exchange.
    Handshake,
    /// Judging the host's key.
    HostKey,
    /// Logging in.
    Authentication,
}

/// A host key as a person compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// `SHA256:...`
    pub hash: String,
    /// `ssh-ed25519`
    pub algorithm: String,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostRefusal {
    /// The `targets` of the config leave this one out.
    #[error("agents may not name {target}: targets = \"{policy}\" in the config, and {why}")]
    NotAllowed {
        /// What was named.
        target: String,
        /// What the config says.
        policy: &'static str,
        /// Why that leaves it out.
        why: String,
    },
    /// The way there is a program of ssh's configuration, and nobody but an agent has ever named this host.
    #[error(
        "the way to {target} is a program ({word} of ssh's configuration), and no person has named this host: nothing was started"
    )]
    Unfamiliar {
        /// What was named.
        target: String,
        /// The word of ssh's configuration.
        word: &'static str,
    },
    /// Nobody knows the host's key yet.
    #[error("the key of {name} is not known yet: {shown}{}; no credential was sent", elsewhere.as_ref().map(|it| format!("; {it}")).unwrap_or_default())]
    UnknownKey {
        /// What was named.
        target: String,
        /// The name under which the key is kept.
        name: String,
        /// The key it showed.
        shown: Fingerprint,
        /// Under which other names this very key is known, in words, if it is.
        elsewhere: Option<String>,
    },
    /// Another key is known.
    #[error(
        "the key of {name} has changed: it shows {shown}, and {}:{} has {known}; no credential was sent",
        place.0,
        place.1
    )]
    ChangedKey {
        /// What was named.
        target: String,
        /// The name under which the key is kept.
        name: String,
        /// The key it showed.
        shown: Fingerprint,
        /// The key that is known.
        known: Fingerprint,
        /// The file in which that stands, and its line.
        place: (String, usize),
    },
    /// This key is revoked.
    #[error("the key of {name}, {shown}, is revoked at {place}; no credential was sent")]
    RevokedKey {
        /// The name under which the key is kept.
        name: String,
        /// The key it showed.
        shown: Fingerprint,
        /// Where that is said.
        place: String,
    },
    /// Only an authority is known, and it does not vouch for the host.
    #[error("{name} is known by an authority only ({place}), and {why}; it shows {shown}")]
    OnlyAuthority {
        /// What was named.
        target: String,
        /// The name under which the key would be kept.
        name: String,
        /// The key it showed.
        shown: Fingerprint,
        /// Where the authority stands.
        place: String,
        /// What is missing or wrong.
        why: String,
    },
    /// A file of known hosts cannot be read, so nobody is trusted.
    #[error("{why}")]
    KnownHosts {
        /// Which file, and why.
        why: String,
    },
    /// The connection did not come about, or broke.
    #[error("{target} was not reached ({stage}): {why}")]
    Unreached {
        /// What was named.
        target: String,
        /// How far it came.
        stage: Stage,
        /// What happened, with the limit where there was one.
        why: String,
        /// The word in the config that sets the limit.
        limit: Option<&'static str>,
    },
    /// A login asks for something that only a person knows: nobody was asked, or nobody answered.
    #[error("{target} asks for what only a person knows: {why}")]
    SecretNeeded {
        /// The host that asks.
        target: String,
        /// What a person opens to be asked; behind the host, where that is on the way.
        opens: String,
        /// What was tried, and what is asked for.
        why: String,
    },
    /// It gives as many channels as it gives, on as many connections as we open.
    #[error("{target}: {why}")]
    Full {
        /// What was named.
        target: String,
        /// What there is.
        why: String,
    },
    /// There is a connection, and the server starts nothing on it.
    #[error("{target} was reached, and nothing was started there: {why}")]
    NotStarted {
        /// What was named.
        target: String,
        /// What it said.
        why: String,
    },
    /// A person was asked about its key, and did not accept it.
    #[error("the key of {name}, {shown}, was not accepted; nothing was written, and no credential was sent")]
    NotTrusted {
        /// The name under which the key would be kept.
        name: String,
        /// The key it showed.
        shown: Fingerprint,
    },
    /// Whoever waited for the connection did not wait for its end.
    #[error("{target}: the person who opened it gave up")]
    GivenUp {
        /// What was named.
        target: String,
    },
    /// The server accepted nothing that there was.
    #[error("{target}: {why}")]
    Denied {
        /// What was named.
        target: String,
        /// What was tried, what could not be, what the server takes.
        why: String,
        /// What would help.
        remedy: String,
    },
}

impl HostRefusal {
    /// Returns the same with its words said in another way: what happened, and what would help. Names stay what they are.
    #[must_use]
    pub fn said(mut self, say: impl Fn(&str) -> String) -> Self {
        match &mut self {
            Self::NotAllowed { why, .. }
            | Self::OnlyAuthority { why, .. }
            | Self::KnownHosts { why }
            | Self::Unreached { why, .. }
            | Self::SecretNeeded { why, .. }
            | Self::Full { why, .. }
            | Self::NotStarted { why, .. } => *why = say(why),
            Self::Denied { why, remedy, .. } => (*why, *remedy) = (say(why), say(remedy)),
            Self::Unfamiliar { .. }
            | Self::UnknownKey { .. }
            | Self::ChangedKey { .. }
            | Self::RevokedKey { .. }
            | Self::NotTrusted { .. }
            | Self::GivenUp { .. } => {}
        }
        self
    }

    pub(super) fn kind(&self) -> FailureKind {
        match self {
            Self::NotAllowed { .. } | Self::Unfamiliar { .. } => FailureKind::PolicyBlocked,
            Self::UnknownKey { .. }
            | Self::ChangedKey { .. }
            | Self::RevokedKey { .. }
            | Self::OnlyAuthority { .. }
            | Self::NotTrusted { .. }
            | Self::KnownHosts { .. } => FailureKind::HostKey,
            Self::Unreached { .. } | Self::GivenUp { .. } => FailureKind::ConnectionFailure,
            Self::SecretNeeded { .. } => FailureKind::SecretNeeded,
            Self::Full { .. } => FailureKind::Limit,
            Self::NotStarted { .. } => FailureKind::RemoteRefused,
            Self::Denied { .. } => FailureKind::AuthFailure,
        }
    }

    pub(super) fn next_step(&self) -> String {
        match self {
            Self::NotAllowed { .. } => {
                "cotty device list shows what there is; a person may open it, or change targets in the config"
                    .to_owned()
            }
            Self::Unfamiliar { target, .. } => format!(
                "A person accepts its key once (cotty trust {}), or writes it down as a device or a Host of ~/.ssh/config. Then the same call again",
                quoted(target)
            ),
            Self::UnknownKey { target, .. } => format!(
                "A person compares it with the host's own and accepts it: cotty trust {}. Then the same call again",
                quoted(target)
            ),
            Self::ChangedKey { target, name, place: (file, _), .. } => format!(
                "Somebody may be listening. If the host has a new key, a person removes the old one: ssh-keygen -R {} -f {}; then accepts the new one: cotty trust {}",
                quoted(name),
                quoted(file),
                quoted(target)
            ),
            Self::RevokedKey { .. } => {
                "Do not go on; ask whoever revoked it, and whoever runs the host".to_owned()
            }
            Self::OnlyAuthority { target, .. } => format!(
                "A person compares this very key with the host's own and accepts it: cotty trust {}",
                quoted(target)
            ),
            Self::NotTrusted { .. } => {
                "Whoever runs the host knows its fingerprint: ssh-keygen -lf on the host's public key file shows it"
                    .to_owned()
            }
            Self::GivenUp { target } => {
                format!("A person opens it anew: cotty up {}", quoted(target))
            }
            Self::KnownHosts { .. } => "Mend the file, then call again".to_owned(),
            Self::Unreached { stage, limit, .. } => unreached(*stage, *limit),
            Self::SecretNeeded { opens, .. } => person_opens(opens),
            Self::Full { .. } => "Close a session there first: ssh_list, ssh_close".to_owned(),
            Self::NotStarted { .. } => {
                "Ask whoever runs the host: the account may have no shell, or the server allows no more"
                    .to_owned()
            }
            Self::Denied { remedy, .. } => remedy.clone(),
        }
    }
}

/// What a person does where a login asks for something.
#[must_use]
pub fn person_opens(target: &str) -> String {
    format!(
        "A person opens it and answers: cotty up {}. Or they load the key with ssh-add, or name where the secret is in the configuration ([devices.NAME.auth]). Then the same call again",
        quoted(target)
    )
}

fn unreached(stage: Stage, limit: Option<&'static str>) -> String {
    let first = match stage {
        Stage::Address => "Check the name: cotty device list, or ~/.ssh/config",
        Stage::Connect => "Check the host, its port and the way there",
        Stage::Handshake | Stage::HostKey => "Check that an SSH server listens on this port, and its log",
        Stage::Authentication => {
            "Call again; this says nothing of keys or passwords. If it repeats, see the server's log"
        }
    };
    match limit {
        Some(limit) => format!("{first}; a slow one needs a longer {limit} in the config"),
        None => first.to_owned(),
    }
}

/// A word as shells take it: brackets and stars are theirs else.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"._-@:/+,".contains(&it);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

impl fmt::Display for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Address => "address",
            Self::Connect => "connect",
            Self::Handshake => "handshake",
            Self::HostKey => "host key",
            Self::Authentication => "authentication",
        })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.hash, self.algorithm)
    }
}
