//! One command, from the moment it is typed until it is settled.

use std::time::{Duration, Instant};

use crate::echo::EchoSkip;
use crate::ladder::Ladder;
use crate::names::{Boundary, InputKind, Principal, RunId};

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
        self.ladder.begin_at(at);
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
