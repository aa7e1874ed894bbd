//! Why there is no connection, from the engine's error to the words that everybody reads.

use cotty_core::refusal::{Fingerprint, HostRefusal, Refusal, Stage};
use cotty_host::native::error::{self, ConnectError, Denied, Trouble};
use cotty_host::native::host_key::HostKey;
use cotty_host::native::known_hosts::Verdict;
use cotty_host::native::settings::ShownKey;

use super::{AGENT_VARIABLE, Resolved};

/// Says how far a connection came.
fn stage(error: &ConnectError) -> Stage {
    match error.stage() {
        error::Stage::Connect if matches!(error, ConnectError::NoAddress { .. }) => Stage::Address,
        error::Stage::Connect => Stage::Connect,
        error::Stage::Handshake => Stage::Handshake,
        error::Stage::HostKey => Stage::HostKey,
        error::Stage::Authentication => Stage::Authentication,
    }
}

/// Says why there is no connection, and what to do about it.
pub(super) fn refusal(resolved: &Resolved, error: &ConnectError) -> Refusal {
    let target = resolved.typed.clone();
    if let ConnectError::Denied(denied) = error
        && let Some(missing) = missing_variable(&target, denied)
    {
        return missing;
    }
    let host = match error {
        ConnectError::HostKey(shown) => host_key(target, shown),
        ConnectError::KnownHosts(unreadable) => HostRefusal::KnownHosts { why: unreadable.to_string() },
        ConnectError::Denied(denied) => {
            HostRefusal::Denied { target, why: error.to_string(), remedy: remedy(resolved, denied) }
        }
        ConnectError::NoAddress { .. }
        | ConnectError::Unreachable { .. }
        | ConnectError::ConnectTimeout { .. }
        | ConnectError::Handshake { .. }
        | ConnectError::HandshakeTimeout { .. }
        | ConnectError::Lost { .. }
        | ConnectError::AuthenticationTimeout { .. } => HostRefusal::Unreached {
            target,
            stage: stage(error),
            why: error.to_string(),
            limit: limit(error),
        },
    };
    Refusal::Host(Box::new(host))
}

/// The word of the config that sets the limit which was reached.
fn limit(error: &ConnectError) -> Option<&'static str> {
    match error {
        ConnectError::ConnectTimeout { .. } => Some("timeouts.connect"),
        ConnectError::HandshakeTimeout { .. } => Some("timeouts.handshake"),
        ConnectError::AuthenticationTimeout { .. } => Some("timeouts.authentication"),
        ConnectError::NoAddress { .. }
        | ConnectError::Unreachable { .. }
        | ConnectError::Handshake { .. }
        | ConnectError::KnownHosts(_)
        | ConnectError::HostKey(_)
        | ConnectError::Lost { .. }
        | ConnectError::Denied(_) => None,
    }
}

fn host_key(target: String, key: &ShownKey) -> HostRefusal {
    let (name, shown) = (key.name.clone(), fingerprint(&key.key));
    match &key.verdict {
        // A known key is never refused; if it were, a person would have to look at it.
        Verdict::Unknown | Verdict::Known(_) => HostRefusal::UnknownKey { target, name, shown },
        Verdict::Changed { at, known } => HostRefusal::ChangedKey {
            target,
            name,
            shown,
            known: fingerprint(known),
            place: (at.file.display().to_string(), at.line),
        },
        Verdict::Revoked(at) => HostRefusal::RevokedKey { name, shown, place: at.to_string() },
        Verdict::Authority(at) => HostRefusal::OnlyAuthority { target, name, shown, place: at.to_string() },
    }
}

fn fingerprint(key: &HostKey) -> Fingerprint {
    Fingerprint { hash: key.fingerprint(), algorithm: key.algorithm().to_owned() }
}

/// A login failed for want of a variable that the config names.
fn missing_variable(target: &str, denied: &Denied) -> Option<Refusal> {
    denied.troubles.iter().find_map(|it| match it {
        Trouble::NoVariable(name) => Some(Refusal::EnvironmentMissing {
            what: name.clone(),
            remedy: format!(
                "The config names it for {target}. Set it where this client is started (in an MCP client's config: env of cotty), start the client again, then the same call again"
            ),
        }),
        _ => None,
    })
}

/// What would help somebody who was not let in.
fn remedy(resolved: &Resolved, denied: &Denied) -> String {
    let again = "Then the same call again";
    for trouble in &denied.troubles {
        match trouble {
            Trouble::NoPassphrase(_) | Trouble::WrongPassphrase(_) | Trouble::NoAnswer(_) => {
                return format!(
                    "A person answers at a terminal: cotty up {}, or loads the key with ssh-add. {again}",
                    resolved.typed
                );
            }
            Trouble::Directory(_)
            | Trouble::OpenToOthers(_)
            | Trouble::PublicKey(_)
            | Trouble::NoKey { .. }
            | Trouble::Unreadable { .. }
            | Trouble::NoAgent { .. }
            | Trouble::AgentHangs { .. }
            | Trouble::AgentFailed { .. }
            | Trouble::NoSecret(_)
            | Trouble::NoVariable(_) => {}
        }
    }
    if !denied.troubles.is_empty() {
        return format!("Mend what could not be tried. {again}");
    }
    if resolved.settings.agent.is_none() {
        return format!(
            "No ssh-agent was offered: {AGENT_VARIABLE} is not set for this client (some MCP clients strip it: name it in the client's config), or name a key with IdentityFile in ~/.ssh/config. {again}"
        );
    }
    format!("Check the user, and that a key of yours is in the account's authorized_keys. {again}")
}
