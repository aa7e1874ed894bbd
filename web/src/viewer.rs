//! One viewer: a WebSocket that speaks `cotty.1` on one side, the engine's viewer on the other, one `select!` between.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use cotty_core::mouse;
use cotty_core::names::Offset;
use cotty_core::refusal::Refusal;
use cotty_engine::report::{Caller, SessionStatus, Which};
use cotty_engine::seats::ViewEvent;
use cotty_engine::viewer::{How, PenOrder, Typed, Viewer};
use cotty_wire::api::{Failure, Who};
use cotty_wire::socket::{
    Echo, Frame, FromClient, FromServer, KEY_BYTES_MAX, Kind, MESSAGE_BYTES_MAX, NAME, PASTE_BYTES_MAX, close,
};
use tokio::sync::watch;

use crate::answer::{Asked, Refused};
use crate::frames::{End, part, say, send, understood};
use crate::guard::Admitted;
use crate::logins::since_1970;
use crate::served::Served;
use crate::words;

/// A viewer that does not say what it wants within this time is sent away.
const JOIN_WAIT_MAX: Duration = Duration::from_secs(10);

/// A viewer that says what it has shown is this far behind at most.
const UNSEEN_BYTES_MAX: u64 = 1024 * 1024;

/// Refuses what can be refused before the upgrade, then upgrades.
pub(crate) async fn open(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    Extension(admitted): Extension<Admitted>,
    asked: Asked,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    let which = Which { session: asked.0.session, target: None };
    served.hub.status(&caller, &which).await?;
    let upgrade =
        upgrade.protocols([NAME]).max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
    if upgrade.selected_protocol().is_none() {
        let why = format!("the subprotocol {NAME} must be asked for");
        return Err(Refusal::InvalidArgument { what: "Sec-WebSocket-Protocol", why }.into());
    }
    let token = served.tasks.token();
    Ok(upgrade.on_upgrade(async move |mut socket| {
        let (code, reason) = match admitted.place() {
            Ok(_place) => seat(&mut socket, &served, (caller, admitted), which).await,
            Err(failure) => refused(&mut socket, failure).await,
        };
        part(&mut socket, code, reason).await;
        drop(token);
    }))
}

/// A viewer at its place.
struct Seat<'a> {
    socket: &'a mut WebSocket,
    served: &'a Served,
    caller: Caller,
    admitted: Admitted,
    viewer: Viewer,
    paste: Vec<u8>,
    /// A paste that waits for a person's word.
    held: Option<(u64, bytes::Bytes)>,
    last_seq: Option<u64>,
    /// Where what was sent ends.
    sent: Offset,
    /// Up to where the viewer has shown it, where it ever says so.
    seen: Option<Offset>,
}

/// How a socket ends with the daemon.
const GOING: End = (close::GOING_AWAY, "the daemon ends; sessions live on");

/// How it ends with what let it in.
const OVER: End = (close::ACCESS_ENDED, "the login or token has ended");

async fn seat(
    socket: &mut WebSocket,
    served: &Served,
    (caller, admitted): (Caller, Admitted),
    which: Which,
) -> End {
    let first = tokio::select! {
        biased;
        () = served.stopping.cancelled() => return GOING,
        () = admitted.over(served) => return OVER,
        first = tokio::time::timeout(JOIN_WAIT_MAX, socket.recv()) => first,
    };
    let Ok(first) = first else {
        return (close::NO_JOIN, "no join came");
    };
    let (have, size) = match first.map(understood) {
        Some(Ok(Some(FromClient::Join { have, cols, rows, .. }))) => {
            (have, cols.zip(rows).filter(|_| admitted.grant.writes()))
        }
        Some(Err(end)) => return end,
        _ => return (close::MALFORMED, "the first message is join"),
    };
    // Whoever joins is shown the present by a repaint, wherever they were before.
    if have.is_some_and(|it| it.parse::<Offset>().is_err()) {
        return (close::MALFORMED, "have is no offset");
    }
    // The name may be a later session's since the socket was let in.
    let is_meant = |it: &SessionStatus| admitted.sees(&it.name, since_1970(it.opened_at));
    match served.hub.view(&caller, &which, size, is_meant).await {
        Ok(viewer) => {
            let (paste, held, last_seq, sent, seen) = (Vec::new(), None, None, Offset::default(), None);
            let mut seat =
                Seat { socket, served, caller, admitted, viewer, paste, held, last_seq, sent, seen };
            match seat.sit().await {
                Ok(never) | Err(never) => never,
            }
        }
        Err(refusal) => refused(socket, Failure::from(&refusal)).await,
    }
}

async fn refused(socket: &mut WebSocket, failure: Failure) -> End {
    // The close code tells the rest, should the words not arrive.
    say(socket, &FromServer::Refused { seq: None, failure }).await.ok();
    (close::REFUSED, "refused")
}

/// Waits for what a viewer is shown next. One that does not keep up is shown nothing more before the session's end.
async fn next(viewer: &mut Viewer, keeps_up: bool) -> ViewEvent {
    if !keeps_up {
        viewer.ended().await;
    }
    viewer.next().await
}

impl Seat<'_> {
    async fn sit(&mut self) -> Result<End, End> {
        self.welcome().await?;
        let stopping = self.served.stopping.clone();
        let admitted = self.admitted.clone();
        let over = admitted.over(self.served);
        tokio::pin!(over);
        let mut cards = self.served.hub.cards_change();
        if !self.served.hub.cards().is_empty() {
            self.show_cards().await?;
        }
        loop {
            // What ends it does so also where the viewer takes nothing, and something for it is on its way.
            tokio::select! {
                biased;
                () = stopping.cancelled() => return Ok(GOING),
                () = over.as_mut() => return Ok(OVER),
                turn = self.turn(&mut cards) => turn?,
            }
        }
    }

    /// Hears one message, or shows one thing.
    async fn turn(&mut self, cards: &mut watch::Receiver<()>) -> Result<(), End> {
        let keeps_up = self.keeps_up();
        // An arm that is cancelled has taken nothing. What a person types comes first, as in the session's task.
        tokio::select! {
            biased;
            message = self.socket.recv() => match message {
                None => Err((close::SESSION_ENDED, "the viewer left")),
                Some(message) => self.hear(message).await,
            },
            Ok(()) = cards.changed() => self.show_cards().await,
            event = next(&mut self.viewer, keeps_up) => self.show(event).await,
        }
    }

    /// A browser takes whatever comes and keeps it in its memory. Once it has said what it has shown, it gets no more than
    /// a little beyond that; its place in the session fills up meanwhile, and it goes on with a repaint.
    fn keeps_up(&self) -> bool {
        self.seen.is_none_or(|seen| {
            seen.epoch != self.sent.epoch || self.sent.byte.saturating_sub(seen.byte) <= UNSEEN_BYTES_MAX
        })
    }

    /// Shows what waits for a person, anywhere: those of this session and, to whoever sees more than it, of the others.
    async fn show_cards(&mut self) -> Result<(), End> {
        let hub = &self.served.hub;
        let cards = words::cards(hub.cards(), hub.cards_ended(), self.admitted.eyes());
        say(self.socket, &FromServer::Cards { cards }).await
    }

    async fn welcome(&mut self) -> Result<(), End> {
        let (cols, rows) = self.viewer.size();
        let welcome = FromServer::Welcome {
            protocol: NAME.to_owned(),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            you: Who { role: self.admitted.grant.to_string(), label: self.caller.principal.label.clone() },
            session: self.viewer.session().to_owned(),
            cols,
            rows,
        };
        say(self.socket, &welcome).await
    }

    async fn hear(&mut self, message: Result<Message, axum::Error>) -> Result<(), End> {
        let heard = understood(message)?;
        if heard.as_ref().is_some_and(|it| !matches!(it, FromClient::Seen { .. })) {
            self.admitted.is_here(self.served);
        }
        match heard {
            None => Ok(()),
            Some(FromClient::Join { .. }) => Err((close::MALFORMED, "join comes once")),
            Some(
                FromClient::Key { .. }
                | FromClient::Paste { .. }
                | FromClient::Confirm { .. }
                | FromClient::Pen { .. }
                | FromClient::Park { .. }
                | FromClient::Mouse { .. }
                | FromClient::Resize { .. },
            ) if !self.admitted.grant.writes() => Err((close::NOT_ALLOWED, "whoever watches types nothing")),
            Some(FromClient::Control { .. }) if !self.may_choose() => {
                Err((close::NOT_ALLOWED, "the mode is not yours to choose"))
            }
            Some(FromClient::Key { seq, bytes }) => {
                if bytes.0.len() > KEY_BYTES_MAX {
                    return Err((close::TOO_LARGE, "too many keys at once"));
                }
                self.count(seq)?;
                let typed = self.viewer.key(seq, bytes.0.into()).await;
                self.refuse(Some(seq), typed).await
            }
            Some(FromClient::Paste { seq, part, last }) => self.paste(seq, &part.0, last).await,
            Some(FromClient::Confirm { seq, paste, yes }) => self.confirm(seq, paste, yes).await,
            Some(FromClient::Resize { cols, rows }) => {
                let resized = self.viewer.resize(cols, rows).await;
                self.refuse(None, resized).await
            }
            Some(FromClient::Seen { offset }) => {
                self.seen = Some(offset.parse().map_err(|_| (close::MALFORMED, "seen is no offset"))?);
                Ok(())
            }
            Some(FromClient::Mouse { button, col, row, up }) => {
                let event = mouse::Event { button, col, row, up };
                let pointed = self.viewer.mouse(&self.caller, event).await;
                self.refuse(None, pointed).await
            }
            Some(FromClient::Pen { take }) => {
                let order = match (take, self.may_choose()) {
                    (false, _) => PenOrder::Release,
                    (true, false) => PenOrder::Take,
                    (true, true) => PenOrder::TakeOver,
                };
                self.pass_pen(order).await
            }
            Some(FromClient::Park { aside }) => {
                self.pass_pen(if aside { PenOrder::PutAside } else { PenOrder::PutBack }).await
            }
            Some(FromClient::Control { mode }) => {
                let mode = mode.parse().map_err(|_| (close::MALFORMED, "no such mode"))?;
                let chosen = self.viewer.set_mode(&self.caller, mode).await;
                self.refuse(None, chosen).await
            }
            Some(
                FromClient::Open { .. }
                | FromClient::Trust { .. }
                | FromClient::Card { .. }
                | FromClient::Secret { .. }
                | FromClient::Answer { .. },
            ) => Err((close::MALFORMED, "nothing was asked here")),
        }
    }

    async fn pass_pen(&mut self, order: PenOrder) -> Result<(), End> {
        let passed = self.viewer.pen(&self.caller, order).await;
        self.refuse(None, passed).await
    }

    async fn paste(&mut self, seq: u64, part: &[u8], last: bool) -> Result<(), End> {
        if self.paste.len() + part.len() > PASTE_BYTES_MAX {
            return Err((close::TOO_LARGE, "the paste is too long"));
        }
        self.paste.extend_from_slice(part);
        if !last {
            return Ok(());
        }
        self.count(seq)?;
        let text = bytes::Bytes::from(std::mem::take(&mut self.paste));
        self.held = None;
        match self.viewer.paste(seq, text.clone(), How::Pasted).await {
            Ok(Typed::Asks { lines }) => {
                self.held = Some((seq, text));
                say(self.socket, &FromServer::PasteAsks { seq, lines }).await
            }
            pasted => self.refuse(Some(seq), pasted.map(drop)).await,
        }
    }

    /// A person has said what becomes of the paste that waits.
    async fn confirm(&mut self, seq: u64, paste: u64, yes: bool) -> Result<(), End> {
        self.count(seq)?;
        let held = self.held.take_if(|(it, _)| *it == paste);
        let pasted = match held {
            Some((_, text)) if yes => self.viewer.paste(seq, text, How::Confirmed).await.map(drop),
            Some(_) => return Ok(()),
            None => {
                Err(Refusal::InvalidArgument { what: "paste", why: "none waits by this number".to_owned() })
            }
        };
        self.refuse(Some(seq), pasted).await
    }

    /// On the unix socket it is the engine's to say.
    fn may_choose(&self) -> bool {
        self.admitted.credential.is_none() || self.admitted.grant.governs()
    }

    /// Numbers rise, so that an acknowledgement means one key and no other.
    fn count(&mut self, seq: u64) -> Result<(), End> {
        if self.last_seq.is_some_and(|last| seq <= last) {
            return Err((close::MALFORMED, "numbers of keys rise"));
        }
        self.last_seq = Some(seq);
        Ok(())
    }

    async fn refuse(&mut self, seq: Option<u64>, done: Result<(), Refusal>) -> Result<(), End> {
        match done {
            Ok(()) => Ok(()),
            Err(refusal) => {
                say(self.socket, &FromServer::Refused { seq, failure: Failure::from(&refusal) }).await
            }
        }
    }

    async fn show(&mut self, event: ViewEvent) -> Result<(), End> {
        let message = match event {
            ViewEvent::Repaint { at, bytes } => {
                self.sent = at;
                let frame = Frame { kind: Kind::Repaint, from: at, to: at.byte, bytes: &bytes };
                return send(self.socket, Message::Binary(frame.encode().into())).await;
            }
            ViewEvent::Output { from, to, bytes } => {
                self.sent = to;
                let frame = Frame { kind: Kind::Output, from, to: to.byte, bytes: &bytes };
                return send(self.socket, Message::Binary(frame.encode().into())).await;
            }
            ViewEvent::Closed { reason } => {
                say(self.socket, &FromServer::Closed { code: close::SESSION_ENDED, reason }).await?;
                return Err((close::SESSION_ENDED, "the session ended"));
            }
            ViewEvent::Gap { from, to, reason } => {
                FromServer::Gap { from: from.to_string(), to: to.to_string(), reason }
            }
            ViewEvent::Echo { sequence, echo } => {
                let echo = match echo {
                    Some(true) => Echo::On,
                    Some(false) => Echo::Off,
                    None => Echo::Unknown,
                };
                FromServer::Echo { seq: sequence, echo }
            }
            ViewEvent::Gate { mode, pen, holds } => {
                FromServer::Gate { mode: mode.to_string(), pen, holds: words::holds(holds) }
            }
            ViewEvent::Wrote { who } => FromServer::Wrote { who: words::who(&who) },
            ViewEvent::Run { run, command, state } => {
                FromServer::Run { id: run.to_string(), command, state: words::run_state(&state) }
            }
            ViewEvent::Presence { who } => FromServer::Presence { who },
            ViewEvent::Size { cols, rows } => FromServer::Size { cols, rows },
            ViewEvent::Renamed { name } => FromServer::Renamed { session: name },
            ViewEvent::State { state } => {
                let (session, detail) = words::session_state(&state);
                FromServer::State { session: session.to_owned(), detail }
            }
        };
        say(self.socket, &message).await
    }
}
