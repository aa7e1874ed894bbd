//! From what a call names to the session that is meant, living or kept. A missing name is never guessed.

use std::sync::PoisonError;
use std::time::Duration;

use cotty_core::names::{Offset, RunId};
use cotty_core::refusal::Refusal;
use cotty_core::target::Target;
use cotty_core::veil::Veil;

use super::Hub;
use super::connecting::Wanted;
use crate::handle::SessionHandle;
use crate::report::{Caller, Connect, RunReport, RunState, SessionStatus, Stretch, Waited, Which};
use crate::reports;
use crate::request::Request;
use crate::store::{RunRow, SessionRow};
use crate::texts;
use crate::veils;

/// What is shown of an ended session's output where no place is named.
const RECENT_BYTES: u64 = 256 * 1024;

/// Where a session is.
pub(super) enum Place {
    Living(SessionHandle),
    Ended(Box<SessionRow>),
}

impl Hub {
    /// Finds the session that a call names. Nothing is opened: a call that only looks says so honestly.
    pub(super) async fn find(&self, which: &Which) -> Result<Place, Refusal> {
        if let Some(name) = &which.session {
            let living = self.handle_by_name(name);
            return match living {
                Some(handle) => Ok(Place::Living(handle)),
                None => self.ended_row(name).map(|row| Place::Ended(Box::new(row))),
            };
        }
        if let Some(target) = &which.target {
            let wanted = self.known(target)?;
            let open = self.handles().iter().map(|handle| handle.identity().name.clone()).collect();
            let missing = Refusal::SessionNotFound { session: texts::one_line(target), open };
            return wanted
                .and_then(|wanted| self.matching(None, &wanted))
                .map(|(handle, _)| Place::Living(handle))
                .ok_or(missing);
        }
        self.the_one_meant().await.map(Place::Living)
    }

    /// The same for calls that need a living one.
    pub(super) async fn living(&self, which: &Which) -> Result<SessionHandle, Refusal> {
        match self.find(which).await? {
            Place::Living(handle) => Ok(handle),
            Place::Ended(row) => Err(reports::ended(&row)),
        }
    }

    /// The same for calls that act: a target that is named and not open is opened, and what is to be told of that.
    pub(super) async fn opened(
        &self,
        caller: &Caller,
        which: &Which,
        wait: Duration,
    ) -> Result<(SessionHandle, Option<String>), Refusal> {
        let (None, Some(target)) = (&which.session, &which.target) else {
            return Ok((self.living(which).await?, None));
        };
        let order = Connect { target: Some(target.clone()), wait, ..Connect::default() };
        let connected = self.connect(caller, order).await?;
        let handle = self.handle_by_name(&connected.status.name).ok_or(Refusal::NoSession)?;
        Ok((handle, connected.instead))
    }

    /// Without a name: the default session, or the only one.
    async fn the_one_meant(&self) -> Result<SessionHandle, Refusal> {
        let handles = self.handles();
        match handles.as_slice() {
            [] => Err(self.newest_ended().map_or(Refusal::NoSession, |row| reports::ended(&row))),
            [only] => Ok(only.clone()),
            several => {
                for handle in several {
                    if handle.ask(Request::Status).await.is_ok_and(|status| status.is_default) {
                        return Ok(handle.clone());
                    }
                }
                let open = several.iter().map(|handle| handle.identity().name.clone()).collect();
                Err(Refusal::AmbiguousSession { open })
            }
        }
    }

    /// The last session of a host that has just ended is what a call without a name speaks of.
    fn newest_ended(&self) -> Option<SessionRow> {
        let rows = self.0.store.sessions().ok()?;
        rows.into_iter().rfind(|row| row.ended.as_deref().is_some_and(|ended| !ended.starts_with("closed")))
    }

    /// What a target stands for, as far as that is known: a call that only looks asks nobody.
    fn known(&self, target: &str) -> Result<Option<Wanted>, Refusal> {
        Ok(match target.parse::<Target>()? {
            Target::Local => Some(Wanted::Local),
            Target::Remote(remote) => {
                let last = self.0.hosts.last_resolution(&remote);
                last.map(|last| Wanted::Remote(Box::new((remote, last.resolved))))
            }
        })
    }

    /// Finds a living session that an order to connect may mean.
    pub(super) fn matching(
        &self,
        name: Option<&str>,
        wanted: &Wanted,
    ) -> Option<(SessionHandle, &'static str)> {
        if let Some(name) = name {
            return self.handle_by_name(name).map(|handle| (handle, "name"));
        }
        let of_target = |handle: &SessionHandle| handle.identity().is_nameless && wanted.is(handle);
        self.handles().into_iter().find(of_target).map(|handle| (handle, "target"))
    }

    pub(super) fn free_name(&self, target: &str) -> String {
        let mut name = target.to_owned();
        let mut number = 2;
        while self.handle_by_name(&name).is_some() {
            name = format!("{target}#{number}");
            number += 1;
        }
        name
    }

    pub(super) fn handles(&self) -> Vec<SessionHandle> {
        let sessions = self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.values().filter(|it| !it.is_gone()).cloned().collect()
    }

    pub(super) fn handle_by_name(&self, name: &str) -> Option<SessionHandle> {
        let sessions = self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(name).filter(|it| !it.is_gone()).cloned()
    }

    pub(super) fn handle_by_id(&self, id: &str) -> Option<SessionHandle> {
        self.handles().into_iter().find(|handle| handle.identity().id == id)
    }

    /// Finds the living session of a command; none where that has ended.
    pub(super) fn handle_of_run(&self, run: RunId) -> Result<Option<SessionHandle>, Refusal> {
        let row = self.0.store.run(run)?.ok_or_else(|| reports::no_run(run, self.newest()))?;
        Ok(self.handle_by_id(&row.session))
    }

    pub(super) fn report_of_row(&self, run: RunId) -> Result<RunReport, Refusal> {
        let row = self.0.store.run(run)?.ok_or_else(|| reports::no_run(run, self.newest()))?;
        let session = self.row_by_id(&row.session)?;
        Ok(reports::of_row(&row, session.as_ref().map_or("", |session| &session.name)))
    }

    /// Brings commands that the store has as open to where they stand now, which their sessions know.
    pub(super) async fn present(&self, mut rows: Vec<RunRow>) -> Vec<RunRow> {
        for row in rows.iter_mut().filter(|row| !row.state.is_settled()) {
            let run = row.id;
            if let Some(handle) = self.handle_by_id(&row.session)
                && let Ok(report) = handle.ask(|reply| Request::Report { run, reply }).await
            {
                row.took = report.state.is_settled().then_some(report.took);
                row.state = report.state;
            }
        }
        rows
    }

    pub(super) fn waited_before(&self, run: RunId) -> Result<Waited, Refusal> {
        let report = self.report_of_row(run)?;
        let (shown, next_offset) = (report.output.clone(), report.output.to);
        Ok(Waited { met: report.state.is_settled(), report: Some(report), shown, next_offset })
    }

    /// Returns how many handles were given to commands in the life of this instance.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.newest()
    }

    pub(super) fn newest(&self) -> u64 {
        self.0.store.newest_number()
    }

    fn row_by_id(&self, id: &str) -> Result<Option<SessionRow>, Refusal> {
        self.0.store.session(id)
    }

    fn ended_row(&self, name: &str) -> Result<SessionRow, Refusal> {
        if let Some(went) = self.gone_to(name)? {
            return Err(went);
        }
        let rows = self.0.store.sessions()?;
        rows.into_iter().rfind(|row| row.name == name && row.ended.is_some()).ok_or_else(|| {
            let open = self.handles().iter().map(|handle| handle.identity().name.clone()).collect();
            Refusal::SessionNotFound { session: texts::one_line(name), open }
        })
    }

    /// Returns what a session's shell signs with; nothing for an isolated command, which nobody signs.
    ///
    /// Of the key only what it has in common with those of shells inside.
    pub(super) fn key_of(&self, session_id: &str) -> Result<Option<String>, Refusal> {
        if session_id.starts_with(texts::ISOLATED) {
            return Ok(None);
        }
        if let Some(handle) = self.handle_by_id(session_id) {
            return Ok(Some(family(&handle.identity().key)));
        }
        let row = self.row_by_id(session_id)?;
        row.map(|row| Some(family(&row.key)))
            .ok_or_else(|| Refusal::RunNotFound { handle: "of that session".into(), expired: true })
    }

    /// Returns what was named to open a living session.
    #[must_use]
    pub fn target_of(&self, name: &str) -> Option<String> {
        self.handle_by_name(name).map(|it| it.identity().target.clone())
    }

    /// Returns what hides the host of a session or of an isolated command; nothing where it is not hidden.
    pub(super) fn veil_of(&self, session_id: &str) -> Result<Option<Veil>, Refusal> {
        if !veils::any() {
            return Ok(None);
        }
        let target = match (session_id.strip_prefix(texts::ISOLATED), self.handle_by_id(session_id)) {
            (Some(number), _) => {
                let row = number.parse().ok().map(|it| self.0.store.isolated(it)).transpose()?.flatten();
                row.map(|it| it.target)
            }
            (None, Some(handle)) => Some(handle.identity().target.clone()),
            (None, None) => self.row_by_id(session_id)?.map(|it| it.target),
        };
        Ok(target.as_deref().and_then(veils::of_target))
    }

    /// Returns what is said of a command as it may be said where its host is hidden. What it was is the caller's own word.
    ///
    /// # Errors
    ///
    /// Says that the store could not be read.
    pub fn veiled(&self, report: RunReport) -> Result<RunReport, Refusal> {
        let Some(veil) = self.veil_of(&report.output.session_id)? else { return Ok(report) };
        let say = |text: String| veil.all_in(&text);
        let state = match report.state {
            RunState::Lost { reason } => RunState::Lost { reason: say(reason) },
            RunState::Unknown { why } => RunState::Unknown { why: say(why) },
            state => state,
        };
        Ok(RunReport {
            state,
            cwd: report.cwd.map(say),
            asks: report.asks.map(say),
            notes: report.notes.into_iter().map(say).collect(),
            survivors: report.survivors.into_iter().map(say).collect(),
            ..report
        })
    }

    pub(super) async fn id_of(&self, which: &Which) -> Result<String, Refusal> {
        match self.find(which).await? {
            Place::Living(handle) => Ok(handle.identity().id.clone()),
            Place::Ended(row) => Ok(row.id),
        }
    }

    /// Returns where an ended session's output ends.
    pub(super) fn end_of(&self, row: &SessionRow) -> u64 {
        texts::reader(&self.0.state_dir, &row.id).end(row.epoch).ok().flatten().unwrap_or(0)
    }

    pub(super) fn recent_of_row(&self, row: &SessionRow, from: Option<Offset>) -> Stretch {
        let end = self.end_of(row);
        let from = from.filter(|from| from.epoch == row.epoch).map(|from| from.byte.min(end));
        let from = from.unwrap_or(end.saturating_sub(RECENT_BYTES)).max(row.kept.ready_at.min(end));
        let offset = |byte| Offset { epoch: row.epoch, byte };
        Stretch {
            session_id: row.id.clone(),
            from: offset(from),
            to: offset(end),
            cols: row.size.0,
            paged: None,
        }
    }

    /// Returns what is kept of a session that has ended.
    pub(super) fn over(&self, handle: &SessionHandle) -> Option<SessionRow> {
        self.row_by_id(&handle.identity().id).ok().flatten().filter(|row| row.ended.is_some())
    }

    pub(super) fn ended_status(&self, row: &SessionRow) -> SessionStatus {
        reports::ended_status(row, self.end_of(row))
    }

    /// A session that ended while it was asked says so in the words of its end.
    pub(super) fn explain(&self, handle: &SessionHandle, refusal: Refusal) -> Refusal {
        if matches!(refusal, Refusal::SessionClosed { .. }) { self.why_ended(handle) } else { refusal }
    }

    pub(super) fn why_ended(&self, handle: &SessionHandle) -> Refusal {
        self.over(handle).map_or_else(|| handle.gone(), |row| reports::ended(&row))
    }
}

fn family(key: &str) -> String {
    cotty_core::marks::Key::new(key).family().to_owned()
}
