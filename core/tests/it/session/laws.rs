//! Laws of the session: whatever comes in whatever order.

use std::collections::BTreeSet;
use std::time::Duration;

use cotty_core::dialect::Shell;
use cotty_core::facts::{Blocked, Facts};
use cotty_core::names::{Mode, RunId};
use cotty_core::run::RunState;
use cotty_core::session::{Seen, Stage};
use proptest::prelude::*;

use super::played::{Played, SHELL, agent, person, waits};
use crate::laws::tried;
use crate::streams::{cuts, pieces, stream};

/// Something that happens to a session.
#[derive(Clone, Debug)]
enum Act {
    Prints(Vec<u8>),
    Marks(Marked),
    /// A whole prompt with the serial that is awaited, so that things go on.
    Prompts(i32),
    Runs(&'static str),
    PersonTypes(&'static str),
    AgentTypes(&'static str),
    Chooses(Mode),
    Passes(u64),
    Sees(usize),
    Ends(bool),
    Applies(bool),
    Exits,
    IsLost,
}

/// A mark, right or wrong in each of its fields.
#[derive(Clone, Debug)]
struct Marked {
    letter: char,
    /// Counted from the serial that is kept.
    serial: i64,
    pid: Option<u32>,
    number: Option<i64>,
    key: &'static str,
    status: i32,
}

impl Marked {
    fn text(&self, it: &Played) -> String {
        let kept = it.session.kept();
        let near = |base: u64, by: i64| base.saturating_add_signed(by);
        let mut text = format!("\x1b]133;{}", self.letter);
        if self.letter == 'D' {
            text.push_str(&format!(";{}", self.status));
        }
        text.push_str(&format!(";c={};k={}", near(kept.serial, self.serial), self.key));
        if let Some(pid) = self.pid {
            text.push_str(&format!(";p={pid}"));
        }
        if let Some(number) = self.number {
            text.push_str(&format!(";n={}", near(kept.prompt, number)));
        }
        if self.letter == 'P' {
            text.push_str(";d=/x");
        }
        text + "\x07"
    }

    /// It is what the shell itself would print.
    fn is_ours(&self) -> bool {
        self.key == "key" && self.pid.is_none_or(|pid| pid == SHELL)
    }
}

fn marked() -> impl Strategy<Value = Marked> {
    (
        prop::sample::select(vec!['D', 'D', 'D', 'C', 'C', 'B', 'B', 'S', 'T', 'P', 'E']),
        -2i64..4,
        prop::sample::select(vec![Some(SHELL), Some(SHELL), Some(99), None]),
        prop::option::of(-1i64..3),
        prop::sample::select(vec!["key", "key", "key", "other"]),
        prop::sample::select(vec![0, 1, 130, 137]),
    )
        .prop_map(|(letter, serial, pid, number, key, status)| Marked {
            letter,
            serial,
            pid,
            number,
            key,
            status,
        })
}

fn act() -> impl Strategy<Value = Act> {
    let keys = vec!["l", "ls\r", "\r", "\x03", "\x1b[A", "a\rb\rc", "\x04", "é", "\x15"];
    prop_oneof![
        3 => "[a-z \r\n]{0,20}".prop_map(|it| Act::Prints(it.into_bytes())),
        1 => stream().prop_map(Act::Prints),
        8 => marked().prop_map(Act::Marks),
        4 => prop::sample::select(vec![0, 1, 130]).prop_map(Act::Prompts),
        4 => prop::sample::select(vec!["make", "# no", "a\nb", "x\0"]).prop_map(Act::Runs),
        2 => prop::sample::select(keys.clone()).prop_map(Act::PersonTypes),
        1 => prop::sample::select(keys).prop_map(Act::AgentTypes),
        1 => prop::sample::select(Mode::ALL.to_vec()).prop_map(Act::Chooses),
        2 => (0u64..8000).prop_map(Act::Passes),
        3 => (0usize..6).prop_map(Act::Sees),
        1 => any::<bool>().prop_map(Act::Ends),
        1 => any::<bool>().prop_map(Act::Applies),
    ]
}

/// Few sessions end in the middle.
fn acts() -> impl Strategy<Value = Vec<Act>> {
    let last = prop_oneof![Just(Act::Exits), Just(Act::IsLost)];
    (prop::collection::vec(act(), 0..60), last, prop::collection::vec(act(), 0..5)).prop_map(
        |(mut acts, last, after)| {
            acts.push(last);
            acts.extend(after);
            acts
        },
    )
}

fn shell() -> impl Strategy<Value = Shell> {
    prop::sample::select(Shell::ALL.to_vec())
}

fn facts(which: usize) -> Facts {
    match which {
        0 => waits("bash", false, false),
        1 => waits("dash", true, true),
        2 => waits("sudo", true, false),
        3 => waits("cat", true, true),
        4 => Facts::default(),
        _ => {
            let mut works = waits("make", true, true);
            works.members[0].blocked = Blocked::Elsewhere;
            works
        }
    }
}

/// A session, and what must be true of it after every act.
struct Watched {
    it: Played,
    mode: Mode,
    begun: BTreeSet<RunId>,
    settled: BTreeSet<RunId>,
    /// The marks of the present act that could prove an end: serial, status, and whether they number a new prompt.
    proofs: Vec<(u64, i32, bool)>,
}

impl Watched {
    fn new(shell: Shell) -> Self {
        let it = Played::at_prompt(shell);
        let mode = it.session.gate().mode();
        Self { it, mode, begun: BTreeSet::new(), settled: BTreeSet::new(), proofs: Vec::new() }
    }

    fn carry(&mut self, act: &Act) {
        self.proofs.clear();
        let it = &mut self.it;
        match act {
            Act::Prints(bytes) => {
                // What is cut short would swallow the next mark; a stream may also hold a mark by chance.
                let bytes = [bytes.as_slice(), b"\x18"].concat();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if text.contains("133;D;0;c=3;k=key;p=77") {
                    self.proofs.push((3, 0, false));
                }
                it.prints(bytes);
            }
            Act::Marks(mark) => {
                let text = mark.text(it);
                let serial = it.session.kept().serial.saturating_add_signed(mark.serial);
                if mark.letter == 'D' && mark.is_ours() {
                    self.proofs.push((serial, mark.status, mark.number.is_some_and(|number| number > 0)));
                }
                it.prints(text);
            }
            Act::Prompts(status) => {
                let kept = it.session.kept();
                let serial = it.session.current().map_or(kept.serial, |run| run.expected);
                self.proofs.push((serial, *status, false));
                let text = super::played::prompt(it.session.plan().shell, *status, serial, kept.prompt + 1);
                it.prints(text);
            }
            Act::Runs(text) => drop(self.refuses_or_does(|it| it.try_run(text).map(drop))),
            Act::PersonTypes(keys) => drop(self.refuses_or_does(|it| it.types(&person(), keys).map(drop))),
            Act::AgentTypes(keys) => drop(self.refuses_or_does(|it| it.types(&agent(), keys).map(drop))),
            Act::Chooses(mode) => {
                self.mode = *mode;
                it.session.set_mode(*mode);
            }
            Act::Passes(millis) => it.passes(Duration::from_millis(*millis)),
            Act::Sees(which) => it.is_watched_and_sees(&facts(*which)),
            Act::Ends(force) => {
                if let Some(run) = it.session.current().map(|run| run.id) {
                    drop(it.session.end_run(it.now, run, *force));
                }
            }
            Act::Applies(echo) => {
                it.session.handle_applied(3, Some(Seen { echo: *echo, whole_lines: true }));
            }
            Act::Exits => it.session.handle_exit(it.now, Some(0)),
            Act::IsLost => it.session.handle_lost(it.now, "gone"),
        }
        self.it.carry();
    }

    /// A refusal changes nothing, and a begun line is never typed upon.
    fn refuses_or_does(
        &mut self,
        act: impl FnOnce(&mut Played) -> Result<(), cotty_core::refusal::Refusal>,
    ) -> bool {
        let (kept, before) = (self.it.session.kept(), self.it.carried.clone());
        let (pen, drafted) = (self.it.session.gate().pen(), self.it.session.gate().draft().is_some());
        let done = act(&mut self.it).is_ok();
        if !done {
            assert_eq!((self.it.session.kept(), &self.it.carried), (kept, &before));
            assert_eq!(self.it.session.gate().pen(), pen);
        }
        let begins = self.it.session.gate().pen() != pen;
        assert!(!(begins && drafted), "a command was typed onto a draft");
        done
    }

    fn check(&mut self) {
        let (carried, session) = (std::mem::take(&mut self.it.carried), &self.it.session);
        self.begun.extend(session.current().map(|run| run.id).into_iter().chain(carried.began));
        for id in carried.settled {
            self.begun.insert(id);
            assert!(self.settled.insert(id), "{id} was settled twice");
            let run = self.it.look(id);
            assert!(run.state.is_settled());
            assert!(run.from.is_some() && run.from <= run.to && run.to.unwrap_or(0) <= session.end().byte);
            if let RunState::Completed { exit } = run.state {
                // A line that the shell did not understand counts no command: a new prompt proves its end.
                let proves = |&(serial, status, is_new): &(u64, i32, bool)| {
                    status == exit && (serial == run.expected || (is_new && serial + 1 == run.expected))
                };
                assert!(self.proofs.iter().any(proves), "{exit} without proof: {:?}", self.proofs);
            }
        }
        assert_eq!(session.gate().mode(), self.mode);
        assert_eq!(session.gate().pen(), session.current().map(|run| run.id));
        assert!(session.understood() <= session.end().byte);
        assert!(!(session.is_at_prompt() && session.current().is_some()));
        let is_over = matches!(session.stage(), Stage::Exited(_) | Stage::Lost(_));
        assert_eq!(session.is_living(), !is_over);
        self.it.carried.asked = carried.asked;
    }
}

/// All that a stream leaves behind; what viewers saw is joined.
fn told(it: &mut Played) -> String {
    let run = |run: &cotty_core::run::Run| {
        format!("{} {:?} {:?} {:?} {:?}", run.command, run.from, run.to, run.state, run.cwd)
    };
    let runs: Vec<String> = it.carried.settled.iter().filter_map(|id| it.session.run(*id)).map(run).collect();
    let mut kept = it.session.kept();
    // Queries that come together are answered together.
    kept.sequence = 0;
    let screen = it.session.repaint().escape_ascii().to_string();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{}\n{}\n{:?}\n{}\n{:?}\n{}",
        runs,
        it.session.current().map(run),
        it.carried.began.len(),
        kept,
        it.session.understood(),
        it.carried.prompts,
        it.typed(),
        format!("{:?}", it.session.stage()).split(' ').next(),
        it.carried.shown.escape_ascii(),
        it.session.gate().draft().is_some(),
        screen,
    )
}

fn parts() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => marked().prop_map(|mark| mark.text(&Played::at_prompt(Shell::Bash)).into_bytes()),
        2 => "[a-z \r\n]{0,20}".prop_map(String::into_bytes),
        2 => prop::sample::select(vec![Shell::Bash, Shell::Zsh, Shell::Dash]).prop_map(|shell| {
            super::played::prompt(shell, 0, 1, 2).into_bytes()
        }),
        1 => stream(),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(tried(1500))]
    #[test]
    fn a_run_is_settled_once_and_completed_only_by_proof(shell in shell(), acts in acts()) {
        let mut watched = Watched::new(shell);
        for act in &acts {
            watched.carry(act);
            watched.check();
        }
        prop_assert_eq!(&watched.begun, &watched.settled);
    }
}

proptest! {
    #![proptest_config(tried(400))]
    #[test]
    fn bytes_cut_anywhere_give_the_same_session(
        shell in shell(),
        typed in prop::sample::select(vec!["", "make", "#", "a\nb"]),
        keys in prop::sample::select(vec!["", "ls\r", "x", "\x03"]),
        is_new in any::<bool>(),
        stream in parts(),
        cuts in cuts(),
    ) {
        let play = |pieces: Vec<&[u8]>| {
            let mut it = if is_new { Played::opened(shell) } else { Played::at_prompt(shell) };
            if is_new {
                it.sees(&facts(usize::from(!shell.edits_lines())));
            }
            drop(it.types(&person(), keys));
            drop(it.try_run(typed));
            pieces.into_iter().for_each(|piece| it.prints(piece));
            (it.carried.began.len(), told(&mut it))
        };
        let (cut, whole) = (play(pieces(&stream, &cuts)), play(vec![&stream]));
        // Of several commands that begin in one piece only the first has a number to begin with.
        prop_assume!(cut.0 <= 1);
        prop_assert_eq!(cut, whole);
    }
}
