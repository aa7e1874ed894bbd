//! What is asked of people, and what they gave, in the published words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cotty_core::question::Question;
use cotty_engine::cards::{Card, Ended};
use cotty_engine::hub::secrets::{Bond, SecretStatus, Until};
use cotty_engine::report::Tested;
use cotty_wire::api;

use super::who;
use crate::grant::Grant;

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

/// Whose eyes a card is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eyes<'a> {
    /// What they may do: who is no operator sees that there is one, and not what is said on it.
    pub(crate) grant: Grant,
    /// The one session that they see, where it is but one.
    pub(crate) only: Option<&'a str>,
}

/// What waits for a person, and what became of what did, as these eyes may see it.
pub(crate) fn cards(cards: Vec<Card>, ended: Vec<Ended>, eyes: Eyes<'_>) -> api::Cards {
    let open = cards.into_iter().filter(|it| eyes.only.is_none_or(|session| it.is_of(session)));
    let is_seen = |it: &Ended| eyes.only.is_none_or(|session| it.sessions.iter().any(|it| it == session));
    let ended =
        ended.into_iter().filter(is_seen).map(|it| api::EndedCard { id: it.id.to_string(), how: it.how });
    api::Cards {
        cards: open.map(|it| card(it, eyes)).collect(),
        ended: if eyes.grant == Grant::Operator { ended.collect() } else { Vec::new() },
    }
}

pub(crate) fn card(card: Card, eyes: Eyes<'_>) -> api::Card {
    let left_ms = ms(card.left());
    let Card { id, session, target, about, question, who: asks, why, attempt, at, ends_at, others, until: _ } =
        card;
    // Of a card that several wait for, whoever sees one session is shown that one.
    let own = others.into_iter().find(|it| eyes.only == Some(&it.session) && session != it.session);
    let (session, target, asks) = own.map_or((session, target, asks), |it| (it.session, it.target, it.who));
    let is_seen = eyes.grant == Grant::Operator;
    let facts = if is_seen { facts(&question) } else { Facts::default() };
    api::Card {
        id: id.to_string(),
        kind: question.kind().to_owned(),
        session,
        target,
        wants: question.wants(),
        account: is_seen.then_some(about.account),
        key: is_seen.then_some(about.key).filter(|it| !it.is_empty()),
        text: is_seen.then(|| question.text()),
        algorithm: facts.algorithm,
        host: facts.host,
        file: facts.file,
        words: facts.words,
        helps: facts.helps,
        why: why.filter(|_| is_seen),
        echo: question.echoes(),
        asked_by: who(&asks),
        attempt,
        opened_at_ms: since_1970(at),
        ends_at_ms: since_1970(ends_at),
        left_ms,
    }
}

/// What is on a card by itself.
#[derive(Default)]
struct Facts {
    algorithm: Option<String>,
    host: Option<String>,
    file: Option<String>,
    words: Option<String>,
    helps: Vec<String>,
}

fn facts(question: &Question) -> Facts {
    match question.clone() {
        Question::HostKey { name, shown, file, about } => Facts {
            algorithm: Some(shown.algorithm),
            host: Some(name),
            file: Some(file),
            words: None,
            helps: about,
        },
        Question::Passphrase { file, .. } => Facts { file: Some(file), ..Facts::default() },
        Question::Password { .. } => Facts::default(),
        Question::Challenge { words, .. } => Facts { words: Some(words), ..Facts::default() },
    }
}

pub(crate) fn kept(status: SecretStatus) -> api::KeptSecret {
    let SecretStatus { bond: Bond { account, key, purpose }, target, until, at } = status;
    let session = match until {
        Until::Closed(session) => Some(session),
        Until::Forgotten => None,
    };
    api::KeptSecret { target, account, key, purpose, session, at_ms: since_1970(at) }
}

fn since_1970(at: SystemTime) -> u64 {
    ms(at.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn ms(it: Duration) -> u64 {
    u64::try_from(it.as_millis()).unwrap_or(u64::MAX)
}
