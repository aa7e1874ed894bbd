//! Cards and kept secrets on the wire: which there are, and a person at a terminal who answers or gives one.

use axum::body::Body;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use cotty_core::names::CardId;
use cotty_core::refusal::{CardRefusal, Refusal};
use cotty_engine::asking::Person;
use cotty_engine::hub::cards::Verdict;
use cotty_engine::hub::secrets::Purpose;
use cotty_engine::report::Caller;
use cotty_wire::api;
use cotty_wire::socket::{FromClient, FromServer, close};

use crate::answer::{Answer, Order, Refused, in_time};
use crate::asking::{attended, ordered, talked};
use crate::frames::{End, say};
use crate::guard::Admitted;
use crate::served::Served;
use crate::words::{self, Eyes};

mod given;

/// Lists the open cards.
pub(crate) async fn cards(
    State(served): State<Served>,
    Extension(admitted): Extension<Admitted>,
) -> Json<api::Cards> {
    Json(words::cards(served.hub.cards(), served.hub.cards_ended(), admitted.eyes()))
}

/// Settles a card for a person who has it on their page: with what they typed, or with a no.
pub(crate) async fn settle(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    Extension(admitted): Extension<Admitted>,
    Path(id): Path<String>,
    body: Body,
) -> Result<StatusCode, Refused> {
    let card: CardId = id.parse().map_err(|_| unknown(id))?;
    let eyes = admitted.eyes();
    if let Some(only) = eyes.only
        && !served.hub.cards().iter().any(|it| it.id == card && it.is_of(only))
    {
        return Err(unknown(card.to_string()).into());
    }
    let answer = in_time(given::read(body)).await?;
    served.hub.settle(&caller, card, answer)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a person answer a card, or deny it.
pub(crate) async fn answer(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    talked(served, caller, upgrade, |socket, served, caller| Box::pin(answered(socket, served, caller)))
}

async fn answered(socket: &mut WebSocket, served: &Served, caller: Caller) -> Result<End, End> {
    let eyes = Eyes { grant: caller.principal.role.into(), only: None };
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
    say(socket, &FromServer::Answered { card: words::card(answered, eyes), how }).await?;
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
    let secrets = served.hub.secrets(&caller)?.into_iter().map(words::kept).collect();
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
    talked(served, caller, upgrade, |socket, served, caller| Box::pin(given(socket, served, caller)))
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
    let secrets = attended(socket, served, hears, giving).await?.into_iter().map(words::kept).collect();
    say(socket, &FromServer::Kept { secrets }).await?;
    Ok((close::SESSION_ENDED, "the secret is kept"))
}
