//! Who typed what: keys by keys, kept in clear only where the terminal showed them or the shell stood at its
//! prompt, else as `<hidden n>`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cotty_core::names::Principal;
use cotty_host::holder::frame::Applied;

use super::Owner;
use crate::clock;
use crate::seats::ViewEvent;

/// An entry is closed by a line end, by another typist, after this pause …
const PAUSE: Duration = Duration::from_secs(2);
/// … or at this length.
const ENTRY_CHARS_MAX: usize = 400;
/// Inputs on their way to the terminal; what the session admits is far less.
const WAITING_MAX: usize = 4_096;

/// Keys on their way, and the entry that they build.
#[derive(Default)]
pub(super) struct Typed {
    waiting: VecDeque<Keys>,
    entry: Option<Entry>,
}

/// Keys that were handed to the terminal.
pub(super) struct Keys {
    pub(super) sequence: u64,
    pub(super) who: Principal,
    pub(super) bytes: Bytes,
    /// The viewer they came from, and its own number of them.
    pub(super) seat: Option<(u64, u64)>,
}

struct Entry {
    who: Principal,
    text: String,
    hidden: usize,
    last: Instant,
}

impl Typed {
    pub(super) fn hand_over(&mut self, keys: Keys) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(keys);
    }
}

impl Typed {
    /// Forgets keys that were not typed after all.
    pub(super) fn take_back(&mut self, sequence: u64) {
        self.waiting.retain(|keys| keys.sequence != sequence);
    }
}

impl Owner {
    /// Notes that the terminal took inputs up to a sequence, and whether it showed them.
    pub(super) fn note_applied(&mut self, applied: &Applied) {
        let shown = self.was_shown(applied);
        let told = self.is_seen(applied).then_some(shown);
        while self.typed.waiting.front().is_some_and(|keys| keys.sequence <= applied.sequence)
            && let Some(keys) = self.typed.waiting.pop_front()
        {
            if let Some((seat, sequence)) = keys.seat
                && let Some(seat) = self.viewers.get(seat)
            {
                seat.tell(ViewEvent::Echo { sequence, echo: told });
            }
            self.note_keys(&keys, shown);
        }
    }

    /// Returns whether keys could be seen: the terminal echoed, or the shell's line editor did. A shell in front is
    /// not enough, for `read -s` is the shell too: it reads whole lines, or reads while a command runs.
    fn was_shown(&self, applied: &Applied) -> bool {
        let at_prompt = self.session.current().is_none_or(|run| !run.has_started());
        applied.echo || (applied.shell_reads && !applied.canonical && at_prompt)
    }

    fn note_keys(&mut self, keys: &Keys, shown: bool) {
        let now = clock::now();
        if self.typed.entry.as_ref().is_some_and(|entry| entry.who != keys.who || entry.last + PAUSE < now) {
            self.flush_typed();
        }
        let entry = self.typed.entry.get_or_insert_with(|| Entry {
            who: keys.who.clone(),
            text: String::new(),
            hidden: 0,
            last: now,
        });
        entry.last = now;
        let text = String::from_utf8_lossy(&keys.bytes);
        let mut ends = false;
        for it in text.chars() {
            ends |= matches!(it, '\r' | '\n');
            if shown || it.is_control() {
                entry.close_hidden();
                entry.push(it);
            } else {
                entry.hidden += 1;
            }
        }
        if ends || entry.text.len() > ENTRY_CHARS_MAX {
            self.flush_typed();
        }
    }

    /// Keeps the entry that was being built.
    pub(super) fn flush_typed(&mut self) {
        let Some(mut entry) = self.typed.entry.take() else { return };
        entry.close_hidden();
        let done = self.store.note(&self.row.id, &entry.who, "typed", &entry.text);
        self.report_trouble(done);
    }
}

impl Entry {
    fn push(&mut self, it: char) {
        match it {
            '\r' | '\n' => self.text.push_str("<enter>"),
            '\t' => self.text.push_str("<tab>"),
            '\u{7f}' => self.text.push_str("<backspace>"),
            '\u{1b}' => self.text.push_str("<esc>"),
            it if it.is_ascii_control() => {
                self.text.push('^');
                self.text.push(char::from(it as u8 | 0x40));
            }
            it => self.text.push(it),
        }
    }

    fn close_hidden(&mut self) {
        if self.hidden > 0 {
            self.text.push_str(&format!("<hidden {}>", self.hidden));
            self.hidden = 0;
        }
    }
}
