//! From a new terminal to a shell that signs its prompts.
//!
//! The hook is typed when the facts say twice that the shell itself reads the terminal, never before: an rc
//! file that sleeps or asks would eat it. Where no facts are to be had, it is typed after a long silence.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Effect, Session};
use crate::refusal::Refusal;

/// A shell that does not read its terminal by then is called unknown; it is still looked after.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// Without facts a shell that has printed nothing for so long is taken to read its terminal.
const SILENCE: Duration = Duration::from_secs(10);

/// How far a session has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// There is no terminal yet: the way to its host is being opened.
    Connecting {
        /// Since when.
        since: Instant,
    },
    /// Its shell has not read its terminal yet.
    Waiting {
        /// When it was opened.
        since: Instant,
    },
    /// It did not within the time; nothing was typed. It still may.
    Late {
        /// When it was opened.
        since: Instant,
    },
    /// The hook is typed, and no prompt was signed yet.
    Hooked {
        /// When.
        since: Instant,
    },
    /// The hook was typed and not answered.
    Unanswered,
    /// Prompts are signed.
    Ready,
    /// The shell ended, with this status if it is known.
    Exited(Option<i32>),
    /// The terminal is gone.
    Lost(String),
}

impl Session {
    /// Notes that the terminal is there.
    pub fn handle_connected(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Connecting { .. }) {
            self.stage = Stage::Waiting { since: now };
            self.last_active = now;
            self.effects.push_back(Effect::Changed);
            self.prober.disturb(now);
        }
    }

    /// Goes by the silence where nothing else is to be had: a shell that prints nothing reads its terminal.
    pub(super) fn go_without_facts(&mut self, now: Instant, login_shell: &str) {
        self.without_facts = true;
        let quiet = now.saturating_duration_since(self.last_active);
        if quiet < SILENCE {
            return;
        }
        match self.stage {
            Stage::Waiting { .. } | Stage::Late { .. } => self.type_hook_for(now, login_shell),
            Stage::Ready if self.run.is_none() => self.believe_prompt(),
            _ => {}
        }
    }

    fn type_hook_for(&mut self, now: Instant, login_shell: &str) {
        if self.adopt_named(login_shell) {
            self.type_hook(now);
        } else if self.stranger.is_none() {
            self.stranger = Some(login_shell.to_owned());
            self.effects.push_back(Effect::Changed);
        }
    }

    /// Types the hook: the shell was seen to read its terminal.
    pub(super) fn type_hook(&mut self, now: Instant) {
        if !matches!(self.stage, Stage::Waiting { .. } | Stage::Late { .. }) || self.gate.draft().is_some() {
            return;
        }
        self.stage = Stage::Hooked { since: now };
        let hook = self.plan.shell.hook(self.front_key());
        // Kept before it is typed: a restart must not type it twice.
        self.effects.push_back(Effect::Prompted);
        self.write(Bytes::from(hook), false);
    }

    /// Notes the first signed end of a command: from here on the terminal is shown again.
    pub(super) fn unveil(&mut self) {
        // The shell's first prompt stands there, and it is about to print its second: in its place.
        let wipe = Bytes::from_static(b"\r\x1b[J");
        self.screen.feed(&wipe);
        self.effects.push_back(Effect::Show { from: self.end, to: self.end, bytes: wipe });
    }

    /// The hook's own echo is nobody's business; what reads it and does not answer is to be seen.
    pub(super) fn is_hidden(&self) -> bool {
        matches!(self.stage, Stage::Hooked { .. }) && !self.prompt_due
    }

    pub(super) fn opening_deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Waiting { since } if self.without_facts => Some(since + READY_WITHIN + SILENCE),
            Stage::Waiting { since } | Stage::Hooked { since } => Some(since + READY_WITHIN),
            Stage::Connecting { .. }
            | Stage::Late { .. }
            | Stage::Unanswered
            | Stage::Ready
            | Stage::Exited(_)
            | Stage::Lost(_) => None,
        }
    }

    pub(super) fn pass_opening_deadline(&mut self, now: Instant) {
        if self.opening_deadline().is_none_or(|at| at > now) {
            return;
        }
        self.stage =
            if let Stage::Waiting { since } = self.stage { Stage::Late { since } } else { Stage::Unanswered };
        self.effects.push_back(Effect::Changed);
    }

    pub(super) fn check_ready(&self, now: Instant) -> Result<(), Refusal> {
        let (session, target) = (self.plan.name.clone(), self.plan.target.clone());
        let since = match &self.stage {
            Stage::Ready => return Ok(()),
            Stage::Connecting { since }
            | Stage::Waiting { since }
            | Stage::Late { since }
            | Stage::Hooked { since } => *since,
            Stage::Unanswered => now,
            Stage::Exited(exit) => {
                return Err(Refusal::ShellExited { session, target, exit: *exit });
            }
            Stage::Lost(reason) => {
                return Err(Refusal::Lost { session, target, reason: reason.clone() });
            }
        };
        let seconds = now.saturating_duration_since(since).as_secs();
        Err(Refusal::NotReady { session, seconds, state: self.in_words() })
    }

    /// Says in a few words what the session does instead of standing at its prompt.
    #[must_use]
    pub fn in_words(&self) -> String {
        match &self.stage {
            Stage::Connecting { .. } => "it is still being connected".into(),
            Stage::Waiting { .. } | Stage::Late { .. } if self.stranger.is_some() => {
                let name = self.stranger.as_deref().unwrap_or_default().escape_debug();
                format!(
                    "its shell is {name}, which is not spoken, and nothing was typed; ssh_send types for it"
                )
            }
            Stage::Waiting { .. } | Stage::Late { .. } if self.asks_while_opening => {
                "an rc file asks for something, and nothing of ours was typed; answer it first".into()
            }
            Stage::Waiting { .. } => "it has not read its terminal yet; an rc file may be working".into(),
            Stage::Late { .. } => "its rc files sleep, ask something or never end; nothing was typed".into(),
            Stage::Hooked { .. } => "it has not answered our first line yet".into(),
            Stage::Unanswered => "it read our first line and did not answer with a signed prompt".into(),
            Stage::Ready if self.doubt == Some(super::Doubt::Unmarked) => {
                "its last command has ended, and its prompt is not drawn yet".into()
            }
            Stage::Ready if self.doubt.is_some() => "it may read what was typed before".into(),
            Stage::Ready if self.more_wanted => "it wants the rest of a command".into(),
            Stage::Ready => "keys were sent and no prompt has come since".into(),
            Stage::Exited(_) => "it has exited".into(),
            Stage::Lost(reason) => reason.clone(),
        }
    }
}
