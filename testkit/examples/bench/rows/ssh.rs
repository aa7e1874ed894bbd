//! Rows over SSH: a real sshd on loopback in its default configuration, and the `ssh` that is installed.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;

use cotty_testkit::pairs::{PAIRS_MIN, Pairs};
use cotty_testkit::{Home, Mcp, Sshd, Tty};
use serde_json::json;

use super::bare::Bare;
use super::flood::{LINES, file};
use super::memory::{peak, resident};
use super::scene::{RawBash, contains, run, timed, write_hook};
use super::time::{each, middle};

/// How the server is named in ssh's configuration.
const HOST: &str = "bench";

/// Pairs of a row whose samples are short.
const MANY: usize = 41;

/// Repetitions within one sample of what takes a millisecond.
const ROUNDS: u32 = 20;

/// Keys of which one in a hundred may be slower than the sample says.
const KEYS: usize = 100;

/// A server, and a home whose agent knows how to reach it.
struct Far {
    agent: Mcp,
    home: Home,
    server: Sshd,
    known_hosts: PathBuf,
}

impl Far {
    fn start() -> Self {
        let server = Sshd::start("a row over SSH").expect("openssh-server");
        let known_hosts = server.known_hosts();
        let (agent, home) = agent(&server);
        Self { agent, home, server, known_hosts }
    }

    /// The same, with a session that has run its first command.
    fn with_session() -> Self {
        let mut far = Self::start();
        far.open("web1");
        far
    }

    fn open(&mut self, name: &str) {
        self.agent.call("ssh_connect", json!({"target": HOST, "name": name}));
        run(&mut self.agent, name, "true");
    }

    /// The installed client, with the same key and the same known host.
    fn ssh(&self, arguments: &[&str]) -> Command {
        let mut command = self.server.ssh(&self.known_hosts);
        command.args(arguments);
        command
    }

    /// A command beside the terminal, which ends with 0.
    fn isolated(&mut self, command: &str) {
        let order = json!({"target": HOST, "command": command, "isolated": true});
        let reply = self.agent.call("ssh_run", order);
        assert!(reply.text.contains("exit 0"), "{}", reply.text);
    }
}

/// A fresh home with an agent whose daemon runs, and knows nobody yet.
fn agent(server: &Sshd) -> (Mcp, Home) {
    let home = server.home_with(HOST, server.port());
    let mut agent = home.mcp();
    agent.initialize();
    agent.call("ssh_list", json!({}));
    (agent, home)
}

/// To the first exact result: `ssh HOST true` until it has ended, and `ssh_run true` where no connection is open.
pub fn connect() -> Pairs {
    let far = Far::start();
    let floor = || timed(|| assert!(far.ssh(&["true"]).status().expect("ssh").success()));
    let ours = || {
        let (mut agent, _home) = agent(&far.server);
        timed(|| {
            let reply = agent.call("ssh_run", json!({"target": HOST, "command": "true", "wait_s": 25}));
            assert!(reply.text.contains("exit 0"), "{}", reply.text);
        })
    };
    Pairs::measure(PAIRS_MIN, floor, ours)
}

/// The same beside the terminal: the library alone connects, logs in and runs it, and the tool in a daemon that knows nobody.
pub fn connect_alone() -> Pairs {
    let far = Far::start();
    let floor = || timed(|| Bare::connect(&far.server).exec("true"));
    let ours = || {
        let (mut agent, _home) = agent(&far.server);
        timed(|| {
            let order = json!({"target": HOST, "command": "true", "isolated": true});
            let reply = agent.call("ssh_run", order);
            assert!(reply.text.contains("exit 0"), "{}", reply.text);
        })
    };
    Pairs::measure(MANY, floor, ours)
}

/// `true` in a bash there: typed into `ssh -tt`, and by the tool in a shared session.
pub fn command() -> Pairs {
    let mut far = Far::with_session();
    let hook = write_hook(&far.home);
    let shell = format!("exec bash --noprofile --rcfile {} -i", hook.display());
    let mut bash = RawBash::of(&far.ssh(&["-tt", &shell]));
    Pairs::measure(
        MANY,
        || middle(ROUNDS, || drop(bash.run("true"))),
        || middle(ROUNDS, || drop(run(&mut far.agent, "web1", "true"))),
    )
}

/// 72 MB: through `ssh -tt`, read to the end and thrown away, and by the tool until the answer.
pub fn flood() -> Pairs {
    let mut far = Far::with_session();
    let command = format!("cat {}", file(&far.home).display());
    let ssh = far.ssh(&["-tt", &command]);
    Pairs::measure(
        PAIRS_MIN,
        || timed(|| assert!(Tty::drain(&ssh) >= LINES * 80)),
        || timed(|| drop(run(&mut far.agent, "web1", &command))),
    )
}

/// What the daemon holds at its peak during that more than before.
pub fn growth() -> Pairs {
    Pairs::without_floor(3, || {
        let mut far = Far::with_session();
        let command = format!("cat {}", file(&far.home).display());
        let before = resident(&far.home);
        run(&mut far.agent, "web1", &command);
        peak(&far.home) - before
    })
}

/// `true` in a channel of an open connection: by the library alone, and by the tool.
pub fn exec() -> Pairs {
    let mut far = Far::with_session();
    let mut bare = Bare::connect(&far.server);
    Pairs::measure(MANY, || each(ROUNDS, || bare.exec("true")), || each(ROUNDS, || far.isolated("true")))
}

/// One more channel on a connection that carries a session already.
pub fn channel() -> Pairs {
    let mut far = Far::with_session();
    let mut bare = Bare::connect(&far.server);
    Pairs::measure(PAIRS_MIN, || timed(|| bare.exec(":")), || timed(|| far.isolated(":")))
}

/// What each of fifty sessions adds when it has printed a thousand lines.
pub fn sessions() -> Pairs {
    Pairs::without_floor(3, || {
        let mut far = Far::with_session();
        let before = resident(&far.home);
        for at in 0..50 {
            let name = format!("s{at}");
            far.open(&name);
            let lines = "seq -f 'line %g of a session that prints a thousand of them' 1000";
            run(&mut far.agent, &name, lines);
        }
        (resident(&far.home) - before) / 50.0
    })
}

/// A key there and back through `cotty attach`: quiet, and beside `yes` in another session of the same connection.
pub fn keys() -> Pairs {
    let beside = Beside::start();
    Pairs::measure(PAIRS_MIN, || slowest_of_hundred(&beside.attached), || beside.slowest())
}

/// The same beside `yes`: through OpenSSH's own sharing of a connection, and through ours.
pub fn keys_shared() -> Pairs {
    let beside = Beside::start();
    let far = Far::start();
    let path = far.home.path().join("shared");
    let path = format!("ControlPath={}", path.display());
    let share = ["-o", "ControlMaster=auto", "-o", &path];
    let tty = |command: &str| Tty::start(&far.ssh(&[&share[..], &["-tt", command]].concat()));
    let first = tty("cat");
    first.line("=");
    first.wait_for("the line twice", |text| text.matches('=').count() >= 2);
    let floor = || {
        let noise = tty("yes");
        noise.wait_bytes("yes", |bytes| contains(bytes, b"y\r\n"));
        slowest_of_hundred(&first)
    };
    Pairs::measure(PAIRS_MIN, floor, || beside.slowest())
}

/// A person at `cat` in a session, and another session of the same connection for `yes`.
struct Beside {
    agent: RefCell<Mcp>,
    attached: Tty,
    _home: Home,
    _server: Sshd,
}

impl Beside {
    fn start() -> Self {
        let mut far = Far::with_session();
        far.open("noise");
        let attached = far.home.tty(&["attach", "web1"]);
        attached.wait_text("web1");
        attached.line("cat");
        attached.wait_text(": cat |");
        attached.line("=");
        attached.wait_for("the line twice", |text| text.matches('=').count() >= 2);
        Self { agent: RefCell::new(far.agent), attached, _home: far.home, _server: far.server }
    }

    /// The slowest of a hundred keys while `yes` prints.
    fn slowest(&self) -> f64 {
        let mut agent = self.agent.borrow_mut();
        let began = agent.call("ssh_run", json!({"session": "noise", "command": "yes", "wait_s": 1})).text;
        assert!(began.contains("running"), "{began}");
        let slowest = slowest_of_hundred(&self.attached);
        agent.call("ssh_send", json!({"session": "noise", "keys": ["ctrl-c"], "wait_s": 10}));
        slowest
    }
}

/// The time that 99 of 100 keys do not exceed.
fn slowest_of_hundred(tty: &Tty) -> f64 {
    let mut times: Vec<f64> = (0..KEYS).map(|_| one_key(tty)).collect();
    times.sort_by(f64::total_cmp);
    tty.send("\r");
    times[KEYS * 99 / 100]
}

fn one_key(tty: &Tty) -> f64 {
    tty.forget();
    timed(|| {
        tty.send("@");
        tty.wait_bytes("the key", |bytes| contains(bytes, b"@"));
    })
}
