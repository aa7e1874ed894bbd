//! Stories of how a call is understood: other servers' words, wrong kinds, and what is never taken.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use cotty_mcp::arguments::Arguments;
use cotty_mcp::tools::{self, ALL};
use serde_json::{Map, Value, json};

fn read(tool: &str, arguments: Value) -> Result<Arguments, String> {
    let definition = ALL.into_iter().find(|it| it.name == tool).unwrap();
    Arguments::read(definition.name, definition.params, arguments.as_object().unwrap().clone())
        .map_err(|it| it.to_string())
}

fn resolved(tool: &str) -> Option<&'static str> {
    tools::understand(tool, Map::new()).map(|it| it.name())
}

#[test]
fn other_servers_spellings_are_understood_silently() {
    let given =
        read("ssh_run", json!({"host": "local", "cmd": "ls", "timeoutMs": 1_500, "wait_for_previous": true}));
    let mut given = given.unwrap();
    assert_eq!((given.text("target"), given.text("command")), (Some("local"), Some("ls")));
    assert_eq!(given.wait(), Duration::from_secs(2));
    assert_eq!(read("ssh_close", json!({"session_id": "web1"})).unwrap().text("id"), Some("web1"));
    assert_eq!(read("ssh_connect", json!({"session": "web1"})).unwrap().text("name"), Some("web1"));
    assert_eq!(read("ssh_send", json!({"key": "ctrl-c q"})).unwrap().texts("keys"), ["ctrl-c", "q"]);
    assert_eq!(read("ssh_wait", json!({"command_id": "c7"})).unwrap().text("command"), Some("c7"));
}

#[test]
fn a_handle_never_becomes_a_command_to_run() {
    for name in ["id", "run", "handle", "command_id", "commandId"] {
        let refusal = read("ssh_run", json!({name: "c7"})).unwrap_err();
        assert!(refusal.contains("ssh_run has no"), "{refusal}");
    }
}

#[test]
fn other_servers_tools_are_ours_by_another_name() {
    for (theirs, ours) in [
        ("ssh-quick-connect", "ssh_connect"),
        ("ssh-run", "ssh_run"),
        ("ssh_exec", "ssh_run"),
        ("execute_command", "ssh_run"),
        ("ssh-command-status", "ssh_wait"),
        ("read_screen", "ssh_read"),
        ("send_input_by_session", "ssh_send"),
        ("ssh_sessions", "ssh_list"),
        ("ssh-session-diagnostics", "ssh_status"),
        ("close_all_sessions", "ssh_close"),
    ] {
        assert_eq!(resolved(theirs), Some(ours), "{theirs}");
    }
    assert_eq!(resolved("no_such_tool"), None);
}

#[test]
fn a_password_is_refused_and_the_safe_way_named() {
    for name in ["password", "Password", "sudo_password", "sudoPassword", "passphrase", "enable-password"] {
        let refusal = read("ssh_run", json!({"command": "ls", name: "hunter2"})).unwrap_err();
        assert!(refusal.contains("cotty attach"), "{name}: {refusal}");
        assert!(!refusal.contains("hunter2"));
    }
}

#[test]
fn what_is_wrong_is_named_with_what_belongs_there() {
    let refused = |tool, arguments| read(tool, arguments).unwrap_err();
    assert!(refused("ssh_run", json!({})).contains("command: ssh_run needs it"));
    assert!(refused("ssh_run", json!({"command": {"x": 1}})).contains("a string belongs here"));
    assert!(refused("ssh_run", json!({"command": "ls", "sudo": true})).contains("it takes command"));
    assert!(refused("ssh_wait", json!({"until": "prompt"})).contains("done, input"));
    assert!(refused("ssh_connect", json!({"cols": -1})).contains("a whole number"));
    let arguments = read("ssh_wait", json!({"command": "7", "offset": "12", "pattern": "("})).unwrap();
    assert!(arguments.run().is_err() && arguments.offset().is_err() && arguments.pattern("pattern").is_err());
}

#[test]
fn numbers_are_cut_to_what_a_call_may_have() {
    let mut long = read("ssh_run", json!({"command": "x", "wait_s": 900, "max_chars": 9_000_000})).unwrap();
    assert!(long.wait() < Duration::from_secs(50) && long.chars_max() == 2_000_000);
    assert!(long.notes()[0].starts_with("wait_s 900 was cut to 50"));
    assert!(long.notes()[1].starts_with("max_chars 9000000 was taken for 2000000"));
    let mut plain =
        read("ssh_run", json!({"command": "x", "wait_s": "7", "max_chars": 1, "cwd": null})).unwrap();
    assert_eq!((plain.wait(), plain.chars_max()), (Duration::from_secs(7), 200));
    assert_eq!(plain.notes(), ["max_chars 1 was taken for 200: from 200 to 2000000 are possible"]);
    assert!(read("ssh_run", json!({"command": "x"})).unwrap().notes().is_empty());
}

#[test]
fn any_json_is_understood_or_refused_and_never_more() {
    let values = [
        json!(null),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!([1, [2]]),
        json!({"a": {}}),
    ];
    for definition in ALL {
        for param in definition.params {
            for value in &values {
                drop(read(definition.name, json!({param.name: value})));
            }
        }
    }
}
