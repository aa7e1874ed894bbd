//! Who watches a session, and how they are kept up without ever slowing it.
//!
//! Each viewer has a queue of its own, bounded in bytes. One that falls behind gets nothing more until it has
//! read what is there; then it is shown the present screen and goes on from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use cotty_core::filter::Filter;
use cotty_core::marks::Key;
use cotty_core::names::{Mode, Offset, Principal, RunId};
use cotty_core::refusal::Refusal;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::handle::SessionHandle;
use crate::report::{RunState, SessionState};
use crate::request::Request;

/// What a viewer may fall behind.
const BACKLOG_BYTES_MAX: usize = 1024 * 1024;
/// The same in events; output comes in pieces of some kilobytes.
const BACKLOG_EVENTS_MAX: usize = 512;

/// What a viewer is told.
#[derive(Clone, Debug)]
pub enum ViewEvent {
    /// The screen as it is: the first event, and again after the viewer fell behind.
    Repaint {
        /// Where the stream goes on.
        at: Offset,
        /// What paints it.
        bytes: Bytes,
    },
    /// What was printed, filtered.
    Output {
        /// The raw offset of the first byte.
        from: Offset,
        /// One past the last.
        to: Offset,
        /// What is left of it.
        bytes: Bytes,
    },
    /// Output that is not shown.
    Gap {
        /// The first byte.
        from: Offset,
        /// One past the last.
        to: Offset,
        /// Why.
        reason: String,
    },
    /// A key was applied.
    Echo {
        /// The viewer's own number of it.
        sequence: u64,
        /// Whether the terminal showed it, where that is known.
        echo: Option<bool>,
    },
    /// Who may write, and who does.
    Gate {
        /// The operator's choice.
        mode: Mode,
        /// Who holds the pen.
        pen: Option<String>,
    },
    /// A command began or changed.
    Run {
        /// Its handle.
        run: RunId,
        /// Its text.
        command: String,
        /// Where it stands.
        state: RunState,
    },
    /// Who is here.
    Presence {
        /// Their labels.
        who: Vec<String>,
    },
    /// The terminal's size.
    Size {
        /// The width.
        cols: u16,
        /// The height.
        rows: u16,
    },
    /// How the session stands.
    State {
        /// How.
        state: SessionState,
    },
    /// The session ended: the last event.
    Closed {
        /// Why.
        reason: String,
    },
}

/// A viewer's place in a session's task.
pub(crate) struct Seat {
    pub(crate) id: u64,
    pub(crate) who: Principal,
    pub(crate) size: Option<(u16, u16)>,
    events: mpsc::Sender<ViewEvent>,
    backlog: Arc<Backlog>,
}

#[derive(Default)]
struct Backlog {
    bytes: AtomicUsize,
    lagging: AtomicBool,
    caught_up: Notify,
}

/// A viewer, from the outside. Dropping it leaves the session.
pub struct Viewer {
    session: SessionHandle,
    name: String,
    seat: u64,
    size: (u16, u16),
    events: mpsc::Receiver<ViewEvent>,
    backlog: Arc<Backlog>,
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
        let (sender, events) = mpsc::channel(BACKLOG_EVENTS_MAX);
        let backlog = Arc::new(Backlog::default());
        let seat = Seat { id, who, size, events: sender, backlog: Arc::clone(&backlog) };
        (seat, Self { session, name, seat: id, size: present, events, backlog })
    }

    /// Waits for the next event. Cancel-safe.
    pub async fn next(&mut self) -> ViewEvent {
        loop {
            match self.events.try_recv() {
                Ok(event) => return self.took(event),
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    return ViewEvent::Closed { reason: "the session has ended".into() };
                }
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
            if self.backlog.lagging.load(Ordering::Acquire) {
                // Everything that was there has been read: ask for the present screen, and wait for it.
                let asked = self.session.tell(Request::Repaint { seat: self.seat }).await;
                if asked.is_err() {
                    return ViewEvent::Closed { reason: "the session has ended".into() };
                }
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
        self.type_in(sequence, bytes, false).await
    }

    /// Pastes a text: bracketed where the program asks for it.
    ///
    /// # Errors
    ///
    /// Says why it was not taken.
    pub async fn paste(&self, sequence: u64, bytes: Bytes) -> Result<(), Refusal> {
        self.type_in(sequence, bytes, true).await
    }

    /// Says how large this viewer is.
    ///
    /// # Errors
    ///
    /// Says that the session has ended.
    pub async fn resize(&self, cols: u16, rows: u16) -> Result<(), Refusal> {
        self.session.tell(Request::SeatSize { seat: self.seat, cols, rows }).await
    }

    async fn type_in(&self, sequence: u64, bytes: Bytes, paste: bool) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        let keys = Request::Keys { seat: self.seat, sequence, bytes, paste, reply };
        self.session.tell(keys).await?;
        answer.await.map_err(|_| self.session.gone())?
    }

    fn took(&mut self, event: ViewEvent) -> ViewEvent {
        self.backlog.bytes.fetch_sub(weight(&event), Ordering::AcqRel);
        if let ViewEvent::Size { cols, rows } = event {
            self.size = (cols, rows);
        }
        event
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.session.tell_now(Request::Leave { seat: self.seat });
    }
}

fn weight(event: &ViewEvent) -> usize {
    if let ViewEvent::Repaint { bytes, .. } | ViewEvent::Output { bytes, .. } = event {
        bytes.len()
    } else {
        0
    }
}

/// All viewers of one session.
pub(crate) struct Viewers {
    seats: Vec<Seat>,
    filter: Option<Filter>,
    key: Key,
}

impl Viewers {
    pub(crate) fn new(key: Key) -> Self {
        Self { seats: Vec::new(), filter: None, key }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    pub(crate) fn labels(&self) -> Vec<String> {
        self.seats.iter().map(|seat| seat.who.label.clone()).collect()
    }

    pub(crate) fn get(&mut self, id: u64) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.id == id)
    }

    /// Takes a viewer in; it sees the present screen first.
    pub(crate) fn join(&mut self, seat: Seat) {
        if self.filter.is_none() {
            self.filter = Some(Filter::new(self.key.clone()));
        }
        self.seats.push(seat);
    }

    pub(crate) fn leave(&mut self, id: u64) {
        self.seats.retain(|seat| seat.id != id);
        if self.seats.is_empty() {
            self.filter = None;
        }
    }

    /// Shows output to all who keep up.
    pub(crate) fn show(&mut self, from: Offset, to: Offset, bytes: &[u8]) {
        let Some(filter) = &mut self.filter else { return };
        let mut filtered = Vec::with_capacity(bytes.len());
        filter.feed(bytes, &mut filtered);
        self.tell(&ViewEvent::Output { from, to, bytes: filtered.into() });
    }

    /// Tells all something.
    pub(crate) fn tell(&mut self, event: &ViewEvent) {
        for seat in &self.seats {
            seat.tell(event.clone());
        }
    }
}

impl Seat {
    pub(crate) fn tell(&self, event: ViewEvent) {
        if self.backlog.lagging.load(Ordering::Acquire) {
            return;
        }
        let bytes = weight(&event);
        let behind = self.backlog.bytes.fetch_add(bytes, Ordering::AcqRel);
        let too_much = behind > 0 && behind + bytes > BACKLOG_BYTES_MAX;
        if too_much || self.events.try_send(event).is_err() {
            self.backlog.bytes.fetch_sub(bytes, Ordering::AcqRel);
            self.backlog.lagging.store(true, Ordering::Release);
            self.backlog.caught_up.notify_one();
        }
    }

    /// Shows the present screen, and everything again from here on.
    pub(crate) fn catch_up(&self, events: impl IntoIterator<Item = ViewEvent>) {
        self.backlog.lagging.store(false, Ordering::Release);
        for event in events {
            self.tell(event);
        }
    }
}
