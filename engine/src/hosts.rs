//! What a target is: from a name that was typed to settings that need no more questions.
//!
//! Nothing here opens a connection. What a name came to is kept for those who ask how a host stands.

mod refused;
mod ssh_files;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use cotty_core::refusal::Refusal;
use cotty_core::target::{Remote, host_port};
use cotty_host::native::error::ConnectError;
use cotty_host::native::known_hosts::PORT_DEFAULT;
use cotty_host::native::settings::{Limits, Settings};

use crate::report::Caller;

pub use ssh_files::SshFiles;

/// So many names are remembered; the oldest goes first.
const NAMES_MAX: usize = 1000;

/// The variable by which a caller names its agent.
const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

/// What targets are made of: told once, at the start.
#[derive(Clone, Debug)]
pub struct HostsSettings {
    /// The account of this process: the user where none is named. Nothing where the system does not know it.
    pub user: Option<String>,
    /// Where ssh's own files are.
    pub ssh_files: SshFiles,
    /// The limits in time.
    pub limits: Limits,
}

/// Every host that can be named.
#[derive(Debug)]
pub struct Hosts {
    settings: HostsSettings,
    known: Mutex<BTreeMap<String, Resolution>>,
}

/// A name, resolved.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What was typed: what stands in commands to type again.
    pub typed: String,
    /// As it is shown: the device's name, or `deploy@web1:22`.
    pub target: String,
    /// What is the same for two names of one account on one machine: the key of the pool and of reuse.
    pub identity: String,
    /// How to connect.
    pub settings: Settings,
    /// What its sessions are like where a call does not say.
    pub defaults: Defaults,
    /// What is set and not honoured yet, in our own words.
    pub notes: Vec<String>,
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

/// What is remembered of a name.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// What it came to.
    pub resolved: Resolved,
    /// When.
    pub at: SystemTime,
}

impl Hosts {
    /// Knows where everything is, and has asked nobody yet.
    #[must_use]
    pub fn new(settings: HostsSettings) -> Self {
        Self { settings, known: Mutex::default() }
    }

    /// Makes settings of a name.
    ///
    /// # Errors
    ///
    /// Says why this caller cannot connect there.
    #[expect(clippy::unused_async, reason = "asking ssh for an alias waits")]
    pub async fn resolve(&self, target: &Remote, caller: &Caller) -> Result<Resolved, Refusal> {
        let resolved = self.as_it_stands(target, caller)?;
        self.remember(&resolved);
        Ok(resolved)
    }

    /// Returns what a name came to when it was last resolved. Starts nothing and sends nothing.
    #[must_use]
    pub fn last_resolution(&self, target: &Remote) -> Option<Resolution> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&target.to_string()).cloned()
    }

    /// Takes a name for the host's, with what ssh does where nothing is configured.
    fn as_it_stands(&self, target: &Remote, caller: &Caller) -> Result<Resolved, Refusal> {
        let files = &self.settings.ssh_files;
        let user =
            target.user().or(self.settings.user.as_deref()).ok_or_else(|| Refusal::InvalidArgument {
                what: "target",
                why: format!("this account has no name here: say user@{target}"),
            })?;
        let port = target.port().unwrap_or(PORT_DEFAULT);
        let settings = Settings {
            known_hosts: files.known_hosts(),
            identity_files: files.identities(),
            agent: agent_of(caller),
            limits: self.settings.limits,
            ..Settings::new(target.name(), port, user)
        };
        Ok(Resolved {
            typed: target.to_string(),
            target: format!("{user}@{}", host_port(target.name(), port)),
            identity: identity(&settings),
            settings,
            defaults: Defaults::default(),
            notes: Vec::new(),
        })
    }

    fn remember(&self, resolved: &Resolved) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&resolved.typed);
        if known.len() >= NAMES_MAX
            && let Some(oldest) = known.iter().min_by_key(|(_, it)| it.at).map(|(name, _)| name.clone())
        {
            known.remove(&oldest);
        }
        let resolution = Resolution { resolved: resolved.clone(), at: SystemTime::now() };
        known.insert(resolved.typed.clone(), resolution);
    }
}

/// Says in our words why there is no connection.
#[must_use]
pub fn refused(resolved: &Resolved, error: &ConnectError) -> Refusal {
    refused::refusal(resolved, error)
}

/// The agent is the caller's own, and nobody else's.
fn agent_of(caller: &Caller) -> Option<PathBuf> {
    let named = caller.env.iter().find(|(name, _)| name == OsStr::new(AGENT_VARIABLE));
    named.map(|(_, socket)| PathBuf::from(socket)).filter(|it| it.is_absolute())
}

fn identity(settings: &Settings) -> String {
    format!("{}@{}", settings.user, host_port(&settings.host.to_lowercase(), settings.port))
}
