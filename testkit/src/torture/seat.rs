//! A session of the torture bench, and what its agent is answered.

use std::fs;
use std::path::{Path, PathBuf};

use cotty_core::dialect::Shell;
use serde_json::{Value, json};

use super::reference::{End, program, without_notices};
use super::words::{CAPTURE, Reader};
use crate::home::Home;
use crate::mcp::{Mcp, Ticket};
use crate::said::Said;

/// The sizes of its terminals, one after the other: usual ones, and one in which everything wraps.
const SIZES: [(u16, u16); 4] = [(120, 40), (80, 24), (200, 50), (43, 12)];

/// How long a program may take, in seconds. Most take milliseconds.
const PATIENCE_S: u64 = 25;

/// A session that does not open is a wrong answer; one that does not so many times is the end.
const UNOPENED_MAX: usize = 5;

/// An answer is given whole.
const CHARS_MAX: u64 = 1_500_000;

/// One session, opened anew as often as is needed.
#[derive(Debug)]
pub struct Seat {
    agent: Mcp,
    /// The name of its session.
    pub name: String,
    /// Its shell.
    pub shell: &'static str,
    /// Its terminal's columns and rows.
    pub size: (u16, u16),
    target: String,
    folder: PathBuf,
    state: PathBuf,
    /// Where the session's output is kept.
    output: PathBuf,
    opened: usize,
    /// What was told when it did not open.
    pub unopened: Vec<String>,
}

/// What an agent is told of a program.
#[derive(Debug)]
pub enum Answer {
    /// It ended, and how that is proven is to be had under its handle.
    Ended(End, String),
    /// Anything else, in the words of the answer.
    Else(String),
}

impl Seat {
    /// Opens a session.
    #[must_use]
    pub fn open(home: &Home, target: &str, shell: &'static str, name: &str) -> Self {
        let mut agent = home.mcp();
        agent.initialize();
        let folder = home.work().join(name);
        fs::create_dir_all(&folder).expect("a folder of its own");
        let mut seat = Self {
            agent,
            name: name.to_owned(),
            shell,
            size: SIZES[0],
            target: target.to_owned(),
            folder,
            state: home.state(),
            output: PathBuf::new(),
            opened: 0,
            unopened: Vec::new(),
        };
        seat.open_anew();
        seat
    }

    /// Closes the session, whatever it does, and opens another one of the next size.
    pub fn reopen(&mut self) {
        self.size = SIZES[self.opened % SIZES.len()];
        self.reopen_as_it_was();
    }

    /// Closes the session and opens another one of the same size.
    pub fn reopen_as_it_was(&mut self) {
        self.agent.call("ssh_close", json!({"id": self.name}));
        self.open_anew();
    }

    fn open_anew(&mut self) {
        self.opened += 1;
        let order = json!({
            "target": self.target, "name": self.name, "shell": program(self.shell).0, "cwd": self.folder,
            "cols": self.size.0, "rows": self.size.1, "env": {"LANG": "C.UTF-8"},
        });
        while !self.opens(&order) {
            assert!(self.unopened.len() < UNOPENED_MAX, "{}: {:?}", self.name, self.unopened);
            self.agent.call("ssh_close", json!({"id": self.name}));
        }
        // What it printed is found by a word that no other session prints, not even as a part: `ash` ends `bash`.
        let word = format!("opened-{}-times-in-{}", self.opened, self.name);
        self.ask(&format!("echo {word}"));
        self.output = self.folder_with(word.as_bytes());
        let printed = self.printed_from(0, 0);
        fs::write(self.folder.join(CAPTURE), marks(&printed)).expect("a capture");
    }

    /// Opens it and tells whether it is ready; what it says else, and shows, is kept.
    fn opens(&mut self, order: &Value) -> bool {
        let reply = self.agent.call("ssh_connect", order.clone());
        if !reply.is_error && reply.text.contains("ready") {
            return true;
        }
        let raw = self.agent.call("ssh_read", json!({"session": self.name, "view": "screen"})).text;
        self.unopened.push(format!("{}\n{raw}", reply.text));
        false
    }

    /// The folder of the session that printed this last.
    fn folder_with(&self, word: &[u8]) -> PathBuf {
        let sessions = fs::read_dir(self.state.join("sessions")).expect("the sessions' output");
        let mut folders: Vec<PathBuf> = sessions.flatten().map(|it| it.path()).collect();
        folders.retain(|folder| {
            let files = segments(folder);
            files.iter().any(|(_, _, path)| {
                let bytes = fs::read(path).unwrap_or_default();
                bytes.windows(word.len()).any(|it| it == word)
            })
        });
        folders.pop().expect("it was printed, so it is kept")
    }

    /// What the session printed from a byte of an epoch on, as it is kept.
    #[must_use]
    pub fn printed_from(&self, epoch: u64, byte: u64) -> Vec<u8> {
        let mut printed = Vec::new();
        for (_, first, path) in segments(&self.output).iter().filter(|it| it.0 == epoch) {
            let bytes = fs::read(path).unwrap_or_default();
            let skipped = usize::try_from(byte.saturating_sub(*first)).unwrap_or(usize::MAX);
            printed.extend_from_slice(bytes.get(skipped..).unwrap_or_default());
        }
        printed
    }

    /// Who reads its programs.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        let shell = Shell::of_program(self.shell).expect("one of the eight");
        Reader { shell, folder: &self.folder }
    }

    /// The folder for its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Submits a program; [`Seat::answer`] has what came of it.
    pub fn begin(&mut self, text: &str) -> Ticket {
        let order = json!({
            "session": self.name, "command": text, "wait_s": PATIENCE_S, "max_chars": CHARS_MAX
        });
        self.agent.start_call("ssh_run", order)
    }

    /// Waits for the answer.
    pub fn answer(&mut self, ticket: Ticket) -> Answer {
        let said = Said::from(self.agent.await_reply(ticket));
        match said.exit() {
            Some(exit) if !said.is_error => {
                Answer::Ended(End { exit, output: without_notices(&said.output()) }, said.handle())
            }
            _ => Answer::Else(self.with_evidence(said)),
        }
    }

    /// What was said, and what it rests on.
    fn with_evidence(&mut self, said: Said) -> String {
        if said.is_error {
            return said.text;
        }
        let evidence = self.agent.call("ssh_read", json!({"command": said.handle(), "view": "evidence"}));
        format!("{}\n{}", said.text, evidence.text)
    }

    /// Runs a program.
    pub fn ask(&mut self, text: &str) -> Answer {
        let ticket = self.begin(text);
        self.answer(ticket)
    }

    /// Tells whether the session still answers rightly.
    pub fn is_exact(&mut self) -> bool {
        let text = if self.reader().shell == Shell::Fish {
            "echo next; sh -c 'exit 6'"
        } else {
            "echo next; (exit 6)"
        };
        let right = End { exit: 6, output: "next".to_owned() };
        matches!(self.ask(text), Answer::Ended(end, _) if end == right)
    }
}

/// The files of a session's output in their order, with the epoch and the first byte of each.
fn segments(folder: &Path) -> Vec<(u64, u64, PathBuf)> {
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let mut found: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (epoch, first) = name.strip_suffix(".out")?.split_once('-')?;
            Some((number(epoch)?, number(first)?, entry.path()))
        })
        .collect();
    found.sort();
    found
}

/// All marks in what was printed.
fn marks(printed: &[u8]) -> Vec<u8> {
    const BEGIN: &[u8] = b"\x1b]133;";
    let mut marks = Vec::new();
    let mut rest = printed;
    while let Some(start) = rest.windows(BEGIN.len()).position(|it| it == BEGIN) {
        rest = &rest[start..];
        let Some(end) = rest.iter().position(|it| *it == 7) else { break };
        marks.extend_from_slice(&rest[..=end]);
        rest = &rest[end..];
    }
    marks
}
