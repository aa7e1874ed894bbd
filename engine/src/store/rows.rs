//! The rows of the store and how they are written and read.

use std::time::{Duration, SystemTime};

use cotty_core::dialect::Shell;
use cotty_core::evidence::Evidence;
use cotty_core::names::{Boundary, Epoch, InputKind, Mode, Principal, Role, RunId, RunKind};
use cotty_core::run::{Run, RunState};
use cotty_core::session::{Frame, Kept};
use rusqlite::{Connection, Row, params};

use super::{found, frames, millis, moment};

/// A session.
#[derive(Clone, Debug)]
pub(crate) struct SessionRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) target: String,
    /// The account on a host, the same for all its names; none on this machine.
    pub(crate) identity: Option<String>,
    /// The same as people read it.
    pub(crate) account: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) program: String,
    pub(crate) shell: Shell,
    pub(crate) key: String,
    pub(crate) epoch: Epoch,
    pub(crate) mode: Mode,
    pub(crate) size: (u16, u16),
    pub(crate) opened_at: SystemTime,
    pub(crate) opened_by: Principal,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) is_default: bool,
    /// Its shells, if one stands inside another; the session's own first.
    pub(crate) frames: Vec<Frame>,
    pub(crate) ended: Option<String>,
    pub(crate) kept: Kept,
}

/// A command.
#[derive(Clone, Debug)]
pub(crate) struct RunRow {
    pub(crate) id: RunId,
    pub(crate) session: String,
    pub(crate) epoch: Epoch,
    pub(crate) who: Principal,
    pub(crate) command: String,
    pub(crate) keys: Vec<u8>,
    pub(crate) sequence: u64,
    pub(crate) expected: u64,
    pub(crate) typed_at: u64,
    pub(crate) from: Option<u64>,
    pub(crate) to: Option<u64>,
    pub(crate) cols: u16,
    pub(crate) at: SystemTime,
    pub(crate) took: Option<Duration>,
    pub(crate) state: RunState,
    pub(crate) boundary: Boundary,
    pub(crate) cwd: Option<String>,
    pub(crate) evidence: Evidence,
    pub(crate) blank: bool,
    pub(crate) eol_mark: bool,
    pub(crate) kill_after: Option<Duration>,
    /// The key of the call that gave it.
    pub(crate) call: Option<String>,
}

/// A call that acted: what it did, by the key that identifies it over restarts.
#[derive(Clone, Debug)]
pub(crate) struct CallRow {
    pub(crate) key: String,
    pub(crate) session: String,
    pub(crate) run: Option<u64>,
    pub(crate) sequence: Option<u64>,
    pub(crate) at: u64,
}

/// Among so many of the newest commands a call is looked for: who sends one again does so within its minute.
const RUNS_LOOKED_AT: u64 = 10_000;

/// An entry of a session's history.
#[derive(Clone, Debug)]
pub(crate) struct EventRow {
    pub(crate) at: SystemTime,
    pub(crate) who: Principal,
    pub(crate) kind: String,
    pub(crate) text: String,
}

const SESSION_COLUMNS: &str = "id, name, target, label, program, shell, key, epoch, mode, cols, rows, opened_ms, \
     role, who, idle_timeout_ms, is_default, ended, serial, prompt, pid, device, inode, cwd, ready_at, ready, \
     at_prompt, at, sequence, identity, account, frames";

impl SessionRow {
    /// Returns whether it is on another machine.
    pub(crate) fn is_remote(&self) -> bool {
        self.identity.is_some()
    }

    pub(super) fn insert(&self, db: &Connection) -> rusqlite::Result<()> {
        if self.is_default {
            db.execute("UPDATE sessions SET is_default = 0", [])?;
        }
        let sql = format!(
            "INSERT OR REPLACE INTO sessions ({SESSION_COLUMNS}, term) VALUES \
             (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,NULL,0,0,NULL,NULL,NULL,NULL,0,0,0,0,0,?17,?18,NULL,\
             coalesce((SELECT term FROM sessions WHERE id = ?1), 0))"
        );
        let (cols, rows) = self.size;
        db.prepare_cached(&sql)?.execute(params![
            self.id,
            self.name,
            self.target,
            self.label,
            self.program,
            self.shell.name(),
            self.key,
            self.epoch.0,
            self.mode.to_string(),
            cols,
            rows,
            millis(self.opened_at),
            self.opened_by.role.to_string(),
            self.opened_by.label,
            self.idle_timeout.map(as_millis),
            self.is_default,
            self.identity,
            self.account,
        ])?;
        Ok(())
    }

    pub(super) fn update_settings(&self, db: &Connection) -> rusqlite::Result<()> {
        if self.is_default {
            db.execute("UPDATE sessions SET is_default = 0 WHERE id <> ?", [&self.id])?;
        }
        let sql = "UPDATE sessions SET name = ?2, label = ?3, mode = ?4, cols = ?5, rows = ?6, is_default = ?7, \
                   idle_timeout_ms = ?8 WHERE id = ?1";
        let (cols, rows) = self.size;
        let mode = self.mode.to_string();
        let idle = self.idle_timeout.map(as_millis);
        db.prepare_cached(sql)?.execute(params![
            self.id,
            self.name,
            self.label,
            mode,
            cols,
            rows,
            self.is_default,
            idle
        ])?;
        Ok(())
    }

    pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<Self>> {
        let sql = format!("SELECT {SESSION_COLUMNS} FROM sessions ORDER BY opened_ms, id");
        db.prepare_cached(&sql)?.query_map([], Self::read)?.collect()
    }

    pub(super) fn find(db: &Connection, id: &str) -> rusqlite::Result<Option<Self>> {
        let sql = format!("SELECT {SESSION_COLUMNS} FROM sessions WHERE id = ?");
        found(db.prepare_cached(&sql)?.query_row([id], Self::read))
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let shell: String = row.get("shell")?;
        let mode: String = row.get("mode")?;
        let device: Option<i64> = row.get("device")?;
        let inode: Option<i64> = row.get("inode")?;
        let kept = Kept {
            serial: row.get("serial")?,
            prompt: row.get("prompt")?,
            pid: row.get("pid")?,
            executable: device
                .zip(inode)
                .map(|(device, inode)| (device.cast_unsigned(), inode.cast_unsigned())),
            cwd: row.get("cwd")?,
            ready_at: row.get("ready_at")?,
            ready: row.get("ready")?,
            at_prompt: row.get("at_prompt")?,
            at: row.get("at")?,
            sequence: row.get("sequence")?,
        };
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            target: row.get("target")?,
            identity: row.get("identity")?,
            account: row.get("account")?,
            label: row.get("label")?,
            program: row.get("program")?,
            shell: Shell::of_program(&shell).unwrap_or_default(),
            key: row.get("key")?,
            epoch: Epoch(row.get("epoch")?),
            mode: mode.parse().unwrap_or_default(),
            size: (row.get("cols")?, row.get("rows")?),
            opened_at: moment(row.get("opened_ms")?),
            opened_by: principal(row)?,
            idle_timeout: row.get::<_, Option<u64>>("idle_timeout_ms")?.map(Duration::from_millis),
            is_default: row.get("is_default")?,
            ended: row.get("ended")?,
            frames: frames::read(&row.get::<_, Option<String>>("frames")?.unwrap_or_default()),
            kept,
        })
    }
}

pub(super) fn update_kept(db: &Connection, id: &str, kept: &Kept, frames: &[Frame]) -> rusqlite::Result<()> {
    let sql = "UPDATE sessions SET serial = ?2, prompt = ?3, pid = ?4, device = ?5, inode = ?6, cwd = ?7, \
               ready = ?8, at_prompt = ?9, at = ?10, sequence = ?11, ready_at = ?12, frames = ?13 WHERE id = ?1";
    let (device, inode) = kept.executable.map(|(d, i)| (d.cast_signed(), i.cast_signed())).unzip();
    db.prepare_cached(sql)?.execute(params![
        id,
        kept.serial,
        kept.prompt,
        kept.pid,
        device,
        inode,
        kept.cwd,
        kept.ready,
        kept.at_prompt,
        kept.at,
        kept.sequence,
        kept.ready_at,
        (frames.len() > 1).then(|| frames::write(frames)),
    ])?;
    Ok(())
}

const RUN_COLUMNS: &str = "number, kind, session, epoch, role, who, command, keys, sequence, expected, typed_at, \
     begins, ends, cols, at_ms, took_ms, state, boundary, cwd, evidence, blank, eol_mark, kill_after_ms, call";

impl RunRow {
    /// Takes over how it ended.
    pub(crate) fn settle_as(&mut self, run: &Run) {
        (self.state, self.boundary) = (run.state.clone(), run.boundary);
        (self.from, self.to, self.took) = (run.from, run.to, run.took);
        (self.cwd, self.evidence, self.eol_mark) =
            (run.cwd.clone().or(self.cwd.take()), run.evidence.clone(), run.eol_mark);
    }

    pub(super) fn insert(&self, db: &Connection) -> rusqlite::Result<()> {
        let sql = format!(
            "INSERT INTO runs ({RUN_COLUMNS}) VALUES \
             (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24)"
        );
        db.prepare_cached(&sql)?.execute(params![
            self.id.number,
            if self.id.kind == RunKind::Human { "h" } else { "c" },
            self.session,
            self.epoch.0,
            self.who.role.to_string(),
            self.who.label,
            self.command,
            self.keys,
            self.sequence,
            self.expected,
            self.typed_at,
            self.from,
            self.to,
            self.cols,
            millis(self.at),
            self.took.map(as_millis),
            state_text(&self.state),
            self.boundary.to_string(),
            self.cwd,
            self.evidence.to_lines(),
            self.blank,
            self.eol_mark,
            self.kill_after.map(as_millis),
            self.call,
        ])?;
        Ok(())
    }

    pub(super) fn update(&self, db: &Connection) -> rusqlite::Result<()> {
        let sql = "UPDATE runs SET begins = ?2, ends = ?3, took_ms = ?4, state = ?5, boundary = ?6, cwd = ?7, \
                   evidence = ?8, eol_mark = ?9, \
                   keys = iif(?2 IS NULL AND ?4 IS NULL, keys, NULL) WHERE number = ?1";
        db.prepare_cached(sql)?.execute(params![
            self.id.number,
            self.from,
            self.to,
            self.took.map(as_millis),
            state_text(&self.state),
            self.boundary.to_string(),
            self.cwd,
            self.evidence.to_lines(),
            self.eol_mark,
        ])?;
        Ok(())
    }

    pub(super) fn find(db: &Connection, id: RunId) -> rusqlite::Result<Option<Self>> {
        let sql = format!("SELECT {RUN_COLUMNS} FROM runs WHERE number = ?");
        let row = found(db.prepare_cached(&sql)?.query_row([id.number], Self::read))?;
        Ok(row.filter(|row| row.id == id))
    }

    pub(super) fn newest(
        db: &Connection,
        session: Option<&str>,
        limit: usize,
    ) -> rusqlite::Result<Vec<Self>> {
        let sql = format!(
            "SELECT {RUN_COLUMNS} FROM runs WHERE (?1 IS NULL OR session = ?1) ORDER BY at_ms DESC, number DESC LIMIT ?2"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        db.prepare_cached(&sql)?.query_map(params![session, limit], Self::read)?.collect()
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let kind: String = row.get("kind")?;
        let kind = if kind == "h" { RunKind::Human } else { RunKind::Command };
        let state: String = row.get("state")?;
        let boundary: String = row.get("boundary")?;
        let evidence: String = row.get("evidence")?;
        Ok(Self {
            id: RunId { kind, number: row.get("number")? },
            session: row.get("session")?,
            epoch: Epoch(row.get("epoch")?),
            who: principal(row)?,
            command: row.get("command")?,
            keys: row.get::<_, Option<Vec<u8>>>("keys")?.unwrap_or_default(),
            sequence: row.get("sequence")?,
            expected: row.get("expected")?,
            typed_at: row.get("typed_at")?,
            from: row.get("begins")?,
            to: row.get("ends")?,
            cols: row.get("cols")?,
            at: moment(row.get("at_ms")?),
            took: row.get::<_, Option<u64>>("took_ms")?.map(Duration::from_millis),
            state: state_of(&state),
            boundary: match boundary.as_str() {
                "exact" => Boundary::Exact,
                "probed" => Boundary::Probed,
                _ => Boundary::Heuristic,
            },
            cwd: row.get("cwd")?,
            evidence: Evidence::of_lines(&evidence),
            blank: row.get("blank")?,
            eol_mark: row.get("eol_mark")?,
            kill_after: row.get::<_, Option<u64>>("kill_after_ms")?.map(Duration::from_millis),
            call: row.get("call")?,
        })
    }
}

impl CallRow {
    pub(super) fn insert(&self, db: &Connection) -> rusqlite::Result<()> {
        let sql = "INSERT INTO calls (key, session, run, sequence, at, at_ms) VALUES (?,?,?,?,?,?)";
        let now = millis(SystemTime::now());
        db.prepare_cached(sql)?.execute(params![
            self.key,
            self.session,
            self.run,
            self.sequence,
            self.at,
            now
        ])?;
        Ok(())
    }

    /// A call that gave a command stands in the command's own row, which saves each command a write of its own; to look
    /// through the newest of them takes a millisecond and is done only for a call that is sent again.
    pub(super) fn find(db: &Connection, key: &str, newest: u64) -> rusqlite::Result<Option<Self>> {
        let sql = "SELECT key, session, run, sequence, at FROM calls WHERE key = ?1 UNION ALL \
                   SELECT call, session, number, sequence, typed_at FROM runs WHERE number > ?2 AND call = ?1";
        let oldest = newest.saturating_sub(RUNS_LOOKED_AT);
        found(db.prepare_cached(sql)?.query_row(params![key, oldest], |row| {
            Ok(Self {
                key: row.get(0)?,
                session: row.get(1)?,
                run: row.get(2)?,
                sequence: row.get(3)?,
                at: row.get(4)?,
            })
        }))
    }
}

impl EventRow {
    pub(super) fn insert(
        db: &Connection,
        session: &str,
        who: &Principal,
        kind: &str,
        text: &str,
    ) -> rusqlite::Result<()> {
        let sql = "INSERT INTO events (session, at_ms, role, who, kind, text) VALUES (?,?,?,?,?,?)";
        let now = millis(SystemTime::now());
        db.prepare_cached(sql)?.execute(params![
            session,
            now,
            who.role.to_string(),
            who.label,
            kind,
            text
        ])?;
        Ok(())
    }

    pub(super) fn newest(db: &Connection, session: &str, limit: usize) -> rusqlite::Result<Vec<Self>> {
        let sql =
            "SELECT at_ms, role, who, kind, text FROM events WHERE session = ? ORDER BY id DESC LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows: Vec<Self> = db
            .prepare_cached(sql)?
            .query_map(params![session, limit], |row| {
                Ok(Self {
                    at: moment(row.get("at_ms")?),
                    who: principal(row)?,
                    kind: row.get("kind")?,
                    text: row.get("text")?,
                })
            })?
            .collect::<Result<_, _>>()?;
        rows.reverse();
        Ok(rows)
    }
}

pub(super) fn principal(row: &Row<'_>) -> rusqlite::Result<Principal> {
    let role: String = row.get("role")?;
    let role = if role == "operator" { Role::Operator } else { Role::Agent };
    Ok(Principal { role, label: row.get("who")? })
}

fn as_millis(it: Duration) -> u64 {
    u64::try_from(it.as_millis()).unwrap_or(u64::MAX)
}

/// Writes a state as a word and its fact, separated by a blank.
fn state_text(state: &RunState) -> String {
    match state {
        RunState::Completed { exit } => format!("completed {exit}"),
        RunState::RanNothing => "nothing".into(),
        RunState::Running => "running".into(),
        RunState::NeedsInput { kind } => format!("input {kind}"),
        RunState::Interrupted { signal, exit } => format!("interrupted {signal} {exit}"),
        RunState::Nested { shell, signs: false } => format!("nested {shell}"),
        RunState::Nested { shell, signs: true } => format!("inside {shell}"),
        RunState::Left { exit } => format!("left {exit}"),
        RunState::ShellExited { exit } => format!("exited {}", exit.map_or("?".into(), |it| it.to_string())),
        RunState::Lost { reason } => format!("lost {reason}"),
        RunState::Unknown { why } => format!("unknown {why}"),
    }
}

fn state_of(text: &str) -> RunState {
    let (word, fact) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "completed" => RunState::Completed { exit: fact.parse().unwrap_or(-1) },
        "nothing" => RunState::RanNothing,
        "running" => RunState::Running,
        "input" => RunState::NeedsInput { kind: input_kind(fact) },
        "interrupted" => {
            let (signal, exit) = fact.split_once(' ').unwrap_or((fact, ""));
            RunState::Interrupted { signal: signal.parse().unwrap_or(0), exit: exit.parse().unwrap_or(-1) }
        }
        "nested" => RunState::Nested { shell: fact.to_owned(), signs: false },
        "inside" => RunState::Nested { shell: fact.to_owned(), signs: true },
        "left" => RunState::Left { exit: fact.parse().unwrap_or(-1) },
        "exited" => RunState::ShellExited { exit: fact.parse().ok() },
        "lost" => RunState::Lost { reason: fact.to_owned() },
        _ => RunState::Unknown { why: fact.to_owned() },
    }
}

fn input_kind(word: &str) -> InputKind {
    InputKind::ALL.into_iter().find(|kind| kind.to_string() == word).unwrap_or(InputKind::Line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_comes_back_as_it_was_kept() {
        for state in [
            RunState::Completed { exit: 3 },
            RunState::RanNothing,
            RunState::Running,
            RunState::NeedsInput { kind: InputKind::FullScreen },
            RunState::NeedsInput { kind: InputKind::HostKey },
            RunState::Interrupted { signal: 2, exit: 130 },
            RunState::Nested { shell: "dash".into(), signs: false },
            RunState::Nested { shell: "dash".into(), signs: true },
            RunState::Left { exit: 3 },
            RunState::ShellExited { exit: None },
            RunState::ShellExited { exit: Some(5) },
            RunState::Lost { reason: "holder died".into() },
            RunState::Unknown { why: "no mark".into() },
        ] {
            assert_eq!(state_of(&state_text(&state)), state);
        }
    }
}
