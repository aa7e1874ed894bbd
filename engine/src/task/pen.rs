//! The pen that a person takes for themselves: it is passed on, kept over the end of a daemon, and falls back.

use std::time::{Duration, Instant};

use cotty_core::names::Principal;
use cotty_core::refusal::Refusal;

use super::Owner;
use crate::clock;
use crate::viewer::PenOrder;

/// That its owner has typed is kept this often: a daemon that is killed may give the pen back so much earlier.
const TYPED_EVERY: Duration = Duration::from_secs(10);

/// Whether the store has to know it to the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exactly {
    Yes,
    No,
}

impl Owner {
    /// The pen of a person without a viewer falls back soon.
    pub(super) fn note_owner(&mut self) {
        let is_here = self.session.gate().taken().is_some_and(|it| self.viewers.has(&it.who));
        self.session.note_here(clock::now(), is_here);
        self.keep_pen(Exactly::Yes);
    }

    pub(super) fn pass_pen(&mut self, now: Instant, who: &Principal, order: PenOrder) -> Result<(), Refusal> {
        let said = match order {
            PenOrder::Release if self.session.release_pen(who) => "released the pen".to_owned(),
            PenOrder::Release => return Ok(()),
            PenOrder::PutAside => {
                self.session.put_aside(now, who)?;
                "put their unsent line aside".to_owned()
            }
            PenOrder::PutBack => {
                self.session.want_back(now, who)?;
                "wants their unsent line back".to_owned()
            }
            PenOrder::Take | PenOrder::TakeOver => {
                if order == PenOrder::Take {
                    self.session.gate().admit_human(now, who, b" ", &self.row.name)?;
                }
                match self.session.take_pen(now, who) {
                    Some(other) => format!("took over the pen from {}", other.label),
                    None => "took the pen".to_owned(),
                }
            }
        };
        self.keep_pen(Exactly::Yes);
        self.note(who, &said);
        Ok(())
    }

    /// Keeps who has taken the pen, where the store has it otherwise.
    pub(super) fn keep_pen(&mut self, exactly: Exactly) {
        let taken = self.session.gate().taken().cloned();
        let is_near = |now: &cotty_core::gate::Taken, kept: &cotty_core::gate::Taken| {
            let rest = (&now.who, now.since, now.away) == (&kept.who, kept.since, kept.away);
            rest && now.last.saturating_duration_since(kept.last) < TYPED_EVERY
        };
        let is_kept = match (&taken, &self.kept_pen) {
            (Some(now), Some(kept)) if exactly == Exactly::No => is_near(now, kept),
            (now, kept) => now == kept,
        };
        if is_kept || self.row.is_remote() {
            return; // A session on a host ends with the daemon.
        }
        let aged = taken.as_ref().map(|it| it.aged(clock::now()));
        let done = self.store.keep_pen(&self.row.id, aged.as_ref());
        self.report_trouble(done);
        self.kept_pen = taken;
    }
}
