//! A viewer of a session, from the outside.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use cotty_core::mouse;
use cotty_core::names::{Mode, Offset, Principal};
use cotty_core::refusal::Refusal;
use tokio::sync::{mpsc, oneshot};

use crate::handle::SessionHandle;
use crate::report::Caller;
use crate::request::Request;
use crate::seats::{Backlog, Seat, ViewEvent, weight};
pub use crate::viewing::{How, PenOrder, Typed};

/// Output that waits is given in pieces of so much and one more.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// A viewer, from the outside. Dropping it leaves the session.
pub struct Viewer {
    session: SessionHandle,
    name: String,
    seat: u64,
    size: (u16, u16),
    events: mpsc::Receiver<ViewEvent>,
    backlog: Arc<Backlog>,
    /// What was met behind output that was taken together.
    held: Option<ViewEvent>,
}

impl Viewer {
    pub(crate) fn seat(
        session: SessionHandle,
        name: String,
        id: u64,
        who: Principal,
        size: Option<(u16, u16)>,
        present: (u16, u16),
    ) -> (Seat, Self) {
        let (seat, events, backlog) = Seat::new(id, who, size);
        (seat, Self { session, name, seat: id, size: present, events, backlog, held: None })
    }

    /// Waits for the next event. Cancel-safe.
    pub async fn next(&mut self) -> ViewEvent {
        if let Some(event) = self.held.take() {
            return self.took(event);
        }
        loop {
            match self.events.try_recv() {
                Ok(event) => return self.took(event),
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    return ViewEvent::Closed { reason: "the session has ended".into() };
                }
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
            if self.backlog.lagging.load(Ordering::Acquire) {
                // Everything that was there has been read: ask for the present screen, once, and wait for it.
                let asked = self.session.tell(Request::Repaint { seat: self.seat }).await;
                let event = if asked.is_ok() { self.events.recv().await } else { None };
                let closed = || ViewEvent::Closed { reason: "the session has ended".into() };
                return event.map_or_else(closed, |event| self.took(event));
            }
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => return self.took(event),
                    None => return ViewEvent::Closed { reason: "the session has ended".into() },
                },
                () = self.backlog.caught_up.notified() => {}
            }
        }
    }

    /// Returns when the session has ended, whatever was not read yet. Cancel-safe.
    pub async fn ended(&self) {
        self.session.until_gone().await;
    }

    /// Returns the session's name.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.name
    }

    /// Returns the terminal's size as last told.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Types a person's keys.
    ///
    /// # Errors
    ///
    /// Says why they were not taken.
    pub async fn key(&self, sequence: u64, bytes: Bytes) -> Result<(), Refusal> {
        self.type_in(sequence, bytes, How::Typed).await.map(drop)
    }

    /// Pastes a text: bracketed where the program asks for it at this moment. Where it does not, several lines are asked
    /// about first; once that was said, [`How::Confirmed`] pastes them.
    ///
    /// # Errors
    ///
    /// Says why it was not taken.
    pub async fn paste(&self, sequence: u64, bytes: Bytes, how: How) -> Result<Typed, Refusal> {
        self.type_in(sequence, bytes, how).await
    }

    /// Says how large this viewer is.
    ///
    /// # Errors
    ///
    /// Says that the session has ended.
    pub async fn resize(&self, cols: u16, rows: u16) -> Result<(), Refusal> {
        self.session.tell(Request::SeatSize { seat: self.seat, cols, rows }).await
    }

    /// Sets who may write in this very session, whatever has its name by now.
    ///
    /// # Errors
    ///
    /// Refuses agents, and says that the session has ended.
    pub async fn set_mode(&self, caller: &Caller, mode: Mode) -> Result<(), Refusal> {
        caller.is_person_for("choosing who may write")?;
        let who = caller.principal.clone();
        self.session.ask(|reply| Request::SetMode { who, mode, reply }).await
    }

    /// Tells the program of a person's mouse, if it wants to be told of it at this moment.
    ///
    /// # Errors
    ///
    /// Refuses agents, and says why it was not taken.
    pub async fn mouse(&self, caller: &Caller, event: mouse::Event) -> Result<(), Refusal> {
        caller.is_person_for("pointing at a terminal")?;
        let who = caller.principal.clone();
        self.session.ask(|reply| Request::Mouse { who, event, reply }).await
    }

    /// Takes the pen for the person who watches here, or puts it down.
    ///
    /// # Errors
    ///
    /// Refuses agents, and whoever may not take it from another person.
    pub async fn pen(&self, caller: &Caller, order: PenOrder) -> Result<(), Refusal> {
        caller.is_person_for("taking the pen")?;
        let who = caller.principal.clone();
        self.session.ask(|reply| Request::Pen { who, order, reply }).await
    }

    async fn type_in(&self, sequence: u64, bytes: Bytes, how: How) -> Result<Typed, Refusal> {
        let (reply, answer) = oneshot::channel();
        let keys = Request::Keys { seat: self.seat, sequence, bytes, how, reply };
        self.session.tell(keys).await?;
        answer.await.map_err(|_| self.session.gone())?
    }

    fn took(&mut self, event: ViewEvent) -> ViewEvent {
        self.backlog.bytes.fetch_sub(weight(&event), Ordering::AcqRel);
        if let ViewEvent::Output { from, to, bytes } = event {
            return self.together(from, to, bytes);
        }
        if let ViewEvent::Size { cols, rows } = event {
            self.size = (cols, rows);
        }
        event
    }
}

impl Viewer {
    /// Takes what is there already of the same stream with it: whoever is behind catches up in few pieces.
    fn together(&mut self, from: Offset, mut to: Offset, bytes: Bytes) -> ViewEvent {
        let mut all = None::<BytesMut>;
        while self.held.is_none() && all.as_ref().map_or(bytes.len(), BytesMut::len) < PIECE_BYTES_MAX {
            let Ok(event) = self.events.try_recv() else { break };
            match event {
                ViewEvent::Output { from: next, to: end, bytes: more } if next == to => {
                    self.backlog.bytes.fetch_sub(more.len(), Ordering::AcqRel);
                    all.get_or_insert_with(|| BytesMut::from(&bytes[..])).extend_from_slice(&more);
                    to = end;
                }
                other => self.held = Some(other),
            }
        }
        ViewEvent::Output { from, to, bytes: all.map_or(bytes, BytesMut::freeze) }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.session.tell_left(self.seat);
    }
}
