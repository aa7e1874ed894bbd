//! Rows that take little time: starting, calling, running, answering a key.

use std::time::{SystemTime, UNIX_EPOCH};

use cotty_testkit::pairs::{PAIRS_MIN, Pairs};
use cotty_testkit::{Home, Ticket, Tty, until};
use serde_json::json;

use super::scene::{
    Chain, INITIALIZE, INITIALIZED, Lines, RawBash, agent, agent_with_session, contains, run, timed,
};

/// Pairs of a row whose samples are short.
const MANY: usize = 41;

/// Repetitions within one sample of what takes less than a millisecond.
const ROUNDS: u32 = 20;

/// Keys of which one in twenty may be slower than the sample says.
const KEYS: usize = 40;

/// Process start: `true` from spawn to end, the shim from spawn to its first answer.
pub fn start() -> Pairs {
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

/// The first command: in a raw terminal from spawn on, and by the tool where neither daemon nor holder runs yet.
pub fn first() -> Pairs {
    let home = Home::new();
    let floor = || timed(|| drop(RawBash::start(&home).run("true")));
    let ours = || {
        let (home, mut agent) = agent();
        let seconds = timed(|| drop(run(&mut agent, "local", "true")));
        drop((agent, home));
        seconds
    };
    Pairs::measure(PAIRS_MIN, floor, ours)
}

/// A line there and back: through `cat`, and a call that finds no session, through shim and daemon.
pub fn call() -> Pairs {
    let home = Home::new();
    let mut cat = Lines::start(home.program("cat"));
    let mut server = Lines::start(home.cotty(&["mcp"]));
    server.ask(INITIALIZE);
    server.say(INITIALIZED);
    let list =
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"ssh_list","arguments":{}}}"#;
    Pairs::measure(
        PAIRS_MIN,
        || each(ROUNDS, || assert!(!cat.ask(list).is_empty())),
        || each(ROUNDS, || assert!(!server.ask(list).is_empty())),
    )
}

/// `true` in a bash: typed into a raw terminal until its prompt comes, and by the tool in a shared session.
pub fn command() -> Pairs {
    let (home, mut agent) = agent_with_session();
    let mut bash = RawBash::start(&home);
    Pairs::measure(
        MANY,
        || middle(ROUNDS, || drop(bash.run("true"))),
        || middle(ROUNDS, || drop(run(&mut agent, "local", "true"))),
    )
}

/// The same through as many processes that only pass bytes on.
pub fn hops() -> Pairs {
    let home = Home::new();
    let (mut bash, mut chain) = (RawBash::start(&home), Chain::start(&home));
    Pairs::measure(
        MANY,
        || middle(ROUNDS, || drop(bash.run("true"))),
        || middle(ROUNDS, || chain.run("true")),
    )
}

/// The seconds that one of some rounds takes.
pub fn each(rounds: u32, mut act: impl FnMut()) -> f64 {
    timed(|| (0..rounds).for_each(|_| act())) / f64::from(rounds)
}

/// The seconds that half of some rounds do not exceed.
pub fn middle(rounds: u32, mut act: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..rounds).map(|_| timed(&mut act)).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// From the moment before `cat` is started: floor, until one has run to its end; ours, until the answer says
/// that it needs input.
pub fn input() -> Pairs {
    let (home, mut agent) = agent_with_session();
    let mut bash = RawBash::start(&home);
    let floor = || {
        let text = bash.run("a=$EPOCHREALTIME; cat </dev/null; echo $a $EPOCHREALTIME");
        let stamps: Vec<f64> = text.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        stamps[1] - stamps[0]
    };
    let ours = || {
        let order = json!({"target": "local", "command": "echo $EPOCHREALTIME; cat"});
        let reply = agent.call("ssh_run", order);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
        assert!(reply.text.contains("needs input"), "{}", reply.text);
        let stamp = reply.text.lines().find_map(|line| line.parse::<f64>().ok()).expect("the stamp");
        agent.call("ssh_send", json!({"session": "local", "keys": ["ctrl-c"]}));
        until("the prompt is back", || {
            let reply = agent.call("ssh_run", json!({"session": "local", "command": "true"}));
            reply.text.contains("exit 0").then_some(())
        });
        now - stamp
    };
    Pairs::measure(PAIRS_MIN, floor, ours)
}

/// A key there and back beside a session with `yes`: through `cat` on a raw terminal, and through `cotty attach`.
pub fn echo() -> Pairs {
    let (home, mut agent) = agent_with_session();
    agent.call("ssh_connect", json!({"target": "local", "name": "noise", "shell": "bash"}));
    agent.call("ssh_run", json!({"session": "noise", "command": "yes", "background": true}));
    let raw = Tty::start(&home.program("cat"));
    let attached = home.tty(&["attach", "local"]);
    attached.wait_text("local");
    attached.line("cat");
    attached.wait_text(": cat |");
    // `cat` has been started when it gives a line back.
    attached.line("=");
    attached.wait_for("the line twice", |text| text.matches('=').count() >= 2);
    Pairs::measure(PAIRS_MIN, || slowest_of_twenty(&raw), || slowest_of_twenty(&attached))
}

/// The time that 95 of 100 keys do not exceed.
fn slowest_of_twenty(tty: &Tty) -> f64 {
    let mut times: Vec<f64> = (0..KEYS).map(|_| one_key(tty)).collect();
    times.sort_by(f64::total_cmp);
    tty.send("\r");
    times[KEYS * 95 / 100]
}

/// A key that stands nowhere else on the screen.
fn one_key(tty: &Tty) -> f64 {
    tty.forget();
    timed(|| {
        tty.send("@");
        tty.wait_bytes("the key", |bytes| contains(bytes, b"@"));
    })
}

/// Twenty that sleep half a second at once: processes, and commands in as many sessions.
pub fn twenty() -> Pairs {
    let (home, mut agent) = agent();
    let names: Vec<String> = (0..20).map(|at| format!("s{at}")).collect();
    for name in &names {
        agent.call("ssh_connect", json!({"target": "local", "name": name, "shell": "bash"}));
        run(&mut agent, name, "true");
    }
    let floor = || {
        timed(|| {
            let start = |_| home.program("sleep").arg("0.5").spawn().expect("sleep");
            let children: Vec<_> = (0..20).map(start).collect();
            children.into_iter().for_each(|mut it| assert!(it.wait().expect("its end").success()));
        })
    };
    let ours = || {
        timed(|| {
            let start = |name| agent.start_call("ssh_run", json!({"session": name, "command": "sleep 0.5"}));
            let tickets: Vec<Ticket> = names.iter().map(start).collect();
            for ticket in tickets {
                let reply = agent.await_reply(ticket);
                assert!(reply.text.contains("exit 0"), "{}", reply.text);
            }
        })
    };
    Pairs::measure(PAIRS_MIN, floor, ours)
}
