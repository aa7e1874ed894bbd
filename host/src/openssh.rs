//! What the user's own ssh says of a host: the configuration as ssh itself reads it, and who is named there.
//!
//! Asking runs ssh, which may run what its configuration says (`Match exec`). Reading the names runs nothing.

pub mod asked;
pub mod names;
mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where programs are looked for: not in the path of whoever started us.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The system's part of ssh's configuration.
const SYSTEM_CONFIG: &str = "/etc/ssh/ssh_config";

/// The user's ssh, and where its files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSsh {
    /// The program; nothing where there is none.
    pub program: Option<PathBuf>,
    /// Its configuration, where another file than its own is wanted. The system's part is left out then, as with `ssh -F`.
    pub config: Option<PathBuf>,
    /// The account's home directory.
    pub home: PathBuf,
    /// The account's name.
    pub user: String,
}

/// What ssh says of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The name or address to connect to.
    pub hostname: String,
    /// The port.
    pub port: u16,
    /// The account.
    pub user: String,
    /// The key files, in order. Nothing where none shall be used.
    pub identity_files: Vec<PathBuf>,
    /// Only those keys are used, also of the agent's.
    pub identities_only: bool,
    /// Which agent.
    pub agent: AgentChoice,
    /// The name under which the host's key is kept.
    pub host_key_alias: Option<String>,
    /// The files of known hosts, the user's first.
    pub known_hosts: Vec<PathBuf>,
    /// The one of them that ssh writes; nothing where it keeps none.
    pub written_known_hosts: Option<PathBuf>,
    /// New names are hashed there.
    pub hash_known_hosts: bool,
    /// How long connecting may take, with the handshake.
    pub connect_timeout: Option<Duration>,
    /// How often a sign of life is asked for, and how often in vain. Nothing where ssh asks for none.
    pub alive: Option<(Duration, usize)>,
    /// The hosts on the way, the first one first, as they are written.
    pub jumps: Vec<String>,
    /// What forbids to connect without it, and is not spoken yet: `ProxyCommand`.
    pub unspoken: Option<&'static str>,
    /// What else is set and not honoured yet.
    pub unhonoured: Vec<String>,
}

/// Which agent is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AgentChoice {
    /// The caller's.
    #[default]
    Callers,
    /// The one at this socket.
    At(PathBuf),
    /// None.
    None,
}

impl OpenSsh {
    /// Finds the program, and its files in the home of an account.
    #[must_use]
    pub fn of(home: &Path, user: &str, config: Option<PathBuf>) -> Self {
        let places = PATH.split(':').map(|it| Path::new(it).join("ssh"));
        Self {
            program: places.into_iter().find(|it| it.is_file()),
            config,
            home: home.to_owned(),
            user: user.to_owned(),
        }
    }

    /// Returns the configuration files that are read first, each with the directory in which what it includes is looked for.
    fn configs(&self) -> Vec<(PathBuf, PathBuf)> {
        let own = self.home.join(".ssh");
        match &self.config {
            Some(config) => vec![(config.clone(), own)],
            None => vec![
                (own.join("config"), own),
                (SYSTEM_CONFIG.into(), Path::new(SYSTEM_CONFIG).with_file_name("")),
            ],
        }
    }

    /// Returns a path with the home directory in place of `~`.
    #[must_use]
    pub fn expanded(&self, path: &Path) -> PathBuf {
        path.strip_prefix("~").map_or_else(|_| path.to_owned(), |rest| self.home.join(rest))
    }
}
