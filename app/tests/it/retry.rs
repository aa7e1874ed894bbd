//! A command that is run again until it succeeds, within one call.

use std::fs;

use cotty_testkit::wait::until;
use serde_json::json;

use crate::desk::Desk;

/// Fails until it has been run so often.
fn until_third(desk: &Desk) -> String {
    let script =
        "n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n > count; echo run-$n; [ $n -ge 3 ]";
    fs::write(desk.home.work().join("third.sh"), script).unwrap();
    "sh third.sh".to_owned()
}

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    desk
}

#[test]
fn a_failing_command_is_run_again_until_it_succeeds_and_each_attempt_is_told() {
    let mut desk = desk();
    let command = until_third(&desk);
    for isolated in [false, true] {
        fs::remove_file(desk.home.work().join("count")).ok();
        let cwd = desk.home.work();
        let mut order =
            json!({"session": "web1", "command": command, "retry_attempts": 5, "retry_backoff_s": 0});
        if isolated {
            order["isolated"] = json!(true);
            order["cwd"] = json!(cwd);
        }
        let said = desk.tool("ssh_run", order);
        assert_eq!((said.exit(), said.output().as_str()), (Some(0), "run-3"), "{said:?}");
        let notes = said.notes().join("\n");
        for (number, end) in [(1, "exit 1, failed"), (2, "exit 1, failed"), (3, "exit 0, succeeded")] {
            assert!(notes.contains(&format!("attempt {number}: c")) && notes.contains(end), "{said:?}");
        }
        assert!(notes.contains(&format!("attempt 3: {}", said.handle())), "{said:?}");
    }
    desk.is_exact("web1");
}

#[test]
fn patterns_decide_as_well_and_the_last_attempt_is_the_answer() {
    let mut desk = desk();
    let mut run = |more: serde_json::Value| {
        let mut order = json!({"session": "web1", "retry_attempts": 2, "retry_backoff_s": 0});
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        desk.tool("ssh_run", order)
    };
    let said = run(json!({"command": "echo starting", "retry_success": "^ready"}));
    assert_eq!(said.exit(), Some(0), "{said:?}");
    assert!(said.notes().join(" ").contains("attempt 2: "), "{said:?}");
    assert!(said.notes().join(" ").contains("retry_success was not seen"), "{said:?}");
    let said = run(json!({"command": "echo ready", "retry_success": "^ready"}));
    assert!(!said.notes().join(" ").contains("attempt 2"), "{said:?}");
    let said = run(json!({"command": "echo ready, with errors", "retry_fail": "errors"}));
    assert!(
        said.notes().join(" ").contains("attempt 2: ") && said.text.contains("retry_fail was seen"),
        "{said:?}"
    );
    run(json!({"command": "true", "retry_success": "("})).refuses("invalid-argument", &["retry_success"]);
    let order = json!({"session": "web1", "command": "true", "retry_success": "x"});
    desk.tool("ssh_run", order).refuses("invalid-argument", &["retry_attempts"]);
    let order = json!({"session": "web1", "command": "true", "retry_attempts": 2, "background": true});
    desk.tool("ssh_run", order).refuses("invalid-argument", &["handed over"]);
}

#[test]
fn what_is_handed_over_asks_or_is_refused_is_not_tried_again() {
    let mut desk = desk();
    let order = |command: &str, wait_s: u64| json!({"session": "web1", "command": command, "retry_attempts": 3, "retry_backoff_s": 0, "wait_s": wait_s});
    let said = desk.tool("ssh_run", order("sleep 2; false", 1));
    assert!(said.state().starts_with("running"), "{said:?}");
    assert!(said.notes().join(" ").contains("is handed over, so not tried again"), "{said:?}");
    desk.tool("ssh_run", order("true", 1)).refuses("busy", &["nothing was typed"]);
    assert_eq!(desk.wait("web1").exit(), Some(1));
    let said = desk.tool("ssh_run", order("read -r x; false", 10));
    said.needs("line");
    assert!(said.notes().join(" ").contains("needs input, so not tried again"), "{said:?}");
    let said = desk.press("web1", "enter");
    assert_eq!(said.exit(), Some(1), "{said:?}");
    let said = desk.tool("ssh_run", json!({"session": "web1", "command": "false", "retry_attempts": 9, "retry_backoff_s": 30, "wait_s": 5}));
    assert!(said.notes().join(" ").contains("no time for attempt 2"), "{said:?}");
    desk.is_exact("web1");
}

#[test]
fn what_is_interrupted_replaced_or_ends_the_shell_is_not_tried_again() {
    let mut desk = desk();
    let order = json!({"session": "web1", "command": "sleep 30", "retry_attempts": 3, "kill_after_s": 1});
    let said = desk.tool("ssh_run", order);
    assert!(said.notes().join(" ").contains("was interrupted, so not tried again"), "{said:?}");
    let order = |command: &str| json!({"session": "web1", "command": command, "retry_attempts": 3, "retry_backoff_s": 0});
    let said = desk.tool("ssh_run", order("# nothing"));
    assert!(said.notes().join(" ").contains("ran nothing, so not tried again"), "{said:?}");
    let said = desk.tool("ssh_run", order("dash"));
    assert!(said.notes().join(" ").contains("opened a shell, so not tried again"), "{said:?}");
    desk.run("web1", "exit 0");
    let said = desk.tool("ssh_run", order("exit 3"));
    assert!(said.notes().join(" ").contains("ended its shell, so not tried again"), "{said:?}");
}

#[test]
fn a_session_that_is_busy_at_the_next_attempt_ends_the_attempts() {
    let mut desk = desk();
    let order = json!({"session": "web1", "command": "false", "retry_attempts": 3, "retry_backoff_s": 3, "wait_s": 20});
    let ticket = desk.agent.start_call("ssh_run", order);
    let mut other = desk.beside();
    until("the first attempt has failed", || {
        other.tool("ssh_list", json!({"kind": "commands"})).text.contains(": exit 1 in ").then_some(())
    });
    let busy = other.tool("ssh_run", json!({"session": "web1", "command": "sleep 30", "background": true}));
    let said = desk.finish(ticket);
    assert_eq!(said.exit(), Some(1), "{said:?}");
    assert!(said.notes().join(" ").contains("attempt 2: not run, busy"), "{said:?}");
    assert!(!said.notes().join(" ").contains("attempt 3"), "{said:?}");
    desk.tool("ssh_close", json!({"id": busy.handle()}));
    desk.is_exact("web1");
}
