//! Cards and kept secrets on the wire: which there are, and a person at a terminal who answers or gives one.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::{Extension, Json};
use cotty_core::names::Role;
use cotty_core::question::CardId;
use cotty_core::refusal::{CardRefusal, Refusal};
use cotty_engine::asking::Person;
use cotty_engine::cards::Card;
use cotty_engine::hub::cards::Verdict;
use cotty_engine::hub::secrets::{Bond, Purpose, SecretStatus, Until};
use cotty_engine::report::Caller;
use cotty_wire::api;
use cotty_wire::socket::{FromClient, FromServer, close};

use crate::answer::{Answer, Order, Refused};
use crate::asking::{attended, ordered, upgraded};
use crate::frames::{End, part, say};
use crate::house::Served;
use crate::words;

/// Lists the open cards.
pub(crate) async fn cards(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
) -> Json<api::Cards> {
    Json(api::Cards { cards: open(&served, &caller) })
}

/// The open cards, as this caller may see them: an agent sees that there is one, and not what is said on it.
pub(crate) fn open(served: &Served, caller: &Caller) -> Vec<api::Card> {
    served.hub.cards().into_iter().map(|it| card(it, caller.principal.role)).collect()
}

/// Lets a person answer a card, or deny it.
pub(crate) async fn answer(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    let token = served.tasks.token();
    Ok(upgraded(upgrade)?.on_upgrade(async move |mut socket| {
        let (code, reason) = answered(&mut socket, &served, caller).await.unwrap_or_else(|end| end);
        part(&mut socket, code, reason).await;
        drop(token);
    }))
}

async fn answered(socket: &mut WebSocket, served: &Served, caller: Caller) -> Result<End, End> {
    let FromClient::Card { id, deny } = ordered(socket).await? else {
        return Err((close::MALFORMED, "the first message is card"));
    };
    let (person, hears) = Person::at_terminal();
    let verdict = if deny { Verdict::Deny } else { Verdict::Answer };
    let answering = async {
        let id = id.map(|it| it.parse::<CardId>().map_err(|_| unknown(it))).transpose()?;
        served.hub.answer(&caller, id, verdict, &person).await
    };
    let answered = attended(socket, served, hears, answering).await?;
    let how = if deny { "denied" } else { "answered" }.to_owned();
    say(socket, &FromServer::Answered { card: card(answered, caller.principal.role), how }).await?;
    Ok((close::SESSION_ENDED, "the card is closed"))
}

fn unknown(card: String) -> Refusal {
    let card: String = card.chars().filter(|it| it.is_ascii_graphic()).take(40).collect();
    Box::new(CardRefusal::Gone { card, why: None }).into()
}

/// Lists the secrets that are kept; none of them is shown.
pub(crate) async fn secrets(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
) -> Answer<api::Secrets> {
    let secrets = served.hub.secrets(&caller)?.into_iter().map(kept).collect();
    Ok(Json(api::Secrets { secrets }))
}

/// Forgets secrets.
pub(crate) async fn forget(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    Order(order): Order<api::ForgetOrder>,
) -> Answer<api::Forgotten> {
    let count = served.hub.forget_secrets(&caller, order.target.as_deref())?;
    Ok(Json(api::Forgotten { count }))
}

/// Asks a person for a secret, and keeps it.
pub(crate) async fn secret(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    let token = served.tasks.token();
    Ok(upgraded(upgrade)?.on_upgrade(async move |mut socket| {
        let (code, reason) = given(&mut socket, &served, caller).await.unwrap_or_else(|end| end);
        part(&mut socket, code, reason).await;
        drop(token);
    }))
}

async fn given(socket: &mut WebSocket, served: &Served, caller: Caller) -> Result<End, End> {
    let FromClient::Secret { target, purpose } = ordered(socket).await? else {
        return Err((close::MALFORMED, "the first message is secret"));
    };
    let (person, hears) = Person::at_terminal();
    let giving = async {
        let known = Purpose::ALL.into_iter().find(|it| it.word() == purpose);
        let why = || "it is password, passphrase, sudo or enable".to_owned();
        let purpose = known.ok_or_else(|| Refusal::InvalidArgument { what: "purpose", why: why() })?;
        served.hub.keep_secret(&caller, &target, purpose, &person).await
    };
    let secrets = attended(socket, served, hears, giving).await?.into_iter().map(kept).collect();
    say(socket, &FromServer::Kept { secrets }).await?;
    Ok((close::SESSION_ENDED, "the secret is kept"))
}

fn kept(status: SecretStatus) -> api::KeptSecret {
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

fn card(card: Card, role: Role) -> api::Card {
    let Card { id, session, target, about, question, who, why, attempt, at, ends_at } = card;
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
        asked_by: words::who(&who),
        attempt,
        opened_at_ms: ms(at),
        ends_at_ms: ms(ends_at),
    }
}
