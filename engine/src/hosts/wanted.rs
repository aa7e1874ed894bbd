//! A name, what the configuration makes of it, and who may say it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

use cotty_core::names::Role;
use cotty_core::refusal::{HostRefusal, Refusal};
use cotty_core::target::{Remote, host_port};
use cotty_host::native::settings::Settings;
use cotty_host::openssh::names::Names;

use super::AGENT_VARIABLE;
use super::device::{Auth, Device, Targets};
use crate::report::Caller;

/// A name, and what the configuration makes of it.
pub(super) struct Wanted<'a> {
    pub(super) target: &'a Remote,
    /// The host, or ssh's alias.
    pub(super) host: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) port: Option<u16>,
    pub(super) device: Option<(&'a str, &'a Device)>,
    /// It stands in ssh's configuration, as the way to another.
    pub(super) is_hop: bool,
}

impl<'a> Wanted<'a> {
    /// Finds the device that a name means, if it means one.
    pub(super) fn of(target: &'a Remote, devices: &'a BTreeMap<String, Device>) -> Self {
        let found = devices.get_key_value(target.name());
        let of_device = found.map(|(_, device)| device);
        Self {
            target,
            host: of_device.and_then(|it| it.host.as_deref()).unwrap_or(target.name()),
            user: target.user().or(of_device.and_then(|it| it.user.as_deref())),
            port: target.port().or(of_device.and_then(|it| it.port)),
            device: found.map(|(name, device)| (name.as_str(), device)),
            is_hop: false,
        }
    }

    /// A host on the way to another, which a person wrote down or not. ssh knows nothing of devices.
    pub(super) fn hop(target: &'a Remote, is_written: bool) -> Self {
        let (user, port) = (target.user(), target.port());
        Self { target, host: target.name(), user, port, device: None, is_hop: is_written }
    }

    /// The project's file in which its device stands.
    pub(super) fn origin(&self) -> Option<&'a std::path::Path> {
        self.device.and_then(|(_, device)| device.origin.as_deref())
    }

    /// What counts before ssh's files.
    pub(super) fn options(&self) -> &'a [(String, String)] {
        self.device.map_or(&[], |(_, device)| &device.options)
    }

    /// Refuses a connection that no device has: whatever has a stroke in it means one, and nothing of ssh's.
    pub(super) fn check(&self, devices: &BTreeMap<String, Device>) -> Result<(), Refusal> {
        let Some((device, connection)) = self.target.name().split_once('/').filter(|_| self.device.is_none())
        else {
            return Ok(());
        };
        let has = devices.keys().filter_map(|it| it.strip_prefix(device)?.strip_prefix('/'));
        let has = has.collect::<Vec<_>>().join(", ");
        let why = match (devices.contains_key(device), has.is_empty()) {
            (false, _) => format!("the config names no device {device}"),
            (true, true) => format!("the device {device} has no connections of its own"),
            (true, false) => format!("the device {device} has no connection {connection}; it has {has}"),
        };
        Err(Refusal::InvalidArgument { what: "target", why })
    }

    /// How to log in, where the configuration settles it.
    pub(super) fn auth(&self) -> Option<(&'a str, &'a Auth)> {
        self.device.and_then(|(name, device)| Some((name, device.auth.as_ref()?)))
    }

    /// Asks whether this caller may name it. Nothing was started for it yet.
    pub(super) fn admit(&self, policy: Targets, names: &Names, caller: &Caller) -> Result<(), Refusal> {
        if caller.principal.role != Role::Agent || policy == Targets::Any {
            return Ok(());
        }
        let is_named = match policy {
            Targets::SshConfig => self.device.is_some() || names.spells_out(self.host),
            Targets::Any | Targets::Configured => self.device.is_some(),
        };
        let why = match (is_named, self.target.is_plain()) {
            (true, true) => return Ok(()),
            (_, false) => "under it an agent names no user and no port",
            (false, true) if policy == Targets::SshConfig => "it is no device and no Host of ~/.ssh/config",
            (false, true) => "it is no device there",
        };
        let (target, policy, why) = (self.target.to_string(), policy.word(), why.to_owned());
        Err(Box::new(HostRefusal::NotAllowed { target, policy, why }).into())
    }
}

impl Wanted<'_> {
    /// Asks the same of what the name came to: under a narrower choice ssh's configuration leads an agent nowhere that
    /// nobody wrote down for this name.
    pub(super) fn admit_resolved(
        &self,
        policy: Targets,
        names: &Names,
        caller: &Caller,
        settings: &Settings,
    ) -> Result<(), Refusal> {
        if caller.principal.role != Role::Agent || policy == Targets::Any || self.holds(names, settings) {
            return Ok(());
        }
        let (target, policy) = (self.target.to_string(), policy.word());
        let led = format!("{}@{}", settings.user, host_port(&settings.host, settings.port));
        let why =
            format!("a pattern of ssh's configuration leads it to {led}, which is not what the device says");
        Err(Box::new(HostRefusal::NotAllowed { target, policy, why }).into())
    }

    /// Says whether what was written down for a device is what came out of it. Where its host is left to ssh, or is an
    /// alias that ssh's configuration spells out, that configuration is what was written.
    fn holds(&self, names: &Names, settings: &Settings) -> bool {
        let host = settings.host.to_lowercase();
        let same_host = |said: &str| {
            // A name may have been completed by its domain.
            host == said || host.strip_prefix(said).is_some_and(|it| it.starts_with('.'))
        };
        let said = self.device.and_then(|(_, device)| device.host.as_deref());
        let host_holds = said.is_none_or(|it| names.spells_out(it) || same_host(&it.to_lowercase()));
        host_holds
            && self.user.is_none_or(|it| it == settings.user)
            && self.port.is_none_or(|it| it == settings.port)
    }
}

/// The agent is the caller's own, and nobody else's.
pub(super) fn agent_of(caller: &Caller) -> Option<PathBuf> {
    let named = caller.env.iter().find(|(name, _)| name == OsStr::new(AGENT_VARIABLE));
    named.map(|(_, socket)| PathBuf::from(socket)).filter(|it| it.is_absolute())
}

/// Refuses what ssh's configuration says of a host.
pub(super) fn wrong(wanted: &Wanted, why: &str) -> Refusal {
    Refusal::Config {
        why: format!("ssh's configuration of {}: {why}", wanted.target),
        remedy: format!("Mend it (ssh -G {} shows what it says), then call again", wanted.host),
    }
}
