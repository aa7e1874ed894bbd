//! The pen that a person has taken for themselves: whose it is, since when, and when it falls back by itself.

use std::time::{Duration, Instant};

use crate::names::Principal;

/// It falls back this long after its owner's last key …
pub const QUIET_MAX: Duration = Duration::from_secs(600);
/// … or this long after the last of its owner's viewers has gone.
pub const AWAY_MAX: Duration = Duration::from_secs(60);

/// A pen in a person's hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whose it is.
    pub who: Principal,
    /// Since when.
    pub since: Instant,
    /// When they last typed.
    pub last: Instant,
    /// When the last of their viewers went, while they have none.
    pub away: Option<Instant>,
}

/// The same in ages, which another process with another clock understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aged {
    /// Whose it is.
    pub who: Principal,
    /// How long ago it was taken.
    pub since: Duration,
    /// How long ago they typed.
    pub last: Duration,
    /// How long ago the last of their viewers went, while they have none.
    pub away: Option<Duration>,
}

impl Taken {
    /// Returns it in ages.
    #[must_use]
    pub fn aged(&self, now: Instant) -> Aged {
        let age = |it: Instant| now.saturating_duration_since(it);
        Aged { who: self.who.clone(), since: age(self.since), last: age(self.last), away: self.away.map(age) }
    }

    /// Makes it again of ages. Its owner's viewers went with the process that had them, if not before.
    pub(super) fn again(now: Instant, aged: &Aged) -> Self {
        // A clock that began later than it was taken has no such moment.
        let at = |age: Duration| now.checked_sub(age).unwrap_or(now);
        let away = aged.away.map_or(now, at);
        Self { who: aged.who.clone(), since: at(aged.since), last: at(aged.last), away: Some(away) }
    }

    /// Begins to hold it.
    pub(super) fn new(now: Instant, who: &Principal) -> Self {
        Self { who: who.clone(), since: now, last: now, away: None }
    }

    /// Returns when it falls back, if nothing happens until then.
    #[must_use]
    pub fn until(&self) -> Instant {
        let quiet = self.last + QUIET_MAX;
        self.away.map_or(quiet, |away| quiet.min(away + AWAY_MAX))
    }
}
