//! The rows: what is measured, and against which floor.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use cotty_testkit::pairs::{PAIRS_MIN, Pairs};
use cotty_testkit::{Home, Tty};
use serde_json::json;

/// One row of the table.
pub struct Row {
    /// Its name, as one types it.
    pub name: &'static str,
    /// What its figures are.
    pub unit: Unit,
    /// Measures it.
    pub measure: fn() -> Pairs,
}

/// What a figure counts.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Time.
    Seconds,
}

/// All rows. BENCHMARKS.md says in words what floor and ours are.
pub const ROWS: [Row; 3] = [
    Row { name: "start", unit: Unit::Seconds, measure: start },
    Row { name: "call", unit: Unit::Seconds, measure: call },
    Row { name: "command", unit: Unit::Seconds, measure: command },
];

/// Pairs of a row whose samples are short.
const MANY: usize = 41;

/// Repetitions within one sample of what takes less than a millisecond.
const ROUNDS: u32 = 20;

/// What a client says first.
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;

/// What a client says after the answer.
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// The prompt marks of a shared bash, without what depends on the session.
const PS0: &str = "\x1b]133;C;c=$((__c+=1));k=0123456789abcdef\x07";
const PS1: &str =
    "$ \\[\x1b]133;D;$?;c=$__c;k=0123456789abcdef;p=$BASHPID\x07\x1b]133;B;k=0123456789abcdef\x07\\]";

/// The seconds that an act takes.
fn timed(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_secs_f64()
}

/// Process start: `true` from spawn to end, the shim from spawn to its first answer.
fn start() -> Pairs {
    let home = Home::new();
    let floor = || timed(|| assert!(home.program("true").status().expect("true").success()));
    let ours = || {
        let mut server = None;
        let seconds = timed(|| {
            let mut started = Lines::start(home.cotty(&["mcp"]));
            started.ask(INITIALIZE);
            server = Some(started);
        });
        drop(server);
        seconds
    };
    Pairs::measure(MANY, floor, ours)
}

/// A line there and back: through `cat`, and a call that finds no session, through shim and daemon.
fn call() -> Pairs {
    let home = Home::new();
    let mut cat = Lines::start(home.program("cat"));
    let mut server = Lines::start(home.cotty(&["mcp"]));
    server.ask(INITIALIZE);
    server.say(INITIALIZED);
    let list =
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"ssh_list","arguments":{}}}"#;
    Pairs::measure(
        PAIRS_MIN,
        || timed(|| (0..ROUNDS).for_each(|_| cat.ask(list))) / f64::from(ROUNDS),
        || timed(|| (0..ROUNDS).for_each(|_| server.ask(list))) / f64::from(ROUNDS),
    )
}

/// `true` in a bash: typed into a raw terminal until its mark comes, and by the tool in a shared session.
fn command() -> Pairs {
    let home = Home::new();
    let bash =
        Tty::start(home.program("bash").args(["--norc", "--noprofile"]).env("PS0", PS0).env("PS1", PS1));
    bash.wait_bytes("the first prompt", |bytes| contains(bytes, b"133;B;"));
    let mut serial = 0;
    let mut in_bash = || {
        serial += 1;
        bash.send("true\r");
        let mark = format!("133;D;0;c={serial};");
        bash.wait_bytes("the mark of `true`", |bytes| contains(bytes, mark.as_bytes()));
        bash.forget();
    };

    let mut agent = home.mcp();
    agent.initialize();
    let opened = agent.call("ssh_connect", json!({"target": "local", "name": "bench", "shell": "bash"}));
    assert!(!opened.is_error, "{}", opened.text);
    let mut shared = || {
        let reply = agent.call("ssh_run", json!({"session": "bench", "command": "true"}));
        assert!(reply.text.contains("exit 0"), "{}", reply.text);
    };
    Pairs::measure(
        PAIRS_MIN,
        || timed(|| (0..ROUNDS).for_each(|_| in_bash())) / f64::from(ROUNDS),
        || timed(|| (0..ROUNDS).for_each(|_| shared())) / f64::from(ROUNDS),
    )
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// A program that is asked and answers in lines, without a thread in between. Ended when dropped.
struct Lines {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    answer: String,
}

impl Lines {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starting it");
        let stdin = child.stdin.take().expect("piped above");
        let stdout = BufReader::new(child.stdout.take().expect("piped above"));
        Self { child, stdin, stdout, answer: String::new() }
    }

    fn say(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).expect("it listens");
    }

    /// Says a line and waits for one.
    fn ask(&mut self, line: &str) {
        self.say(line);
        self.answer.clear();
        let length = self.stdout.read_line(&mut self.answer).expect("it answers in text");
        assert!(length > 0, "it ended instead of answering");
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
