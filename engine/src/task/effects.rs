//! Carrying out what the session asked for: to the holder, the store and the viewers, in this order of effects.

use bytes::Bytes;
use cotty_core::names::{Offset, RunId, RunKind};
use cotty_core::run::Run;
use cotty_core::session::{Effect, Reach};
use cotty_host::holder::frame::{Order, SignalTo};

use super::pen::Exactly;
use super::{IN_FLIGHT_BYTES_MAX, Owner};
use crate::clock;
use crate::opening::{PEN_FELL, random_hex};
use crate::seats::ViewEvent;
use crate::store::RunRow;

/// A command that prints more than this has its beginning kept in the store; one that prints less is read again
/// from where it was typed, should the daemon end meanwhile.
const UNKEPT_BYTES_MAX: u64 = 256 * 1024;
/// The screen is kept after so much output: what a restart has to read again.
const SNAPSHOT_BYTES: u64 = 512 * 1024;
/// The random part of the key of a shell inside another.
const NESTED_KEY_BYTES: usize = 12;

impl Owner {
    pub(super) fn carry_out_effects(&mut self) {
        while let Some(effect) = self.session.poll_effect() {
            self.carry_out(effect);
        }
        if self.session.needs_number() && self.over.is_none() {
            self.session.give_number(self.store.number());
        }
        if self.session.needs_key()
            && self.over.is_none()
            && let Ok(own) = random_hex(NESTED_KEY_BYTES)
        {
            self.session.give_key(self.session.plan().key.inside(&own));
        }
        self.feed_inputs();
        self.acknowledge();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Write { sequence, bytes, guarded: false } => {
                self.inputs.push_back(Order::Input { sequence, bytes });
            }
            Effect::Write { sequence, bytes, guarded: true } => {
                self.inputs.push_back(Order::InputUnlessSecret { sequence, bytes });
            }
            Effect::AskFacts(number) => {
                self.asked.push_back(number);
                self.orders.push(Order::Facts);
            }
            Effect::Signal(signal, reach) => {
                let to = match reach {
                    Reach::Front => SignalTo::Foreground,
                    Reach::FrontButShell => SignalTo::ForegroundButShell,
                };
                self.orders.push(Order::Signal { to, signal: signal.number() });
            }
            Effect::RestoreEcho => self.orders.push(Order::RestoreEcho),
            Effect::Resize(cols, rows) => {
                self.orders.push(Order::Resize { cols, rows });
                self.row.size = (cols, rows);
                self.keep_settings();
                self.viewers.tell(&ViewEvent::Size { cols, rows });
            }
            Effect::Show { from, to, bytes } => self.show(from, to, &bytes),
            Effect::Hidden { from, to } => {
                let done = self.store.hide(&self.row.id, self.row.epoch, from, to);
                self.report_trouble(done);
            }
            Effect::Prompted => self.prompted = true,
            Effect::Began(id) => self.keep_begun(id),
            Effect::PenFell(who) => {
                self.keep_pen(Exactly::Yes);
                self.note(&who, PEN_FELL);
            }
            Effect::Opened(id) => self.keep_opened(id),
            Effect::DraftGone(whose) => {
                self.warn(format!("the unsent line of {whose} is gone with the shell that it stood in"));
            }
            Effect::Settled(id) => self.keep_settled(id),
            Effect::DraftChanged => self.viewers.tell(&self.present_gate()),
            Effect::Changed => self.tell_change(),
        }
    }

    fn show(&mut self, from: u64, to: u64, bytes: &Bytes) {
        if !self.viewers.is_empty() {
            let epoch = self.row.epoch;
            self.viewers.show(Offset { epoch, byte: from }, Offset { epoch, byte: to }, bytes);
        }
        self.note_output(from, bytes);
    }

    /// Returns whether marks have proved something that is not kept yet.
    pub(super) fn has_something_due(&self) -> bool {
        self.prompted || !self.unkept.is_empty()
    }

    /// Keeps what marks have proved. Until it is kept nothing of it is acknowledged: a daemon that ends before
    /// reads the same marks again.
    pub(super) fn keep_what_is_due(&mut self) {
        let unkept = std::mem::take(&mut self.unkept);
        let runs: Vec<_> = unkept.iter().filter_map(|id| Some(self.row_of(self.session.run(*id)?))).collect();
        let kept = std::mem::take(&mut self.prompted).then(|| (self.session.kept(), self.session.frames()));
        let done = self.store.keep(&self.row.id, &runs, kept.as_ref());
        self.report_trouble(done);
        if let Some((kept, _)) = kept {
            self.row.kept = kept;
            self.row.shell = self.session.plan().shell;
            self.run_startup();
            self.carry_out_effects(); // The start-up command is typed at the first prompt.
        }
    }

    fn keep_begun(&mut self, id: RunId) {
        let Some(row) = self.session.run(id).map(|run| self.row_of(run)) else { return };
        let done = self.store.add_run(&row);
        self.report_trouble(done);
        self.begun = Some(id);
        self.tell_run(id);
    }

    /// A command has opened a shell that signs: its row is needed as long as that lives.
    fn keep_opened(&mut self, id: RunId) {
        let Some(row) = self.session.run(id).map(|run| self.row_of(run)) else { return };
        let done = self.store.keep_run(&row);
        self.report_trouble(done);
        self.tell_run(id);
    }

    fn keep_settled(&mut self, id: RunId) {
        self.unkept.push(id);
        if id.kind == RunKind::Human {
            self.untold.push(id);
        }
        self.tell_run(id);
    }

    fn tell_run(&mut self, id: RunId) {
        let Some(run) = self.session.run(id) else { return };
        let event = ViewEvent::Run { run: id, command: run.command.clone(), state: run.state.clone() };
        self.viewers.tell(&event);
    }

    pub(super) fn tell_change(&mut self) {
        if self.viewers.is_empty() {
            return;
        }
        if let Some(id) = self.session.current().map(|run| run.id) {
            self.tell_run(id);
        }
        let events = self.present_state();
        events.iter().for_each(|event| self.viewers.tell(event));
    }

    /// Returns what a viewer must know beside the screen.
    pub(super) fn present_state(&self) -> [ViewEvent; 2] {
        [self.present_gate(), ViewEvent::State { state: self.state() }]
    }

    fn present_gate(&self) -> ViewEvent {
        ViewEvent::Gate { mode: self.row.mode, pen: self.pen(), holds: self.holds() }
    }

    /// Hands inputs to the holder, no more than it takes without refusing.
    fn feed_inputs(&mut self) {
        let mut flying: usize = self.in_flight.iter().map(|(_, bytes)| bytes).sum();
        while let Some(Order::Input { sequence, bytes } | Order::InputUnlessSecret { sequence, bytes }) =
            self.inputs.front()
            && (flying == 0 || flying + bytes.len() <= IN_FLIGHT_BYTES_MAX)
        {
            flying += bytes.len();
            self.in_flight.push_back((*sequence, bytes.len()));
            self.orders.extend(self.inputs.pop_front());
        }
    }

    /// An input that the holder had no room for: what is on its way stays there, this one is given up.
    pub(super) fn take_back(&mut self, sequence: u64) {
        if let Some(place) = self.in_flight.iter().position(|(it, _)| *it == sequence)
            && let Some((_, bytes)) = self.in_flight.remove(place)
        {
            self.session.handle_applied(bytes, None);
        }
        self.warn("input was dropped: the program does not read".to_owned());
    }

    /// An input of an agent that met a question for a secret: it was not typed, and its caller is told.
    pub(super) fn withhold(&mut self, sequence: u64) {
        if let Some(place) = self.in_flight.iter().position(|(it, _)| *it == sequence)
            && let Some((_, bytes)) = self.in_flight.remove(place)
        {
            self.session.handle_applied(bytes, None);
        }
        self.typed.take_back(sequence);
        self.refuse_sender(sequence);
    }

    /// Tells the holder up to where its output has been understood and, where it matters, kept.
    fn acknowledge(&mut self) {
        let mut safe = self.session.understood();
        if let Some(run) = self.session.current().filter(|run| self.begun != Some(run.id)) {
            let printed = safe.saturating_sub(run.from.unwrap_or(run.typed_at));
            if printed > UNKEPT_BYTES_MAX {
                let (row, id) = (self.row_of(run), run.id);
                let done = self.store.keep_run(&row);
                self.report_trouble(done);
                self.begun = Some(id);
            } else {
                safe = safe.min(run.typed_at);
            }
        }
        if safe > self.acknowledged {
            self.acknowledged = safe;
            self.orders.push(Order::Acknowledge { byte: safe });
        }
        if safe >= self.snapshot_at + SNAPSHOT_BYTES && safe == self.session.end().byte {
            self.keep_screen();
        }
    }

    /// Keeps the screen, so that a restart need not read the whole output again.
    pub(super) fn keep_screen(&mut self) {
        if let Some(run) = self.session.current().filter(|run| self.begun != Some(run.id)) {
            let (row, id) = (self.row_of(run), run.id);
            let done = self.store.keep_run(&row);
            self.report_trouble(done);
            self.begun = Some(id);
        }
        self.acknowledged = self.session.understood();
        self.orders.push(Order::Acknowledge { byte: self.acknowledged });
        if self.acknowledged != self.session.end().byte {
            return;
        }
        self.snapshot_at = self.acknowledged;
        let (cols, rows) = self.session.plan().size;
        let mut content = format!("{} {cols} {rows}\n", self.session.end()).into_bytes();
        content.extend(self.session.repaint());
        let name = crate::texts::snapshot_name(&self.row.id);
        if let Err(error) = self.state_dir.write(&name, &content) {
            self.warn(format!("the screen could not be kept: {error}"));
        }
    }

    pub(super) fn keep_settings(&mut self) {
        let done = self.store.keep_settings(&self.row);
        self.report_trouble(done);
    }

    /// Returns what the store keeps of a command.
    pub(super) fn row_of(&self, run: &Run) -> RunRow {
        RunRow {
            id: run.id,
            session: self.row.id.clone(),
            epoch: self.row.epoch,
            who: run.who.clone(),
            command: run.command.clone(),
            keys: Vec::new(),
            sequence: self.session.kept().sequence,
            expected: run.expected,
            typed_at: run.typed_at,
            from: run.from,
            to: run.to,
            cols: self.session.plan().size.0,
            at: std::time::SystemTime::now() - run.took.unwrap_or_else(|| clock::since(run.since)),
            took: run.took,
            state: run.state.clone(),
            boundary: run.boundary,
            cwd: run.cwd.clone(),
            evidence: run.evidence.clone(),
            blank: run.blank,
            eol_mark: run.eol_mark,
            kill_after: None,
            call: None,
        }
    }
}
