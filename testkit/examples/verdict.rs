//! From the moment a program waits to the answer that says so: `verdict [TIMES]`, 25 of each kind without a number. Here
//! and over SSH, each with the middle and with what 95 of 100 do not exceed; both promises are judged by the latter.
#![allow(clippy::print_stdout, reason = "the figures are what this is for")]
#![allow(clippy::expect_used, reason = "what cannot be arranged ends it")]

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use cotty_testkit::{Home, Mcp, Sshd, until};
use serde_json::json;

/// Through a holder.
const HERE_MAX_MS: f64 = 30.0;
/// Over a second channel of the same connection.
const THERE_MAX_MS: f64 = 300.0;

/// The name of the server in ssh's configuration.
const HOST: &str = "verdict";

/// What waits, and says the time just before. Its own start is measured with it where it has one.
const KINDS: [(&str, &str); 4] = [
    ("cat", "echo $EPOCHREALTIME; cat"),
    ("read", "echo $EPOCHREALTIME; read x"),
    ("read -s", "echo $EPOCHREALTIME; read -s x"),
    ("python input()", "python3 -c 'import time; print(time.time(), flush=True); input()'"),
];

fn main() -> ExitCode {
    let times = std::env::args().nth(1).map_or(25, |it| it.parse().expect("how often"));
    println!("| waits | where | p50 | p95 | promised |\n|---|---|---|---|---|");
    let here = measure(&Home::new(), "here", "local", times, HERE_MAX_MS);
    let server = Sshd::start(HOST).expect("openssh-server");
    let there = measure(&server.home_with(HOST, server.port()), "over SSH", HOST, times, THERE_MAX_MS);
    if here && there { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures every kind in one session, prints a row for each and one for all, and says whether the promise was kept.
fn measure(home: &Home, place: &str, target: &str, times: usize, most: f64) -> bool {
    let mut agent = home.mcp();
    agent.initialize();
    agent.call("ssh_connect", json!({"target": target, "name": "web1", "shell": "bash"}));
    let mut all = Vec::new();
    for (name, command) in KINDS {
        one(&mut agent, command);
        let of_kind: Vec<f64> = (0..times).map(|_| one(&mut agent, command)).collect();
        row(name, place, of_kind.clone(), "");
        all.extend(of_kind);
    }
    let kept = part(&mut all.clone(), 95) <= most;
    row("all", place, all, &format!("≤ {most} ms: {}", if kept { "kept" } else { "**missed**" }));
    kept
}

/// The milliseconds from the time that it says to the answer.
fn one(agent: &mut Mcp, command: &str) -> f64 {
    let reply = agent.call("ssh_run", json!({"session": "web1", "command": command, "wait_s": 25}));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    assert!(reply.text.contains("] needs input"), "{}", reply.text);
    let said = reply.text.lines().find_map(|line| line.parse::<f64>().ok()).expect("the time");
    agent.call("ssh_send", json!({"session": "web1", "keys": ["ctrl-c"]}));
    until("the prompt is back", || {
        let reply = agent.call("ssh_run", json!({"session": "web1", "command": "true"}));
        reply.text.contains("] exit 0 ").then_some(())
    });
    (now - said) * 1e3
}

fn row(name: &str, place: &str, mut times: Vec<f64>, promised: &str) {
    let (middle, most) = (part(&mut times, 50), part(&mut times, 95));
    println!("| {name} | {place} | {middle:.1} ms | {most:.1} ms | {promised} |");
}

/// What so many of 100 do not exceed.
fn part(times: &mut [f64], of_hundred: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() * of_hundred / 100).min(times.len() - 1)]
}
