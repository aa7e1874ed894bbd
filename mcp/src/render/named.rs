//! Replies about the hosts that may be opened by name. What is hidden of one is not said.

use cotty_core::sieve::Field;
use cotty_core::target::host_port;
use cotty_engine::hub::devices::DeviceStatus;
use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use super::sessions::list;
use super::words;

/// How many characters of somebody's words stand in a list.
const WORDS_CHARS_MAX: usize = 200;

/// A host with a name.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The name.
    pub name: String,
    /// Where it is: nothing where it is hidden, or ssh's configuration says it.
    pub address: Option<String>,
    /// It is a device of the config.
    pub is_device: bool,
    /// It is what is opened when nothing is said.
    pub is_default: bool,
    /// Words for people.
    pub label: Option<String>,
    /// Words by which it is found with others.
    pub tags: Vec<String>,
    /// The sessions that are open on it.
    pub sessions: Vec<String>,
}

impl From<DeviceStatus> for Host {
    fn from(status: DeviceStatus) -> Self {
        let DeviceStatus { name, device, is_default, sessions } = status;
        let user = device.user.map(|it| format!("{it}@")).unwrap_or_default();
        let host = device.host.unwrap_or_else(|| name.clone());
        let place = device.port.map_or_else(|| host.clone(), |port| host_port(&host, port));
        let address = Some(format!("{user}{place}")).filter(|it| !device.hide && *it != name);
        let label = device.defaults.label;
        let tags = device.tags.into_iter().chain(device.group).collect();
        Self { name, address, is_device: true, is_default, label, tags, sessions }
    }
}

impl Host {
    /// What a filter looks at.
    #[must_use]
    pub fn facts(&self) -> Vec<(Field, &str)> {
        let mut facts = vec![(Field::Name, self.name.as_str())];
        facts.extend(self.address.as_deref().map(|it| (Field::Device, it)));
        facts.extend(self.label.as_deref().map(|it| (Field::Label, it)));
        facts.extend(self.tags.iter().map(|it| (Field::Tag, it.as_str())));
        facts.push((Field::State, if self.sessions.is_empty() { "closed" } else { "open" }));
        facts
    }

    fn told(&self) -> (String, Value) {
        let own = |it: &str| words::line(it, WORDS_CHARS_MAX);
        let mut said = vec![if self.is_device { "device" } else { "Host of ssh's configuration" }.to_owned()];
        said.extend(self.address.as_deref().map(own));
        said.extend(self.label.as_deref().map(own));
        said.extend((!self.tags.is_empty()).then(|| format!("tags {}", own(&self.tags.join(" ")))));
        said.extend(self.is_default.then(|| "the default".to_owned()));
        said.extend((!self.sessions.is_empty()).then(|| format!("open: {}", self.sessions.join(" "))));
        let text = format!("{}: {}", words::name(&self.name), said.join(", "));
        let facts = json!({
            "name": self.name, "device": self.is_device, "address": self.address, "label": self.label,
            "tags": self.tags, "default": self.is_default, "sessions": self.sessions,
        });
        (text, facts)
    }
}

/// Replies with hosts.
pub fn listed<'all>(hosts: impl Iterator<Item = &'all Host>) -> CallToolResult {
    let entries: Vec<_> = hosts.map(Host::told).collect();
    let first = match entries.len() {
        0 => "no host has a name. Next: ssh_connect target=user@host".to_owned(),
        count => format!("{}. Next: ssh_connect target=NAME", words::count(count as u64, "host")),
    };
    list("hosts", first, entries.into_iter(), "filter=... narrows it")
}
