//! Keys that somebody types: what they mean for the line, for the command under way and for what is waited for.

use std::time::Instant;

use bytes::Bytes;

use super::{Accepted, Doubt, Effect, Session, Stage};
use crate::evidence::{Kind, Step};
use crate::gate;
use crate::names::{InputKind, Principal, Role};
use crate::reports;
use crate::run::{Run, RunState};

impl Session {
    pub(super) fn type_keys(&mut self, now: Instant, who: &Principal, keys: Bytes) -> Accepted {
        self.last_active = now;
        // What a terminal says by itself is a program's to read: it begins no line, and nobody has typed.
        let real = match reports::without(&keys) {
            real if real.is_empty() => return self.write(keys, who.role == Role::Agent),
            real => Bytes::copy_from_slice(&real),
        };
        let at_prompt = self.is_at_prompt();
        if who.role == Role::Operator {
            self.put_draft_back_before_keys(now);
        }
        let answers = self.asks_for_a_secret();
        if !at_prompt && let Some(run) = &mut self.run {
            if who.role == Role::Operator {
                run.typed_during = true;
                run.typed_at_it |= !answers;
            }
            if keys.contains(&gate::INTERRUPT) {
                if !run.ladder.has_begun() {
                    let pressed = Step::new(Kind::Signal).with("keys", "ctrl-c").with("by", who.role);
                    run.note(now, self.end, pressed);
                }
                run.ladder.note_interrupt();
                self.echo_lost |= run.state == RunState::NeedsInput { kind: InputKind::Secret };
            }
        }
        self.output_held = gate::holds_output(&keys).unwrap_or(self.output_held);
        let sends_line = gate::sends_line(&keys);
        let is_taken = self.a_program_takes(&keys);
        self.typed_ahead = !at_prompt && !gate::leaves_nothing(&keys) && !is_taken;
        let had_draft = self.gate.draft().is_some();
        self.gate.note_keys(now, who, &real);
        if had_draft != self.gate.draft().is_some() {
            self.effects.push_back(Effect::DraftChanged);
        }
        self.last_typist = Some(who.clone());
        if sends_line {
            self.kept.at_prompt = false;
            self.line.sent = at_prompt;
        }
        if sends_line && !at_prompt && self.stage == Stage::Ready {
            self.doubt = Some(Doubt::LineAhead);
        } else if at_prompt && keys.contains(&gate::INTERRUPT) {
            self.kept.at_prompt = false;
            self.doubt = self.doubt.or(Some(Doubt::Interrupted));
        }
        let guarded = who.role == Role::Agent && !at_prompt && !gate::is_interrupt(&keys);
        let accepted = self.write(keys.clone(), guarded);
        // Part of a password does not end the question.
        if gate::leaves_nothing(&keys) || !self.asks_for_a_secret() {
            self.disturb(now);
            self.prober.put_off(now);
        }
        accepted
    }

    /// One key for a program that facts have just shown to read every key by itself: it is none for the shell.
    fn a_program_takes(&self, keys: &[u8]) -> bool {
        let one =
            keys.first() == Some(&0x1b) || std::str::from_utf8(keys).is_ok_and(|it| it.chars().count() == 1);
        let waits = |run: &Run| matches!(run.state, RunState::NeedsInput { .. }) && self.waits_for_keys;
        one && self.run.as_ref().is_some_and(waits)
    }
}
