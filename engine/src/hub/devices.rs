//! The hosts that the configuration names, and what is open on them. No packet is sent for it, and no program started.

use cotty_core::refusal::Refusal;
use cotty_core::target::Target;

use super::Hub;
use crate::hosts::device::Device;
use crate::report::Caller;

/// A host that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// Its name.
    pub name: String,
    /// What is written of it.
    pub device: Device,
    /// It is what is opened when nothing is said.
    pub is_default: bool,
    /// The sessions that are open on it.
    pub sessions: Vec<String>,
}

impl DeviceStatus {
    /// Says whether this is what a session was opened on.
    #[must_use]
    pub fn is_named_by(&self, target: &str) -> bool {
        matches!(target.parse::<Target>(), Ok(Target::Remote(remote)) if remote.name() == self.name)
    }
}

impl Hub {
    /// Returns every device, by name.
    #[must_use]
    pub fn devices(&self, caller: &Caller) -> Vec<DeviceStatus> {
        let open = self.open_on_devices();
        let is_default = |name: &str| self.0.defaults.default_target.as_deref() == Some(name);
        let status = |(name, device): (String, Device)| DeviceStatus {
            is_default: is_default(&name),
            sessions: open.iter().filter(|(on, _)| *on == name).map(|(_, session)| session.clone()).collect(),
            name,
            device,
        };
        self.0.hosts.devices(caller).into_iter().map(status).collect()
    }

    /// Returns the other names that a caller may open, as ssh's configuration spells them out, each with its sessions.
    ///
    /// # Errors
    ///
    /// Says why that configuration cannot be read.
    pub async fn names(&self, caller: &Caller) -> Result<Vec<(String, Vec<String>)>, Refusal> {
        let open = self.open_on_devices();
        let on = |name: &str| open.iter().filter(|it| it.0 == name).map(|it| it.1.clone()).collect();
        Ok(self.0.hosts.spelled_out(caller).await?.into_iter().map(|it| (it.clone(), on(&it))).collect())
    }

    /// The names that sessions on hosts were opened by, each with its session.
    fn open_on_devices(&self) -> Vec<(String, String)> {
        let on = |target: &str| match target.parse::<Target>() {
            Ok(Target::Remote(remote)) => Some(remote.name().to_owned()),
            Ok(Target::Local) | Err(_) => None,
        };
        let handles = self.handles();
        let named = handles.iter().map(|it| it.identity());
        named.filter_map(|it| Some((on(&it.target)?, it.name.clone()))).collect()
    }
}
