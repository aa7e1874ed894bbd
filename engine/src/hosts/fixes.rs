//! What would help a login that cannot go well: each a command to copy, as far as it can be told without asking the host.

use std::path::Path;

use cotty_core::refusal::quoted;
use cotty_host::native::at_hand::{AgentKey, FileState, NamedFile};
use cotty_host::native::error::{ConnectError, PUTTY, Stage, Trouble};
use cotty_host::native::known_hosts::{KnownHosts, Marker, Verdict};
use cotty_host::native::settings::Settings;

use super::{AgentChoice, Resolved};

/// What was found of a host's login.
pub(super) struct Found<'a> {
    pub(super) files: &'a [NamedFile],
    /// What the agent said; nothing where none is asked.
    pub(super) agent: Option<&'a Result<Vec<AgentKey>, Trouble>>,
}

/// Says what would help, the most certain first.
pub(super) fn fixes(resolved: &Resolved, found: &Found<'_>) -> Vec<String> {
    let mut fixes: Vec<String> = found.files.iter().filter_map(of_file).collect();
    let has_ready = found.files.iter().any(|it| matches!(it.state, FileState::Ready(_)));
    let offered = matches!(found.agent, Some(Ok(held)) if held.iter().any(|it| it.offered));
    if !has_ready && !offered {
        fixes.extend(of_agent(resolved, found));
    }
    fixes.extend(resolved.settings.revoked_keys.iter().filter(|it| !it.exists()).map(|it| {
        format!("touch {} (RevokedHostKeys names it: without it every host is refused)", word(it))
    }));
    fixes
}

/// Says whether no key of a host, or of one on the way to it, is known yet, and what accepts it.
pub(super) fn trust(resolved: &Resolved) -> Option<String> {
    let hops = std::iter::successors(resolved.settings.jump.as_deref(), |it| it.settings.jump.as_deref());
    let unknown = [&resolved.settings].into_iter().chain(hops.map(|it| &it.settings)).any(is_unknown);
    unknown.then(|| format!("cotty trust {}", quoted(&resolved.typed)))
}

fn is_unknown(settings: &Settings) -> bool {
    let Settings { known_hosts, host, port, host_key_alias, .. } = settings;
    let known = KnownHosts::read(known_hosts, host, *port, host_key_alias.as_deref());
    known.is_ok_and(|it| !it.entries().any(|it| it.marker != Marker::Revoked))
}

fn of_file(file: &NamedFile) -> Option<String> {
    let FileState::Trouble(trouble) = &file.state else { return None };
    match trouble {
        Trouble::OpenToOthers(file) => Some(format!("chmod 600 {}", word(file))),
        Trouble::NoKey { file, why } if why == PUTTY => Some(format!(
            "puttygen {0} -O private-openssh -o {0}.openssh (and name that file instead)",
            word(file)
        )),
        Trouble::NoKey { file, .. } => {
            Some(format!("ssh-keygen -y -f {} (it tells what is wrong with the key)", word(file)))
        }
        Trouble::Unreadable { file, .. } => Some(format!("ls -l {}", word(file))),
        _ => None,
    }
}

/// Nothing that could log in without a person is at hand: an agent may have it.
fn of_agent(resolved: &Resolved, found: &Found<'_>) -> Option<String> {
    let encrypted = found.files.iter().find(|it| matches!(it.state, FileState::Encrypted(_)));
    let add = encrypted.map(|it| format!("ssh-add {}", word(&it.path)));
    match (found.agent, &resolved.agent) {
        (Some(Ok(held)), _) if held.is_empty() => Some(add.unwrap_or_else(|| "ssh-add FILE".to_owned())),
        // It holds keys, and none of those that are named.
        (Some(Ok(_)), _) => add,
        (Some(Err(Trouble::NoAgent { .. } | Trouble::AgentHangs { .. })), _) => {
            Some("eval \"$(ssh-agent)\" && ssh-add, and start this client again in that shell".to_owned())
        }
        (None, AgentChoice::Callers) => Some(
            "echo $SSH_AUTH_SOCK in the shell that has the agent, and name that in the client's config (env of cotty)"
                .to_owned(),
        ),
        _ => None,
    }
}

fn word(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// What to try where an attempt got no further than this, straight to this address.
pub(crate) fn of_attempt(address: &str, failed_at: Stage) -> Option<String> {
    let (host, port) = address.rsplit_once(':')?;
    let host = quoted(host.trim_matches(['[', ']']));
    match failed_at {
        Stage::Address => Some(format!("getent hosts {host}")),
        Stage::Connect => Some(format!("nc -vz {host} {port}")),
        Stage::Handshake => Some(format!("ssh -vv -p {port} {host} true 2>&1 | grep -i kex")),
        Stage::HostKey | Stage::Authentication => None,
    }
}

/// What mends a failure, where one command does.
pub(super) fn of_error(resolved: &Resolved, error: &ConnectError) -> Option<String> {
    let Settings { host, port, user, .. } = &resolved.settings;
    match error {
        ConnectError::HostKey(shown) => match &shown.verdict {
            Verdict::Unknown | Verdict::Authority { .. } => {
                Some(format!("cotty trust {}", quoted(&resolved.typed)))
            }
            Verdict::Changed { at, .. } => Some(format!(
                "ssh-keygen -R {} -f {} && cotty trust {} (only if the host has a new key: ask who runs it)",
                quoted(&shown.name),
                word(&at.file),
                quoted(&resolved.typed)
            )),
            Verdict::Known(_) | Verdict::Certified(_) | Verdict::Revoked(_) => None,
        },
        ConnectError::Denied(denied) if denied.refused.iter().any(|it| it.contains("key")) => {
            let account = format!("{}@{}", user, host);
            Some(format!(
                "ssh-copy-id -p {port} {} (it lets your key in, with the password)",
                quoted(&account)
            ))
        }
        _ => None,
    }
}
