//! One command, from the moment it is typed until it is settled.

use std::time::{Duration, Instant};

use crate::echo::EchoSkip;
use crate::names::{Boundary, InputKind, Principal, RunId};

/// Between the rungs of the ladder INT, TERM, KILL.
const RUNG: Duration = Duration::from_secs(2);
/// What is kept of the reasons for a verdict.
const EVIDENCE_MAX: usize = 32;

/// Where a command stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Proven ended, with this exit status.
    Completed {
        /// What the shell reported.
        exit: i32,
    },
    /// The shell read it and ran nothing (an empty line, a comment).
    RanNothing,
    /// It goes on.
    Running,
    /// It waits for somebody.
    NeedsInput {
        /// For what.
        kind: InputKind,
    },
    /// A signal that was asked for ended it; the shell reported this status (130 for SIGINT).
    Interrupted {
        /// The signal's number.
        signal: i32,
        /// What the shell reported.
        exit: i32,
    },
    /// Another shell runs inside and waits at its prompt.
    Nested {
        /// Its program's name.
        shell: String,
    },
    /// It ended the session's shell.
    ShellExited {
        /// The shell's exit status, where known.
        exit: Option<i32>,
    },
    /// Its end was not seen.
    Lost {
        /// Why.
        reason: String,
    },
    /// Nothing certain can be said.
    Unknown {
        /// What was seen.
        why: String,
    },
}

impl RunState {
    /// Returns whether this is final.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Completed { .. }
            | Self::RanNothing
            | Self::Interrupted { .. }
            | Self::ShellExited { .. }
            | Self::Lost { .. } => true,
            Self::Running | Self::NeedsInput { .. } | Self::Nested { .. } | Self::Unknown { .. } => false,
        }
    }
}

/// A signal of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Ctrl-C's.
    Interrupt,
    /// The polite end.
    Terminate,
    /// The other one.
    Kill,
}

impl Signal {
    /// Returns its number, the same on every system that we know.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
            Self::Kill => 9,
        }
    }
}

/// A command under way, or settled.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its handle.
    pub id: RunId,
    /// Who gave it.
    pub who: Principal,
    /// Its text.
    pub command: String,
    /// The serial whose mark settles it.
    pub expected: u64,
    /// Where the session's output stood when it was typed.
    pub typed_at: u64,
    /// Where its own output begins, once that is known.
    pub from: Option<u64>,
    /// Where its output ends, once it is settled.
    pub to: Option<u64>,
    /// When it was typed.
    pub since: Instant,
    /// How long it took, once it is settled.
    pub took: Option<Duration>,
    /// Where it stands.
    pub state: RunState,
    /// How surely.
    pub boundary: Boundary,
    /// The shell's directory afterwards.
    pub cwd: Option<String>,
    /// What the verdicts rest on, oldest first.
    pub evidence: Vec<String>,
    /// A person typed while it ran.
    pub typed_during: bool,
    /// It holds nothing to run.
    pub blank: bool,
    /// Its output ends at zsh's own end-of-line mark.
    pub eol_mark: bool,
    /// Where its first line was over: what follows is the shell's own, if it does not run it.
    pub(crate) line_end: Option<u64>,
    /// Where what the shell said instead of running it ended.
    pub(crate) unrun_to: Option<u64>,
    pub(crate) echo: Option<EchoSkip>,
    pub(crate) ladder: Ladder,
}

impl Run {
    /// Makes a command that was typed at offset `at`, and is settled by the serial `expected`.
    #[must_use]
    pub fn new(id: RunId, who: Principal, command: String, expected: u64, at: u64, now: Instant) -> Self {
        Self {
            id,
            who,
            command,
            expected,
            typed_at: at,
            from: None,
            to: None,
            since: now,
            took: None,
            state: RunState::Running,
            boundary: Boundary::Exact,
            cwd: None,
            evidence: Vec::new(),
            typed_during: false,
            blank: false,
            eol_mark: false,
            line_end: None,
            unrun_to: None,
            echo: None,
            ladder: Ladder::default(),
        }
    }

    /// Ends it by the ladder at `at`.
    pub fn end_at(&mut self, at: Instant) {
        self.ladder.begins_at = Some(at);
    }

    /// Follows its echo again from where it was typed, with these keys.
    pub fn follow_echo(&mut self, keys: &[u8]) {
        self.echo = Some(EchoSkip::new(keys));
    }

    /// Returns whether its start is known: a mark was seen, or its echo has passed.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.from.is_some()
    }

    pub(crate) fn note(&mut self, evidence: String) {
        if self.evidence.len() == EVIDENCE_MAX {
            self.evidence.remove(1); // The first says how it was typed; the rest is worth most when new.
        }
        self.evidence.push(evidence);
    }
}

/// The way to end a command: INT, TERM, KILL, each given time to work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ladder {
    /// When it is put up by itself (`kill_after_s`).
    pub(crate) begins_at: Option<Instant>,
    next_at: Option<Instant>,
    sent: Vec<Signal>,
    over: bool,
    force: bool,
}

impl Ladder {
    pub(crate) fn begin(&mut self, now: Instant, force: bool) {
        self.force |= force;
        self.begins_at = None;
        if self.next_at.is_none() || self.over {
            (self.next_at, self.over) = (Some(now), false);
            self.sent.clear();
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.begins_at.into_iter().chain(self.next_at).min()
    }

    /// Returns the signal to send now, if it is time. A shell that runs the command itself gets no more than
    /// an interrupt, unless forced: the rest would end the session.
    pub(crate) fn climb(&mut self, now: Instant, shell_in_front: bool) -> Option<Signal> {
        if self.begins_at.is_some_and(|at| at <= now) {
            self.begin(now, false);
        }
        if self.next_at.is_none_or(|at| at > now) {
            return None;
        }
        let spared = shell_in_front && !self.force;
        let signal = match self.sent.last() {
            None => Signal::Interrupt,
            Some(Signal::Interrupt) if !spared => Signal::Terminate,
            Some(Signal::Terminate) if !spared => Signal::Kill,
            Some(_) => {
                (self.next_at, self.over) = (None, true);
                return None;
            }
        };
        self.next_at = Some(now + RUNG);
        self.sent.push(signal);
        Some(signal)
    }

    /// A signal was sent, or somebody pressed Ctrl-C.
    pub(crate) fn has_begun(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Every rung was tried.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Returns the signal among those sent that this exit status tells of.
    pub(crate) fn ended_by(&self, exit: i32) -> Option<i32> {
        self.sent.iter().map(|it| it.number()).find(|number| exit == 128 + number)
    }

    pub(crate) fn note_interrupt(&mut self) {
        if self.sent.is_empty() {
            self.sent.push(Signal::Interrupt);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has a clock")]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_spares_a_shell_that_runs_the_command_itself() {
        let (mut ladder, now) = (Ladder::default(), Instant::now());
        ladder.begin(now, false);
        assert_eq!(ladder.climb(now, true), Some(Signal::Interrupt));
        assert_eq!(ladder.climb(now + RUNG, true), None);
        assert!(ladder.is_over());
        ladder.begin(now, true);
        assert_eq!(ladder.climb(now, true), Some(Signal::Interrupt));
        assert_eq!(ladder.climb(now + RUNG, true), Some(Signal::Terminate));
        assert_eq!(ladder.climb(now + RUNG * 2, true), Some(Signal::Kill));
    }
}
