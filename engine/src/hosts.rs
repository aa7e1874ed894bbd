//! What a target is: from a name that was typed to settings that need no more questions.
//!
//! Nothing here opens a connection. What a name came to is kept for those who ask how a host stands.

pub mod device;
pub mod engines;
mod wanted;
mod settled;
mod honoured;
mod lore;
mod refused;
mod secrets;
mod fixes;
mod standing;
mod ssh_files;
pub mod workspace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use cotty_core::names::Role;
use cotty_core::refusal::{Fingerprint, Refusal};
use cotty_core::target::{Remote, Target};
use cotty_host::native::engine::Engine;
use cotty_host::native::error::ConnectError;
use cotty_host::native::host_key::HostKey;
use cotty_host::native::pool::PoolError;
use cotty_host::native::settings::{Limits, Settings, ShownKey};

use crate::report::{Caller, HostStatus};
use crate::veils;

pub use cotty_host::openssh::{AgentChoice, OpenSsh};
pub use device::Defaults;

use device::{Choice, Device, Targets};
use engines::{Chosen, Driving};
use honoured::Asked;
use lore::Lore;
pub(crate) use settled::HOPS_MAX;
use wanted::Wanted;
use workspace::Workspaces;

/// So many names are remembered; the oldest goes first.
const NAMES_MAX: usize = 1000;

/// The variable by which a caller names its agent.
const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

/// What targets are made of: told once, at the start.
#[derive(Clone, Debug)]
pub struct HostsSettings {
    /// The account of this process: the user where none is named. Nothing where the system does not know it.
    pub user: Option<String>,
    /// The user's own ssh, and where its files are.
    pub ssh: OpenSsh,
    /// The limits in time.
    pub limits: Limits,
    /// The hosts that the configuration names.
    pub devices: BTreeMap<String, Device>,
    /// What agents may name.
    pub targets: Targets,
    /// Which engine connects, where a device does not say.
    pub engine: Choice,
    /// What it takes to drive the user's ssh; nothing where that is not done.
    pub driving: Option<Driving>,
    /// What is wrong with the configuration as it is written now, where something is.
    pub wrong: Option<String>,
    /// No session stays open without use for longer, whatever else is said.
    pub idle_max: Option<Duration>,
    /// What else a caller should know.
    pub notes: Vec<String>,
}

/// Looks at the configuration; nothing where it is as it was.
#[derive(Clone)]
pub struct Look(pub Arc<dyn Fn() -> Option<Looked> + Send + Sync>);

/// What the configuration says now.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The hosts that it names; nothing where it cannot be understood.
    pub devices: Option<BTreeMap<String, Device>>,
    /// What agents may name.
    pub targets: Targets,
    /// What is wrong with it.
    pub wrong: Option<String>,
}

impl std::fmt::Debug for Look {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Look(..)")
    }
}

/// Every host that can be named.
#[derive(Debug)]
pub struct Hosts {
    settings: Mutex<Arc<HostsSettings>>,
    /// Looks whether the configuration is another by now.
    look: Look,
    workspaces: Workspaces,
    lore: Lore,
    known: Mutex<BTreeMap<(String, Option<PathBuf>), Resolution>>,
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
    /// By which engine, and why.
    pub engine: Chosen,
    /// Whose agent that is.
    pub agent: AgentChoice,
    /// What a login is asked for beyond a shell.
    pub(crate) asked: Asked,
    /// What its sessions are like where a call does not say.
    pub defaults: Defaults,
    /// For how long what a person answered is kept.
    pub keep: device::Keep,
    /// The project's file in which its device stands.
    pub(crate) origin: Option<PathBuf>,
    /// Its sessions close after so much quiet, or sooner, whatever else is said.
    pub(crate) idle_max: Option<Duration>,
    /// What a caller should know of ssh's configuration, in our own words.
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

impl Resolved {
    /// The same without the agent that is lent to sessions. A server lends it to all of a connection, so that what must not
    /// have it needs one of its own.
    pub(crate) fn without_agent(mut self) -> Self {
        if let Some(socket) = self.settings.forwarded_agent.take() {
            self.identity = self.identity.replace(&settled::lent(&socket), "");
        }
        self
    }
}

/// The same caller, with those of their variables that this device has passed on.
fn lent(caller: &Caller, wanted: &Wanted) -> Caller {
    let mut caller = caller.clone();
    for name in wanted.device.iter().flat_map(|(_, device)| &device.pass_env) {
        let value = caller.secrets.iter().find(|(it, _)| it == name).map(|(_, value)| value.reveal().into());
        if !caller.env.iter().any(|(it, _)| it == name.as_str()) {
            caller.env.extend(value.map(|it| (name.into(), it)));
        }
    }
    caller
}

/// Says that what the configuration lets agents name is more than what holds.
fn wider(written: Targets, holds: Targets) -> String {
    let (written, holds) = (written.word(), holds.word());
    format!(
        "targets is {written} in the config now, wider than {holds}, which holds: the wider one counts from the next start of the daemon (cotty restart)"
    )
}

impl Hosts {
    /// Knows where everything is, and has asked nobody yet.
    #[must_use]
    pub fn new(settings: HostsSettings) -> Self {
        veils::hang_all(&hidden(&settings.devices));
        let lore = Lore::new(settings.ssh.clone());
        let settings = Mutex::new(Arc::new(settings));
        let (look, workspaces) = (Look(Arc::new(|| None)), Workspaces::default());
        Self { lore, settings, look, workspaces, known: Mutex::default() }
    }

    /// Has it looked whether a caller stands in a project that says something.
    #[must_use]
    pub fn standing_in(self, workspaces: Workspaces) -> Self {
        Self { workspaces, ..self }
    }

    /// Has the configuration looked at again whenever a name is resolved.
    #[must_use]
    pub fn looking(self, look: Look) -> Self {
        Self { look, ..self }
    }

    /// Returns what holds now. Names that were resolved before are resolved anew where that has changed.
    fn settings(&self) -> Arc<HostsSettings> {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Looked { devices, targets, wrong }) = (self.look.0)() {
            let as_before = HostsSettings::clone(&settings);
            *settings = Arc::new(match devices {
                Some(devices) => {
                    // Half a file reads as a wider one: only a start of the daemon widens.
                    let (holds, wrong) = match targets.max(as_before.targets) {
                        holds if holds == targets => (holds, wrong),
                        holds => (holds, Some(wider(targets, holds))),
                    };
                    veils::hang_all(&hidden(&devices));
                    HostsSettings { devices, targets: holds, wrong, ..as_before }
                }
                None => HostsSettings { wrong, ..as_before },
            });
            self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Arc::clone(&settings)
    }

    /// Returns what holds for a caller.
    fn settings_of(&self, caller: &Caller) -> Arc<HostsSettings> {
        let settings = self.settings();
        match self.workspaces.of(caller) {
            Some(workspace) => Arc::new(workspace.over(&settings)),
            None => settings,
        }
    }

    /// Returns how long a session that a caller opens may stay open without use, whatever else is said.
    #[must_use]
    pub fn idle_max(&self, caller: &Caller) -> Option<Duration> {
        self.settings_of(caller).idle_max
    }

    /// Returns what is wrong with the configuration as it is written now; what it said before holds then.
    #[must_use]
    pub fn wrong(&self) -> Option<String> {
        self.settings().wrong.clone()
    }

    /// Makes settings of a name.
    ///
    /// # Errors
    ///
    /// Says why this caller cannot connect there.
    pub async fn resolve(&self, target: &Remote, caller: &Caller) -> Result<Resolved, Refusal> {
        let settings = self.settings_of(caller);
        let wanted = Wanted::of(target, &settings.devices);
        wanted.check(&settings.devices)?;
        let caller = &lent(caller, &wanted);
        let names = self.lore.names().await?;
        wanted.admit(settings.targets, &names, caller)?;
        let mut resolved = settled::settle(&settings, &self.lore, &wanted, &names, caller).await?;
        wanted.admit_resolved(settings.targets, &names, caller, &resolved.settings)?;
        self.remember(&resolved);
        resolved.notes.extend(settings.notes.iter().chain(&settings.wrong).cloned());
        Ok(resolved)
    }

    /// Returns how a host stands, and the account that its name means, as far as that is known. No host is asked, and
    /// ssh's configuration is not either.
    ///
    /// # Errors
    ///
    /// Says why this caller may not name it.
    pub async fn standing(&self, target: &Remote, caller: &Caller) -> Result<(String, HostStatus), Refusal> {
        let settings = self.settings_of(caller);
        let wanted = Wanted::of(target, &settings.devices);
        wanted.check(&settings.devices)?;
        let caller = &lent(caller, &wanted);
        let names = self.lore.names().await?;
        wanted.admit(settings.targets, &names, caller)?;
        let (resolved, resolved_at) = match self.known_as(target, wanted.origin()) {
            Some(Resolution { mut resolved, at }) => {
                settled::lend(&self.lore, &wanted, caller, &mut resolved);
                (resolved, Some(at))
            }
            None => (settled::settle_unasked(&settings, &self.lore, &wanted, &names, caller)?, None),
        };
        wanted.admit_resolved(settings.targets, &names, caller, &resolved.settings)?;
        let mut status = standing::standing(&resolved).await?;
        status.notes.extend(settings.notes.iter().chain(&settings.wrong).cloned());
        Ok((resolved.identity, HostStatus { resolved_at, ..status }))
    }

    /// Says whether a word means a host: by its form, as a device, in one of ssh's files, or because somebody named it as
    /// a target before. Runs nothing.
    ///
    /// # Errors
    ///
    /// Says that ssh's files could not be read at all.
    pub async fn is_written_down(&self, word: &Remote, caller: &Caller) -> Result<bool, Refusal> {
        if !word.is_plain() || word.name().contains(['.', ':', '/']) || self.last_resolution(word).is_some() {
            return Ok(true);
        }
        let settings = self.settings_of(caller);
        let wanted = Wanted::of(word, &settings.devices);
        if wanted.device.is_some() || self.lore.names().await?.spells_out(word.name()) {
            return Ok(true);
        }
        self.lore.has_key_of(&wanted).await
    }

    /// Says whether a device has a use for this variable of whoever opens it: for a secret, or to pass it on.
    #[must_use]
    pub fn needs(&self, variable: &str) -> bool {
        self.settings().devices.values().any(|it| it.variables().any(|it| it == variable))
    }

    /// Returns the hosts that the configuration names, as far as they are listed where this caller stands.
    pub fn devices(&self, caller: &Caller) -> BTreeMap<String, Device> {
        let settings = self.settings();
        let Some(workspace) = self.workspaces.of(caller) else { return settings.devices.clone() };
        let mut devices = workspace.over(&settings).devices;
        devices.retain(|name, _| workspace.shows(name));
        devices
    }

    /// Returns the names that ssh's configuration spells out and this caller may open, beside the devices. Starts nothing.
    ///
    /// # Errors
    ///
    /// Says why the configuration cannot be read.
    pub async fn spelled_out(&self, caller: &Caller) -> Result<Vec<String>, Refusal> {
        let settings = self.settings_of(caller);
        if caller.principal.role == Role::Agent && settings.targets == Targets::Configured {
            return Ok(Vec::new());
        }
        let names = self.lore.names().await?;
        // One that leads to a hidden device would tell where that is.
        let is_other = |name: &&String| {
            let tells = |(own, it): (&String, &Device)| {
                own.eq_ignore_ascii_case(name)
                    || it.host.as_ref().is_some_and(|host| it.hide && host.eq_ignore_ascii_case(name))
            };
            !settings.devices.iter().any(tells) && name.parse::<Target>().is_ok()
        };
        Ok(names.literal.iter().filter(is_other).cloned().collect())
    }

    /// Returns what a name came to when it was last resolved. Starts nothing and sends nothing.
    #[must_use]
    pub fn last_resolution(&self, target: &Remote) -> Option<Resolution> {
        self.known_as(target, None)
    }

    /// The same for a device that stands in a project's file, and means another one elsewhere.
    fn known_as(&self, target: &Remote, origin: Option<&Path>) -> Option<Resolution> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(target.to_string(), origin.map(Path::to_owned))).cloned()
    }

    fn remember(&self, resolved: &Resolved) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (resolved.typed.clone(), resolved.origin.clone());
        known.remove(&key);
        if known.len() >= NAMES_MAX
            && let Some(oldest) = known.iter().min_by_key(|(_, it)| it.at).map(|(name, _)| name.clone())
        {
            known.remove(&oldest);
        }
        // What one caller may use is not kept for the next.
        let settings = Settings {
            password: None,
            passphrase: None,
            agent: None,
            forwarded_agent: None,
            engine: Engine::Native,
            ..resolved.settings.clone()
        };
        let resolved = Resolved { settings, ..resolved.clone() };
        let resolution = Resolution { resolved, at: SystemTime::now() };
        known.insert(key, resolution);
    }
}

/// Says in our words why there is no connection.
#[must_use]
pub fn refused(resolved: &Resolved, error: &ConnectError) -> Refusal {
    veiled(resolved, refused::refusal(resolved, error))
}

/// What the configuration calls the devices that it hides.
fn hidden(devices: &BTreeMap<String, Device>) -> Vec<veils::Called<'_>> {
    devices
        .iter()
        .filter(|(_, it)| it.hide)
        .map(|(name, it)| veils::Called { name, host: it.host.as_deref(), user: it.user.as_deref() })
        .collect()
}

/// The words of a failure about a host that is hidden, as they may be said. The account is among them.
fn veiled(resolved: &Resolved, refusal: Refusal) -> Refusal {
    let Some(veil) = veils::of_target(&resolved.typed) else { return refusal };
    match refusal {
        Refusal::Host(host) => Box::new(host.said(|it| veil.all_in(it))).into(),
        other => other,
    }
}

/// Names a command that would tell more of an attempt that failed at this stage.
pub(crate) fn fix_of_attempt(address: &str, stage: cotty_host::native::error::Stage) -> Option<String> {
    fixes::of_attempt(address, stage)
}

/// Names a command that mends what a connection failed for.
pub(crate) fn fix_of_error(resolved: &Resolved, error: &ConnectError) -> Option<String> {
    fixes::of_error(resolved, error)
}

/// Says in our words why a host's key is not to be trusted.
pub(crate) fn refused_key(target: &str, shown: &ShownKey) -> Refusal {
    refused::key(target, shown)
}

/// Returns a key as a person compares it.
pub(crate) fn fingerprint(key: &HostKey) -> Fingerprint {
    refused::fingerprint(key)
}

/// Says in our words why there is no shell or command on a host.
#[must_use]
pub fn refused_by_pool(resolved: &Resolved, error: &PoolError) -> Refusal {
    veiled(resolved, refused::by_pool(resolved, error))
}

#[cfg(test)]
mod tests;
