//! Commands and sessions as the store remembers them, in the words of `report`.

use std::time::{Duration, SystemTime};

use cotty_core::names::{Offset, RunId};
use cotty_core::refusal::Refusal;

use crate::report::{Health, Holds, Proof, RunReport, RunSummary, SessionState, SessionStatus, Stretch};
use crate::store::{RunRow, SessionRow};

/// Reports a command from its row. One that was never settled was lost with its session.
pub(crate) fn of_row(row: &RunRow, session: &str) -> RunReport {
    let from = row.from.unwrap_or(row.typed_at);
    let offset = |byte| Offset { epoch: row.epoch, byte };
    let output = Stretch {
        session_id: row.session.clone(),
        from: offset(from),
        to: offset(row.to.unwrap_or(from)),
        cols: row.cols,
        paged: row.evidence.pager_rows(),
    };
    RunReport {
        session: session.to_owned(),
        run: row.id,
        command: row.command.clone(),
        state: row.state.clone(),
        boundary: row.boundary,
        took: took(row),
        cwd: row.cwd.clone(),
        output,
        survivors: Vec::new(),
        notes: Vec::new(),
        joined: false,
        asks: None,
        isolated: None,
    }
}

/// What the store keeps of the reasons for a verdict.
pub(crate) fn proof(row: RunRow, report: RunReport) -> Proof {
    Proof { report, who: row.who, at: row.at, steps: row.evidence.steps().to_vec() }
}

/// A row of the list of commands.
pub(crate) fn summary(row: &RunRow, session: &str) -> RunSummary {
    RunSummary {
        run: row.id,
        session: session.to_owned(),
        command: row.command.clone(),
        who: row.who.clone(),
        state: row.state.clone(),
        at: row.at,
        took: took(row),
    }
}

fn took(row: &RunRow) -> Duration {
    let running = || SystemTime::now().duration_since(row.at).unwrap_or_default();
    row.took.unwrap_or_else(|| if row.state.is_settled() { Duration::ZERO } else { running() })
}

/// How a session ended, from what the store keeps of it.
pub(crate) fn ended_state(ended: &str) -> SessionState {
    if let Some(rest) = ended.strip_prefix("exited") {
        return SessionState::Exited(rest.trim().parse().ok());
    }
    match ended.split_once(": ") {
        Some(("lost", reason)) => SessionState::Lost(reason.to_owned()),
        Some((_, reason)) => SessionState::Closed(reason.to_owned()),
        None => SessionState::Closed(ended.to_owned()),
    }
}

/// How well a session in this state can be reached, the way to its host apart.
pub(crate) fn health(state: &SessionState) -> Health {
    match state {
        SessionState::Exited(Some(exit)) => Health::Closed(format!("its shell exited {exit}")),
        SessionState::Exited(None) => Health::Closed("its shell exited".into()),
        SessionState::Closed(why) => Health::Closed(why.clone()),
        SessionState::Lost(why) => Health::Lost(why.clone()),
        SessionState::Opening | SessionState::Ready | SessionState::Running(_) | SessionState::Unknown(_) => {
            Health::Healthy
        }
    }
}

/// Says that a session has ended, and how it is opened again.
pub(crate) fn ended(row: &SessionRow) -> Refusal {
    let (session, target) = (row.name.clone(), row.target.clone());
    match ended_state(row.ended.as_deref().unwrap_or("closed")) {
        SessionState::Exited(exit) => Refusal::ShellExited { session, target, exit },
        SessionState::Lost(reason) => Refusal::Lost { session, target, reason },
        SessionState::Closed(reason) => Refusal::SessionClosed { session, target, reason },
        SessionState::Opening | SessionState::Ready | SessionState::Running(_) | SessionState::Unknown(_) => {
            Refusal::SessionClosed { session, target, reason: "it has ended".into() }
        }
    }
}

/// The status of a session that has ended.
pub(crate) fn ended_status(row: &SessionRow, end: u64) -> SessionStatus {
    let state = ended_state(row.ended.as_deref().unwrap_or("closed"));
    SessionStatus {
        name: row.name.clone(),
        target: row.target.clone(),
        account: row.account.clone(),
        health: health(&state),
        silent: None,
        label: row.label.clone(),
        is_default: false,
        state,
        shell: row.shell.name().to_owned(),
        pid: None,
        stack: Vec::new(),
        cwd: row.kept.cwd.clone(),
        mode: row.mode,
        pen: None,
        holds: Holds::default(),
        running: None,
        size: row.size,
        viewers: Vec::new(),
        opened_by: row.opened_by.clone(),
        opened_at: row.opened_at,
        idle: Duration::ZERO,
        idle_timeout: row.idle_timeout,
        warnings: vec!["closed, its output is kept".to_owned()],
        follow: format!("cotty read {}", row.name),
        next_offset: Offset { epoch: row.epoch, byte: end },
    }
}

/// No such command, or none any more.
pub(crate) fn no_run(id: RunId, newest: u64) -> Refusal {
    Refusal::RunNotFound { handle: id.to_string(), expired: id.number <= newest }
}
