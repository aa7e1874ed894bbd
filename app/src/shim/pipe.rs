//! The line to the daemon: down, being opened, or up. Nothing here waits; the loop's one `poll` does.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use cotty_core::refusal::Refusal;
use cotty_mcp::render;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::answers::Client;
use super::door::{self, Opened};
use super::lines::{Line, Lines};
use crate::instance::Flags;

/// Read from the daemon at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// What happened to the line.
#[derive(Debug)]
pub(super) enum Seen {
    /// Nothing.
    Nothing,
    /// Lines may have come.
    Lines,
    /// It is up.
    Up,
    /// It was up, and the daemon is gone.
    Broken,
    /// It cannot be had, for these reasons.
    Refused(String),
}

enum Link {
    Down,
    /// A thread opens it, and leaves its answer where `door` says; `bell` becomes readable then.
    Opening {
        door: thread::JoinHandle<Result<Opened, String>>,
        bell: UnixStream,
    },
    Up(UnixStream),
}

/// The line to the daemon.
pub(super) struct Pipe {
    flags: Flags,
    nonce: String,
    link: Link,
    lines: Lines,
    /// What the daemon has not taken yet. Bounded by the loop, which reads no input above its limit.
    waiting: Vec<u8>,
    /// It could not even be tried.
    failed: Option<String>,
}

impl Pipe {
    /// Makes a line that is down. Nothing is opened before it is needed.
    pub(super) fn new(flags: Flags) -> Self {
        let (lines, waiting) = (Lines::default(), Vec::new());
        Self { flags, nonce: String::new(), link: Link::Down, lines, waiting, failed: None }
    }

    /// Returns what the daemon has not taken yet.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting.len()
    }

    /// Returns what to wait on.
    pub(super) fn watched(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match &self.link {
            Link::Down => None,
            Link::Opening { bell, .. } => Some((bell.as_fd(), PollFlags::IN)),
            Link::Up(stream) if self.waiting.is_empty() => Some((stream.as_fd(), PollFlags::IN)),
            Link::Up(stream) => Some((stream.as_fd(), PollFlags::IN | PollFlags::OUT)),
        }
    }

    /// Sends a line where there is somebody to take it.
    pub(super) fn send_if_up(&mut self, line: &[u8]) {
        if matches!(self.link, Link::Up(_)) {
            self.waiting.extend_from_slice(line);
            self.waiting.push(b'\n');
        }
    }

    /// Begins to open the line, where it is down.
    ///
    /// In a thread, since a daemon that starts, or hangs, must not keep us from ending with our client.
    pub(super) fn reach_if_down(&mut self, client: &Client) {
        if !matches!(self.link, Link::Down) || self.failed.is_some() {
            return;
        }
        if self.nonce.is_empty() {
            self.nonce = nonce();
        }
        let (flags, nonce) = (self.flags.clone(), self.nonce.clone());
        let label = client.label().to_owned();
        let (bell, rope) = match UnixStream::pair() {
            Ok(pair) => pair,
            Err(error) => {
                let what = format!("no socket could be made: {error}");
                self.failed = Some(render::refusal_words(&Refusal::Internal { what }));
                return;
            }
        };
        let open = move || {
            let opened = door::open(&flags, &label, &nonce);
            // Closing its end is the ring.
            drop(rope);
            opened
        };
        self.link = Link::Opening { door: thread::spawn(open), bell };
    }

    /// Does what can be done without waiting.
    pub(super) fn serve(&mut self) -> Seen {
        if let Some(words) = self.failed.take() {
            return Seen::Refused(words);
        }
        match std::mem::replace(&mut self.link, Link::Down) {
            Link::Down => Seen::Nothing,
            Link::Opening { door, bell } if !door.is_finished() && !is_rung(&bell) => {
                self.link = Link::Opening { door, bell };
                Seen::Nothing
            }
            Link::Opening { door, .. } => self.opened(door),
            Link::Up(stream) => self.exchange(stream),
        }
    }

    /// Returns the next line that came.
    pub(super) fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.lines.next()? {
                Line::Whole(line) => return Some(line),
                // The daemon's replies are bounded far below the limit: what is longer is no reply.
                Line::TooLong => {}
            }
        }
    }

    fn opened(&mut self, door: thread::JoinHandle<Result<Opened, String>>) -> Seen {
        self.lines.clear();
        self.waiting.clear();
        match door.join() {
            Ok(Ok(Opened { stream, bytes })) => {
                self.lines.push(&bytes);
                self.link = Link::Up(stream);
                Seen::Up
            }
            Ok(Err(words)) => Seen::Refused(words),
            Err(_) => Seen::Refused("internal: the connection to the daemon could not be made".to_owned()),
        }
    }

    fn exchange(&mut self, mut stream: UnixStream) -> Seen {
        let alive = self.give(&mut stream).and_then(|()| self.take(&mut stream));
        match alive {
            Ok(true) => {
                self.link = Link::Up(stream);
                Seen::Lines
            }
            Ok(false) | Err(_) => {
                self.waiting.clear();
                Seen::Broken
            }
        }
    }

    fn give(&mut self, stream: &mut UnixStream) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match stream.write(&self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what has come; `false` where that was the end.
    fn take(&mut self, stream: &mut UnixStream) -> io::Result<bool> {
        let mut buffer = vec![0; CHUNK_BYTES];
        match stream.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.lines.push(&buffer[..count]);
                Ok(true)
            }
            Err(error) if is_later(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// Returns whether the thread has let go of its end.
fn is_rung(bell: &UnixStream) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(bell, PollFlags::IN)], Some(&now)).is_ok_and(|it| it > 0)
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Returns what names this process for the daemon, over its restarts.
fn nonce() -> String {
    let mut bytes = [0_u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Unique enough among the shims of one person, which is all that is asked of it.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        bytes = (now.as_nanos() ^ (u128::from(std::process::id()) << 96)).to_le_bytes();
    }
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
