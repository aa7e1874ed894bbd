//! Who may write now: the operator's mode, the run that holds the pen, and the line that somebody has begun.
//!
//! The mode is the operator's and the pen is the run's: two facts, two fields. A run can put down only the pen
//! that it picked up, so the end of a run never undoes what the operator chose meanwhile.

use std::time::{Duration, Instant};

use crate::names::{Mode, Principal, Role, RunId};
use crate::refusal::Refusal;

mod taken;

pub use taken::{AWAY_MAX, Aged, QUIET_MAX, Taken};

/// In human-first mode an agent's command waits this long after a person's last key.
pub const GRACE: Duration = Duration::from_secs(5);

/// Ctrl-C.
pub(crate) const INTERRUPT: u8 = 0x03;

/// An unsent line: what was typed since the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Who typed first.
    pub who: Principal,
    /// When.
    pub since: Instant,
    /// When the last key of it was typed.
    pub last: Instant,
    /// The agent that was refused for it last.
    pub awaited_by: Option<Principal>,
    /// What is known of its length.
    length: Length,
    /// What it says, as long as every key was a printable character of ASCII or took one back.
    text: Option<String>,
}

impl Draft {
    fn unknown(now: Instant, who: &Principal) -> Self {
        Self {
            who: who.clone(),
            since: now,
            last: now,
            awaited_by: None,
            length: Length::Unknown,
            text: None,
        }
    }

    /// Returns what it says, where that is known for certain.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let known = matches!(self.length, Length::Plain(length) if self.text.as_ref().is_some_and(|it| it.len() == length));
        self.text.as_deref().filter(|_| known)
    }

    fn note(&mut self, keys: &[u8]) {
        for &key in keys {
            let Some(text) = &mut self.text else { return };
            match key {
                0x20..=0x7e => text.push(char::from(key)),
                0x7f | 0x08 => drop(text.pop()),
                0x15 => text.clear(),
                _ => self.text = None,
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// Every key was a plain character: this many stand there.
    Plain(usize),
    /// A key moved, completed or recalled something: only the shell knows.
    Unknown,
}

/// Decides who may write.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    mode: Mode,
    pen: Option<RunId>,
    draft: Option<Draft>,
    last_human: Option<(Principal, Instant)>,
    taken: Option<Taken>,
}

impl Gate {
    /// Returns a gate in the given mode, with nobody writing.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Picks the pen up for a run.
    ///
    /// # Errors
    ///
    /// Refuses while the mode is closed to agents, another run holds it, a line is begun, or (human-first) a
    /// person typed within [`GRACE`].
    pub fn pick_up(
        &mut self,
        now: Instant,
        run: RunId,
        who: &Principal,
        session: &str,
    ) -> Result<(), Refusal> {
        self.admit_agent(now, who, session)?;
        if let Some(holder) = self.pen {
            return Err(Refusal::RunInProgress { session: session.to_owned(), run: holder });
        }
        if let Some(draft) = &self.draft {
            return Err(Refusal::DraftOnTheLine {
                session: session.to_owned(),
                who: draft.who.label.clone(),
                role: draft.who.role,
                seconds: now.saturating_duration_since(draft.since).as_secs(),
            });
        }
        if let Some(left) = self.grace_left(now, who) {
            let typist = self.last_human.as_ref().map(|(it, _)| it.label.clone()).unwrap_or_default();
            let seconds = GRACE.saturating_sub(left).as_secs();
            return Err(Refusal::PersonTyping { session: session.to_owned(), who: typist, seconds });
        }
        self.pen = Some(run);
        Ok(())
    }

    /// Puts the pen down, if it is this run's.
    pub fn put_down(&mut self, run: RunId) {
        if self.pen == Some(run) {
            self.pen = None;
        }
    }

    /// Gives the pen to a run that is under way already: a person's command, or one found again.
    pub fn hand_to(&mut self, run: RunId) {
        self.pen = Some(run);
    }

    /// Decides on an agent's keys.
    ///
    /// # Errors
    ///
    /// Refuses where the operator closed the terminal to agents. An operator's own commands are never refused.
    pub fn admit_agent(&self, now: Instant, who: &Principal, session: &str) -> Result<(), Refusal> {
        if self.mode == Mode::HumanOnly && who.role == Role::Agent {
            return Err(Refusal::ClosedByOperator { session: session.to_owned(), mode: self.mode });
        }
        self.admit_beside(now, who, session)
    }

    /// What a person has taken is theirs: an operator's own commands wait for another person's pen like everybody's.
    fn admit_beside(&self, now: Instant, who: &Principal, session: &str) -> Result<(), Refusal> {
        match self.taken.as_ref().filter(|it| it.who != *who) {
            Some(taken) => Err(Refusal::PenTaken {
                session: session.to_owned(),
                who: taken.who.label.clone(),
                seconds: now.saturating_duration_since(taken.since).as_secs(),
            }),
            None => Ok(()),
        }
    }

    /// Decides on a person's keys. An interrupt is always let through.
    ///
    /// # Errors
    ///
    /// Refuses in agent-only mode, and while another person has the pen.
    pub fn admit_human(
        &self,
        now: Instant,
        who: &Principal,
        keys: &[u8],
        session: &str,
    ) -> Result<(), Refusal> {
        if self.mode == Mode::AgentOnly && !is_interrupt(keys) {
            return Err(Refusal::ClosedByOperator { session: session.to_owned(), mode: self.mode });
        }
        if is_interrupt(keys) { Ok(()) } else { self.admit_beside(now, who, session) }
    }

    /// Gives the pen to a person, and takes it from the one who had it, who is returned. The command that runs goes on.
    pub fn take(&mut self, now: Instant, who: &Principal) -> Option<Principal> {
        if self.taken.as_ref().is_some_and(|it| it.who == *who) {
            return None;
        }
        self.taken.replace(Taken::new(now, who)).map(|it| it.who)
    }

    /// Puts the pen down, if it is this person's; says whether it was.
    pub fn release(&mut self, who: &Principal) -> bool {
        self.taken.take_if(|it| it.who == *who).is_some()
    }

    /// Notes whether the owner of the pen has a viewer.
    pub fn note_here(&mut self, now: Instant, is_here: bool) {
        if let Some(taken) = &mut self.taken {
            taken.away = if is_here { None } else { taken.away.or(Some(now)) };
        }
    }

    /// Takes the pen back whose time is over, and returns whose it was.
    pub fn expire(&mut self, now: Instant) -> Option<Principal> {
        self.taken.take_if(|it| it.until() <= now).map(|it| it.who)
    }

    /// Gives back a pen that was taken in an earlier life, unless its time is over.
    pub fn restore_taken(&mut self, now: Instant, aged: &Aged) {
        self.taken = Some(Taken::again(now, aged)).filter(|it| it.until() > now);
    }

    /// Returns the pen that a person has taken.
    #[must_use]
    pub fn taken(&self) -> Option<&Taken> {
        self.taken.as_ref()
    }

    /// Notes keys that were let through, for the line that they may begin.
    pub fn note_keys(&mut self, now: Instant, who: &Principal, keys: &[u8]) {
        if who.role == Role::Operator {
            self.last_human = Some((who.clone(), now));
            if let Some(taken) = self.taken.as_mut().filter(|it| it.who == *who) {
                taken.last = now;
            }
        }
        let length = after_keys(self.draft.as_ref().map_or(Length::Plain(0), |draft| draft.length), keys);
        if length == Length::Plain(0) {
            self.draft = None;
        } else {
            let begun = || Draft { length, text: Some(String::new()), ..Draft::unknown(now, who) };
            let draft = self.draft.get_or_insert_with(begun);
            (draft.length, draft.last) = (length, now);
            draft.note(keys);
        }
    }

    /// Notes that a line was typed again as it was.
    pub fn restore_draft(&mut self, draft: Draft) {
        self.draft = Some(draft);
    }

    /// Notes that a line may have been begun that nobody remembers. It is no key just typed: nobody is waited for.
    pub fn suspect_draft(&mut self, now: Instant, who: &Principal) {
        self.draft = Some(Draft::unknown(now, who));
    }

    /// Notes that an agent was refused for the unsent line; says whether that is news.
    pub fn note_awaited(&mut self, who: &Principal) -> bool {
        let Some(draft) = self.draft.as_mut().filter(|it| it.awaited_by.as_ref() != Some(who)) else {
            return false;
        };
        draft.awaited_by = Some(who.clone());
        true
    }

    /// Notes that the shell shows a prompt: whatever was begun is gone, except keys typed ahead of it.
    pub fn begin_line(&mut self, keep_draft: bool) {
        if !keep_draft {
            self.draft = None;
        }
    }

    /// Returns how long an agent still waits for a person who has just typed.
    #[must_use]
    pub fn grace_left(&self, now: Instant, who: &Principal) -> Option<Duration> {
        if self.mode != Mode::HumanFirst || who.role == Role::Operator {
            return None;
        }
        let (_, typed_at) = self.last_human.as_ref()?;
        GRACE.checked_sub(now.saturating_duration_since(*typed_at)).filter(|left| !left.is_zero())
    }

    /// Returns the operator's choice.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Sets the operator's choice. Whether the caller may is decided by who calls this.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// Returns the run that holds the pen.
    #[must_use]
    pub fn pen(&self) -> Option<RunId> {
        self.pen
    }

    /// Returns the line that somebody has begun.
    #[must_use]
    pub fn draft(&self) -> Option<&Draft> {
        self.draft.as_ref()
    }
}

/// Returns whether these keys do nothing but interrupt.
#[must_use]
pub fn is_interrupt(keys: &[u8]) -> bool {
    !keys.is_empty() && keys.iter().all(|&key| key == INTERRUPT)
}

/// Returns whether nothing of these keys can be left for a later reader: they end in a key that sends or drops
/// the line (Enter, Ctrl-C, Ctrl-D, Ctrl-Z, Ctrl-\\).
#[must_use]
pub fn leaves_nothing(keys: &[u8]) -> bool {
    keys.last().is_none_or(|&key| matches!(key, b'\r' | b'\n' | INTERRUPT | 0x04 | 0x1a | 0x1c))
}

/// Returns whether these keys hold output back in a terminal that heeds them, or let it through again; nothing where they
/// do neither. What sends a signal lets it through too.
#[must_use]
pub fn holds_output(keys: &[u8]) -> Option<bool> {
    keys.iter().rev().find_map(|&key| match key {
        0x13 => Some(true),
        0x11 | INTERRUPT | 0x1a | 0x1c => Some(false),
        _ => None,
    })
}

/// Returns whether these keys send what is on the line.
#[must_use]
pub fn sends_line(keys: &[u8]) -> bool {
    keys.iter().any(|key| matches!(key, b'\r' | b'\n'))
}

/// Follows the line through some keys. Known only while each key was a plain character, Backspace, Ctrl-U,
/// Ctrl-C or Enter: an arrow or a tab may have put anything there.
fn after_keys(length: Length, keys: &[u8]) -> Length {
    keys.iter().fold(length, |length, &key| match (length, key) {
        (_, b'\r' | b'\n') => Length::Plain(0),
        (Length::Unknown, _) => Length::Unknown,
        (Length::Plain(_), 0x15 | INTERRUPT) => Length::Plain(0),
        (Length::Plain(n), 0x7f | 0x08) => Length::Plain(n.saturating_sub(1)),
        // Continuation bytes of UTF-8 belong to a character that was counted.
        (Length::Plain(n), 0x80..=0xbf) => Length::Plain(n),
        (Length::Plain(n), 0x20..=0xff) => Length::Plain(n + 1),
        (Length::Plain(_), _) => Length::Unknown,
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has a clock")]
mod tests {
    use super::*;
    use crate::names::RunKind;

    fn person() -> Principal {
        Principal { role: Role::Operator, label: "attach".into() }
    }

    fn agent() -> Principal {
        Principal { role: Role::Agent, label: "agent".into() }
    }

    #[test]
    fn a_pen_has_in_another_life_what_was_left_of_its_time() {
        let (now, second) = (Instant::now() + Duration::from_secs(3600), Duration::from_secs(1));
        let mut gate = Gate::new(Mode::default());
        gate.take(now, &person());
        let aged = gate.taken().unwrap().aged(now + 30 * second);
        // Its owner's viewers went with the daemon: a minute, and never more than the ten from the last key.
        let mut again = Gate::new(Mode::default());
        again.restore_taken(now + 30 * second, &aged);
        assert_eq!(again.taken().map(Taken::until), Some(now + 90 * second));
        again.note_here(now + 40 * second, true);
        assert_eq!(again.taken().map(Taken::until), Some(now + QUIET_MAX));
        // Where they had gone before, that minute goes on.
        gate.note_here(now + 20 * second, false);
        let aged = gate.taken().unwrap().aged(now + 30 * second);
        again.restore_taken(now + 30 * second, &aged);
        assert_eq!(again.taken().map(Taken::until), Some(now + 80 * second));
        // Whose time was over meanwhile has it no longer.
        let aged = Aged { last: QUIET_MAX, ..aged };
        again.restore_taken(now, &aged);
        assert_eq!(again.taken(), None);
    }

    const RUN: RunId = RunId { kind: RunKind::Command, number: 1 };

    #[test]
    fn a_command_is_never_typed_onto_a_draft() {
        let (mut gate, now) = (Gate::new(Mode::Common), Instant::now());
        gate.note_keys(now, &person(), b"rm -r");
        assert!(matches!(gate.pick_up(now, RUN, &agent(), "s"), Err(Refusal::DraftOnTheLine { .. })));
        gate.note_keys(now, &person(), b"\x7f\x7f\x7f\x7f\x7f");
        assert_eq!(gate.pick_up(now, RUN, &agent(), "s"), Ok(()));
    }

    #[test]
    fn an_arrow_makes_the_line_unknown_until_the_next_prompt() {
        let (mut gate, now) = (Gate::new(Mode::Common), Instant::now());
        gate.note_keys(now, &person(), b"\x1b[A");
        gate.note_keys(now, &person(), b"\x15");
        assert!(gate.draft().is_some());
        gate.begin_line(false);
        assert!(gate.draft().is_none());
    }

    #[test]
    fn human_first_waits_for_a_person_who_has_just_typed() {
        let (mut gate, now) = (Gate::new(Mode::HumanFirst), Instant::now());
        gate.note_keys(now, &person(), b"ls\r");
        assert!(matches!(gate.pick_up(now, RUN, &agent(), "s"), Err(Refusal::PersonTyping { .. })));
        assert_eq!(gate.pick_up(now + GRACE, RUN, &agent(), "s"), Ok(()));
    }

    #[test]
    fn a_person_may_always_interrupt() {
        let gate = Gate::new(Mode::AgentOnly);
        let now = Instant::now();
        assert_eq!(gate.admit_human(now, &person(), b"\x03", "s"), Ok(()));
        assert!(gate.admit_human(now, &person(), b"ls\r", "s").is_err());
    }

    #[test]
    fn a_taken_pen_is_one_persons_until_they_release_it_or_its_time_is_over() {
        let (mut gate, now) = (Gate::new(Mode::HumanFirst), Instant::now());
        let other = Principal { role: Role::Operator, label: "other".into() };
        assert_eq!(gate.take(now, &person()), None);
        let refused = gate.pick_up(now + GRACE, RUN, &agent(), "s").unwrap_err();
        assert_eq!(refused.to_string(), "attach has taken the pen of session s 5 s ago; nothing was typed");
        assert!(gate.admit_human(now, &other, b"x", "s").is_err());
        assert_eq!(gate.admit_human(now, &other, b"\x03", "s"), Ok(()));
        assert_eq!(gate.admit_human(now, &person(), b"x", "s"), Ok(()));
        assert!(!gate.release(&other));
        assert_eq!(gate.take(now, &other), Some(person()));
        assert!(gate.release(&other) && gate.taken().is_none());

        gate.take(now, &person());
        let typed = now + QUIET_MAX / 2;
        gate.note_keys(typed, &person(), b"\r");
        assert_eq!(gate.expire(now + QUIET_MAX), None);
        assert_eq!(gate.expire(typed + QUIET_MAX), Some(person()));

        gate.take(now, &person());
        gate.note_here(now, false);
        gate.note_here(now + AWAY_MAX / 2, true);
        assert_eq!(gate.expire(now + AWAY_MAX), None);
        gate.note_here(now + AWAY_MAX, false);
        gate.note_here(now + AWAY_MAX + AWAY_MAX / 2, false);
        assert_eq!(gate.expire(now + AWAY_MAX * 2), Some(person()));
    }

    #[test]
    fn a_run_puts_down_only_its_own_pen() {
        let (mut gate, now) = (Gate::new(Mode::Common), Instant::now());
        gate.pick_up(now, RUN, &agent(), "s").unwrap();
        gate.put_down(RunId { kind: RunKind::Command, number: 2 });
        assert_eq!(gate.pen(), Some(RUN));
    }
}
