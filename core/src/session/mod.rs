//! One terminal, its screen, and the command running in it: the roof of this crate.
//!
//! The session routes and holds no rule of its own: who may write is the gate's, where a command ended the
//! marks', what a foreground waits for the probe's. Every byte that reaches the shell goes through
//! [`Session::submit`].
//!
//! # Invariants
//!
//! - A refusal changes nothing.
//! - An effect is queued only after the state it speaks of has changed.
//! - Every run that was started is settled exactly once, `Completed` only by the mark with the awaited serial.

mod opening;
mod marked;
mod judged;
mod ending;
mod frames;
mod parking;
mod pen;
mod typing;
mod line;
mod seen;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::dialect::{self, Shell, Submission};
use crate::echo::EchoSkip;
use crate::evidence::{Kind, Step};
use crate::gate::{self, Gate};
use crate::ladder::Signal;
use crate::marks::{Found, Key, Marks};
use crate::names::{Epoch, InputKind, Mode, Offset, Principal, Role, RunId, RunKind};
use crate::probe::{Front, Prober};
use crate::refusal::Refusal;
use crate::run::{Run, RunState};
use crate::screen::{self, Screen};

pub use frames::Frame;
use frames::{Asked, Below};
use line::Line;
use marked::Before;
pub use opening::Stage;
use parking::Parking;

/// Input that waits for the terminal: a long script. Above it input is refused.
const UNWRITTEN_BYTES_MAX: usize = 256 * 1024;
/// The part of it that is kept free for Ctrl-C.
const INTERRUPT_BYTES: usize = 64;
/// One input. A longer text is several, each applied once.
pub const INPUT_BYTES: usize = 16 * 1024;
/// Settled runs that stay in memory; older ones are in the store.
const RECENT_RUNS_MAX: usize = 64;

/// Whom a signal reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Whatever stands in front.
    Front,
    /// The same, but for the session's shell: what was meant may have ended by the time that the signal arrives.
    FrontButShell,
}

/// Something the outside must do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write to the terminal.
    Write {
        /// Counts inputs of this session, at most [`INPUT_BYTES`] each; each is applied once.
        sequence: u64,
        /// What.
        bytes: Bytes,
        /// Not while the terminal takes whole lines and shows none: what asks for a secret is a person's to answer.
        guarded: bool,
    },
    /// Ask for facts; the answer comes to [`Session::handle_facts`] with this number.
    AskFacts(u64),
    /// Send a signal to the foreground group.
    Signal(Signal, Reach),
    /// Let the terminal show again what is typed.
    RestoreEcho,
    /// Set the terminal's size.
    Resize(u16, u16),
    /// Show to every viewer. `from` and `to` are raw offsets; the bytes are unfiltered.
    Show {
        /// The first byte's offset.
        from: u64,
        /// One past the last.
        to: u64,
        /// What.
        bytes: Bytes,
    },
    /// This stretch of output is our own line and its echo: it is never shown.
    Hidden {
        /// The first byte's offset.
        from: u64,
        /// One past the last.
        to: u64,
    },
    /// The shell signed a prompt: what must be known to find the session again is to be kept.
    Prompted,
    /// A command began that no call had submitted: a person's, or keys that an agent sent.
    Began(RunId),
    /// An unsent line of this person was put aside, and the shell at whose prompt it stood has ended.
    DraftGone(String),
    /// The time of the pen that this person had taken is over.
    PenFell(Principal),
    /// A command has opened a shell inside the present one, which signs its prompts: the stack is to be kept.
    Opened(RunId),
    /// A command is settled; [`Session::run`] has it.
    Settled(RunId),
    /// A line was begun, or is gone, or somebody waits for it: who may write is another, and nothing else.
    DraftChanged,
    /// Something else changed that a waiting call or a viewer may care about.
    Changed,
}

/// What wants to reach the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A command, to be run as `SHELL -c` would.
    Command {
        /// Its handle, already kept.
        run: RunId,
        /// Its text.
        text: String,
        /// After this long it is ended.
        kill_after: Option<Duration>,
    },
    /// Keys: a person's, or an agent's own.
    Keys(Bytes),
}

/// What was typed, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The number of its first input, as the terminal's keeper will acknowledge it.
    pub sequence: u64,
}

/// What a terminal was like when an input was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// It showed what is typed.
    pub echo: bool,
    /// It gave whole lines.
    pub whole_lines: bool,
}

/// How a session is opened or found again.
#[derive(Clone)]
pub struct Plan {
    /// Its name, for refusals.
    pub name: String,
    /// What opens it again, for refusals.
    pub target: String,
    /// What its shell speaks.
    pub shell: Shell,
    /// What its shell signs with.
    pub key: Key,
    /// Columns and rows.
    pub size: (u16, u16),
    /// Who may write.
    pub mode: Mode,
    /// Which shell of the session this is.
    pub epoch: Epoch,
}

/// What is kept of a session at every prompt, to find it again after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The last serial its shell signed.
    pub serial: u64,
    /// The number of the last prompt, where the shell counts them.
    pub prompt: u64,
    /// The shell's process id, as it signs.
    pub pid: Option<u32>,
    /// Device and inode of the shell's executable.
    pub executable: Option<(u64, u64)>,
    /// The shell's directory.
    pub cwd: Option<String>,
    /// Where the first signed prompt began: what comes before holds our own line.
    pub ready_at: u64,
    /// The hook was typed and answered.
    pub ready: bool,
    /// It stood at its prompt.
    pub at_prompt: bool,
    /// Where the output stood.
    pub at: u64,
    /// The last input sequence.
    pub sequence: u64,
}

/// Why a prompt is not believed: the shell may have something to read or to print first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// A line was typed ahead of the prompt. The shell runs it next, unless a program took it.
    LineAhead,
    /// It was interrupted at its prompt, and prints another one, unless it ignores that.
    Interrupted,
    /// It prints a prompt whose end was not marked yet.
    Unmarked,
}

/// The state of one shared terminal.
pub struct Session {
    plan: Plan,
    stage: Stage,
    marks: Marks,
    screen: Screen,
    gate: Gate,
    prober: Prober,
    watched: bool,
    /// What the shell has signed so far.
    kept: Kept,
    before: Before,
    /// A D that only a prompt proves.
    unproven_end: Option<Found>,
    /// A prompt's D was taken and its B is due.
    prompt_due: bool,
    /// Where that D began.
    done_at: u64,
    /// Where the cursor stood when the prompt was complete.
    prompt_cursor: (u16, u16),
    more_wanted: bool,
    /// A person typed while a run worked, and the last of it sent no line.
    typed_ahead: bool,
    /// Why the shell may not be about to read the next line, though it stands at its prompt or soon will.
    doubt: Option<Doubt>,
    line: Line,
    last_typist: Option<Principal>,
    parking: Parking,
    /// Drafts may be put aside after so much quiet.
    park_after: Option<Duration>,
    end: u64,
    run: Option<Run>,
    recent: VecDeque<Run>,
    /// An rc file waits for somebody.
    asks_while_opening: bool,
    /// What stands where the shell should, if it is none that we speak.
    stranger: Option<String>,
    /// Its host shows no facts, as far as is known.
    without_facts: bool,
    /// Facts were seen since something happened.
    has_looked: bool,
    /// The number for the next command that begins by itself.
    spare_number: Option<u64>,
    shell_in_front: bool,
    /// What is in front stands at a terminal behind the session's.
    inner_terminal: bool,
    /// The program that waits for somebody, as far as facts told.
    waiting_program: String,
    /// What asked for a secret was interrupted: the echo may still be off.
    echo_lost: bool,
    /// Ctrl-S was typed, and nothing since that lets output through again.
    output_held: bool,
    /// What waits for somebody takes each key by itself, as far as facts told.
    waits_for_keys: bool,
    /// Since when facts say that the shell reads, with a command of ours not settled.
    at_shell_since: Option<Instant>,
    unwritten: usize,
    last_active: Instant,
    effects: VecDeque<Effect>,
    /// The shells below the one in front, the session's own first.
    below: Vec<Below>,
    /// Where the one in front stands.
    front: Front,
    /// What it signs with, if it is not the session's own.
    nested_key: Option<Key>,
    /// Who it runs as, and where, as it said.
    who: Option<String>,
    /// The key for the next one.
    spare_key: Option<Key>,
    /// One that was seen and is asked to sign.
    asked: Option<Asked>,
    /// The command whose shell did not answer.
    unasked: Option<RunId>,
}

impl Session {
    /// Opens a session on a new terminal.
    #[must_use]
    pub fn new(plan: Plan, now: Instant) -> Self {
        let mut session = Self::blank(plan, now, Kept::default(), 0);
        session.prober.disturb(now);
        session
    }

    /// Begins a session whose terminal is still to come: [`Session::handle_connected`] says that it is there.
    #[must_use]
    pub fn connecting(plan: Plan, now: Instant) -> Self {
        Self { stage: Stage::Connecting { since: now }, ..Self::blank(plan, now, Kept::default(), 0) }
    }

    /// Finds a session again whose terminal lived on. `screen` paints what was shown at `at`; output from
    /// there on follows through [`Session::handle_output`]. `applied` is the last input that the terminal's
    /// keeper has taken.
    #[must_use]
    pub fn resume(plan: Plan, now: Instant, kept: Kept, at: u64, applied: u64, screen: &[u8]) -> Self {
        let (typed_since, hook) = (applied > kept.sequence, kept.sequence);
        let mut session = Self::blank(plan, now, kept, at);
        session.kept.sequence = session.kept.sequence.max(applied);
        if typed_since && session.kept.at_prompt {
            // Somebody typed after that prompt, and nobody is left to say what.
            let who = Principal { role: Role::Operator, label: "somebody before a restart".into() };
            session.gate.suspect_draft(now, &who);
        }
        session.screen.feed(screen);
        drop(session.screen.take_answers()); // They were given when it was first shown.
        session.stage = match &session.kept {
            kept if kept.ready => Stage::Ready,
            // The hook is the only input that is kept before the first prompt.
            _ if hook > 0 && applied >= hook => Stage::Hooked { since: now },
            _ => Stage::Waiting { since: now },
        };
        if session.stage == Stage::Ready && !session.kept.at_prompt {
            session.doubt = Some(Doubt::LineAhead);
        }
        session.prober.disturb(now);
        session
    }

    fn blank(plan: Plan, now: Instant, kept: Kept, at: u64) -> Self {
        Self {
            stage: Stage::Waiting { since: now },
            marks: Marks::new(plan.key.clone(), at),
            screen: Screen::new(plan.size.0, plan.size.1),
            gate: Gate::new(plan.mode),
            prober: Prober::default(),
            watched: false,
            kept,
            before: Before::default(),
            unproven_end: None,
            prompt_due: false,
            done_at: 0,
            prompt_cursor: (0, 0),
            more_wanted: false,
            typed_ahead: false,
            doubt: None,
            line: Line::default(),
            last_typist: None,
            parking: Parking::None,
            park_after: None,
            end: at,
            run: None,
            recent: VecDeque::new(),
            asks_while_opening: false,
            stranger: None,
            without_facts: false,
            has_looked: false,
            spare_number: None,
            shell_in_front: false,
            inner_terminal: false,
            waiting_program: String::new(),
            echo_lost: false,
            output_held: false,
            waits_for_keys: false,
            at_shell_since: None,
            unwritten: 0,
            last_active: now,
            effects: VecDeque::new(),
            below: Vec::new(),
            front: Front::Own,
            nested_key: None,
            who: None,
            spare_key: None,
            asked: None,
            unasked: None,
            plan,
        }
    }

    /// Decides whether `input` of `who` may reach the shell now, and changes nothing.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub fn judge(&self, now: Instant, who: &Principal, input: &Input) -> Result<(), Refusal> {
        let session = self.plan.name.clone();
        match input {
            Input::Command { run, text, .. } => {
                if let Some((it, position)) = dialect::control_character(text) {
                    return Err(Refusal::ControlCharacter { what: "command", code: it.into(), position });
                }
                let (bytes, bytes_max) = (text.len(), dialect::COMMAND_BYTES_MAX);
                if bytes > bytes_max {
                    return Err(Refusal::TooLong { what: "command", bytes, bytes_max });
                }
                self.gate.clone().pick_up(now, *run, who, &session)?;
                self.check_ready(now)?;
                if !self.kept.at_prompt {
                    return Err(Refusal::NotAtPrompt { session, state: self.in_words() });
                }
                self.check_room(&self.submission(text).keys)
            }
            Input::Keys(keys) if who.role == Role::Operator => {
                self.gate.admit_human(now, who, keys, &session)?;
                self.check_room(keys)
            }
            Input::Keys(keys) => {
                self.gate.admit_agent(now, who, &session)?;
                match self.asked_for().filter(|_| !gate::is_interrupt(keys)) {
                    Some(InputKind::Secret) => return Err(Refusal::AtSecret { session }),
                    Some(InputKind::HostKey) => return Err(Refusal::AtHostKey { session }),
                    _ => {}
                }
                if self.is_at_prompt() {
                    self.admit_agent_at_prompt(now, who)?;
                }
                self.check_room(keys)
            }
        }
    }

    /// Lets `input` of `who` reach the shell: the one choke point.
    ///
    /// # Errors
    ///
    /// As [`Session::judge`].
    pub fn submit(&mut self, now: Instant, who: &Principal, input: Input) -> Result<Accepted, Refusal> {
        self.judge(now, who, &input)?;
        match input {
            Input::Command { run, text, kill_after } => {
                self.gate.pick_up(now, run, who, &self.plan.name)?;
                Ok(self.type_command(now, run, who, text, kill_after))
            }
            Input::Keys(keys) => Ok(self.type_keys(now, who, keys)),
        }
    }

    /// Takes up a command that an earlier life of the daemon had submitted. `typed` are its first input's number
    /// and its keys: those that were not applied are typed now, under the same numbers.
    pub fn take_up(&mut self, now: Instant, mut run: Run, typed: Option<(u64, Bytes)>) {
        let found = Step::new(Kind::Found).with("typed-at", run.typed_at);
        run.note(now, self.end, self.awaits(found, run.expected));
        self.gate.hand_to(run.id);
        self.gate.begin_line(false);
        self.kept.at_prompt = false;
        self.doubt = None;
        self.run = Some(run);
        if let Some((sequence, keys)) = typed {
            let inputs = keys.len().div_ceil(INPUT_BYTES) as u64;
            if self.kept.sequence + 1 < sequence + inputs {
                self.kept.sequence = sequence - 1;
                self.write(keys, false);
            }
        }
        self.prober.disturb(now);
    }

    /// Sets the size; clamped to what a screen can be.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        let size = screen::clamp(cols, rows);
        if size != self.plan.size {
            self.plan.size = size;
            self.screen.resize(size.0, size.1);
            self.effects.extend([Effect::Resize(size.0, size.1), Effect::Changed]);
        }
    }

    /// Sets who may write. Whether the caller may is decided by who calls this.
    pub fn set_mode(&mut self, mode: Mode) {
        self.plan.mode = mode;
        self.gate.set_mode(mode);
        self.effects.push_back(Effect::Changed);
    }

    /// Calls it by another name.
    pub fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.plan.name);
    }

    /// Says whether anybody waits: only then are facts asked for while a command runs.
    pub fn set_watched(&mut self, now: Instant, watched: bool) {
        let begins = watched && !self.watched;
        self.watched = watched;
        if begins && self.wants_facts() {
            self.prober.disturb(now);
        }
        if !watched && !self.wants_facts_unwatched() {
            self.prober.rest();
        }
    }

    /// Takes in bytes that the terminal printed; `at` is the offset of the first.
    pub fn handle_output(&mut self, now: Instant, at: u64, bytes: &Bytes) {
        if !self.is_living() {
            return; // The end is told after the last byte; whatever comes then is no life of this shell.
        }
        self.last_active = now;
        if at != self.end {
            self.marks.go_on_at(at); // A hole: what was unfinished stays so.
            self.end = at;
        }
        let mut done = 0;
        for found in self.marks.feed(bytes) {
            let upto = usize::try_from(found.end.saturating_sub(at)).unwrap_or(bytes.len()).min(bytes.len());
            self.take(now, bytes.slice(done.min(upto)..upto));
            done = upto;
            self.handle_mark(now, &found);
        }
        self.take(now, bytes.slice(done..));
        self.disturb(now);
    }

    /// Notes that the terminal's keeper has applied an input, and what the terminal was like then, if that was seen.
    pub fn handle_applied(&mut self, bytes: usize, seen: Option<Seen>) {
        self.unwritten = self.unwritten.saturating_sub(bytes);
        // The terminal that was seen is not the one at which a shell stands behind `script` or beyond `ssh`.
        let Some(Seen { echo, whole_lines }) = seen.filter(|_| !self.is_behind()) else { return };
        if !whole_lines && !self.plan.shell.edits_lines() && !self.kept.at_prompt {
            // Only a program sets raw mode here, and it took the key; no cursor at a prompt would ever tell.
            self.typed_ahead = false;
        }
        if let Some(skip) = self.run.as_mut().and_then(|run| run.echo.as_mut()) {
            skip.note_echo(echo, whole_lines);
        }
    }

    /// Acts on deadlines that have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pass_opening_deadline(now);
        self.pass_asking_deadline(now);
        if let Some(number) = self.prober.ask(now) {
            self.effects.push_back(Effect::AskFacts(number));
        }
        self.climb_ladders(now);
        if let Some(who) = self.gate.expire(now) {
            self.effects.extend([Effect::PenFell(who), Effect::Changed]);
        }
    }

    /// Returns when [`Session::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ladder = self.opened().chain(&self.run).filter_map(|run| run.ladder.next_at()).min();
        let taken = self.gate.taken().map(gate::Taken::until);
        let times = [self.opening_deadline(), self.asking_deadline(), self.prober.next(), ladder, taken];
        times.into_iter().flatten().min()
    }

    fn type_command(
        &mut self,
        now: Instant,
        id: RunId,
        who: &Principal,
        text: String,
        kill_after: Option<Duration>,
    ) -> Accepted {
        let Submission { keys, blank } = self.submission(&text);
        let expected = self.kept.serial + 1;
        let mut run = Run::new(id, who.clone(), text, expected, self.end, now);
        run.blank = blank;
        run.beside = self.stand_aside();
        if let Some(after) = kill_after {
            run.end_at(now + after);
        }
        run.echo = EchoSkip::new(&keys, self.plan.shell.echoes_of(&keys));
        let typed = Step::new(Kind::Typed).with("from", self.offset());
        run.note(now, self.end, self.awaits(typed, expected));
        self.run = Some(run);
        self.kept.at_prompt = false;
        self.last_typist = Some(who.clone());
        self.screen.forget_addressed();
        self.last_active = now;
        let accepted = self.write(keys.into(), false);
        self.effects.push_back(Effect::Changed);
        self.disturb(now);
        accepted
    }

    /// Adds whose mark settles a command, and which.
    fn awaits(&self, step: Step, serial: u64) -> Step {
        let step = step.with("awaited", serial).with_some("pid", self.kept.pid);
        let prompt = Some(self.kept.prompt).filter(|it| *it > 0);
        step.with_some("prompt", prompt).with("shell", self.plan.shell.name())
    }

    /// The one way out to the terminal, also for what the server-side terminal answers by itself.
    fn write(&mut self, mut bytes: Bytes, guarded: bool) -> Accepted {
        let first = self.kept.sequence + 1;
        self.unwritten += bytes.len();
        while !bytes.is_empty() {
            self.kept.sequence += 1;
            let bytes = bytes.split_to(bytes.len().min(INPUT_BYTES));
            self.effects.push_back(Effect::Write { sequence: self.kept.sequence, bytes, guarded });
        }
        Accepted { sequence: first }
    }

    /// Feeds a stretch of output, no mark's end inside it, to screen, line, echo and viewers.
    fn take(&mut self, now: Instant, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let from = self.end;
        self.end += bytes.len() as u64;
        if self.is_hidden() {
            return;
        }
        if self.is_holding() {
            return self.hold(now, from, bytes);
        }
        self.screen.feed(&bytes);
        self.answer_queries();
        self.follow_echo(now, from, &bytes);
        self.follow_line(now, from, &bytes);
        self.follow_parking();
        self.effects.push_back(Effect::Show { from, to: self.end, bytes });
    }

    /// Puts on the screen what was held back, and shows it to every viewer.
    fn show(&mut self, from: u64, bytes: Bytes) {
        self.screen.feed(&bytes);
        self.answer_queries();
        let to = from + bytes.len() as u64;
        self.effects.push_back(Effect::Show { from, to, bytes });
    }

    fn answer_queries(&mut self) {
        let answers = self.screen.take_answers();
        if !answers.is_empty() {
            self.write(self.plan.shell.readable(answers).into(), false);
        }
    }

    fn disturb(&mut self, now: Instant) {
        (self.at_shell_since, self.has_looked) = (None, false);
        if let Some(run) = &mut self.run
            && !run.state.is_settled()
            && run.state != RunState::Running
        {
            run.state = RunState::Running;
            self.effects.push_back(Effect::Changed);
        }
        if self.wants_facts() {
            self.prober.disturb(now);
        }
    }

    fn check_room(&self, keys: &[u8]) -> Result<(), Refusal> {
        let kept_free = if gate::is_interrupt(keys) { 0 } else { INTERRUPT_BYTES };
        if self.unwritten + keys.len() + kept_free <= UNWRITTEN_BYTES_MAX {
            return Ok(());
        }
        Err(Refusal::NoRoom { session: self.plan.name.clone(), waiting: self.unwritten })
    }

    fn admit_agent_at_prompt(&self, now: Instant, who: &Principal) -> Result<(), Refusal> {
        let another = self.gate.draft().is_some_and(|draft| draft.who != *who);
        let nobody = RunId { kind: RunKind::Command, number: 0 };
        if another || self.gate.grace_left(now, who).is_some() {
            self.gate.clone().pick_up(now, nobody, who, &self.plan.name)?;
        }
        Ok(())
    }

    fn offset(&self) -> Offset {
        Offset { epoch: self.plan.epoch, byte: self.end }
    }
}
