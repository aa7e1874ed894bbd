//! Pens that people have taken, kept over the end of a daemon: whose, and when they took them, typed and left.

use std::time::{Duration, SystemTime};

use cotty_core::gate::Aged;
use cotty_core::refusal::Refusal;
use rusqlite::params;

use super::{Store, found, millis, moment, rows};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS pens (
  session TEXT PRIMARY KEY, role TEXT NOT NULL, who TEXT NOT NULL, since_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL, away_ms INTEGER) WITHOUT ROWID;
";

impl Store {
    /// Keeps who has taken a session's pen; nobody without one.
    pub(crate) fn keep_pen(&self, session: &str, pen: Option<&Aged>) -> Result<(), Refusal> {
        let now = SystemTime::now();
        self.with(|db| {
            let Some(Aged { who, since, last, away }) = pen else {
                return db.prepare_cached("DELETE FROM pens WHERE session = ?")?.execute([session]).map(drop);
            };
            let at = |age: Duration| millis(now.checked_sub(age).unwrap_or(now));
            db.prepare_cached("INSERT OR REPLACE INTO pens VALUES (?, ?, ?, ?, ?, ?)")?
                .execute(params![
                    session,
                    who.role.to_string(),
                    who.label,
                    at(*since),
                    at(*last),
                    away.map(at)
                ])
                .map(drop)
        })
    }

    /// Returns who had taken a session's pen.
    pub(crate) fn pen(&self, session: &str) -> Result<Option<Aged>, Refusal> {
        let now = SystemTime::now();
        // A clock that was set back makes nothing older.
        let age = |at_ms: i64| now.duration_since(moment(at_ms)).unwrap_or(Duration::ZERO);
        self.with(|db| {
            let sql = "SELECT role, who, since_ms, last_ms, away_ms FROM pens WHERE session = ?";
            found(db.prepare_cached(sql)?.query_row([session], |row| {
                Ok(Aged {
                    who: rows::principal(row)?,
                    since: age(row.get("since_ms")?),
                    last: age(row.get("last_ms")?),
                    away: row.get::<_, Option<i64>>("away_ms")?.map(age),
                })
            }))
        })
    }
}
