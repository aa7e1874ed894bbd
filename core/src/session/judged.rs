//! What kernel facts tell of the command under way, of a shell that opens, and of keys typed ahead.

use std::time::{Duration, Instant};

use super::{Doubt, Effect, Session, Stage};
use crate::dialect::Shell;
use crate::evidence::{Kind, Step};
use crate::facts::{Facts, Inner, Program};
use crate::kinds;
use crate::names::{Boundary, InputKind, Role};
use crate::probe::{self, Front, Judged, Surroundings};
use crate::run::RunState;

/// A shell that reads a line for so long without a signed prompt has lost our hook.
const UNSIGNED: Duration = Duration::from_secs(1);

/// So long a shell out of sight may take to draw what was typed ahead of its prompt.
const SILENT: Duration = Duration::from_secs(1);

impl Session {
    /// Takes in the answer to [`Effect::AskFacts`].
    pub fn handle_facts(&mut self, now: Instant, number: u64, facts: &Facts) {
        if facts.are_unseen() {
            // Asked again and again: they may be had later.
            let judged = Judged::Running { because: Some("no facts") };
            drop(self.prober.answer(now, number, judged, 0));
            self.believe_silence(now);
            return self.go_without_facts(now, &facts.shell.comm);
        }
        self.without_facts = false;
        self.shell_in_front = probe::has_in_front(facts, self.front());
        self.inner_terminal = facts.inner != Inner::None;
        let unanswered = self.run.as_ref().is_some_and(|run| !run.has_started());
        let around = Surroundings {
            front: self.front(),
            shell: self.language_of(&facts.shell),
            executable: self.kept.executable,
            more_wanted: self.more_wanted,
            unanswered,
            addressed: self.screen.modes().addressed,
            held: self.output_held,
        };
        let (judged, boundary) = probe::judge(facts, &around);
        let Some(judged) = self.prober.answer(now, number, judged, facts.foreground) else { return };
        self.has_looked = true;
        if matches!(judged, Judged::Waits(_)) {
            self.waiting_program = probe::reader_of(facts).map(str::to_owned).unwrap_or_default();
            self.waits_for_keys = probe::innermost(facts).is_some_and(|it| !it.canonical);
        }
        match &self.stage {
            Stage::Waiting { .. } | Stage::Late { .. } => self.look_at_opening(now, &judged, &facts.shell),
            Stage::Ready if judged == Judged::AtShell && self.unproven_end.is_some() => self.believe_end(now),
            Stage::Ready if self.run.is_some() => self.conclude(now, &judged, boundary, facts, &around),
            Stage::Ready => {
                if judged == Judged::AtShell {
                    self.believe_prompt();
                } else if self.front == Front::Beyond {
                    self.believe_silence(now);
                }
                self.verify_draft(&judged);
            }
            Stage::Connecting { .. }
            | Stage::Hooked { .. }
            | Stage::Unanswered
            | Stage::Exited(_)
            | Stage::Lost(_) => {}
        }
        if let Some(run) = &mut self.run {
            run.ladder.hasten(now);
        }
        if !self.wants_facts() {
            self.prober.rest();
        }
    }

    /// An rc file may have replaced a shell that still opens: then it is judged as what it has become.
    fn language_of(&self, shell: &Program) -> Shell {
        let opens = matches!(self.stage, Stage::Waiting { .. } | Stage::Late { .. });
        Shell::of_program(&shell.comm).filter(|_| opens).unwrap_or(self.plan.shell)
    }

    /// Where the shell that opens reads its terminal it is asked to sign, if it is one that we speak; where another
    /// program stands in its place that is said at once.
    fn look_at_opening(&mut self, now: Instant, judged: &Judged, shell: &Program) {
        let (reads, asks) = (*judged == Judged::AtShell, matches!(judged, Judged::Waits(_)));
        let stands_there = reads || (asks && self.shell_in_front);
        if stands_there && self.is_stranger(&shell.comm) {
            let since = now;
            if !matches!(self.stage, Stage::Late { .. }) {
                self.stage = Stage::Late { since };
            }
            if self.stranger.as_deref() != Some(&*shell.comm) {
                self.stranger = Some(shell.comm.clone());
                self.effects.push_back(Effect::Changed);
            }
        } else if reads {
            self.kept.executable = shell.executable;
            self.adopt_named(&shell.comm);
            self.type_hook(now);
        }
        self.asks_while_opening = asks;
    }

    /// No shell that we speak; of one without a name nothing is known, and `sh` is one of them.
    fn is_stranger(&self, name: &str) -> bool {
        Shell::of_program(name).is_none() && !name.is_empty() && name != "sh"
    }

    /// Takes the shell for what it is called. Returns whether it is one that we speak, as far as is known.
    pub(super) fn adopt_named(&mut self, name: &str) -> bool {
        self.plan.shell = Shell::of_program(name).unwrap_or(self.plan.shell);
        !self.is_stranger(name)
    }

    /// Returns whether a password is being asked for, as far as is known.
    #[must_use]
    pub fn asks_for_a_secret(&self) -> bool {
        self.asked_for() == Some(InputKind::Secret)
    }

    /// Returns what the command under way waits for, as far as is known.
    #[must_use]
    pub fn asked_for(&self) -> Option<InputKind> {
        match self.run.as_ref()?.state {
            RunState::NeedsInput { kind } => Some(kind),
            _ => None,
        }
    }

    /// Looks anew at what the command under way waits for: what was seen before may have changed without a word.
    /// [`Session::has_looked`] tells when that is known.
    pub fn look_again(&mut self, now: Instant) {
        self.has_looked = false;
        self.prober.disturb(now);
    }

    /// Returns whether two equal answers came since [`Session::look_again`] and since anything was printed or typed, or
    /// none are to be had.
    #[must_use]
    pub fn has_looked(&self) -> bool {
        self.has_looked || self.without_facts || self.run.is_none()
    }

    /// Facts are asked for while a shell opens, while somebody waits for a command, and while it is open
    /// whether keys typed ahead stand at the prompt.
    pub(super) fn wants_facts(&self) -> bool {
        self.wants_facts_unwatched() || (self.watched && self.run.is_some())
    }

    pub(super) fn wants_facts_unwatched(&self) -> bool {
        let opening = matches!(self.stage, Stage::Waiting { .. } | Stage::Late { .. });
        let ahead = self.is_verifying_draft() && self.gate.draft().is_some();
        let ends = self.run.as_ref().is_some_and(|run| run.ladder.next_at().is_some());
        let doubts = self.doubt.is_some() && self.stage == Stage::Ready && self.run.is_none();
        opening || doubts || ahead || ends
    }

    fn conclude(
        &mut self,
        now: Instant,
        judged: &Judged,
        boundary: Boundary,
        facts: &Facts,
        around: &Surroundings,
    ) {
        if self.is_holding() {
            return;
        }
        if self.asks_a_nested_shell(now, judged) {
            if let Some(run) = self.run.as_mut().filter(|_| self.asked.is_some()) {
                run.note(now, self.end, looked(judged, boundary, facts, around, self.plan.size));
            }
            return;
        }
        let Some(run) = &mut self.run else { return };
        let incomplete = Judged::Waits(InputKind::IncompleteSyntax);
        let unsigned = *judged == Judged::AtShell || (*judged == incomplete && !self.more_wanted);
        let since = *self.at_shell_since.get_or_insert(now);
        let state = match judged {
            // The facts may be ahead of the output: the mark of a prompt, or of a second one, is on its way.
            _ if unsigned && now < since + UNSIGNED => RunState::Running,
            Judged::Running { .. } | Judged::Gone => RunState::Running,
            Judged::Waits(kind) => RunState::NeedsInput { kind: kinds::refine(*kind, facts, &self.screen) },
            // What runs beyond the shell that signs from there is not to be seen.
            Judged::Remote(_) if self.front == Front::Beyond => RunState::Running,
            Judged::Nested(it) | Judged::Remote(it) => {
                RunState::Nested { shell: it.comm.clone(), signs: false }
            }
            Judged::AtShell
                if run.has_started()
                    && (self.plan.shell.reads_by_editor() || probe::reads_a_key(facts, self.plan.shell)) =>
            {
                RunState::NeedsInput { kind: kinds::refine(InputKind::Line, facts, &self.screen) }
            }
            Judged::AtShell => {
                RunState::Unknown { why: "the shell reads a line and signed no prompt".into() }
            }
        };
        if !unsigned {
            self.at_shell_since = None;
        }
        if run.state == state {
            return;
        }
        let refined = matches!(state, RunState::NeedsInput { kind } if *judged != Judged::Waits(kind));
        let seen = looked(judged, boundary, facts, around, self.plan.size);
        run.note(now, self.end, seen.with_some("by-words-at-the-cursor", refined.then_some(&state)));
        (run.state, run.boundary) = (state, boundary);
        self.effects.push_back(Effect::Changed);
    }

    /// Asks a shell that was seen inside the command under way to sign, where that may be tried.
    fn asks_a_nested_shell(&mut self, now: Instant, judged: &Judged) -> bool {
        match judged {
            Judged::Nested(program) => self.ask_nested(now, program),
            Judged::Remote(program) if self.front != Front::Beyond => {
                let otherwise = RunState::Nested { shell: program.comm.clone(), signs: false };
                self.ask_beyond(now, &otherwise)
            }
            Judged::Running { because: Some("opaque") } if self.front != Front::Beyond => {
                self.ask_beyond(now, &RunState::Running)
            }
            _ => false,
        }
    }

    /// A shell that reads its terminal has read what was typed ahead, and has printed what it had to.
    pub(super) fn believe_prompt(&mut self) {
        if self.doubt.take().is_some() {
            (self.kept.at_prompt, self.prompt_due) = (true, false);
            self.effects.extend([Effect::Prompted, Effect::Changed]);
        }
    }

    /// Where no facts tell whether the shell reads, its line editor does: what was typed ahead it draws at its prompt, and
    /// soon. Without an editor nothing tells. A slow line may be silent too: so only what an agent typed is believed to
    /// have gone to the program that asked; a person's line waits for proof.
    fn believe_silence(&mut self, now: Instant) {
        let is_silent = now.saturating_duration_since(self.last_active) >= SILENT;
        let stands = !self.prompt_due && self.screen.cursor() == self.prompt_cursor;
        let is_agents = self.last_typist.as_ref().is_some_and(|who| who.role == Role::Agent);
        let is_idle = self.stage == Stage::Ready && self.run.is_none();
        if !(is_idle && is_silent && stands && is_agents && self.plan.shell.edits_lines()) {
            return;
        }
        if self.doubt == Some(Doubt::LineAhead) {
            self.believe_prompt();
        }
        if self.is_at_prompt() && std::mem::take(&mut self.typed_ahead) {
            self.gate.begin_line(false);
            self.effects.push_back(Effect::Changed);
        }
    }

    /// Keys typed ahead of a prompt either stand at it now, and moved the cursor, or some program took them.
    fn verify_draft(&mut self, judged: &Judged) {
        if *judged == Judged::AtShell && self.typed_ahead && self.is_at_prompt() {
            self.typed_ahead = false;
            if self.screen.cursor() == self.prompt_cursor {
                self.gate.begin_line(false);
                self.effects.push_back(Effect::Changed);
            }
        }
    }
}

/// Two equal looks as evidence: with what the judge knew beside them another one can judge again.
fn looked(
    judged: &Judged,
    boundary: Boundary,
    facts: &Facts,
    around: &Surroundings,
    (cols, rows): (u16, u16),
) -> Step {
    let seen = Step::new(Kind::Facts).concludes(in_words(judged), boundary).with("answers", 2);
    seen.with("screen", format!("{cols}x{rows}")).surrounded(around, facts).shows(facts)
}

fn in_words(judged: &Judged) -> String {
    match judged {
        Judged::Running { because: None } => "works".into(),
        Judged::Running { because: Some(because) } => format!("works ({because})"),
        Judged::AtShell => "the shell reads".into(),
        Judged::Waits(kind) => format!("waits for {kind}"),
        Judged::Nested(program) => format!("nested {}", program.comm),
        Judged::Remote(program) => format!("works beyond {}", program.comm),
        Judged::Gone => "the shell is gone".into(),
    }
}
