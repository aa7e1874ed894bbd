//! What is to be seen of a session from outside.

use std::time::Instant;

use super::{Effect, Kept, Plan, Session, Stage};
use crate::dialect::Submission;
use crate::gate::Gate;
use crate::kinds;
use crate::names::{InputKind, Offset, RunId};
use crate::programs::Multiplexer;
use crate::run::Run;
use crate::screen::Screen;

impl Session {
    /// Returns where its output ends.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.offset()
    }

    /// Returns up to where the output has been understood: whoever resumes there sees the same marks. Less than
    /// the end while a mark is unfinished, or a prompt is.
    #[must_use]
    pub fn understood(&self) -> u64 {
        if let Some(found) = &self.unproven_end {
            return self.before_begins(found.start);
        }
        if self.prompt_due { self.done_at } else { self.before_begins(self.marks.unfinished_at()) }
    }

    /// Returns how it was opened, with the present size and mode.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns how far it has come.
    #[must_use]
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Returns what must be kept to find it again.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept { at: self.end, ready: self.stage == Stage::Ready, ..self.kept.clone() }
    }

    /// Returns whether its host shows no facts, as far as is known.
    #[must_use]
    pub fn is_without_facts(&self) -> bool {
        self.without_facts
    }

    /// Returns its screen.
    #[must_use]
    pub fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Returns bytes that paint the screen; the raw output from [`Session::end`] on goes on from there.
    #[must_use]
    pub fn repaint(&mut self) -> Vec<u8> {
        self.screen.repaint()
    }

    /// Returns the same for a viewer, who follows what the filter lets through.
    #[must_use]
    pub fn repaint_for_viewers(&mut self) -> Vec<u8> {
        self.screen.repaint_for_filtered()
    }

    /// Returns who may write, and what they have begun.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Returns the command under way.
    #[must_use]
    pub fn current(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// Returns the words with which the command under way asks, where it asks in words.
    #[must_use]
    pub fn question(&self) -> Option<String> {
        self.asked_for().and_then(|kind| kinds::question(kind, &self.screen))
    }

    /// Returns the multiplexer that the command under way has handed its terminal to.
    #[must_use]
    pub fn multiplexer(&self) -> Option<Multiplexer> {
        let waits = self.asked_for() == Some(InputKind::FullScreen);
        waits.then(|| Multiplexer::of_program(&self.waiting_program)).flatten()
    }

    /// Returns a command under way or settled not long ago.
    #[must_use]
    pub fn run(&self, id: RunId) -> Option<&Run> {
        let known = self.run.iter().chain(self.opened()).chain(self.recent.iter().rev());
        known.into_iter().find(|run| run.id == id)
    }

    /// Returns whether every rung of the ladder was tried on the command under way.
    #[must_use]
    pub fn ladder_is_over(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.ladder.is_over())
    }

    /// Returns when anything was last typed or printed.
    #[must_use]
    pub fn last_active(&self) -> Instant {
        self.last_active
    }

    /// Returns whether its shell stands at a prompt of its own.
    #[must_use]
    pub fn is_at_prompt(&self) -> bool {
        self.stage == Stage::Ready && self.kept.at_prompt
    }

    /// Returns whether its shell lives, as far as is known.
    #[must_use]
    pub fn is_living(&self) -> bool {
        !matches!(self.stage, Stage::Exited(_) | Stage::Lost(_))
    }

    /// Returns the newest command: the one under way, or the one settled last.
    #[must_use]
    pub fn newest_run(&self) -> Option<&Run> {
        self.run.as_ref().or(self.recent.back())
    }

    /// Returns whether it is still open if keys typed ahead stand at the prompt: facts will tell soon.
    #[must_use]
    pub fn is_verifying_draft(&self) -> bool {
        self.typed_ahead && self.is_at_prompt() && self.plan.shell.edits_lines()
    }

    /// Returns whether such a number is needed.
    #[must_use]
    pub fn needs_number(&self) -> bool {
        self.spare_number.is_none()
    }

    /// Returns the keys that would submit `command` now.
    #[must_use]
    pub fn submission(&self, command: &str) -> Submission {
        self.plan.shell.submit(command, self.front_key(), self.screen.modes().bracketed_paste)
    }

    /// Takes the number for a command that is submitted now, so that numbers follow time.
    pub fn take_number(&mut self) -> Option<u64> {
        self.spare_number.take()
    }

    /// Gives the number for the next command that begins by itself.
    pub fn give_number(&mut self, number: u64) {
        self.spare_number = Some(number);
    }

    /// Returns the next thing the outside must do.
    #[must_use]
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }
}
