//! The one task that owns an isolated command: it keeps what is printed, answers who asks, and settles it once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cotty_core::ladder::{Front, Ladder, Rung, Signal};
use cotty_core::names::Offset;
use cotty_core::refusal::Refusal;
use cotty_host::holder::frame::Exit;
use cotty_host::holder::isolated::{News, Stream, names};
use cotty_host::holder::kept::Kept;
use cotty_host::isolated::Isolated;
use cotty_host::state_dir::StateDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::waiting::{Present, WAITERS_MAX, Waiter, Waiting, What};
use super::{EPOCH, Request, place, report, stretch};
use crate::clock;
use crate::plain::{MATCHED_BYTES_MAX, Seen};
use crate::pools::Lease;
use crate::report::{Kind, RunReport, RunState, Step, Until, WaitOrder, Waited};
use crate::request::Reply;
use crate::store::{IsolatedRow, RunRow, Store};
use crate::texts;

/// After its end its streams are waited for so long, where something that it left behind keeps them open.
const QUIET: Duration = Duration::from_millis(500);

/// What it left behind may print for so long before nobody waits for that any more.
const HELD_MAX: Duration = Duration::from_secs(5);

/// The list of what outlived it comes within this time, or not at all.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// The ladder takes 6 s, and the list comes after it.
const ENDED_MAX: Duration = Duration::from_secs(12);

/// More survivors are not named.
const SURVIVORS_MAX: usize = 16;

/// A command that was started, and what it needs for as long as it runs.
pub(crate) struct Started {
    pub(crate) command: Isolated,
    /// The connection that it is on.
    pub(crate) _lease: Option<Lease>,
}

/// A command that is being started.
pub(crate) type Starting = Pin<Box<dyn Future<Output = Result<Started, Refusal>> + Send>>;

/// What a task is made of.
pub(crate) struct Parts {
    pub(crate) run: RunRow,
    pub(crate) row: IsolatedRow,
    pub(crate) store: Arc<Store>,
    pub(crate) state_dir: StateDir,
    pub(crate) quota_bytes: u64,
}

enum Order {
    Signal(Signal),
    Look,
    Sound,
}

struct Owner {
    run: RunRow,
    row: IsolatedRow,
    store: Arc<Store>,
    state_dir: StateDir,
    output: Kept,
    errors: Kept,
    began: Instant,
    last_printed: Instant,
    waiters: Vec<Waiter>,
    orders: Vec<Order>,
    ladder: Ladder,
    /// Why it was not started.
    refused: Option<Refusal>,
    exit: Option<(Exit, Instant)>,
    /// When to ask whether anything that was printed is still on its way; and whether something came since.
    sound_at: Option<Instant>,
    disturbed: bool,
    /// Nothing more of it will come.
    over: bool,
    look_until: Option<Instant>,
    survivors: Option<Vec<String>>,
    settled: bool,
}

/// Owns a command until it is settled, or until nobody holds a handle to it any more. `end` is told when it is settled;
/// what it left behind is heard out after that, unless `ending` says that we end.
pub(crate) async fn run(
    parts: Parts,
    starting: Starting,
    mut mailbox: mpsc::Receiver<Request>,
    end: impl FnOnce(),
    ending: CancellationToken,
) {
    let mut owner = Owner::new(parts);
    let mut started = owner.start(starting, &mut mailbox).await;
    while !owner.settled {
        owner.look_after_ladder();
        if let Some(started) = &mut started {
            owner.orders.drain(..).for_each(|order| order.give(&mut started.command));
        }
        let deadline = owner.deadline();
        // An arm that is cancelled has taken nothing. Requests come before output: a flood delays nobody.
        tokio::select! {
            biased;
            request = mailbox.recv() => match request {
                Some(request) => owner.answer(request),
                None => owner.lose("the daemon ended while it ran"),
            },
            () = passed(deadline) => owner.pass_deadlines(),
            news = next(&mut started) => owner.take(news),
        }
        owner.settle_if_due();
        owner.serve_waiters();
    }
    end();
    owner.finish(&mut mailbox);
    // Who listens no more would break what it left behind, at the next word that this prints.
    while let (false, Some(started)) = (owner.over, &mut started) {
        tokio::select! {
            () = ending.cancelled() => return,
            news = started.command.next() => owner.over = matches!(news, News::Over | News::Lost(_)),
        }
    }
}

async fn next(started: &mut Option<Started>) -> News {
    match started {
        Some(started) => started.command.next().await,
        None => std::future::pending().await,
    }
}

impl Owner {
    fn new(parts: Parts) -> Self {
        let Parts { run, row, store, state_dir, quota_bytes } = parts;
        let begin = |stream| Kept::begin(state_dir.session(&place(row.number, stream)), EPOCH, quota_bytes);
        let (output, errors) = (begin(Stream::Output), begin(Stream::Error));
        let now = clock::now();
        Self {
            run,
            row,
            store,
            state_dir,
            output,
            errors,
            began: now,
            last_printed: now,
            waiters: Vec::new(),
            orders: Vec::new(),
            ladder: Ladder::default(),
            refused: None,
            exit: None,
            sound_at: None,
            disturbed: false,
            over: false,
            look_until: None,
            survivors: None,
            settled: false,
        }
    }

    /// Waits until it is started, and answers meanwhile.
    async fn start(
        &mut self,
        mut starting: Starting,
        mailbox: &mut mpsc::Receiver<Request>,
    ) -> Option<Started> {
        let started = loop {
            let deadline = self.deadline();
            tokio::select! {
                biased;
                request = mailbox.recv() => match request {
                    // What it is dropped for may have begun: nobody can tell.
                    Some(Request::End { reply }) => {
                        self.wait_on(Waiter { deadline: clock::now(), what: What::Ended(reply) });
                        break Err(Refusal::CannotStart { why: "it was closed before it had begun".into() });
                    }
                    Some(request) => self.answer(request),
                    None => break Err(Refusal::CannotStart { why: "the daemon ended".into() }),
                },
                started = &mut starting => break started,
                () = passed(deadline) => {}
            }
            self.serve_waiters();
        };
        match started {
            Ok(started) => {
                let now = clock::now();
                self.last_printed = now;
                if let Some(after) = self.run.kill_after {
                    self.ladder.begin_at(now + after);
                }
                Some(started)
            }
            Err(refusal) => {
                self.over = true;
                self.lose(&format!("it was not started: {refusal}"));
                self.refused = Some(refusal);
                self.serve_waiters();
                None
            }
        }
    }

    fn answer(&mut self, request: Request) {
        let now = clock::now();
        match request {
            Request::Run { wait, joined, reply } => {
                self.wait_on(Waiter { deadline: now + wait, what: What::Run { joined, reply } });
            }
            Request::Wait { order, reply } => self.answer_wait(now, order, reply),
            Request::Report(reply) => drop(reply.send(Ok(self.report()))),
            Request::End { reply } => {
                self.ladder.begin(now, false);
                self.survivors = None;
                self.wait_on(Waiter { deadline: now + ENDED_MAX, what: What::Ended(reply) });
            }
        }
    }

    fn answer_wait(&mut self, now: Instant, order: WaitOrder, reply: Reply<Waited>) {
        let shown = order.offset.filter(|it| it.epoch == EPOCH).map(|it| it.byte.min(self.output.end()));
        // What was printed before the place that is named is known to the caller; its errors are not counted there.
        let printed = shown.map_or(self.printed(), |byte| byte + self.errors.end());
        let mut waiting =
            Waiting { until: order.until, shown, printed, seen: Seen::default(), asked: now, reply };
        if matches!(waiting.until, Until::Pattern(_)) {
            let number = self.row.number;
            let mut output = stretch(number, Stream::Output, self.output.end());
            output.from.byte = shown.unwrap_or(0);
            for stretch in [output, stretch(number, Stream::Error, self.errors.end())] {
                waiting.seen.feed(&texts::read_tail(&self.state_dir, &stretch, MATCHED_BYTES_MAX));
            }
        }
        self.wait_on(Waiter { deadline: now + order.wait, what: What::Until(waiting) });
    }

    fn wait_on(&mut self, waiter: Waiter) {
        if self.waiters.len() < WAITERS_MAX {
            return self.waiters.push(waiter);
        }
        let (count, count_max) = (self.waiters.len(), WAITERS_MAX);
        let refusal = Refusal::TooMany { what: "waiting calls", count, count_max };
        match waiter.what {
            What::Run { reply, .. } | What::Ended(reply) => drop(reply.send(Err(refusal))),
            What::Until(waiting) => drop(waiting.reply.send(Err(refusal))),
        }
    }

    fn take(&mut self, news: News) {
        let now = clock::now();
        match news {
            News::Printed(stream, bytes) => self.keep(now, stream, &bytes),
            News::Exited(exit) => {
                self.exit = Some((exit, now));
                self.sound_at = Some(now + QUIET);
                if self.ladder.has_begun() {
                    self.look(now);
                }
                self.ladder.stop();
            }
            News::Still => {
                if std::mem::take(&mut self.disturbed) {
                    self.sound_at = Some(now + QUIET);
                } else {
                    self.hold();
                }
            }
            News::OutOfReach => {
                self.ladder.stop();
                self.note("no signal could be sent to it: it goes on");
            }
            News::Left(left) => {
                self.survivors = Some(names(&left).into_iter().take(SURVIVORS_MAX).collect());
                self.look_until = None;
            }
            News::Over => self.over = true,
            News::Lost(reason) => {
                self.over = true;
                if self.exit.is_none() {
                    self.lose(&reason);
                }
            }
        }
    }

    fn keep(&mut self, now: Instant, stream: Stream, bytes: &Bytes) {
        (self.last_printed, self.disturbed) = (now, true);
        match stream {
            Stream::Output => self.output.append(bytes, now),
            Stream::Error => self.errors.append(bytes, now),
        }
        for waiter in &mut self.waiters {
            if let What::Until(waiting) = &mut waiter.what {
                waiting.seen.feed(bytes);
            }
        }
    }

    /// Where no signal ended it, what is left is all of it.
    fn look_after_ladder(&mut self) {
        let unended = self.ladder.is_over() && self.ladder.has_begun() && self.exit.is_none();
        if unended && self.survivors.is_none() && self.look_until.is_none() {
            self.look(clock::now());
        }
    }

    fn look(&mut self, now: Instant) {
        self.look_until = Some(now + LOOK_MAX);
        self.orders.push(Order::Look);
    }

    /// It has ended, and something that it left behind has its streams.
    fn hold(&mut self) {
        self.note("something that it started still has its streams; what that prints is not kept any more");
        self.sound_at = None;
        self.settle();
    }

    fn see(&mut self, step: Step) {
        let (after, at) = (clock::since(self.began), self.output.end());
        self.run.evidence.add(Step { after: Duration::from_millis(after.as_millis() as u64), at, ..step });
    }

    fn note(&mut self, note: &str) {
        if !self.row.notes.iter().any(|it| it == note) {
            self.row.notes.push(note.to_owned());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let waiters = self.waiters.iter().map(|it| it.look_at(self.last_printed)).min();
        let held = self.exit.map(|(_, at)| at + HELD_MAX);
        let retry = [self.output.retry_at(), self.errors.retry_at()].into_iter().flatten().min();
        [waiters, self.sound_at, self.ladder.next_at(), self.look_until, held, retry]
            .into_iter()
            .flatten()
            .min()
    }

    fn pass_deadlines(&mut self) {
        let now = clock::now();
        self.output.retry(now);
        self.errors.retry(now);
        // Nothing reads keys here.
        let front = Front { seen: true, ..Front::default() };
        if let Some(Rung::Signal(signal)) = self.ladder.climb(now, front) {
            self.see(Step::new(Kind::Signal).with("number", signal.number()).with("to", "all of it"));
            self.orders.push(Order::Signal(signal));
        }
        if self.look_until.is_some_and(|at| at <= now) {
            self.look_until = None;
            self.survivors.get_or_insert_default();
        }
        if self.sound_at.is_some_and(|at| at <= now) {
            (self.sound_at, self.disturbed) = (None, false);
            self.orders.push(Order::Sound);
        }
        if self.exit.is_some_and(|(_, at)| at + HELD_MAX <= now) {
            self.hold();
        }
    }

    fn settle_if_due(&mut self) {
        if self.over && self.look_until.is_none() {
            self.settle();
        }
    }

    /// Says what became of it, once its exit is known.
    fn settle(&mut self) {
        let Some((exit, at)) = self.exit.filter(|_| !self.settled) else { return };
        self.run.took = Some(at.saturating_duration_since(self.began));
        let told = match exit {
            Exit::Status(status) => format!("it exited with {status}"),
            Exit::Signal(signal) => format!("signal {signal} ended it"),
            Exit::Unknown => "it ended, and nobody heard how".to_owned(),
        };
        self.see(Step::said(told));
        self.run.state = match exit {
            Exit::Status(exit) => match self.ladder.ended_by(exit) {
                Some(signal) => RunState::Interrupted { signal, exit },
                None => RunState::Completed { exit },
            },
            Exit::Signal(signal) => match self.ladder.ended_by(128 + signal) {
                Some(_) => RunState::Interrupted { signal, exit: 128 + signal },
                None => {
                    self.note(&format!("signal {signal} ended it; nobody here had sent that"));
                    RunState::Completed { exit: 128 + signal }
                }
            },
            Exit::Unknown => RunState::Lost { reason: "it ended, and nobody said how".to_owned() },
        };
        self.close();
    }

    /// Its end was not seen.
    fn lose(&mut self, reason: &str) {
        if !self.settled {
            self.run.state = RunState::Lost { reason: reason.to_owned() };
            self.run.took = Some(clock::since(self.began));
            self.close();
        }
    }

    fn close(&mut self) {
        self.settled = true;
        self.run.to = Some(self.output.end());
        self.row.errors_to = self.errors.end();
        if let Err(refusal) = self.store.keep_isolated(&self.run, &self.row) {
            tracing::warn!(number = self.row.number, "{refusal}");
        }
    }

    fn printed(&self) -> u64 {
        self.output.end() + self.errors.end()
    }

    fn report(&self) -> RunReport {
        let mut run = self.run.clone();
        run.took = run.took.or_else(|| Some(clock::since(self.began)));
        run.to = Some(self.output.end());
        let row = IsolatedRow { errors_to: self.errors.end(), ..self.row.clone() };
        RunReport { survivors: self.survivors.clone().unwrap_or_default(), ..report(&run, &row) }
    }

    fn serve_waiters(&mut self) {
        let now = clock::now();
        let present = Present {
            settled: self.settled,
            // One that has ended is settled soon: only what still has its streams is waited for.
            ladder_over: self.exit.is_none()
                && self.ladder.is_over()
                && self.look_until.is_none()
                && self.survivors.is_some(),
            printed: self.printed(),
            last_printed: self.last_printed,
        };
        let mut place = 0;
        while place < self.waiters.len() {
            if self.waiters[place].is_gone() {
                self.waiters.swap_remove(place);
            } else if self.waiters[place].is_due(now, &present) {
                let waiter = self.waiters.swap_remove(place);
                self.serve(waiter, now, &present);
            } else {
                place += 1;
            }
        }
    }

    fn serve(&self, waiter: Waiter, now: Instant, present: &Present) {
        let report = match &self.refused {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(self.report()),
        };
        match waiter.what {
            What::Run { joined, reply } => {
                drop(reply.send(report.map(|report| RunReport { joined, ..report })));
            }
            What::Ended(reply) => drop(reply.send(Ok(self.report()))),
            What::Until(waiting) => {
                let met = waiting.is_met(now, present);
                let mut shown = self.report().output;
                shown.from.byte = waiting.shown.unwrap_or(0);
                let next_offset = Offset { epoch: EPOCH, byte: self.output.end() };
                let waited = report.map(|report| Waited { report: Some(report), met, shown, next_offset });
                drop(waiting.reply.send(waited));
            }
        }
    }

    /// Answers who asked in the moment in which it was settled.
    fn finish(&mut self, mailbox: &mut mpsc::Receiver<Request>) {
        mailbox.close();
        while let Ok(request) = mailbox.try_recv() {
            self.answer(request);
        }
        self.serve_waiters();
    }
}

impl Order {
    fn give(self, command: &mut Isolated) {
        match self {
            Self::Signal(signal) => command.signal(signal.number()),
            Self::Look => command.look(),
            Self::Sound => command.sound(),
        }
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
