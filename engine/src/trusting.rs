//! Keys that no file knows yet, on the way to a host: a person is asked about each before anything else is sent.

use cotty_core::refusal::Refusal;
use cotty_host::native::error::ConnectError;
use cotty_host::native::known_hosts::Verdict;
use cotty_host::native::pool::PoolError;
use cotty_host::native::settings::{Settings, ShownKey};

use crate::asking::Person;
use crate::hosts::{self, HOPS_MAX, Resolved};

/// So many keys are asked about until something is there: each of the way, and the host's.
pub(crate) const KEYS_MAX: usize = HOPS_MAX + 1;

/// After a failure for want of a key that nobody knows: asks the person about it. Where they accept it the same may be
/// tried again; any other failure is refused in our words. No connection is held while they compare the key, and the
/// next one has to show what they accepted.
pub(crate) async fn accept(resolved: &Resolved, person: &Person, error: &PoolError) -> Result<(), Refusal> {
    let unknown = match error {
        PoolError::Connect(met) if person.answers() => unknown_key(&resolved.typed, &resolved.settings, met),
        _ => None,
    };
    match unknown {
        Some((target, settings, shown)) => person.decide(target, settings, shown).await,
        None => Err(hosts::refused_by_pool(resolved, error)),
    }
}

/// Finds the key that nobody knows, with the host that showed it.
pub(crate) fn unknown_key<'a>(
    target: &'a str,
    settings: &'a Settings,
    error: &'a ConnectError,
) -> Option<(&'a str, &'a Settings, &'a ShownKey)> {
    match (error, settings.jump.as_deref()) {
        (ConnectError::OnTheWay { error, .. }, Some(jump)) => unknown_key(&jump.typed, &jump.settings, error),
        (ConnectError::HostKey(shown), _) if shown.verdict == Verdict::Unknown => {
            Some((target, settings, shown))
        }
        _ => None,
    }
}
