//! Many commands over a bad line: `load [COMMANDS]`, 1,000 without a number. Half are typed into a shared session, half are
//! isolated; the line takes 50 ms each way, loses 2 % and freezes twice for 10 s. Ends with how many answers were wrong.
#![allow(clippy::print_stdout, reason = "the result is what this is for")]
#![allow(clippy::expect_used, reason = "what cannot be arranged ends it")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cotty_testkit::{Mcp, Relay, Sshd};
use serde_json::json;

/// The name of the server in ssh's configuration, and of the session.
const HOST: &str = "load";

/// How long the line says nothing, twice.
const FREEZE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let count = std::env::args().nth(1).map_or(1_000, |it| it.parse().expect("a number of commands"));
    let server = Sshd::start("load").expect("openssh-server");
    let relay = Relay::to(server.port());
    let home = server.home_with(HOST, relay.port());
    let mut agent = home.mcp();
    agent.initialize();
    relay.latency(Duration::from_millis(50));
    relay.loss(20);
    let began = Instant::now();
    let wrong = (0..count).filter(|&number| !is_right(&mut agent, &relay, number, count)).count();
    println!("{count} commands in {:.0?}, {wrong} wrong answers", began.elapsed());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one command and looks at all of its answer.
fn is_right(agent: &mut Mcp, relay: &Relay, number: usize, count: usize) -> bool {
    let isolated = number % 2 == 1;
    let exit = number % 256;
    let order = json!({
        "target": HOST, "command": format!("echo line {number}; (exit {exit})"), "isolated": isolated, "wait_s": 50
    });
    let ticket = agent.start_call("ssh_run", order);
    if number == count / 3 || number == 2 * count / 3 {
        relay.freeze();
        std::thread::sleep(FREEZE);
        relay.thaw();
    }
    let mut reply = agent.await_reply(ticket);
    while let (true, Some(handle)) = (reply.text.contains("] running for"), handle(&reply.text)) {
        reply = agent.call("ssh_wait", json!({"command": handle, "wait_s": 50}));
    }
    let lines: Vec<&str> = reply.text.lines().collect();
    let told = lines.iter().any(|line| line.contains(&format!("] exit {exit} in ")));
    let right = told && lines.contains(&format!("line {number}").as_str());
    if !right {
        println!("wrong answer to command {number}:\n{}", reply.text);
    }
    right
}

/// The handle in a head line, `[load c7] running for 20 s`.
fn handle(text: &str) -> Option<String> {
    let head = text.lines().find(|line| line.starts_with('['))?;
    Some(head.split_once(']')?.0.rsplit(' ').next()?.to_owned())
}
