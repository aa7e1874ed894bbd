//! One command, from the moment it is typed until it is settled.

use std::fmt;
use std::time::{Duration, Instant};

use crate::dialect::Echoes;
use crate::echo::EchoSkip;
use crate::evidence::{Evidence, Step};
use crate::ladder::Ladder;
use crate::names::{Boundary, InputKind, Principal, RunId};

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
        /// It signs its prompts: commands can be run in it.
        signs: bool,
    },
    /// It ended the session's shell.
    ShellExited {
        /// The shell's exit status, where known.
        exit: Option<i32>,
    },
    /// It ended the shell that it ran in, and that was one inside the session's own.
    Left {
        /// What the command that had opened that shell ended with: mostly the shell's own status, but `script` has another.
        exit: i32,
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

/// In a few words, for evidence. The name of a nested shell and a reason may be a host's words.
impl fmt::Display for RunState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed { exit } => write!(out, "completed with exit {exit}"),
            Self::RanNothing => write!(out, "ran nothing"),
            Self::Running => write!(out, "running"),
            Self::NeedsInput { kind } => write!(out, "needs input ({kind})"),
            Self::Interrupted { signal, exit } => write!(out, "interrupted by signal {signal}, exit {exit}"),
            Self::Nested { shell, .. } => write!(out, "nested shell {shell}"),
            Self::ShellExited { exit: Some(exit) } => write!(out, "shell exited {exit}"),
            Self::ShellExited { exit: None } => write!(out, "shell exited"),
            Self::Left { exit } => write!(out, "nested shell left, exit {exit}"),
            Self::Lost { reason } => write!(out, "lost: {reason}"),
            Self::Unknown { why } => write!(out, "unknown: {why}"),
        }
    }
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
            | Self::Left { .. }
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
    pub evidence: Evidence,
    /// A person typed while it ran.
    pub typed_during: bool,
    /// A person typed other than an answer to a question for a secret: what reads next may be theirs.
    pub typed_at_it: bool,
    /// Whose unsent line was put aside for it.
    pub beside: Option<String>,
    /// It holds nothing to run.
    pub blank: bool,
    /// Its output ends at the shell's own end-of-line mark.
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
            evidence: Evidence::default(),
            typed_during: false,
            typed_at_it: false,
            beside: None,
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

    /// Follows its echo again from where it was typed, with these keys, as its shell shows them.
    pub fn follow_echo(&mut self, keys: &[u8], echoes: Echoes) {
        self.echo = EchoSkip::new(keys, echoes);
    }

    /// Its shell has printed the prompt again, and draws behind it what was typed.
    pub(crate) fn draw_again(&mut self) {
        self.echo.iter_mut().for_each(EchoSkip::draw_again);
    }

    /// Returns whether its start is known: a mark was seen, or its echo has passed.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.from.is_some()
    }

    /// Keeps what was seen of it now, with the session's output ending at `at`.
    pub(crate) fn note(&mut self, now: Instant, at: u64, step: Step) {
        let after = now.saturating_duration_since(self.since);
        self.evidence.add(Step { after: Duration::from_millis(after.as_millis() as u64), at, ..step });
    }
}
