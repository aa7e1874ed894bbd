//! What is killed comes back, and what was under way is neither lost unsaid nor done twice.

use std::fs;
use std::path::PathBuf;

use cotty_testkit::home::Home;
use cotty_testkit::mcp::Mcp;
use cotty_testkit::wait::until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::daemon::{kill, pid};
use crate::desk::{Desk, Said, client, in_every_shell_here, in_words_of};

/// How often each thing is killed.
const TIMES: usize = 5;

pub(crate) fn kill_daemon(desk: &Desk) {
    kill(pid(&desk.home));
}

/// A file in the directory in which sessions of this desk begin.
fn work(desk: &Desk, name: &str) -> PathBuf {
    desk.home.work().join(name)
}

fn is_there(desk: &Desk, name: &str) {
    until("the command has begun", || work(desk, name).exists().then_some(()));
}

fn lines(desk: &Desk, name: &str) -> Vec<String> {
    let text = fs::read_to_string(work(desk, name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Waits for the end of a session's command, however many calls that takes.
fn ended(desk: &mut Desk, session: &str) -> Said {
    until("the command ends", || Some(desk.wait(session)).filter(|it| !it.state().starts_with("running")))
}

#[test]
fn a_client_that_is_killed_leaves_session_run_and_result() {
    in_every_shell_here(|desk, shell| {
        let command = format!("touch begun-{shell}; sleep 1; echo kept; (exit 3)");
        desk.begin(shell, &command);
        is_there(desk, &format!("begun-{shell}"));
        let next = client(&desk.home);
        std::mem::replace(&mut desk.agent, next).kill();
        let listed = desk.tool("ssh_list", json!({"kind": "commands"}));
        let line = listed.text.lines().find(|it| it.contains(&format!(" {shell}: running"))).unwrap();
        let handle = line.split(' ').next().unwrap();
        let said = desk.tool("ssh_wait", json!({"command": handle, "wait_s": 25}));
        assert_eq!((said.exit(), said.output().as_str()), (Some(3), "kept"), "{said:?}");
    });
}

#[test]
fn a_call_that_was_under_way_is_answered_by_the_next_daemon() {
    in_every_shell_here(|desk, shell| {
        for time in 0..TIMES {
            let name = format!("{shell}-{time}");
            let command = format!("echo x >>{name}; echo first; sleep 0.3; echo {name}; (exit {time})");
            let ticket = desk.begin(shell, &command);
            is_there(desk, &name);
            let before = pid(&desk.home);
            kill(before);
            let said = desk.finish(ticket);
            let code = i32::try_from(time).unwrap();
            assert_eq!((said.exit(), said.output()), (Some(code), format!("first\n{name}")), "{said:?}");
            assert_eq!(lines(desk, &name), ["x"]);
            assert_ne!(pid(&desk.home), before);
        }
    });
}

#[test]
fn a_daemon_that_dies_while_nobody_calls_is_not_missed() {
    in_every_shell_here(|desk, shell| {
        let set = in_words_of(shell, "kept=variable", "set -g kept variable", "set kept=variable");
        desk.run_as_it_is(shell, set, 25);
        kill_daemon(desk);
        assert_eq!(desk.run_as_it_is(shell, "echo $kept", 25).output(), "variable");
        let said = desk.run_for(shell, &format!("touch gone-{shell}; sleep 1; echo late; (exit 4)"), 0);
        assert!(said.state().starts_with("running"), "{said:?}");
        is_there(desk, &format!("gone-{shell}"));
        kill_daemon(desk);
        let said = desk.tool("ssh_wait", json!({"command": said.handle(), "wait_s": 25}));
        assert_eq!((said.exit(), said.output().as_str()), (Some(4), "late"), "{said:?}");
    });
}

#[test]
fn a_program_that_waits_for_input_still_does_after_a_restart() {
    in_every_shell_here(|desk, shell| {
        desk.run(shell, "read -r x; echo got-$x").needs("line");
        kill_daemon(desk);
        let said = desk.tool("ssh_wait", json!({"session": shell, "until": "input"}));
        said.needs("line");
        let said = desk.send(shell, "after all");
        assert_eq!(said.exit(), Some(0), "{said:?}");
        assert!(said.output().contains("got-after all"), "{said:?}");
        let open = in_words_of(shell, "echo \"open", "echo \"open", "foreach i (1 2)");
        desk.run_as_it_is(shell, open, 25).needs("incomplete_syntax");
        kill_daemon(desk);
        desk.press(shell, "ctrl-c");
    });
}

#[test]
fn a_flood_goes_on_through_the_deaths_of_its_reader() {
    const LINES: usize = 1_000_000;
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let handle = desk.run_for("web1", &format!("touch begun; seq {LINES}; (exit 9)"), 0).handle();
    is_there(&desk, "begun");
    for _ in 0..TIMES {
        // It is known to print when it is killed, or to have ended: whatever this finds must be whole.
        desk.tool("ssh_wait", json!({"command": handle, "until": "output", "wait_s": 1}));
        kill_daemon(&desk);
    }
    let said = ended(&mut desk, "web1");
    assert_eq!(said.exit(), Some(9), "{}", said.head());
    let mut from = 1;
    while from <= LINES {
        let page = json!({"command": handle, "from_line": from, "max_chars": 2_000_000});
        let page = desk.tool("ssh_read", page).output();
        let count = page.lines().count();
        assert!(count > 0, "nothing from line {from} on");
        // The last lines of a page that does not hold all are the tail.
        for (number, line) in
            (from..).zip(page.lines()).take_while(|(number, line)| line == &number.to_string())
        {
            assert_eq!(line, number.to_string());
            from = number + 1;
        }
        assert!(from > 1, "{}", &page[..page.len().min(200)]);
    }
    desk.is_exact("web1");
}

#[test]
fn a_restart_keeps_sessions_and_answers_calls_under_way() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let ticket = desk.begin("web1", "echo x >>once; sleep 1; echo through; (exit 5)");
    is_there(&desk, "once");
    let (code, text) = desk.home.run_as_person(&["restart"]);
    assert_eq!(code, Some(0), "{text}");
    let said = desk.finish(ticket);
    assert_eq!((said.exit(), said.output().as_str()), (Some(5), "through"), "{said:?}");
    assert_eq!(lines(&desk, "once"), ["x"]);
    desk.is_exact("web1");
}

#[test]
fn when_the_holder_dies_its_sessions_are_lost_and_said_to_be() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let before = desk.run("web1", "echo worth keeping");
    let ticket = desk.begin("web1", "touch begun; sleep 100");
    is_there(&desk, "begun");
    let is_holder = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0).nth(1) == Some(b"hold")
    };
    let holder = desk.home.processes().into_iter().find(is_holder).expect("a holder");
    kill_process(Pid::from_raw(holder.cast_signed()).unwrap(), Signal::KILL).unwrap();
    let said = desk.finish(ticket);
    assert!(said.text.contains("lost") && said.text.contains("holder"), "{said:?}");
    assert!(said.text.contains("ssh_connect target=local name=web1"), "{said:?}");
    let read = desk.tool("ssh_read", json!({"command": before.handle()}));
    assert_eq!(read.output(), "worth keeping");
    desk.run("web1", "true").refuses("lost", &["ssh_connect target=local name=web1"]);
    desk.open("web1", "bash");
    desk.is_exact("web1");
}

/// A desk whose daemon ends where the file `fail-point` says.
fn failing() -> Desk {
    let home = Home::new();
    let mut command = home.cotty(&["mcp"]);
    command.env("COTTY_FAIL_POINTS", "1");
    let mut agent = Mcp::start(command);
    agent.initialize();
    Desk::of(agent, home)
}

fn strike(desk: &Desk, point: &str) {
    fs::write(desk.home.state().join("fail-point"), point).unwrap();
}

fn has_struck(desk: &Desk) -> bool {
    !desk.home.state().join("fail-point").exists()
}

#[test]
fn wherever_the_daemon_dies_a_command_is_typed_once() {
    let mut desk = failing();
    desk.open("web1", "bash");
    for point in ["run.before-store", "run.after-store", "after-write", "run.before-reply", "before-reply"] {
        for time in 0..TIMES {
            let name = format!("{point}-{time}");
            strike(&desk, point);
            let said = desk.run("web1", &format!("echo x >>{name}; echo {name}; (exit {time})"));
            assert!(has_struck(&desk), "{point} is not on the way");
            let code = i32::try_from(time).unwrap();
            assert_eq!((said.exit(), said.output()), (Some(code), name.clone()), "{said:?}");
            assert_eq!(lines(&desk, &name), ["x"], "{name}");
        }
        desk.is_exact("web1");
    }
}

#[test]
fn wherever_the_daemon_dies_keys_are_typed_once() {
    let mut desk = failing();
    desk.open("web1", "dash");
    for point in ["send.after-store", "after-write", "send.before-reply", "before-reply"] {
        let name = format!("to-{point}");
        desk.run("web1", &format!("cat >{name}")).needs("line");
        let mut wanted = Vec::new();
        for time in 0..TIMES {
            strike(&desk, point);
            let said = desk.send("web1", &format!("line {time}"));
            assert!(has_struck(&desk), "{point} is not on the way");
            assert!(!said.is_error, "{point}: {said:?}");
            wanted.push(format!("line {time}"));
        }
        until("all was read", || (lines(&desk, &name).len() >= wanted.len()).then_some(()));
        assert_eq!(lines(&desk, &name), wanted, "{point}");
        let said = desk.press("web1", "ctrl-d");
        assert_eq!(said.exit(), Some(0), "{said:?}");
        desk.is_exact("web1");
    }
}

#[test]
fn a_session_that_was_being_opened_is_opened_once() {
    let mut desk = failing();
    for time in 0..TIMES {
        strike(&desk, "before-reply");
        desk.open(&format!("s{time}"), "bash");
        assert!(has_struck(&desk));
        desk.is_exact(&format!("s{time}"));
    }
    let list = desk.tool("ssh_list", json!({}));
    assert!(list.text.starts_with(&format!("{TIMES} sessions")), "{list:?}");
}
