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

impl Taken {
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
