//! A target, fully resolved: nothing is looked up, guessed or read from the environment below here.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::native::algorithms::Algorithms;
use crate::native::engine::Engine;
use crate::native::host_key::HostKey;
use crate::native::known_hosts::{Elsewhere, Names, Place, Verdict};
use crate::native::program::{Overheard, Program};
use crate::native::secret::{Bound, Secret};

/// Where a secret comes from that the configuration names: asked when it is needed, and told for whom. It may wait for a
/// program.
pub type SecretSource = Arc<dyn Fn(&Bound) -> Result<Secret, NoSecret> + Send + Sync>;

/// Why a secret that the configuration names could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSecret {
    /// The caller does not have this variable.
    Variable(String),
    /// It could not be read, in these words.
    Unreadable(String),
}

/// Whether to go on with a key that no file knows. Called for such keys only, never for a changed or revoked one.
///
/// It must not wait: to ask a person, refuse, show the key that comes back in the error, and connect again.
pub type UnknownKeys = Arc<dyn Fn(&ShownKey) -> bool + Send + Sync>;

/// Who is told how far a connection has come, while it is being opened. It must not wait.
pub type Progress = Arc<dyn Fn(Stage) + Send + Sync>;

/// The addresses that were found for a name.
pub type Met = Arc<Mutex<BTreeSet<IpAddr>>>;

/// What is needed to connect to a host.
#[derive(Clone)]
pub struct Settings {
    /// Which engine connects.
    pub engine: Engine,
    /// The name or address that is connected to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The account.
    pub user: String,
    /// The name under which the host's key is kept, where it is another.
    pub host_key_alias: Option<String>,
    /// The files of known hosts, in the order in which they are read.
    pub known_hosts: Vec<PathBuf>,
    /// Where a key is written down that a person accepts; nothing where none is kept.
    pub keeps: Option<Keep>,
    /// Whether to go on with an unknown key.
    pub unknown_keys: UnknownKeys,
    /// The file of keys that are trusted no more, of hosts and of authorities.
    pub revoked_keys: Option<PathBuf>,
    /// Which algorithms may be used.
    pub algorithms: Algorithms,
    /// The key files, in the order in which they are tried. One that is not there is passed over.
    pub identity_files: Vec<PathBuf>,
    /// Files of certificates. Without any, those beside the key files are used.
    pub certificate_files: Vec<PathBuf>,
    /// Of the agent's keys only those of `identity_files` are used.
    pub identities_only: bool,
    /// The agent.
    pub agent: Option<PathBuf>,
    /// The agent that sessions there may use: the opener's, where the device says so.
    pub forwarded_agent: Option<PathBuf>,
    /// The password, where one is configured.
    pub password: Option<SecretSource>,
    /// The passphrase of the key files, where one is configured. It is tried before anybody is asked.
    pub passphrase: Option<SecretSource>,
    /// The host through which it is reached, which may itself be reached through another.
    pub jump: Option<Box<Jump>>,
    /// A program whose input and output are the way to the host, in place of a jump.
    pub program: Option<Program>,
    /// Who hears what that program complains of.
    pub overheard: Overheard,
    /// Which addresses of the name are tried.
    pub family: Family,
    /// The address of this machine from which it is connected.
    pub bind_address: Option<String>,
    /// The limits in time.
    pub limits: Limits,
    /// So many connections may carry the channels of this target.
    pub connections_max: usize,
    /// Who is told how far a connection has come.
    pub progress: Progress,
    /// Where the addresses are noted that are found for it.
    pub met: Met,
}

/// Where an accepted key is written down, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The file; one of those that are read.
    pub file: PathBuf,
    /// How the name is written.
    pub names: Names,
}

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Finding the address of the name.
    Address,
    /// Opening the connection.
    Connect,
    /// The banner and the key exchange.
    Handshake,
    /// Judging the server's key.
    HostKey,
    /// Logging in.
    Authentication,
}

/// Which addresses of a name are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// All of them.
    #[default]
    Any,
    /// Those of four numbers.
    V4,
    /// Those of six.
    V6,
}

impl Family {
    /// Says whether an address is tried.
    pub(super) fn admits(self, address: SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Any => "any",
            Self::V4 => "inet",
            Self::V6 => "inet6",
        })
    }
}

/// A host through which another is reached.
#[derive(Clone)]
pub struct Jump {
    /// As it is named.
    pub typed: String,
    /// How to connect to it.
    pub settings: Settings,
}

/// How long each step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Finding the address and opening the connection.
    pub connect: Duration,
    /// From there to the end of the key exchange: the banner, the host key.
    pub handshake: Duration,
    /// One answer of the server while logging in; a person's time is not counted.
    pub authentication: Duration,
    /// One answer of the agent, without a signature.
    pub agent: Duration,
    /// A signature of the agent: someone may have to touch a key.
    pub signature: Duration,
    /// Opening a channel and starting what runs in it.
    pub channel: Duration,
    /// A connection on which nothing came for so long is asked for a sign of life.
    pub keepalive: Duration,
    /// After so many in vain, and one time more, it is lost.
    pub keepalives_max: usize,
}

/// A server's key as it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownKey {
    /// The name under which it is kept: `web`, `[web]:2222`, or the alias.
    pub name: String,
    /// The key.
    pub key: HostKey,
    /// What the files say of it.
    pub verdict: Verdict,
    /// Lines of the files that were skipped because they cannot be read.
    pub bad_lines: Vec<Place>,
    /// Where the files hold this very key under other names; looked for where none has it under this one.
    pub elsewhere: Vec<Elsewhere>,
}

impl Settings {
    /// Begins with a host on which nothing is known and nothing can be used: every key is refused.
    pub fn new(host: impl Into<String>, port: u16, user: impl Into<String>) -> Self {
        Self {
            engine: Engine::Native,
            host: host.into(),
            port,
            user: user.into(),
            host_key_alias: None,
            known_hosts: Vec::new(),
            keeps: None,
            unknown_keys: Arc::new(|_| false),
            revoked_keys: None,
            algorithms: Algorithms::default(),
            certificate_files: Vec::new(),
            identity_files: Vec::new(),
            identities_only: false,
            agent: None,
            forwarded_agent: None,
            password: None,
            passphrase: None,
            jump: None,
            program: None,
            overheard: Arc::new(|_| ()),
            family: Family::Any,
            bind_address: None,
            limits: Limits::default(),
            connections_max: CONNECTIONS_MAX_DEFAULT,
            progress: Arc::new(|_| ()),
            met: Met::default(),
        }
    }
}

/// With the ten sessions that sshd gives a connection by default these carry more than 70 shells.
pub const CONNECTIONS_MAX_DEFAULT: usize = 8;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(15),
            authentication: Duration::from_secs(20),
            agent: Duration::from_secs(5),
            signature: Duration::from_secs(60),
            channel: Duration::from_secs(15),
            keepalive: Duration::from_secs(5),
            // Noticed after 15 s.
            keepalives_max: 2,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Settings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
