//! What a command waits for, kind by kind: a table of commands and of what is told of each, in every shell, here and over
//! SSH, with the kernel's file of system calls and without it.

#![expect(clippy::print_stdout, reason = "its table is read by people, beside the verdict")]

use std::fs;

use cotty_core::dialect::Shell;
use cotty_testkit::Sshd;
use cotty_testkit::home::Home;
use cotty_testkit::mcp::Mcp;
use cotty_testkit::not_run::{have, not_run};
use cotty_testkit::wait::until;
use serde_json::{Value, json};

use crate::desk::{Desk, Said, dialect, here_and_there, posix, shells};

/// What is told of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Needs(&'static str),
    /// It works: also where nothing certain can be said.
    Runs,
    Nested(&'static str),
    Exits(i32),
    /// Nobody knows, and that is said.
    Unknown,
}

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eyes {
    /// The holder, which sees all.
    Holder,
    /// The holder without the file of system calls.
    HolderHalf,
    /// The second channel of a connection.
    Channel,
    /// The same without that file.
    ChannelHalf,
}

/// How a command is brought to its end.
#[derive(Clone, Copy, Debug)]
enum End {
    Key(&'static str),
    Line(&'static str),
    /// It ends by itself.
    Itself,
    /// It is closed, after output was let through again.
    Resumed,
    /// The shell inside is left.
    Leave,
    /// The shell is another one, and is closed.
    Closed,
    /// It goes on behind the prompt, and is killed.
    Job,
}

/// A kind of command.
struct Kind {
    name: &'static str,
    command: fn(Shell) -> Words,
    told: Told,
    /// Where another verdict is the right one, or the best that can be had.
    but: fn(Shell, Eyes) -> Option<Told>,
    end: End,
    /// What it needs beside the shells: nothing, a program, or `root`.
    needs: &'static [&'static str],
}

/// What is run.
enum Words {
    /// For a POSIX shell.
    Posix(&'static str),
    /// In the shell's own language.
    Own(&'static str),
}

use Eyes::{Channel, ChannelHalf, Holder, HolderHalf};
use Told::{Exits, Needs, Nested, Runs, Unknown};
use Words::{Own, Posix};

const LINE: Told = Needs("line");
const SECRET: Told = Needs("secret");

/// A kind that is told alike everywhere.
const fn kind(name: &'static str, command: fn(Shell) -> Words, told: Told, end: End) -> Kind {
    Kind { name, command, told, but: |_, _| None, end, needs: &[] }
}

impl Kind {
    const fn needs(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }

    /// It is told otherwise by some.
    const fn but(self, but: fn(Shell, Eyes) -> Option<Told>) -> Self {
        Self { but, ..self }
    }
}

const PYTHON: &[&str] = &["python3"];
const VIM: &[&str] = &["vim"];
const LESS: &[&str] = &["less"];
const TOP: &[&str] = &["top"];
const ROOT: &[&str] = &["root"];
const SUDO: &[&str] = &["root", "sudo"];
const DASH: &[&str] = &["dash"];
const SCRIPT: &[&str] = &["script"];

/// Which descriptors a poll or a select is for is in the program's memory: the holder alone can read it.
fn polls_unseen(_: Shell, eyes: Eyes) -> Option<Told> {
    (eyes != Holder).then_some(Runs)
}

/// Without the file of system calls a program with a socket may as well wait for that.
fn socket_in_doubt(_: Shell, eyes: Eyes) -> Option<Told> {
    matches!(eyes, HolderHalf | ChannelHalf).then_some(Runs)
}

/// What stands behind a terminal inside is the holder's to see.
fn inside_unseen(_: Shell, eyes: Eyes) -> Option<Told> {
    matches!(eyes, Channel | ChannelHalf).then_some(Runs)
}

fn read(shell: Shell) -> Words {
    if shell == Shell::Tcsh { Own("set x = \"$<\"") } else { Own("read x") }
}

fn read_secret(shell: Shell) -> Words {
    match shell {
        Shell::Bash | Shell::Zsh | Shell::Ash | Shell::Fish => Own("read -s x"),
        _ => Posix("sh -c 'stty -echo; read x; stty echo'"),
    }
}

/// No kernel fact tells: fish edits there as at its prompt.
fn edited_secret(shell: Shell, _: Eyes) -> Option<Told> {
    (shell == Shell::Fish).then_some(LINE)
}

fn read_in_time(shell: Shell) -> Words {
    match shell {
        Shell::Dash | Shell::Fish | Shell::Tcsh => Posix("bash -c 'read -t 60 x'"),
        _ => Own("read -t 60 x"),
    }
}

/// That dash reads byte by byte, and not at its prompt, is part of the system call.
fn bytes_unseen(shell: Shell, eyes: Eyes) -> Option<Told> {
    (shell == Shell::Dash && eyes == HolderHalf).then_some(Unknown)
}

/// bash waits in a select, which counts where it is the session's own shell.
fn selects_unseen(shell: Shell, eyes: Eyes) -> Option<Told> {
    let is_other = matches!(shell, Shell::Dash | Shell::Fish | Shell::Tcsh);
    (is_other && eyes != Holder).then_some(Runs)
}

/// A socket of ksh93 is what its pipes are.
fn pipes_in_doubt(shell: Shell, eyes: Eyes) -> Option<Told> {
    if shell.pipes_are_sockets() { socket_in_doubt(shell, eyes) } else { None }
}

/// tcsh calls it an error.
fn quotes_end(shell: Shell, _: Eyes) -> Option<Told> {
    (!shell.continues_quotes()).then_some(Exits(1))
}

/// Root is never asked.
const SUDO_ASKS: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups sudo true";

/// A shell that replaces itself by the same program is not told from one that lost its prompt.
fn same_program(shell: Shell, _: Eyes) -> Option<Told> {
    (shell == Shell::Dash).then_some(Unknown)
}

const BESIDE_THREAD: &str = "python3 -c 'import threading, time
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
input()'";

const SELECT: &str = "python3 -c 'import select, sys
print(\"up\", flush=True)
select.select([0], [], [])
sys.stdin.readline()'";

const RECV: &str = "python3 -c 'import socket
server = socket.create_server((\"127.0.0.1\", 0))
client = socket.create_connection(server.getsockname())
print(\"up\", flush=True)
client.recv(1)'";

const BESIDE_SOCKET: &str = "python3 -c 'import socket
server = socket.create_server((\"127.0.0.1\", 0))
print(\"up\", flush=True)
input()'";

const RAW_POLL: &str = "python3 -c 'import select, socket, termios, tty
before = termios.tcgetattr(0)
server = socket.create_server((\"127.0.0.1\", 0))
poll = select.poll()
poll.register(server, select.POLLIN)
tty.setraw(0)
print(\"up\", flush=True)
poll.poll(2000)
termios.tcsetattr(0, termios.TCSADRAIN, before)'";

const BY_BYTES: &str = "python3 -c 'import os, termios
before = termios.tcgetattr(0)
modes = termios.tcgetattr(0)
modes[3] &= ~(termios.ICANON | termios.ECHO)
modes[6][termios.VMIN], modes[6][termios.VTIME] = 0, 5
termios.tcsetattr(0, termios.TCSADRAIN, modes)
while not os.read(0, 1): pass
termios.tcsetattr(0, termios.TCSADRAIN, before)'";

/// A command that is to be told as running says `up` when it has come so far.
static KINDS: [Kind; 46] = [
    kind("cat", |_| Posix("cat"), LINE, End::Key("ctrl-d")),
    kind("read", read, LINE, End::Line("x")).but(bytes_unseen),
    kind("read -s", read_secret, SECRET, End::Key("ctrl-c")).but(edited_secret),
    kind("read -t", read_in_time, LINE, End::Line("x")).but(selects_unseen),
    kind("sleep", |_| Posix("echo up; sleep 60"), Runs, End::Key("ctrl-c")),
    kind("less", |_| Posix("less lines"), Needs("pager"), End::Key("q")).needs(LESS),
    kind("vim", |_| Posix("vim -n -u NONE -i NONE lines"), Needs("editor"), End::Line(":q!")).needs(VIM),
    kind("top", |_| Posix("top"), Needs("full_screen"), End::Key("q")).needs(TOP),
    kind("python input()", |_| Posix("python3 -c 'input()'"), LINE, End::Line("x")).needs(PYTHON),
    kind("getpass", |_| Posix("python3 -c 'import getpass; getpass.getpass()'"), SECRET, End::Key("ctrl-c"))
        .needs(PYTHON),
    kind("python REPL", |_| Posix("python3 -q"), LINE, End::Line("exit()")).needs(PYTHON),
    kind("input() beside a thread", |_| Posix(BESIDE_THREAD), LINE, End::Line("x")).needs(PYTHON),
    kind("select() on stdin", |_| Posix(SELECT), LINE, End::Line("x")).but(polls_unseen).needs(PYTHON),
    kind(
        "a line editor's prompt",
        |_| Posix("python3 -c 'import readline; input(\"sql> \")'"),
        LINE,
        End::Line("x"),
    )
    .needs(PYTHON),
    kind("sudo -k; sudo true", |_| Posix(SUDO_ASKS), SECRET, End::Key("ctrl-c")).needs(SUDO),
    kind(
        "su, its password",
        |_| Posix("su nobody -s /bin/sh -c 'exec su -c true'"),
        SECRET,
        End::Key("ctrl-c"),
    )
    .needs(ROOT),
    kind(
        "su -c sleep",
        |_| Posix("su nobody -s /bin/sh -c 'echo up; exec sleep 60'"),
        Runs,
        End::Key("ctrl-c"),
    )
    .needs(ROOT),
    kind("su -c cat", |_| Posix("su nobody -s /bin/sh -c 'exec cat'"), LINE, End::Key("ctrl-d")).needs(ROOT),
    kind("nested bash", |_| Posix("bash --norc"), Nested("bash"), End::Leave),
    kind("nested dash", |_| Posix("dash"), Nested("dash"), End::Leave).needs(DASH),
    kind("nested zsh", |_| Posix("zsh -f"), Nested("zsh"), End::Leave),
    kind("exec dash", |_| Own("exec dash"), Nested("dash"), End::Closed).but(same_program).needs(DASH),
    kind("open quote", |_| Own("echo 'open"), Needs("incomplete_syntax"), End::Key("ctrl-c")).but(quotes_end),
    kind("TCP recv beside the tty", |_| Posix(RECV), Runs, End::Key("ctrl-c")).needs(PYTHON),
    kind("input() beside a socket", |_| Posix(BESIDE_SOCKET), LINE, End::Line("x"))
        .but(socket_in_doubt)
        .needs(PYTHON),
    kind("raw tty, poll on a socket", |_| Posix(RAW_POLL), Runs, End::Itself).needs(PYTHON),
    kind("bash -c cat", |_| Posix("bash -c cat"), LINE, End::Key("ctrl-d")),
    kind("bash -c 'cat;:'", |_| Posix("bash -c 'cat;:'"), LINE, End::Key("ctrl-d")),
    kind("bash -c 'read x'", |_| Posix("bash -c 'read x'"), LINE, End::Line("x")),
    kind("seq | less", |_| Posix("seq 99999 | less"), Needs("pager"), End::Key("q"))
        .but(pipes_in_doubt)
        .needs(LESS),
    kind("sleep | less", |_| Posix("echo up; sleep 2 | less -E"), Runs, End::Itself).needs(LESS),
    kind("cat | sleep", |_| Posix("cat | sleep 60"), LINE, End::Key("ctrl-c")).but(pipes_in_doubt),
    kind("cat &", |_| Own("cat &"), Exits(0), End::Job),
    kind(
        "stty raw; sleep",
        |_| Posix("was=$(stty -g); stty raw; echo up; sleep 2; stty $was"),
        Runs,
        End::Itself,
    ),
    kind("stty -echo; sleep", |_| Posix("stty -echo; echo up; sleep 2; stty echo"), Runs, End::Itself),
    kind("raw cat", |_| Posix("was=$(stty -g); stty raw; head -c 1 >copy; stty $was"), LINE, End::Key("x")),
    kind("tail -f", |_| Posix("echo up >file; tail -f file"), Runs, End::Key("ctrl-c")),
    kind("sleep & wait", |_| Posix("sh -c 'echo up; sleep 60 & wait'"), Runs, End::Key("ctrl-c")),
    kind(STOPPED, |_| Posix("echo up; read x; echo more; sleep 60"), Runs, End::Resumed),
    kind(
        "script -qc sleep",
        |_| Posix("SHELL=/bin/sh script -qc 'echo up; sleep 60' /dev/null"),
        Runs,
        End::Key("ctrl-c"),
    )
    .needs(SCRIPT),
    kind(
        "script -qc cat",
        |_| Posix("SHELL=/bin/sh script -qc 'echo up; cat' /dev/null"),
        LINE,
        End::Key("ctrl-d"),
    )
    .but(inside_unseen)
    .needs(SCRIPT),
    kind("sudo sleep", |_| Posix("sudo sh -c 'echo up; sleep 60'"), Runs, End::Key("ctrl-c")).needs(SUDO),
    kind("sudo cat", |_| Posix("sudo sh -c 'echo up; cat'"), LINE, End::Key("ctrl-d"))
        .but(inside_unseen)
        .needs(SUDO),
    kind("read by bytes, with a timeout", |_| Posix(BY_BYTES), LINE, End::Key("x")).needs(PYTHON),
    kind("a busy loop", |_| Posix("sh -c 'echo up; while :; do :; done'"), Runs, End::Key("ctrl-c")),
    kind("cat </dev/tty", |_| Posix("cat </dev/tty"), LINE, End::Key("ctrl-d")),
];

/// While it runs somebody holds the output back.
const STOPPED: &str = "^S, then output";

#[test]
fn what_a_holder_sees_of_each_kind_is_told() {
    let name = "what_a_holder_sees_of_each_kind_is_told";
    judges_rightly(name, Desk::new(), Holder);
}

#[test]
fn what_a_holder_sees_without_system_calls_is_told() {
    let name = "what_a_holder_sees_without_system_calls_is_told";
    let home = Home::new();
    let mut command = home.cotty(&["mcp"]);
    command.env("COTTY_TEST_NO_SYSCALL", "1");
    let mut agent = Mcp::start(command);
    agent.initialize();
    judges_rightly(name, Desk::of(agent, home), HolderHalf);
}

#[test]
fn what_a_second_channel_sees_of_each_kind_is_told() {
    let name = "what_a_second_channel_sees_of_each_kind_is_told";
    let Some(sshd) = Sshd::start(name) else { return };
    judges_rightly(name, Desk::over(&sshd), Channel);
}

#[test]
fn what_a_second_channel_sees_without_system_calls_is_told() {
    let name = "what_a_second_channel_sees_without_system_calls_is_told";
    let Some(sshd) = crate::broken::sshd_without_system_calls(name) else { return };
    judges_rightly(name, Desk::over(&sshd), ChannelHalf);
}

/// So many sessions share the table in each shell: most of it is waiting. One probe looks for all of a connection.
fn sessions(eyes: Eyes) -> usize {
    if matches!(eyes, Channel | ChannelHalf) { 1 } else { 2 }
}

/// Goes through the table in every shell at once.
fn judges_rightly(test: &str, mut desk: Desk, eyes: Eyes) {
    fs::write(desk.home.work().join("lines"), "one\ntwo\n").unwrap();
    // The first call starts the daemon, with the environment of this client.
    desk.tool("ssh_list", json!({}));
    // Where the file may not be read a stand-in for dash does not read it.
    let is_dash = |it: &str| eyes == ChannelHalf && it == "dash";
    let kinds: Vec<&Kind> =
        KINDS.iter().filter(|it| !it.needs.iter().any(|it| is_dash(it)) && can_run(it, test)).collect();
    let shells: Vec<&str> = shells().into_iter().filter(|it| !is_dash(it)).collect();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        let count = sessions(eyes);
        for (shell, part) in shells.iter().flat_map(|it| (0..count).map(move |part| (*it, part))) {
            let (desk, kinds) = (desk.beside(), kinds.iter().skip(part).step_by(count));
            let mut seat = Seat { desk, session: format!("{shell}-{part}"), shell, eyes };
            threads.push(scope.spawn(move || -> Vec<String> {
                seat.open();
                kinds.filter_map(|it| seat.goes_wrong(it)).collect()
            }));
        }
        threads.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let count = kinds.len() * shells.len();
    println!("{eyes:?}: {} of {count} right", count - wrong.len());
    assert!(wrong.is_empty(), "{eyes:?}: {} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn can_run(kind: &Kind, test: &str) -> bool {
    let story = format!("{test}: {}", kind.name);
    kind.needs.iter().all(|it| match *it {
        "root" => {
            let is_root = rustix::process::geteuid().is_root();
            if !is_root {
                not_run(&story, "root alone becomes another user without being asked");
            }
            is_root
        }
        program => have(program, &story),
    })
}

/// A client at a session of its own.
struct Seat<'shell> {
    desk: Desk,
    session: String,
    shell: &'shell str,
    eyes: Eyes,
}

impl Seat<'_> {
    fn open(&mut self) {
        self.desk.open(&self.session, self.shell);
        self.desk.speaks(self.shell, self.shell);
    }

    /// Runs one kind to its end; says what was wrong about it.
    fn goes_wrong(&mut self, kind: &Kind) -> Option<String> {
        let wanted = (kind.but)(dialect(self.shell), self.eyes).unwrap_or(kind.told);
        let said = self.begin(kind, wanted);
        let mut wrong = (told(&said) != Some(wanted)).then(|| format!("{wanted:?}, and was told {said:?}"));
        if let Err(after) = self.end(kind, &said) {
            wrong.get_or_insert(format!("after it {after:?}"));
            self.open_another();
        }
        let wrong = wrong.map(|it| format!("{} in {}: {it}", kind.name, self.session));
        wrong.inspect(|it| println!("{it}"))
    }

    fn open_another(&mut self) {
        self.desk.tool("ssh_close", json!({"id": self.session, "force": true}));
        self.open();
    }

    /// Runs a command in the shell's own words.
    fn run(&mut self, command: &str, wait_s: u64) -> Said {
        self.desk.run_as_it_is(&self.session, command, wait_s)
    }

    fn wait(&mut self, mut order: Value) -> Said {
        order["session"] = json!(self.session);
        self.desk.tool("ssh_wait", order)
    }

    fn press(&mut self, keys: &[&str], wait_s: u64) {
        self.desk.tool("ssh_send", json!({"session": self.session, "keys": keys, "wait_s": wait_s}));
    }

    /// Runs it until something is told of it; what is to be told as running has a second for that.
    fn begin(&mut self, kind: &Kind, wanted: Told) -> Said {
        let command = match (kind.command)(dialect(self.shell)) {
            Posix(command) => posix(self.shell, command),
            Own(command) => command.to_owned(),
        };
        if kind.name == STOPPED {
            self.run(&command, 25);
            self.press(&["ctrl-s", "enter"], 0);
        } else if wanted == Runs {
            self.run(&command, 0);
            self.wait(json!({"pattern": "(?m)^up", "wait_s": 25}));
        } else {
            let said = self.run(&command, 25);
            // A busy machine takes its time.
            return if told(&said) == Some(Runs) {
                self.wait(json!({"until": "input", "wait_s": 25}))
            } else {
                said
            };
        }
        self.wait(json!({"until": "input", "wait_s": 1}))
    }

    /// Brings it to its end, after which the session answers rightly.
    fn end(&mut self, kind: &Kind, said: &Said) -> Result<(), Said> {
        match kind.end {
            End::Job => {
                self.run("kill -9 %1", 25);
                // The shell tells of it before some prompt, and knows it no longer after that.
                until("the job is gone", || {
                    let jobs = self.run("jobs", 25).output();
                    (!jobs.contains("cat")).then_some(())
                });
            }
            End::Closed => self.open_another(),
            _ if said.exit().is_some() => {}
            End::Key(key) => self.press(&[key], 10),
            End::Line(text) => drop(self.desk.send(&self.session, text)),
            End::Itself => {}
            End::Resumed => {
                self.press(&["ctrl-q"], 0);
                self.desk.tool("ssh_close", json!({"id": said.handle()}));
            }
            End::Leave => drop(self.run("exit 3", 25)),
        }
        if !matches!(kind.end, End::Closed) {
            let ended = self.desk.tool("ssh_wait", json!({"command": said.handle(), "wait_s": 25}));
            if !["exit ", "interrupted"].iter().any(|it| ended.state().starts_with(it)) {
                return Err(ended);
            }
        }
        let next = self.desk.run(&self.session, "echo next-$((40 + 2)); (exit 6)");
        let zero = self.desk.run(&self.session, "true");
        let right = (next.exit(), next.output().as_str(), zero.exit()) == (Some(6), "next-42", Some(0));
        if right { Ok(()) } else { Err(next) }
    }
}

fn told(said: &Said) -> Option<Told> {
    let state = said.state();
    let within = |before| state.strip_prefix(before)?.split(')').next();
    if state.starts_with("running for") {
        return Some(Runs);
    }
    if state.starts_with("state not known") {
        return Some(Unknown);
    }
    if let Some(exit) = said.exit() {
        return Some(Exits(exit));
    }
    let all = KINDS.iter().map(|it| it.told).chain([LINE]);
    all.into_iter().find(|it| match it {
        Needs(kind) => within("needs input (") == Some(kind),
        Nested(inner) => within("nested shell (") == Some(inner),
        Runs | Exits(_) | Unknown => false,
    })
}

#[test]
fn a_shell_that_keeps_a_terminal_for_its_own_programs_is_at_its_prompt() {
    if !have("zsh", "a_shell_that_keeps_a_terminal_for_its_own_programs_is_at_its_prompt") {
        return;
    }
    here_and_there(|desk| {
        desk.open("z", "zsh");
        let said = desk.run("z", "zmodload zsh/zpty; zpty -b beside cat");
        assert_eq!(said.exit(), Some(0), "{said:?}");
        let said = desk.run("z", "read -s x");
        assert!(said.state().starts_with("needs input (secret)"), "{said:?}");
        desk.press("z", "ctrl-c");
        desk.is_exact("z");
        desk.run("z", "zpty -d beside");
    });
}
