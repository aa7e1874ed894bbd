//! The pen that a person takes for themselves.

use std::time::Instant;

use super::{Effect, Session};
use crate::gate;
use crate::names::Principal;

impl Session {
    /// Gives the pen to a person, and returns from whom it was taken.
    pub fn take_pen(&mut self, now: Instant, who: &Principal) -> Option<Principal> {
        self.effects.push_back(Effect::Changed);
        self.gate.take(now, who)
    }

    /// Puts a person's pen down; says whether they had it.
    pub fn release_pen(&mut self, who: &Principal) -> bool {
        let released = self.gate.release(who);
        if released {
            self.effects.push_back(Effect::Changed);
        }
        released
    }

    /// Gives back a pen that a person had taken in an earlier life, unless its time is over.
    pub fn restore_pen(&mut self, now: Instant, aged: &gate::Aged) {
        self.gate.restore_taken(now, aged);
    }

    /// Notes whether the person who has taken the pen has a viewer.
    pub fn note_here(&mut self, now: Instant, is_here: bool) {
        self.gate.note_here(now, is_here);
    }
}
