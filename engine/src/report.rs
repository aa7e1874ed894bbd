//! What can be asked of the engine and what it answers, as plain data: the words that both faces share.

mod closing;
mod pen;
mod standing;
mod tested;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

pub use cotty_core::evidence::{Kind, Step};
use cotty_core::names::{Boundary, Mode, Offset, Principal, RunId};
use cotty_core::refusal::Fingerprint;
pub use cotty_core::run::RunState;
pub use cotty_host::native::secret::Secret;

pub use closing::{Closed, ClosedSession, GivenUp};
pub use pen::Holds;
pub use standing::{HostStatus, Standing};
pub use tested::{TestStep, Tested};

/// Who calls, and what is theirs. Made once a connection, from the peer's process and its hello.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What the daemon made of the peer's process.
    pub principal: Principal,
    /// How the principal was judged, in a few words (`no controlling terminal`).
    pub because: String,
    /// Where the caller stands.
    pub cwd: Option<PathBuf>,
    /// The variables of the caller's hello that a shell may have (`SSH_AUTH_SOCK`, those that config names).
    pub env: Vec<(OsString, OsString)>,
    /// The variables of the hello that hold the secrets of devices. No shell gets them.
    pub secrets: Vec<(String, Secret)>,
    /// A person's whole environment, from `cotty up` on a terminal: replaces the built one. Kept in no file.
    pub whole_env: Option<Vec<(OsString, OsString)>>,
    /// Where it may open shells and run commands beside sessions.
    pub opens: Opens,
}

/// Where a caller may start something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// On this machine and on hosts.
    Everywhere,
    /// On hosts alone: it came from we know not where, with a token that does not govern sessions.
    HostsOnly,
}

/// Identifies one request over restarts of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallKey {
    /// The shim's nonce and the number that it gave the request.
    pub name: String,
    /// It was never sent before, so nothing can be known of it.
    pub is_new: bool,
}

/// How a session is named in a call.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// By name (`web1`).
    pub session: Option<String>,
    /// By what it is opened on (`local`): opened or re-used.
    pub target: Option<String>,
}

/// Open or find a session.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// What it is opened on; the configured default without one.
    pub target: Option<String>,
    /// Its name; made from the target without one.
    pub name: Option<String>,
    /// The session beside which a new shell is opened: on its host, in its directory, with what it exports.
    pub fork: Option<String>,
    /// The shell, by name or path; the account's without one.
    pub shell: Option<String>,
    /// The terminal's size. On a living session: resize.
    pub cols: Option<u16>,
    /// The terminal's size.
    pub rows: Option<u16>,
    /// Where the shell starts.
    pub cwd: Option<String>,
    /// Variables for the new shell.
    pub env: BTreeMap<String, String>,
    /// Words for people.
    pub label: Option<String>,
    /// Make it the default session.
    pub default: Option<bool>,
    /// How long to wait for the shell's first prompt.
    pub wait: Duration,
}

/// Whether a session was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// It is new.
    Created,
    /// It was there; matched by this (`name`, `target`).
    Reused(&'static str),
}

/// The answer to [`Connect`].
#[derive(Clone, Debug)]
pub struct Connected {
    /// Whether it was made.
    pub how: How,
    /// How it stands. `state` is `Opening` where the wait was too short.
    pub status: SessionStatus,
    /// It is new, and one of its name ended out of order: what is lost with that, in our own words.
    pub instead: Option<String>,
    /// What else to say (`size clamped to 2x1`), in our own words.
    pub notes: Vec<String>,
}

/// A key of a host that a person accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The name under which it is kept.
    pub name: String,
    /// The key.
    pub shown: Fingerprint,
    /// It was written down just now.
    pub added: bool,
    /// Where it stands: a file, with the line where it was known before.
    pub place: String,
}

/// Run a command in a session.
#[derive(Clone, Debug)]
pub struct RunOrder {
    /// The command, as `SHELL -c` would take it.
    pub command: String,
    /// How long to wait for its end.
    pub wait: Duration,
    /// After this long it is interrupted (INT, TERM, KILL).
    pub kill_after: Option<Duration>,
    /// Identifies the call over restarts.
    pub key: Option<CallKey>,
}

/// When a command is run again. It succeeds with exit 0, what it prints deciding as well where patterns are given.
#[derive(Clone, Debug)]
pub struct Retry {
    /// How often it is run at most.
    pub attempts: u32,
    /// The pause before the second attempt; each later one is twice as long.
    pub backoff: Duration,
    /// Some line must match.
    pub success: Option<regex::Regex>,
    /// No line may match.
    pub fail: Option<regex::Regex>,
}

/// Run a command beside the terminals: in a process, or a channel, of its own.
#[derive(Clone, Debug)]
pub struct IsolatedOrder {
    /// The command; what is said of it as of any other.
    pub run: RunOrder,
    /// Where it runs; the account's home if nothing is said.
    pub cwd: Option<String>,
    /// Variables for it.
    pub env: BTreeMap<String, String>,
    /// Its standard input; none, at its end, if nothing is said.
    pub stdin: Option<String>,
}

/// What is told of a command without a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolated {
    /// What it ran on.
    pub target: String,
    /// Its standard error; `output` is its standard output alone.
    pub errors: Stretch,
}

/// A stretch of what a session printed, to be made text of when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The session's id in the store (never shown).
    pub session_id: String,
    /// The first byte.
    pub from: Offset,
    /// One past the last.
    pub to: Offset,
    /// The terminal's width then.
    pub cols: u16,
    /// A pager showed some of it, on so many rows: its pages are text as well.
    pub paged: Option<u16>,
}

/// A command as it stands: the answer to run, wait, read and send.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The session's name.
    pub session: String,
    /// Its handle.
    pub run: RunId,
    /// What was asked for. Written by an agent or a person: never in a head line.
    pub command: String,
    /// Where it stands.
    pub state: RunState,
    /// How surely.
    pub boundary: Boundary,
    /// Since it was typed, or until it ended.
    pub took: Duration,
    /// The shell's directory afterwards, where it ended.
    pub cwd: Option<String>,
    /// Its output so far.
    pub output: Stretch,
    /// Processes that outlived it, after a kill: `pid name`.
    pub survivors: Vec<String>,
    /// What the caller should know, one line each, from our own state: what a person did meanwhile
    /// (`a person ran 3 commands, h12-h14; cwd now /srv; last exit 1`), keys typed during the run.
    pub notes: Vec<String>,
    /// It had been started by an earlier call with this key, and was joined.
    pub joined: bool,
    /// The words with which it asks, where it waits for an answer. Remote text.
    pub asks: Option<String>,
    /// It has no terminal.
    pub isolated: Option<Isolated>,
}

/// A command and what the verdict on it rests on.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The command as it stands.
    pub report: RunReport,
    /// Who gave it.
    pub who: Principal,
    /// When it was typed; steps count from there.
    pub at: SystemTime,
    /// What was seen, oldest first.
    pub steps: Vec<Step>,
}

/// When to stop waiting.
#[derive(Clone, Debug)]
pub enum Until {
    /// The command is settled (also stops when it needs input or is nested).
    Done,
    /// It waits for somebody.
    Input,
    /// Something was printed after `offset` (or after the call).
    Output,
    /// The output after `offset` (or the command's start) matches. Linear-time, size-limited.
    Pattern(regex::Regex),
    /// Nothing was printed for 2 s. Says nothing about being done.
    Idle,
}

/// Wait for a command or a session.
#[derive(Clone, Debug)]
pub struct WaitOrder {
    /// The command; the one that runs in the session, or ran last, without one.
    pub run: Option<RunId>,
    /// When to stop.
    pub until: Until,
    /// How long at most.
    pub wait: Duration,
    /// From where output counts, and is shown.
    pub offset: Option<Offset>,
}

/// The answer to [`WaitOrder`].
#[derive(Clone, Debug)]
pub struct Waited {
    /// The command as it stands; `None` where the session has none yet.
    pub report: Option<RunReport>,
    /// What the wait was for has happened.
    pub met: bool,
    /// What was printed from the asked offset on (or the command's output).
    pub shown: Stretch,
    /// The session's end of output now: the next `offset`.
    pub next_offset: Offset,
}

/// What Enter sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enter {
    /// Line feed.
    Lf,
    /// Carriage return: what the key sends.
    #[default]
    Cr,
    /// Both.
    CrLf,
    /// Nothing.
    None,
}

/// Type text and keys on an agent's behalf.
#[derive(Clone, Debug)]
pub struct SendOrder {
    /// Text as it is; control characters are refused.
    pub text: Option<String>,
    /// Named keys (`ctrl-c`, `f5`, `alt-x`, `pgdn`), after the text.
    pub keys: Vec<String>,
    /// What ends it. Default: `Cr` where there is text, nothing where there are only keys.
    pub enter: Option<Enter>,
    /// Wait until the output that follows matches.
    pub expect: Option<regex::Regex>,
    /// How long to wait for `expect`, or for the next state of the running command.
    pub wait: Duration,
    /// Identifies the call over restarts.
    pub key: Option<CallKey>,
}

/// The answer to [`SendOrder`].
#[derive(Clone, Debug)]
pub struct Sent {
    /// The command that runs or has just ended; `None` where nothing runs.
    pub report: Option<RunReport>,
    /// `expect` was seen; `None` without one.
    pub matched: Option<bool>,
    /// What was printed since.
    pub shown: Stretch,
    /// The session's end of output now.
    pub next_offset: Offset,
    /// The session's name.
    pub session: String,
}

/// Which part of a text is wanted.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Characters at most, counted as JSON escapes them.
    pub budget: usize,
    /// The first line wanted, counted from 1; head and tail of the whole without it.
    pub from_line: Option<u64>,
    /// How many lines.
    pub lines: Option<u64>,
    /// The last lines instead of the first.
    pub tail: bool,
    /// Only lines that match.
    pub pattern: Option<regex::Regex>,
    /// Bytes as they came, escaped (`\x1b`), marks masked.
    pub raw: bool,
}

/// A part of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The first lines, or the wanted ones.
    pub head: Vec<String>,
    /// What lies between: the first hidden line and how many.
    pub hidden: Option<(u64, u64)>,
    /// The last lines.
    pub tail: Vec<String>,
    /// The whole text's lines.
    pub lines: u64,
    /// With a pattern: the numbers of the lines in `head`.
    pub numbers: Vec<u64>,
    /// Bytes that are no longer on disk (the quota took them), before what is shown.
    pub gone_bytes: u64,
}

/// The visible screen.
#[derive(Clone, Debug)]
pub struct ScreenView {
    /// The session's name.
    pub session: String,
    /// Rows from the top, trailing blank rows cut.
    pub rows: Vec<String>,
    /// Column and row of the cursor, from 0.
    pub cursor: (u16, u16),
    /// Columns and rows.
    pub size: (u16, u16),
    /// The title that the programs set, cleaned and capped. Remote text.
    pub title: Option<String>,
    /// The alternate screen is shown.
    pub alternate: bool,
    /// The session's end of output now.
    pub next_offset: Offset,
}

/// One entry of a session's history.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    /// When.
    pub at: SystemTime,
    /// Who.
    pub who: Principal,
    /// What happened.
    pub what: HistoryKind,
}

/// What an entry of the history tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryKind {
    /// A command.
    Ran {
        /// Its handle.
        run: RunId,
        /// Its text.
        command: String,
        /// Its state.
        state: RunState,
        /// How long it took, where it ended.
        took: Option<Duration>,
    },
    /// Keys: readable, with what did not show as `<hidden n>`.
    Typed(String),
    /// Something else (`mode human-only`, `attached`, `closed: idle`), in our own words.
    Noted(String),
}

/// Whether a session lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Its shell has not shown its first prompt.
    Opening,
    /// At the prompt.
    Ready,
    /// A command runs.
    Running(RunId),
    /// It lives, and where it stands is not known.
    Unknown(String),
    /// Its shell exited.
    Exited(Option<i32>),
    /// Closed, by whom or why.
    Closed(String),
    /// Lost.
    Lost(String),
}

/// How well a session can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is wrong.
    Healthy,
    /// It goes on, and something is wrong.
    Degraded(String),
    /// The way to it is gone.
    Lost(String),
    /// It has ended.
    Closed(String),
}

impl Health {
    /// Returns the word for it, and why.
    #[must_use]
    pub fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Healthy => ("healthy", None),
            Self::Degraded(why) => ("degraded", Some(why)),
            Self::Lost(why) => ("lost", Some(why)),
            Self::Closed(why) => ("closed", Some(why)),
        }
    }
}

/// A session as it stands: one entry of the list, and the whole of status.
#[derive(Clone, Debug)]
pub struct SessionStatus {
    /// The name.
    pub name: String,
    /// What it is opened on.
    pub target: String,
    /// The account on its host, as people read it; none on this machine.
    pub account: Option<String>,
    /// How well it can be reached.
    pub health: Health,
    /// How long its host has given no sign of life, while one is due.
    pub silent: Option<Duration>,
    /// Words for people.
    pub label: Option<String>,
    /// It is the default session.
    pub is_default: bool,
    /// How it stands.
    pub state: SessionState,
    /// The shell's program (`bash`).
    pub shell: String,
    /// The shell's process id.
    pub pid: Option<u32>,
    /// The shell's directory, as last seen.
    pub cwd: Option<String>,
    /// The shells inside one another, the session's own first, where there is more than one.
    pub stack: Vec<NestedShell>,
    /// Who may write.
    pub mode: Mode,
    /// Who holds the pen now (`c7 (claude-code)`, `a person at attach pts/3`), where anybody does.
    pub pen: Option<String>,
    /// The same, in its parts.
    pub holds: Holds,
    /// The command that runs, as it stands.
    pub running: Option<RunReport>,
    /// Columns and rows.
    pub size: (u16, u16),
    /// Who is here (labels of attached terminals).
    pub viewers: Vec<String>,
    /// Who opened it.
    pub opened_by: Principal,
    /// When.
    pub opened_at: SystemTime,
    /// Since the last input or output.
    pub idle: Duration,
    /// Closes after this much of it.
    pub idle_timeout: Option<Duration>,
    /// What a person should know (`a password prompt is waiting`, `a draft is on the line`,
    /// `the journal was trimmed`, `closed, output kept`).
    pub warnings: Vec<String>,
    /// The command by which a person follows it.
    pub follow: String,
    /// End of output now.
    pub next_offset: Offset,
}

/// One of several shells inside one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NestedShell {
    /// Its program.
    pub shell: String,
    /// Who it runs as, and where, as it said itself; the session's own says nothing.
    pub who: Option<String>,
    /// Its directory, as last seen.
    pub cwd: Option<String>,
    /// The command that opened the next one.
    pub run: Option<RunId>,
}

/// A row of the list of commands.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// Its handle.
    pub run: RunId,
    /// Its session.
    pub session: String,
    /// Its text.
    pub command: String,
    /// Who.
    pub who: Principal,
    /// Its state.
    pub state: RunState,
    /// When it was typed.
    pub at: SystemTime,
    /// How long it took or has taken.
    pub took: Duration,
}
