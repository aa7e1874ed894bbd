//! Where a command ended: finds the shell's keyed marks in the raw bytes of a terminal, however they are cut.

use memchr::memchr;

use crate::sequence::{BEL, ESC};

/// The secret by which a session knows the marks of its own shell. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// So much of a key is the same in all shells of a session.
const FAMILY_CHARS: usize = 16;

impl Key {
    /// Takes the random text that the shell was given.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// Makes the key of a shell inside another: it begins as that one's does.
    #[must_use]
    pub fn inside(&self, own: &str) -> Self {
        Self(format!("{}{own}", self.family()))
    }

    /// Returns what this key and those of the shells inside begin with: by that they are masked.
    #[must_use]
    pub fn family(&self) -> &str {
        self.0.get(..FAMILY_CHARS).unwrap_or(&self.0)
    }

    /// Returns the key as the shell prints it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Key(…)")
    }
}

/// What the shell says with a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// `D`: the command before it is done.
    Done {
        /// The exit status that the shell saw.
        status: i32,
    },
    /// `B`: the prompt is printed; what follows is typed.
    Prompt,
    /// `C`: a command line was taken and its output begins.
    Started,
    /// `S`: the second prompt begins; the shell wants the rest of a command.
    MoreWanted,
    /// `T`: the second prompt is printed.
    MoreEnd,
    /// `E`: zsh or fish is about to mark the end of a last line without a line feed.
    Ended,
    /// `P`: the directory that the shell is in.
    Directory {
        /// The path as the shell printed it.
        path: String,
    },
    /// `I`: who and where a shell inside another is, or which one.
    Identity {
        /// What it said of itself.
        who: String,
    },
}

/// One mark that carries the session's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What it says.
    pub kind: MarkKind,
    /// The number of the command or prompt that it belongs to.
    pub serial: Option<u64>,
    /// The shell that printed it.
    pub pid: Option<u32>,
    /// The terminal that the shell believes to be on.
    pub tty: Option<String>,
    /// The number of the prompt, where the shell counts them: a prompt that is drawn again repeats it.
    pub prompt: Option<u64>,
}

/// A mark and its place in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The mark.
    pub mark: Mark,
    /// Whose: the place of its key, the session's first shell being 0.
    pub level: usize,
    /// The absolute offset of its first byte. It may lie in an earlier chunk.
    pub start: u64,
    /// The absolute offset one past its last byte.
    pub end: u64,
}

/// What every sequence that may be a mark begins with.
const INTRODUCER: &[u8] = b"\x1b]133;";

/// The longest mark, but for a directory. A shell prints about 60 bytes.
const MARK_BYTES_MAX: usize = 256;

/// The longest mark of a directory: a path has at most 4,096 bytes, and the rest is room for what is not ASCII.
const DIRECTORY_BYTES_MAX: usize = 8 * 1024;

/// Reads a stream and finds the marks in it.
#[derive(Debug)]
pub struct Marks {
    /// Of the session's first shell, and of each one inside another.
    keys: Vec<Key>,
    /// The absolute offset of the next byte.
    at: u64,
    /// The absolute offset of the ESC that `held` begins with.
    start: u64,
    /// The bytes since the ESC of what may become a mark. Empty outside; bounded by the longest mark.
    held: Vec<u8>,
}

impl Marks {
    /// Begins at absolute offset `at`, outside of any sequence.
    pub fn new(key: Key, at: u64) -> Self {
        Self { keys: vec![key], at, start: at, held: Vec::new() }
    }

    /// Begins anew at another offset, with the same keys.
    pub fn go_on_at(&mut self, at: u64) {
        self.held.clear();
        (self.at, self.start) = (at, at);
    }

    /// Knows one more key, that of a shell inside the others.
    pub fn push_key(&mut self, key: Key) {
        self.keys.push(key);
    }

    /// Forgets all keys but the first so many.
    pub fn keep_keys(&mut self, count: usize) {
        self.keys.truncate(count);
    }

    /// Returns the absolute offset of the next byte.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Returns where what may still become a mark begins, or the offset of the next byte: who begins to read
    /// there finds the same marks from here on.
    pub fn unfinished_at(&self) -> u64 {
        if self.held.is_empty() { self.at } else { self.start }
    }

    /// Takes the next bytes and returns the marks that end in them, in order.
    ///
    /// The same stream gives the same marks, wherever it is cut.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        let begin = self.at;
        let mut next = 0;
        while next < bytes.len() {
            if self.held.is_empty() {
                let Some(distance) = memchr(ESC, &bytes[next..]) else { break };
                next += distance;
            }
            self.at = begin + next as u64;
            if self.is_whole_with(bytes[next]) {
                found.extend(self.take());
            }
            next += 1;
        }
        self.at = begin + bytes.len() as u64;
        found
    }

    /// Takes the byte at `at`; true if it is the last one of a sequence that may be a mark.
    fn is_whole_with(&mut self, byte: u8) -> bool {
        let escaped = self.held.len() > 1 && self.held.last() == Some(&ESC);
        match byte {
            BEL if self.held.len() > INTRODUCER.len() && !escaped => return true,
            b'\\' if escaped => return true,
            ESC if self.held.len() >= INTRODUCER.len() && !escaped => self.held.push(ESC),
            ESC => self.begin(self.at),
            // The ESC before this byte began no ST, so it has ended one sequence and begun another.
            _ if escaped => {
                self.begin(self.at - 1);
                return self.is_whole_with(byte);
            }
            _ if self.held.len() < INTRODUCER.len() => self.introduce(byte),
            0x00..0x20 | 0x7f => self.held.clear(),
            _ if self.held.len() >= self.longest() => self.held.clear(),
            _ => self.held.push(byte),
        }
        false
    }

    fn begin(&mut self, start: u64) {
        self.start = start;
        self.held.clear();
        self.held.push(ESC);
    }

    fn introduce(&mut self, byte: u8) {
        if byte == INTRODUCER[self.held.len()] {
            self.held.push(byte);
        } else {
            self.held.clear();
        }
    }

    /// Returns how many bytes may be held, the terminator apart.
    fn longest(&self) -> usize {
        if self.held.get(INTRODUCER.len()) == Some(&b'P') { DIRECTORY_BYTES_MAX } else { MARK_BYTES_MAX }
    }

    /// Leaves the sequence whose last byte is at `at`, and returns the mark that it is.
    fn take(&mut self) -> Option<Found> {
        let text = self.held.get(INTRODUCER.len()..).unwrap_or_default();
        let text = text.strip_suffix(&[ESC]).unwrap_or(text);
        let mark = Mark::read(&String::from_utf8_lossy(text), &self.keys);
        self.held.clear();
        let (mark, level) = mark?;
        Some(Found { mark, level, start: self.start, end: self.at + 1 })
    }
}

impl Mark {
    /// Reads what stands between `133;` and the terminator; none without one of the keys.
    fn read(text: &str, keys: &[Key]) -> Option<(Self, usize)> {
        let (letter, fields) = text.split_once(';')?;
        let (kind, fields) = match letter {
            "D" => {
                let (status, fields) = fields.split_once(';')?;
                (MarkKind::Done { status: status.parse().ok()? }, fields)
            }
            "B" => (MarkKind::Prompt, fields),
            "C" => (MarkKind::Started, fields),
            "S" => (MarkKind::MoreWanted, fields),
            "T" => (MarkKind::MoreEnd, fields),
            "E" => (MarkKind::Ended, fields),
            "I" => {
                let (fields, who) = fields.split_once(";u=")?;
                (MarkKind::Identity { who: who.to_owned() }, fields)
            }
            "P" => {
                // The path is last and may hold anything, so what follows it is never a field.
                let (fields, path) = split_path(fields)?;
                (MarkKind::Directory { path: path.to_owned() }, fields)
            }
            _ => return None,
        };
        let fields = Fields::read(fields)?;
        let level = keys.iter().position(|key| fields.key == Some(key.as_str()))?;
        let tty = fields.tty.map(str::to_owned);
        Some((Self { kind, serial: fields.serial, pid: fields.pid, tty, prompt: fields.prompt }, level))
    }
}

/// Splits the fields of a directory's mark at the first `d=`.
fn split_path(fields: &str) -> Option<(&str, &str)> {
    match fields.strip_prefix("d=") {
        Some(path) => Some(("", path)),
        None => fields.split_once(";d="),
    }
}

/// The fields that any mark may have.
#[derive(Default)]
struct Fields<'a> {
    key: Option<&'a str>,
    serial: Option<u64>,
    pid: Option<u32>,
    tty: Option<&'a str>,
    prompt: Option<u64>,
}

impl<'a> Fields<'a> {
    /// Reads fields in any order; none if a number is no number, for then the mark is damaged.
    fn read(text: &'a str) -> Option<Self> {
        let mut fields = Self::default();
        for field in text.split(';') {
            match field.split_once('=') {
                Some(("k", key)) => fields.key = Some(key),
                Some(("c", serial)) => fields.serial = Some(serial.parse().ok()?),
                Some(("p", pid)) => fields.pid = Some(pid.parse().ok()?),
                Some(("t", tty)) => fields.tty = Some(tty),
                Some(("n", prompt)) => fields.prompt = Some(prompt.parse().ok()?),
                _ => (),
            }
        }
        Some(fields)
    }
}
