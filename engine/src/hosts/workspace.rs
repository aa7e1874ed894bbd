//! What the file of a project says to whoever stands in that project. Of itself it narrows; devices of its own count only
//! where a person has allowed this very file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::HostsSettings;
use super::device::{Device, Targets};
use crate::report::Caller;
use crate::texts::one_line;

/// What a project says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    /// Its file.
    pub path: PathBuf,
    /// What agents may name there; a wider choice than the config's changes nothing.
    pub targets: Option<Targets>,
    /// Whose identity is hidden there.
    pub hide: Hide,
    /// The devices that are listed there; all of them without it.
    pub show: Option<BTreeSet<String>>,
    /// Sessions that are opened there close after so much quiet, or sooner.
    pub idle_timeout: Option<Duration>,
    /// Its own devices; none where no person allowed them.
    pub devices: BTreeMap<String, Device>,
    /// What of it does not hold, and why, in our own words.
    pub note: Option<String>,
}

/// Whose identity is hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hide {
    /// Nobody's that the config does not hide.
    #[default]
    Nothing,
    /// Every device's.
    All,
    /// That of these devices.
    Named(BTreeSet<String>),
}

/// Finds what holds for whoever stands in a directory.
#[derive(Clone)]
pub struct Workspaces(pub Arc<Finds>);

/// What holds in a directory.
pub type Finds = dyn Fn(&Path) -> Option<Workspace> + Send + Sync;

impl Default for Workspaces {
    fn default() -> Self {
        Self(Arc::new(|_| None))
    }
}

impl fmt::Debug for Workspaces {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Workspaces(..)")
    }
}

impl Workspaces {
    /// Returns what holds for a caller. Whoever comes from another machine stands nowhere.
    pub(super) fn of(&self, caller: &Caller) -> Option<Workspace> {
        caller.cwd.as_deref().and_then(|it| (self.0)(it))
    }
}

impl Workspace {
    /// Returns what holds in it. Nothing here widens what the config says.
    pub(super) fn over(&self, base: &HostsSettings) -> HostsSettings {
        let mut settings = base.clone();
        settings.targets = self.targets.map_or(base.targets, |it| it.max(base.targets));
        settings.notes.extend(self.note.as_deref().map(one_line));
        for (name, device) in &self.devices {
            let device = Device { origin: Some(self.path.clone()), ..device.clone() };
            settings.devices.entry(name.clone()).or_insert(device);
        }
        for (name, device) in &mut settings.devices {
            let own = name.split('/').next().unwrap_or_default();
            device.hide |= match &self.hide {
                Hide::Nothing => false,
                Hide::All => true,
                Hide::Named(names) => names.contains(name) || names.contains(own),
            };
        }
        settings.idle_max = shorter(base.idle_max, self.idle_timeout);
        settings
    }

    /// Says whether a device is listed here.
    pub(super) fn shows(&self, name: &str) -> bool {
        let own = name.split('/').next().unwrap_or_default();
        self.show.as_ref().is_none_or(|it| it.contains(name) || it.contains(own))
    }
}

/// Returns the shorter of two times, where nothing is for ever.
pub(crate) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
