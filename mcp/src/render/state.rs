//! Where a command or a session stands, in the words of a head line, and what to do next.

use cotty_core::names::{Boundary, InputKind};
use cotty_engine::report::{RunReport, RunState, SessionState};

use super::words;

/// Returns the head line of a command: where it stands, what else is known (`aside`), and the next call.
///
/// `target` is what its session is opened on, for the call that opens it again.
#[must_use]
pub fn head(report: &RunReport, lines: u64, aside: Option<&str>, target: &str) -> String {
    let mut head = format!("[{} {}] {}", words::name(&report.session), report.run, state(report, lines));
    match report.boundary {
        Boundary::Exact => {}
        Boundary::Probed | Boundary::Heuristic => head.push_str(&format!(" ({})", report.boundary)),
    }
    let ended = matches!(report.state, RunState::Completed { .. } | RunState::Interrupted { .. });
    if let (true, Some(cwd)) = (ended, report.cwd.as_deref()) {
        head.push_str(&format!(", cwd {}", words::name(cwd)));
    }
    if let Some(aside) = aside {
        head.push_str(&format!(", {aside}"));
    }
    if let Some(next) = next(report, target) {
        head.push_str(&format!(". {next}"));
    }
    head
}

fn state(report: &RunReport, lines: u64) -> String {
    let took = words::time(report.took);
    match &report.state {
        RunState::Completed { exit } => format!("exit {exit} in {took}"),
        RunState::RanNothing => "ran nothing".to_owned(),
        RunState::Running => format!("running for {took}, {} so far", words::count(lines, "line")),
        RunState::NeedsInput { kind } => format!("needs input ({kind})"),
        RunState::Interrupted { signal, exit } => {
            format!("interrupted by {} after {took}, exit {exit}", words::signal(*signal))
        }
        RunState::Nested { shell, .. } => format!("nested shell ({}) at its prompt", words::name(shell)),
        RunState::Left { exit } => format!("nested shell left, exit {exit} after {took}"),
        RunState::ShellExited { exit: Some(exit) } => format!("shell exited {exit}"),
        RunState::ShellExited { exit: None } => "shell exited".to_owned(),
        RunState::Lost { reason } => format!("lost: {reason}"),
        RunState::Unknown { why } => format!("state not known: {why}"),
    }
}

fn next(report: &RunReport, target: &str) -> Option<String> {
    let session = words::name(&report.session);
    let run = report.run;
    let next = match &report.state {
        RunState::Completed { .. }
        | RunState::RanNothing
        | RunState::Interrupted { .. }
        | RunState::Left { .. } => return None,
        RunState::Running => format!("Next: ssh_wait command={run}"),
        RunState::NeedsInput { kind } => needs(*kind, &session),
        RunState::Nested { signs: true, .. } => {
            format!("Next: ssh_run session={session} command=... runs in it, command=exit leaves it")
        }
        RunState::Nested { signs: false, .. } => {
            format!("Next: ssh_send session={session} text=... for it, or text=exit to leave it")
        }
        RunState::Lost { .. } if report.isolated.is_some() => {
            "It may have acted: look before you run it again".to_owned()
        }
        RunState::ShellExited { .. } | RunState::Lost { .. } => {
            format!("Next: ssh_connect target={} name={session}", words::name(target))
        }
        RunState::Unknown { .. } => format!(
            "Next: ssh_read session={session} view=screen; if its shell stays lost, ssh_close id={session} gives it up and \
             names the call for a new one in its place"
        ),
    };
    Some(next)
}

fn needs(kind: InputKind, session: &str) -> String {
    match kind {
        InputKind::Line => format!("Next: ssh_send session={session} text=..."),
        InputKind::Secret => format!("A person must type this: cotty attach {session}"),
        InputKind::HostKey => format!("A person must judge this key: cotty attach {session}"),
        InputKind::Confirm => {
            format!("Next: ssh_send session={session} text=... with the yes or no that it names")
        }
        InputKind::PressKey => format!("Next: ssh_send session={session} keys=enter"),
        InputKind::Menu => format!("Next: ssh_send session={session} text=... with one entry"),
        InputKind::Pager => format!("Next: ssh_send session={session} keys=q"),
        InputKind::Editor | InputKind::FullScreen => {
            format!("Next: ssh_read session={session} view=screen, then ssh_send session={session} keys=...")
        }
        InputKind::IncompleteSyntax => {
            format!("Next: ssh_send session={session} keys=ctrl-c, or text=... with the rest of the command")
        }
    }
}

/// Returns a command's state in a word or two, for lists.
#[must_use]
pub fn brief(state: &RunState) -> String {
    match state {
        RunState::Completed { exit } => format!("exit {exit}"),
        RunState::RanNothing => "ran nothing".to_owned(),
        RunState::Running => "running".to_owned(),
        RunState::NeedsInput { kind } => format!("needs input ({kind})"),
        RunState::Interrupted { signal, .. } => format!("interrupted by {}", words::signal(*signal)),
        RunState::Nested { shell, .. } => format!("nested shell ({})", words::name(shell)),
        RunState::Left { exit } => format!("nested shell left, exit {exit}"),
        RunState::ShellExited { exit: Some(exit) } => format!("shell exited {exit}"),
        RunState::ShellExited { exit: None } => "shell exited".to_owned(),
        RunState::Lost { reason } => format!("lost: {reason}"),
        RunState::Unknown { why } => format!("not known: {why}"),
    }
}

/// Returns a session's state in a few words.
#[must_use]
pub fn session(state: &SessionState) -> String {
    match state {
        SessionState::Opening => "opening".to_owned(),
        SessionState::Ready => "ready".to_owned(),
        SessionState::Running(run) => format!("running {run}"),
        SessionState::Unknown(why) => format!("not known: {why}"),
        SessionState::Exited(Some(exit)) => format!("shell exited {exit}"),
        SessionState::Exited(None) => "shell exited".to_owned(),
        SessionState::Closed(reason) => format!("closed: {reason}"),
        SessionState::Lost(reason) => format!("lost: {reason}"),
    }
}
