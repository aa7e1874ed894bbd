//! Who did what in a session: commands, keys and notes, in the order in which they came.

use cotty_core::refusal::Refusal;

use super::Hub;
use crate::report::{Caller, HistoryEntry, HistoryKind, Which};
use crate::veils;

impl Hub {
    /// Returns who did what in a session, the newest entries, oldest first.
    ///
    /// # Errors
    ///
    /// Says that the session is not there.
    pub async fn history(
        &self,
        _caller: &Caller,
        which: &Which,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, Refusal> {
        let id = self.id_of(which).await?;
        let runs = self.present(self.0.store.runs(Some(&id), limit)?).await;
        let mut entries: Vec<HistoryEntry> = self
            .0
            .store
            .events(&id, limit)?
            .into_iter()
            .map(|event| HistoryEntry {
                at: event.at,
                who: event.who,
                what: if event.kind == "typed" {
                    HistoryKind::Typed(event.text)
                } else {
                    // Our own words, in which a host may be named.
                    HistoryKind::Noted(veils::own(&event.text).into_owned())
                },
            })
            .collect();
        entries.extend(runs.into_iter().map(|run| HistoryEntry {
            at: run.at,
            who: run.who,
            what: HistoryKind::Ran { run: run.id, command: run.command, state: run.state, took: run.took },
        }));
        entries.sort_by_key(|entry| entry.at);
        let excess = entries.len().saturating_sub(limit);
        entries.drain(..excess);
        Ok(entries)
    }
}
