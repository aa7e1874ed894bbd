//! What is said of a host without asking it: what a login would have at hand, and what the known hosts say.

use std::path::{Path, PathBuf};

use cotty_core::refusal::Refusal;
use cotty_core::target::host_port;
use cotty_host::native::at_hand::{self, AgentKey, FileState, NamedFile};
use cotty_host::native::error::{Trouble, elsewhere_words};
use cotty_host::native::known_hosts::{self, Entry, KnownHosts, Marker};
use cotty_host::native::secret::Bound;
use cotty_host::native::settings::{NoSecret, SecretSource, Settings};

use super::fixes::{self, Found};
use super::{AGENT_VARIABLE, AgentChoice, Resolved};
use crate::report::HostStatus;

/// More lines of known hosts, or keys of an agent, are counted and not shown.
const LINES_MAX: usize = 8;

/// Says how a host stands, its sessions and connections apart.
pub(super) async fn standing(resolved: &Resolved) -> Result<HostStatus, Refusal> {
    let settings = resolved.settings.clone();
    // Homes may lie on a slow disk.
    let read = tokio::task::spawn_blocking(move || (at_hand::files(&settings), known(&settings)));
    let (files, known_hosts) = read.await.map_err(|error| Refusal::Internal { what: error.to_string() })?;
    let settings = &resolved.settings;
    let mut login: Vec<String> = files.iter().map(file).collect();
    let configured = [("passphrase", &settings.passphrase), ("password", &settings.password)];
    login.extend(configured.into_iter().filter_map(|(what, from)| Some(secret(what, from.as_ref()?))));
    let limits = settings.limits;
    let held = at_hand::agent(settings).await;
    let found = Found { files: &files, agent: held.as_ref() };
    let mut fixes = fixes::fixes(resolved, &found);
    let of = resolved.clone();
    let trust = tokio::task::spawn_blocking(move || fixes::trust(&of)).await;
    fixes.extend(trust.ok().flatten());
    Ok(HostStatus {
        fixes,
        target: resolved.typed.clone(),
        account: resolved.target.clone(),
        engine: resolved.engine.to_string(),
        address: host_port(&settings.host, settings.port),
        via: way(settings).iter().map(|it| account(it)).collect(),
        timeouts: vec![
            ("connect", limits.connect),
            ("handshake", limits.handshake),
            ("authentication", limits.authentication),
        ],
        login,
        agent: agent(resolved, held),
        known_hosts,
        notes: resolved.notes.clone(),
        ..HostStatus::default()
    })
}

/// The hosts on the way, the first one first.
fn way(settings: &Settings) -> Vec<&Settings> {
    let hops = std::iter::successors(settings.jump.as_deref(), |it| it.settings.jump.as_deref());
    let mut hops: Vec<&Settings> = hops.map(|it| &it.settings).collect();
    hops.reverse();
    hops
}

fn account(settings: &Settings) -> String {
    format!("{}@{}", settings.user, host_port(&settings.host, settings.port))
}

fn file(file: &NamedFile) -> String {
    let path = file.path.display();
    match &file.state {
        FileState::Absent => format!("{path}: not there"),
        FileState::Ready(kind) => format!("{path}: {kind}, ready"),
        FileState::Encrypted(kind) => {
            let kind = kind.as_deref().unwrap_or("a key");
            format!("{path}: {kind}, encrypted")
        }
        FileState::Public(kind) => format!("{path}: {kind}, the public half only, for a key of the agent"),
        FileState::Trouble(trouble) => trouble.to_string(),
    }
}

/// The source is tried, and what it gives is dropped.
fn secret(what: &str, source: &SecretSource) -> String {
    match source(&Bound::default()) {
        Ok(_) => format!("the {what} that is configured: at hand"),
        Err(NoSecret::Variable(name)) => {
            format!("the {what} that is configured: {name} is not set for this client")
        }
        Err(NoSecret::Unreadable(why)) => format!("the {what} that is configured: {why}"),
    }
}

fn agent(resolved: &Resolved, held: Option<Result<Vec<AgentKey>, Trouble>>) -> String {
    match held {
        Some(Ok(held)) => held_words(&held),
        Some(Err(trouble)) => trouble_words(&trouble),
        None if resolved.agent == AgentChoice::None => "not used: the configuration says so".to_owned(),
        None => format!("none: {AGENT_VARIABLE} is not set for this client"),
    }
}

fn trouble_words(trouble: &Trouble) -> String {
    format!("not reachable: {trouble}")
}

fn held_words(held: &[AgentKey]) -> String {
    let offered: Vec<String> = held.iter().filter(|it| it.offered).map(key).collect();
    let mut words = match held.len() {
        0 => "answers, and holds no key that could be used".to_owned(),
        1 => "answers, and holds 1 key".to_owned(),
        count => format!("answers, and holds {count} keys"),
    };
    if offered.len() < held.len() {
        let left = held.len() - offered.len();
        words += &format!("; {left} not offered, since only the keys named in the configuration are");
    }
    for shown in offered.iter().take(LINES_MAX) {
        words += &format!("; {shown}");
    }
    if offered.len() > LINES_MAX {
        words += &format!("; {} more", offered.len() - LINES_MAX);
    }
    words
}

fn key(key: &AgentKey) -> String {
    format!("{} {} {}", key.algorithm, key.fingerprint, key.comment).trim_end().to_owned()
}

/// What the known hosts say of a host, and of those on the way.
fn known(settings: &Settings) -> Vec<String> {
    way(settings).into_iter().chain([settings]).flat_map(known_of).collect()
}

fn known_of(settings: &Settings) -> Vec<String> {
    let Settings { known_hosts: files, host, port, host_key_alias, .. } = settings;
    let alias = host_key_alias.as_deref();
    let name = known_hosts::host_name(host, *port, alias);
    let known = match KnownHosts::read(files, host, *port, alias) {
        Ok(known) => known,
        Err(unreadable) => return vec![format!("{name}: {unreadable}")],
    };
    let entries: Vec<&Entry> = known.entries().collect();
    let mut lines: Vec<String> = entries.iter().take(LINES_MAX).map(|it| line(files, &name, it)).collect();
    if entries.len() > LINES_MAX {
        lines.push(format!("{name}: {} more lines", entries.len() - LINES_MAX));
    }
    if !entries.iter().any(|it| it.marker == Marker::None) {
        lines.push(format!("{name}: no key of it is known, so it would be refused (read: {})", shown(files)));
    }
    let bad = known.bad_lines().iter().take(LINES_MAX);
    lines.extend(bad.map(|place| format!("{place} cannot be read and was skipped")));
    lines
}

fn line(files: &[PathBuf], name: &str, entry: &Entry) -> String {
    let Entry { place, marker, key } = entry;
    let mut others = known_hosts::elsewhere(files, key);
    others.retain(|it| it.place != *place);
    let others = if others.is_empty() { String::new() } else { format!("; {}", elsewhere_words(&others)) };
    let key = format!("{} {}", key.algorithm(), key.fingerprint());
    match marker {
        Marker::None => format!("{name}: {key} is known, {place}{others}"),
        Marker::Revoked => format!("{name}: {key} is revoked, {place}"),
        Marker::Authority => {
            format!("{name}: {key} is an authority's, {place}: a certificate of it is accepted")
        }
    }
}

fn shown(files: &[impl AsRef<Path>]) -> String {
    let files: Vec<String> = files.iter().map(|it| it.as_ref().display().to_string()).collect();
    files.join(", ")
}
