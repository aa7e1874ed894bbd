//! What a session's task answers: each request in one place.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use cotty_core::evidence::Evidence;
use cotty_core::gate;
use cotty_core::mouse;
use cotty_core::names::{Mode, Principal, Role, RunId, RunKind};
use cotty_core::refusal::Refusal;
use cotty_core::run::RunState;
use cotty_core::session::{Input, Stage};
use cotty_host::holder::frame::{Order, Process};

use super::pasted::{Pasted, pasted};
use super::pen::Exactly;
use super::typed::Keys;
use super::waiting::{Killed, Waiter};
use super::{Owner, Startup};
use crate::clock;
use crate::fail_point::fail_point;
use crate::keys::{self, Keyboard};
use crate::report::{Connect, Enter, RunOrder, RunReport, SendOrder};
use crate::request::{Reply, Request};
use crate::seats::{Seat, ViewEvent};
use crate::store::{CallRow, RunRow};
use crate::viewer::{How, Typed};

/// So much older than its command may a process seem that the command started.
const START_BLUR: Duration = Duration::from_millis(20);

/// What became of keys to be typed.
struct Typing {
    /// Where the output stood when an earlier life had typed them.
    from: Option<u64>,
    /// Their inputs.
    sequences: std::ops::Range<u64>,
}

impl Owner {
    pub(super) fn answer(&mut self, request: Request) {
        let now = clock::now();
        match request {
            Request::Run { who, order, reply } => self.answer_run(now, who, order, reply),
            Request::Join { run, wait, reply } => {
                self.wait_on(Waiter::run(run, now + wait, true, reply));
            }
            Request::Wait { order, reply } => self.answer_wait(now, order, reply),
            Request::Send { who, order, reply } => self.answer_send(now, &who, order, reply),
            Request::Screen(reply) => drop(reply.send(Ok(self.screen_view()))),
            Request::Report { run, reply } => drop(reply.send(self.report(run))),
            Request::Recent { from, reply } => drop(reply.send(Ok(self.recent(from)))),
            Request::Evidence { run, reply } => drop(reply.send(self.proof(run))),
            Request::Status(reply) => drop(reply.send(Ok(self.status()))),
            Request::Ready { wait, reply } => self.wait_on(Waiter::ready(now + wait, reply)),
            Request::Adjust { order, reply } => drop(reply.send(Ok(self.adjust(&order)))),
            Request::MayRun { who, reply } => {
                drop(reply.send(self.session.gate().admit_agent(now, &who, &self.row.name)));
            }
            Request::EndRun { who, run, force, reply } => self.answer_end_run(now, &who, run, force, reply),
            Request::Close { who, reason, reply } => {
                self.note(&who, &reason);
                self.end(&reason, &reason);
                drop(reply.send(Ok(())));
            }
            Request::SetMode { who, mode, reply } => {
                self.set_mode(&who, mode);
                drop(reply.send(Ok(())));
            }
            Request::Rename { who, name, label, reply } => drop(reply.send(self.rename(&who, name, label))),
            Request::NotDefault => {
                self.row.is_default = false;
                self.keep_settings();
            }
            Request::LetGo => self.let_go(),
            Request::View { seat, reply } => self.take_seat(seat, reply),
            Request::Repaint { seat } => self.repaint_for(seat),
            Request::Keys { seat, sequence, bytes, how, reply } => {
                drop(reply.send(self.type_for(now, seat, sequence, bytes, how)));
            }
            Request::Mouse { who, event, reply } => drop(reply.send(self.point(now, &who, event))),
            Request::Pen { who, order, reply } => drop(reply.send(self.pass_pen(now, &who, order))),
            Request::SeatSize { seat, cols, rows } => self.resize_seat(seat, cols, rows),
            Request::Leave { seat } => self.leave_seat(seat),
        }
    }

    fn answer_run(&mut self, now: Instant, who: Principal, order: RunOrder, reply: Reply<RunReport>) {
        self.try_or_wait(now, now, who, order, reply);
    }

    /// Returns whether waiting alone may end the reason of a refusal.
    pub(super) fn may_pass(&self, refusal: &Refusal) -> bool {
        let opening = matches!(
            self.session.stage(),
            Stage::Connecting { .. } | Stage::Waiting { .. } | Stage::Hooked { .. }
        );
        let between = matches!(refusal, Refusal::NotAtPrompt { .. }) && self.session.current().is_none();
        let is_early = matches!(refusal, Refusal::NotReady { .. }) && opening;
        // Between a command's end and the prompt nobody knows yet whether anything was typed ahead.
        let undecided = self.session.current().is_none() && !self.session.is_at_prompt();
        let open_draft = matches!(refusal, Refusal::DraftOnTheLine { .. })
            && (undecided || self.session.is_verifying_draft());
        matches!(refusal, Refusal::PersonTyping { .. }) || is_early || between || open_draft
    }

    /// Judges a command, keeps it, and types it, in this order.
    pub(super) fn try_run(
        &mut self,
        now: Instant,
        who: &Principal,
        order: &RunOrder,
    ) -> Result<RunId, Refusal> {
        self.has_room_to_wait()?;
        let (text, kill_after) = (order.command.clone(), order.kill_after);
        let nobody = RunId { kind: RunKind::Command, number: 0 };
        self.session.judge(now, who, &Input::Command { run: nobody, text: text.clone(), kill_after })?;
        if self.has_something_due() {
            // It waited for this very prompt. Were its row kept before that, a daemon that finds both reads the marks of the
            // command before it for its own.
            self.keep_what_is_due();
        }
        let number = self.session.take_number().unwrap_or_else(|| self.store.number());
        let id = RunId { kind: RunKind::Command, number };
        let kept = self.session.kept();
        let row = RunRow {
            id,
            session: self.row.id.clone(),
            epoch: self.row.epoch,
            who: who.clone(),
            command: text.clone(),
            keys: self.session.submission(&text).keys,
            sequence: kept.sequence + 1,
            expected: kept.serial + 1,
            typed_at: self.session.end().byte,
            from: None,
            to: None,
            cols: self.session.plan().size.0,
            at: SystemTime::now(),
            took: None,
            state: RunState::Running,
            boundary: cotty_core::names::Boundary::Exact,
            cwd: None,
            evidence: Evidence::default(),
            blank: false,
            eol_mark: false,
            kill_after,
            call: order.key.as_ref().map(|key| key.name.clone()),
        };
        fail_point(&self.state_dir, "run.before-store");
        self.store.add_run(&row)?;
        fail_point(&self.state_dir, "run.after-store");
        self.session.submit(now, who, Input::Command { run: id, text, kill_after })?;
        self.viewers.tell_wrote(now, None, who);
        Ok(id)
    }

    fn answer_send(
        &mut self,
        now: Instant,
        who: &Principal,
        order: SendOrder,
        reply: Reply<crate::report::Sent>,
    ) {
        let judged = self.keys_of(&order).and_then(|keys| {
            let unknown = who.role == Role::Agent && !gate::is_interrupt(&keys) && self.runs_beyond_prompt();
            if !keys.is_empty() {
                self.session.judge(now, who, &Input::Keys(keys))?;
            }
            Ok(unknown)
        });
        match judged {
            Err(refusal) => drop(reply.send(Err(refusal))),
            Ok(false) => self.send_now(now, now, who, order, reply),
            Ok(true) => {
                self.session.look_again(now);
                self.wait_on(Waiter::sending(who.clone(), order, now, reply));
            }
        }
    }

    fn runs_beyond_prompt(&self) -> bool {
        self.session.current().is_some() && !self.session.is_at_prompt()
    }

    /// Types what was `asked` for, now that it is known what is in front.
    pub(super) fn send_now(
        &mut self,
        asked: Instant,
        now: Instant,
        who: &Principal,
        order: SendOrder,
        reply: Reply<crate::report::Sent>,
    ) {
        let from = self.session.end().byte;
        let run = self.session.current().map(|run| run.id);
        match self.try_send(now, who, &order) {
            Ok(Typing { from: typed_from, sequences }) => {
                let from = typed_from.unwrap_or(from);
                self.wait_on(Waiter::sent(run, (from, sequences), order, (asked, now), reply));
            }
            Err(refusal) => drop(reply.send(Err(refusal))),
        }
    }

    /// Types what an agent sends, once.
    fn try_send(&mut self, now: Instant, who: &Principal, order: &SendOrder) -> Result<Typing, Refusal> {
        self.has_room_to_wait()?;
        let bytes = self.keys_of(order)?;
        if let Some(key) = order.key.as_ref().filter(|it| !it.is_new)
            && let Some(call) = self.store.call(&key.name)?
        {
            let sequence = call.sequence.unwrap_or(0);
            if sequence <= self.session.kept().sequence {
                return Ok(Typing { from: Some(call.at), sequences: 0..0 });
            }
        }
        if bytes.is_empty() {
            return Ok(Typing { from: None, sequences: 0..0 });
        }
        let input = Input::Keys(bytes.clone());
        self.session.judge(now, who, &input)?;
        let (sequence, at) = (self.session.kept().sequence + 1, self.session.end().byte);
        if let Some(key) = &order.key {
            let session = self.row.id.clone();
            let call = CallRow { key: key.name.clone(), session, run: None, sequence: Some(sequence), at };
            if key.is_new || self.store.call(&key.name)?.is_none() {
                self.store.add_call(&call)?;
            }
        }
        fail_point(&self.state_dir, "send.after-store");
        let accepted = self.session.submit(now, who, input)?;
        self.viewers.tell_wrote(now, None, who);
        self.typed.hand_over(Keys { sequence: accepted.sequence, who: who.clone(), bytes, seat: None });
        Ok(Typing { from: None, sequences: accepted.sequence..self.session.kept().sequence + 1 })
    }

    fn keys_of(&self, order: &SendOrder) -> Result<Bytes, Refusal> {
        let mut bytes = Vec::new();
        if let Some(text) = &order.text {
            if let Some((it, position)) = cotty_core::dialect::control_character(text) {
                return Err(Refusal::ControlCharacter { what: "text", code: it.into(), position });
            }
            let bytes_max = cotty_core::dialect::COMMAND_BYTES_MAX;
            if text.len() > bytes_max {
                return Err(Refusal::TooLong { what: "text", bytes: text.len(), bytes_max });
            }
            bytes.extend(text.replace('\n', "\r").into_bytes());
        }
        let modes = self.session.screen().modes();
        let (application_cursor, application_keypad) = (modes.application_cursor, modes.application_keypad);
        bytes.extend(keys::encode(&order.keys, Keyboard { application_cursor, application_keypad })?);
        let usual = if order.text.is_some() && order.keys.is_empty() { Enter::Cr } else { Enter::None };
        bytes.extend_from_slice(match order.enter.unwrap_or(usual) {
            Enter::Lf => b"\n",
            Enter::Cr => b"\r",
            Enter::CrLf => b"\r\n",
            Enter::None => b"",
        });
        Ok(bytes.into())
    }

    fn answer_end_run(
        &mut self,
        now: Instant,
        who: &Principal,
        run: RunId,
        force: bool,
        reply: Reply<RunReport>,
    ) {
        if self.session.run(run).is_some_and(|run| run.state.is_settled()) {
            return drop(reply.send(self.report(run)));
        }
        if let Err(refusal) = self.session.gate().admit_agent(now, who, &self.row.name) {
            return drop(reply.send(Err(refusal)));
        }
        if let Err(refusal) = self.session.end_run(now, run, force) {
            return drop(reply.send(Err(refusal)));
        }
        self.note(who, &format!("ended {run}"));
        self.wait_on(Waiter::killed(Killed { run, asked: false }, now, reply));
    }

    pub(super) fn ask_survivors(&mut self, run: RunId) {
        self.survivors_of.push(run);
        self.orders.push(Order::Processes);
    }

    /// Notes which processes of a command outlived it: those younger than it, the shell apart.
    pub(super) fn note_survivors(&mut self, processes: &[Process]) {
        if self.survivors_of.is_empty() {
            return;
        }
        let run = self.survivors_of.remove(0);

        // A start and a host's age are told to the hundredth of a second each.
        let Some(since) = self.session.run(run).map(|run| clock::since(run.since) + START_BLUR) else {
            return;
        };
        let shell = self.session.kept().pid;
        let alive = processes.iter().filter(|it| Some(it.pid) != shell && it.age <= since);
        let names = alive.take(16).map(|it| format!("{} {}", it.pid, it.comm)).collect();
        self.survivors.retain(|(id, _)| *id != run);
        self.survivors.push((run, names));
        self.survivors.truncate(8);
    }

    pub(super) fn survivors(&self, run: RunId) -> Option<&Vec<String>> {
        self.survivors.iter().find(|(id, _)| *id == run).map(|(_, names)| names)
    }

    fn set_mode(&mut self, who: &Principal, mode: Mode) {
        self.row.mode = mode;
        self.session.set_mode(mode);
        self.keep_settings();
        self.note(who, &format!("mode {mode}"));
    }

    fn adjust(&mut self, order: &Connect) -> Vec<String> {
        let mut notes = Vec::new();
        let (cols, rows) = self.session.plan().size;
        if order.cols.is_some() || order.rows.is_some() {
            let wanted = (order.cols.unwrap_or(cols), order.rows.unwrap_or(rows));
            self.session.resize(wanted.0, wanted.1);
            let (cols, rows) = self.session.plan().size;
            let clamped = if (cols, rows) == wanted { "" } else { " (clamped to 2-1000 x 1-500)" };
            notes.push(format!("size is {cols}x{rows}{clamped}"));
        }
        if let Some(label) = &order.label {
            self.row.label = Some(label.clone());
            notes.push("label set".to_owned());
        }
        if let Some(is_default) = order.default {
            self.row.is_default = is_default;
        }
        self.keep_settings();
        notes
    }

    /// Returns whether it stands at its first prompt, and has not yet begun to take over from another session.
    pub(super) fn is_to_take_over(&self) -> bool {
        matches!(self.startup, Some(Startup::TakeOver(..))) && self.session.is_at_prompt()
    }

    /// Runs the start-up command once the shell stands at its first prompt.
    pub(super) fn run_startup(&mut self) {
        if !self.session.is_at_prompt() {
            return;
        }
        let (who, command) = match self.startup.take() {
            Some(Startup::Command(command)) => {
                (Principal { role: Role::Operator, label: "config".into() }, command)
            }
            Some(Startup::TakeOver(who, beside)) => {
                let shell = self.session.plan().shell;
                let Some(command) = shell.take_over(beside) else {
                    let name = shell.name();
                    return self.warn(format!(
                        "nothing was copied: {name} has no way to read what another shell exports"
                    ));
                };
                (who, command)
            }
            None => return,
        };
        let order = RunOrder { command, wait: Duration::ZERO, kill_after: None, key: None };
        if let Err(refusal) = self.try_run(clock::now(), &who, &order) {
            self.warn(format!("the startup command was not run: {refusal}"));
        }
        self.serve_waiters(clock::now());
    }

    fn take_seat(&mut self, seat: Seat, reply: Reply<()>) {
        let (id, size, who) = (seat.id, seat.size, seat.who.clone());
        let alone = self.viewers.is_empty();
        self.viewers.join(seat);
        self.note_owner();
        if let (true, Some((cols, rows))) = (alone, size) {
            self.session.resize(cols, rows);
            self.carry_out_effects();
        }
        drop(reply.send(Ok(())));
        self.repaint_for(id);
        self.note(&who, "attached");
        self.viewers.tell(&ViewEvent::Presence { who: self.viewers.labels() });
    }

    /// Shows a viewer the present. Effects are carried out before we wait, so nothing is in flight here: the
    /// screen and the stream meet without a gap.
    fn repaint_for(&mut self, seat: u64) {
        let (cols, rows) = self.session.plan().size;
        let at = self.session.end();
        let repaint = ViewEvent::Repaint { at, bytes: self.session.repaint_for_viewers().into() };
        let mut events = vec![ViewEvent::Size { cols, rows }, repaint];
        events.extend(self.present_state());
        if let Some(run) = self.session.current() {
            let (command, state) = (run.command.clone(), run.state.clone());
            events.push(ViewEvent::Run { run: run.id, command, state });
        }
        if let Some(seat) = self.viewers.get(seat) {
            seat.catch_up(events);
        }
    }

    fn leave_seat(&mut self, seat: u64) {
        let Some(who) = self.viewers.get(seat).map(|seat| seat.who.clone()) else { return };
        self.viewers.leave(seat);
        self.note_owner();
        self.note(&who, "detached");
        self.viewers.tell(&ViewEvent::Presence { who: self.viewers.labels() });
    }

    /// Only who knows what the program asks for now can say it in its words; a page may be behind.
    fn point(&mut self, now: Instant, who: &Principal, event: mouse::Event) -> Result<(), Refusal> {
        let screen = self.session.screen();
        let Some(told) = mouse::encode(event, screen.modes(), screen.size()) else { return Ok(()) };
        self.session.submit(now, who, Input::Keys(told.into())).map(drop)
    }

    fn resize_seat(&mut self, seat: u64, cols: u16, rows: u16) {
        if self.viewers.is_sized(seat, (cols, rows)) {
            self.session.resize(cols, rows);
        }
    }

    fn type_for(
        &mut self,
        now: Instant,
        seat: u64,
        sequence: u64,
        bytes: Bytes,
        how: How,
    ) -> Result<Typed, Refusal> {
        let Some(sitting) = self.viewers.get(seat) else {
            return Err(Refusal::Internal { what: "keys came from a viewer that had left".into() });
        };
        let who = sitting.who.clone();
        let bracketed = how != How::Typed && self.session.screen().modes().bracketed_paste;
        let keys = match how {
            How::Typed => bytes,
            How::Pasted | How::Confirmed => match pasted(&bytes, bracketed, how)? {
                Pasted::Keys(keys) => keys,
                Pasted::Asks { lines } => return Ok(Typed::Asks { lines }),
            },
        };
        let input = Input::Keys(keys.clone());
        let accepted = match who.role {
            Role::Operator => self.session.submit(now, &who, input)?,
            // Watching is for everybody, typing here for people: an agent types with `send`, where it is kept.
            Role::Agent if gate::is_interrupt(&keys) => self.session.submit(now, &who, input)?,
            Role::Agent => {
                let because = "its keys came through attach".to_owned();
                return Err(Refusal::PersonOnly { what: "typing in an attached terminal", because });
            }
        };
        self.keep_pen(Exactly::No);
        self.viewers.tell_wrote(now, Some(seat), &who);
        if let Some((cols, rows)) = self.viewers.lead(seat) {
            self.session.resize(cols, rows);
        }
        let seat = Some((seat, sequence));
        self.typed.hand_over(Keys { sequence: accepted.sequence, who, bytes: keys, seat });
        Ok(Typed::Done)
    }

    pub(super) fn note(&mut self, who: &Principal, what: &str) {
        self.flush_typed();
        let done = self.store.note(&self.row.id, who, "noted", what);
        self.report_trouble(done);
    }
}
