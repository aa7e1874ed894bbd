//! Callers that wait: for a command, a state, an output, a prompt. Each is answered once, by what happens or by
//! the end of its patience; a caller that has gone is forgotten.

use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cotty_core::names::{Principal, Role, RunId};
use cotty_core::refusal::Refusal;
use cotty_core::run::RunState;
use regex::Regex;

use super::{Owner, WAITERS_MAX};
use crate::clock;
use crate::fail_point::fail_point;
use crate::plain::{MATCHED_BYTES_MAX, Seen};
use crate::report::{
    RunOrder, RunReport, SendOrder, Sent, SessionState, SessionStatus, Stretch, Until, WaitOrder, Waited,
};
use crate::request::Reply;
use crate::texts;

/// What counts as idle for `until=idle`.
const IDLE: Duration = Duration::from_secs(2);
/// Keys sent at a prompt are answered when nothing was printed for so long.
const SETTLED: Duration = Duration::from_millis(50);
/// How long a refused command is tried again after a pause that only waiting ends.
const TRY_AGAIN: Duration = Duration::from_millis(50);
/// A call that waits for no command waits so long for the prompt after the one before, which is on its way.
const TYPED_WITHIN: Duration = Duration::from_secs(1);
/// A terminal whose program does not read takes no input: that is not waited for longer.
const TAKEN: Duration = Duration::from_millis(500);
/// Where output never pauses nobody asks for a secret: keys are typed after this.
const LOOK: Duration = Duration::from_secs(3);
/// The ladder takes 6 s; the list of survivors comes at once.
const LADDER: Duration = Duration::from_secs(12);

/// One caller and what it waits for.
pub(super) struct Waiter {
    deadline: Instant,
    what: What,
}

enum What {
    Pending {
        who: Principal,
        order: RunOrder,
        asked: Instant,
        /// When to try again, whatever happens.
        again: Instant,
        /// A prompt is what it waits for.
        prompt_due: bool,
        reply: Reply<RunReport>,
    },
    Run {
        run: RunId,
        joined: bool,
        reply: Reply<RunReport>,
    },
    Until {
        run: Option<RunId>,
        until: Until,
        from: u64,
        /// Output is shown from here on; without it all of the command's.
        shown: Option<u64>,
        seen: Seen,
        asked: Instant,
        reply: Reply<Waited>,
    },
    /// Keys that are typed as soon as it is known that they answer no secret.
    Sending {
        who: Principal,
        order: SendOrder,
        asked: Instant,
        reply: Reply<Sent>,
    },
    Sent {
        /// The inputs that were typed.
        sequences: Range<u64>,
        /// The end of the caller's patience.
        until: Instant,
        run: Option<RunId>,
        expect: Option<Regex>,
        from: u64,
        seen: Seen,
        sent: Instant,
        reply: Reply<Sent>,
    },
    Ready {
        reply: Reply<SessionStatus>,
    },
    Killed {
        killed: Killed,
        reply: Reply<RunReport>,
    },
}

/// A command that is being ended.
pub(super) struct Killed {
    pub(super) run: RunId,
    /// The list of survivors was asked for.
    pub(super) asked: bool,
}

/// How long a command is tried that was refused for this reason.
fn patience(order: &RunOrder, refusal: &Refusal) -> Duration {
    match refusal {
        Refusal::NotAtPrompt { .. } | Refusal::DraftOnTheLine { .. } => order.wait.max(TYPED_WITHIN),
        _ => order.wait,
    }
}

impl Waiter {
    pub(super) fn run(run: RunId, deadline: Instant, joined: bool, reply: Reply<RunReport>) -> Self {
        Self { deadline, what: What::Run { run, joined, reply } }
    }

    pub(super) fn ready(deadline: Instant, reply: Reply<SessionStatus>) -> Self {
        Self { deadline, what: What::Ready { reply } }
    }

    pub(super) fn killed(killed: Killed, now: Instant, reply: Reply<RunReport>) -> Self {
        Self { deadline: now + LADDER, what: What::Killed { killed, reply } }
    }

    pub(super) fn sent(
        run: Option<RunId>,
        (from, sequences): (u64, Range<u64>),
        order: SendOrder,
        (asked, sent): (Instant, Instant),
        reply: Reply<Sent>,
    ) -> Self {
        let (until, seen) = (asked + order.wait, Seen::default());
        // Whether the terminal took them is part of the answer.
        let deadline = until.max(sent + TAKEN);
        let expect = order.expect;
        Self { deadline, what: What::Sent { sequences, until, run, expect, from, seen, sent, reply } }
    }

    pub(super) fn sending(who: Principal, order: SendOrder, now: Instant, reply: Reply<Sent>) -> Self {
        Self { deadline: now + LOOK, what: What::Sending { who, order, asked: now, reply } }
    }

    fn is_gone(&self) -> bool {
        match &self.what {
            What::Pending { reply, .. } | What::Run { reply, .. } | What::Killed { reply, .. } => {
                reply.is_closed()
            }
            What::Until { reply, .. } => reply.is_closed(),
            What::Sending { reply, .. } | What::Sent { reply, .. } => reply.is_closed(),
            What::Ready { reply } => reply.is_closed(),
        }
    }

    fn refuse(self, refusal: &Refusal) {
        let refusal = refusal.clone();
        match self.what {
            What::Pending { reply, .. } | What::Run { reply, .. } | What::Killed { reply, .. } => {
                drop(reply.send(Err(refusal)));
            }
            What::Until { reply, .. } => drop(reply.send(Err(refusal))),
            What::Sending { reply, .. } | What::Sent { reply, .. } => drop(reply.send(Err(refusal))),
            What::Ready { reply } => drop(reply.send(Err(refusal))),
        }
    }

    /// Returns when it wants to be looked at again, whatever happens meanwhile. A moment that has passed
    /// without an answer waits for something to happen.
    fn look_at(&self, now: Instant, last_active: Instant) -> Instant {
        let sooner = match &self.what {
            What::Pending { again, .. } => Some(*again),
            What::Until { until: Until::Idle, asked, .. } => Some(last_active.max(*asked) + IDLE),
            What::Sent { run: None, sent, until, .. } => {
                Some((last_active.max(*sent) + SETTLED).min(*until)).filter(|at| *at > now).or(Some(*until))
            }
            What::Sent { until, .. } => Some(*until),
            What::Run { .. }
            | What::Until { .. }
            | What::Sending { .. }
            | What::Ready { .. }
            | What::Killed { .. } => None,
        };
        sooner.filter(|at| *at > now).map_or(self.deadline, |it| it.min(self.deadline))
    }

    /// Returns the output that it matches against a pattern.
    fn seen(&mut self) -> Option<&mut Seen> {
        if let What::Until { seen, until: Until::Pattern(_), .. } | What::Sent { seen, expect: Some(_), .. } =
            &mut self.what
        {
            return Some(seen);
        }
        None
    }

    /// Returns the command that it waits for the end of.
    fn command(&self) -> Option<RunId> {
        match &self.what {
            What::Run { run, .. } | What::Killed { killed: Killed { run, .. }, .. } => Some(*run),
            What::Until { run, .. } | What::Sent { run, .. } => *run,
            What::Pending { .. } | What::Sending { .. } | What::Ready { .. } => None,
        }
    }
}

impl Owner {
    pub(super) fn wait_on(&mut self, waiter: Waiter) {
        match self.has_room_to_wait() {
            Ok(()) => self.waiters.push(waiter),
            Err(refusal) => waiter.refuse(&refusal),
        }
    }

    /// Refuses one more caller where too many wait: asked before anything is typed for it.
    pub(super) fn has_room_to_wait(&self) -> Result<(), Refusal> {
        let (count, count_max) = (self.waiters.len(), WAITERS_MAX);
        if count < count_max {
            Ok(())
        } else {
            Err(Refusal::TooMany { what: "waiting calls", count, count_max })
        }
    }

    pub(super) fn answer_wait(&mut self, now: Instant, order: WaitOrder, reply: Reply<Waited>) {
        let run = order.run.or_else(|| self.session.current().map(|run| run.id));
        let end = self.session.end();
        let known = order.run.map(|id| self.report(id)).transpose();
        let report = match known {
            Ok(report) => report,
            Err(refusal) => return drop(reply.send(Err(refusal))),
        };
        let begin = report.as_ref().map(|report| report.output.from.byte);
        let matches = matches!(order.until, Until::Pattern(_));
        let begin = begin.or_else(|| self.session.current().and_then(|run| run.from)).filter(|_| matches);
        let asked = order.offset.filter(|it| it.epoch == end.epoch).map(|it| it.byte);
        let from = asked.or(begin).unwrap_or(end.byte).min(end.byte);
        let mut seen = Seen::default();
        if matches {
            let bytes = texts::read_tail(&self.state_dir, &self.stretch(from, end.byte), MATCHED_BYTES_MAX);
            seen.feed(&bytes);
        }
        let shown = order.offset.is_some().then_some(from);
        let what = What::Until { run, until: order.until, from, shown, seen, asked: now, reply };
        self.wait_on(Waiter { deadline: now + order.wait, what });
    }

    pub(super) fn waiting_deadline(&self) -> Option<Instant> {
        let (now, last_active) = (clock::now(), self.session.last_active());
        self.waiters.iter().map(|waiter| waiter.look_at(now, last_active)).min()
    }

    /// Lets those who wait for output see it: of a command's only what came after its echo.
    pub(super) fn note_output(&mut self, from: u64, bytes: &Bytes) {
        for waiter in &mut self.waiters {
            let run = waiter.command().and_then(|run| self.session.run(run));
            let begin = run.map_or(Some(from), |run| run.from);
            let Some(begin) = begin else { continue };
            let echoed = usize::try_from(begin.saturating_sub(from)).unwrap_or(usize::MAX);
            if let Some(seen) = waiter.seen()
                && let Some(bytes) = bytes.get(echoed..)
            {
                seen.feed(bytes);
            }
        }
    }

    /// Returns whether anything was printed after `from`, the echo of a command apart.
    fn has_printed(&self, run: Option<RunId>, from: u64) -> bool {
        let end = self.session.end().byte;
        match run.and_then(|run| self.session.run(run)) {
            Some(run) => run.from.is_some_and(|begin| run.to.unwrap_or(end) > from.max(begin)),
            None => end > from,
        }
    }

    /// Answers all whose time has come.
    pub(super) fn serve_waiters(&mut self, now: Instant) {
        let mut place = 0;
        if self.session.is_draft_wanted() {
            self.session.put_draft_back(now);
        }
        while place < self.waiters.len() {
            if self.waiters[place].is_gone() {
                self.waiters.remove(place);
            } else if self.is_due(place, now) {
                // Who came first is served first: keys are typed in their order.
                let waiter = self.waiters.remove(place);
                self.serve(waiter, now);
            } else {
                place += 1;
            }
        }
        if !self.waiters.iter().any(|waiter| matches!(waiter.what, What::Pending { .. })) {
            self.session.put_draft_back(now);
        }
        let watched = self.waiters.iter().any(|waiter| !matches!(waiter.what, What::Ready { .. }));
        self.session.set_watched(now, watched);
        self.carry_out_effects();
    }

    pub(super) fn refuse_waiters(&mut self, refusal: &Refusal) {
        // Who waits for a command gets the command as it stands: it was settled with the session.
        for waiter in std::mem::take(&mut self.waiters) {
            if waiter.command().is_some_and(|run| self.is_settled(run)) {
                self.serve(waiter, clock::now());
            } else {
                waiter.refuse(refusal);
            }
        }
    }

    /// Returns whether the terminal has taken these inputs.
    fn has_taken(&self, sequences: &Range<u64>) -> bool {
        !self.in_flight.iter().any(|(sequence, _)| sequences.contains(sequence)) && self.inputs.is_empty()
    }

    /// Tells the caller whose keys were not typed.
    pub(super) fn refuse_sender(&mut self, sequence: u64) {
        let typed = |waiter: &Waiter| matches!(&waiter.what, What::Sent { sequences, .. } if sequences.contains(&sequence));
        if let Some(place) = self.waiters.iter().position(typed) {
            let refusal = Refusal::AtSecret { session: self.row.name.clone() };
            self.waiters.remove(place).refuse(&refusal);
        }
    }

    fn is_due(&mut self, place: usize, now: Instant) -> bool {
        let quiet = now.saturating_duration_since(self.session.last_active());
        let waiter = &self.waiters[place];
        if waiter.deadline <= now {
            return true;
        }
        match &waiter.what {
            What::Pending { again, prompt_due, .. } => {
                *again <= now || (*prompt_due && self.session.is_at_prompt())
            }
            What::Run { run, .. } => self.has_stopped(*run),
            What::Sending { .. } => self.session.has_looked() || self.session.is_at_prompt(),
            What::Ready { .. } => self.state() != SessionState::Opening && !self.is_to_take_over(),
            What::Until { run, until, from, seen, asked, .. } => match until {
                Until::Done => run.is_none_or(|run| self.has_stopped(run)),
                Until::Input => run.is_none_or(|run| self.has_stopped(run)),
                Until::Output => self.has_printed(*run, *from) || run.is_some_and(|run| self.is_settled(run)),
                Until::Pattern(pattern) => {
                    seen.matches(pattern) || run.is_some_and(|run| self.is_settled(run))
                }
                Until::Idle => quiet >= IDLE && now.saturating_duration_since(*asked) >= IDLE,
            },
            What::Sent { sequences, until, .. } if *until <= now && self.has_taken(sequences) => true,
            What::Sent { run, expect: Some(expect), seen, .. } => {
                seen.matches(expect) || run.is_some_and(|run| self.is_settled(run))
            }
            What::Sent { run: Some(run), expect: None, .. } => self.has_stopped(*run),
            What::Sent { run: None, expect: None, sent, .. } => match self.session.current() {
                Some(run) => self.has_stopped(run.id),
                None => quiet >= SETTLED && now.saturating_duration_since(*sent) >= SETTLED,
            },
            What::Killed { killed, .. } => {
                let (run, asked) = (killed.run, killed.asked);
                let over = self.is_settled(run) || self.session.ladder_is_over();
                if over && !asked {
                    if let What::Killed { killed, .. } = &mut self.waiters[place].what {
                        killed.asked = true;
                    }
                    self.ask_survivors(run);
                }
                over && asked && self.survivors(run).is_some()
            }
        }
    }

    fn serve(&mut self, waiter: Waiter, now: Instant) {
        match waiter.what {
            What::Pending { who, order, asked, reply, .. } => {
                self.try_or_wait(asked, now, who, order, reply);
            }
            What::Run { run, joined, reply } => {
                fail_point(&self.state_dir, "run.before-reply");
                let report = self.report(run).map(|report| RunReport { joined, ..self.with_news(report) });
                drop(reply.send(report));
            }
            What::Sending { who, order, asked, reply } => self.send_now(asked, now, &who, order, reply),
            What::Ready { reply } => drop(reply.send(Ok(self.status()))),
            What::Killed { killed, reply } => drop(reply.send(self.report(killed.run))),
            What::Until { run, until, from, shown, seen, reply, .. } => {
                let met = self.is_met(run, &until, from, &seen, waiter.deadline > now);
                drop(reply.send(self.waited(run, shown, met)));
            }
            What::Sent { run, expect, from, seen, reply, .. } => {
                fail_point(&self.state_dir, "send.before-reply");
                let run = run.or_else(|| self.newest_since(from));
                let report = run.and_then(|run| self.report(run).ok()).map(|report| self.with_news(report));
                let sent = Sent {
                    matched: expect.map(|expect| seen.matches(&expect)),
                    shown: self.since(from, report.as_ref()),
                    report,
                    next_offset: self.session.end(),
                    session: self.row.name.clone(),
                };
                drop(reply.send(Ok(sent)));
            }
        }
    }

    /// Tries a command; where only time stands in its way, it waits for its turn.
    pub(super) fn try_or_wait(
        &mut self,
        asked: Instant,
        now: Instant,
        who: Principal,
        order: RunOrder,
        reply: Reply<RunReport>,
    ) {
        match self.try_run(now, &who, &order) {
            Ok(run) => self.wait_on(Waiter::run(run, asked + order.wait, false, reply)),
            Err(refusal) => {
                let deadline = asked + patience(&order, &refusal);
                let is_draft = matches!(refusal, Refusal::DraftOnTheLine { .. });
                if is_draft && who.role == Role::Agent {
                    self.session.note_awaited(&who);
                }
                let parks = is_draft && self.session.park_draft(now);
                if deadline <= now || !(parks || self.may_pass(&refusal)) {
                    return drop(reply.send(Err(refusal)));
                }
                // A person's pause is known; everything else is looked at again soon, a prompt at once.
                let pause = self.session.gate().grace_left(now, &who).unwrap_or(TRY_AGAIN);
                let prompt_due = !self.session.is_at_prompt();
                let again = now + pause.max(TRY_AGAIN);
                let what = What::Pending { who, order, asked, again, prompt_due, reply };
                self.wait_on(Waiter { deadline, what });
            }
        }
    }

    fn is_met(&self, run: Option<RunId>, until: &Until, from: u64, seen: &Seen, in_time: bool) -> bool {
        match until {
            Until::Done => run.is_none_or(|run| self.is_settled(run)),
            Until::Input => run.and_then(|run| self.session.run(run)).is_some_and(|run| {
                matches!(run.state, RunState::NeedsInput { .. } | RunState::Nested { .. })
            }),
            Until::Output => self.has_printed(run, from),
            Until::Pattern(pattern) => seen.matches(pattern),
            Until::Idle => in_time,
        }
    }

    fn waited(&mut self, run: Option<RunId>, from: Option<u64>, met: bool) -> Result<Waited, Refusal> {
        let run = run.or_else(|| self.store.runs(Some(&self.row.id), 1).ok()?.first().map(|row| row.id));
        let report = run.map(|run| self.report(run)).transpose()?;
        let report = report.map(|report| self.with_news(report));
        let end = self.session.end();
        let shown = match (&report, from) {
            (Some(report), None) => report.output.clone(),
            (report, from) => self.since(from.unwrap_or(end.byte), report.as_ref()),
        };
        Ok(Waited { report, met, shown, next_offset: end })
    }

    /// Returns the output from a place on, up to the end of a command that is over: what follows is a prompt.
    fn since(&self, from: u64, report: Option<&RunReport>) -> Stretch {
        let settled = report.filter(|report| report.state.is_settled());
        let end = settled.map_or(self.session.end().byte, |report| report.output.to.byte);
        let paged = report.and_then(|report| report.output.paged);
        Stretch { paged, ..self.stretch(from.min(end), end) }
    }

    /// Returns whether a command is settled, or waits for somebody.
    fn has_stopped(&self, run: RunId) -> bool {
        self.session.run(run).is_none_or(|run| run.state != RunState::Running)
    }

    fn is_settled(&self, run: RunId) -> bool {
        self.session.run(run).is_none_or(|run| run.state.is_settled())
    }

    /// Returns the command that keys at the prompt have begun.
    fn newest_since(&self, from: u64) -> Option<RunId> {
        self.session.newest_run().filter(|run| run.typed_at >= from).map(|run| run.id)
    }

    /// Adds what people did since the last reply: said once, from our own state.
    fn with_news(&mut self, mut report: RunReport) -> RunReport {
        let untold = std::mem::take(&mut self.untold);
        let (Some(first), Some(last)) = (untold.first(), untold.last()) else { return report };
        let handles = if untold.len() == 1 { first.to_string() } else { format!("{first}-{last}") };
        let count =
            if untold.len() == 1 { "a command".to_owned() } else { format!("{} commands", untold.len()) };
        let mut news = format!("a person ran {count}, {handles}");
        if let Some(run) = self.session.run(*last) {
            if let Some(cwd) = &run.cwd {
                news.push_str(&format!("; cwd now {}", crate::texts::one_line(cwd)));
            }
            if let RunState::Completed { exit } | RunState::Interrupted { exit, .. } = run.state {
                news.push_str(&format!("; last exit {exit}"));
            }
        }
        report.notes.insert(0, news);
        report
    }
}
