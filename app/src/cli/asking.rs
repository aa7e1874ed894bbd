//! A command that waits for something slow: shows how far it is, and puts the daemon's questions to the person at this
//! terminal. Ctrl-C gives up, and ends what was begun.

use std::io;
use std::time::Duration;

use cotty_core::refusal::Refusal;
use cotty_wire::api::Failure;
use cotty_wire::socket::{FromClient, FromServer, Hidden, close};
use futures_util::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::cli::client::{Client, internal};
use crate::cli::piped::piped;
use crate::cli::print;
use crate::cli::socket::{self, tell};
use crate::cli::terminal::Line;

/// A daemon that ends in the middle is followed by the next so often.
const TRIES_MAX: u32 = 4;

/// What is there sooner needs no words.
const SLOW: Duration = Duration::from_millis(700);

/// How waiting ended.
pub(crate) enum Waited {
    /// With this message, the last one.
    Done(Box<FromServer>),
    /// The person gave up, or we were told to end: with this exit code.
    GivenUp(u8),
}

/// Why there is no answer.
enum Stopped {
    /// The daemon is gone, and had asked nothing yet.
    Gone { why: &'static str },
    /// The daemon is gone, and a question with it.
    Asked { why: &'static str },
    /// It was refused, or cannot be done here.
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What ends us. Ctrl-C is the person's.
pub(crate) struct Ends {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

/// How far it is, told once it is slow.
struct Progress {
    slow_at: Instant,
    newest: Option<String>,
    last: String,
}

/// A question, and what is typed at it.
struct Open {
    id: u64,
    line: Line,
}

/// A question that is open need not be answered any more.
fn withdraw(open: &mut Option<Open>, id: u64) {
    if open.take_if(|it| it.id == id).is_some() {
        print::aside("It was answered elsewhere, or its time is over.");
    }
}

/// Gives an order, and waits for what becomes of it. A daemon that ends before it asked anything is followed by the
/// next one, which is told the same: what is there is found again.
pub(crate) async fn wait_for(client: &Client, path: &str, order: &FromClient) -> Result<Waited, Failure> {
    wait_with(client, path, order, Answers::Typed).await
}

/// Where answers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// They are typed at the terminal.
    Typed,
    /// The first line of standard input is the only one.
    Piped,
}

/// The same with answers from somewhere else.
pub(crate) async fn wait_with(
    client: &Client,
    path: &str,
    order: &FromClient,
    answers: Answers,
) -> Result<Waited, Failure> {
    let mut ends = Ends::new().map_err(|error| internal(&error.to_string()))?;
    let mut tries = 1;
    loop {
        match converse(client, path, order, &mut ends, answers).await {
            Ok(waited) => return Ok(waited),
            Err(Stopped::Gone { .. }) if tries < TRIES_MAX => tries += 1,
            Err(Stopped::Gone { why } | Stopped::Asked { why }) => return Err(ended(why)),
            Err(Stopped::Failed(failure)) => return Err(failure),
        }
    }
}

async fn converse(
    client: &Client,
    path: &str,
    order: &FromClient,
    ends: &mut Ends,
    answers: Answers,
) -> Result<Waited, Stopped> {
    let mut socket = tokio::select! {
        socket = socket::open(client, path) => socket?,
        code = ends.come() => return Ok(Waited::GivenUp(code)),
    };
    if !tell(&mut socket, order).await {
        return Err(Stopped::Gone { why: "it took no order" });
    }
    let mut asked = false;
    let mut progress = Progress { slow_at: Instant::now() + SLOW, newest: None, last: String::new() };
    let mut open = None::<Open>;
    loop {
        // An arm that is cancelled has taken nothing.
        tokio::select! {
            biased;
            code = ends.come() => {
                drop(open);
                // The daemon sees that we are gone in any case.
                drop(tokio::time::timeout(Duration::from_millis(200), socket.close(None)).await);
                return Ok(Waited::GivenUp(code));
            }
            message = socket.next() => match heard(message, asked)? {
                None => {}
                Some(FromServer::Progress { host, stage }) => progress.newest = Some(format!("{host}: {stage}")),
                Some(FromServer::Overheard { host, text }) => print::aside(&format!("{host}: {text}")),
                Some(FromServer::Question { id, .. }) if answers == Answers::Piped => {
                    if std::mem::replace(&mut asked, true) {
                        return Err(unclear().into());
                    }
                    let text = tokio::task::spawn_blocking(piped).await;
                    let text = text.map_err(|error| internal(&error.to_string()))??;
                    if !tell(&mut socket, &FromClient::Answer { id, text: Some(text) }).await {
                        return Err(Stopped::Asked { why: "it took no answer" });
                    }
                }
                Some(FromServer::Withdrawn { id }) => withdraw(&mut open, id),
                Some(FromServer::Question { id, text, echo, .. }) => {
                    let line = Line::begin(&text, echo).await.map_err(|error| no_terminal(&error))?;
                    (open, asked) = (Some(Open { id, line }), true);
                }
                Some(
                    done @ (FromServer::Opened { .. }
                    | FromServer::Trusted { .. }
                    | FromServer::Kept { .. }
                    | FromServer::Answered { .. }),
                ) => {
                    return Ok(Waited::Done(Box::new(done)));
                }
                Some(FromServer::Refused { failure, .. }) => return Err(Stopped::Failed(failure)),
                Some(_) => {}
            },
            answer = typed(&mut open), if open.is_some() => {
                drop(open.take());
                if !tell(&mut socket, &answer).await {
                    return Err(Stopped::Asked { why: "it took no answer" });
                }
                // What follows an answer is told anew.
                progress.slow_at = Instant::now() + SLOW;
            }
            () = tokio::time::sleep_until(progress.slow_at), if open.is_none() && progress.newest.is_some() => {
                progress.tell();
            }
        }
    }
}

async fn typed(open: &mut Option<Open>) -> FromClient {
    match open {
        Some(Open { id, line }) => {
            let text = line.typed().await.map(|it| Hidden::new(it.as_str().to_owned()));
            FromClient::Answer { id: *id, text }
        }
        None => std::future::pending().await,
    }
}

/// Reads a message; nothing where it is the protocol's own.
fn heard(message: Option<Result<Message, Error>>, asked: bool) -> Result<Option<FromServer>, Stopped> {
    let gone = |why| Err(if asked { Stopped::Asked { why } } else { Stopped::Gone { why } });
    match message {
        Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text).ok()),
        Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == close::GOING_AWAY => {
            gone("it ended, or was started anew")
        }
        Some(Ok(Message::Close(Some(frame)))) => {
            Err(internal(&format!("the socket was closed: {} {}", frame.code, frame.reason)).into())
        }
        Some(Ok(Message::Close(None)) | Err(_)) | None => gone("it ended"),
        Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
    }
}

fn ended(why: &str) -> Failure {
    Failure {
        kind: "connection-failure".to_owned(),
        what: format!("the daemon did not answer: {why}"),
        next: "Try again; cotty status tells how the daemon is".to_owned(),
    }
}

fn unclear() -> Failure {
    let why = "its first line is no clear answer: yes, no, or the fingerprint".to_owned();
    Failure::from(&Refusal::InvalidArgument { what: "standard input", why })
}

fn no_terminal(error: &io::Error) -> Failure {
    Failure {
        kind: "environment-missing".to_owned(),
        what: format!("there is a question to a person, and no terminal here: {error}"),
        next: "Run it in a terminal of your own".to_owned(),
    }
}

impl Ends {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one, and returns the exit code that goes with it.
    pub(crate) async fn come(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
            _ = self.hang_up.recv() => 129,
        }
    }
}

impl Progress {
    fn tell(&mut self) {
        if let Some(words) = self.newest.take().filter(|it| *it != self.last) {
            print::aside(&words);
            self.last = words;
        }
    }
}
