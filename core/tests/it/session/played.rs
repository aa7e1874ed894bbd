//! A session whose shell, clock and kernel we play.
#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use cotty_core::dialect::Shell;
use cotty_core::facts::{Blocked, Facts, Inner, Member, Program};
use cotty_core::ladder::Signal;
use cotty_core::marks::Key;
use cotty_core::names::{Epoch, Mode, Principal, Role, RunId, RunKind};
use cotty_core::refusal::Refusal;
use cotty_core::run::{Run, RunState};
use cotty_core::session::{Accepted, Effect, Input, Kept, Plan, Session};

/// The process that signs as the session's shell.
pub(crate) const SHELL: u32 = 77;

/// What the session has asked for, in the order of each kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Carried {
    /// What was typed, by its sequence.
    pub(crate) typed: Vec<(u64, Bytes)>,
    /// What viewers were shown.
    pub(crate) shown: Vec<u8>,
    /// The questions that are open.
    pub(crate) asked: Vec<u64>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) began: Vec<RunId>,
    pub(crate) settled: Vec<RunId>,
    /// How often a prompt was to be kept.
    pub(crate) prompts: usize,
}

pub(crate) struct Played {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) carried: Carried,
    next_number: u64,
    /// Everything that was printed.
    pub(crate) printed: Vec<u8>,
}

pub(crate) fn agent() -> Principal {
    Principal { role: Role::Agent, label: "agent".into() }
}

pub(crate) fn person() -> Principal {
    Principal { role: Role::Operator, label: "attach pts/3".into() }
}

#[expect(clippy::disallowed_methods, reason = "a test has a clock")]
pub(crate) fn some_moment() -> Instant {
    Instant::now()
}

pub(crate) fn plan(shell: Shell) -> Plan {
    let (key, epoch) = (Key::new("key"), Epoch(1));
    Plan { name: "s".into(), target: "local".into(), shell, key, size: (40, 6), mode: Mode::Common, epoch }
}

/// A mark of the session's shell: its letter and what follows, but for key and process.
pub(crate) fn mark(body: &str) -> String {
    format!("\x1b]133;{body};k=key;p={SHELL};t=/dev/pts/3\x07")
}

/// What the shell prints before it reads the next command: `serial` counts as this shell counts.
pub(crate) fn prompt(shell: Shell, status: i32, serial: u64, number: u64) -> String {
    let directory = "\x1b]133;P;k=key;d=/srv\x07";
    let done = mark(&format!("D;{status};c={serial}"));
    let numbered = mark(&format!("D;{status};c={serial};n={number}"));
    let end = "\x1b]133;B;k=key\x07";
    match shell {
        Shell::Bash => format!("{directory}{done}$ {numbered}{end}"),
        Shell::Zsh => format!("{directory}{numbered}\r\x1b[K% {end}"),
        Shell::Dash => format!("{directory}{done}$ {end}"),
        Shell::Fish => format!("{directory}{numbered}$ {end}\x1b[K"),
        Shell::Ash | Shell::Mksh | Shell::Ksh93 | Shell::Tcsh => {
            let numbered = mark(&format!("D;{status};c={serial};n={serial}"));
            format!("{directory}{numbered}$ {end}")
        }
    }
}

/// Facts in which one program is in front and waits for the terminal.
pub(crate) fn waits(comm: &str, canonical: bool, echo: bool) -> Facts {
    let pid = if Shell::of_program(comm).is_some() { SHELL } else { 1000 };
    let program = Program { pid, executable: Some((1, u64::from(pid))), comm: comm.into() };
    let member =
        Member { program, state: 'S', argv: vec![comm.into()], foreign: false, blocked: Blocked::OnTerminal };
    let shell = Program { pid: SHELL, executable: Some((1, u64::from(SHELL))), comm: "bash".into() };
    let shell = if pid == SHELL { member.program.clone() } else { shell };
    Facts { shell, foreground: pid, echo, canonical, members: vec![member], inner: Inner::None }
}

impl Played {
    /// A session on a terminal that was opened just now.
    pub(crate) fn opened(shell: Shell) -> Self {
        let now = some_moment();
        Self::of(Session::new(plan(shell), now), now)
    }

    pub(crate) fn of(session: Session, now: Instant) -> Self {
        let mut played =
            Self { session, now, carried: Carried::default(), next_number: 100, printed: Vec::new() };
        played.carry();
        played
    }

    /// A session whose shell stands at its first prompt.
    pub(crate) fn at_prompt(shell: Shell) -> Self {
        let kept = Kept { sequence: 1, ..Kept::default() };
        let now = some_moment();
        let mut played = Self::of(Session::resume(plan(shell), now, kept, 0, 1, b""), now);
        played.prints(prompt(shell, 0, u64::from(shell.counts_prompts()), 1));
        assert!(played.session.is_at_prompt());
        played.carried = Carried::default();
        played
    }

    /// Prints, and carries out what follows of it.
    pub(crate) fn prints(&mut self, text: impl AsRef<[u8]>) {
        let bytes = Bytes::copy_from_slice(text.as_ref());
        self.printed.extend_from_slice(&bytes);
        self.session.handle_output(self.now, self.session.end().byte, &bytes);
        self.carry();
    }

    /// Gives the next command's handle without giving the command.
    pub(crate) fn handle(&mut self) -> RunId {
        self.next_number += 1;
        RunId { kind: RunKind::Command, number: self.next_number }
    }

    pub(crate) fn try_run(&mut self, text: &str) -> Result<RunId, Refusal> {
        let run = self.handle();
        let command = Input::Command { run, text: text.into(), kill_after: None };
        self.submit(&agent(), command).map(|_| run)
    }

    /// An agent's command that must be taken.
    #[track_caller]
    pub(crate) fn run(&mut self, text: &str) -> RunId {
        self.try_run(text).unwrap()
    }

    pub(crate) fn types(&mut self, who: &Principal, keys: &str) -> Result<Accepted, Refusal> {
        self.submit(who, Input::Keys(Bytes::copy_from_slice(keys.as_bytes())))
    }

    pub(crate) fn submit(&mut self, who: &Principal, input: Input) -> Result<Accepted, Refusal> {
        let accepted = self.session.submit(self.now, who, input);
        self.carry();
        accepted
    }

    /// Lets time pass, and acts on the deadlines at their moments.
    pub(crate) fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            let asked = self.carried.asked.len();
            self.session.handle_timeout(self.now);
            self.carry();
            if self.carried.asked.len() > asked {
                break; // Nobody answers: nothing more happens.
            }
        }
        self.now = end;
    }

    /// Answers all questions with the same facts until the session has made up its mind.
    pub(crate) fn sees(&mut self, facts: &Facts) {
        for _ in 0..2 {
            let Some(at) = self.session.poll_timeout() else { return };
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
            self.carry();
            for number in std::mem::take(&mut self.carried.asked) {
                self.session.handle_facts(self.now, number, facts);
                self.carry();
            }
        }
    }

    /// The same while somebody waits for the command.
    pub(crate) fn is_watched_and_sees(&mut self, facts: &Facts) {
        self.session.set_watched(self.now, true);
        self.sees(facts);
    }

    pub(crate) fn carry(&mut self) {
        while let Some(effect) = self.session.poll_effect() {
            match effect {
                Effect::Write { sequence, bytes, .. } => self.carried.typed.push((sequence, bytes)),
                Effect::AskFacts(number) => self.carried.asked.push(number),
                Effect::Signal(signal, _) => self.carried.signals.push(signal),
                Effect::Show { bytes, .. } => self.carried.shown.extend_from_slice(&bytes),
                Effect::Prompted => self.carried.prompts += 1,
                Effect::Began(id) => self.carried.began.push(id),
                Effect::Settled(id) => self.carried.settled.push(id),
                Effect::Resize(..)
                | Effect::RestoreEcho
                | Effect::Hidden { .. }
                | Effect::Opened(_)
                | Effect::DraftGone(_)
                | Effect::DraftChanged
                | Effect::PenFell(_)
                | Effect::Changed => {}
            }
        }
        if self.session.needs_number() {
            self.next_number += 1;
            self.session.give_number(self.next_number);
        }
    }

    /// A command as it stands.
    #[track_caller]
    pub(crate) fn look(&self, id: RunId) -> &Run {
        self.session.run(id).unwrap()
    }

    #[track_caller]
    pub(crate) fn state(&self, id: RunId) -> &RunState {
        &self.look(id).state
    }

    /// What a settled command printed.
    #[track_caller]
    pub(crate) fn output(&self, id: RunId) -> String {
        let run = self.look(id);
        let (from, to) = (run.from.unwrap() as usize, run.to.unwrap() as usize);
        String::from_utf8_lossy(&self.printed[from..to]).into_owned()
    }

    /// All that was typed, joined.
    pub(crate) fn typed(&self) -> String {
        let joined: Vec<u8> = self.carried.typed.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect();
        String::from_utf8_lossy(&joined).into_owned()
    }

    /// What stands on the screen, trailing blank rows cut.
    pub(crate) fn screen(&self) -> String {
        self.session.screen().text().join("\n").trim_end().to_owned()
    }
}
