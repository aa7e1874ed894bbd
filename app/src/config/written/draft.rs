//! A device as it is written: every word optional, so that what it leaves open is taken from its group and from what is
//! said for all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cotty_engine::hosts::device::{Auth, Choice, Defaults, Device, NewKeys};

/// What is written of a device, of a connection of it, of a group, or for all devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// `group`
    pub group: Option<String>,
    /// `host`
    pub host: Option<String>,
    /// `port`
    pub port: Option<u16>,
    /// `user`
    pub user: Option<String>,
    /// `auth`, which is one whole: only what is named in it is used.
    pub auth: Option<Auth>,
    /// `tags`
    pub tags: Vec<String>,
    /// `forward_agent`
    pub forward_agent: Option<bool>,
    /// `engine`
    pub engine: Option<Choice>,
    /// `legacy`
    pub legacy: Option<bool>,
    /// `hide`
    pub hide: Option<bool>,
    /// `known_hosts`
    pub known_hosts: Option<PathBuf>,
    /// `strict_host_keys`
    pub new_keys: Option<NewKeys>,
    /// `pass_env`
    pub pass_env: Vec<String>,
    /// `options`
    pub options: BTreeMap<String, Vec<String>>,
    /// What its sessions are like.
    pub defaults: Defaults,
    /// `connections`
    pub connections: BTreeMap<String, Draft>,
}

impl Draft {
    /// Fills in what is left open here by what stands below. Where it is and whether it is the default is a device's own.
    fn over(self, below: &Self) -> Self {
        let (ours, theirs) = (self.defaults, &below.defaults);
        let joined = |mut ours: Vec<String>, theirs: &[String]| {
            ours.extend(theirs.iter().filter(|it| !ours.contains(it)).cloned().collect::<Vec<_>>());
            ours
        };
        let mut options = below.options.clone();
        options.extend(self.options);
        Self {
            port: self.port.or(below.port),
            user: self.user.or_else(|| below.user.clone()),
            auth: self.auth.or_else(|| below.auth.clone()),
            tags: joined(self.tags, &below.tags),
            forward_agent: self.forward_agent.or(below.forward_agent),
            engine: self.engine.or(below.engine),
            legacy: self.legacy.or(below.legacy),
            hide: self.hide.or(below.hide),
            known_hosts: self.known_hosts.or_else(|| below.known_hosts.clone()),
            new_keys: self.new_keys.or(below.new_keys),
            pass_env: joined(self.pass_env, &below.pass_env),
            options,
            defaults: Defaults {
                term: ours.term.or_else(|| theirs.term.clone()),
                cols: ours.cols.or(theirs.cols),
                rows: ours.rows.or(theirs.rows),
                idle_timeout: ours.idle_timeout.or(theirs.idle_timeout),
                label: ours.label.or_else(|| theirs.label.clone()),
                startup: ours.startup.or_else(|| theirs.startup.clone()),
                default: ours.default,
            },
            ..self
        }
    }

    /// Makes a device of it, with nothing left open.
    fn device(self) -> Device {
        Device {
            group: self.group,
            host: self.host,
            port: self.port,
            user: self.user,
            auth: self.auth,
            tags: self.tags,
            forward_agent: self.forward_agent.unwrap_or_default(),
            engine: self.engine,
            legacy: self.legacy.unwrap_or_default(),
            hide: self.hide.unwrap_or_default(),
            known_hosts: self.known_hosts,
            new_keys: self.new_keys,
            pass_env: self.pass_env,
            options: self
                .options
                .into_iter()
                .flat_map(|(word, values)| values.into_iter().map(move |it| (word.clone(), it)))
                .collect(),
            defaults: self.defaults,
            ..Device::default()
        }
    }
}

/// Makes devices of what is written: each over its group, over what is said for all; and each of its connections over it.
pub(crate) fn devices(
    drafts: &BTreeMap<String, Draft>,
    groups: &BTreeMap<String, Draft>,
    all: &Draft,
) -> BTreeMap<String, Device> {
    let mut devices = BTreeMap::new();
    for (name, draft) in drafts {
        let group = draft.group.as_ref().and_then(|it| groups.get(it));
        let filled = match group {
            Some(group) => draft.clone().over(group).over(all),
            None => draft.clone().over(all),
        };
        for (connection, draft) in &draft.connections {
            let mut draft = draft.clone().over(&filled);
            draft.group = filled.group.clone();
            draft.host = draft.host.or_else(|| filled.host.clone()).or_else(|| Some(name.clone()));
            devices.insert(format!("{name}/{connection}"), draft.device());
        }
        devices.insert(name.clone(), filled.device());
    }
    devices
}
