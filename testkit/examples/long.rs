//! One long command here and one over SSH, found again after their clients left: `long [--minutes N | --seconds N]`, 11
//! minutes without either. Half way the daemon of the one here is started anew. Ends with what each came to.
#![allow(clippy::print_stdout, reason = "the result is what this is for")]
#![allow(clippy::expect_used, reason = "what cannot be arranged ends it")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cotty_testkit::{Home, Mcp, Sshd};
use serde_json::json;

/// So much later than its end it may be told, at the most: a call that waits for it begins anew every 25 s.
const LATE_MAX: Duration = Duration::from_secs(5);

/// A command under way, with nobody at it.
struct Left {
    home: Home,
    place: &'static str,
    handle: String,
    exit: i32,
    began: Instant,
}

/// The name of the server in ssh's configuration.
const HOST: &str = "long";

fn main() -> ExitCode {
    let length = length();
    let server = Sshd::start(HOST).expect("openssh-server");
    let here = leave(Home::new(), "here", "local", length, 42);
    let there = leave(server.home_with(HOST, server.port()), "over SSH", HOST, length, 43);
    std::thread::sleep(length / 2);
    let before = here.home.daemon_pid();
    let (code, text) = here.home.run_as_person(&["restart"]);
    assert_eq!(code, Some(0), "{text}");
    assert_ne!(here.home.daemon_pid(), before, "another daemon");
    println!("after {:.0?} the daemon here was started anew", here.began.elapsed());
    let right = [&here, &there].map(|it| is_found_again(it, length));
    if right == [true, true] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How long the command takes.
fn length() -> Duration {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |it: &str| it.parse().expect("a number");
    match words[..] {
        [] => Duration::from_secs(11 * 60),
        ["--minutes", minutes] => Duration::from_secs(60 * number(minutes)),
        ["--seconds", seconds] => Duration::from_secs(number(seconds)),
        _ => panic!("long [--minutes N | --seconds N]"),
    }
}

/// Starts the command with a client that goes away as soon as it has the handle.
fn leave(home: Home, place: &'static str, target: &str, length: Duration, exit: i32) -> Left {
    let mut agent = home.mcp();
    agent.initialize();
    agent.call("ssh_connect", json!({"target": target, "name": "long", "shell": "bash"}));
    let command = format!("echo begun; sleep {}; echo over; (exit {exit})", length.as_secs());
    let began = Instant::now();
    let reply = agent.call("ssh_run", json!({"session": "long", "command": command, "wait_s": 1}));
    assert!(reply.text.contains("] running for "), "{}", reply.text);
    let handle = handle(&reply.text);
    println!("{place}: {handle} begun, its client left");
    agent.kill();
    Left { home, place, handle, exit, began }
}

/// A client that knows nothing finds it in the list, waits for its end and reads what it came to.
fn is_found_again(left: &Left, length: Duration) -> bool {
    let mut agent = left.home.mcp();
    agent.initialize();
    let list = agent.call("ssh_list", json!({"kind": "commands"})).text;
    let listed = list.lines().any(|line| line.starts_with(&format!("{} ", left.handle)));
    let text = ended(&mut agent, &left.handle);
    let (took, lines) = (left.began.elapsed(), text.lines().collect::<Vec<_>>());
    println!("{}: {} after {took:.1?}", left.place, lines.first().copied().unwrap_or_default());
    let told = lines.first().is_some_and(|line| line.contains(&format!("] exit {} in ", left.exit)));
    let whole = lines.contains(&"begun") && lines.contains(&"over");
    let right = listed && told && whole && took >= length && took < length + LATE_MAX;
    if !right {
        println!("wrong: in the list {listed}, exit told {told}, output whole {whole}\n{list}\n{text}");
    }
    right
}

/// Waits for the end of a command, however many calls that takes.
fn ended(agent: &mut Mcp, handle: &str) -> String {
    loop {
        let text = agent.call("ssh_wait", json!({"command": handle, "wait_s": 25})).text;
        if !text.contains("] running for ") {
            return text;
        }
    }
}

/// The handle in a head line, `[long c7] running for 1 s`.
fn handle(text: &str) -> String {
    let head = text.lines().find(|line| line.starts_with('[')).expect("a head line");
    let (inner, _) = head.split_once(']').expect("a handle in brackets");
    inner.rsplit(' ').next().expect("a handle").to_owned()
}
