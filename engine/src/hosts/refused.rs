//! Why there is no connection, from the engine's error to the words that everybody reads.

use cotty_core::refusal::{Fingerprint, HostRefusal, Refusal, Stage, person_opens, quoted};
use cotty_host::native::connect::ChannelError;
use cotty_host::native::error::{self, ConnectError, Denied, NO_CERTIFICATE, Trouble, elsewhere_words};
use cotty_host::native::exec::ExecError;
use cotty_host::native::host_key::HostKey;
use cotty_host::native::known_hosts::Verdict;
use cotty_host::native::pool::PoolError;
use cotty_host::native::settings::ShownKey;
use cotty_host::native::shell::ShellError;

use super::{AGENT_VARIABLE, Resolved};

/// Says how far a connection came.
fn stage(error: &ConnectError) -> Stage {
    match error.stage() {
        error::Stage::Address => Stage::Address,
        error::Stage::Connect => Stage::Connect,
        error::Stage::Handshake => Stage::Handshake,
        error::Stage::HostKey => Stage::HostKey,
        error::Stage::Authentication => Stage::Authentication,
    }
}

/// Says why there is no connection, and what to do about it.
pub(super) fn refusal(resolved: &Resolved, error: &ConnectError) -> Refusal {
    of_host(resolved, resolved.typed.clone(), error)
}

/// The same for one host: the target, or one on the way to it.
fn of_host(resolved: &Resolved, target: String, error: &ConnectError) -> Refusal {
    if let ConnectError::Denied(denied) = error
        && let Some(missing) = missing_variable(&target, denied)
    {
        return missing;
    }
    let host = match error {
        ConnectError::OnTheWay { hop, error } => return of_host(resolved, hop.clone(), error),
        ConnectError::HostKey(shown) => host_key(target, shown),
        ConnectError::KnownHosts(unreadable) => HostRefusal::KnownHosts { why: unreadable.to_string() },
        ConnectError::Denied(denied) if wants_a_person(denied) => {
            HostRefusal::SecretNeeded { target, opens: resolved.typed.clone(), why: error.to_string() }
        }
        ConnectError::Denied(denied) => {
            let remedy = remedy(resolved, denied) + &or_a_person(resolved, denied);
            HostRefusal::Denied { target, why: error.to_string(), remedy }
        }
        ConnectError::NoAddress { .. }
        | ConnectError::Unreachable { .. }
        | ConnectError::ConnectTimeout { .. }
        | ConnectError::ProxyCommand { .. }
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

/// Says whether a question was left open, or there was nothing else to try than what a person types.
fn wants_a_person(denied: &Denied) -> bool {
    let open = |it: &Trouble| matches!(it, Trouble::NoPassphrase(_) | Trouble::NoAnswer(_));
    denied.troubles.iter().any(open)
        || (denied.refused.is_empty() && denied.troubles.is_empty() && takes_what_is_typed(denied))
}

fn takes_what_is_typed(denied: &Denied) -> bool {
    denied.offered.iter().any(|it| matches!(*it, "password" | "keyboard-interactive"))
}

/// Where keys were of no use, a password may be.
fn or_a_person(resolved: &Resolved, denied: &Denied) -> String {
    if denied.refused.is_empty() || !takes_what_is_typed(denied) {
        return String::new();
    }
    format!(". Or a person opens it with a password: cotty up {}", quoted(&resolved.typed))
}

/// The same for what comes after a connection.
pub(super) fn by_pool(resolved: &Resolved, error: &PoolError) -> Refusal {
    let (target, why) = (resolved.typed.clone(), error.to_string());
    match error {
        PoolError::Connect(error) => refusal(resolved, error),
        PoolError::Shell(ShellError::Kept(_)) => Refusal::Storage { why },
        PoolError::Shell(ShellError::Start(_)) | PoolError::Exec(ExecError::Name(_) | ExecError::Nul(_)) => {
            Refusal::InvalidArgument { what: "env", why }
        }
        PoolError::Full { .. } => Refusal::Host(Box::new(HostRefusal::Full { target, why })),
        PoolError::Channel(ChannelError::Lost(_) | ChannelError::Timeout(_))
        | PoolError::Shell(ShellError::Channel(ChannelError::Lost(_) | ChannelError::Timeout(_)))
        | PoolError::Exec(
            ExecError::Lost(_) | ExecError::Channel(ChannelError::Lost(_) | ChannelError::Timeout(_)),
        ) => {
            let stage = Stage::Authentication;
            Refusal::Host(Box::new(HostRefusal::Unreached { target, stage, why, limit: None }))
        }
        PoolError::Channel(ChannelError::Refused(_))
        | PoolError::Shell(ShellError::NotStarted(_) | ShellError::Channel(ChannelError::Refused(_)))
        | PoolError::Exec(ExecError::NotStarted(_) | ExecError::Channel(ChannelError::Refused(_))) => {
            Refusal::Host(Box::new(HostRefusal::NotStarted { target, why }))
        }
    }
}

/// The word of the config that sets the limit which was reached.
fn limit(error: &ConnectError) -> Option<&'static str> {
    match error {
        ConnectError::ConnectTimeout { .. } => Some("timeouts.connect"),
        ConnectError::HandshakeTimeout { .. } => Some("timeouts.handshake"),
        ConnectError::AuthenticationTimeout { .. } => Some("timeouts.authentication"),
        ConnectError::NoAddress { .. }
        | ConnectError::Unreachable { .. }
        | ConnectError::ProxyCommand { .. }
        | ConnectError::Handshake { .. }
        | ConnectError::KnownHosts(_)
        | ConnectError::HostKey(_)
        | ConnectError::OnTheWay { .. }
        | ConnectError::Lost { .. }
        | ConnectError::Denied(_) => None,
    }
}

/// Says why a key is not to be trusted.
pub(super) fn key(target: &str, shown: &ShownKey) -> Refusal {
    Box::new(host_key(target.to_owned(), shown)).into()
}

fn host_key(target: String, key: &ShownKey) -> HostRefusal {
    let (name, shown) = (key.name.clone(), fingerprint(&key.key));
    match &key.verdict {
        // A known key is never refused; if it were, a person would have to look at it.
        Verdict::Unknown | Verdict::Known(_) | Verdict::Certified(_) => {
            let elsewhere = (!key.elsewhere.is_empty()).then(|| elsewhere_words(&key.elsewhere));
            HostRefusal::UnknownKey { target, name, shown, elsewhere }
        }
        Verdict::Changed { at, known } => HostRefusal::ChangedKey {
            target,
            name,
            shown,
            known: fingerprint(known),
            place: (at.file.display().to_string(), at.line),
        },
        Verdict::Revoked(at) => HostRefusal::RevokedKey { name, shown, place: at.to_string() },
        Verdict::Authority { at, why } => {
            let why = why.as_deref().unwrap_or(NO_CERTIFICATE).to_owned();
            HostRefusal::OnlyAuthority { target, name, shown, place: at.to_string(), why }
        }
    }
}

pub(super) fn fingerprint(key: &HostKey) -> Fingerprint {
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
    if let Some(words) = denied.certificates.first() {
        return format!("Have the certificate renewed, or one made for this account ({words}). {again}");
    }
    for trouble in &denied.troubles {
        match trouble {
            Trouble::NoPassphrase(_) | Trouble::WrongPassphrase(_) | Trouble::NoAnswer(_) => {
                return person_opens(&resolved.typed);
            }
            Trouble::NotThere(_)
            | Trouble::Directory(_)
            | Trouble::OpenToOthers(_)
            | Trouble::PublicKey(_)
            | Trouble::NoKey { .. }
            | Trouble::NoCertificate { .. }
            | Trouble::CertificateAlone(_)
            | Trouble::KindNotAllowed(_)
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
