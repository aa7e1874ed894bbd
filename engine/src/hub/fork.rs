//! A new shell beside a session: on its host, as its user, in its directory, with what it exports and its umask.
//!
//! The session's shell is given a command, like any other of this caller, whose process waits to be read; the new shell reads
//! it by itself. So no value of a variable passes through us, a terminal, an argument or a file.

use std::time::Duration;

use cotty_core::dialect::beside::{Beside, Missing, Variables, WAITING};
use cotty_core::names::RunId;
use cotty_core::refusal::Refusal;

use super::Hub;
use super::connecting::Copy;
use crate::clock;
use crate::handle::SessionHandle;
use crate::report::{
    Caller, Connect, Connected, How, Part, RunOrder, RunReport, RunState, SessionState, SessionStatus, Until,
    WaitOrder, Which,
};
use crate::request::Request;

/// The session's shell starts the process within this time, or is not at its prompt any more.
const WAITING_MAX: Duration = Duration::from_secs(10);

/// What is said of every new shell beside another.
const NEVER_COPIED: &str =
    "not copied: functions, aliases, shell options, jobs and variables that are not exported";

impl Hub {
    /// Opens a shell beside a session.
    pub(super) async fn fork(
        &self,
        caller: &Caller,
        of: &str,
        mut order: Connect,
    ) -> Result<Connected, Refusal> {
        let begun = clock::now();
        let source = self.living(&Which { session: Some(of.to_owned()), target: None }).await?;
        if source.identity().place.is_none() {
            caller.opens_here()?;
        }
        let status = source.ask(Request::Status).await?;
        let who = caller.principal.clone();
        source.ask(|reply| Request::MayRun { who, reply }).await?;
        self.complete(&source, &status, &mut order)?;
        let is_there = order.name.as_ref().is_some_and(|name| self.handle_by_name(name).is_some());
        if is_there {
            let mut connected = self.connect_or_copy(caller, order, None, None).await?;
            connected.notes.push(format!("nothing was copied from {of}: a new shell needs another name"));
            return Ok(connected);
        }
        let (beside, mut notes) = self.beside(caller, &source, &status).await?;
        let who = caller.principal.clone();
        let copy = Copy { base: status.name.clone(), who, place: source.identity().place.clone(), beside };
        let wait = order.wait;
        let mut connected = self.connect_or_copy(caller, order, None, Some(copy)).await?;
        if connected.how == How::Created {
            notes.insert(0, format!("beside {of}: its host, user and directory"));
            let rest = wait.saturating_sub(clock::now().duration_since(begun));
            self.tell_copied(&mut connected, beside, rest, &mut notes).await;
            notes.push(NEVER_COPIED.to_owned());
        }
        connected.notes.append(&mut notes);
        Ok(connected)
    }

    /// Completes an order with what the session is like.
    fn complete(
        &self,
        source: &SessionHandle,
        status: &SessionStatus,
        order: &mut Connect,
    ) -> Result<(), Refusal> {
        let identity = source.identity();
        if order.target.as_ref().is_some_and(|it| *it != identity.target) {
            let why = format!("{} is on {}: a shell beside it is too", identity.name, identity.target);
            return Err(Refusal::InvalidArgument { what: "target", why });
        }
        order.target = Some(identity.target.clone());
        order.cwd = order.cwd.take().or_else(|| status.cwd.clone());
        order.cols = order.cols.or(Some(status.size.0));
        order.rows = order.rows.or(Some(status.size.1));
        if order.shell.is_none() {
            // Where it was not named it is the login shell there as well.
            let row = self.0.store.session(&identity.id)?;
            order.shell = row.map(|row| row.program).filter(|program| !program.contains(' '));
        }
        Ok(())
    }

    /// Finds the process from which the new shell copies, and says what that will not show.
    async fn beside(
        &self,
        caller: &Caller,
        source: &SessionHandle,
        status: &SessionStatus,
    ) -> Result<(Option<Beside>, Vec<String>), Refusal> {
        let without = |why: String| {
            let beside = status.pid.map(|pid| Beside { pid, variables: Variables::None });
            (beside, vec![format!("not copied: its exported variables, since {why}")])
        };
        if let SessionState::Running(run) = &status.state {
            return Ok(without(format!("{run} runs there; the same when that has ended")));
        }
        let report = match self.wait_beside(caller, source).await {
            Ok(report) => report,
            Err(refusal @ (Refusal::NotAtPrompt { .. } | Refusal::RunInProgress { .. })) => {
                return Ok(without(refusal.to_string()));
            }
            Err(refusal) => return Err(refusal),
        };
        Ok(match self.told_pid(&report).await? {
            Some(pid) => {
                let told = format!("{} in {} showed its exported variables", report.run, report.session);
                (Some(Beside { pid, variables: Variables::Waiting }), vec![told])
            }
            None => without(format!("{} there did not show them", report.run)),
        })
    }

    async fn wait_beside(&self, caller: &Caller, source: &SessionHandle) -> Result<RunReport, Refusal> {
        let who = caller.principal.clone();
        let order = RunOrder {
            command: WAITING.to_owned(),
            wait: WAITING_MAX,
            kill_after: Some(WAITING_MAX),
            key: None,
        };
        let answer = source.ask(|reply| Request::Run { who, order, reply }).await;
        answer.map_err(|refusal| self.explain(source, refusal))
    }

    /// Reads the number that the command printed.
    async fn told_pid(&self, report: &RunReport) -> Result<Option<u32>, Refusal> {
        if report.state != (RunState::Completed { exit: 0 }) {
            return Ok(None);
        }
        let text = self.text(&report.output, Part { budget: 400, ..Part::default() }).await?;
        let mut numbers = text.head.iter().chain(&text.tail).filter_map(|line| line.trim().parse().ok());
        Ok(numbers.next_back())
    }

    /// Waits for the copy, as long as the call may last, and says what came of it.
    async fn tell_copied(
        &self,
        connected: &mut Connected,
        beside: Option<Beside>,
        wait: Duration,
        notes: &mut Vec<String>,
    ) {
        let Some(beside) = beside else {
            return notes.push("not copied: its umask".to_owned());
        };
        let name = connected.status.name.clone();
        let Some(handle) = self.handle_by_name(&name) else { return };
        if connected.status.state == SessionState::Opening {
            return notes.push("what can be copied is copied at its first prompt".to_owned());
        }
        let order = WaitOrder { run: None, until: Until::Done, wait, offset: None };
        let waited = handle.ask(|reply| Request::Wait { order, reply }).await;
        let report = waited.ok().and_then(|it| it.report);
        if let Ok(status) = handle.ask(Request::Status).await {
            connected.status = status;
        }
        match report.map(|it| (it.run, it.state)) {
            Some((run, RunState::Completed { exit })) => {
                // Its prompt may be half drawn: a command waits that moment by itself.
                connected.status.state = SessionState::Ready;
                notes.push(copied(run, beside, Missing::of_exit(exit)));
            }
            Some((run, _)) => notes.push(format!("{run} copies what can be copied: ssh_wait command={run}")),
            None => notes
                .push("not copied: its umask and variables, for the new shell took no command".to_owned()),
        }
    }
}

fn copied(run: RunId, beside: Beside, missing: Missing) -> String {
    let variables = beside.variables == Variables::Waiting;
    let parts =
        [("its exported variables", variables, missing.variables), ("its umask", true, missing.umask)];
    let of = |wanted: bool| {
        let those = parts.iter().filter(|(_, asked, missing)| *asked && *missing != wanted);
        those.map(|(what, ..)| *what).collect::<Vec<_>>().join(" and ")
    };
    match (of(true), of(false)) {
        (done, failed) if failed.is_empty() => format!("copied by {run}: {done}"),
        (done, failed) if done.is_empty() => {
            format!("not copied: {failed} (read from /proc there, in {run})")
        }
        (done, failed) => format!("copied by {run}: {done}; not copied: {failed}"),
    }
}
