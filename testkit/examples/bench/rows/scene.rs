//! What the rows have in common: an agent with a session, a raw terminal with the same hook, a program of lines.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use cotty_testkit::{Home, Mcp, ToolReply, Tty};
use serde_json::json;

/// What a client says first.
pub const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;

/// What a client says after the answer.
pub const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// The hook of a shared bash, as `core/dialect` writes it, without what depends on the session.
const HOOK: &str = r#"
__c=0;__n=0;__t=$(tty)
__m(){ local s=$?;printf '\033]133;P;k=0123456789abcdef;d=%s\007\033]133;D;%s;c=%s;k=0123456789abcdef;p=%s;t=%s\007' "$PWD" "$s" "$__c" "$BASHPID" "$__t";}
PROMPT_COMMAND[99]=__m
PS0=$'\e]133;C;c=$((__c+=1));k=0123456789abcdef;p=$BASHPID\a'
PS1='$ \[\e]133;D;$?;c=$__c;k=0123456789abcdef;p=$BASHPID;t=$__t;n=$((__n+=1))\a\e]133;B;k=0123456789abcdef\a\]'
"#;

/// The seconds that an act takes.
pub fn timed(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_secs_f64()
}

pub fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Writes the hook to a file.
pub fn write_hook(home: &Home) -> PathBuf {
    let hook = home.path().join("hook.bash");
    if !hook.exists() {
        fs::write(&hook, HOOK).expect("a file for the hook");
    }
    hook
}

/// A bash on a raw terminal, with the hook of a shared one.
pub struct RawBash {
    /// Its terminal.
    pub tty: Tty,
    serial: usize,
}

impl RawBash {
    /// Starts it and waits for its first prompt.
    pub fn start(home: &Home) -> Self {
        let mut bash = home.program("bash");
        Self::of(bash.args(["--noprofile", "--rcfile"]).arg(write_hook(home)))
    }

    /// The same of a command that leads to one.
    pub fn of(command: &Command) -> Self {
        let tty = Tty::start(command);
        tty.wait_bytes("the first prompt", |bytes| contains(bytes, b"133;B;"));
        tty.forget();
        Self { tty, serial: 0 }
    }

    /// Types a command and waits until the next prompt is whole.
    pub fn run(&mut self, command: &str) -> String {
        self.serial += 1;
        self.tty.send(format!("{command}\r"));
        let mark = format!("133;D;0;c={};", self.serial);
        self.tty.wait_bytes("the end of the command", |bytes| {
            contains(bytes, mark.as_bytes()) && contains(bytes, b"133;B;")
        });
        let text = self.tty.text();
        self.tty.forget();
        text
    }
}

/// The same bash behind as many processes as a command passes on its way through cotty, which only pass bytes on: what
/// waking them costs on this machine.
pub struct Chain {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    serial: usize,
}

impl Chain {
    /// Starts it and waits for its first prompt.
    pub fn start(home: &Home) -> Self {
        let hook = write_hook(home);
        let bash = format!("bash --noprofile --rcfile {} -i", hook.display());
        let chain = format!("cat | cat | script -qfc '{bash}' /dev/null | cat | cat");
        let mut command = home.program("sh");
        command.args(["-c", &chain]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("starting it");
        let stdin = child.stdin.take().expect("piped above");
        let stdout = child.stdout.take().expect("piped above");
        let mut chain = Self { child, stdin, stdout, serial: 0 };
        chain.read_to(b"133;B;");
        chain
    }

    /// Types a command and waits until the next prompt is whole.
    pub fn run(&mut self, command: &str) {
        self.serial += 1;
        self.stdin.write_all(format!("{command}\r").as_bytes()).expect("it listens");
        let mark = format!("133;D;0;c={};", self.serial);
        self.read_to(mark.as_bytes());
    }

    /// Reads until these bytes, and what ends a prompt, have come.
    fn read_to(&mut self, wanted: &[u8]) {
        let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
        while !(contains(&seen, wanted) && contains(&seen, b"133;B;")) {
            let length = self.stdout.read(&mut buffer).expect("it answers");
            assert!(length > 0, "it ended instead of answering");
            seen.extend_from_slice(&buffer[..length]);
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A home whose sessions are bash, with an agent in it.
pub fn agent() -> (Home, Mcp) {
    let home = Home::new();
    home.write_config("[session]\nshell = \"bash\"\n");
    let mut agent = home.mcp();
    agent.initialize();
    (home, agent)
}

/// The same, with a session that has run its first command.
pub fn agent_with_session() -> (Home, Mcp) {
    let (home, mut agent) = agent();
    run(&mut agent, "local", "true");
    (home, agent)
}

/// Runs a command that ends with 0.
pub fn run(agent: &mut Mcp, session: &str, command: &str) -> ToolReply {
    let place = if session == "local" { "target" } else { "session" };
    let reply = agent.call("ssh_run", json!({place: session, "command": command, "wait_s": 25}));
    assert!(reply.text.contains("exit 0"), "{}", reply.text);
    reply
}

/// A program that is asked and answers in lines, without a thread in between. Ended when dropped.
pub struct Lines {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    answer: String,
}

impl Lines {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starting it");
        let stdin = child.stdin.take().expect("piped above");
        let stdout = BufReader::new(child.stdout.take().expect("piped above"));
        Self { child, stdin, stdout, answer: String::new() }
    }

    pub fn say(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).expect("it listens");
    }

    /// Says a line and waits for one.
    pub fn ask(&mut self, line: &str) -> &str {
        self.say(line);
        self.answer.clear();
        let length = self.stdout.read_line(&mut self.answer).expect("it answers in text");
        assert!(length > 0, "it ended instead of answering");
        &self.answer
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
