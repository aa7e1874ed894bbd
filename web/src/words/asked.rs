//! What is asked of people, and what they gave, in the published words.

use std::time::{SystemTime, UNIX_EPOCH};

use cotty_core::names::Role;
use cotty_engine::cards::Card;
use cotty_engine::hub::secrets::{Bond, SecretStatus, Until};
use cotty_engine::report::{Caller, Tested};
use cotty_wire::api;

use super::who;

pub(crate) fn tested(tested: Tested) -> api::DeviceTest {
    let Tested { status, steps, logged_in, failure, fixes } = tested;
    let step = |it: cotty_engine::report::TestStep| api::TestStep {
        host: it.host,
        step: it.step.to_owned(),
        done: it.done,
    };
    api::DeviceTest {
        target: status.target,
        account: status.account,
        address: status.address,
        via: status.via,
        steps: steps.into_iter().map(step).collect(),
        logged_in,
        failure: failure.as_ref().map(api::Failure::from),
        login: status.login,
        agent: status.agent,
        known_hosts: status.known_hosts,
        fixes,
        notes: status.notes,
    }
}

/// The open cards, as this caller may see them: an agent sees that there is one, and not what is said on it.
pub(crate) fn cards(cards: Vec<Card>, caller: &Caller) -> Vec<api::Card> {
    cards.into_iter().map(|it| card(it, caller.principal.role)).collect()
}

pub(crate) fn card(card: Card, role: Role) -> api::Card {
    let Card { id, session, target, about, question, who: asks, why, attempt, at, ends_at, others: _ } = card;
    let is_seen = role == Role::Operator;
    api::Card {
        id: id.to_string(),
        kind: question.kind().to_owned(),
        session,
        target,
        wants: question.wants(),
        account: is_seen.then_some(about.account),
        key: is_seen.then_some(about.key).filter(|it| !it.is_empty()),
        text: is_seen.then(|| question.text()),
        why: why.filter(|_| is_seen),
        echo: question.echoes(),
        asked_by: who(&asks),
        attempt,
        opened_at_ms: ms(at),
        ends_at_ms: ms(ends_at),
    }
}

pub(crate) fn kept(status: SecretStatus) -> api::KeptSecret {
    let SecretStatus { bond: Bond { account, key, purpose }, target, until, at } = status;
    let session = match until {
        Until::Closed(session) => Some(session),
        Until::Forgotten => None,
    };
    api::KeptSecret { target, account, key, purpose, session, at_ms: ms(at) }
}

fn ms(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
