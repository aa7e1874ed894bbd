//! The one task that owns a session.
//!
//! Every turn does two things: carry out what the session asked for, then wait for exactly one thing to happen
//! and tell the session.

mod alarm;
mod connecting;
mod effects;
mod answers;
mod seen;
mod waiting;
mod pasted;
mod renaming;
mod pen;
mod typed;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cotty_core::dialect::beside::Beside;
use cotty_core::gate::Taken;
use cotty_core::names::{Offset, Principal, RunId};
use cotty_core::refusal::Refusal;
use cotty_core::session::{Seen, Session};
use cotty_host::holder::client::{Events, HolderError, Orders, Terminal};
use cotty_host::holder::frame::{Applied, Event, Exit, Order};
use cotty_host::state_dir::StateDir;
use tokio::sync::mpsc;

use crate::clock;
use crate::fail_point::fail_point;
use crate::remote::{Coming, DAEMON_ENDED, Way};
use crate::report::Stretch;
use crate::request::Request;
use crate::seats::{ViewEvent, Viewers};
use crate::store::{SessionRow, Store};
use alarm::Alarm;
use pen::Exactly;
use typed::Typed;
use waiting::Waiter;

/// What may be on its way to the terminal; the holder refuses above 64 KiB.
const IN_FLIGHT_BYTES_MAX: usize = 48 * 1024;
/// A holder that does not answer a release by then is left to itself.
const PARTING_MAX: Duration = Duration::from_secs(2);
/// Callers that may wait on one session at once.
const WAITERS_MAX: usize = 256;

/// What a task is made of.
pub(crate) struct Parts {
    pub(crate) session: Session,
    pub(crate) row: SessionRow,
    pub(crate) store: Arc<Store>,
    pub(crate) state_dir: StateDir,
    pub(crate) terminal: Keeper,
    /// The way to its host; none on this machine.
    pub(crate) way: Option<Way>,
    /// What is run when the session is ready.
    pub(crate) startup: Option<Startup>,
}

/// What is run at the first prompt.
pub(crate) enum Startup {
    /// A command of the configuration.
    Command(String),
    /// This one's order to take over from another session.
    TakeOver(Principal, Beside),
}

/// Where a session's terminal is.
pub(crate) enum Keeper {
    /// It is there.
    There(Terminal),
    /// It is still to come.
    Coming(Coming),
}

/// How a session's task ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The session is over.
    Over,
    /// The daemon lets go of it; its shell lives on in the holder.
    LetGo,
}

pub(crate) struct Owner {
    pub(crate) session: Session,
    pub(crate) row: SessionRow,
    store: Arc<Store>,
    state_dir: StateDir,
    orders: Vec<Order>,
    /// Inputs that wait for room on the way to the terminal.
    inputs: VecDeque<Order>,
    in_flight: VecDeque<(u64, usize)>,
    asked: VecDeque<u64>,
    typed: Typed,
    viewers: Viewers,
    waiters: Vec<Waiter>,
    /// Calls that wait for the list of processes, each for one command.
    survivors_of: Vec<RunId>,
    survivors: Vec<(RunId, Vec<String>)>,
    /// People's commands that no agent was told of yet.
    untold: Vec<RunId>,
    acknowledged: u64,
    snapshot_at: u64,
    begun: Option<RunId>,
    /// Commands that are settled and not yet kept as such, and whether a prompt is to be kept.
    unkept: Vec<RunId>,
    prompted: bool,
    startup: Option<Startup>,
    pub(crate) way: Option<Way>,
    /// Why there is no way to its host.
    failed: Option<Refusal>,
    ending: Option<String>,
    over: Option<Ended>,
    warnings: Vec<String>,
    /// The pen as the store has it.
    kept_pen: Option<Taken>,
}

/// Owns a session until it is over, or until nobody holds a handle to it any more.
pub(crate) async fn run(parts: Parts, mut mailbox: mpsc::Receiver<Request>) -> Ended {
    let Parts { session, row, store, state_dir, terminal, way, startup } = parts;
    let mut owner = Owner::new(session, row, store, state_dir, startup, way);
    let Terminal { mut events, mut orders } = match terminal {
        Keeper::There(terminal) => terminal,
        Keeper::Coming(coming) => match connecting::terminal(&mut owner, coming, &mut mailbox).await {
            Ok(terminal) => terminal,
            Err(ended) => return ended,
        },
    };
    let mut alarm = Alarm::default();
    loop {
        owner.carry_out_effects();
        owner.serve_waiters(clock::now());
        // Callers have their answers; what they rest on is kept before the holder hears that it was understood.
        if owner.has_something_due() {
            tokio::task::yield_now().await;
            owner.keep_what_is_due();
        }
        owner.orders.drain(..).for_each(|order| orders.push(order));
        if let Some(ended) = owner.over.take() {
            // Who asks from here on reads what is kept, and the name is free.
            mailbox.close();
            owner.leave(&ended);
            drop(mailbox);
            drop(tokio::time::timeout(PARTING_MAX, part(&ended, &mut orders, &mut events)).await);
            return ended;
        }
        // An arm that is cancelled has taken nothing: each happens wholly or not.
        tokio::select! {
            biased;
            request = mailbox.recv() => match request {
                Some(request) => owner.answer(request),
                None => owner.let_go(),
            },
            () = alarm.passed(owner.deadline()) => owner.pass_deadlines(),
            flushed = orders.flush(), if orders.pending() > 0 => {
                if let Err(error) = flushed {
                    owner.lose_keeper(Some(&error.to_string()));
                } else if owner.session.current().is_some() {
                    fail_point(&owner.state_dir, "after-write");
                }
            }
            () = faded(&mut owner.way) => owner.tell_change(),
            event = events.next() => owner.take_event(event),
        }
    }
}

impl Owner {
    fn new(
        session: Session,
        row: SessionRow,
        store: Arc<Store>,
        state_dir: StateDir,
        startup: Option<Startup>,
        way: Option<Way>,
    ) -> Self {
        let viewers = Viewers::new(session.plan().key.clone());
        let acknowledged = session.end().byte;
        Self {
            row,
            store,
            state_dir,
            orders: Vec::new(),
            inputs: VecDeque::new(),
            in_flight: VecDeque::new(),
            asked: VecDeque::new(),
            typed: Typed::default(),
            viewers,
            waiters: Vec::new(),
            survivors_of: Vec::new(),
            survivors: Vec::new(),
            untold: Vec::new(),
            acknowledged,
            snapshot_at: acknowledged,
            begun: None,
            unkept: Vec::new(),
            prompted: false,
            startup,
            way,
            failed: None,
            ending: None,
            over: None,
            warnings: Vec::new(),
            kept_pen: session.gate().taken().cloned(),
            session,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [self.session.poll_timeout(), self.waiting_deadline(), self.idle_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn pass_deadlines(&mut self) {
        let now = clock::now();
        self.session.handle_timeout(now);
        if self.idle_deadline().is_some_and(|at| at <= now) {
            self.end("closed: idle", "idle");
        }
    }

    /// A session with nobody there and nothing running closes after its idle time.
    fn idle_deadline(&self) -> Option<Instant> {
        let alone = self.viewers.is_empty() && self.session.current().is_none() && self.waiters.is_empty();
        let timeout = self.row.idle_timeout.filter(|_| alone && self.over.is_none())?;
        self.session.last_active().checked_add(timeout)
    }

    fn take_event(&mut self, event: Result<Option<Event>, HolderError>) {
        let now = clock::now();
        match event {
            Ok(Some(Event::Output { offset, bytes })) => self.session.handle_output(now, offset.byte, &bytes),
            Ok(Some(Event::Applied(applied))) => {
                let seen = Seen { echo: applied.echo, whole_lines: applied.canonical };
                let seen = self.is_seen(&applied).then_some(seen);
                while let Some(&(sequence, bytes)) = self.in_flight.front()
                    && sequence <= applied.sequence
                {
                    self.in_flight.pop_front();
                    self.session.handle_applied(bytes, seen);
                }
                self.note_applied(&applied);
            }
            Ok(Some(Event::InputRefused { sequence })) => self.take_back(sequence),
            Ok(Some(Event::InputWithheld { sequence })) => self.withhold(sequence),
            Ok(Some(Event::Facts(facts))) => {
                if let Some(number) = self.asked.pop_front() {
                    self.session.handle_facts(now, number, &facts);
                }
            }
            Ok(Some(Event::Processes(processes))) => self.note_survivors(&processes),
            Ok(Some(Event::Lost { from, to })) => self.note_hole(from, to),
            Ok(Some(Event::Exit(exit))) => self.take_exit(now, exit),
            Ok(Some(Event::Refused { text, .. })) => {
                self.warn(format!("the holder refused an order: {text}"))
            }
            Ok(Some(Event::Attached(_) | Event::Listed(_) | Event::Done)) => {}
            Ok(Some(Event::Gone { reason })) => self.lose(&self.gone_words(&reason)),
            Ok(None) => self.lose_keeper(None),
            Err(error) => self.lose_keeper(Some(&error.to_string())),
        }
    }

    fn take_exit(&mut self, now: Instant, exit: Exit) {
        let (status, words) = match exit {
            Exit::Status(status) => (Some(status), format!("exited {status}")),
            Exit::Signal(signal) => (Some(128 + signal), format!("exited by signal {signal}")),
            Exit::Unknown => (None, "exited".to_owned()),
        };
        self.session.handle_exit(now, status);
        self.end(&words, &words);
    }

    /// The connection to a host is named; a holder has none.
    fn gone_words(&self, reason: &str) -> String {
        match &self.row.account {
            Some(account) => format!("the connection to {account} ended: {reason}"),
            None => reason.to_owned(),
        }
    }

    fn lose_keeper(&mut self, why: Option<&str>) {
        let words = match (self.row.is_remote(), why) {
            (true, why) => self.gone_words(why.unwrap_or("nobody serves it any more")),
            (false, Some(why)) => format!("the holder was lost: {why}"),
            (false, None) => "the holder ended, and its shells with it".to_owned(),
        };
        self.lose(&words);
    }

    /// The daemon ends. A holder keeps its shells; a connection ends with us.
    fn let_go(&mut self) {
        if self.row.is_remote() {
            self.lose(DAEMON_ENDED);
        } else {
            self.over = self.over.take().or(Some(Ended::LetGo));
        }
    }

    /// Returns whether it is known what the terminal was like; a holder knows, but for one moment.
    fn is_seen(&self, applied: &Applied) -> bool {
        !applied.turning && (!self.row.is_remote() || applied.echo || applied.shell_reads)
    }

    fn lose(&mut self, reason: &str) {
        self.session.handle_lost(clock::now(), reason);
        self.end(&format!("lost: {reason}"), reason);
    }

    /// The session is over. `ended` goes into the store; viewers are told `words`.
    fn end(&mut self, ended: &str, words: &str) {
        if self.over.is_some() {
            return;
        }
        self.session.handle_lost(clock::now(), words);
        self.carry_out_effects();
        self.flush_typed();
        let ended = self.ending.take().unwrap_or_else(|| ended.to_owned());
        let kept = self.store.end_session(&self.row.id, &ended);
        self.report_trouble(kept);
        self.row.ended = Some(ended);
        self.orders.push(Order::Release { keep_files: true });
        self.viewers.tell(&ViewEvent::Closed { reason: words.to_owned() });
        self.over = Some(Ended::Over);
    }

    fn leave(&mut self, ended: &Ended) {
        self.flush_typed();
        if *ended == Ended::LetGo {
            self.keep_pen(Exactly::Yes);
            self.keep_screen();
        }
        let gone = Refusal::SessionClosed {
            session: self.row.name.clone(),
            target: self.row.target.clone(),
            reason: self.row.ended.clone().unwrap_or_else(|| "the daemon is ending".into()),
        };
        self.refuse_waiters(&self.failed.clone().unwrap_or(gone));
    }

    fn note_hole(&mut self, from: Offset, to: Offset) {
        self.warn(format!("output {from} to {to} is not kept"));
        self.viewers.tell(&ViewEvent::Gap { from, to, reason: "it is not kept".into() });
    }

    fn warn(&mut self, warning: String) {
        const WARNINGS_MAX: usize = 8;
        if !self.warnings.contains(&warning) {
            self.warnings.truncate(WARNINGS_MAX - 1);
            self.warnings.insert(0, warning);
        }
    }

    /// A store that fails in mid-work loses no output and no command; a person should know.
    fn report_trouble(&mut self, done: Result<(), Refusal>) {
        if let Err(refusal) = done {
            tracing::warn!(session = self.row.name, "{refusal}");
            self.warn(refusal.to_string());
        }
    }

    fn stretch(&self, from: u64, to: u64) -> Stretch {
        let epoch = self.row.epoch;
        // What comes before the first signed prompt holds our own line.
        let ready_at = self.session.kept().ready_at;
        Stretch {
            session_id: self.row.id.clone(),
            from: Offset { epoch, byte: from.max(ready_at.min(to)) },
            to: Offset { epoch, byte: to },
            cols: self.session.plan().size.0,
            paged: None,
        }
    }
}

/// Gives the holder what was ordered last. A release is waited for: to leave with output unread would cut the
/// connection before it is read.
async fn part(ended: &Ended, orders: &mut Orders, events: &mut Events) -> Result<(), HolderError> {
    orders.flush().await?;
    if *ended == Ended::LetGo {
        return Ok(());
    }
    loop {
        if let Some(Event::Done) | None = events.next().await? {
            return Ok(());
        }
    }
}

/// Waits until a connection no longer answers, or does again.
async fn faded(way: &mut Option<Way>) {
    match way.as_mut().and_then(|way| way.pulse.as_mut()) {
        Some(pulse) => pulse.changed().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
