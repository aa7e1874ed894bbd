//! The viewers of a session as its task sees them, kept up without ever slowing it.
//!
//! Each viewer has a queue of its own, bounded in bytes. One that falls behind gets nothing more until it has
//! read what is there; then it is shown the present screen and goes on from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cotty_core::filter::Filter;
use cotty_core::marks::Key;
use cotty_core::names::{Mode, Offset, Principal, RunId};
use tokio::sync::{Notify, mpsc};

use crate::report::{Holds, RunState, SessionState};

/// What a viewer may fall behind.
const BACKLOG_BYTES_MAX: usize = 1024 * 1024;
/// The same in events; output comes in pieces of some kilobytes.
const BACKLOG_EVENTS_MAX: usize = 512;

/// That somebody types is told so often.
const WROTE_EVERY: Duration = Duration::from_millis(250);

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
        /// The same, in its parts.
        holds: Holds,
    },
    /// Somebody else has typed.
    Wrote {
        /// Who.
        who: Principal,
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
    /// The session has another name from here on.
    Renamed {
        /// Which.
        name: String,
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

/// How far a viewer is behind; shared between its place and itself.
#[derive(Default)]
pub(crate) struct Backlog {
    pub(crate) bytes: AtomicUsize,
    pub(crate) lagging: AtomicBool,
    pub(crate) caught_up: Notify,
}

/// Returns what an event counts for in a backlog.
pub(crate) fn weight(event: &ViewEvent) -> usize {
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
    /// Who wrote last, and when that was told.
    wrote: Option<(Principal, Instant)>,
    /// The one that typed last: the session's size is that of its window.
    leads: Option<u64>,
}

impl Viewers {
    pub(crate) fn new(key: Key) -> Self {
        Self { seats: Vec::new(), filter: None, key, wrote: None, leads: None }
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

    /// A viewer's window has another size: returns whether the session takes it.
    pub(crate) fn is_sized(&mut self, id: u64, size: (u16, u16)) -> bool {
        let counts = self.leads == Some(id) || self.seats.len() == 1;
        let Some(seat) = self.get(id) else { return false };
        seat.size = Some(size);
        counts
    }

    /// A viewer has typed, so the session takes its size from now on.
    pub(crate) fn lead(&mut self, id: u64) -> Option<(u16, u16)> {
        let size = self.get(id)?.size?;
        self.leads = Some(id);
        Some(size)
    }

    /// Shows output to all who keep up.
    pub(crate) fn show(&mut self, from: Offset, to: Offset, bytes: &[u8]) {
        let Some(filter) = &mut self.filter else { return };
        let mut filtered = Vec::with_capacity(bytes.len());
        filter.feed(bytes, &mut filtered);
        self.tell(&ViewEvent::Output { from, to, bytes: filtered.into() });
    }

    /// Tells all but one that somebody has typed, not more often than they need to know.
    pub(crate) fn tell_wrote(&mut self, now: Instant, author: Option<u64>, who: &Principal) {
        let others = self.seats.iter().filter(|seat| Some(seat.id) != author);
        if self
            .wrote
            .as_ref()
            .is_some_and(|(it, at)| it == who && now.saturating_duration_since(*at) < WROTE_EVERY)
        {
            return;
        }
        others.for_each(|seat| seat.tell(ViewEvent::Wrote { who: who.clone() }));
        self.wrote = Some((who.clone(), now));
    }

    /// Returns whether a person has a viewer here.
    pub(crate) fn has(&self, who: &Principal) -> bool {
        self.seats.iter().any(|seat| seat.who == *who)
    }

    /// Tells all something.
    pub(crate) fn tell(&mut self, event: &ViewEvent) {
        for seat in &self.seats {
            seat.tell(event.clone());
        }
    }
}

impl Seat {
    /// Makes a place, and the queue that it fills.
    pub(crate) fn new(
        id: u64,
        who: Principal,
        size: Option<(u16, u16)>,
    ) -> (Self, mpsc::Receiver<ViewEvent>, Arc<Backlog>) {
        let (events, queue) = mpsc::channel(BACKLOG_EVENTS_MAX);
        let backlog = Arc::new(Backlog::default());
        (Self { id, who, size, events, backlog: Arc::clone(&backlog) }, queue, backlog)
    }

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
