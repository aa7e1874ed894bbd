//! The embedded database: sessions, commands, calls and history, written before the act they speak of.
//!
//! One file, SQLite in WAL mode, one writer. A killed daemon loses no acknowledged row: the page cache
//! survives the process, and a torn write of a machine that went down is rolled back.

mod rows;
mod frames;
mod isolated;
mod renamed;
mod pens;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cotty_core::names::{Epoch, Principal, RunId};
use cotty_core::refusal::Refusal;
use cotty_core::session::{Frame, Kept};
use rusqlite::{Connection, OptionalExtension, params};

pub(crate) use isolated::IsolatedRow;
pub(crate) use rows::{CallRow, EventRow, RunRow, SessionRow};

/// Closed sessions that stay readable.
const CLOSED_MAX: u32 = 50;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, target TEXT NOT NULL, label TEXT, program TEXT NOT NULL,
  shell TEXT NOT NULL, key TEXT NOT NULL, epoch INTEGER NOT NULL, term INTEGER NOT NULL, mode TEXT NOT NULL,
  cols INTEGER NOT NULL, rows INTEGER NOT NULL, opened_ms INTEGER NOT NULL, role TEXT NOT NULL,
  who TEXT NOT NULL, idle_timeout_ms INTEGER, is_default INTEGER NOT NULL, ended TEXT, ended_ms INTEGER,
  serial INTEGER NOT NULL, prompt INTEGER NOT NULL, pid INTEGER, device INTEGER, inode INTEGER, cwd TEXT,
  ready_at INTEGER NOT NULL, ready INTEGER NOT NULL, at_prompt INTEGER NOT NULL, at INTEGER NOT NULL, sequence INTEGER NOT NULL,
  identity TEXT, account TEXT, frames TEXT);
CREATE TABLE IF NOT EXISTS runs (
  number INTEGER PRIMARY KEY, kind TEXT NOT NULL, session TEXT NOT NULL, epoch INTEGER NOT NULL,
  role TEXT NOT NULL, who TEXT NOT NULL, command TEXT NOT NULL, keys BLOB, sequence INTEGER NOT NULL,
  expected INTEGER NOT NULL, typed_at INTEGER NOT NULL, begins INTEGER, ends INTEGER, cols INTEGER NOT NULL,
  at_ms INTEGER NOT NULL, took_ms INTEGER, state TEXT NOT NULL, boundary TEXT NOT NULL, cwd TEXT,
  evidence TEXT NOT NULL, blank INTEGER NOT NULL, eol_mark INTEGER NOT NULL, kill_after_ms INTEGER,
  call TEXT);
CREATE INDEX IF NOT EXISTS runs_of_session ON runs (session, number);
CREATE TABLE IF NOT EXISTS calls (
  key TEXT PRIMARY KEY, session TEXT NOT NULL, run INTEGER, sequence INTEGER, at INTEGER NOT NULL,
  at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY, session TEXT NOT NULL, at_ms INTEGER NOT NULL, role TEXT NOT NULL, who TEXT NOT NULL,
  kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_of_session ON events (session, id);
CREATE TABLE IF NOT EXISTS hidden (
  session TEXT NOT NULL, epoch INTEGER NOT NULL, begins INTEGER NOT NULL, ends INTEGER NOT NULL,
  PRIMARY KEY (session, epoch, begins)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
";

/// The store of an instance.
pub(crate) struct Store {
    connection: Mutex<Connection>,
    next_number: AtomicU64,
    /// Anything is hidden at all.
    hides: AtomicBool,
}

impl Store {
    /// Opens it, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, Refusal> {
        let connection = Connection::open(path).map_err(|error| refused(&error))?;
        let settle = || -> rusqlite::Result<(u64, bool)> {
            connection.busy_timeout(Duration::from_secs(5))?;
            // Nobody else opens it: the daemon holds the lock of the instance. So no lock is taken for each look at it.
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            // A machine that goes down while the file is made loses an empty store: nothing waits for the disk until
            // there is something to lose.
            connection.pragma_update(None, "synchronous", "OFF")?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "cache_size", -512)?;
            connection.set_prepared_statement_cache_capacity(32);
            connection.execute_batch(SCHEMA)?;
            connection.execute_batch(isolated::SCHEMA)?;
            connection.execute_batch(renamed::SCHEMA)?;
            connection.execute_batch(pens::SCHEMA)?;
            add_missing(&connection)?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            let used = "SELECT max(coalesce((SELECT max(number) FROM runs), 0), \
                        coalesce((SELECT value FROM counters WHERE name = 'runs'), 0))";
            let hides = connection.query_row("SELECT EXISTS (SELECT 1 FROM hidden)", [], |row| row.get(0))?;
            Ok((connection.query_row(used, [], |row| row.get(0))?, hides))
        };
        let (used, hides) = settle().map_err(|error| refused(&error))?;
        let next_number = AtomicU64::new(used + 1);
        Ok(Self { connection: Mutex::new(connection), next_number, hides: AtomicBool::new(hides) })
    }

    /// Returns a number for a command, never used before and never again.
    pub(crate) fn number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the last number that was given out.
    pub(crate) fn newest_number(&self) -> u64 {
        self.next_number.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Keeps a session as it is opened.
    pub(crate) fn add_session(&self, row: &SessionRow) -> Result<(), Refusal> {
        self.with(|db| row.insert(db))
    }

    /// Keeps what became of commands and what was learnt at the prompt after them.
    pub(crate) fn keep(
        &self,
        id: &str,
        runs: &[RunRow],
        kept: Option<&(Kept, Vec<Frame>)>,
    ) -> Result<(), Refusal> {
        self.with(|db| {
            whole(db, || {
                runs.iter().try_for_each(|run| run.update(db))?;
                kept.map_or(Ok(()), |(kept, frames)| rows::update_kept(db, id, kept, frames))
            })
        })
    }

    /// Keeps a session's words, size and mode.
    pub(crate) fn keep_settings(&self, row: &SessionRow) -> Result<(), Refusal> {
        self.with(|db| row.update_settings(db))
    }

    /// Counts an attachment to a session's holder; the number is the fence.
    pub(crate) fn next_term(&self, id: &str) -> Result<u64, Refusal> {
        self.with(|db| {
            db.prepare_cached("UPDATE sessions SET term = term + 1 WHERE id = ? RETURNING term")?
                .query_row([id], |row| row.get(0))
        })
    }

    /// Keeps that a session has ended (`exited 5`, `closed: idle`, `lost: …`). Twice does no harm.
    pub(crate) fn end_session(&self, id: &str, ended: &str) -> Result<(), Refusal> {
        self.with(|db| {
            let sql = "UPDATE sessions SET ended = coalesce(ended, ?2), ended_ms = coalesce(ended_ms, ?3), \
                       is_default = 0 WHERE id = ?1";
            db.prepare_cached(sql)?.execute(params![id, ended, millis(SystemTime::now())]).map(drop)
        })
    }

    /// Forgets sessions of this name that were never opened: the last failure is enough to remember.
    pub(crate) fn forget_failed(&self, name: &str) -> Result<(), Refusal> {
        self.with(|db| {
            let failed = "SELECT id FROM sessions WHERE name = ?1 AND ended LIKE 'failed:%'";
            for table in ["events", "renamed"] {
                db.execute(&format!("DELETE FROM {table} WHERE session IN ({failed})"), [name])?;
            }
            db.execute("DELETE FROM sessions WHERE name = ?1 AND ended LIKE 'failed:%'", [name]).map(drop)
        })
    }

    /// Returns every session that is kept, the oldest first.
    pub(crate) fn sessions(&self) -> Result<Vec<SessionRow>, Refusal> {
        self.with(SessionRow::all)
    }

    /// Finds a session by its id.
    pub(crate) fn session(&self, id: &str) -> Result<Option<SessionRow>, Refusal> {
        self.with(|db| SessionRow::find(db, id))
    }

    /// Forgets the oldest ended sessions above the limit; returns their ids, whose files are to go too.
    pub(crate) fn forget_oldest(&self) -> Result<Vec<String>, Refusal> {
        let number = self.next_number.load(Ordering::Relaxed).saturating_sub(1);
        self.with(|db| {
            let sql =
                "SELECT id FROM sessions WHERE ended IS NOT NULL ORDER BY ended_ms DESC LIMIT -1 OFFSET ?";
            let ids: Vec<String> = db
                .prepare_cached(sql)?
                .query_map([CLOSED_MAX], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            db.execute("INSERT OR REPLACE INTO counters VALUES ('runs', ?)", [number])?;
            for id in &ids {
                for table in ["runs", "calls", "events", "hidden", "renamed", "pens"] {
                    db.execute(&format!("DELETE FROM {table} WHERE session = ?"), [id])?;
                }
                db.execute("DELETE FROM sessions WHERE id = ?", [id])?;
            }
            Ok(ids)
        })
    }

    /// Keeps a command before it is typed.
    pub(crate) fn add_run(&self, row: &RunRow) -> Result<(), Refusal> {
        self.with(|db| row.insert(db))
    }

    /// Keeps that a stretch of a session's output is our own line, which no text shows.
    pub(crate) fn hide(&self, session: &str, epoch: Epoch, from: u64, to: u64) -> Result<(), Refusal> {
        self.hides.store(true, Ordering::Relaxed);
        self.with(|db| {
            let sql = "INSERT OR REPLACE INTO hidden VALUES (?, ?, ?, ?)";
            db.prepare_cached(sql)?.execute(params![session, epoch.0, from, to]).map(drop)
        })
    }

    /// Returns the stretches that are hidden, in order.
    pub(crate) fn hidden(&self, session: &str, epoch: Epoch) -> Result<Vec<(u64, u64)>, Refusal> {
        if !self.hides.load(Ordering::Relaxed) {
            return Ok(Vec::new()); // As most sessions never do, most texts do not ask.
        }
        self.with(|db| {
            let sql = "SELECT begins, ends FROM hidden WHERE session = ? AND epoch = ? ORDER BY begins";
            let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            db.prepare_cached(sql)?.query_map(params![session, epoch.0], pair)?.collect()
        })
    }

    /// Keeps what became of a command.
    pub(crate) fn keep_run(&self, row: &RunRow) -> Result<(), Refusal> {
        self.with(|db| row.update(db))
    }

    /// Finds a command by its handle.
    pub(crate) fn run(&self, id: RunId) -> Result<Option<RunRow>, Refusal> {
        self.with(|db| RunRow::find(db, id))
    }

    /// Returns a session's commands, or everybody's, the newest first.
    pub(crate) fn runs(&self, session: Option<&str>, limit: usize) -> Result<Vec<RunRow>, Refusal> {
        self.with(|db| RunRow::newest(db, session, limit))
    }

    /// Keeps a call that is about to type keys.
    pub(crate) fn add_call(&self, call: &CallRow) -> Result<(), Refusal> {
        self.with(|db| call.insert(db))
    }

    /// Finds a call that was made before.
    pub(crate) fn call(&self, key: &str) -> Result<Option<CallRow>, Refusal> {
        let newest = self.newest_number();
        self.with(|db| CallRow::find(db, key, newest))
    }

    /// Adds to a session's history.
    pub(crate) fn note(&self, session: &str, who: &Principal, kind: &str, text: &str) -> Result<(), Refusal> {
        self.with(|db| EventRow::insert(db, session, who, kind, text))
    }

    /// Returns the newest entries of a session's history, oldest first.
    pub(crate) fn events(&self, session: &str, limit: usize) -> Result<Vec<EventRow>, Refusal> {
        self.with(|db| EventRow::newest(db, session, limit))
    }

    /// Plays a disk that takes nothing more.
    #[cfg(test)]
    pub(crate) fn break_runs(&self) {
        self.with(|db| db.execute_batch("PRAGMA query_only = 1")).unwrap();
    }

    fn with<T>(&self, act: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Refusal> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        act(&connection).map_err(|error| refused(&error))
    }
}

/// Does all of it or nothing. The statements around it are prepared once, not each time as the library's own are.
fn whole(db: &Connection, act: impl FnOnce() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    db.prepare_cached("BEGIN")?.execute([])?;
    let done = act().and_then(|()| db.prepare_cached("COMMIT")?.execute([]));
    if done.is_err() && !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    done.map(drop)
}

/// Adds what a store of an earlier version lacks.
fn add_missing(db: &Connection) -> rusqlite::Result<()> {
    for (table, column) in
        [("sessions", "identity"), ("sessions", "account"), ("sessions", "frames"), ("runs", "call")]
    {
        let sql = "SELECT count(*) FROM pragma_table_info(?) WHERE name = ?";
        let there: u32 = db.query_row(sql, [table, column], |row| row.get(0))?;
        if there == 0 {
            db.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN {column} TEXT"))?;
        }
    }
    Ok(())
}

pub(crate) fn millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn moment(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn refused(error: &rusqlite::Error) -> Refusal {
    Refusal::Storage { why: error.to_string() }
}

fn found<T>(row: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    row.optional()
}
