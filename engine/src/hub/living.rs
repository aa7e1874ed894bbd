//! How a hub begins and ends: what lives is found again, what does not is said to be lost, what is over is forgotten.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use cotty_core::evidence::{Kind, Step};
use cotty_core::refusal::Refusal;

use super::Hub;
use crate::clock;
use crate::opening;
use crate::remote::DAEMON_ENDED;
use crate::report::RunState;
use crate::request::Request;
use crate::store::{RunRow, SessionRow};
use crate::task::Keeper;

impl Hub {
    /// Returns since when no session lives.
    #[must_use]
    pub fn idle_since(&self) -> Option<Instant> {
        let empty_since = *self.0.empty_since.lock().unwrap_or_else(PoisonError::into_inner);
        empty_since.filter(|_| self.0.lane.is_empty())
    }

    /// Lets go of every session: the shells of this machine live on in the holder.
    pub async fn shut_down(&self) {
        self.0.tasks.close();
        self.0.lane.end_all();
        self.0.ending.cancel();
        for handle in self.handles() {
            drop(handle.tell(Request::LetGo).await);
        }
        let parted = async { tokio::join!(self.0.tasks.wait(), self.0.pools.close()) };
        drop(tokio::time::timeout(Duration::from_secs(3), parted).await);
    }

    pub(super) async fn find_living_again(&self) -> Result<(), Refusal> {
        let open = self.0.store.sessions()?.into_iter().filter(|row| row.ended.is_none());
        let (far, rows): (Vec<SessionRow>, Vec<SessionRow>) = open.partition(SessionRow::is_remote);
        for row in far {
            let (session, target, reason) = (row.name.clone(), row.target.clone(), DAEMON_ENDED.to_owned());
            self.write_off(&row, &Refusal::Lost { session, target, reason })?;
        }
        if rows.is_empty() {
            return Ok(());
        }
        let listed = self.0.holder.list().await.map_err(|error| opening::refused(&error))?;
        // One that has others of ours did not die: this one was closed where nothing could be kept, or forgotten after a day.
        let lives = listed.iter().any(|it| rows.iter().any(|row| row.id == it.id));
        let gone = if lives {
            "its shell has ended, and how was not kept"
        } else {
            "the holder died, and its shells with it"
        };
        for row in rows {
            let found = listed.iter().find(|it| it.id == row.id);
            let resumed = match found {
                Some(listed) => {
                    opening::resume(&self.0.holder, &self.0.store, &self.0.state_dir, &row, listed).await
                }
                None => Err(Refusal::Lost {
                    session: row.name.clone(),
                    target: row.target.clone(),
                    reason: gone.into(),
                }),
            };
            match resumed {
                Ok((session, terminal)) => {
                    let is_nameless = row.name == "local" || row.name.starts_with("local#");
                    let (parts, key) = self.parts(row, session, Keeper::There(terminal), None, None);
                    drop(self.start(parts, key, is_nameless, None));
                }
                Err(refusal) => self.write_off(&row, &refusal)?,
            }
        }
        Ok(())
    }

    /// A session that cannot be found again: what its output still proves is settled by that, the rest as lost; its
    /// output is kept.
    fn write_off(&self, row: &SessionRow, refusal: &Refusal) -> Result<(), Refusal> {
        let reason =
            if let Refusal::Lost { reason, .. } = refusal { reason.clone() } else { refusal.to_string() };
        let mut open = self.0.store.runs(Some(&row.id), 8)?;
        open.retain(|run| !run.state.is_settled());
        if !open.is_empty() {
            let end = self.end_of(row);
            let last = opening::read_to_the_end(&self.0.store, &self.0.state_dir, row, end, &reason)?;
            for mut run in open {
                match last.run(run.id) {
                    Some(seen) => run.settle_as(seen),
                    None => {
                        run.state = RunState::Lost { reason: reason.clone() };
                        note_end(&mut run, row, end, &reason);
                    }
                }
                run.to = run.to.or(Some(end));
                self.0.store.keep_run(&run)?;
            }
        }
        self.0.store.end_session(&row.id, &format!("lost: {reason}"))
    }

    pub(super) fn forget(&self, id: &str) {
        let mut sessions = self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, handle| handle.identity().id != id);
        if sessions.is_empty() {
            *self.0.empty_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock::now());
        }
        drop(sessions);
        match self.0.store.forget_oldest() {
            Ok(ids) => {
                for id in ids {
                    drop(std::fs::remove_dir_all(self.0.state_dir.session(&id)));
                }
            }
            Err(refusal) => tracing::warn!("{refusal}"),
        }
    }
}

/// The daemon that saw a command begin is gone, and what it had noted with it.
fn note_end(run: &mut RunRow, row: &SessionRow, at: u64, reason: &str) {
    let found = Step::new(Kind::Found).with("typed-at", run.typed_at).with("awaited", run.expected);
    let found = found.with_some("pid", row.kept.pid).with("shell", row.shell.name());
    let ended = Step::new(Kind::End).with("of", "the terminal").with("reason", reason);
    let verdict = Step::new(Kind::Verdict).concludes(format!("lost: {reason}"), run.boundary);
    for step in [found, ended, verdict] {
        run.evidence.add(Step { at, ..step });
    }
}
