//! The engine's words in the published ones.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cotty_core::names::{Offset, Principal};
use cotty_engine::hosts::device::SecretFrom;
use cotty_engine::hub::devices::DeviceStatus;
use cotty_engine::report::{
    Closed, Connected, Excerpt, HistoryEntry, HistoryKind, Holds, How, Proof, RunReport, RunState,
    RunSummary, ScreenView, SessionState, SessionStatus, Step, Trusted,
};
use cotty_engine::veils;
use cotty_wire::api;

mod asked;

pub(crate) use asked::{Eyes, card, cards, kept, tested};

pub(crate) fn who(principal: &Principal) -> api::Who {
    api::Who { role: principal.role.to_string(), label: principal.label.clone() }
}

pub(crate) fn connected(connected: Connected) -> api::Connected {
    api::Connected {
        created: connected.how == How::Created,
        session: session(connected.status),
        notes: connected.instead.into_iter().chain(connected.notes).collect(),
    }
}

pub(crate) fn trusted(trusted: Trusted) -> api::Trusted {
    api::Trusted {
        name: trusted.name,
        fingerprint: trusted.shown.hash,
        algorithm: trusted.shown.algorithm,
        added: trusted.added,
        place: trusted.place,
    }
}

pub(crate) fn device(status: DeviceStatus) -> api::Device {
    let DeviceStatus { name, device, is_default, sessions } = status;
    let from = |it: SecretFrom| match it {
        SecretFrom::Variable(name) => format!("${name}"),
        SecretFrom::Environment { variable, .. } => format!("${variable} of the daemon's start"),
        SecretFrom::File(file) => file.display().to_string(),
        SecretFrom::Command(argv) => format!("what {} prints", argv.first().map_or("a program", |it| it)),
        SecretFrom::Keyring(_) => "in the keyring".to_owned(),
    };
    let is_hidden = device.hide;
    api::Device {
        host: device.host.filter(|_| !is_hidden).unwrap_or_else(|| name.clone()),
        name,
        port: device.port.filter(|_| !is_hidden),
        user: device.user.filter(|_| !is_hidden),
        group: device.group,
        login: device.auth.map(|auth| api::DeviceLogin {
            key: auth.key.map(|it| it.display().to_string()),
            passphrase: auth.passphrase.map(from),
            password: auth.password.map(from),
        }),
        label: device.defaults.label,
        tags: device.tags,
        is_default,
        sessions,
    }
}

pub(crate) fn session(status: SessionStatus) -> api::Session {
    let veil = veils::of_target(&status.target);
    let cwd = status.cwd.map(|it| veil.map_or(it.clone(), |veil| veil.all_in(&it)));
    let (state, detail) = session_state(&status.state);
    let (health, health_why) = status.health.words();
    api::Session {
        name: status.name,
        target: status.target,
        account: status.account,
        health: health.to_owned(),
        health_why: health_why.map(str::to_owned),
        silent_ms: status.silent.map(millis),
        label: status.label,
        is_default: status.is_default,
        state: state.to_owned(),
        detail,
        shell: status.shell,
        pid: status.pid,
        cwd,
        mode: status.mode.to_string(),
        pen: status.pen,
        holds: holds(status.holds),
        running: status.running.map(run),
        cols: status.size.0,
        rows: status.size.1,
        viewers: status.viewers,
        opened_by: who(&status.opened_by),
        opened_at_ms: since_1970(status.opened_at),
        idle_ms: millis(status.idle),
        idle_timeout_ms: status.idle_timeout.map(millis),
        warnings: status.warnings,
        follow: status.follow,
        next_offset: status.next_offset.to_string(),
    }
}

pub(crate) fn holds(holds: Holds) -> api::Holds {
    let Holds { run, draft, awaited_by, parked, taken } = holds;
    api::Holds {
        run: run.as_ref().map(|(id, _)| id.to_string()),
        run_by: run.map(|(_, by)| who(&by)),
        draft: draft.as_ref().map(who),
        awaited_by: awaited_by.as_ref().map(who),
        parked: parked.as_ref().map(who),
        taken: taken.map(|(by, left)| api::Taken { who: who(&by), left_ms: millis(left) }),
    }
}

pub(crate) fn session_state(state: &SessionState) -> (&'static str, Option<String>) {
    match state {
        SessionState::Opening => ("opening", None),
        SessionState::Ready => ("ready", None),
        SessionState::Running(run) => ("running", Some(run.to_string())),
        SessionState::Unknown(why) => ("unknown", Some(why.clone())),
        SessionState::Exited(exit) => ("exited", exit.map(|it| it.to_string())),
        SessionState::Closed(why) => ("closed", Some(why.clone())),
        SessionState::Lost(why) => ("lost", Some(why.clone())),
    }
}

/// Returns whether a session has not ended.
pub(crate) fn lives(state: &SessionState) -> bool {
    !matches!(state, SessionState::Exited(_) | SessionState::Closed(_) | SessionState::Lost(_))
}

pub(crate) fn run_state(state: &RunState) -> api::State {
    let named = |name: &str| api::State { state: name.to_owned(), ..api::State::default() };
    match state {
        RunState::Completed { exit } => api::State { exit: Some(*exit), ..named("completed") },
        RunState::RanNothing => named("ran_nothing"),
        RunState::Running => named("running"),
        RunState::NeedsInput { kind } => api::State { input: Some(kind.to_string()), ..named("needs_input") },
        RunState::Interrupted { signal, exit } => {
            api::State { signal: Some(*signal), exit: Some(*exit), ..named("interrupted") }
        }
        RunState::Nested { shell, .. } => api::State { shell: Some(shell.clone()), ..named("nested") },
        RunState::Left { exit } => api::State { exit: Some(*exit), ..named("left") },
        RunState::ShellExited { exit } => api::State { exit: *exit, ..named("shell_exited") },
        RunState::Lost { reason } => api::State { reason: Some(reason.clone()), ..named("lost") },
        RunState::Unknown { why } => api::State { reason: Some(why.clone()), ..named("unknown") },
    }
}

pub(crate) fn run(report: RunReport) -> api::Run {
    api::Run {
        session: report.session,
        id: report.run.to_string(),
        state: run_state(&report.state),
        command: report.command,
        boundary: report.boundary.to_string(),
        took_ms: millis(report.took),
        cwd: report.cwd,
        from: report.output.from.to_string(),
        to: report.output.to.to_string(),
        survivors: report.survivors,
        asks: report.asks,
        notes: report.notes,
    }
}

pub(crate) fn text(excerpt: Excerpt) -> api::Text {
    api::Text {
        head: excerpt.head,
        hidden_lines: excerpt.hidden.map_or(0, |(_, count)| count),
        tail: excerpt.tail,
        lines: excerpt.lines,
        gone_bytes: excerpt.gone_bytes,
    }
}

pub(crate) fn screen(view: ScreenView) -> api::Screen {
    api::Screen {
        session: view.session,
        screen: view.rows,
        cursor_col: view.cursor.0,
        cursor_row: view.cursor.1,
        cols: view.size.0,
        rows: view.size.1,
        title: view.title,
        alternate: view.alternate,
        next_offset: view.next_offset.to_string(),
    }
}

pub(crate) fn history_entry(entry: HistoryEntry) -> api::HistoryEntry {
    let plain = api::HistoryEntry { at_ms: since_1970(entry.at), who: who(&entry.who), ..Default::default() };
    match entry.what {
        HistoryKind::Ran { run, command, state, took } => api::HistoryEntry {
            what: "ran".to_owned(),
            text: command,
            run: Some(run.to_string()),
            state: Some(run_state(&state)),
            took_ms: took.map(millis),
            ..plain
        },
        HistoryKind::Typed(keys) => api::HistoryEntry { what: "typed".to_owned(), text: keys, ..plain },
        HistoryKind::Noted(words) => api::HistoryEntry { what: "noted".to_owned(), text: words, ..plain },
    }
}

pub(crate) fn evidence(proof: Proof) -> api::Evidence {
    let Proof { report, who: by, at, steps } = proof;
    let epoch = report.output.from.epoch;
    let step = |step: Step| api::Step {
        kind: step.kind.to_string(),
        after_ms: millis(step.after),
        at: Offset { epoch, byte: step.at }.to_string(),
        words: step.words(),
        details: step.details.into_iter().collect(),
    };
    let evidence = steps.into_iter().map(step).collect();
    api::Evidence { run: run(report), who: who(&by), at_ms: since_1970(at), evidence }
}

pub(crate) fn summary(summary: RunSummary) -> api::RunSummary {
    api::RunSummary {
        id: summary.run.to_string(),
        session: summary.session,
        command: summary.command,
        who: who(&summary.who),
        state: run_state(&summary.state),
        at_ms: since_1970(summary.at),
        took_ms: millis(summary.took),
    }
}

pub(crate) fn closed(closed: Closed) -> api::Closed {
    match closed {
        Closed::Sessions(sessions) => {
            api::Closed { sessions: sessions.into_iter().map(|it| it.name).collect(), run: None }
        }
        Closed::Run(report) => api::Closed { sessions: Vec::new(), run: Some(run(*report)) },
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, millis)
}
