//! Why not, and what to do next: every way in which cotty declines or fails, with its facts.
//!
//! Whoever refuses names the reason; the words are made here, once. `Display` says what happened and why,
//! [`Refusal::next_step`] what to do about it, [`Refusal::kind`] which of the published kinds it is.

use std::fmt;

use crate::names::{Mode, Role, RunId};

mod card;
mod host;

pub use card::{CardKind, CardRefusal};
pub use host::{Fingerprint, HostRefusal, Stage, person_opens, quoted};

/// The closed list of failure kinds that tools, commands and the page share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is explained by the refusals that carry it")]
pub enum FailureKind {
    ConfigError,
    EnvironmentMissing,
    AuthFailure,
    ConnectionFailure,
    HostKey,
    AmbiguousSession,
    SessionNotFound,
    ShellExited,
    NotFound,
    InvalidArgument,
    Conflict,
    Limit,
    Storage,
    RemoteRefused,
    InputLocked,
    Busy,
    TerminalState,
    ViewerUnavailable,
    PolicyBlocked,
    ApprovalNeeded,
    SecretNeeded,
    Lost,
    Internal,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::ConfigError => "config-error",
            Self::EnvironmentMissing => "environment-missing",
            Self::AuthFailure => "auth-failure",
            Self::ConnectionFailure => "connection-failure",
            Self::HostKey => "host-key",
            Self::AmbiguousSession => "ambiguous-session",
            Self::SessionNotFound => "session-not-found",
            Self::ShellExited => "shell-exited",
            Self::NotFound => "not-found",
            Self::InvalidArgument => "invalid-argument",
            Self::Conflict => "conflict",
            Self::Limit => "limit",
            Self::Storage => "storage",
            Self::RemoteRefused => "remote-refused",
            Self::InputLocked => "input-locked",
            Self::Busy => "busy",
            Self::TerminalState => "terminal-state",
            Self::ViewerUnavailable => "viewer-unavailable",
            Self::PolicyBlocked => "policy-blocked",
            Self::ApprovalNeeded => "approval-needed",
            Self::SecretNeeded => "secret-needed",
            Self::Lost => "lost",
            Self::Internal => "internal",
        })
    }
}

/// One reason why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The operator closed the terminal to this caller.
    #[error("session {session} is {mode}: {}", if *mode == Mode::AgentOnly { "people may only interrupt" } else { "agents may not write" })]
    ClosedByOperator {
        /// The session's name.
        session: String,
        /// The operator's choice.
        mode: Mode,
    },
    /// Another command has the pen.
    #[error("command {run} is running in session {session}; nothing was typed")]
    RunInProgress {
        /// The session's name.
        session: String,
        /// The command that runs.
        run: RunId,
    },
    /// A person's unsent line stands at the prompt.
    #[error(
        "{who} has an unsent line at the prompt of session {session}, begun {seconds} s ago; nothing was typed"
    )]
    DraftOnTheLine {
        /// The session's name.
        session: String,
        /// Whose line it is.
        who: String,
        /// What they are.
        role: Role,
        /// Its age.
        seconds: u64,
    },
    /// A person typed a moment ago.
    #[error("{who} typed in session {session} {seconds} s ago; in human-first mode agents wait 5 s")]
    PersonTyping {
        /// The session's name.
        session: String,
        /// Who typed.
        who: String,
        /// How long ago.
        seconds: u64,
    },
    /// A person has taken the pen for themselves.
    #[error("{who} has taken the pen of session {session} {seconds} s ago; nothing was typed")]
    PenTaken {
        /// The session's name.
        session: String,
        /// Who has it.
        who: String,
        /// Since when.
        seconds: u64,
    },
    /// The shell is not at its prompt, and no command of ours is why.
    #[error("the shell of session {session} is not at its prompt ({state}); nothing was typed")]
    NotAtPrompt {
        /// The session's name.
        session: String,
        /// What it does instead, in a few words.
        state: String,
    },
    /// A password is asked for, and agents never answer those.
    #[error("session {session} asks for a password, and an agent never types one")]
    AtSecret {
        /// The session's name.
        session: String,
    },
    /// ssh asks whether a host's key is to be trusted, and agents never answer that.
    #[error("session {session} asks whether the key of a host is to be trusted, and an agent never says so")]
    AtHostKey {
        /// The session's name.
        session: String,
    },
    /// Nothing runs in the session that could take input or be waited for.
    #[error("nothing runs in session {session}")]
    NothingRuns {
        /// The session's name.
        session: String,
    },
    /// The text holds a character that line editors obey.
    #[error("the {what} holds the control character U+{code:04X} at character {position}")]
    ControlCharacter {
        /// Which argument.
        what: &'static str,
        /// The character.
        code: u32,
        /// Its place, counted from 1.
        position: usize,
    },
    /// Too much text.
    #[error("the {what} has {bytes} bytes, and at most {bytes_max} are taken")]
    TooLong {
        /// Which argument.
        what: &'static str,
        /// What it has.
        bytes: usize,
        /// What is taken.
        bytes_max: usize,
    },
    /// The terminal takes no more input for now.
    #[error("session {session} has {waiting} bytes of input that its program does not read")]
    NoRoom {
        /// The session's name.
        session: String,
        /// What waits.
        waiting: usize,
    },
    /// Too many of something.
    #[error("there are {count} {what}, and at most {count_max} are kept")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many may be.
        count_max: usize,
    },
    /// The session's shell ended.
    #[error("the shell of session {session} exited{}", .exit.map(|it| format!(" {it}")).unwrap_or_default())]
    ShellExited {
        /// The session's name.
        session: String,
        /// What opens it again.
        target: String,
        /// The shell's exit status, where known.
        exit: Option<i32>,
    },
    /// The session was closed or lost.
    #[error("session {session} is closed: {reason}")]
    SessionClosed {
        /// The session's name.
        session: String,
        /// What opens it again.
        target: String,
        /// Why.
        reason: String,
    },
    /// The shell never showed that it reads its terminal, or never printed its first mark.
    #[error("the shell of session {session} is not ready after {seconds} s: {state}")]
    NotReady {
        /// The session's name.
        session: String,
        /// How long it was waited for.
        seconds: u64,
        /// What it does instead.
        state: String,
    },
    /// No session of that name.
    #[error("there is no session {session:?}{}", list(" (open: ", .open))]
    SessionNotFound {
        /// What was asked for.
        session: String,
        /// What there is.
        open: Vec<String>,
    },
    /// The session that had this name has another one now.
    #[error("session {session} is called {now} now")]
    Renamed {
        /// What was asked for.
        session: String,
        /// Its present name.
        now: String,
    },
    /// No session was named, and several are open.
    #[error("several sessions are open{}, and none was named", list(" (", .open))]
    AmbiguousSession {
        /// What there is.
        open: Vec<String>,
    },
    /// No session was named, and none is open.
    #[error("no session is open")]
    NoSession,
    /// No command of that handle, or no longer.
    #[error("there is no command {handle}{}", if *.expired { " any more" } else { "" })]
    RunNotFound {
        /// What was asked for.
        handle: String,
        /// It existed once.
        expired: bool,
    },
    /// Another session has the name.
    #[error("session {session} exists already as {is}, and {wanted} was asked for")]
    NameTaken {
        /// The session's name.
        session: String,
        /// What it is.
        is: String,
        /// What was wanted.
        wanted: String,
    },
    /// An argument that cannot be meant.
    #[error("{what}: {why}")]
    InvalidArgument {
        /// Which argument.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Only a person may do this.
    #[error("{what} is a person's to do, and this caller is an agent ({because})")]
    PersonOnly {
        /// What was tried.
        what: &'static str,
        /// How the caller was judged.
        because: String,
    },
    /// The shell could not be started.
    #[error("the shell could not be started: {why}")]
    CannotStart {
        /// The system's words.
        why: String,
    },
    /// The terminal or its keeper is gone.
    #[error("session {session} was lost: {reason}")]
    Lost {
        /// The session's name.
        session: String,
        /// What opens it again.
        target: String,
        /// Why.
        reason: String,
    },
    /// A call that may have acted and left no record.
    #[error("the daemon ended during this call and left no record of it; it may have acted")]
    NoRecord,
    /// The state directory would not take it.
    #[error("the state could not be kept: {why}")]
    Storage {
        /// The system's words.
        why: String,
    },
    /// There is no connection to a host.
    #[error(transparent)]
    Host(#[from] Box<HostRefusal>),
    /// A question to a person is open, or is none.
    #[error(transparent)]
    Card(#[from] Box<CardRefusal>),
    /// The config file is wrong.
    #[error("{why}")]
    Config {
        /// Where and what.
        why: String,
        /// How to mend it.
        remedy: String,
    },
    /// The environment lacks something.
    #[error("{what} is not set")]
    EnvironmentMissing {
        /// What.
        what: String,
        /// How to mend it.
        remedy: String,
    },
    /// Two versions that do not understand each other.
    #[error("this is cotty {ours} and the daemon is {daemon}: {why}")]
    VersionSkew {
        /// The caller's version.
        ours: String,
        /// The daemon's.
        daemon: String,
        /// What they disagree on.
        why: String,
    },
    /// A defect of ours.
    #[error("a defect in cotty: {what}")]
    Internal {
        /// What was seen.
        what: String,
    },
}

fn list(before: &str, names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown = names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if names.len() > 8 { format!(" and {} more", names.len() - 8) } else { String::new() };
    format!("{before}{shown}{more})")
}

impl Refusal {
    /// Returns which of the published kinds this is.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::ClosedByOperator { .. }
            | Self::DraftOnTheLine { .. }
            | Self::PersonTyping { .. }
            | Self::PenTaken { .. } => FailureKind::InputLocked,
            Self::RunInProgress { .. } => FailureKind::Busy,
            Self::NotAtPrompt { .. } | Self::NothingRuns { .. } | Self::NotReady { .. } => {
                FailureKind::TerminalState
            }
            Self::AtSecret { .. } => FailureKind::SecretNeeded,
            Self::AtHostKey { .. } => FailureKind::HostKey,
            Self::ControlCharacter { .. } | Self::InvalidArgument { .. } => FailureKind::InvalidArgument,
            Self::TooLong { .. } | Self::NoRoom { .. } | Self::TooMany { .. } => FailureKind::Limit,
            Self::ShellExited { .. } | Self::SessionClosed { .. } => FailureKind::ShellExited,
            Self::SessionNotFound { .. } | Self::Renamed { .. } | Self::NoSession => {
                FailureKind::SessionNotFound
            }
            Self::AmbiguousSession { .. } => FailureKind::AmbiguousSession,
            Self::RunNotFound { .. } => FailureKind::NotFound,
            Self::NameTaken { .. } | Self::VersionSkew { .. } => FailureKind::Conflict,
            Self::PersonOnly { .. } => FailureKind::PolicyBlocked,
            Self::CannotStart { .. } => FailureKind::RemoteRefused,
            Self::Lost { .. } | Self::NoRecord => FailureKind::Lost,
            Self::Storage { .. } => FailureKind::Storage,
            Self::Host(host) => host.kind(),
            Self::Card(card) => card.kind(),
            Self::Config { .. } => FailureKind::ConfigError,
            Self::EnvironmentMissing { .. } => FailureKind::EnvironmentMissing,
            Self::Internal { .. } => FailureKind::Internal,
        }
    }

    /// Returns what to do about it: a call or a command to copy, where there is one.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::ClosedByOperator { session, mode } => open_for_all(session, *mode),
            Self::RunInProgress { session, run } => {
                format!(
                    "Next: ssh_wait command={run}, ssh_close id={run}, or another session (ssh_connect name=...); ssh_status session={session} tells more"
                )
            }
            Self::DraftOnTheLine { session, role, .. } => end_the_line(session, *role),
            Self::PenTaken { session, .. } => format!(
                "Wait until they release it (10 min after their last key it falls back by itself), or use another session: ssh_connect name=...; ssh_read session={session} still reads"
            ),
            Self::PersonTyping { session, .. } => {
                format!(
                    "Next: the same call in a few seconds; or another session. ssh_read session={session} view=screen shows what is there"
                )
            }
            Self::NotAtPrompt { session, .. } => {
                format!("Next: ssh_read session={session} view=screen, then ssh_send or ssh_wait")
            }
            Self::AtSecret { session } => format!("A person must type this: cotty attach {session}"),
            Self::AtHostKey { session } => {
                format!(
                    "A person must judge this key: cotty attach {session}; or ssh_send keys=ctrl-c gives up"
                )
            }
            Self::NothingRuns { session } => format!("Next: ssh_run session={session} command=..."),
            Self::ControlCharacter { .. } => {
                "Leave it out; keys such as ctrl-c go through ssh_send keys=...".to_owned()
            }
            Self::TooLong { .. } => "Write it to a file first and run that file, or split it".to_owned(),
            Self::NoRoom { session, .. } => {
                format!("Next: ssh_send session={session} keys=ctrl-c, or wait until the program reads")
            }
            Self::TooMany { .. } => "Close some first: ssh_list, ssh_close".to_owned(),
            Self::ShellExited { session, target, .. }
            | Self::SessionClosed { session, target, .. }
            | Self::Lost { session, target, .. } => new_shell(session, target),
            Self::NotReady { session, .. } => not_ready(session),
            Self::SessionNotFound { .. } => "Next: ssh_list, or ssh_connect name=... to open one".to_owned(),
            Self::Renamed { now, .. } => format!("Next: the same call with session={now}"),
            Self::AmbiguousSession { .. } => "Next: the same call with session=...".to_owned(),
            Self::NoSession => "Next: ssh_connect target=local".to_owned(),
            Self::RunNotFound { .. } => "Next: ssh_list kind=commands".to_owned(),
            Self::NameTaken { .. } => "Next: another name=..., or ssh_close the session first".to_owned(),
            Self::InvalidArgument { .. } => "Correct the argument and call again".to_owned(),
            Self::PersonOnly { .. } => "Ask the person to do it in a terminal of their own".to_owned(),
            Self::CannotStart { .. } => {
                "Check the shell (shell=...) and the directory (cwd=...), then call again".to_owned()
            }
            Self::NoRecord => {
                "Look before you repeat it: ssh_read view=history, then call again if it did not happen"
                    .to_owned()
            }
            Self::Storage { .. } => {
                "Free space or mend the permissions of the state directory, then call again".to_owned()
            }
            Self::Host(host) => host.next_step(),
            Self::Card(card) => card.next_step(),
            Self::Config { remedy, .. } | Self::EnvironmentMissing { remedy, .. } => remedy.clone(),
            Self::VersionSkew { .. } => {
                "Run: cotty restart (a person; sessions are kept), then call again".to_owned()
            }
            Self::Internal { .. } => {
                "Call again; if it repeats, report it with the daemon's log (cotty status)".to_owned()
            }
        }
    }
}

/// Who began a line ends it.
fn end_the_line(session: &str, role: Role) -> String {
    match role {
        Role::Agent => format!("Next: ssh_send session={session} keys=ctrl-u clears it, keys=enter sends it"),
        Role::Operator => format!(
            "The person ends the line (Enter, or Ctrl-U) at cotty attach {session}; or use another session: ssh_connect name=..."
        ),
    }
}

fn open_for_all(session: &str, mode: Mode) -> String {
    let meanwhile = match mode {
        Mode::AgentOnly => "Press Ctrl-C to interrupt, or a person changes it",
        Mode::Common | Mode::HumanFirst | Mode::HumanOnly => "Tell the person and wait; a person opens it",
    };
    format!("{meanwhile}: cotty mode {session} human-first")
}

fn not_ready(session: &str) -> String {
    format!(
        "Next: ssh_read session={session} view=screen; a person can look: cotty attach {session}; ssh_close id={session} \
         gives it up and names the call for a new shell in its place"
    )
}

fn new_shell(session: &str, target: &str) -> String {
    format!(
        "Next: ssh_connect target={target} name={session} opens a new shell; ssh_read session={session} still reads the old output"
    )
}
