//! Why there is no connection: at which stage, and in words for a person.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::native::known_hosts::{Elsewhere, Unreadable, Verdict};
use crate::native::settings::ShownKey;
pub use crate::native::settings::Stage;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("{host} has no address: {source}")]
    NoAddress {
        /// The name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody answers there, or it is refused.
    #[error("{address} cannot be reached: {source}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// Opening the connection took too long.
    #[error("{address} did not answer within {} s", after.as_secs_f32())]
    ConnectTimeout {
        /// Host and port.
        address: String,
        /// The limit.
        after: Duration,
    },
    /// The program that is the way there could not be started, or ended.
    #[error("{address} was not reached: {why}")]
    ProxyCommand {
        /// Host and port.
        address: String,
        /// What became of it.
        why: String,
    },
    /// Something is there, and it does not speak SSH with us.
    #[error("{address} does not speak SSH with us: {why}")]
    Handshake {
        /// Host and port.
        address: String,
        /// What is wrong.
        why: String,
    },
    /// The banner or the key exchange did not come to an end.
    #[error("{address} took the connection and did not finish the handshake within {} s", after.as_secs_f32())]
    HandshakeTimeout {
        /// Host and port.
        address: String,
        /// The limit.
        after: Duration,
    },
    /// A host on the way to it could not be used.
    #[error("on the way, {hop}: {error}")]
    OnTheWay {
        /// That host, as it is named.
        hop: String,
        /// Why.
        error: Box<ConnectError>,
    },
    /// The known hosts cannot be read.
    #[error(transparent)]
    KnownHosts(#[from] Unreadable),
    /// The server's key is not to be trusted. No credential was sent.
    #[error("{}", host_key_words(.0))]
    HostKey(Box<ShownKey>),
    /// The connection was lost, or the server closed it, while logging in: nothing is known of the credentials.
    #[error("the connection was lost while logging in as {user}: {why}")]
    Lost {
        /// The account.
        user: String,
        /// What is known of it.
        why: String,
    },
    /// The server did not answer while logging in.
    #[error("the server did not answer within {} s ({method})", after.as_secs_f32())]
    AuthenticationTimeout {
        /// What was tried.
        method: &'static str,
        /// The limit.
        after: Duration,
    },
    /// The server accepted nothing that there was.
    #[error("{}", denied_words(.0))]
    Denied(Box<Denied>),
}

/// What was tried to log in, and what could not be.
#[derive(Debug, Default)]
pub struct Denied {
    /// The account.
    pub user: String,
    /// What the server did not accept, in the order in which it was tried.
    pub refused: Vec<String>,
    /// What could not even be tried.
    pub troubles: Vec<Trouble>,
    /// Why certificates among them could not do, as far as that can be seen here.
    pub certificates: Vec<String>,
    /// The methods that the server would take.
    pub offered: Vec<&'static str>,
}

/// Why a key, an agent or a password could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// There is no such key file, and only what is named may be used.
    #[error("there is no key file {}", .0.display())]
    NotThere(PathBuf),
    /// The key file is a directory.
    #[error("{} is a directory; name the key file in it", .0.display())]
    Directory(PathBuf),
    /// Others may read the key file.
    #[error("{} may be read by others; chmod 600 it, and consider the key known to them", .0.display())]
    OpenToOthers(PathBuf),
    /// It is a public key.
    #[error("{} is a public key, and no agent has its private half; name that, without .pub", .0.display())]
    PublicKey(PathBuf),
    /// It is no certificate.
    #[error("{} is no certificate that can be read: {why}", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing has the private key of a certificate.
    #[error("no key file and no agent has the private key of the certificate {}", .0.display())]
    CertificateAlone(PathBuf),
    /// The configuration lets no key of this kind log in.
    #[error("PubkeyAcceptedAlgorithms of ssh's configuration leaves out {0}")]
    KindNotAllowed(String),
    /// It is no key.
    #[error("{} is no private key that can be read: {why}", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It cannot be read.
    #[error("{} cannot be read: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The passphrase is wrong.
    #[error("the passphrase of {} is wrong", .0.display())]
    WrongPassphrase(PathBuf),
    /// Nobody gave the passphrase.
    #[error("{} is encrypted, and nobody gave its passphrase", .0.display())]
    NoPassphrase(PathBuf),
    /// There is no agent.
    #[error("there is no agent at {}: {why}", socket.display())]
    NoAgent {
        /// Where.
        socket: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The agent does not answer.
    #[error("the agent at {} did not answer within {} s", socket.display(), after.as_secs_f32())]
    AgentHangs {
        /// Where.
        socket: PathBuf,
        /// The limit.
        after: Duration,
    },
    /// The agent would not.
    #[error("the agent at {} failed: {why}", socket.display())]
    AgentFailed {
        /// Where.
        socket: PathBuf,
        /// What it said.
        why: String,
    },
    /// A variable that the configuration names for a secret is not there.
    #[error("{0} is not set, and the configuration names it for a secret")]
    NoVariable(String),
    /// The secret that is configured could not be had.
    #[error("the configured secret could not be had: {0}")]
    NoSecret(String),
    /// Nobody answered the server's question.
    #[error("nobody answered the question {0:?}")]
    NoAnswer(String),
}

impl ConnectError {
    /// Returns how far the connection came.
    pub fn stage(&self) -> Stage {
        match self {
            Self::NoAddress { .. } => Stage::Address,
            Self::Unreachable { .. }
            | Self::ConnectTimeout { .. }
            | Self::ProxyCommand { .. }
            | Self::OnTheWay { .. } => Stage::Connect,
            Self::Handshake { .. } | Self::HandshakeTimeout { .. } => Stage::Handshake,
            Self::KnownHosts(_) | Self::HostKey(_) => Stage::HostKey,
            Self::Lost { .. } | Self::AuthenticationTimeout { .. } | Self::Denied(_) => Stage::Authentication,
        }
    }
}

/// Said of a key of PuTTY's, which neither ssh nor we read.
pub const PUTTY: &str = "it is a key of PuTTY's own format, which ssh does not read either";

/// Said of a host that shows a plain key where an authority would have to vouch for it.
pub const NO_CERTIFICATE: &str = "the host shows no certificate of it";

/// Under so many other names a key is said to be known; more are counted.
const ELSEWHERE_MAX: usize = 4;

/// Says under which other names a key is known.
pub fn elsewhere_words(elsewhere: &[Elsewhere]) -> String {
    let mut names: Vec<String> = elsewhere.iter().take(ELSEWHERE_MAX).map(Elsewhere::to_string).collect();
    if elsewhere.len() > ELSEWHERE_MAX {
        names.push(format!("{} more", elsewhere.len() - ELSEWHERE_MAX));
    }
    match names.is_empty() {
        true => "no file has this key under another name".to_owned(),
        false => format!("the same key is known as {}", names.join(", ")),
    }
}

fn host_key_words(shown: &ShownKey) -> String {
    let ShownKey { name, key, .. } = shown;
    let this = format!("{} ({})", key.fingerprint(), key.algorithm());
    match &shown.verdict {
        Verdict::Known(at) | Verdict::Certified(at) => {
            format!("the key of {name}, {this}, is known from {at} and was refused")
        }
        Verdict::Unknown if shown.elsewhere.is_empty() => format!("the key of {name} is not known: {this}"),
        Verdict::Unknown => {
            format!("the key of {name} is not known: {this}; {}", elsewhere_words(&shown.elsewhere))
        }
        Verdict::Changed { at, known } => format!(
            "the key of {name} has changed: it shows {this}, and {at} has {} ({})",
            known.fingerprint(),
            known.algorithm()
        ),
        Verdict::Revoked(at) => format!("the key of {name}, {this}, is revoked at {at}"),
        Verdict::Authority { at, why } => {
            let why = why.as_deref().unwrap_or(NO_CERTIFICATE);
            format!("{name} is known by an authority only ({at}), and {why}; it shows {this}")
        }
    }
}

fn denied_words(denied: &Denied) -> String {
    let mut words = format!("{} may not log in", denied.user);
    if !denied.refused.is_empty() {
        words += &format!("; not accepted: {}", denied.refused.join(", "));
    }
    if !denied.troubles.is_empty() {
        let troubles: Vec<String> = denied.troubles.iter().map(ToString::to_string).collect();
        words += &format!("; not tried: {}", troubles.join("; "));
    }
    if !denied.certificates.is_empty() {
        words += &format!("; {}", denied.certificates.join("; "));
    }
    if !denied.offered.is_empty() {
        words += &format!("; the server takes {}", denied.offered.join(", "));
    }
    words
}
