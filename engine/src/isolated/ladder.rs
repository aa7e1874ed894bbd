//! The way to end an isolated command: INT, TERM, KILL, each given time to work.

use std::time::{Duration, Instant};

/// Between the rungs.
const RUNG: Duration = Duration::from_secs(2);

const SIGNALS: [i32; 3] = [2, 15, 9];

#[derive(Debug, Default)]
pub(super) struct Ladder {
    next_at: Option<Instant>,
    sent: Vec<i32>,
    over: bool,
}

impl Ladder {
    /// Puts it up at a moment; one that stands is not put up again.
    pub(super) fn begin_at(&mut self, at: Instant) {
        if self.over {
            (self.over, self.sent) = (false, Vec::new());
            self.next_at = Some(at);
        } else if self.sent.is_empty() {
            self.next_at = Some(self.next_at.map_or(at, |before| before.min(at)));
        }
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// Returns the signal to send now, if it is time.
    pub(super) fn climb(&mut self, now: Instant) -> Option<i32> {
        if self.next_at.is_none_or(|at| at > now) {
            return None;
        }
        let signal = SIGNALS.get(self.sent.len()).copied();
        match signal {
            Some(signal) => {
                self.sent.push(signal);
                self.next_at = Some(now + RUNG);
            }
            None => self.stop(),
        }
        signal
    }

    /// There is nothing more to climb for.
    pub(super) fn stop(&mut self) {
        (self.next_at, self.over) = (None, true);
    }

    pub(super) fn has_begun(&self) -> bool {
        !self.sent.is_empty()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Returns the signal among those sent that this exit status tells of.
    pub(super) fn ended_by(&self, exit: i32) -> Option<i32> {
        self.sent.iter().copied().find(|signal| exit == 128 + signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rung_has_its_time_and_the_first_moment_counts() {
        let (mut ladder, now) = (Ladder::default(), crate::clock::now());
        ladder.begin_at(now + RUNG * 4);
        assert_eq!(ladder.climb(now), None);
        ladder.begin_at(now);
        let climbed: Vec<_> = (0..5).map(|rung| ladder.climb(now + RUNG * rung)).collect();
        assert_eq!(climbed, [Some(2), Some(15), Some(9), None, None]);
        assert!(ladder.is_over() && ladder.has_begun());
        assert_eq!((ladder.ended_by(130), ladder.ended_by(131)), (Some(2), None));
    }
}
