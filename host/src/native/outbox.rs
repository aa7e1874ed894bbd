//! What a shell printed, on its way to the engine: first to disk, then on from there as far as the engine follows.
//!
//! A channel is always drained, so nothing here waits: what the engine does not take in time stays on disk under the
//! quota, and what the quota drops is told as lost.

use std::ops::Range;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use cotty_core::names::{Epoch, Offset};

use crate::holder::frame::Event;
use crate::holder::kept::Kept;

/// How far output is sent ahead of its acknowledgement.
const WINDOW_BYTES: u64 = 1 << 20;

/// So much may wait to be sent.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// What is taken from disk at once.
const REPLAY_BYTES: usize = 64 << 10;

/// The events of one shell.
pub(super) struct Outbox {
    epoch: Epoch,
    kept: Kept,
    sent: u64,
    window_from: u64,
    lost: Option<Range<u64>>,
    end: Option<Event>,
    frames: BytesMut,
}

impl Outbox {
    /// Begins where the kept output ends.
    pub(super) fn new(epoch: Epoch, kept: Kept) -> Self {
        let start = kept.end();
        let (sent, window_from) = (start, start);
        Self { epoch, kept, sent, window_from, lost: None, end: None, frames: BytesMut::new() }
    }

    /// The frames that wait to be sent.
    pub(super) fn frames(&mut self) -> &mut BytesMut {
        &mut self.frames
    }

    /// Says whether frames wait.
    pub(super) fn is_waiting(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Puts an event behind those that wait.
    pub(super) fn push(&mut self, event: &Event) {
        event.encode(&mut self.frames);
    }

    /// Takes what was printed: to disk, and at once to an engine that has all before it.
    pub(super) fn take_output(&mut self, bytes: Bytes, now: Instant) {
        let start = self.kept.end();
        self.kept.append(&bytes, now);
        if self.sent == start && self.has_room() {
            self.sent += bytes.len() as u64;
            let offset = self.place(start);
            self.push(&Event::Output { offset, bytes });
        }
        self.account_for_dropped();
    }

    /// Moves the window on.
    pub(super) fn acknowledge(&mut self, byte: u64) {
        self.window_from = self.window_from.max(byte.min(self.sent));
    }

    /// Notes how it ended, once; told after the last byte.
    pub(super) fn end(&mut self, event: Event) {
        self.end = Some(event);
    }

    /// Puts in what is kept and was not sent yet, as far as there is room; at the end, how it ended.
    pub(super) fn catch_up(&mut self) {
        while self.sent < self.kept.end() && self.has_room() {
            let (start, bytes) = match self.kept.read(self.sent, REPLAY_BYTES) {
                Ok(read) => read,
                // A disk that cannot be read has lost them.
                Err(error) => {
                    tracing::warn!(%error, "kept output cannot be read");
                    (self.kept.end(), Vec::new())
                }
            };
            if start > self.sent {
                self.lose(self.sent..start);
                self.window_from = self.window_from.max(start);
                self.tell_lost();
            }
            self.sent = start + bytes.len() as u64;
            if !bytes.is_empty() {
                let offset = self.place(start);
                self.push(&Event::Output { offset, bytes: bytes.into() });
            }
        }
        if self.frames.len() < WAITING_BYTES_MAX {
            self.tell_lost();
        }
        if self.sent == self.kept.end()
            && let Some(end) = self.end.take()
        {
            self.push(&end);
        }
    }

    /// Returns when to call `retry`, while the disk takes nothing.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.kept.retry_at()
    }

    /// Tries a full disk again.
    pub(super) fn retry(&mut self, now: Instant) {
        self.kept.retry(now);
        self.account_for_dropped();
    }

    fn has_room(&self) -> bool {
        self.frames.len() < WAITING_BYTES_MAX && self.sent - self.window_from < WINDOW_BYTES
    }

    // What the engine has seen is told as no longer kept; what it has not seen is told when its turn comes.
    fn account_for_dropped(&mut self) {
        if let Some(dropped) = self.kept.take_dropped()
            && self.sent > dropped.start
        {
            self.lose(dropped.start..dropped.end.min(self.sent));
        }
    }

    fn lose(&mut self, more: Range<u64>) {
        self.lost = Some(match self.lost.take() {
            Some(before) => before.start.min(more.start)..before.end.max(more.end),
            None => more,
        });
    }

    fn tell_lost(&mut self) {
        if let Some(lost) = self.lost.take() {
            let event = Event::Lost { from: self.place(lost.start), to: self.place(lost.end) };
            self.push(&event);
        }
    }

    fn place(&self, byte: u64) -> Offset {
        Offset { epoch: self.epoch, byte }
    }
}
