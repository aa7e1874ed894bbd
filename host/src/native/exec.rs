//! A command in a channel of its own: two streams, one exit, no terminal.

use std::time::Duration;

use bytes::Bytes;
use cotty_core::names::is_variable;
use tokio::time::Instant;

use crate::holder::frame::Exit;
pub use crate::holder::isolated::Stream;
use crate::native::channel::{Heard, Lane, LaneWriter, RequestError};
use crate::native::connect::{ChannelError, Connection};
use crate::native::finding::{RUNNING, find};
use crate::native::kin::Birth;
use crate::native::probe::Question;

/// The exit code where the directory could not be entered; standard error says why.
pub const EXIT_NO_DIRECTORY: i32 = 125;

/// After the polite signal so long is waited before the other, and after that one before it is given up.
const GRACE: Duration = Duration::from_secs(2);

/// Standard input goes out in pieces.
const PIECE_BYTES: usize = 32 << 10;

/// What is run.
#[derive(Clone, Debug, Default)]
pub struct Exec {
    /// What the account's shell reads, as after `-c`.
    pub command: String,
    /// Where it is run; the account's home if nothing is said.
    pub cwd: Option<String>,
    /// Variables for it.
    pub env: Vec<(String, String)>,
    /// Its standard input.
    pub stdin: Bytes,
    /// It is ended after this long.
    pub kill_after: Option<Duration>,
    /// Variables that the server is asked to set; it need not.
    pub asked_env: Vec<(String, String)>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// With what; unknown where the server did not say.
    pub exit: Exit,
    /// What was done about it when its time was up.
    pub kill: Kill,
}

/// What was done when a command's time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// Nothing: it ended in time.
    None,
    /// It was ended.
    Ended,
    /// It was let go of, and may still run: there was no way to it.
    LetGo,
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// No channel was to be had.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The server starts no command.
    #[error("the server starts no command for this account: {0}")]
    NotStarted(String),
    /// The name of a variable is none.
    #[error("{0:?} is no name of a variable: letters, digits and _, and no digit first")]
    Name(String),
    /// A text holds NUL, which nothing that is started can be given.
    #[error("{0} holds NUL")]
    Nul(&'static str),
    /// The connection broke while it ran: whether it ended is not known.
    #[error("the connection was lost while it ran: {0}")]
    Lost(String),
}

impl Exec {
    /// Returns the line for the account's shell: nothing of ours in it is unquoted.
    ///
    /// Shells agree on little. Where a directory or variables are wanted, `/bin/sh` sets them and gives the command to the
    /// account's shell; what it reads is written so that no shell finds anything in it to change.
    pub fn line(&self) -> Result<String, ExecError> {
        let mut script = String::new();
        if let Some(cwd) = &self.cwd {
            script += &format!("cd -- {} >/dev/null || exit {EXIT_NO_DIRECTORY}\n", quoted(cwd, "cwd")?);
        }
        for (name, value) in &self.env {
            if !is_variable(name) {
                return Err(ExecError::Name(name.clone()));
            }
            script += &format!("export {name}={}\n", quoted(value, "the value of a variable")?);
        }
        let command = quoted(&self.command, "the command")?;
        if script.is_empty() {
            return Ok(self.command.clone());
        }
        script += &format!("exec \"${{SHELL:-/bin/sh}}\" -c {command}");
        Ok(format!("exec /bin/sh -c 'eval \"$(printf %b \"$1\")\"' sh '{}'", plain(&script)))
    }
}

/// Writes all but plain characters as `printf %b` reads them: the quotes of sh, fish and csh all leave that alone. fish would
/// take a doubled backslash for its own, csh a `!`, the end of a line and letters beyond ASCII.
fn plain(text: &str) -> String {
    let is_plain = |it: u8| (b' '..=b'~').contains(&it) && !b"'\\!".contains(&it);
    let written = |it: u8| if is_plain(it) { char::from(it).to_string() } else { format!("\\0{it:03o}") };
    text.bytes().map(written).collect()
}

/// Runs a command in a channel; every piece of what it prints goes to `sink` as it comes, and `sink` does not wait.
///
/// If this is dropped, the channel is closed, and what is not stopped by that runs on.
pub(super) async fn run(
    connection: &Connection,
    mut lane: Lane,
    exec: &Exec,
    sink: impl FnMut(Stream, &[u8]) + Send,
) -> Result<Outcome, ExecError> {
    let line = exec.line()?;
    let birth = connection.exec(&mut lane, &line, &exec.asked_env).await.map_err(not_started)?;
    let writer = lane.writer();
    let feeding = tokio::spawn(feed(writer, exec.stdin.clone()));
    let deadline = exec.kill_after.map(|after| Instant::now() + after);
    let mut running = Running { lane, sink, exit: None };
    let outcome = running.outcome(connection, &birth, deadline).await;
    feeding.abort();
    outcome
}

struct Running<Sink> {
    lane: Lane,
    sink: Sink,
    exit: Option<Exit>,
}

/// Where a command stands.
enum State {
    Ended(Exit),
    Lost,
    /// The time is up, and it runs on.
    Late,
}

impl<Sink: FnMut(Stream, &[u8]) + Send> Running<Sink> {
    async fn outcome(
        &mut self,
        connection: &Connection,
        birth: &Birth,
        deadline: Option<Instant>,
    ) -> Result<Outcome, ExecError> {
        let mut state = self.until(deadline).await;
        let mut kill = Kill::None;
        for signal in [15, 9] {
            let State::Late = state else { break };
            kill = Kill::Ended;
            if !end(connection, birth, signal).await {
                kill = Kill::LetGo;
            }
            state = self.until(Some(Instant::now() + GRACE)).await;
        }
        match state {
            State::Ended(exit) => {
                birth.end();
                Ok(Outcome { exit, kill: if kill == Kill::None { kill } else { Kill::Ended } })
            }
            State::Late => Ok(Outcome { exit: Exit::Unknown, kill: Kill::LetGo }),
            State::Lost => Err(ExecError::Lost(connection.ended().reason().await)),
        }
    }

    /// Hears it out, to its end or to a moment.
    async fn until(&mut self, deadline: Option<Instant>) -> State {
        loop {
            let heard = tokio::select! {
                heard = self.lane.next() => heard,
                () = passed(deadline) => return State::Late,
            };
            match heard {
                Some(Heard::Output(bytes)) => (self.sink)(Stream::Output, &bytes),
                Some(Heard::Error(bytes)) => (self.sink)(Stream::Error, &bytes),
                Some(Heard::Exit(exit)) => self.exit = Some(exit),
                Some(Heard::Closed) => return State::Ended(self.exit.unwrap_or(Exit::Unknown)),
                // Nobody asked for one.
                Some(Heard::NoTerminal) => {}
                // The connection broke; if the end had been told before, it is known.
                None => return self.exit.map_or(State::Lost, State::Ended),
            }
        }
    }
}

/// Sends a signal to all of a command; says whether there was a way to it.
async fn end(connection: &Connection, birth: &Birth, signal: i32) -> bool {
    let Some(probe) = connection.probe().await else { return false };
    let pid = find(&probe, birth, RUNNING).await;
    let Some(pid) = pid.filter(|it| *it > 1) else { return false };
    // The server makes it the first of a group of its own.
    let killed = probe.ask(Question::Kill { signal, to: -i64::from(pid) }).await;
    killed.is_some_and(|lines| lines.iter().any(|it| it == "done"))
}

pub(super) async fn feed(writer: LaneWriter, mut stdin: Bytes) {
    while !stdin.is_empty() {
        let piece = stdin.split_to(stdin.len().min(PIECE_BYTES));
        if !writer.send(piece).await {
            return;
        }
    }
    writer.end().await;
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

pub(super) fn not_started(error: RequestError) -> ExecError {
    match error {
        RequestError::Full(why) => ExecError::Channel(ChannelError::Refused(why)),
        error => ExecError::NotStarted(error.to_string()),
    }
}

pub(super) fn quoted(text: &str, what: &'static str) -> Result<String, ExecError> {
    if text.contains('\0') {
        return Err(ExecError::Nul(what));
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_ours_is_unquoted() {
        let exec = Exec {
            command: "echo hi".into(),
            cwd: Some("-it's $(here)".into()),
            env: vec![("A_1".into(), "x\n'; rm -rf /".into())],
            ..Exec::default()
        };
        let line = exec.line().unwrap();
        let (before, written) = line.rsplit_once(" sh ").unwrap();
        assert_eq!(before, "exec /bin/sh -c 'eval \"$(printf %b \"$1\")\"'");
        assert!(written.bytes().all(|it| (b' '..=b'~').contains(&it)) && !written.contains('!'), "{written}");
        assert_eq!(written.matches('\'').count(), 2);
        assert!(written.contains("export A_1=\\0047x\\0012"), "{written}");
        for name in ["", "1A", "A=B", "A B", "A;", "É"] {
            let exec = Exec { env: vec![(name.into(), String::new())], ..Exec::default() };
            assert!(matches!(exec.line(), Err(ExecError::Name(_))), "{name}");
        }
    }
}
