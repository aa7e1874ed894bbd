//! The way to end a command, in a terminal or beside it.

use std::time::{Duration, Instant};

/// Between the rungs.
const RUNG: Duration = Duration::from_secs(2);

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

/// The way to end a command: INT, TERM, KILL, each given time to work.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    begins_at: Option<Instant>,
    next_at: Option<Instant>,
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
            self.sent.clear();
        }
    }

    /// Returns when it wants to be climbed.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.begins_at.into_iter().chain(self.next_at).min()
    }

    /// Returns the signal to send now, if it is time. A shell that runs the command itself gets no more than
    /// an interrupt, unless forced: the rest would end the session.
    pub fn climb(&mut self, now: Instant, shell_in_front: bool) -> Option<Signal> {
        if self.begins_at.is_some_and(|at| at <= now) {
            self.begin(now, false);
        }
        if self.next_at.is_none_or(|at| at > now) {
            return None;
        }
        let spared = shell_in_front && !self.force;
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
        Some(signal)
    }

    /// There is nothing to climb for any more.
    pub fn stop(&mut self) {
        (self.begins_at, self.next_at, self.over) = (None, None, true);
    }

    /// A signal was sent, or somebody pressed Ctrl-C.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !self.sent.is_empty()
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

    #[test]
    fn the_ladder_spares_a_shell_that_runs_the_command_itself() {
        let (mut ladder, now) = (Ladder::default(), Instant::now());
        ladder.begin(now, false);
        assert_eq!(ladder.climb(now, true), Some(Signal::Interrupt));
        assert_eq!(ladder.climb(now + RUNG, true), None);
        assert!(ladder.is_over());
        ladder.begin(now, true);
        assert_eq!(ladder.climb(now, true), Some(Signal::Interrupt));
        assert_eq!(ladder.climb(now + RUNG, true), Some(Signal::Terminate));
        assert_eq!(ladder.climb(now + RUNG * 2, true), Some(Signal::Kill));
    }

    #[test]
    fn the_first_moment_counts_and_each_rung_has_its_time() {
        let (mut ladder, now) = (Ladder::default(), Instant::now());
        ladder.begin_at(now + RUNG * 4);
        assert_eq!((ladder.climb(now, false), ladder.next_at()), (None, Some(now + RUNG * 4)));
        ladder.begin(now, false);
        let climbed: Vec<_> = (0..5).map(|rung| ladder.climb(now + RUNG * rung, false)).collect();
        let signals = [Signal::Interrupt, Signal::Terminate, Signal::Kill].map(Some);
        assert_eq!((&climbed[..3], &climbed[3..]), (&signals[..], &[None, None][..]));
        assert!(ladder.is_over() && ladder.has_begun());
        assert_eq!((ladder.ended_by(130), ladder.ended_by(131)), (Some(2), None));
    }

    #[test]
    fn one_that_was_stopped_sends_nothing() {
        let (mut ladder, now) = (Ladder::default(), Instant::now());
        ladder.begin_at(now + RUNG);
        ladder.stop();
        assert_eq!((ladder.next_at(), ladder.climb(now + RUNG, false)), (None, None));
    }
}
