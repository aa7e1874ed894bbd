//! What a person waits for at a terminal: opening a session, trusting a key. Progress and questions go out, answers come
//! in, over `cotty.1`. Whoever closes the socket has given up, and what was begun for them ends.

use std::pin::{Pin, pin};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use cotty_core::refusal::Refusal;
use cotty_engine::asking::{Asked, Person, Told};
use cotty_engine::report::{Caller, Secret};
use cotty_wire::api::Failure;
use cotty_wire::socket::{FromClient, FromServer, NAME, OPEN_BYTES_MAX, close};
use tokio::sync::mpsc;

use crate::answer::Refused;
use crate::frames::{End, part, say, understood};
use crate::served::Served;
use crate::{api, words};

/// Whoever does not say what it wants within this time is sent away.
const ORDER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Opens or finds a session for somebody who waits.
pub(crate) async fn open(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    talked(served, caller, upgrade, |socket, served, caller| Box::pin(opened(socket, served, caller)))
}

/// Shows a person the key of a host, and asks whether it is the host's.
pub(crate) async fn trust(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    talked(served, caller, upgrade, |socket, served, caller| Box::pin(trusted(socket, served, caller)))
}

/// What is said on a socket, to its end.
type Talks = for<'a> fn(
    &'a mut WebSocket,
    &'a Served,
    Caller,
) -> Pin<Box<dyn Future<Output = Result<End, End>> + Send + 'a>>;

/// Upgrades, and says how it ended.
pub(crate) fn talked(
    served: Served,
    caller: Caller,
    upgrade: WebSocketUpgrade,
    talks: Talks,
) -> Result<Response, Refused> {
    let token = served.tasks.token();
    Ok(upgraded(upgrade)?.on_upgrade(async move |mut socket| {
        let (code, reason) = talks(&mut socket, &served, caller).await.unwrap_or_else(|end| end);
        part(&mut socket, code, reason).await;
        drop(token);
    }))
}

fn upgraded(upgrade: WebSocketUpgrade) -> Result<WebSocketUpgrade, Refusal> {
    let upgrade = upgrade.protocols([NAME]).max_message_size(OPEN_BYTES_MAX).max_frame_size(OPEN_BYTES_MAX);
    if upgrade.selected_protocol().is_some() {
        return Ok(upgrade);
    }
    let why = format!("the subprotocol {NAME} must be asked for");
    Err(Refusal::InvalidArgument { what: "Sec-WebSocket-Protocol", why })
}

async fn opened(socket: &mut WebSocket, served: &Served, mut caller: Caller) -> Result<End, End> {
    let FromClient::Open { order } = ordered(socket).await? else {
        return Err((close::MALFORMED, "the first message is open"));
    };
    let (person, hears) = Person::at_terminal();
    let connecting = async {
        let order = api::ordered(served, &mut caller, *order).await?;
        served.hub.connect_asking(&caller, order, &person).await
    };
    let connected = attended(socket, served, hears, connecting).await?;
    let connected = Box::new(words::connected(connected));
    say(socket, &FromServer::Opened { connected }).await?;
    Ok((close::SESSION_ENDED, "it is open"))
}

async fn trusted(socket: &mut WebSocket, served: &Served, caller: Caller) -> Result<End, End> {
    let FromClient::Trust { target } = ordered(socket).await? else {
        return Err((close::MALFORMED, "the first message is trust"));
    };
    let (person, hears) = Person::at_terminal();
    let trusting = served.hub.trust(&caller, &target, &person);
    let trusted = words::trusted(attended(socket, served, hears, trusting).await?);
    say(socket, &FromServer::Trusted { trusted }).await?;
    Ok((close::SESSION_ENDED, "the key is known"))
}

pub(crate) async fn ordered(socket: &mut WebSocket) -> Result<FromClient, End> {
    let first = tokio::time::timeout(ORDER_WAIT_MAX, socket.recv()).await;
    let message = first.map_err(|_| (close::NO_JOIN, "no order came"))?;
    message.map_or(Ok(None), understood)?.ok_or((close::MALFORMED, "the first message is the order"))
}

/// Carries what is told and answered while something is under way. It ends with the socket.
pub(crate) async fn attended<T>(
    socket: &mut WebSocket,
    served: &Served,
    mut hears: mpsc::Receiver<Told>,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, End> {
    let mut work = pin!(work);
    let (mut last_id, mut open) = (0, None::<Asked>);
    loop {
        // An arm that is cancelled has taken nothing. What is done comes first: a question to it is not asked any more.
        tokio::select! {
            biased;
            () = served.stopping.cancelled() => return Err((close::GOING_AWAY, "the daemon ends")),
            done = work.as_mut() => match done {
                Ok(done) => return Ok(done),
                Err(refusal) => {
                    // What was complained of belongs to it.
                    while let Ok(told) = hears.try_recv() {
                        if let Told::Overheard { host, text } = told {
                            say(socket, &FromServer::Overheard { host, text }).await?;
                        }
                    }
                    let failure = Failure::from(&refusal);
                    say(socket, &FromServer::Refused { seq: None, failure }).await?;
                    return Err((close::REFUSED, "refused"));
                }
            },
            message = socket.recv() => match message.map(understood) {
                None => return Err((close::SESSION_ENDED, "the person left")),
                Some(heard) => match heard? {
                    None => {}
                    Some(FromClient::Answer { id, text }) if id == last_id => {
                        if let (Some(asked), Some(text)) = (open.take(), text) {
                            asked.answer(Secret::new(text.reveal().to_owned()));
                        }
                    }
                    Some(_) => return Err((close::MALFORMED, "no such question is open")),
                },
            },
            Some(told) = hears.recv() => match told {
                Told::Progress { host, stage } => {
                    say(socket, &FromServer::Progress { host, stage: stage.to_owned() }).await?;
                }
                Told::Overheard { host, text } => {
                    say(socket, &FromServer::Overheard { host, text }).await?;
                }
                Told::Question(asked) => {
                    last_id += 1;
                    let question = FromServer::Question {
                        id: last_id,
                        kind: asked.question.kind().to_owned(),
                        text: asked.text.clone(),
                        echo: asked.question.echoes(),
                    };
                    open = Some(asked);
                    say(socket, &question).await?;
                }
                Told::Withdrawn => {
                    open = None;
                    say(socket, &FromServer::Withdrawn { id: last_id }).await?;
                }
            },
        }
    }
}
