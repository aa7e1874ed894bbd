//! How often the processes of an open session wake in ten seconds: at rest at its prompt, and while a command works without
//! a word that somebody waits for, or nobody. Here and over SSH; counted are voluntary switches, process by process.
#![allow(clippy::print_stdout, reason = "the figures are what this is for")]
#![allow(clippy::expect_used, reason = "what cannot be arranged ends it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use cotty_testkit::{Home, Mcp, Sshd, switches};
use serde_json::json;

/// So long it is counted.
const SPAN: Duration = Duration::from_secs(10);
/// So long everything is left alone before.
const REST: Duration = Duration::from_secs(3);

/// The name of the server in ssh's configuration.
const HOST: &str = "idle";

fn main() {
    println!("| where | meanwhile | switches in {} s |\n|---|---|---|", SPAN.as_secs());
    let home = Home::new();
    count_in(&home, "here", "local", &[]);
    drop(home);
    let server = Sshd::start(HOST).expect("openssh-server");
    count_in(&server.home_with(HOST, server.port()), "over SSH", HOST, &[server.pid()]);
}

fn count_in(home: &Home, place: &str, target: &str, roots: &[u32]) {
    let mut agent = home.mcp();
    agent.initialize();
    agent.call("ssh_connect", json!({"target": target, "name": "web1", "shell": "bash"}));
    agent.call("ssh_run", json!({"session": "web1", "command": "true"}));
    std::thread::sleep(REST);
    let tell = |meanwhile: &str, agent: &mut Mcp, waited_for: bool| {
        let call = json!({"session": "web1", "until": "done", "wait_s": 20});
        let ticket = waited_for.then(|| agent.start_call("ssh_wait", call));
        std::thread::sleep(REST);
        let before = count(home, roots);
        std::thread::sleep(SPAN);
        let after = count(home, roots);
        let woken = |(it, more): (&String, &u64)| {
            let count = more.saturating_sub(before.get(it).copied().unwrap_or(0));
            (count > 0).then(|| format!("{it} {count}"))
        };
        let told: Vec<String> = after.iter().filter_map(woken).collect();
        println!(
            "| {place} | {meanwhile} | {} |",
            if told.is_empty() { "none".to_owned() } else { told.join(", ") }
        );
        if let Some(ticket) = ticket {
            agent.await_reply(ticket);
        }
    };
    tell("at its prompt", &mut agent, false);
    agent.call("ssh_run", json!({"session": "web1", "command": "sleep 100", "background": true}));
    tell("sleep, nobody waits", &mut agent, false);
    tell("sleep, a caller waits", &mut agent, true);
}

/// The switches of each process that lives in this home or below these, by what it is.
fn count(home: &Home, roots: &[u32]) -> BTreeMap<String, u64> {
    let mut told = BTreeMap::new();
    let pids: BTreeSet<u32> =
        home.processes().into_iter().chain(roots.iter().flat_map(|it| switches::below(*it))).collect();
    for pid in pids {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&str> = line.split('\0').filter(|it| !it.is_empty()).collect();
        let is_ours = words.first().is_some_and(|it| it.ends_with("/cotty"));
        let name = words.iter().find(|it| !is_ours || ["mcp", "daemon", "hold"].contains(it));
        *told.entry(name.map_or("-", |it| it.trim_end_matches(':')).to_owned()).or_default() +=
            switches::of(pid);
    }
    told
}
