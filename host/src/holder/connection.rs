//! One client of the holder: what it says, and what waits to be sent to it.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use cotty_core::names::Offset;
use rustix::event::epoll::EventFlags;

use crate::holder::coding;
use crate::holder::frame::{Event, Malformed, Order, RefusalKind};

/// Output is handed over while less than this waits to be sent; the rest is read from disk later.
const OUTPUT_BYTES_MAX: usize = 256 << 10;

/// While this much waits to be sent no order is read: the client asks faster than it listens.
const ANSWERS_BYTES_MAX: usize = 2 << 20;

/// A program that prints more than this within `FLOOD` is not read by anybody as it prints.
const FLOOD_BYTES: usize = 64 << 10;

/// See `FLOOD_BYTES`.
const FLOOD: Duration = Duration::from_millis(10);

/// A program that prints less than this within `FLOOD` is read piece by piece, each as soon as it is there.
const CALM_BYTES: usize = 4 << 10;

/// Of a flood so much is sent at once: a client that is woken for each piece does little else.
const HELD_BYTES: usize = 128 << 10;

/// The end of a flood is held back for this long at most.
const HELD_FOR: Duration = Duration::from_millis(1);

/// What can wait for the next thing to be told waits for this long at most: mostly the echo of a key follows at once,
/// and a client that is woken for both does twice the work.
const PATIENCE: Duration = Duration::from_millis(1);

/// What is read in one turn.
const READ_BYTES: usize = 16 << 10;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    incoming: BytesMut,
    outgoing: BytesMut,
    held: Option<Held>,
    /// Until then nothing is to be sent that could not wait.
    patient_until: Option<Instant>,
    /// When the present measure of a flood began, and how much was printed since.
    measured: (Instant, usize),
    /// The version was said and is spoken.
    pub(super) greeted: bool,
    /// The terminal it serves.
    pub(super) terminal: Option<u64>,
    /// Nothing more is read; it ends when all is sent.
    pub(super) closing: bool,
    /// What epoll watches for.
    pub(super) watched: EventFlags,
}

/// Output of a flood that waits for more of it.
#[derive(Debug)]
struct Held {
    offset: Offset,
    bytes: Vec<u8>,
    until: Instant,
}

impl Connection {
    /// Takes an accepted stream.
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            incoming: BytesMut::new(),
            outgoing: BytesMut::new(),
            held: None,
            patient_until: None,
            measured: (Instant::now(), 0),
            greeted: false,
            terminal: None,
            closing: false,
            watched: EventFlags::empty(),
        })
    }

    /// Reads what was said; false at the end.
    pub(super) fn receive(&mut self) -> bool {
        let mut buffer = [0; READ_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(bytes) => {
                self.incoming.extend_from_slice(&buffer[..bytes]);
                true
            }
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }

    /// Returns the next whole order.
    pub(super) fn next_order(&mut self) -> Result<Option<Order>, Malformed> {
        if self.closing || self.is_deaf() {
            return Ok(None);
        }
        let order = Order::take(&mut self.incoming);
        if self.incoming.is_empty() {
            self.incoming = BytesMut::new(); // An idle session costs no buffer.
        }
        order
    }

    /// Puts an event into the queue.
    pub(super) fn send(&mut self, event: &Event) {
        self.release();
        event.encode(&mut self.outgoing);
    }

    /// Puts an event into the queue that is to be sent with the next one.
    pub(super) fn send_with_next(&mut self, event: &Event, now: Instant) {
        let alone = self.outgoing.is_empty() && self.held.is_none();
        let until = self.patient_until.or(alone.then(|| now + PATIENCE));
        self.send(event);
        self.patient_until = until;
    }

    /// Puts output into the queue.
    pub(super) fn send_output(&mut self, offset: Offset, bytes: &[u8]) {
        self.release();
        coding::put_output(offset, bytes, &mut self.outgoing);
    }

    /// Puts output into the queue that was printed just now; of a flood, when there is more of it.
    pub(super) fn send_printed(&mut self, offset: Offset, bytes: &[u8], now: Instant) {
        if now.duration_since(self.measured.0) > FLOOD {
            self.measured = (now, 0);
        }
        self.measured.1 += bytes.len();
        if self.measured.1 < FLOOD_BYTES {
            return self.send_output(offset, bytes);
        }
        let begin = || Held { offset, bytes: Vec::with_capacity(HELD_BYTES), until: now + HELD_FOR };
        let held = self.held.get_or_insert_with(begin);
        held.bytes.extend_from_slice(bytes);
        if held.bytes.len() >= HELD_BYTES {
            self.release();
        }
    }

    /// Says whether little was printed of late.
    pub(super) fn is_calm(&self, now: Instant) -> bool {
        self.measured.1 < CALM_BYTES || now.duration_since(self.measured.0) > FLOOD
    }

    /// Returns when what is held back is due.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.held.as_ref().map(|held| held.until).into_iter().chain(self.patient_until).min()
    }

    /// Puts what was held back into the queue. All that is sent after it comes after it.
    pub(super) fn release(&mut self) {
        self.patient_until = None;
        if let Some(held) = self.held.take() {
            coding::put_output(held.offset, &held.bytes, &mut self.outgoing);
        }
    }

    /// Says no, with the reason.
    pub(super) fn refuse(&mut self, kind: RefusalKind, text: impl ToString) {
        self.send(&Event::Refused { kind, text: text.to_string() });
    }

    /// Says whether output may be put into the queue.
    pub(super) fn has_room(&self) -> bool {
        let held = self.held.as_ref().map_or(0, |held| held.bytes.len());
        self.outgoing.len() + held < OUTPUT_BYTES_MAX
    }

    /// Says whether all was sent.
    pub(super) fn is_flushed(&self) -> bool {
        self.outgoing.is_empty() && self.held.is_none()
    }

    /// Sends what the client takes now.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.patient_until.is_some() && !self.closing {
            return Ok(());
        }
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => self.outgoing.advance(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.outgoing = BytesMut::new();
        Ok(())
    }

    /// Returns what epoll should watch for.
    pub(super) fn wanted(&self) -> EventFlags {
        let mut wanted = EventFlags::empty();
        if !self.closing && !self.is_deaf() {
            wanted |= EventFlags::IN;
        }
        if !self.outgoing.is_empty() && (self.patient_until.is_none() || self.closing) {
            wanted |= EventFlags::OUT;
        }
        wanted
    }

    fn is_deaf(&self) -> bool {
        self.outgoing.len() > ANSWERS_BYTES_MAX
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
