//! How a command is ended, settled and remembered, and how a session closes down.

use std::time::Instant;

use bytes::Bytes;

use super::frames::Below;
use super::{Effect, RECENT_RUNS_MAX, Reach, Session, Stage};
use crate::evidence::{Kind, Step};
use crate::gate;
use crate::ladder::{self, Front, Rung, Signal};
use crate::names::{Boundary, InputKind, RunId};
use crate::probe;
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
        let session = self.plan.name.clone();
        if let Some(run) = self.opened_mut(id) {
            // The shell that it opened ignores what a program would not: the last rung is its own.
            run.ladder.begin(now, true);
            self.handle_timeout(now);
            return Ok(());
        }
        let run = self.run.as_mut().filter(|run| run.id == id);
        let run = run.ok_or(Refusal::NothingRuns { session })?;
        run.ladder.begin(now, force);
        if run.state == RunState::Running {
            self.look_again(now); // What is in front decides how it is left.
        }
        self.handle_timeout(now);
        Ok(())
    }

    /// Tries the next thing to end what somebody wants ended, if it is time.
    pub(super) fn climb_ladders(&mut self, now: Instant) {
        self.climb(now);
        self.climb_for_opened(now);
    }

    fn climb(&mut self, now: Instant) {
        let asked = self.asked_for();
        let front = if self.front == probe::Front::Beyond {
            // A signal here would end what carries the terminal there. Ctrl-C is the far terminal's to read.
            Front { shell: true, seen: true, leave: Some(Rung::Keys(&[gate::INTERRUPT])) }
        } else {
            Front {
                shell: self.shell_in_front,
                seen: self.has_looked() || asked.is_some(),
                leave: asked.and_then(|kind| ladder::leave(kind, &self.waiting_program)),
            }
        };
        let Some(run) = &mut self.run else { return };
        let was_over = run.ladder.is_over();
        match run.ladder.climb(now, front) {
            Some(Rung::Signal(signal)) => {
                let sent = Step::new(Kind::Signal).with("number", signal.number());
                run.note(now, self.end, sent.with("to", "the foreground group"));
                self.echo_lost |= asked == Some(InputKind::Secret);
                let spares = !run.ladder.is_forced() && signal != Signal::Interrupt;
                let reach = if spares { Reach::FrontButShell } else { Reach::Front };
                self.effects.push_back(Effect::Signal(signal, reach));
                self.prober.disturb(now);
            }
            Some(Rung::Keys(keys)) => {
                let typed =
                    Step::new(Kind::Signal).with("keys", String::from_utf8_lossy(keys).escape_debug());
                run.note(now, self.end, typed.with_some("to-leave", asked));
                self.write(Bytes::from_static(keys), false);
                self.typed_ahead = false; // Facts have shown that it takes every key by itself.
                self.prober.disturb(now);
            }
            None if run.ladder.is_over() != was_over => self.effects.push_back(Effect::Changed),
            None if run.ladder.wants_look() && !self.prober.is_active() => self.prober.disturb(now),
            None => {}
        }
    }

    /// For commands that have opened a shell: whatever is in front stands in it.
    fn climb_for_opened(&mut self, now: Instant) {
        let (end, front) = (self.end, Front { shell: false, seen: true, leave: None });
        for run in self.below.iter_mut().filter_map(Below::run_mut) {
            if let Some(Rung::Signal(signal)) = run.ladder.climb(now, front) {
                let sent = Step::new(Kind::Signal).with("number", signal.number());
                run.note(now, end, sent.with("to", "the foreground group"));
                self.effects.push_back(Effect::Signal(signal, Reach::FrontButShell));
                self.prober.disturb(now);
            }
        }
    }

    /// Notes that the shell ended.
    pub fn handle_exit(&mut self, now: Instant, exit: Option<i32>) {
        self.stage = Stage::Exited(exit);
        let ended = RunState::ShellExited { exit };
        self.note_end(now, &Step::new(Kind::End).with("of", "the shell").with_some("exit", exit));
        self.settle(now, ended.clone(), Boundary::Exact, None);
        self.close_frames(now, &ended);
        self.close_down();
    }

    /// Notes that the terminal is gone without the shell's end having been seen.
    pub fn handle_lost(&mut self, now: Instant, reason: &str) {
        if self.is_living() {
            self.stage = Stage::Lost(reason.to_owned());
            let lost = RunState::Lost { reason: reason.to_owned() };
            self.note_end(now, &Step::new(Kind::End).with("of", "the terminal").with("reason", reason));
            self.settle(now, lost.clone(), Boundary::Exact, None);
            self.close_frames(now, &lost);
            self.close_down();
        }
    }

    /// Everything under way ends with the terminal or its shell.
    fn note_end(&mut self, now: Instant, step: &Step) {
        let end = self.end;
        for run in self.below.iter_mut().filter_map(Below::run_mut).chain(&mut self.run) {
            run.note(now, end, step.clone());
        }
    }

    pub(super) fn close_down(&mut self) {
        let parking = std::mem::take(&mut self.parking);
        self.lose_draft(&parking);
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
