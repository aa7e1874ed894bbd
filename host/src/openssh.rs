//! What the user's own ssh says of a host: the configuration as ssh itself reads it, and who is named there.
//!
//! Asking runs ssh, which may run what its configuration says (`Match exec`). Reading the names runs nothing.

pub mod asked;
pub mod beyond;
mod lines;
mod meaning;
pub mod names;
pub mod options;
mod said;
pub mod reader;
mod tokens;
mod words;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::native::algorithms::Algorithms;
use crate::native::settings::Family;
use crate::openssh::beyond::Beyond;

/// Where programs are looked for, if the configuration does not say: not in the path of whoever started us.
pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The system's part of ssh's configuration.
const SYSTEM_CONFIG: &str = "/etc/ssh/ssh_config";

/// Longer than any lookup that a person would wait for.
const LIMIT: Duration = Duration::from_secs(5);

/// A host as it was named. The grammar of targets has passed all of it.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name.
    pub host: &'a str,
    /// The account, where one was named.
    pub user: Option<&'a str>,
    /// The port, where one was named.
    pub port: Option<u16>,
    /// The caller's agent: `Match exec` may use it.
    pub agent: Option<&'a Path>,
    /// Words of ssh's configuration that count before its files, each with its value.
    pub options: &'a [(String, String)],
}

/// Why ssh gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// There is no ssh.
    #[error("ssh is not installed here")]
    NotInstalled,
    /// It could not be started or heard.
    #[error("ssh could not be asked: {0}")]
    Failed(#[from] io::Error),
    /// It took too long.
    #[error("ssh -G did not answer within {} s; a Match exec in its configuration may hang", LIMIT.as_secs())]
    Timeout,
    /// Its configuration is wrong, in its own words.
    #[error("ssh refuses its configuration: {0}")]
    Refused(String),
}

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
    /// The account's shell, which reads a `ProxyCommand`.
    pub shell: PathBuf,
    /// Where the programs are looked for that are started.
    pub path: String,
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
    /// The files of certificates, where they are named.
    pub certificate_files: Vec<PathBuf>,
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
    /// What becomes of a key that no file knows.
    pub new_keys: NewKeys,
    /// The file of keys that are trusted no more.
    pub revoked_host_keys: Option<PathBuf>,
    /// What is set, could not be made out, and must not be left out: nothing is opened.
    pub unreadable: Option<&'static str>,
    /// New names are hashed there.
    pub hash_known_hosts: bool,
    /// How long connecting may take, with the handshake.
    pub connect_timeout: Option<Duration>,
    /// How often a sign of life is asked for, and how often in vain. Nothing where ssh asks for none.
    pub alive: Option<(Duration, usize)>,
    /// The hosts on the way, the first one first, as they are written.
    pub jumps: Vec<String>,
    /// The program that is the way to the host, with all put in but `exec`.
    pub proxy_command: Option<String>,
    /// Which algorithms may be used.
    pub algorithms: Algorithms,
    /// Which addresses of the name are tried.
    pub family: Family,
    /// The address of this machine from which it is connected.
    pub bind_address: Option<String>,
    /// Patterns of the variables that are passed on.
    pub send_env: Vec<String>,
    /// Variables with their values.
    pub set_env: Vec<(String, String)>,
    /// What is started in place of the account's shell.
    pub remote_command: Option<String>,
    /// What only the user's own ssh can do.
    pub beyond: Beyond,
    /// What else is set and not honoured.
    pub unhonoured: Vec<String>,
}

/// What becomes of a key that no file knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewKeys {
    /// A person is asked.
    #[default]
    Asked,
    /// It is taken, and written down (`StrictHostKeyChecking accept-new`).
    Taken,
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
        Self {
            program: Self::found(PATH, "ssh"),
            config,
            home: home.to_owned(),
            user: user.to_owned(),
            shell: "/bin/sh".into(),
            path: PATH.to_owned(),
        }
    }

    /// Returns what every program gets that we start: nothing of our own environment is in it.
    #[must_use]
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let user = OsString::from(&self.user);
        [
            ("HOME", self.home.clone().into_os_string()),
            ("PATH", OsString::from(&self.path)),
            ("LANG", "C.UTF-8".into()),
            ("SHELL", self.shell.clone().into_os_string()),
            ("USER", user.clone()),
            ("LOGNAME", user),
        ]
        .map(|(name, value)| (OsString::from(name), value))
        .to_vec()
    }

    /// Finds a program in a path.
    #[must_use]
    pub fn found(path: &str, program: &str) -> Option<PathBuf> {
        path.split(':').map(|it| Path::new(it).join(program)).find(|it| it.is_file())
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
