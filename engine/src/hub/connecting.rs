//! Opens sessions, or finds the ones that are meant.
//!
//! What can take long happens outside of the lock: a name is resolved before it, a host is connected to after it.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use cotty_core::dialect::beside::Beside;
use cotty_core::names::{Epoch, Principal, Role, RunId};
use cotty_core::refusal::Refusal;
use cotty_core::session::Session;
use cotty_core::target::{Remote, Target};
use tokio::sync::oneshot;

use super::Hub;
use crate::asking::Person;
use crate::attempt::Asks;
use crate::cards::{self, Attempt};
use crate::clock;
use crate::diary::Diary;
use crate::handle::{Identity, SessionHandle};
use crate::hosts::Resolved;
use crate::hosts::workspace::shorter;
use crate::opening;
use crate::remote::{self, Way};
use crate::report::{Caller, Connect, Connected, How, SessionState, SessionStatus};
use crate::request::Request;
use crate::store::SessionRow;
use crate::task::{self, Ended, Keeper, Parts, Startup};
use crate::texts;
use crate::veils;

/// How long a person waits for a host: until it is there, for each step of the way has a limit of its own.
const PERSON_WAIT: Duration = Duration::from_secs(3600);

/// An agent's command that joins an attempt waits so long for what a person answers.
const JOIN_WAIT: Duration = Duration::from_secs(20);

/// A session that becomes ready, or for which it was waited long enough.
type Readies = Pin<Box<dyn Future<Output = Result<SessionStatus, Refusal>> + Send>>;

/// What an order to connect is about.
pub(super) enum Wanted {
    /// A shell on this machine.
    Local,
    /// A shell on a host, as it was named and as it was resolved.
    Remote(Box<(Remote, Resolved)>),
    /// The session that was named, whatever it is on.
    Whatever(String),
}

/// A new session that takes over from another.
pub(super) struct Copy {
    /// The name of that one, with which its own begins.
    pub(super) base: String,
    /// Whose order it is.
    pub(super) who: Principal,
    /// The account that it is on; none on this machine.
    pub(super) place: Option<String>,
    /// What it reads; nothing where no process is known there.
    pub(super) beside: Option<Beside>,
}

impl Copy {
    /// A name may have come to mean another account since.
    fn check(&self, wanted: &Wanted) -> Result<(), Refusal> {
        let place = if let Wanted::Remote(remote) = wanted { Some(&remote.1.identity) } else { None };
        if self.place.as_ref() == place {
            return Ok(());
        }
        let (session, is) = (self.base.clone(), format!("on {}", self.place.as_deref().unwrap_or("local")));
        let wanted = format!("one on {}, which {} means now", place.map_or("local", |it| it), wanted.shown());
        Err(Refusal::NameTaken { session, is, wanted })
    }
}

impl Wanted {
    /// Returns whether a session is on it.
    pub(super) fn is(&self, handle: &SessionHandle) -> bool {
        self.is_on(handle.identity().place.as_ref())
    }

    /// Returns whether it is this account; none is this machine.
    pub(super) fn is_on(&self, place: Option<&String>) -> bool {
        match self {
            Self::Local => place.is_none(),
            Self::Remote(remote) => place == Some(&remote.1.identity),
            Self::Whatever(_) => true,
        }
    }

    fn base_name(&self) -> String {
        match self {
            Self::Local => "local".to_owned(),
            Self::Remote(remote) => remote::base_name(&veils::own(remote.0.name())),
            Self::Whatever(name) => remote::base_name(name),
        }
    }

    fn shown(&self) -> &str {
        match self {
            Self::Local => "local",
            Self::Remote(remote) => &remote.1.typed,
            Self::Whatever(target) => target,
        }
    }

    fn notes(&self) -> Vec<String> {
        if let Self::Remote(remote) = self { remote.1.notes.clone() } else { Vec::new() }
    }
}

impl Hub {
    /// Opens a session, or finds the one that is meant.
    ///
    /// # Errors
    ///
    /// Says why neither was possible.
    pub async fn connect(&self, caller: &Caller, order: Connect) -> Result<Connected, Refusal> {
        self.connect_for(caller, order, None).await
    }

    /// The same for somebody who waits until a host is there, and leaves it be by leaving. An agent is asked nothing.
    ///
    /// # Errors
    ///
    /// Says why neither was possible.
    pub async fn connect_asking(
        &self,
        caller: &Caller,
        order: Connect,
        person: &Person,
    ) -> Result<Connected, Refusal> {
        let unasked = person.unasked();
        let person = if caller.principal.role == Role::Operator { person } else { &unasked };
        self.connect_for(caller, order, Some(person)).await
    }

    async fn connect_for(
        &self,
        caller: &Caller,
        order: Connect,
        person: Option<&Person>,
    ) -> Result<Connected, Refusal> {
        if let Some(name) = &order.name {
            check_name(name)?;
        }
        match order.fork.clone() {
            Some(of) => self.fork(caller, &of, order).await,
            None => self.connect_or_copy(caller, order, person, None).await,
        }
    }

    /// The same; a copy of a session is a new one, where it has no name that is there.
    pub(super) async fn connect_or_copy(
        &self,
        caller: &Caller,
        mut order: Connect,
        person: Option<&Person>,
        copy: Option<Copy>,
    ) -> Result<Connected, Refusal> {
        // What a name stands for may take time to find out: nobody else waits for that.
        if let (Some(person), Some(target)) = (person, &order.target) {
            person.hear(target, "looking it up");
        }
        let wanted = self.wanted(caller, &order).await?;
        if person.is_some() && matches!(wanted, Wanted::Remote(_)) {
            order.wait = PERSON_WAIT;
        }
        if let Some(copy) = &copy {
            copy.check(&wanted)?;
        }
        let opening = self.0.opening.lock().await;
        let is_new = copy.is_some() && order.name.is_none();
        let matching = if is_new { None } else { self.matching(order.name.as_deref(), &wanted) };
        let asked = order.name.clone().unwrap_or_else(|| wanted.base_name());
        let went = self.gone_to(&asked)?;
        let (how, handle, mut notes, ready) = match self.reusable(matching, &order, &wanted).await? {
            Some((by, handle, notes)) => (How::Reused(by), handle, notes, None),
            None => {
                let (handle, ready) = self.create(caller, &order, &wanted, person, copy).await?;
                self.make_only_default(&handle, &order).await?;
                (How::Created, handle, wanted.notes(), Some(ready))
            }
        };
        drop(opening);
        let gone = handle.gone();
        let ready: Readies = match ready {
            Some(ready) => Box::pin(async move { ready.await.unwrap_or(Err(gone)) }),
            // A person waits until it can be watched.
            None if person.is_some_and(Person::answers) => self.joined(caller, &handle, &wanted, PERSON_WAIT),
            None if person.is_some() => self.joined(caller, &handle, &wanted, order.wait.min(JOIN_WAIT)),
            None => self.joined(caller, &handle, &wanted, order.wait),
        };
        let status = self.awaited(caller, &handle, ready, &how, person).await;
        let status = status.map_err(|refusal| self.explain(&handle, refusal))?;
        if let (How::Created, Some((cols, rows))) = (&how, order.cols.zip(order.rows))
            && status.size != (cols, rows)
            && status.viewers.is_empty()
        {
            notes.push(format!("size clamped to {}x{}", status.size.0, status.size.1));
        }
        let instead = match how {
            How::Created => went
                .map(|went| format!("a new shell; {went}"))
                .or_else(|| self.in_the_place_of(&status.name, &wanted, status.next_offset.epoch)),
            How::Reused(_) => None,
        };
        Ok(Connected { how, status, instead, notes })
    }

    /// Joins a session that is there. One that is still on its way tries again with what this caller brings, if that was not
    /// tried: it may be what it lacked.
    fn joined(&self, caller: &Caller, handle: &SessionHandle, wanted: &Wanted, wait: Duration) -> Readies {
        let session = &handle.identity().name;
        if let Wanted::Remote(remote) = wanted
            && self.0.cards.of_session(session).is_some()
            && let brought = cards::brought(caller, &remote.1.settings)
            && self.0.cards.takes(session, &caller.principal, &brought)
        {
            // What was leased is given back at once; what stays are the settings.
            drop(self.0.pools.lease(&remote.1.identity, remote.1.settings.clone()));
            self.0.cards.again(session);
        }
        let handle = handle.clone();
        Box::pin(async move { handle.ask(|reply| Request::Ready { wait, reply }).await })
    }

    /// Waits for a session as long as its caller does; whoever cannot answer what it asks is told so.
    async fn awaited(
        &self,
        caller: &Caller,
        handle: &SessionHandle,
        ready: Readies,
        how: &How,
        person: Option<&Person>,
    ) -> Result<SessionStatus, Refusal> {
        let session = &handle.identity().name;
        let answers = person.is_some_and(Person::answers);
        let is_new = *how == How::Created;
        let status = tokio::select! {
            biased;
            status = ready => status?,
            // A person watches the rest.
            () = arrived(person) => return handle.ask(Request::Status).await,
            () = self.is_there(handle), if answers && !is_new => return handle.ask(Request::Status).await,
            refusal = self.asks_a_person(session), if !answers && is_new => return Err(refusal),
            never = self.attended(caller, session, person) => match never {},
        };
        // Who joined has waited for an answer in vain.
        let opening = status.state == SessionState::Opening;
        self.asks_now(session).filter(|_| opening && !answers).map_or(Ok(status), Err)
    }

    /// Waits until a session that is joined can be watched: at once, but for one that is on its way and may ask a person.
    async fn is_there(&self, handle: &SessionHandle) {
        let session = &handle.identity().name;
        loop {
            self.0.cards.settled(session).await;
            let Some(card) = self.0.cards.of_session(session) else { return };
            self.0.cards.closed(card.id).await;
        }
    }

    /// Finds out what an order is about. A session that is named, and lives, says it by itself.
    async fn wanted(&self, caller: &Caller, order: &Connect) -> Result<Wanted, Refusal> {
        if order.target.is_none()
            && let Some(living) = order.name.as_ref().and_then(|name| self.handle_by_name(name))
        {
            return Ok(Wanted::Whatever(living.identity().target.clone()));
        }
        let target = order.target.as_ref().or(self.0.defaults.default_target.as_ref());
        match target.map_or(Ok(Target::Local), |it| it.parse::<Target>())? {
            Target::Local => Ok(Wanted::Local),
            Target::Remote(remote) => {
                let resolved = self.0.hosts.resolve(&remote, caller).await?;
                Ok(Wanted::Remote(Box::new((remote, resolved))))
            }
        }
    }

    async fn create(
        &self,
        caller: &Caller,
        order: &Connect,
        wanted: &Wanted,
        person: Option<&Person>,
        copy: Option<Copy>,
    ) -> Result<(SessionHandle, oneshot::Receiver<Result<SessionStatus, Refusal>>), Refusal> {
        if !matches!(wanted, Wanted::Remote(_)) {
            caller.opens_here()?;
        }
        let (count, count_max) = (self.handles().len(), self.0.defaults.sessions_max);
        if count >= count_max {
            return Err(Refusal::TooMany { what: "sessions", count, count_max });
        }
        // Only the first one is what its target means.
        let is_nameless = order.name.is_none() && copy.is_none();
        let base = copy.as_ref().map_or_else(|| wanted.base_name(), |copy| copy.base.clone());
        let name = order.name.clone().unwrap_or_else(|| self.free_name(&base));
        self.0.store.forget_failed(&name)?;
        let epoch = self.next_epoch(&name)?;
        let (mut parts, key) = match wanted {
            Wanted::Remote(remote) => self.far(caller, order, name, &remote.1, epoch, person)?,
            Wanted::Local | Wanted::Whatever(_) => self.here(caller, order, name, epoch).await?,
        };
        if let Some(copy) = copy {
            // A command of the configuration would lead out of the directory.
            parts.startup = copy.beside.map(|beside| Startup::TakeOver(copy.who, beside));
        }
        let (reply, ready) = oneshot::channel();
        let first = Request::Ready { wait: order.wait, reply };
        Ok((self.start(parts, key, is_nameless, Some(first)), ready))
    }

    /// Opens a terminal on this machine.
    async fn here(
        &self,
        caller: &Caller,
        order: &Connect,
        name: String,
        epoch: Epoch,
    ) -> Result<(Parts, String), Refusal> {
        let mut planned = opening::plan(caller, order, name, &self.0.defaults, epoch)?;
        planned.row.idle_timeout = shorter(planned.row.idle_timeout, self.0.hosts.idle_max(caller));
        self.0.store.add_session(&planned.row)?;
        let quota = self.0.defaults.quota_bytes;
        let term = self.0.store.next_term(&planned.row.id)?;
        match opening::open(&self.0.holder, &planned.row, planned.spawn, term, quota).await {
            Ok((session, terminal)) => {
                let startup = self.0.defaults.startup.clone().map(Startup::Command);
                Ok(self.parts(planned.row, session, Keeper::There(terminal), None, startup))
            }
            Err(refusal) => {
                self.0.store.end_session(&planned.row.id, &format!("closed: {refusal}"))?;
                Err(refusal)
            }
        }
    }

    /// Begins a session on a host; the way there is its task's to wait for.
    fn far(
        &self,
        caller: &Caller,
        order: &Connect,
        name: String,
        resolved: &Resolved,
        epoch: Epoch,
        person: Option<&Person>,
    ) -> Result<(Parts, String), Refusal> {
        let defaults = &self.0.defaults;
        let planned = remote::plan(caller, order, name, resolved, defaults, epoch, &self.0.state_dir)?;
        self.0.store.add_session(&planned.row)?;
        let settings = resolved.settings.clone();
        let settings =
            person.map_or_else(|| settings.clone(), |it| it.hears(&resolved.typed, settings.clone()));
        let diary = Diary::of(Arc::clone(&self.0.store), planned.row.id.clone(), caller.principal.clone());
        let settings = diary.follows(settings);
        let lease = Arc::new(self.0.pools.lease(&resolved.identity, settings));
        let attempt = Attempt {
            session: planned.row.name.clone(),
            target: resolved.typed.clone(),
            who: caller.principal.clone(),
        };
        let brought = cards::brought(caller, &resolved.settings);
        let asks = Asks::new(self.0.cards.clone(), self.0.safe.clone(), attempt, brought, diary);
        let coming =
            remote::coming(Arc::clone(&lease), resolved.clone(), planned.open, person.cloned(), asks);
        let session = Session::connecting(opening::plan_of(&planned.row), clock::now());
        let way = Some(Way { lease, pulse: None });
        let startup = planned.startup.map(Startup::Command);
        Ok(self.parts(planned.row, session, Keeper::Coming(coming), way, startup))
    }

    pub(super) fn parts(
        &self,
        row: SessionRow,
        mut session: Session,
        terminal: Keeper,
        way: Option<Way>,
        startup: Option<Startup>,
    ) -> (Parts, String) {
        session.set_park_after(self.0.defaults.park_drafts);
        let (store, state_dir, key) = (Arc::clone(&self.0.store), self.0.state_dir.clone(), row.key.clone());
        (Parts { session, row, store, state_dir, terminal, way, startup }, key)
    }

    /// Starts the task that owns a session from here on; `first` is what it is asked before all else.
    pub(super) fn start(
        &self,
        parts: Parts,
        key: String,
        is_nameless: bool,
        first: Option<Request>,
    ) -> SessionHandle {
        let SessionRow { id, name, target, identity: place, .. } = parts.row.clone();
        let identity = Identity { id: id.clone(), name: name.clone(), target, place, is_nameless, key };
        let (handle, mailbox) = SessionHandle::new(identity);
        first.into_iter().for_each(|it| handle.tell_now(it));
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), handle.clone());
        *self.0.empty_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // The task must not keep the hub alive: its own handle in the map is what keeps the task alive.
        let hub = Arc::downgrade(&self.0);
        self.0.tasks.spawn(async move {
            let ended = task::run(parts, mailbox).await;
            if let (Some(inner), Ended::Over) = (hub.upgrade(), ended) {
                let hub = Hub(inner);
                // What was lost may be opened again; all else was the end of it.
                let row = hub.0.store.session(&id).ok().flatten();
                let name = row.as_ref().map_or(name, |it| it.name.clone());
                let is_lost = row.and_then(|it| it.ended).is_some_and(|it| it.starts_with("lost"));
                if is_lost {
                    hub.0.safe.lost(&name);
                } else {
                    hub.0.safe.closed(&name);
                }
                hub.forget(&id);
            }
        });
        handle
    }

    /// Takes the session that is meant; nothing where it ends at this very moment, for then its name is free.
    async fn reusable(
        &self,
        matching: Option<(SessionHandle, &'static str)>,
        order: &Connect,
        wanted: &Wanted,
    ) -> Result<Option<(&'static str, SessionHandle, Vec<String>)>, Refusal> {
        let Some((handle, by)) = matching else { return Ok(None) };
        match self.reuse(&handle, order, wanted).await {
            Ok(notes) => Ok(Some((by, handle, notes))),
            Err(_) if handle.is_gone() => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    async fn reuse(
        &self,
        handle: &SessionHandle,
        order: &Connect,
        wanted: &Wanted,
    ) -> Result<Vec<String>, Refusal> {
        let Identity { name, target, .. } = handle.identity();
        if !wanted.is(handle) {
            let (session, is) = (name.clone(), format!("a session on {target}"));
            return Err(Refusal::NameTaken { session, is, wanted: format!("one on {}", wanted.shown()) });
        }
        let status = handle.ask(Request::Status).await?;
        if let Some(shell) = &order.shell {
            let is = &status.shell;
            let wanted =
                cotty_core::dialect::Shell::of_program(shell).map_or(shell.as_str(), |shell| shell.name());
            if wanted != is && status.state != SessionState::Opening {
                let (session, is) = (status.name.clone(), format!("a {is} shell"));
                return Err(Refusal::NameTaken {
                    session,
                    is,
                    wanted: format!("a {} shell", texts::one_line(shell)),
                });
            }
        }
        self.make_only_default(handle, order).await?;
        let adjust = Box::new(order.clone());
        let mut notes = handle.ask(|reply| Request::Adjust { order: adjust, reply }).await?;
        if order.cwd.is_some() || !order.env.is_empty() {
            notes.push("cwd and env apply to a new shell only and were not used".to_owned());
        }
        Ok(notes)
    }

    async fn make_only_default(&self, handle: &SessionHandle, order: &Connect) -> Result<(), Refusal> {
        if order.default == Some(true) {
            for other in self.handles() {
                if other.identity().id != handle.identity().id {
                    other.tell(Request::NotDefault).await?;
                }
            }
        }
        Ok(())
    }

    fn next_epoch(&self, name: &str) -> Result<Epoch, Refusal> {
        Ok(Epoch(self.0.store.last_epoch(name, "")?.map_or(0, |it| it.0) + 1))
    }
}

/// Waits until what a person waits for is there; without a person, for ever.
async fn arrived(person: Option<&Person>) {
    match person {
        Some(person) => person.arrived().await,
        None => std::future::pending().await,
    }
}

/// A session's name: what people and models type, and what stands in head lines.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    const NAME_BYTES_MAX: usize = 64;
    let invalid = |why: String| Err(Refusal::InvalidArgument { what: "name", why });
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return invalid(format!("it has {} bytes; a name has 1 to {NAME_BYTES_MAX}", name.len()));
    }
    let sound = |it: char| it.is_ascii_alphanumeric() || "._@#:-".contains(it);
    if let Some(odd) = name.chars().find(|&it| !sound(it)) {
        return invalid(format!("it holds {:?}; letters, digits and . _ @ # : - are taken", odd));
    }
    if !name.starts_with(|it: char| it.is_ascii_alphanumeric()) {
        return invalid("it must begin with a letter or a digit".into());
    }
    if name == "all" || name.parse::<RunId>().is_ok() {
        return invalid(format!("{name} means something else already"));
    }
    Ok(())
}
