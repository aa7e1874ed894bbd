//! The way to end a command, in a terminal or beside it: first as its kind is left, then by signals.

use std::time::{Duration, Instant};

use crate::names::InputKind;
use crate::programs::Multiplexer;

/// After a signal.
const RUNG: Duration = Duration::from_secs(2);
/// After keys: a program may save and say goodbye before it goes.
const KEYS_RUNG: Duration = Duration::from_secs(3);
/// So long it is waited for a look at what is in front, which decides the first rung.
const LOOK: Duration = Duration::from_millis(400);

/// A signal of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Ctrl-C's.
    Interrupt,
    /// The polite end.
    Terminate,
    /// The other one.
    Kill,
}

impl Signal {
    /// Returns its number, the same on every system that we know.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
            Self::Kill => 9,
        }
    }
}

/// What is tried to end a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Keys that leave what is in front.
    Keys(&'static [u8]),
    /// A signal.
    Signal(Signal),
}

/// Returns how a program is left that waits for this, where there is a way of its own: a pager, an editor without
/// saving, a multiplexer with its windows alive, the rest of a command that never comes. Everything else is interrupted.
#[must_use]
pub fn leave(kind: InputKind, program: &str) -> Option<Rung> {
    let keys: &[u8] = match (kind, program) {
        (InputKind::Pager, _) => b"q",
        (InputKind::Editor, "nano") => b"\x18n",
        (InputKind::Editor, "emacs") => b"\x18\x03",
        (InputKind::Editor, "micro") => b"\x11",
        (InputKind::Editor, _) => b"\x1b:q!\r",
        (InputKind::IncompleteSyntax, _) => b"\x03",
        (InputKind::FullScreen, _) => match Multiplexer::of_program(program)? {
            // It puts the terminal back and goes, whichever keys its person has chosen (3.3a).
            Multiplexer::Tmux => return Some(Rung::Signal(Signal::Terminate)),
            // Ended by a signal it leaves the terminal raw (4.9).
            Multiplexer::Screen => b"\x01d",
        },
        _ => return None,
    };
    Some(Rung::Keys(keys))
}

/// What is known of what stands in front.
#[derive(Clone, Copy, Debug, Default)]
pub struct Front {
    /// The session's shell runs the command by itself.
    pub shell: bool,
    /// It was looked at just now.
    pub seen: bool,
    /// How it is left.
    pub leave: Option<Rung>,
}

/// The way to end a command: keys that leave it, INT, TERM, KILL, each given time to work.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    begins_at: Option<Instant>,
    next_at: Option<Instant>,
    begun_at: Option<Instant>,
    left: bool,
    sent: Vec<Signal>,
    over: bool,
    force: bool,
}

impl Ladder {
    /// Puts it up by itself at this moment (`kill_after_s`), unless it is put up before.
    pub fn begin_at(&mut self, at: Instant) {
        self.begins_at = Some(at);
    }

    /// Puts it up; one that stands is climbed on.
    pub fn begin(&mut self, now: Instant, force: bool) {
        self.force |= force;
        self.begins_at = None;
        if self.next_at.is_none() || self.over {
            (self.next_at, self.over) = (Some(now), false);
            (self.begun_at, self.left) = (Some(now), false);
            self.sent.clear();
        }
    }

    /// Returns when it wants to be climbed.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.begins_at.into_iter().chain(self.next_at).min()
    }

    /// Returns whether nothing was tried yet, for nobody has looked at what is in front.
    #[must_use]
    pub fn wants_look(&self) -> bool {
        self.next_at.is_some() && self.sent.is_empty() && !self.left
    }

    /// What is in front has been looked at: the first rung waits no longer.
    pub fn hasten(&mut self, now: Instant) {
        if self.wants_look() {
            self.next_at = Some(now);
        }
    }

    /// Returns what to try now, if it is time. A shell that runs the command itself gets no more than
    /// an interrupt, unless forced: the rest would end the session.
    pub fn climb(&mut self, now: Instant, front: Front) -> Option<Rung> {
        if self.begins_at.is_some_and(|at| at <= now) {
            self.begin(now, false);
        }
        if self.next_at.is_none_or(|at| at > now) {
            return None;
        }
        if self.sent.is_empty() && !self.left {
            let patience = self.begun_at.map_or(now, |at| at + LOOK);
            if !front.seen && now < patience {
                self.next_at = Some(patience);
                return None;
            }
            if let Some(way) = front.leave {
                (self.left, self.next_at) = (true, Some(now + KEYS_RUNG));
                match way {
                    Rung::Keys([crate::gate::INTERRUPT]) => self.sent.push(Signal::Interrupt),
                    Rung::Keys(_) => {}
                    Rung::Signal(signal) => self.sent.push(signal),
                }
                return Some(way);
            }
        }
        let spared = front.shell && !self.force;
        let signal = match self.sent.last() {
            None => Signal::Interrupt,
            Some(Signal::Interrupt) if !spared => Signal::Terminate,
            Some(Signal::Terminate) if !spared => Signal::Kill,
            Some(_) => {
                (self.next_at, self.over) = (None, true);
                return None;
            }
        };
        self.next_at = Some(now + RUNG);
        self.sent.push(signal);
        Some(Rung::Signal(signal))
    }

    /// Climbs on for what stood behind the one that the last signal reached: only the last rung is left.
    pub fn go_on(&mut self, now: Instant) {
        (self.next_at, self.over) = (Some(now), false);
        self.sent = vec![Signal::Interrupt, Signal::Terminate];
    }

    /// There is nothing to climb for any more.
    pub fn stop(&mut self) {
        (self.begins_at, self.next_at, self.over) = (None, None, true);
    }

    /// Something was tried, or somebody pressed Ctrl-C.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.left || !self.sent.is_empty()
    }

    /// Somebody wants it ended at any price.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.force
    }

    /// Every rung was tried.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Returns the signal among those sent that this exit status tells of.
    #[must_use]
    pub fn ended_by(&self, exit: i32) -> Option<i32> {
        self.sent.iter().map(|it| it.number()).find(|number| exit == 128 + number)
    }

    /// Notes that somebody pressed Ctrl-C.
    pub fn note_interrupt(&mut self) {
        if self.sent.is_empty() {
            self.sent.push(Signal::Interrupt);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has a clock")]
mod tests {
    use super::*;

    const SHELL: Front = Front { shell: true, seen: true, leave: None };
    const PROGRAM: Front = Front { shell: false, seen: true, leave: None };

    fn signal(signal: Signal) -> Option<Rung> {
        Some(Rung::Signal(signal))
    }

    #[test]
    fn the_ladder_spares_a_shell_that_runs_the_command_itself() {
        let (mut ladder, now) = (Ladder::default(), Instant::now());
        ladder.begin(now, false);
        assert_eq!(ladder.climb(now, SHELL), signal(Signal::Interrupt));
        assert_eq!(ladder.climb(now + RUNG, SHELL), None);
        assert!(ladder.is_over());
        ladder.begin(now, true);
        assert_eq!(ladder.climb(now, SHELL), signal(Signal::Interrupt));
        assert_eq!(ladder.climb(now + RUNG, SHELL), signal(Signal::Terminate));
        assert_eq!(ladder.climb(now + RUNG * 2, SHELL), signal(Signal::Kill));
    }

    #[test]
    fn the_first_moment_counts_and_each_rung_has_its_time() {
        let (mut ladder, now) = (Ladder::default(), Instant::now());
        ladder.begin_at(now + RUNG * 4);
        assert_eq!((ladder.climb(now, PROGRAM), ladder.next_at()), (None, Some(now + RUNG * 4)));
        ladder.begin(now, false);
        let climbed: Vec<_> = (0..5).map(|rung| ladder.climb(now + RUNG * rung, PROGRAM)).collect();
        let signals = [Signal::Interrupt, Signal::Terminate, Signal::Kill].map(signal);
        assert_eq!((&climbed[..3], &climbed[3..]), (&signals[..], &[None, None][..]));
        assert!(ladder.is_over() && ladder.has_begun());
        assert_eq!((ladder.ended_by(130), ladder.ended_by(131)), (Some(2), None));
    }

    #[test]
    fn one_that_was_stopped_sends_nothing() {
        let (mut ladder, now) = (Ladder::default(), Instant::now());
        ladder.begin_at(now + RUNG);
        ladder.stop();
        assert_eq!((ladder.next_at(), ladder.climb(now + RUNG, PROGRAM)), (None, None));
    }

    #[test]
    fn what_has_keys_to_be_left_by_is_left_first_and_given_time() {
        let (mut ladder, now) = (Ladder::default(), Instant::now());
        let editor = Front { leave: leave(InputKind::Editor, "vim"), ..PROGRAM };
        ladder.begin(now, false);
        assert_eq!(ladder.climb(now, editor), Some(Rung::Keys(b"\x1b:q!\r")));
        assert_eq!(ladder.climb(now + RUNG, editor), None, "too early for the next");
        assert_eq!(ladder.climb(now + KEYS_RUNG, editor), signal(Signal::Interrupt));
        assert_eq!(ladder.climb(now + KEYS_RUNG + RUNG, editor), signal(Signal::Terminate));
        let tmux = Front { leave: leave(InputKind::FullScreen, "tmux: client"), ..PROGRAM };
        let mut ladder = Ladder::default();
        ladder.begin(now, false);
        assert_eq!(ladder.climb(now, tmux), signal(Signal::Terminate));
        assert_eq!(ladder.climb(now + KEYS_RUNG, tmux), signal(Signal::Kill));
        assert_eq!(leave(InputKind::FullScreen, "screen"), Some(Rung::Keys(b"\x01d")));
        assert_eq!(leave(InputKind::FullScreen, "top"), None);
        assert_eq!(leave(InputKind::Line, "python3"), None);
        assert_eq!(leave(InputKind::Secret, "sudo"), None);
    }

    #[test]
    fn nothing_is_tried_before_a_look_unless_none_comes() {
        let (mut ladder, now) = (Ladder::default(), Instant::now());
        ladder.begin(now, false);
        let unseen = Front { seen: false, ..PROGRAM };
        assert_eq!((ladder.climb(now, unseen), ladder.next_at()), (None, Some(now + LOOK)));
        assert_eq!(ladder.climb(now + LOOK, unseen), signal(Signal::Interrupt));
        let mut ladder = Ladder::default();
        ladder.begin(now, false);
        assert_eq!(ladder.climb(now, unseen), None);
        ladder.hasten(now + LOOK / 2);
        let pager = Front { leave: leave(InputKind::Pager, "less"), ..PROGRAM };
        assert_eq!(ladder.climb(now + LOOK / 2, pager), Some(Rung::Keys(b"q")));
    }
}
