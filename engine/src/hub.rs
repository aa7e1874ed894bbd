//! Opens, finds, lists and closes sessions: the one door to the engine for both faces.

pub mod cards;
mod connecting;
pub mod devices;
mod finding;
mod fork;
mod giving_up;
mod history;
pub mod journal;
mod isolated;
mod living;
pub mod meaning;
mod renaming;
pub mod retry;
pub mod secrets;
mod standing;
pub mod testing;
mod trusting;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cotty_core::names::{Mode, Offset, RunId};
use cotty_core::refusal::Refusal;
use cotty_host::holder::client::Holder;
use cotty_host::state_dir::StateDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cards::Cards;
use crate::clock;
use crate::fail_point::fail_point;
use crate::handle::SessionHandle;
use crate::hosts::Hosts;
use crate::isolated::Lane;
use crate::pools::Pools;
use crate::report::{
    Caller, Closed, ClosedSession, Excerpt, Part, Proof, RunOrder, RunReport, RunSummary, ScreenView,
    SendOrder, Sent, SessionStatus, Stretch, WaitOrder, Waited, Which,
};
use crate::reports;
use crate::request::Request;
use crate::safe::Safe;
use crate::settings::{HubSettings, SessionDefaults};
use crate::store::Store;
use crate::texts;
use crate::texts::Masks;
use crate::veils;
use crate::viewer::Viewer;

/// The engine, from the outside. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    state_dir: StateDir,
    store: Arc<Store>,
    holder: Holder,
    defaults: SessionDefaults,
    hosts: Hosts,
    sessions: Mutex<BTreeMap<String, SessionHandle>>,
    /// One session is opened at a time: two calls for one name give one session.
    opening: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
    next_seat: AtomicU64,
    empty_since: Mutex<Option<Instant>>,
    /// An agent was answered, and how often one was.
    replied: tokio::sync::Notify,
    replies: AtomicU64,
    pools: Pools,
    cards: Cards,
    safe: Safe,
    lane: Lane,
    /// Those who hear out what an isolated command left behind end with us.
    ending: CancellationToken,
    executable: PathBuf,
}

impl Hub {
    /// Opens the store and finds again what lives in the holder.
    ///
    /// # Errors
    ///
    /// Says why the store cannot be used.
    pub async fn open(settings: HubSettings) -> Result<Self, Refusal> {
        let HubSettings { state_dir, holder, defaults, hosts, look, workspaces } = settings;
        let store = Arc::new(Store::open(&state_dir.file("store.db"))?);
        crate::isolated::write_off(&store, &state_dir)?;
        let executable = holder.executable.clone();
        let holder = Holder::new(state_dir.clone(), holder);
        let cards = Cards::new(state_dir.clone());
        let hub = Self(Arc::new(Inner {
            state_dir,
            store,
            holder,
            defaults,
            hosts: Hosts::new(hosts).looking(look).standing_in(workspaces),
            sessions: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            tasks: TaskTracker::new(),
            next_seat: AtomicU64::new(1),
            empty_since: Mutex::new(Some(clock::now())),
            replied: tokio::sync::Notify::new(),
            replies: AtomicU64::new(0),
            pools: Pools::default(),
            cards,
            safe: Safe::default(),
            lane: Lane::default(),
            ending: CancellationToken::new(),
            executable,
        }));
        hub.find_living_again().await?;
        Ok(hub)
    }

    /// Returns the hosts that can be named.
    #[must_use]
    pub fn hosts(&self) -> &Hosts {
        &self.0.hosts
    }

    /// Runs a command and waits for it, at most as long as ordered.
    ///
    /// # Errors
    ///
    /// Says why it was not run.
    pub async fn run(&self, caller: &Caller, which: &Which, order: RunOrder) -> Result<RunReport, Refusal> {
        let who = caller.principal.clone();
        if let Some(joined) = self.join(&order).await? {
            return Ok(joined);
        }
        let (handle, instead) = self.opened(caller, which, order.wait).await?;
        let answer = handle.ask(|reply| Request::Run { who, order, reply }).await;
        let mut report = answer.map_err(|refusal| self.explain(&handle, refusal))?;
        report.notes.splice(..0, instead);
        Ok(report)
    }

    /// Waits for a command or a session.
    ///
    /// # Errors
    ///
    /// Says what is not there.
    pub async fn wait(&self, _caller: &Caller, which: &Which, order: WaitOrder) -> Result<Waited, Refusal> {
        if let Some(run) = order.run
            && let Some(waited) = self.wait_isolated(run, &order).await?
        {
            return Ok(waited);
        }
        let handle = match order.run {
            Some(run) => match self.handle_of_run(run)? {
                Some(handle) => handle,
                None => return self.waited_before(run),
            },
            None => self.living(which).await?,
        };
        let run = order.run;
        match handle.ask(|reply| Request::Wait { order, reply }).await {
            Err(Refusal::SessionClosed { .. }) if run.is_some() => self.waited_before(run.unwrap_or(NOBODY)),
            answer => answer.map_err(|refusal| self.explain(&handle, refusal)),
        }
    }

    /// Marks the moment before a reply leaves: a place where tests end the daemon.
    pub fn before_reply(&self) {
        fail_point(&self.0.state_dir, "before-reply");
        self.0.replies.fetch_add(1, Ordering::Relaxed);
        self.0.replied.notify_one();
    }

    /// Returns when no call was answered for this long, after one that was.
    pub async fn rest(&self, long: Duration) {
        self.0.replied.notified().await;
        // Not woken by each answer: it is looked at from time to time whether there were more.
        let count = || self.0.replies.load(Ordering::Relaxed);
        let mut before = count();
        loop {
            tokio::time::sleep(long).await;
            if std::mem::replace(&mut before, count()) == before {
                return;
            }
        }
    }

    /// Types text and keys on an agent's behalf.
    ///
    /// # Errors
    ///
    /// Says why they were not typed.
    pub async fn send(&self, caller: &Caller, which: &Which, order: SendOrder) -> Result<Sent, Refusal> {
        let who = caller.principal.clone();
        let (handle, instead) = self.opened(caller, which, order.wait).await?;
        let answer = handle.ask(|reply| Request::Send { who, order, reply }).await;
        let mut sent = answer.map_err(|refusal| self.explain(&handle, refusal))?;
        if let Some(report) = &mut sent.report {
            report.notes.splice(..0, instead);
        }
        Ok(sent)
    }

    /// Returns the visible screen.
    ///
    /// # Errors
    ///
    /// Says that the session is not there or has ended.
    pub async fn screen(&self, _caller: &Caller, which: &Which) -> Result<ScreenView, Refusal> {
        let handle = self.living(which).await?;
        let view = handle.ask(Request::Screen).await.map_err(|refusal| self.explain(&handle, refusal))?;
        Ok(match veils::of_target(&handle.identity().target) {
            Some(veil) => ScreenView {
                rows: view.rows.iter().map(|it| veil.all_in(it)).collect(),
                title: view.title.as_deref().map(|it| veil.all_in(it)),
                ..view
            },
            None => view,
        })
    }

    /// Returns a command as it stands.
    ///
    /// # Errors
    ///
    /// Says that there is none.
    pub async fn report(&self, _caller: &Caller, run: RunId) -> Result<RunReport, Refusal> {
        if let Some(report) = self.report_isolated(run).await? {
            return Ok(report);
        }
        if let Some(handle) = self.handle_of_run(run)?
            && let Ok(report) = handle.ask(|reply| Request::Report { run, reply }).await
        {
            return Ok(report);
        }
        self.report_of_row(run)
    }

    /// Returns what a session printed from an offset on, or its newest part. Also of one that has ended.
    ///
    /// # Errors
    ///
    /// Says that the session is not there.
    pub async fn recent(
        &self,
        _caller: &Caller,
        which: &Which,
        from: Option<Offset>,
    ) -> Result<Stretch, Refusal> {
        match self.find(which).await? {
            finding::Place::Living(handle) => {
                let recent = handle.ask(|reply| Request::Recent { from, reply }).await;
                match (recent, self.over(&handle)) {
                    (Err(Refusal::SessionClosed { .. }), Some(row)) => Ok(self.recent_of_row(&row, from)),
                    (recent, _) => recent,
                }
            }
            finding::Place::Ended(row) => Ok(self.recent_of_row(&row, from)),
        }
    }

    /// Makes text of what was printed; off the async threads, if it is much.
    ///
    /// # Errors
    ///
    /// Says what could not be read.
    pub async fn text(&self, stretch: &Stretch, part: Part) -> Result<Excerpt, Refusal> {
        let (state_dir, stretch) = (self.0.state_dir.clone(), stretch.clone());
        let key = self.key_of(&stretch.session_id)?;
        let masks = Masks { key, veil: self.veil_of(&stretch.session_id)? };
        let hidden = self.0.store.hidden(&stretch.session_id, stretch.from.epoch)?;
        if stretch.to.byte.saturating_sub(stretch.from.byte) <= AT_ONCE_BYTES_MAX {
            return texts::excerpt(&state_dir, &masks, &stretch, &hidden, &part);
        }
        let made =
            tokio::task::spawn_blocking(move || texts::excerpt(&state_dir, &masks, &stretch, &hidden, &part));
        made.await.map_err(|error| Refusal::Internal { what: format!("text was not made: {error}") })?
    }

    /// Returns what the verdict on a command rests on.
    ///
    /// # Errors
    ///
    /// Says that there is no such command.
    pub async fn evidence(&self, caller: &Caller, run: RunId) -> Result<Proof, Refusal> {
        if let Some(handle) = self.handle_of_run(run)?
            && let Ok(proof) = handle.ask(|reply| Request::Evidence { run, reply }).await
        {
            return Ok(proof);
        }
        let report = self.report(caller, run).await?;
        let row = self.0.store.run(run)?.ok_or_else(|| reports::no_run(run, self.newest()))?;
        Ok(reports::proof(row, report))
    }

    /// Returns every session, living and kept, the oldest first.
    ///
    /// # Errors
    ///
    /// Says why the store could not be read.
    pub async fn list(&self, _caller: &Caller) -> Result<Vec<SessionStatus>, Refusal> {
        let mut statuses = Vec::new();
        for row in self.0.store.sessions()? {
            if row.ended.is_some() {
                statuses.push(self.ended_status(&row));
            } else if let Some(handle) = self.handle_by_id(&row.id)
                && let Ok(status) = handle.ask(Request::Status).await
            {
                statuses.push(self.carded(status));
            }
        }
        Ok(statuses)
    }

    /// Returns commands, the newest first: of one session where one is named, else of all.
    ///
    /// # Errors
    ///
    /// Says that the session is not there.
    pub async fn runs(
        &self,
        _caller: &Caller,
        which: &Which,
        limit: usize,
    ) -> Result<Vec<RunSummary>, Refusal> {
        let named = which.session.is_some() || which.target.is_some();
        let id = if named { Some(self.id_of(which).await?) } else { None };
        let mut names: BTreeMap<String, String> =
            self.0.store.sessions()?.into_iter().map(|row| (row.id, row.name)).collect();
        names.extend(self.names_of_isolated()?);
        let name = |id: &str| names.get(id).cloned().unwrap_or_default();
        let rows = self.present(self.0.store.runs(id.as_deref(), limit)?).await;
        Ok(rows.iter().map(|row| reports::summary(row, &name(&row.session))).collect())
    }

    /// Returns how a session stands. Also of one that has ended.
    ///
    /// # Errors
    ///
    /// Says that it is not there.
    pub async fn status(&self, _caller: &Caller, which: &Which) -> Result<SessionStatus, Refusal> {
        match self.find(which).await? {
            finding::Place::Living(handle) => match (handle.ask(Request::Status).await, self.over(&handle)) {
                (Err(Refusal::SessionClosed { .. }), Some(row)) => Ok(self.ended_status(&row)),
                (status, _) => status.map(|it| self.carded(it)),
            },
            finding::Place::Ended(row) => Ok(self.ended_status(&row)),
        }
    }

    /// Closes a session, ends a command, or closes all sessions.
    ///
    /// # Errors
    ///
    /// Says what is not there, or who may not.
    pub async fn close(&self, caller: &Caller, id: &str, force: bool) -> Result<Closed, Refusal> {
        let who = caller.principal.clone();
        if let Ok(run) = id.parse::<RunId>() {
            if let Some(report) = self.end_isolated(run).await? {
                return Ok(Closed::Run(Box::new(report)));
            }
            let Some(handle) = self.handle_of_run(run)? else {
                return Ok(Closed::Run(Box::new(self.report_of_row(run)?)));
            };
            let ended = handle.ask(|reply| Request::EndRun { who, run, force, reply }).await;
            return ended
                .map(|report| Closed::Run(Box::new(report)))
                .map_err(|refusal| self.explain(&handle, refusal));
        }
        let handles: Vec<SessionHandle> = if id == "all" {
            self.0.safe.all_closed();
            self.handles()
        } else {
            let which = Which { session: Some(id.to_owned()), target: None };
            match self.find(&which).await? {
                finding::Place::Living(handle) => vec![handle],
                finding::Place::Ended(row) => {
                    // Twice does no harm; and one that was lost is over by this.
                    self.0.safe.closed(&row.name);
                    let closed = ClosedSession { name: row.name.clone(), given_up: None };
                    return Ok(Closed::Sessions(vec![closed]));
                }
            }
        };
        // Side by side: one that does not end holds up no other.
        let closing: Vec<_> = handles
            .into_iter()
            .map(|handle| {
                let (hub, who) = (self.clone(), who.clone());
                self.0.tasks.spawn(async move { hub.close_session(&handle, &who).await })
            })
            .collect();
        let mut closed = Vec::new();
        for closing in closing {
            closed.extend(closing.await.ok().flatten());
        }
        Ok(Closed::Sessions(closed))
    }

    /// Sets who may write: an operator's to choose.
    ///
    /// # Errors
    ///
    /// Refuses agents.
    pub async fn set_mode(&self, caller: &Caller, which: &Which, mode: Mode) -> Result<(), Refusal> {
        caller.is_person_for("choosing who may write")?;
        let who = caller.principal.clone();
        let handle = self.living(which).await?;
        handle.ask(|reply| Request::SetMode { who, mode, reply }).await
    }

    /// Joins a session as a viewer, where it is one that is meant: a later one may have the name by now. One that is
    /// still opening can be joined.
    ///
    /// # Errors
    ///
    /// Says that it is not there or has ended.
    pub async fn view(
        &self,
        caller: &Caller,
        which: &Which,
        size: Option<(u16, u16)>,
        is_meant: impl Fn(&SessionStatus) -> bool,
    ) -> Result<Viewer, Refusal> {
        let handle = self.living(which).await?;
        let status = handle.ask(Request::Status).await.map_err(|refusal| self.explain(&handle, refusal))?;
        if !is_meant(&status) {
            return Err(handle.gone());
        }
        let present = status.size;
        let id = self.0.next_seat.fetch_add(1, Ordering::Relaxed);
        let (name, who) = (handle.identity().name.clone(), caller.principal.clone());
        let (seat, viewer) = Viewer::seat(handle.clone(), name, id, who, size, present);
        handle.ask(|reply| Request::View { seat, reply }).await?;
        Ok(viewer)
    }

    /// Ends every session.
    ///
    /// # Errors
    ///
    /// Refuses agents.
    pub async fn stop_all(&self, caller: &Caller) -> Result<Vec<String>, Refusal> {
        caller.is_person_for("stopping everything")?;
        match self.close(caller, "all", true).await? {
            Closed::Sessions(closed) => Ok(closed.into_iter().map(|it| it.name).collect()),
            Closed::Run(_) => Ok(Vec::new()),
        }
    }
}

/// What is read and rendered in less time than another thread needs to hear of it.
const AT_ONCE_BYTES_MAX: u64 = 16 * 1024;

const NOBODY: RunId = RunId { kind: cotty_core::names::RunKind::Command, number: 0 };

impl Hub {
    /// A call with the same key joins the command that it started before.
    async fn join(&self, order: &RunOrder) -> Result<Option<RunReport>, Refusal> {
        let Some(key) = order.key.as_ref().filter(|it| !it.is_new) else { return Ok(None) };
        let Some(run) = self.0.store.call(&key.name)?.and_then(|call| call.run) else { return Ok(None) };
        let run = RunId { kind: cotty_core::names::RunKind::Command, number: run };
        let wait = order.wait;
        if let Some(report) = self.join_isolated(run, wait).await? {
            return Ok(Some(report));
        }
        if let Some(handle) = self.handle_of_run(run)?
            && let Ok(report) = handle.ask(|reply| Request::Join { run, wait, reply }).await
        {
            return Ok(Some(report));
        }
        self.report_of_row(run).map(|report| Some(RunReport { joined: true, ..report }))
    }
}
