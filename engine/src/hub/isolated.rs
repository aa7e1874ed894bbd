//! Commands beside the terminals: where they run, and how they are found again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cotty_core::evidence::{Evidence, Step};
use cotty_core::names::{Boundary, Principal, RunId, RunKind};
use cotty_core::refusal::Refusal;
use cotty_core::target::{LOCAL, Target};

use super::Hub;
use crate::fail_point::fail_point;
use crate::isolated::{self, Parts, Request, Starting, order};
use crate::opening;
use crate::report::{Caller, Connect, IsolatedOrder, RunReport, RunState, WaitOrder, Waited, Which};
use crate::reports;
use crate::request::Request as SessionRequest;
use crate::store::{IsolatedRow, RunRow};
use crate::texts;

/// What is forgotten is looked for after so many commands.
const FORGET_EVERY: u64 = 16;

/// Where a command runs.
struct Place {
    /// The session beside which it runs, or its target.
    name: String,
    /// What is typed to get there.
    target: String,
}

/// Something to start, with the directory where that is known.
struct Ready {
    starting: Starting,
    cwd: Option<String>,
}

impl Hub {
    /// Runs a command beside the terminals and waits for it, at most as long as ordered. It never waits for the pen.
    ///
    /// # Errors
    ///
    /// Says why it was not started.
    pub async fn run_isolated(
        &self,
        caller: &Caller,
        which: &Which,
        order: IsolatedOrder,
    ) -> Result<RunReport, Refusal> {
        if let Some(joined) = self.join(&order.run).await? {
            return Ok(joined);
        }
        order::check(&order)?;
        let place = self.place_of(&caller.principal, which).await?;
        let ready = self.ready(caller, &place, &order).await?;
        let number = self.begin(caller, &place, &order, ready)?;
        let wait = order.run.wait;
        let asked = |reply| Request::Run { wait, joined: false, reply };
        match self.0.lane.ask(number, asked).await {
            Some(answer) => answer,
            // It has ended already, or we do.
            None => {
                let run = RunId { kind: RunKind::Command, number };
                self.kept_isolated(run)?.ok_or_else(|| reports::no_run(run, self.newest()))
            }
        }
    }

    /// Finds out where a command runs: beside the session that is meant, or on a target, for which no session is opened.
    async fn place_of(&self, who: &Principal, which: &Which) -> Result<Place, Refusal> {
        if let (None, Some(target)) = (&which.session, &which.target) {
            return Ok(Place { name: target.clone(), target: target.clone() });
        }
        let handle = self.living(which).await?;
        let asked = who.clone();
        handle.ask(|reply| SessionRequest::MayRun { who: asked, reply }).await?;
        let identity = handle.identity();
        Ok(Place { name: identity.name.clone(), target: identity.target.clone() })
    }

    /// Prepares the start; what can be known to be wrong with it is refused here.
    async fn ready(&self, caller: &Caller, place: &Place, order: &IsolatedOrder) -> Result<Ready, Refusal> {
        let stdin = Bytes::from(order.stdin.clone().unwrap_or_default());
        match place.target.parse::<Target>()? {
            Target::Local => {
                caller.opens_here()?;
                let env = order::variables(order);
                let wanted = Connect { cwd: order.cwd.clone(), env, ..Connect::default() };
                let command = &order.run.command;
                let spawn = opening::plan_isolated(caller, &wanted, &self.0.defaults, command)?;
                let cwd = Some(spawn.cwd.display().to_string());
                let starting = order::here(self.0.executable.clone(), spawn, stdin);
                Ok(Ready { starting, cwd })
            }
            Target::Remote(remote) => {
                let resolved = self.0.hosts.resolve(&remote, caller).await?.without_agent();
                let lease = self.0.pools.lease(&resolved.identity, resolved.settings.clone());
                Ok(Ready { starting: order::there(lease, resolved, order, stdin), cwd: None })
            }
        }
    }

    /// Keeps a command, and then starts it, in this order.
    fn begin(
        &self,
        caller: &Caller,
        place: &Place,
        order: &IsolatedOrder,
        ready: Ready,
    ) -> Result<u64, Refusal> {
        let number = self.0.store.number();
        let mailbox = self.0.lane.begin(number, &place.target)?;
        let (run, row) = rows(caller, place, order, number, ready.cwd);
        if let Err(refusal) = self.0.store.add_isolated(&run, &row) {
            self.0.lane.end(number);
            return Err(refusal);
        }
        fail_point(&self.0.state_dir, "isolated.after-store");
        let quota_bytes = self.0.defaults.quota_bytes;
        let (store, state_dir) = (Arc::clone(&self.0.store), self.0.state_dir.clone());
        let parts = Parts { run, row, store, state_dir, quota_bytes };
        let lane = self.0.lane.clone();
        let end = move || lane.end(number);
        let ending = self.0.ending.clone();
        self.0.tasks.spawn(isolated::run(parts, ready.starting, mailbox, end, ending));
        if number.is_multiple_of(FORGET_EVERY) {
            self.forget_isolated();
        }
        Ok(number)
    }

    /// Makes room on disk, off the async threads.
    fn forget_isolated(&self) {
        let (store, state_dir) = (Arc::clone(&self.0.store), self.0.state_dir.clone());
        let (lane, quota_bytes) = (self.0.lane.clone(), self.0.defaults.quota_bytes);
        self.0.tasks.spawn_blocking(move || {
            if let Err(refusal) = isolated::forget_oldest(&store, &state_dir, &lane, quota_bytes) {
                tracing::warn!("{refusal}");
            }
        });
    }

    /// Returns a command as it stands; nothing where it is no isolated one.
    pub(super) async fn report_isolated(&self, run: RunId) -> Result<Option<RunReport>, Refusal> {
        match self.0.lane.ask(run.number, Request::Report).await {
            Some(report) => report.map(Some),
            None => self.kept_isolated(run),
        }
    }

    /// Waits for one; nothing where it is no isolated one.
    pub(super) async fn wait_isolated(
        &self,
        run: RunId,
        order: &WaitOrder,
    ) -> Result<Option<Waited>, Refusal> {
        let asked = |reply| Request::Wait { order: order.clone(), reply };
        if let Some(waited) = self.0.lane.ask(run.number, asked).await {
            return waited.map(Some);
        }
        let Some(report) = self.kept_isolated(run)? else { return Ok(None) };
        let (mut shown, next_offset) = (report.output.clone(), report.output.to);
        if let Some(from) = order.offset.filter(|it| it.epoch == next_offset.epoch) {
            shown.from.byte = from.byte.min(next_offset.byte);
        }
        Ok(Some(Waited { met: true, report: Some(report), shown, next_offset }))
    }

    /// Joins one that an earlier call with the same key had started; nothing where it is no isolated one.
    pub(super) async fn join_isolated(
        &self,
        run: RunId,
        wait: Duration,
    ) -> Result<Option<RunReport>, Refusal> {
        let asked = |reply| Request::Run { wait, joined: true, reply };
        if let Some(report) = self.0.lane.ask(run.number, asked).await {
            return report.map(Some);
        }
        Ok(self.kept_isolated(run)?.map(|report| RunReport { joined: true, ..report }))
    }

    /// Ends one: INT, TERM, KILL; nothing where it is no isolated one.
    pub(super) async fn end_isolated(&self, run: RunId) -> Result<Option<RunReport>, Refusal> {
        match self.0.lane.ask(run.number, |reply| Request::End { reply }).await {
            Some(report) => report.map(Some),
            None => self.kept_isolated(run),
        }
    }

    /// Returns the names beside which isolated commands ran, by the places of their output.
    pub(super) fn names_of_isolated(&self) -> Result<Vec<(String, String)>, Refusal> {
        let rows = self.0.store.all_isolated()?.into_iter();
        Ok(rows.map(|row| (format!("{}{}", texts::ISOLATED, row.number), row.name)).collect())
    }

    fn kept_isolated(&self, id: RunId) -> Result<Option<RunReport>, Refusal> {
        let Some(row) = self.0.store.isolated(id.number)? else { return Ok(None) };
        Ok(self.0.store.run(id)?.map(|run| isolated::report(&run, &row)))
    }
}

fn rows(
    caller: &Caller,
    place: &Place,
    order: &IsolatedOrder,
    number: u64,
    cwd: Option<String>,
) -> (RunRow, IsolatedRow) {
    let way = if place.target == LOCAL { "a process group" } else { "a channel" };
    let mut evidence = Evidence::default();
    let place_words = format!("isolated: {way} of its own on {}", texts::one_line(&place.target));
    evidence.add(Step::said(place_words));
    let run = RunRow {
        id: RunId { kind: RunKind::Command, number },
        session: format!("{}{number}", texts::ISOLATED),
        epoch: cotty_core::names::Epoch(1),
        who: caller.principal.clone(),
        command: order.run.command.clone(),
        keys: Vec::new(),
        sequence: 0,
        expected: 0,
        typed_at: 0,
        from: Some(0),
        to: None,
        cols: 0,
        at: SystemTime::now(),
        took: None,
        state: RunState::Running,
        boundary: Boundary::Exact,
        cwd,
        evidence,
        blank: false,
        eol_mark: false,
        kill_after: order.run.kill_after,
        call: order.run.key.as_ref().map(|key| key.name.clone()),
    };
    let row = IsolatedRow {
        number,
        name: texts::one_line(&place.name),
        target: place.target.clone(),
        ..IsolatedRow::default()
    };
    (run, row)
}
