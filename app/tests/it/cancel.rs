//! Calls whose client does not want the answer any more: what they have typed goes on, and is told to whoever asks.

use std::fs;

use cotty_testkit::Sshd;
use cotty_testkit::wait::until;
use serde_json::{Value, json};

use crate::desk::{Desk, Said};

/// Begins a call, waits until its command has begun, and takes the call back.
fn cancelled(desk: &mut Desk, order: Value) {
    let begun = desk.home.work().join("begun");
    fs::remove_file(&begun).ok();
    let ticket = desk.agent.start_call("ssh_run", order);
    until("the command has begun", || begun.exists().then_some(()));
    desk.agent.cancel(ticket);
    assert!(!desk.agent.has_reply(ticket));
}

/// The handle of the newest command, which the list says is running.
fn running(desk: &mut Desk) -> String {
    let list = desk.tool("ssh_list", json!({"kind": "commands"}));
    let line =
        list.text.lines().find(|it| it.contains(": running in ")).unwrap_or_else(|| panic!("{list:?}"));
    line.split(' ').next().unwrap().to_owned()
}

fn found_again(desk: &mut Desk, handle: &str) -> Said {
    desk.tool("ssh_wait", json!({"command": handle, "wait_s": 25}))
}

const COMMAND: &str = "touch begun; while [ ! -e go ]; do sleep 0.05; done; echo went on; (exit 4)";

fn goes_on(mut desk: Desk) {
    desk.open("web1", "bash");
    for isolated in [false, true] {
        let mut order = json!({"session": "web1", "command": COMMAND, "wait_s": 25});
        if isolated {
            order["isolated"] = json!(true);
            order["cwd"] = json!(desk.home.work());
        }
        cancelled(&mut desk, order);
        let handle = running(&mut desk);
        if !isolated {
            // Whoever runs the next command is told what is in its way.
            desk.run("web1", "true").refuses("busy", &[&format!("ssh_wait command={handle}")]);
            let status = desk.tool("ssh_status", json!({"session": "web1"}));
            assert!(status.text.contains(&handle), "{status:?}");
        }
        let go = desk.home.work().join("go");
        fs::write(&go, "").unwrap();
        let said = found_again(&mut desk, &handle);
        assert_eq!((said.exit(), said.output().as_str()), (Some(4), "went on"), "{said:?}");
        fs::remove_file(go).unwrap();
    }
    desk.is_exact("web1");
}

#[test]
fn a_cancelled_call_lets_its_command_go_on_and_the_command_is_listed() {
    goes_on(Desk::new());
}

#[test]
fn a_cancelled_call_lets_its_command_go_on_over_ssh_too() {
    let Some(sshd) = Sshd::start("a_cancelled_call_lets_its_command_go_on_over_ssh_too") else { return };
    goes_on(Desk::over(&sshd));
}

#[test]
fn a_cancelled_call_that_tries_again_makes_no_further_attempt() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let command = "echo x >>attempts; touch begun; while [ ! -e go ]; do sleep 0.05; done; false";
    let order = json!({"session": "web1", "command": command, "retry_attempts": 5, "retry_backoff_s": 0, "wait_s": 25});
    cancelled(&mut desk, order);
    let handle = running(&mut desk);
    fs::write(desk.home.work().join("go"), "").unwrap();
    assert_eq!(found_again(&mut desk, &handle).exit(), Some(1));
    // A further attempt would have been typed before this.
    desk.is_exact("web1");
    assert_eq!(fs::read_to_string(desk.home.work().join("attempts")).unwrap(), "x\n");
}

#[test]
fn what_a_killed_client_had_under_way_is_listed_and_named_when_it_is_ended() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let ticket = desk.begin("web1", "touch begun; (setsid sleep 4711 &) ; sleep 1000");
    until("it has begun", || desk.home.work().join("begun").exists().then_some(()));
    assert!(!desk.agent.has_reply(ticket));
    let next = crate::desk::client(&desk.home);
    std::mem::replace(&mut desk.agent, next).kill();
    let handle = running(&mut desk);
    let said = desk.tool("ssh_close", json!({"id": handle}));
    assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
    let (_, alive) = said.text.split_once("(still alive: ").unwrap_or_else(|| panic!("{said:?}"));
    assert!(alive.contains(" sleep"), "{said:?}");
    let pid = alive.split(' ').next().unwrap();
    assert_eq!(desk.run("web1", &format!("kill {pid}")).exit(), Some(0));
}
