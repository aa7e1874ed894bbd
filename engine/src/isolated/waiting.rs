//! Callers that wait for an isolated command. Each is answered once, by what happens or by the end of its patience.

use std::time::{Duration, Instant};

use crate::plain::Seen;
use crate::report::{RunReport, Until, Waited};
use crate::request::Reply;

/// What counts as idle for `until=idle`.
const IDLE: Duration = Duration::from_secs(2);

/// Callers that may wait on one command at once.
pub(super) const WAITERS_MAX: usize = 256;

pub(super) struct Waiter {
    pub(super) deadline: Instant,
    pub(super) what: What,
}

pub(super) enum What {
    /// For its end.
    Run {
        joined: bool,
        reply: Reply<RunReport>,
    },
    Until(Waiting),
    /// For the end of the ladder.
    Ended(Reply<RunReport>),
}

pub(super) struct Waiting {
    pub(super) until: Until,
    /// Output is shown from here on; without it all of it.
    pub(super) shown: Option<u64>,
    /// What was printed, on both streams, when it began to count.
    pub(super) printed: u64,
    pub(super) seen: Seen,
    pub(super) asked: Instant,
    pub(super) reply: Reply<Waited>,
}

/// Where the command stands, for those who wait.
pub(super) struct Present {
    pub(super) settled: bool,
    pub(super) ladder_over: bool,
    pub(super) printed: u64,
    pub(super) last_printed: Instant,
}

impl Waiter {
    pub(super) fn is_gone(&self) -> bool {
        match &self.what {
            What::Run { reply, .. } | What::Ended(reply) => reply.is_closed(),
            What::Until(waiting) => waiting.reply.is_closed(),
        }
    }

    /// Returns when it wants to be looked at again, whatever happens meanwhile.
    pub(super) fn look_at(&self, last_printed: Instant) -> Instant {
        match &self.what {
            What::Until(Waiting { until: Until::Idle, asked, .. }) => {
                self.deadline.min(last_printed.max(*asked) + IDLE)
            }
            What::Until(_) | What::Run { .. } | What::Ended(_) => self.deadline,
        }
    }

    pub(super) fn is_due(&self, now: Instant, present: &Present) -> bool {
        let met = match &self.what {
            What::Run { .. } => false,
            What::Ended(_) => present.ladder_over,
            What::Until(waiting) => waiting.is_met(now, present),
        };
        met || present.settled || self.deadline <= now
    }
}

impl Waiting {
    /// Nothing here can ask for input.
    pub(super) fn is_met(&self, now: Instant, present: &Present) -> bool {
        match &self.until {
            Until::Done => present.settled,
            Until::Input => false,
            Until::Output => present.printed > self.printed,
            Until::Pattern(pattern) => self.seen.matches(pattern),
            Until::Idle => now.saturating_duration_since(present.last_printed.max(self.asked)) >= IDLE,
        }
    }
}
