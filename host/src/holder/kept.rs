//! What a terminal printed: on disk, and in memory while the disk is full. What fits in neither is a hole that is told.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use cotty_core::names::{Epoch, Offset};

use crate::holder::segments::{SegmentReader, SegmentWriter};

/// What is held in memory while the disk takes nothing.
const MEMORY_BYTES_MAX: usize = 1 << 20;

/// When memory is full, this much of the oldest goes at once.
const DROPPED_BYTES: usize = 64 << 10;

/// How much may be unacknowledged while the disk takes nothing, so that memory never drops what is still to be sent.
pub const WINDOW_BYTES_DISK_FULL: u64 = (MEMORY_BYTES_MAX - 4 * DROPPED_BYTES) as u64;

/// A disk that took nothing is tried again after this long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The output of one shell.
#[derive(Debug)]
pub struct Kept {
    epoch: Epoch,
    writer: SegmentWriter,
    reader: SegmentReader,
    // The bytes that follow those on disk; empty while the disk takes them.
    memory: VecDeque<u8>,
    dropped: Option<Range<u64>>,
    retry_at: Option<Instant>,
}

impl Kept {
    /// Keeps the output of a shell in this directory, and goes on at the end of what is there.
    pub fn open(directory: PathBuf, epoch: Epoch, quota_bytes: u64) -> io::Result<Self> {
        let writer = SegmentWriter::open(&directory, epoch, quota_bytes)?;
        let reader = SegmentReader::open(directory);
        Ok(Self { epoch, writer, reader, memory: VecDeque::new(), dropped: None, retry_at: None })
    }

    /// The same where nothing was kept yet. Nothing is made on disk before something is printed.
    pub fn begin(directory: PathBuf, epoch: Epoch, quota_bytes: u64) -> Self {
        let writer = SegmentWriter::begin(&directory, epoch, quota_bytes);
        let reader = SegmentReader::open(directory);
        Self { epoch, writer, reader, memory: VecDeque::new(), dropped: None, retry_at: None }
    }

    /// Returns the place of the next byte.
    pub fn end(&self) -> u64 {
        self.memory_start() + self.memory.len() as u64
    }

    /// Returns the first byte that is kept; the end if none is.
    pub fn first_kept(&self) -> u64 {
        self.writer.first_kept()
    }

    /// Returns the quota as it is held.
    pub fn quota_bytes(&self) -> u64 {
        self.writer.quota_bytes()
    }

    /// Says whether the disk takes nothing at present.
    pub fn is_disk_full(&self) -> bool {
        self.retry_at.is_some()
    }

    /// Returns when to call `retry`, while the disk takes nothing.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Appends what was printed. It is kept, at least in memory, whatever the disk says.
    pub fn append(&mut self, bytes: &[u8], now: Instant) {
        self.retry(now);
        let mut stored = 0;
        if self.memory.is_empty() {
            let (taken, error) = self.writer.append(bytes, SystemTime::now());
            stored = taken;
            self.note(error, now);
        }
        self.memory.extend(&bytes[stored..]);
        while self.memory.len() > MEMORY_BYTES_MAX {
            self.drop_oldest();
        }
    }

    /// Tries a full disk again, when it is time.
    pub fn retry(&mut self, now: Instant) {
        if self.retry_at.is_none_or(|at| now < at) {
            return;
        }
        let (stored, error) = self.writer.append(self.memory.make_contiguous(), SystemTime::now());
        self.memory.drain(..stored);
        self.note(error, now);
        if self.memory.is_empty() {
            self.memory = VecDeque::new();
        }
    }

    /// Returns the bytes that were dropped since the last call: no one can read them any more.
    pub fn take_dropped(&mut self) -> Option<Range<u64>> {
        self.dropped.take()
    }

    /// Returns at most so many bytes from a place on; they begin later where those before are not kept.
    pub fn read(&self, from: u64, bytes_max: usize) -> io::Result<(u64, Vec<u8>)> {
        if from < self.memory_start() {
            let (start, bytes) = self.reader.read(Offset { epoch: self.epoch, byte: from }, bytes_max)?;
            if !bytes.is_empty() {
                return Ok((start.byte, bytes));
            }
        }
        let start = from.max(self.memory_start());
        let skipped = usize::try_from(start - self.memory_start()).unwrap_or(usize::MAX);
        Ok((start, self.memory.iter().skip(skipped).take(bytes_max).copied().collect()))
    }

    fn memory_start(&self) -> u64 {
        self.writer.end()
    }

    fn note(&mut self, error: Option<io::Error>, now: Instant) {
        self.retry_at = error.map(|error| {
            tracing::warn!(%error, epoch = self.epoch.0, "output is not stored; it is tried again every second");
            now + RETRY_AFTER
        });
    }

    fn drop_oldest(&mut self) {
        let start = self.memory_start();
        self.memory.drain(..DROPPED_BYTES);
        let end = start + DROPPED_BYTES as u64;
        self.writer.skip_to(end);
        let before = self.dropped.take().filter(|it| it.end == start);
        self.dropped = Some(before.map_or(start, |it| it.start)..end);
    }
}
