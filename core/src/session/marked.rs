//! What the shell's own marks prove: where a command began and ended, with which status, and that a prompt
//! stands.
//!
//! A mark with the right key may still be an old one: any program can print a capture of this very session.
//! So a D settles a run only with the serial that follows the prompt at which the run was typed, and only
//! from the process that signs for this session.

use std::time::Instant;

use super::{Effect, Session};
use crate::echo::{Echo, EchoSkip};
use crate::evidence::{Kind, Step};
use crate::marks::{Found, Mark, MarkKind};
use crate::names::{Boundary, RunKind};
use crate::run::RunState;

/// Between zsh's end-of-line mark and its D stand a line of blanks and a few sequences; the path comes on top.
const EOL_MARK_SLACK: u64 = 256;

/// Marks that come just before a D and speak of the same prompt.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    directory: Option<(u64, u64, String)>,
    ended: Option<u64>,
}

impl Before {
    pub(super) fn note_directory(&mut self, found: &Found, path: &str) {
        self.directory = Some((found.start, found.end, path.to_owned()));
    }

    pub(super) fn note_ended(&mut self, found: &Found) {
        self.ended = Some(found.start);
    }

    /// Returns where marks begin that belong to a D at this place.
    pub(super) fn begins(&self, place: u64) -> u64 {
        let directory = self.directory.as_ref().filter(|(_, end, _)| *end == place);
        directory.map_or(place, |(start, _, _)| *start)
    }
}

impl Session {
    pub(super) fn handle_mark(&mut self, now: Instant, found: &Found) {
        if !self.take_other_mark(now, found) || self.is_foreign(&found.mark) {
            return;
        }
        match &found.mark.kind {
            MarkKind::Directory { path } => self.before.note_directory(found, path),
            MarkKind::Ended => self.before.note_ended(found),
            MarkKind::Identity { .. } => {}
            MarkKind::Started => self.handle_started(now, found),
            MarkKind::MoreWanted => self.handle_second_prompt(true),
            MarkKind::MoreEnd => {
                self.handle_second_prompt(false);
                self.follow_echo(now, found.end, &[]);
            }
            MarkKind::Done { .. } if self.plan.shell.signs_its_end() && self.stage == super::Stage::Ready => {
                self.unproven_end = Some(found.clone());
            }
            MarkKind::Done { status } => self.handle_done(now, found, *status),
            MarkKind::Prompt => {
                self.believe_end(now);
                self.handle_prompt();
            }
        }
    }

    /// The shell goes on, so the end of its command that it has signed was none of its own.
    pub(super) fn believe_end(&mut self, now: Instant) {
        let found = self.unproven_end.take();
        if let Some(Found { mark: Mark { kind: MarkKind::Done { status }, .. }, .. }) = &found {
            found.iter().for_each(|found| self.handle_done(now, found, *status));
        }
    }

    /// A nested shell that inherited our prompt signs with its own number.
    fn is_foreign(&self, mark: &Mark) -> bool {
        matches!((self.kept.pid, mark.pid), (Some(ours), Some(its)) if ours != its)
    }

    fn handle_started(&mut self, now: Instant, found: &Found) {
        let Some(serial) = found.mark.serial.filter(|&it| it > self.kept.serial) else { return };
        (self.kept.at_prompt, self.prompt_due) = (false, false);
        // A second start of one command: the shell has read the rest of it in between.
        let more_wanted = std::mem::take(&mut self.more_wanted);
        match &mut self.run {
            Some(run) if run.from.is_none() || (more_wanted && run.expected == serial) => {
                if run.expected == serial {
                    run.from = Some(found.end);
                    run.note(now, found.end, signed(found, 'C', serial));
                    self.screen.forget_addressed();
                }
            }
            // Several lines pasted by a person: each starts by itself, the last one's end is the end.
            Some(run) if run.id.kind == RunKind::Human => run.expected = run.expected.max(serial),
            Some(_) => {}
            None => self.begin_unasked(now, serial, found.end),
        }
    }

    fn handle_second_prompt(&mut self, begins: bool) {
        self.line.in_second_prompt = begins;
        self.more_wanted = true;
        if let Some(echo) = self.run.as_mut().and_then(|run| run.echo.as_mut()) {
            if begins {
                echo.begin_second_prompt();
            } else {
                echo.end_second_prompt();
            }
        }
    }

    fn handle_done(&mut self, now: Instant, found: &Found, status: i32) {
        let begins = self.before_begins(found.start);
        let before = std::mem::take(&mut self.before);
        let Some(serial) = found.mark.serial else { return };
        let numbered = found.mark.prompt.is_some_and(|number| number > self.kept.prompt);
        let repeated = found.mark.prompt.is_some() && !numbered;
        if serial < self.kept.serial
            || repeated
            || !self.admit_done(now, found, &before, serial, numbered, status)
        {
            return;
        }
        if self.stage != super::Stage::Ready && !self.prompt_due {
            self.unveil();
            self.kept.ready_at = before.directory.as_ref().map_or(found.start, |(start, _, _)| *start);
        }
        self.kept.serial = serial;
        self.kept.prompt = found.mark.prompt.unwrap_or(self.kept.prompt);
        self.kept.pid = found.mark.pid.or(self.kept.pid);
        if let Some((_, end, path)) = before.directory
            && end == found.start
        {
            self.kept.cwd = Some(path);
        }
        // Until its B has come nothing is typed; should that be damaged, the kernel tells when the shell reads.
        self.kept.at_prompt = false;
        self.doubt = self.doubt.or(Some(super::Doubt::Unmarked));
        if !std::mem::replace(&mut self.prompt_due, true) {
            self.done_at = begins;
        }
    }

    /// Returns where marks begin that belong to a D still to come, or the place itself.
    pub(super) fn before_begins(&self, place: u64) -> u64 {
        let begins = self.before.begins(place);
        let ended = self.before.ended.filter(|ended| ended + self.eol_mark_reach() >= begins);
        ended.unwrap_or(begins)
    }

    /// zsh's own end-of-line mark is a line of blanks and a few sequences.
    fn eol_mark_reach(&self) -> u64 {
        u64::from(self.plan.size.0) + EOL_MARK_SLACK
    }

    /// Judges a D against the run under way; returns whether it speaks of a new prompt of this shell.
    fn admit_done(
        &mut self,
        now: Instant,
        found: &Found,
        before: &Before,
        serial: u64,
        numbered: bool,
        status: i32,
    ) -> bool {
        let (reach, shell) = (self.eol_mark_reach(), self.plan.shell);
        let Some(run) = &mut self.run else { return true };
        let evidence = signed(found, 'D', serial).with("status", status).with("awaited", run.expected);
        if serial < run.expected {
            // A new prompt with the old serial: the shell read the line and ran nothing.
            let ran_nothing = numbered && run.from.is_none() && serial + 1 == run.expected;
            if ran_nothing {
                run.note(now, found.end, evidence);
                self.settle_unrun(now, before, found.start, status);
            } else if run.from.is_none() {
                run.unrun_to = run.unrun_to.or(Some(end_before(before, found.start)));
            }
            return ran_nothing;
        }
        run.note(now, found.end, evidence);
        let directory = before.directory.as_ref().filter(|(_, end, _)| *end == found.start);
        let mut to = directory.map_or(found.start, |(start, _, _)| *start);
        if let Some((_, _, path)) = directory {
            run.cwd = Some(path.clone());
        }
        if run.from.is_none() && shell.marks_starts() {
            run.from = run.line_end; // The shell did not understand it, and has said so.
        }
        if let Some(ended) = before.ended.filter(|ended| ended + reach >= to) {
            (to, run.eol_mark) = (ended, true);
        }
        let state = if serial > run.expected {
            RunState::Lost { reason: "the mark of its end was damaged".into() }
        } else if run.blank {
            RunState::RanNothing
        } else if let Some(signal) = run.ladder.ended_by(shell.interrupted(status)) {
            RunState::Interrupted { signal, exit: status }
        } else {
            RunState::Completed { exit: status }
        };
        self.settle(now, state, Boundary::Exact, Some(to));
        true
    }

    /// Settles a command that the shell read and did not run: it is empty, somebody interrupted it, or the shell did
    /// not understand it and has said so.
    fn settle_unrun(&mut self, now: Instant, before: &Before, prompt: u64, status: i32) {
        let shell = self.plan.shell;
        let Some(run) = &mut self.run else { return };
        let (state, to) = if let Some(signal) = run.ladder.ended_by(shell.interrupted(status)) {
            (RunState::Interrupted { signal, exit: status }, run.typed_at)
        } else if run.blank || status == 0 || run.ladder.has_begun() {
            (RunState::RanNothing, run.typed_at)
        } else {
            run.from = run.line_end;
            let to = run.unrun_to.unwrap_or_else(|| end_before(before, prompt));
            (RunState::Completed { exit: status }, to)
        };
        self.settle(now, state, Boundary::Exact, Some(to));
    }

    fn handle_prompt(&mut self) {
        let column = self.screen.cursor().0;
        if !self.prompt_due {
            if let Some(run) = &mut self.run {
                run.draw_again();
            } else {
                // Drawn again, perhaps with a line that is sent already: what stands after it is the line.
                let sent = self.line.sent;
                self.line.begin(column);
                self.line.sent = sent;
                self.prompt_cursor = self.screen.cursor();
            }
            return;
        }
        (self.prompt_due, self.more_wanted, self.output_held) = (false, false, false);
        self.stage = super::Stage::Ready;
        self.doubt = self.doubt.filter(|doubt| *doubt == super::Doubt::LineAhead);
        self.kept.at_prompt = self.doubt.is_none();
        self.line.begin(column);
        self.prompt_cursor = self.screen.cursor();
        self.gate.begin_line(self.typed_ahead);
        if std::mem::take(&mut self.echo_lost) && !self.plan.shell.restores_echo() {
            self.effects.push_back(Effect::RestoreEcho); // A line editor sets the terminal up by itself.
        }
        self.effects.extend([Effect::Prompted, Effect::Changed]);
    }

    /// Follows the echo of a typed command, where only that tells where its output begins.
    pub(super) fn follow_echo(&mut self, now: Instant, from: u64, bytes: &[u8]) {
        let Some(run) = self.run.as_mut().filter(|run| run.from.is_none() || run.echo.is_some()) else {
            return;
        };
        if let (None, Some(place)) = (run.line_end, bytes.iter().position(|&byte| byte == b'\n')) {
            run.line_end = Some(from + place as u64 + 1);
        }
        let begins = match run.echo.as_mut().map(|echo| echo.feed(bytes)) {
            Some(Echo::Ends(echoed)) => from + echoed as u64,
            Some(Echo::None) => run.typed_at,
            Some(Echo::Over) => {
                run.echo = None;
                return;
            }
            Some(Echo::On) | None => return,
        };
        run.from = Some(begins);
        run.echo = run.echo.take().filter(EchoSkip::is_open);
        run.note(now, self.end, Step::new(Kind::Echo).with("ended-at", begins));
        self.screen.forget_addressed();
    }
}

/// A mark as evidence.
pub(super) fn signed(found: &Found, letter: char, serial: u64) -> Step {
    let Found { mark, start, end, .. } = found;
    let step = Step::new(Kind::Mark).with("letter", letter).with("serial", serial);
    let step = step.with_some("prompt", mark.prompt).with_some("pid", mark.pid);
    step.with_some("tty", mark.tty.as_ref()).with("from", start).with("to", end)
}

/// Returns where the output before a prompt's marks ended.
fn end_before(before: &Before, mark: u64) -> u64 {
    let directory = before.directory.as_ref().filter(|(_, end, _)| *end == mark).map(|(start, _, _)| *start);
    before.ended.or(directory).unwrap_or(mark)
}
