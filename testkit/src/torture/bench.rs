//! The bench itself: a seat for each shell here and on a host, side by side, and a tally at the end.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::making::program;
use super::program::Program;
use super::recording::record;
use super::reference;
use super::seat::{Answer, Seat};
use crate::home::Home;
use crate::not_run::have;
use crate::sshd::{Sshd, admit};

/// All shells.
pub const SHELLS: [&str; 8] = ["bash", "zsh", "fish", "dash", "ash", "mksh", "ksh93", "tcsh"];

/// A session is opened anew after so many programs, in another size.
const PROGRAMS_A_SESSION: usize = 200;

/// So many programs before a wrong answer are looked at for its cause.
const BEFORE_MAX: usize = 12;

/// A program is made smaller in at most so many attempts.
const ATTEMPTS_MAX: usize = 250;

/// So many wrong answers of a seat are made smaller; the others are only counted.
const FOUND_MAX: usize = 6;

/// Where the sessions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// On this machine.
    Here,
    /// On a host, over SSH.
    There,
    /// Three of four programs here, the others there.
    Both,
}

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Order {
    /// How many programs.
    pub count: usize,
    /// The first of their seeds.
    pub seed: u64,
    /// In these shells.
    pub shells: Vec<&'static str>,
    /// And there.
    pub places: Places,
    /// The folder for recordings.
    pub record: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
pub struct Tally {
    /// Each seat.
    pub rows: Vec<Row>,
    /// How long it took.
    pub took: Duration,
}

/// What came of one seat.
#[derive(Debug, Default)]
pub struct Row {
    /// Its shell and where it was.
    pub name: String,
    /// How many programs ran.
    pub programs: usize,
    /// How many answers were wrong.
    pub wrong: usize,
    /// How many of these told an end that was none, or the exit code of another.
    pub false_ends: usize,
    /// How many sessions did not answer rightly after it.
    pub wedged: usize,
    /// How often the shell itself crashed, which was told, and its program was answered rightly in a new one.
    pub crashes: usize,
    /// How long it took.
    pub took: Duration,
    /// The wrong answers, made small.
    pub found: Vec<Found>,
}

/// A wrong answer.
#[derive(Debug)]
pub struct Found {
    /// What makes the program again.
    pub seed: u64,
    /// What ran before it in the same session, as far as it takes part.
    pub before: Vec<String>,
    /// The smallest program that is answered wrongly, in the shell's words.
    pub least: String,
    /// What is wrong about it.
    pub what: String,
}

/// What is wrong about an answer.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    pub(super) what: String,
    is_false_end: bool,
}

/// Runs programs.
#[must_use]
pub fn bench(test: &str, order: &Order) -> Tally {
    let began = Instant::now();
    let home = Home::new();
    let sshd = if order.places == Places::Here { None } else { Sshd::start(test) };
    admit(&home, &sshd.iter().collect::<Vec<_>>());
    let shells: Vec<&'static str> = order
        .shells
        .iter()
        .copied()
        .filter(|it| have(reference::program(it).0, &format!("{test} in {it}")))
        .collect();
    let places: Vec<(&str, String, usize)> = match (order.places, &sshd) {
        (Places::Here, _) => vec![("here", "local".to_owned(), order.count)],
        (Places::There, Some(sshd)) => vec![("over SSH", sshd.target(), order.count)],
        (Places::Both, Some(sshd)) => vec![
            ("here", "local".to_owned(), order.count - order.count / 4),
            ("over SSH", sshd.target(), order.count / 4),
        ],
        (_, None) => Vec::new(),
    };
    let seats = places.iter().flat_map(|place| shells.iter().map(move |shell| (place, *shell)));
    let rows = std::thread::scope(|scope| {
        let (home, many) = (&home, shells.len());
        let threads: Vec<_> = seats
            .enumerate()
            .map(|(number, (place, shell))| {
                let share = place.2 / many + usize::from(number % many < place.2 % many);
                let seed = order.seed.wrapping_add(number as u64 * 1_000_000_000);
                let name = format!("{shell}-{}", if place.0 == "here" { "here" } else { "there" });
                scope.spawn(move || {
                    let seat = Seat::open(home, &place.1, shell, &name);
                    let row = Row { name: format!("{shell} {}", place.0), ..Row::default() };
                    Sitting { home, seat, row, before: VecDeque::new(), order }.run(seed, share)
                })
            })
            .collect();
        threads.into_iter().map(|it| it.join().expect("a seat reports")).collect()
    });
    Tally { rows, took: began.elapsed() }
}

/// A seat at work.
struct Sitting<'a> {
    home: &'a Home,
    seat: Seat,
    row: Row,
    before: VecDeque<String>,
    order: &'a Order,
}

impl Sitting<'_> {
    fn run(mut self, first_seed: u64, count: usize) -> Row {
        let began = Instant::now();
        let mut seed = first_seed;
        while self.row.programs < count {
            self.one(seed);
            seed = seed.wrapping_add(1);
        }
        for told in &self.seat.unopened {
            eprintln!("{}: did not open: {told}", self.row.name);
        }
        self.row.wrong += self.seat.unopened.len();
        self.row.wedged += self.seat.unopened.len();
        self.row.took = began.elapsed();
        self.row
    }

    /// Runs the program of a seed, if the shell has words for it.
    fn one(&mut self, seed: u64) {
        let program = program(seed);
        let Some(text) = program.text(self.seat.reader()) else { return };
        if self.row.programs % PROGRAMS_A_SESSION == PROGRAMS_A_SESSION - 1 {
            self.seat.reopen();
            self.before.clear();
        }
        self.row.programs += 1;
        let Some(wrong) = self.wrong(&text, self.order.record.is_some()) else {
            self.before.push_back(text);
            if self.before.len() > BEFORE_MAX {
                self.before.pop_front();
            }
            return;
        };
        if self.has_crashed(&text, &wrong) {
            self.row.crashes += 1;
            return;
        }
        self.row.wrong += 1;
        self.row.false_ends += usize::from(wrong.is_false_end);
        self.row.wedged += usize::from(!self.seat.is_exact());
        if self.row.found.len() < FOUND_MAX {
            // Told at once: making it small may take long, or fail.
            eprintln!("{}: --seed {seed} is made small; program:\n{text}\n{}", self.row.name, wrong.what);
            let found = self.small(seed, &program, &text, wrong);
            eprintln!("{}: {found}", self.row.name);
            self.row.found.push(found);
        }
        self.seat.reopen();
        self.before.clear();
    }

    /// Tells whether the shell has come to an end by a fault of its own (zsh 5.9, once in some ten thousand programs).
    fn has_crashed(&mut self, text: &str, wrong: &Wrong) -> bool {
        let is_fault = wrong.what.contains("] shell exited 139. ");
        if is_fault {
            eprintln!("{}: {}", self.row.name, wrong.what);
            self.seat.reopen();
            self.before.clear();
        }
        is_fault && self.wrong(text, false).is_none()
    }

    /// Runs a program on both sides and tells what is wrong about the answer.
    fn wrong(&mut self, text: &str, records: bool) -> Option<Wrong> {
        let (wrong, handle) = compared(self.home, &mut self.seat, text);
        if let (true, Some(folder), Some(handle)) = (records, &self.order.record, handle) {
            record(self.home, &self.seat, &handle, folder);
        }
        wrong
    }

    /// Makes a program smaller for as long as it is answered wrongly.
    fn small(&mut self, seed: u64, program: &Program, text: &str, wrong: Wrong) -> Found {
        let mut found = Found { seed, before: Vec::new(), least: text.to_owned(), what: wrong.what };
        let before: Vec<String> = self.before.iter().cloned().collect();
        if !self.is_wrong_after(&[], &mut found) {
            // It took what ran before it, or happens only at times.
            if self.is_wrong_after(&before, &mut found) {
                self.fewer_before(before, &mut found);
            } else {
                found.what += "\n(once; not again)";
            }
            return found;
        }
        let (mut least, mut attempts) = (program.clone(), 0);
        loop {
            let smaller = least.smaller().into_iter().find_map(|it| {
                attempts += 1;
                let text = it.text(self.seat.reader()).filter(|_| attempts <= ATTEMPTS_MAX)?;
                let mut smaller = Found { least: text, before: Vec::new(), what: String::new(), ..found };
                self.is_wrong_after(&[], &mut smaller).then_some((it, smaller))
            });
            let Some((program, smaller)) = smaller else { return found };
            (least, found) = (program, smaller);
        }
    }

    /// Leaves out what ran before and takes no part.
    fn fewer_before(&mut self, mut before: Vec<String>, found: &mut Found) {
        let mut place = 0;
        while place < before.len() {
            let mut fewer = before.clone();
            fewer.remove(place);
            if self.is_wrong_after(&fewer, found) {
                before = fewer;
            } else {
                place += 1;
            }
        }
        found.before = before;
    }

    /// Tells whether a program is answered wrongly in a new session in which these ran.
    fn is_wrong_after(&mut self, before: &[String], found: &mut Found) -> bool {
        self.seat.reopen_as_it_was();
        before.iter().for_each(|text| drop(self.seat.ask(text)));
        let wrong = self.wrong(&found.least, false);
        if let Some(wrong) = &wrong {
            found.what.clone_from(&wrong.what);
        }
        wrong.is_some()
    }
}

/// Runs a program on both sides. Returns what is wrong about the answer, and the handle of one that ended.
pub(super) fn compared(home: &Home, seat: &mut Seat, text: &str) -> (Option<Wrong>, Option<String>) {
    let ticket = seat.begin(text);
    let right = reference::run(home, seat.shell, text, seat.folder(), seat.size);
    let (end, handle) = match seat.answer(ticket) {
        Answer::Ended(end, handle) => (end, Some(handle)),
        Answer::Else(words) => return (Some(Wrong { what: words, is_false_end: false }), None),
    };
    let Some(right) = right else { return (None, handle) };
    if end == right || (text.contains("& wait") && end.is_but_for_blanks(&right)) {
        return (None, handle);
    }
    let cut = end.output.len() < right.output.len() && right.output.starts_with(&end.output);
    let is_false_end = end.exit != right.exit || cut;
    (Some(Wrong { what: format!("told {end:?}\nis   {right:?}"), is_false_end }), handle)
}

impl Tally {
    /// Tells whether every answer was right.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.rows.iter().all(|it| it.wrong == 0 && it.wedged == 0)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "--seed {}", self.seed)?;
        self.before.iter().try_for_each(|it| writeln!(out, "before:\n{it}"))?;
        writeln!(out, "program:\n{}\n{}", self.least, self.what)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Row { name, programs, wrong, false_ends, wedged, crashes, took, .. } in &self.rows {
            write!(out, "{name:16} {programs:6} programs {wrong:4} wrong {false_ends:4} false ends ")?;
            writeln!(out, "{wedged:4} wedged {crashes:4} crashes of the shell {:7.1} s", took.as_secs_f64())?;
        }
        let sum = |of: fn(&Row) -> usize| self.rows.iter().map(of).sum::<usize>();
        write!(
            out,
            "{} programs, {} wrong answers, {} false ends, {} wedged sessions, {:.1} s",
            sum(|it| it.programs),
            sum(|it| it.wrong),
            sum(|it| it.false_ends),
            sum(|it| it.wedged),
            self.took.as_secs_f64()
        )
    }
}
