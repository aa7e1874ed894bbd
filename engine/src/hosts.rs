//! What a target is: from a name that was typed to settings that need no more questions.
//!
//! Nothing here opens a connection. What a name came to is kept for those who ask how a host stands.

pub mod device;
mod refused;
mod secrets;
mod ssh_files;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use cotty_core::names::Role;
use cotty_core::refusal::{HostRefusal, Refusal};
use cotty_core::target::{Remote, host_port};
use cotty_host::native::error::ConnectError;
use cotty_host::native::known_hosts::PORT_DEFAULT;
use cotty_host::native::pool::PoolError;
use cotty_host::native::settings::{Limits, Settings};

use crate::report::Caller;

pub use device::Defaults;
pub use ssh_files::SshFiles;

use device::{Auth, Device, SecretFrom, Targets};

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
    /// The hosts that the configuration names.
    pub devices: BTreeMap<String, Device>,
    /// What agents may name.
    pub targets: Targets,
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
        let wanted = self.wanted(target);
        self.admit(&wanted, caller)?;
        let resolved = self.settle(&wanted, caller)?;
        self.remember(&resolved);
        Ok(resolved)
    }

    /// Returns the hosts that the configuration names.
    pub fn devices(&self) -> impl Iterator<Item = (&str, &Device)> {
        self.settings.devices.iter().map(|(name, device)| (name.as_str(), device))
    }

    /// Returns what a name came to when it was last resolved. Starts nothing and sends nothing.
    #[must_use]
    pub fn last_resolution(&self, target: &Remote) -> Option<Resolution> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&target.to_string()).cloned()
    }

    /// Finds the device that a name means, if it means one.
    fn wanted<'a>(&'a self, target: &'a Remote) -> Wanted<'a> {
        let found = self.settings.devices.get_key_value(target.name());
        let of_device = found.map(|(_, device)| device);
        Wanted {
            target,
            host: of_device.and_then(|it| it.host.as_deref()).unwrap_or(target.name()),
            user: target.user().or(of_device.and_then(|it| it.user.as_deref())),
            port: target.port().or(of_device.and_then(|it| it.port)),
            device: found.map(|(name, device)| (name.as_str(), device)),
        }
    }

    /// Asks whether this caller may name it. Nothing was started for it yet.
    fn admit(&self, wanted: &Wanted, caller: &Caller) -> Result<(), Refusal> {
        let policy = self.settings.targets;
        if caller.principal.role != Role::Agent || policy == Targets::Any {
            return Ok(());
        }
        let why = match (wanted.device, wanted.target.is_plain()) {
            (Some(_), true) => return Ok(()),
            (_, false) => "under it an agent names no user and no port",
            (None, true) => "it is no device there",
        };
        let (target, policy, why) = (wanted.target.to_string(), policy.word(), why.to_owned());
        Err(Box::new(HostRefusal::NotAllowed { target, policy, why }).into())
    }

    /// Takes a name for the host's, with what ssh does where nothing is configured.
    fn settle(&self, wanted: &Wanted, caller: &Caller) -> Result<Resolved, Refusal> {
        let files = &self.settings.ssh_files;
        let user = wanted.user.or(self.settings.user.as_deref());
        let user = user.ok_or_else(|| Refusal::InvalidArgument {
            what: "target",
            why: format!("this account has no name here: say user@{}", wanted.target),
        })?;
        let port = wanted.port.unwrap_or(PORT_DEFAULT);
        let mut settings = Settings {
            known_hosts: files.known_hosts(),
            identity_files: files.identities(),
            agent: agent_of(caller),
            limits: self.settings.limits,
            ..Settings::new(wanted.host, port, user)
        };
        let mut notes = Vec::new();
        let own_login = wanted.auth().is_some_and(|(name, auth)| {
            notes.extend(
                self.log_in_with(&mut settings, auth, wanted, caller)
                    .then(|| format!("the password of {name} is not used: another user or port was named")),
            );
            true
        });
        let shown = format!("{user}@{}", host_port(wanted.host, port));
        let (target, defaults) = match wanted.device {
            Some((name, device)) if wanted.target.is_plain() => (name.to_owned(), device.defaults.clone()),
            Some((_, device)) => (shown, device.defaults.clone()),
            None => (shown, Defaults::default()),
        };
        let mut identity = identity(&settings);
        if let Some((name, _)) = wanted.device.filter(|_| own_login) {
            // What a device's own secrets opened is not lent to whoever names the machine in another way.
            identity += &format!(" as {name}");
        }
        Ok(Resolved { typed: wanted.target.to_string(), target, identity, settings, defaults, notes })
    }

    /// Logs in as a device says. Says whether its password was left out: one is for the account it was given for.
    fn log_in_with(&self, settings: &mut Settings, auth: &Auth, wanted: &Wanted, caller: &Caller) -> bool {
        let files = &self.settings.ssh_files;
        let source = |from: &SecretFrom| secrets::source(from, caller, files);
        settings.identity_files = auth.key.iter().map(|it| files.expanded(it)).collect();
        settings.identities_only = true;
        settings.passphrase = auth.passphrase.as_ref().map(source);
        if wanted.target.is_plain() {
            settings.password = auth.password.as_ref().map(source);
        }
        auth.password.is_some() && !wanted.target.is_plain()
    }

    fn remember(&self, resolved: &Resolved) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&resolved.typed);
        if known.len() >= NAMES_MAX
            && let Some(oldest) = known.iter().min_by_key(|(_, it)| it.at).map(|(name, _)| name.clone())
        {
            known.remove(&oldest);
        }
        // What one caller may use is not kept for the next.
        let settings =
            Settings { password: None, passphrase: None, agent: None, ..resolved.settings.clone() };
        let resolved = Resolved { settings, ..resolved.clone() };
        let resolution = Resolution { resolved, at: SystemTime::now() };
        known.insert(resolution.resolved.typed.clone(), resolution);
    }
}

/// A name, and what the configuration makes of it.
struct Wanted<'a> {
    target: &'a Remote,
    host: &'a str,
    user: Option<&'a str>,
    port: Option<u16>,
    device: Option<(&'a str, &'a Device)>,
}

impl<'a> Wanted<'a> {
    fn auth(&self) -> Option<(&'a str, &'a Auth)> {
        self.device.and_then(|(name, device)| Some((name, device.auth.as_ref()?)))
    }
}

/// Says in our words why there is no connection.
#[must_use]
pub fn refused(resolved: &Resolved, error: &ConnectError) -> Refusal {
    refused::refusal(resolved, error)
}

/// Says in our words why there is no shell or command on a host.
#[must_use]
pub fn refused_by_pool(resolved: &Resolved, error: &PoolError) -> Refusal {
    refused::by_pool(resolved, error)
}

/// The agent is the caller's own, and nobody else's.
fn agent_of(caller: &Caller) -> Option<PathBuf> {
    let named = caller.env.iter().find(|(name, _)| name == OsStr::new(AGENT_VARIABLE));
    named.map(|(_, socket)| PathBuf::from(socket)).filter(|it| it.is_absolute())
}

fn identity(settings: &Settings) -> String {
    format!("{}@{}", settings.user, host_port(&settings.host.to_lowercase(), settings.port))
}

#[cfg(test)]
mod tests;
