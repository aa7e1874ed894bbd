//! Shells inside shells: a nested `bash`, `su`, `sudo -i`, `exec zsh`, a second `ssh`.
//!
//! Each shell of the stack is a frame with a key and a count of its own. When the facts say that the foreground is
//! another shell at its prompt, the hook of that shell is typed with a new key; its first mark with that key is the
//! proof, and only then is the frame there. A mark of a frame below, from that frame's own process and with the
//! serial that it owes, says that all above it have ended.
//!
//! What happens beyond `ssh`, a container's client or another user's `sudo` no kernel shows us. There a shell is asked for its
//! name first, when the terminal has been silent, the cursor stands behind what looks like a prompt, and nobody has
//! typed; where no signed answer comes, everything held back is shown and nothing is concluded.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Effect, Kept, Session, Stage};
use crate::dialect::{self, Shell};
use crate::evidence::{Kind, Step};
use crate::facts::Program;
use crate::marks::{Found, Key, MarkKind};
use crate::names::{Boundary, RunId};
use crate::probe::Front;
use crate::run::{Run, RunState};

use super::marked::{self, Before};
use super::parking::Parking;

/// A shell that does not sign within this time has not read our line as a shell does.
const SIGNS_WITHIN: Duration = Duration::from_secs(3);
/// Beyond what the kernel shows: so long nothing must have been printed.
const SILENCE: Duration = Duration::from_secs(1);
/// So much is held back while a shell is asked; if it prints more it is no shell at its prompt.
const HELD_BYTES_MAX: usize = 64 * 1024;
/// Deeper is no way that a person takes.
const FRAMES_MAX: usize = 8;

/// What is kept of one shell of the stack, to find it again after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it speaks.
    pub shell: Shell,
    /// What it signs with.
    pub key: Key,
    /// Where it stands, as the kernel here shows it.
    pub front: Front,
    /// Who it runs as, and where, as it said itself.
    pub who: Option<String>,
    /// The last serial it signed.
    pub serial: u64,
    /// The number of its last prompt, where it counts them.
    pub prompt: u64,
    /// Its process id, as it signs.
    pub pid: Option<u32>,
    /// Device and inode of its executable.
    pub executable: Option<(u64, u64)>,
    /// Its directory.
    pub cwd: Option<String>,
    /// The command that opened the next one.
    pub run: Option<RunId>,
}

/// A shell below the one in front.
pub(super) struct Below {
    frame: Frame,
    run: Option<Run>,
    before: Before,
    /// A line that was put aside at its prompt is put back there and nowhere else.
    parking: Parking,
}

/// A shell that is being asked to sign.
pub(super) struct Asked {
    since: Instant,
    key: Key,
    shell: Shell,
    front: Front,
    executable: Option<(u64, u64)>,
    who: Option<String>,
    /// It has said which shell it is, where no kernel shows that.
    is_named: bool,
    /// What is said of the command if there is no answer.
    otherwise: RunState,
    /// Marks that come just before its first one.
    before: Before,
    /// What was printed meanwhile.
    held: Vec<(u64, Bytes)>,
    bytes: usize,
}

impl Below {
    pub(super) fn run_mut(&mut self) -> Option<&mut Run> {
        self.run.as_mut()
    }
}

impl Session {
    /// Returns the shells of the stack, the session's own first, the one in front last.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        let mut frames: Vec<Frame> = self.below.iter().map(|it| it.frame.clone()).collect();
        frames.push(self.front_frame());
        frames
    }

    /// Returns whether another shell stands in front of the session's own.
    #[must_use]
    pub fn is_nested(&self) -> bool {
        !self.below.is_empty()
    }

    /// Returns whether a key is needed for a shell inside the present one.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        self.spare_key.is_none()
    }

    /// Gives the key for the next shell inside the present one. It begins as the session's own does
    /// ([`Key::family`]), so that it is masked with it.
    pub fn give_key(&mut self, key: Key) {
        self.spare_key = Some(key);
    }

    /// Puts the shells back that an earlier life of the daemon knew, the session's own first, with the commands that
    /// opened them. The last one is in front.
    pub fn take_up_frames(&mut self, frames: Vec<(Frame, Option<Run>)>) {
        let count = frames.len();
        for (place, (frame, run)) in frames.into_iter().enumerate() {
            if place > 0 {
                self.marks.push_key(frame.key.clone());
            }
            if place + 1 == count {
                self.stand_in(&frame);
            } else {
                self.below.push(Below { frame, run, before: Before::default(), parking: Parking::None });
            }
        }
    }

    /// The shell that stands in front: where it stands, for the judge.
    pub(super) fn front(&self) -> Front {
        self.front
    }

    /// What the front shell signs with.
    pub(super) fn front_key(&self) -> &Key {
        self.nested_key.as_ref().unwrap_or(&self.plan.key)
    }

    /// Returns whether the shell in front stands at another terminal than the session's own.
    pub(super) fn is_behind(&self) -> bool {
        match self.front {
            Front::Own => false,
            Front::Inside(_) => self.inner_terminal,
            Front::Beyond => true,
        }
    }

    /// Returns whether what is printed is held back.
    pub(super) fn is_holding(&self) -> bool {
        self.asked.is_some()
    }

    /// Holds output back while a shell is asked.
    pub(super) fn hold(&mut self, now: Instant, from: u64, bytes: Bytes) {
        let Some(asked) = &mut self.asked else { return };
        asked.bytes += bytes.len();
        asked.held.push((from, bytes));
        if asked.bytes > HELD_BYTES_MAX {
            self.give_up_asking(now);
        }
    }

    /// Asks the shell that was just seen at its prompt inside the command under way to sign. Returns whether it is asked;
    /// the verdict is then its answer's.
    pub(super) fn ask_nested(&mut self, now: Instant, program: &Program) -> bool {
        let Some(shell) = Shell::of_login(&program.comm) else { return false };
        let otherwise = RunState::Nested { shell: program.comm.clone(), signs: false };
        if !self.may_ask(shell) {
            return false;
        }
        self.begin_asking(now, shell, Front::Inside(program.pid), program.executable, otherwise);
        self.type_nested_hook(shell);
        true
    }

    /// Asks whatever stands beyond what the kernel shows for its name, if it looks like a shell at its prompt.
    pub(super) fn ask_beyond(&mut self, now: Instant, otherwise: &RunState) -> bool {
        if self.asked.is_some() {
            return true;
        }
        let silent = now.saturating_duration_since(self.last_active) >= SILENCE;
        if !self.may_ask(Shell::Dash) {
            return false;
        }
        if !silent {
            return true; // It may be one, or its prompt is on its way: it is looked at again.
        }
        if !looks_like_a_prompt(&self.screen.line_at_cursor()) {
            return false;
        }
        self.begin_asking(now, Shell::Dash, Front::Beyond, None, otherwise.clone());
        let key = self.asked.as_ref().map(|it| it.key.as_str().to_owned()).unwrap_or_default();
        self.write(Bytes::from(dialect::who_reads(&key)), true);
        true
    }

    /// Acts on the time that a shell has for its answer.
    pub(super) fn pass_asking_deadline(&mut self, now: Instant) {
        if self.asking_deadline().is_some_and(|at| at <= now) {
            self.give_up_asking(now);
        }
    }

    pub(super) fn asking_deadline(&self) -> Option<Instant> {
        self.asked.as_ref().map(|it| it.since + SIGNS_WITHIN)
    }

    /// Takes a mark of another frame than the one in front. Returns whether that frame is in front now, and the mark is to
    /// be handled as its own.
    pub(super) fn take_other_mark(&mut self, now: Instant, found: &Found) -> bool {
        if found.level == self.below.len() {
            return true;
        }
        if found.level > self.below.len() {
            return self.take_answer(now, found);
        }
        let Some(below) = self.below.get_mut(found.level) else { return false };
        let foreign = matches!((below.frame.pid, found.mark.pid), (Some(ours), Some(its)) if ours != its);
        if foreign {
            return false;
        }
        match &found.mark.kind {
            MarkKind::Directory { path } => {
                below.before.note_directory(found, path);
                false
            }
            MarkKind::Ended => {
                below.before.note_ended(found);
                false
            }
            MarkKind::Done { status } => {
                let owed = below.run.as_ref().map_or(below.frame.serial + 1, |run| run.expected);
                let is_new = found.mark.serial.is_some_and(|it| it >= owed);
                let repeated = found.mark.prompt.is_some_and(|it| it <= below.frame.prompt);
                if is_new && !repeated {
                    self.return_to(now, found, *status);
                }
                is_new && !repeated
            }
            _ => false,
        }
    }

    /// Settles everything above the session's own shell: the terminal is gone.
    pub(super) fn close_frames(&mut self, now: Instant, state: &RunState) {
        self.asked = None;
        while let Some(below) = self.below.pop() {
            self.stand_in(&below.frame);
            self.lose_draft(&below.parking);
            if let Some(run) = below.run {
                self.gate.hand_to(run.id);
                self.run = Some(run);
                self.settle(now, state.clone(), Boundary::Exact, None);
            }
        }
    }

    /// Returns the commands that opened the shells of the stack.
    pub(super) fn opened(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.below.iter().filter_map(|it| it.run.as_ref())
    }

    /// Returns such a command, to end it.
    pub(super) fn opened_mut(&mut self, id: RunId) -> Option<&mut Run> {
        self.below.iter_mut().filter_map(|it| it.run.as_mut()).find(|run| run.id == id)
    }

    fn front_frame(&self) -> Frame {
        Frame {
            shell: self.plan.shell,
            key: self.front_key().clone(),
            front: self.front,
            who: self.who.clone(),
            serial: self.kept.serial,
            prompt: self.kept.prompt,
            pid: self.kept.pid,
            executable: self.kept.executable,
            cwd: self.kept.cwd.clone(),
            run: self.run.as_ref().map(|run| run.id),
        }
    }

    fn stand_in(&mut self, frame: &Frame) {
        let own = frame.key == self.plan.key;
        self.plan.shell = frame.shell;
        self.nested_key = (!own).then(|| frame.key.clone());
        self.front = frame.front;
        self.who.clone_from(&frame.who);
        self.kept = Kept {
            serial: frame.serial,
            prompt: frame.prompt,
            pid: frame.pid,
            executable: frame.executable,
            cwd: frame.cwd.clone(),
            ..self.kept.clone()
        };
    }

    fn may_ask(&self, shell: Shell) -> bool {
        let Some(run) = &self.run else { return false };
        let room = self.spare_key.as_ref().is_some_and(|key| self.check_room(&shell.hook(key)).is_ok());
        self.asked.is_none()
            && self.stage == Stage::Ready
            && self.below.len() < FRAMES_MAX
            && self.unasked != Some(run.id)
            && !run.typed_at_it
            && !run.ladder.has_begun()
            && self.gate.draft().is_none()
            && room
    }

    fn begin_asking(
        &mut self,
        now: Instant,
        shell: Shell,
        front: Front,
        executable: Option<(u64, u64)>,
        otherwise: RunState,
    ) {
        let Some(key) = self.spare_key.take() else { return };
        self.marks.push_key(key.clone());
        if let Some(run) = &mut self.run {
            run.note(now, self.end, Step::new(Kind::Said).with("asked", shell.name()));
        }
        self.asked = Some(Asked {
            since: now,
            key,
            shell,
            front,
            executable,
            who: None,
            is_named: false,
            otherwise,
            before: Before::default(),
            held: Vec::new(),
            bytes: 0,
        });
    }

    fn type_nested_hook(&mut self, shell: Shell) {
        let Some(key) = self.asked.as_ref().map(|it| it.key.clone()) else { return };
        let mut line = shell.introduction(&key);
        line.extend(shell.hook(&key));
        self.write(Bytes::from(line), true);
    }

    /// There was no answer: what was held back is shown, and the command is called what it was seen to be.
    fn give_up_asking(&mut self, now: Instant) {
        let Some(asked) = self.asked.take() else { return };
        self.marks.keep_keys(self.below.len() + 1);
        for (from, bytes) in asked.held {
            self.show(from, bytes);
        }
        if let Some(run) = &mut self.run {
            self.unasked = Some(run.id);
            run.note(now, self.end, Step::said("no signed answer came"));
            (run.state, run.boundary) = (asked.otherwise, Boundary::Probed);
        }
        self.effects.push_back(Effect::Changed);
    }

    /// A signed answer: the shell's name, or its first prompt.
    fn take_answer(&mut self, now: Instant, found: &Found) -> bool {
        let Some(asked) = &mut self.asked else { return false };
        match &found.mark.kind {
            MarkKind::Identity { who } if asked.front == Front::Beyond && !asked.is_named => {
                // A program whose package was renewed since is called so.
                let who = who.trim_end_matches(" (deleted)");
                let shell = if who.is_empty() { Some(Shell::Dash) } else { Shell::of_login(who) };
                asked.is_named = true;
                asked.since = now;
                match shell {
                    Some(shell) => {
                        asked.shell = shell;
                        self.type_nested_hook(shell);
                    }
                    None => self.give_up_asking(now),
                }
                false
            }
            MarkKind::Identity { who } => {
                asked.who = Some(who.clone());
                false
            }
            MarkKind::Directory { path } => {
                asked.before.note_directory(found, path);
                false
            }
            MarkKind::Done { status } => {
                let signed = marked::signed(found, 'D', found.mark.serial.unwrap_or_default());
                self.push_frame(now, signed.with("status", status).with("of", "the shell inside"));
                true
            }
            _ => false,
        }
    }

    /// It signs: it is in front now, and the command that opened it waits below.
    fn push_frame(&mut self, now: Instant, signed: Step) {
        let Some(asked) = self.asked.take() else { return };
        let frame = self.front_frame();
        let mut run = self.run.take();
        if let Some(run) = &mut run {
            self.gate.put_down(run.id);
            let name = asked.shell.name().to_owned();
            let state = RunState::Nested { shell: name, signs: true };
            run.note(now, self.end, signed);
            run.note(now, self.end, Step::new(Kind::Verdict).concludes(&state, Boundary::Exact));
            (run.state, run.boundary) = (state, Boundary::Exact);
        }
        let before = std::mem::replace(&mut self.before, asked.before);
        let id = frame.run;
        let parking = std::mem::take(&mut self.parking);
        self.below.push(Below { frame, run, before, parking });
        self.stand_in(&Frame {
            shell: asked.shell,
            key: asked.key,
            front: asked.front,
            who: asked.who,
            serial: 0,
            prompt: 0,
            pid: None,
            executable: asked.executable,
            cwd: None,
            run: None,
        });
        (self.more_wanted, self.typed_ahead, self.doubt) = (false, false, None);
        self.at_shell_since = None;
        let from = asked.held.first().map_or(self.end, |(from, _)| *from);
        self.effects.push_back(Effect::Hidden { from, to: self.end });
        self.unveil();
        self.effects.extend(id.map(Effect::Opened));
        self.effects.push_back(Effect::Changed);
    }

    /// A frame below has signed what it owed: whatever ran above it is over.
    fn return_to(&mut self, now: Instant, found: &Found, status: i32) {
        self.give_up_asking(now);
        let direct = found.level + 1 == self.below.len();
        let over = RunState::Lost { reason: "the shell that it ran in has ended".into() };
        let ended = if direct { RunState::Left { exit: status } } else { over.clone() };
        let to = self.below.get(found.level).map(|it| it.before.begins(found.start));
        let signed = marked::signed(found, 'D', found.mark.serial.unwrap_or_default())
            .with("status", status)
            .with("of", "the shell below");
        if let Some(run) = &mut self.run {
            run.note(now, self.end, signed.clone());
        }
        self.settle(now, ended, Boundary::Exact, to);
        while self.below.len() > found.level + 1 {
            let above = self.below.pop();
            self.run = above.and_then(|it| {
                self.lose_draft(&it.parking);
                it.run
            });
            if let Some(run) = &mut self.run {
                run.note(now, self.end, signed.clone());
            }
            self.settle(now, over.clone(), Boundary::Exact, to);
        }
        let Some(below) = self.below.pop() else { return };
        let inside = std::mem::replace(&mut self.parking, below.parking);
        self.lose_draft(&inside);
        self.marks.keep_keys(found.level + 1);
        self.stand_in(&below.frame);
        self.before = below.before;
        if let Some(run) = &below.run {
            self.gate.hand_to(run.id);
        }
        self.run = below.run;
        // What was to be ended stands in front now.
        for run in self.below.iter_mut().filter_map(Below::run_mut).filter(|run| run.ladder.has_begun()) {
            run.ladder.go_on(now);
        }
        (self.more_wanted, self.doubt, self.prompt_due) = (false, None, false);
        (self.kept.at_prompt, self.inner_terminal) = (false, false);
        self.unproven_end = None; // What the shell above has signed last says nothing of this one.
    }
}

/// Where nothing else tells, only what ends as the prompts of shells do is asked, and never a question.
fn looks_like_a_prompt(line: &str) -> bool {
    let line = line.trim_end();
    // fish names the account, tcsh the machine and the directory; a client of a database neither.
    let names_a_place = [":~", ":/", "@"].iter().any(|it| line.contains(it));
    (line.ends_with('>') && names_a_place) || line.ends_with(['$', '#', '%', '\u{276f}'])
}
