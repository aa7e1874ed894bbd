//! How a command is ended, settled and remembered, and how a session closes down.

use std::time::Instant;

use super::{Effect, RECENT_RUNS_MAX, Session};
use crate::evidence::{Kind, Step};
use crate::names::{Boundary, RunId};
use crate::refusal::Refusal;
use crate::run::RunState;

impl Session {
    /// Ends a command: INT, TERM, KILL on the foreground group. A shell that runs it by itself is spared the
    /// last two unless `force`.
    ///
    /// # Errors
    ///
    /// Refuses a command that is not the one that runs.
    pub fn end_run(&mut self, now: Instant, id: RunId, force: bool) -> Result<(), Refusal> {
        let run = self.run.as_mut().filter(|run| run.id == id);
        let run = run.ok_or(Refusal::NothingRuns { session: self.plan.name.clone() })?;
        run.ladder.begin(now, force);
        self.handle_timeout(now);
        Ok(())
    }

    pub(super) fn close_down(&mut self) {
        self.prober.rest();
        self.kept.at_prompt = false;
        self.effects.push_back(Effect::Changed);
    }

    /// Settles the run under way, if there is one.
    pub(super) fn settle(&mut self, now: Instant, state: RunState, boundary: Boundary, to: Option<u64>) {
        let Some(mut run) = self.run.take() else { return };
        self.gate.put_down(run.id);
        run.note(now, self.end, Step::new(Kind::Verdict).concludes(&state, boundary));
        (run.state, run.boundary) = (state, boundary);
        run.to = Some(to.unwrap_or(self.end));
        run.from = run.from.or(Some(run.typed_at)).map(|from| from.min(run.to.unwrap_or(from)));
        run.took = Some(now.saturating_duration_since(run.since));
        let id = run.id;
        if self.recent.len() == RECENT_RUNS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(run);
        self.effects.extend([Effect::Settled(id), Effect::Changed]);
    }
}
