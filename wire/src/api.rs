//! What `/api/v1` takes and gives, as JSON. The same documents are what `cotty … --json` prints.

use std::collections::BTreeMap;

use cotty_core::refusal::Refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod access;
mod hosts;
mod pen;

pub use access::{
    Credential, Credentials, Link, LinkOrder, Listening, LoggedIn, LoginOrder, LogoutOrder, Me, Proof, Prove,
    RevokeOrder, Revoked, Token, TokenOrder,
};
pub use hosts::{
    AllowOrder, Allowed, Card, CardAnswer, Cards, Device, DeviceLogin, DeviceTest, Devices, EndedCard,
    ForgetOrder, Forgotten, KeptSecret, Secrets, TestOrder, TestStep, Trusted,
};
pub use pen::{Holds, Taken};

/// Why not, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// One of the published kinds (`busy`, `session-not-found`).
    pub kind: String,
    /// What happened and why.
    pub what: String,
    /// What to do next.
    pub next: String,
}

impl From<&Refusal> for Failure {
    fn from(refusal: &Refusal) -> Self {
        Self { kind: refusal.kind().to_string(), what: refusal.to_string(), next: refusal.next_step() }
    }
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failed {
    /// Why.
    pub failure: Failure,
}

/// Who acts, as people and programs read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Who {
    /// `agent` or `operator`.
    pub role: String,
    /// Who it is said to be.
    pub label: String,
}

/// Opens or finds a session: `POST /api/v1/sessions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Connect {
    /// A session's name, or a host, whichever the word means: in place of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
    /// What it is opened on (`local`); the configured default without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Its name; made from the target without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The shell, by name or path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cols: Option<u16>,
    /// Rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u16>,
    /// Where the shell starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Variables for the new shell.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Words for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How long to wait for the first prompt, in milliseconds.
    pub wait_ms: u64,
    /// A person's whole environment for a new shell, from `cotty up` on a terminal. Kept in no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole_env: Option<BTreeMap<String, String>>,
}

/// The answer to [`Connect`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Connected {
    /// It is new.
    pub created: bool,
    /// How it stands.
    pub session: Session,
    /// What else to say.
    pub notes: Vec<String>,
}

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// What it is opened on.
    pub target: String,
    /// The account on its host; none on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// `healthy`, `degraded`, `lost` or `closed`.
    #[serde(default)]
    pub health: String,
    /// Why it is not healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_why: Option<String>,
    /// How long its host has given no sign of life, while one is due, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_ms: Option<u64>,
    /// Words for people.
    pub label: Option<String>,
    /// It is the default session.
    pub is_default: bool,
    /// `opening`, `ready`, `running`, `unknown`, `exited`, `closed` or `lost`.
    pub state: String,
    /// What goes with the state: the command that runs, the exit status, the reason.
    pub detail: Option<String>,
    /// The shell's program.
    pub shell: String,
    /// The shell's process id.
    pub pid: Option<u32>,
    /// The shell's directory, as last seen.
    pub cwd: Option<String>,
    /// Who may write: `common`, `human-first`, `human-only` or `agent-only`.
    pub mode: String,
    /// Who holds the pen.
    pub pen: Option<String>,
    /// The same, in its parts.
    #[serde(default)]
    pub holds: Holds,
    /// The command that runs.
    pub running: Option<Run>,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// Who is here.
    pub viewers: Vec<String>,
    /// Who opened it.
    pub opened_by: Who,
    /// When, in milliseconds since 1970.
    pub opened_at_ms: u64,
    /// Since the last input or output, in milliseconds.
    pub idle_ms: u64,
    /// It closes after this much of it, in milliseconds.
    pub idle_timeout_ms: Option<u64>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// The command by which a person follows it.
    pub follow: String,
    /// End of output now, `EPOCH:BYTE`.
    pub next_offset: String,
}

/// The list of sessions: `GET /api/v1/sessions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// Closed but kept ones too.
    pub sessions: Vec<Session>,
    /// What waits for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cards: Vec<Card>,
}

/// Where a command stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// `completed`, `ran_nothing`, `running`, `needs_input`, `interrupted`, `nested`, `left`, `shell_exited`,
    /// `lost` or `unknown`.
    pub state: String,
    /// What the shell reported, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// What it waits for: `line`, `secret`, `confirm`, `press_key`, `pager`, `editor`, `full_screen`, `incomplete_syntax`,
    /// `menu` or `host_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The shell that runs inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Why its end was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A command as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its session.
    pub session: String,
    /// Its handle (`c7`, `h12`).
    pub id: String,
    /// What was asked for.
    pub command: String,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// How surely: `exact`, `probed` or `heuristic`.
    pub boundary: String,
    /// How long it took or has taken, in milliseconds.
    pub took_ms: u64,
    /// The shell's directory afterwards.
    pub cwd: Option<String>,
    /// Where its output begins, `EPOCH:BYTE`.
    pub from: String,
    /// Where its output ends.
    pub to: String,
    /// The words with which it asks, where it waits for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<String>,
    /// Processes that outlived it.
    pub survivors: Vec<String>,
    /// What the caller should know.
    pub notes: Vec<String>,
}

/// Runs a command: `POST /api/v1/run`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunOrder {
    /// The session, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Or what to open one on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The command, as `SHELL -c` would take it.
    pub command: String,
    /// How long to wait for its end, in milliseconds.
    pub wait_ms: u64,
    /// After this long it is interrupted, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_after_ms: Option<u64>,
    /// Identifies the order: given again with the same key, it is joined and not carried out twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Waits for a command: `POST /api/v1/wait`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WaitOrder {
    /// The session, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The command's handle; the one that runs, or ran last, without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// `done` (the default), `input`, `output` or `idle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How long at most, in milliseconds.
    pub wait_ms: u64,
    /// From where output counts, `EPOCH:BYTE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<String>,
}

/// Types text and keys: `POST /api/v1/send`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SendOrder {
    /// The session, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Text as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Named keys, after the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// What ends it: `lf`, `cr`, `crlf` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enter: Option<String>,
    /// A regular expression: the wait ends when what follows matches. `met` says whether it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// How long to wait for what follows, in milliseconds.
    pub wait_ms: u64,
    /// Identifies the order: given again with the same key, it is joined and not carried out twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The answer to run, wait, send and to reading a command or what a session printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// The command, where there is one.
    pub run: Option<Run>,
    /// What a wait was for has happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
    /// What was printed.
    pub text: Text,
    /// The session's end of output, `EPOCH:BYTE`.
    pub next_offset: Option<String>,
}

/// Text of what was printed: whole, or its head and tail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Text {
    /// The first lines, or all of them.
    pub head: Vec<String>,
    /// How many lines are left out between head and tail.
    pub hidden_lines: u64,
    /// The last lines.
    pub tail: Vec<String>,
    /// The whole text's lines.
    pub lines: u64,
    /// Bytes before it that the quota took.
    pub gone_bytes: u64,
}

/// Lines of all that is kept of a session's output: `GET /api/v1/search`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The session's name.
    pub session: String,
    /// The newest lines that hold the text, in order.
    pub found: Vec<FoundLine>,
    /// Earlier ones hold it, too.
    pub more: bool,
    /// How many lines there are.
    pub lines: u64,
    /// Bytes before them that the quota took.
    pub gone_bytes: u64,
    /// Up to where was searched, `EPOCH:BYTE`.
    pub to: String,
}

/// A line that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FoundLine {
    /// Its number, from 1.
    pub line: u64,
    /// What it says.
    pub text: String,
}

/// The visible screen: `GET /api/v1/screen`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Screen {
    /// The session's name.
    pub session: String,
    /// Rows from the top, trailing blank rows cut.
    pub screen: Vec<String>,
    /// The cursor's column, from 0.
    pub cursor_col: u16,
    /// The cursor's row, from 0.
    pub cursor_row: u16,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// The title that the programs set.
    pub title: Option<String>,
    /// The alternate screen is shown.
    pub alternate: bool,
    /// The session's end of output, `EPOCH:BYTE`.
    pub next_offset: String,
}

/// Who typed what: `GET /api/v1/history`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// Oldest first.
    pub history: Vec<HistoryEntry>,
}

/// One entry of a session's history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryEntry {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who.
    pub who: Who,
    /// `ran`, `typed` or `noted`.
    pub what: String,
    /// The command, the keys, or our own words.
    pub text: String,
    /// The command's handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Where the command stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// How long the command took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// How a command's state was judged: `GET /api/v1/evidence`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The command as it stands, and how surely.
    pub run: Run,
    /// Who gave it.
    pub who: Who,
    /// When it was typed, in milliseconds since 1970.
    pub at_ms: u64,
    /// What was seen, oldest first.
    pub evidence: Vec<Step>,
}

/// One thing that was seen of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// `typed`, `found`, `mark`, `echo`, `facts`, `signal`, `end`, `verdict`, `dropped` or `said`.
    pub kind: String,
    /// Since the command was typed, in milliseconds.
    pub after_ms: u64,
    /// Where the session's output ended then, `EPOCH:BYTE`.
    pub at: String,
    /// What is known of it, by name: the letter, serial, pid and place of a mark, what the kernel said, a verdict and
    /// its grade.
    pub details: BTreeMap<String, String>,
    /// The same as people read it.
    pub words: String,
}

/// The newest commands: `GET /api/v1/runs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Runs {
    /// Newest first.
    pub runs: Vec<RunSummary>,
}

/// A row of the list of commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// Its handle.
    pub id: String,
    /// Its session.
    pub session: String,
    /// Its text.
    pub command: String,
    /// Who.
    pub who: Who,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// When it was typed, in milliseconds since 1970.
    pub at_ms: u64,
    /// How long it took or has taken, in milliseconds.
    pub took_ms: u64,
}

/// Closes a session, a command or all: `POST /api/v1/close`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CloseOrder {
    /// A session's name, a command's handle, or `all`.
    pub id: String,
    /// Also where a command runs.
    pub force: bool,
}

/// The answer to [`CloseOrder`], and to a stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closed {
    /// The sessions that were closed.
    pub sessions: Vec<String>,
    /// The command, after it was interrupted.
    pub run: Option<Run>,
}

/// Says who may write: `POST /api/v1/mode`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModeOrder {
    /// The session, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// `common`, `human-first`, `human-only` or `agent-only`.
    pub mode: String,
}

/// Gives a session another name, other words for people, or both: `POST /api/v1/rename`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RenameOrder {
    /// The session, by its present name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its new label; an empty one takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The daemon of itself: `GET /api/v1/daemon`, and the answer to a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Daemon {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The protocol it speaks.
    pub protocol: u32,
    /// Its instance.
    pub instance: String,
    /// Its state directory.
    pub state_dir: String,
    /// The config it read.
    pub config: String,
    /// What it takes the caller for.
    pub you: Who,
    /// Why.
    pub because: String,
    /// After a restart: the sessions that ended with their connections, for they are on hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_sessions: Vec<String>,
}

/// Names a session in a query string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Query {
    /// A session, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// A command, by handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// How many entries at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// From where, `EPOCH:BYTE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<String>,
    /// Up to where, `EPOCH:BYTE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// A text that is looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub find: Option<String>,
    /// Bytes as they came, escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<bool>,
}
