//! Names that sessions had before: whoever still uses one is told the present one.

use std::time::SystemTime;

use cotty_core::names::Epoch;
use cotty_core::refusal::Refusal;
use rusqlite::params;

use super::{Store, found, millis, whole};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS renamed (
  name TEXT NOT NULL, session TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (name, session)) WITHOUT ROWID;
";

impl Store {
    /// Keeps that a session has another name from here on.
    pub(crate) fn rename(&self, id: &str, before: &str, now: &str) -> Result<(), Refusal> {
        self.with(|db| {
            whole(db, || {
                let sql = "INSERT OR REPLACE INTO renamed VALUES (?, ?, ?)";
                db.prepare_cached(sql)?.execute(params![before, id, millis(SystemTime::now())])?;
                db.prepare_cached("UPDATE sessions SET name = ? WHERE id = ?")?.execute([now, id]).map(drop)
            })
        })
    }

    /// Returns the present name of the session that gave this one up last, unless another was opened by it since.
    pub(crate) fn present_name(&self, name: &str) -> Result<Option<String>, Refusal> {
        self.with(|db| {
            let sql = "SELECT sessions.name FROM renamed JOIN sessions ON sessions.id = renamed.session \
                       WHERE renamed.name = ?1 AND sessions.name <> ?1 AND NOT EXISTS (SELECT 1 FROM sessions AS later \
                       WHERE later.name = ?1 AND later.opened_ms >= renamed.at_ms) \
                       ORDER BY renamed.at_ms DESC LIMIT 1";
            found(db.prepare_cached(sql)?.query_row([name], |row| row.get(0)))
        })
    }

    /// Returns the highest epoch of all sessions that have or had a name, but for one: an offset means one place.
    pub(crate) fn last_epoch(&self, name: &str, but: &str) -> Result<Option<Epoch>, Refusal> {
        self.with(|db| {
            let sql = "SELECT max(epoch) FROM sessions WHERE id <> ?2 AND (name = ?1 OR id IN \
                       (SELECT session FROM renamed WHERE name = ?1))";
            db.prepare_cached(sql)?.query_row([name, but], |row| Ok(row.get::<_, Option<u32>>(0)?.map(Epoch)))
        })
    }
}
