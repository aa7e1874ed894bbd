//! A device: a host that the configuration names, with what belongs to it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use cotty_host::native::secret::Secret;
pub use cotty_host::openssh::NewKeys;
pub use cotty_host::openssh::options::{ALLOWED as OPTIONS, checked as checked_option};

/// By what the keyring of a person's desktop is found.
pub(super) const BUS_VARIABLE: &str = "DBUS_SESSION_BUS_ADDRESS";

/// A host that the configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The group to which it belongs.
    pub group: Option<String>,
    /// Its name or address, or an alias of ssh's; its own name without one.
    pub host: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// The account.
    pub user: Option<String>,
    /// How to log in, where that is settled here.
    pub auth: Option<Auth>,
    /// Words by which it is found with others.
    pub tags: Vec<String>,
    /// Sessions there may use the agent of whoever opens them.
    pub forward_agent: bool,
    /// It is so old that it needs algorithms that nobody else should use.
    pub legacy: bool,
    /// Which engine connects there, where it is said for this host.
    pub engine: Option<Choice>,
    /// The password for `sudo` there. Nothing uses it yet.
    pub sudo: Option<SecretFrom>,
    /// The password for `enable` there. Nothing uses it yet.
    pub enable: Option<SecretFrom>,
    /// The file of known hosts that is read and written for it, in the place of ssh's.
    pub known_hosts: Option<PathBuf>,
    /// What becomes of a key that no file knows; as ssh's configuration says without it.
    pub new_keys: Option<NewKeys>,
    /// Variables of whoever opens it that its programs get and that the server is offered.
    pub pass_env: Vec<String>,
    /// Words of ssh's configuration with their values, before any file of ssh's.
    pub options: Vec<(String, String)>,
    /// It appears by its name alone in all that is said of it.
    pub hide: bool,
    /// The project's file in which it stands; the config's own without one.
    pub origin: Option<PathBuf>,
    /// What its sessions are like where a call does not say.
    pub defaults: Defaults,
}

/// How to log in to a device. What is not named here is not used for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// The private key's file.
    pub key: Option<PathBuf>,
    /// The key's passphrase.
    pub passphrase: Option<SecretFrom>,
    /// The account's password.
    pub password: Option<SecretFrom>,
    /// For how long what a person answers is kept.
    pub keep: Keep,
}

/// For how long what a person answered at a login is kept, in memory only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Until the session is closed that it opened: a connection that breaks is made again without a question.
    #[default]
    Session,
    /// Not at all.
    Never,
}

/// Where a secret is; the secret only where it was handed over and is nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// In this variable of the calling client.
    Variable(String),
    /// This variable of whoever started the daemon held it.
    Environment {
        /// Its name.
        variable: String,
        /// What it held.
        secret: Secret,
    },
    /// In the first line of this file, which only its owner may read.
    File(PathBuf),
    /// In the first line that this program prints.
    Command(Vec<String>),
    /// In the keyring of the person's desktop, which this program asks (`secret-tool`).
    Keyring(PathBuf),
}

/// What sessions on a host are like where a call does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// `TERM`.
    pub term: Option<String>,
    /// Columns.
    pub cols: Option<u16>,
    /// Rows.
    pub rows: Option<u16>,
    /// Closes a session that nobody uses; the inner nothing is `off`.
    pub idle_timeout: Option<Option<Duration>>,
    /// Words for people.
    pub label: Option<String>,
    /// A command that is run at the first prompt.
    pub startup: Option<String>,
    /// Its sessions are the default ones.
    pub default: Option<bool>,
}

/// Which engine connects: a person's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The user's ssh where nothing else would do, else our own.
    #[default]
    Auto,
    /// Our own.
    Native,
    /// The user's ssh.
    OpenSsh,
}

impl Choice {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Native, Self::OpenSsh];

    /// Returns the word of the config.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::OpenSsh => "openssh",
        }
    }
}

/// What agents may name at all: a person's choice. The narrower is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Targets {
    /// Whatever is a target.
    #[default]
    Any,
    /// Devices, and the hosts that ssh's configuration names.
    SshConfig,
    /// Devices.
    Configured,
}

impl Device {
    /// Returns the variables of a caller that it has a use for: those that hold its secrets, and those that are passed on.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let passed = self.pass_env.iter().map(String::as_str);
        let auth = self.auth.iter();
        let secret = auth.flat_map(|it| [&it.password, &it.passphrase]).flatten().filter_map(|it| match it {
            SecretFrom::Variable(name) => Some(name.as_str()),
            SecretFrom::Keyring(_) => Some(BUS_VARIABLE),
            SecretFrom::Environment { .. } | SecretFrom::File(_) | SecretFrom::Command(_) => None,
        });
        secret.chain(passed)
    }
}

impl Targets {
    /// Every choice, the widest first.
    pub const ALL: [Self; 3] = [Self::Any, Self::SshConfig, Self::Configured];

    /// Returns the word of the config.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::SshConfig => "ssh_config",
            Self::Configured => "configured",
        }
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}
