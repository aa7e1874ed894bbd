//! The line that stands at the prompt, for the text of a command that no call has submitted.

use std::time::Instant;

use super::{Effect, Session};
use crate::evidence::{Kind, Step};
use crate::names::{Principal, Role, RunId, RunKind};
use crate::run::Run;
use crate::text::Lines;

/// More is no line that a person types.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What was printed since the prompt.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Raw bytes: the shell's echo of what is typed.
    bytes: Vec<u8>,
    /// The column at which it begins.
    column: u16,
    /// Enter was typed on it.
    pub(super) sent: bool,
    /// A second prompt is being printed, which is no text of the command.
    pub(super) in_second_prompt: bool,
}

impl Line {
    pub(super) fn begin(&mut self, column: u16) {
        *self = Self { column, ..Self::default() };
    }

    fn text(&self, cols: u16) -> String {
        let mut lines = Vec::new();
        let mut keep = |line: &str| lines.push(line.to_owned());
        let mut rendered = Lines::new(cols);
        rendered.feed(&vec![b' '; usize::from(self.column)], &mut keep);
        rendered.feed(&self.bytes, &mut keep);
        rendered.finish(&mut keep);
        lines.join("\n").trim().to_owned()
    }
}

impl Session {
    /// Follows what is printed at the prompt. Where the shell marks no starts, the line end that follows an
    /// Enter starts the command.
    pub(super) fn follow_line(&mut self, now: Instant, from: u64, bytes: &[u8]) {
        if self.run.is_some() || self.line.in_second_prompt || self.line.bytes.len() > LINE_BYTES_MAX {
            return;
        }
        let waits_for_echo = self.line.sent && !self.plan.shell.marks_starts();
        let end = bytes.iter().position(|&byte| byte == b'\n').filter(|_| waits_for_echo);
        self.line.bytes.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
        if let Some(end) = end {
            self.begin_unasked(now, self.kept.serial + 1, from + end as u64 + 1);
        }
    }

    /// Begins a command that no call has submitted: its text is what stands at the prompt.
    pub(super) fn begin_unasked(&mut self, now: Instant, serial: u64, from: u64) {
        let text = self.line.text(self.plan.size.0);
        self.line.begin(0);
        if text.is_empty() && !self.plan.shell.marks_starts() {
            return;
        }
        let Some(number) = self.spare_number.take() else { return };
        let somebody = Principal { role: Role::Operator, label: "somebody".into() };
        let who = self.last_typist.clone().unwrap_or(somebody);
        let kind = if who.role == Role::Operator { RunKind::Human } else { RunKind::Command };
        let id = RunId { kind, number };
        let mut run = Run::new(id, who, text, serial, from, now);
        run.from = Some(from);
        let typed = Step::new(Kind::Typed).with("from", "the prompt").with("begins", from);
        run.note(now, self.end, self.awaits(typed, serial));
        self.gate.hand_to(id);
        self.screen.forget_addressed();
        self.run = Some(run);
        self.effects.extend([Effect::Began(id), Effect::Changed]);
    }
}
