//! What the store has of isolated commands, beyond what it has of every command.

use cotty_core::refusal::Refusal;
use rusqlite::{Connection, Row, params};

use super::rows::RunRow;
use super::{Store, found, whole};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS isolated (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, target TEXT NOT NULL, errors_to INTEGER NOT NULL, notes TEXT NOT NULL);
";

/// An isolated command, beside its [`RunRow`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IsolatedRow {
    pub(crate) number: u64,
    /// The session beside which it runs, or its target.
    pub(crate) name: String,
    pub(crate) target: String,
    /// The end of its standard error.
    pub(crate) errors_to: u64,
    /// What a reply says of it, one line each.
    pub(crate) notes: Vec<String>,
}

impl Store {
    /// Keeps an isolated command before it is started.
    pub(crate) fn add_isolated(&self, run: &RunRow, row: &IsolatedRow) -> Result<(), Refusal> {
        self.with(|db| {
            whole(db, || {
                run.insert(db)?;
                row.write(db)
            })
        })
    }

    /// Keeps what became of an isolated command.
    pub(crate) fn keep_isolated(&self, run: &RunRow, row: &IsolatedRow) -> Result<(), Refusal> {
        self.with(|db| {
            whole(db, || {
                run.update(db)?;
                row.write(db)
            })
        })
    }

    /// Finds what is kept of an isolated command.
    pub(crate) fn isolated(&self, number: u64) -> Result<Option<IsolatedRow>, Refusal> {
        self.with(|db| {
            let sql = "SELECT * FROM isolated WHERE number = ?";
            found(db.prepare_cached(sql)?.query_row([number], IsolatedRow::read))
        })
    }

    /// Returns all that is kept of isolated commands, the newest first.
    pub(crate) fn all_isolated(&self) -> Result<Vec<IsolatedRow>, Refusal> {
        self.with(|db| {
            let sql = "SELECT * FROM isolated ORDER BY number DESC";
            db.prepare_cached(sql)?.query_map([], IsolatedRow::read)?.collect()
        })
    }

    /// Forgets an isolated command, but for its number.
    pub(crate) fn forget_isolated(&self, number: u64) -> Result<(), Refusal> {
        let newest = self.newest_number();
        self.with(|db| {
            whole(db, || {
                db.execute("INSERT OR REPLACE INTO counters VALUES ('runs', ?)", [newest])?;
                let tables = [("isolated", "number"), ("runs", "number"), ("calls", "run")];
                tables.into_iter().try_for_each(|(table, column)| {
                    db.execute(&format!("DELETE FROM {table} WHERE {column} = ?"), [number]).map(drop)
                })
            })
        })
    }
}

impl IsolatedRow {
    fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        let sql =
            "INSERT OR REPLACE INTO isolated (number, name, target, errors_to, notes) VALUES (?,?,?,?,?)";
        let notes = self.notes.join("\n");
        db.prepare_cached(sql)?
            .execute(params![self.number, self.name, self.target, self.errors_to, notes])
            .map(drop)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let notes: String = row.get("notes")?;
        Ok(Self {
            number: row.get("number")?,
            name: row.get("name")?,
            target: row.get("target")?,
            errors_to: row.get("errors_to")?,
            notes: notes.lines().map(str::to_owned).collect(),
        })
    }
}
