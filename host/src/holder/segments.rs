//! Output on disk: append-only files of 1 MiB, named by epoch and first offset, the oldest deleted above a quota.
//!
//! A file holds raw bytes and nothing else, so a crash cannot tear a record, and its name and length say all. Beside it
//! lies an index of (offset, time), for recordings; it is never needed to read the bytes.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cotty_core::names::{Epoch, Offset};

/// How much output of a session is kept unless something else is asked for.
pub const QUOTA_BYTES_DEFAULT: u64 = 64 << 20;

/// The smallest quota: a window of output, and the files at both of its ends.
pub const QUOTA_BYTES_MIN: u64 = 4 << 20;

/// A file is closed when it has this length.
pub const SEGMENT_BYTES: u64 = 1 << 20;

/// Moments closer together than this share an entry of the index.
const STAMP_EVERY: Duration = Duration::from_millis(10);

/// The length of an entry of the index: offset and microseconds since 1970, both `u64`, little-endian.
const STAMP_BYTES: usize = 16;

/// Reads the output of a session, also while it is being written by another process.
#[derive(Clone, Debug)]
pub struct SegmentReader {
    directory: PathBuf,
}

/// Appends the output of one shell.
#[derive(Debug)]
pub struct SegmentWriter {
    directory: PathBuf,
    epoch: Epoch,
    quota_bytes: u64,
    // In the order in which they are deleted; the last one is written to, if it is open.
    segments: VecDeque<Segment>,
    open: Option<File>,
    // The index of the open file, and its length.
    index: Option<(File, u64)>,
    end: u64,
    stamped: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    first: Offset,
    length: u64,
}

impl Segment {
    fn end(&self) -> u64 {
        self.first.byte + self.length
    }

    fn path(&self, directory: &Path, ending: &str) -> PathBuf {
        directory.join(format!("{:08x}-{:016x}.{ending}", self.first.epoch.0, self.first.byte))
    }
}

impl SegmentReader {
    /// Reads in this directory, which need not be there yet.
    pub fn open(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Returns at most so many bytes from an offset on, none at the end.
    ///
    /// Where `from` is deleted or was never stored, the bytes begin at the next one that is kept: the returned offset
    /// says which.
    pub fn read(&self, from: Offset, bytes_max: usize) -> io::Result<(Offset, Vec<u8>)> {
        loop {
            let segments = list(&self.directory, Some(from.epoch))?;
            let Some(segment) = segments.iter().find(|it| it.end() > from.byte) else {
                return Ok((from, Vec::new()));
            };
            let start = Offset { byte: from.byte.max(segment.first.byte), ..from };
            match read_at(&segment.path(&self.directory, "out"), start.byte - segment.first.byte, bytes_max) {
                Ok(bytes) => return Ok((start, bytes)),
                // Deleted since it was listed: what is first now?
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the first byte that is kept of a shell; nothing if none is.
    pub fn first_kept(&self, epoch: Epoch) -> io::Result<Option<u64>> {
        Ok(list(&self.directory, Some(epoch))?.first().map(|it| it.first.byte))
    }

    /// Returns the end of what is kept of a shell; nothing if nothing is.
    pub fn end(&self, epoch: Epoch) -> io::Result<Option<u64>> {
        Ok(list(&self.directory, Some(epoch))?.last().map(Segment::end))
    }

    /// Returns how much is kept of a shell.
    pub fn kept_bytes(&self, epoch: Epoch) -> io::Result<u64> {
        Ok(list(&self.directory, Some(epoch))?.iter().map(|it| it.length).sum())
    }

    /// Returns when bytes were printed: each entry holds for the bytes from its offset on, to within 10 ms.
    pub fn times(&self, epoch: Epoch) -> io::Result<Vec<(Offset, SystemTime)>> {
        let mut times = Vec::new();
        for segment in list(&self.directory, Some(epoch))? {
            let content = match std::fs::read(segment.path(&self.directory, "times")) {
                Ok(content) => content,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // A torn last entry is left out.
            times.extend(content.chunks_exact(STAMP_BYTES).map(|entry| stamp_of(epoch, entry)));
        }
        Ok(times)
    }
}

impl SegmentWriter {
    /// Makes the directory, 0700, and goes on at the end of what is there of this shell.
    pub fn open(directory: impl Into<PathBuf>, epoch: Epoch, quota_bytes: u64) -> io::Result<Self> {
        let mut writer = Self::begin(directory, epoch, quota_bytes);
        make_directory(&writer.directory)?;
        writer.segments = VecDeque::from(list(&writer.directory, None)?);
        let own = writer.segments.iter().filter(|it| it.first.epoch == epoch);
        writer.end = own.map(Segment::end).max().unwrap_or(0);
        Ok(writer)
    }

    /// Begins where nothing was stored yet. The directory is made with the first byte.
    pub fn begin(directory: impl Into<PathBuf>, epoch: Epoch, quota_bytes: u64) -> Self {
        Self {
            directory: directory.into(),
            epoch,
            quota_bytes: quota_bytes.max(QUOTA_BYTES_MIN),
            segments: VecDeque::new(),
            open: None,
            index: None,
            end: 0,
            stamped: None,
        }
    }

    /// Returns the quota as it is held.
    pub fn quota_bytes(&self) -> u64 {
        self.quota_bytes
    }

    /// Returns the place of the next byte.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Returns the first byte of this shell that is kept; the end if none is.
    pub fn first_kept(&self) -> u64 {
        self.segments.iter().find(|it| it.first.epoch == self.epoch).map_or(self.end, |it| it.first.byte)
    }

    /// Appends bytes printed at a moment. Returns how many were stored, and the error if it was not all of them.
    pub fn append(&mut self, bytes: &[u8], at: SystemTime) -> (usize, Option<io::Error>) {
        let mut stored = 0;
        while stored < bytes.len() {
            match self.append_some(&bytes[stored..], at) {
                Ok(more) => stored += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (stored, Some(error)),
            }
        }
        (stored, None)
    }

    /// Leaves a hole: the next byte is this one.
    pub fn skip_to(&mut self, byte: u64) {
        if byte > self.end {
            (self.open, self.index) = (None, None);
            self.end = byte;
        }
    }

    fn append_some(&mut self, bytes: &[u8], at: SystemTime) -> io::Result<usize> {
        if self.open.is_none() || self.segments.back().is_none_or(|it| it.length >= SEGMENT_BYTES) {
            self.begin_segment()?;
        }
        self.stamp(at);
        let (Some(file), Some(segment)) = (&mut self.open, self.segments.back_mut()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let room = usize::try_from(SEGMENT_BYTES - segment.length).unwrap_or(usize::MAX);
        let stored = file.write(&bytes[..bytes.len().min(room)])?;
        if stored == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        segment.length += stored as u64;
        self.end += stored as u64;
        Ok(stored)
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        (self.open, self.index) = (None, None);
        self.make_room();
        let segment = Segment { first: Offset { epoch: self.epoch, byte: self.end }, length: 0 };
        let path = segment.path(&self.directory, "out");
        // One of this name can only be empty: a disk that was full when it was begun.
        let open = || OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        self.open = Some(open().or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => make_directory(&self.directory).and_then(|()| open()),
            _ => Err(error),
        })?);
        if self.segments.back().is_none_or(|it| it.first != segment.first) {
            self.segments.push_back(segment);
        }
        self.stamped = None;
        Ok(())
    }

    // Before a file is begun, so that the disk never holds more than the quota.
    fn make_room(&mut self) {
        let mut total: u64 = self.segments.iter().map(|it| it.length).sum();
        while total + SEGMENT_BYTES > self.quota_bytes {
            let Some(oldest) = self.segments.pop_front() else { return };
            // A file that cannot be deleted is no longer counted; the next opening of the session counts it again.
            drop(std::fs::remove_file(oldest.path(&self.directory, "out")));
            drop(std::fs::remove_file(oldest.path(&self.directory, "times")));
            total -= oldest.length;
        }
    }

    // Best effort: without it a recording has no timing, and nothing else is lost.
    fn stamp(&mut self, at: SystemTime) {
        let soon = |last: SystemTime| at.duration_since(last).is_ok_and(|passed| passed < STAMP_EVERY);
        if self.stamped.is_some_and(soon) {
            return;
        }
        self.stamped = Some(at);
        let micros = at.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_micros() as u64);
        let mut entry = [0; STAMP_BYTES];
        entry[..8].copy_from_slice(&self.end.to_le_bytes());
        entry[8..].copy_from_slice(&micros.to_le_bytes());
        drop(self.append_entry(&entry));
    }

    fn append_entry(&mut self, entry: &[u8]) -> io::Result<()> {
        if self.index.is_none() {
            let Some(segment) = self.segments.back() else { return Ok(()) };
            let path = segment.path(&self.directory, "times");
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            let length = file.metadata()?.len();
            self.index = Some((file, length));
        }
        let Some((file, length)) = &mut self.index else { return Ok(()) };
        match file.write_all(entry) {
            Ok(()) => *length += entry.len() as u64,
            // A torn entry would shift all that come after it.
            Err(_) => file.set_len(*length)?,
        }
        Ok(())
    }
}

fn make_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn stamp_of(epoch: Epoch, entry: &[u8]) -> (Offset, SystemTime) {
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let micros = Duration::from_micros(number(&entry[8..]));
    (Offset { epoch, byte: number(&entry[..8]) }, UNIX_EPOCH + micros)
}

/// Lists the files that hold bytes, oldest first.
fn list(directory: &Path, epoch: Option<Epoch>) -> io::Result<Vec<Segment>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(first) = entry.file_name().to_str().and_then(first_of) else { continue };
        if epoch.is_some_and(|it| it != first.epoch) {
            continue;
        }
        // One that is gone by now was deleted for the quota.
        let Ok(found) = entry.metadata() else { continue };
        if found.len() > 0 {
            segments.push(Segment { first, length: found.len() });
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

fn first_of(name: &str) -> Option<Offset> {
    let (epoch, byte) = name.strip_suffix(".out")?.split_once('-')?;
    let epoch = Epoch(u32::from_str_radix(epoch, 16).ok()?);
    Some(Offset { epoch, byte: u64::from_str_radix(byte, 16).ok()? })
}

fn read_at(path: &Path, from: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let there = file.metadata()?.len().saturating_sub(from);
    let mut bytes = vec![0; bytes_max.min(usize::try_from(there).unwrap_or(usize::MAX))];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch(3);

    fn at(byte: u64) -> Offset {
        Offset { epoch: EPOCH, byte }
    }

    fn now() -> SystemTime {
        SystemTime::now()
    }

    fn write(writer: &mut SegmentWriter, bytes: &[u8]) {
        let (stored, error) = writer.append(bytes, now());
        assert!(stored == bytes.len() && error.is_none());
    }

    fn read_all(reader: &SegmentReader, mut from: Offset) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let (start, bytes) = reader.read(from, 100_000).unwrap();
            if bytes.is_empty() {
                return all;
            }
            from = at(start.byte + bytes.len() as u64);
            all.extend(bytes);
        }
    }

    #[test]
    fn what_was_appended_is_read_across_files_and_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..2_500_000_u32).map(|it| it.to_le_bytes()[it as usize % 3]).collect();
        let mut writer = SegmentWriter::open(directory.path(), EPOCH, QUOTA_BYTES_DEFAULT).unwrap();
        write(&mut writer, &bytes[..1_700_000]);
        drop(writer);
        let mut writer = SegmentWriter::open(directory.path(), EPOCH, QUOTA_BYTES_DEFAULT).unwrap();
        assert_eq!(writer.end(), 1_700_000);
        write(&mut writer, &bytes[1_700_000..]);
        let reader = SegmentReader::open(directory.path());
        assert!(read_all(&reader, at(0)) == bytes);
        assert!(read_all(&reader, at(1_234_567)) == bytes[1_234_567..]);
        assert_eq!(reader.end(EPOCH).unwrap(), Some(2_500_000));
        assert_eq!(reader.first_kept(Epoch(4)).unwrap(), None);
    }

    #[test]
    fn the_oldest_go_above_the_quota_and_a_reader_is_told_where_it_begins() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = SegmentWriter::open(directory.path(), EPOCH, QUOTA_BYTES_MIN).unwrap();
        for _ in 0..100 {
            write(&mut writer, &[b'x'; 100_000]);
        }
        let reader = SegmentReader::open(directory.path());
        let first = reader.first_kept(EPOCH).unwrap().unwrap();
        assert_eq!(first, writer.first_kept());
        assert!(
            (10_000_000 - 4 * SEGMENT_BYTES..=10_000_000 - 3 * SEGMENT_BYTES).contains(&first),
            "{first}"
        );
        assert_eq!(reader.read(at(5), 10).unwrap(), (at(first), vec![b'x'; 10]));
        let on_disk = |it: io::Result<std::fs::DirEntry>| it.unwrap().metadata().unwrap().len();
        assert!(
            std::fs::read_dir(directory.path()).unwrap().map(on_disk).sum::<u64>() < QUOTA_BYTES_MIN + 10_000
        );
    }

    #[test]
    fn a_hole_is_skipped_by_the_returned_offset() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = SegmentWriter::open(directory.path(), EPOCH, QUOTA_BYTES_DEFAULT).unwrap();
        write(&mut writer, b"before");
        writer.skip_to(100);
        write(&mut writer, b"after");
        let reader = SegmentReader::open(directory.path());
        assert_eq!(reader.read(at(0), 50).unwrap(), (at(0), b"before".to_vec()));
        assert_eq!(reader.read(at(6), 50).unwrap(), (at(100), b"after".to_vec()));
        assert_eq!(reader.read(at(105), 50).unwrap(), (at(105), Vec::new()));
    }

    #[test]
    fn the_index_tells_when_and_a_torn_entry_harms_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = SegmentWriter::open(directory.path(), EPOCH, QUOTA_BYTES_DEFAULT).unwrap();
        let start = UNIX_EPOCH + Duration::from_secs(1_000);
        for (passed_ms, text) in [(0, "a"), (5, "b"), (20, "c")] {
            writer.append(text.as_bytes(), start + Duration::from_millis(passed_ms));
        }
        let path = directory.path().join("00000003-0000000000000000.times");
        OpenOptions::new().append(true).open(path).unwrap().write_all(b"torn").unwrap();
        let times = SegmentReader::open(directory.path()).times(EPOCH).unwrap();
        assert_eq!(times, [(at(0), start), (at(2), start + Duration::from_millis(20))]);
    }
}
