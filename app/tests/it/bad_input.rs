//! Bad input: each is answered with a kind, what happened, why, and what to do, and nothing else is touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use cotty_testkit::wait::until_within;
use serde_json::{Value, json};

use crate::daemon::pid;
use crate::desk::Desk;

/// A desk with a session, which must be exact and served by the same daemon when the story is over.
fn with_a_bystander(story: impl FnOnce(&mut Desk)) {
    let mut desk = Desk::new();
    desk.open("bystander", "bash");
    let before = pid(&desk.home);
    story(&mut desk);
    desk.is_exact("bystander");
    assert_eq!(pid(&desk.home), before, "the daemon lives on");
}

#[test]
fn control_characters_in_a_command_are_refused_by_their_place() {
    with_a_bystander(|desk| {
        for (command, code) in [
            ("echo a\u{0}b", "U+0000"),
            ("echo \u{1b}[201~; rm x", "U+001B"),
            ("echo \u{3}", "U+0003"),
            ("true\r", "U+000D"),
            ("echo \u{7f}", "U+007F"),
            ("echo \u{9b}2J", "U+009B"),
        ] {
            let said = desk.run("bystander", command);
            said.refuses("invalid-argument", &[code, "keys=..."]);
            desk.send("bystander", command).refuses("invalid-argument", &[code]);
        }
    });
}

#[test]
fn five_megabytes_of_command_are_too_much() {
    with_a_bystander(|desk| {
        let said = desk.run("bystander", &": x\n".repeat(5 * 256 * 1024));
        said.refuses("limit", &["5242880 bytes", "65536", "Write it to a file"]);
        let said = desk.send("bystander", &"y".repeat(5 * 1024 * 1024));
        said.refuses("limit", &["65536"]);
    });
}

#[test]
fn names_that_cannot_be_are_refused() {
    with_a_bystander(|desk| {
        let long = "n".repeat(1024 * 1024);
        for name in ["", " ", "a b", "../x", "a/b", "-x", "ä", "a\u{1b}[2Jb", "a\nb", "c7", &long] {
            let said = desk.tool("ssh_connect", json!({"target": "local", "name": name}));
            assert!(said.is_error && said.text.len() < 3_000, "{name:.20}: {said:?}");
            said.refuses("invalid-argument", &["name"]);
        }
        let said = desk.tool("ssh_connect", json!({"target": "local", "name": "bystander", "shell": "dash"}));
        said.refuses("conflict", &["bystander", "another name"]);
        let said = desk.tool("ssh_connect", json!({"target": "nowhere.example", "name": "far"}));
        assert!(said.is_error, "{said:?}");
    });
}

#[test]
fn handles_that_are_none_are_not_found() {
    with_a_bystander(|desk| {
        for handle in ["c999999", "h1234567", "c0"] {
            let said = desk.tool("ssh_wait", json!({"command": handle}));
            said.refuses("not-found", &[handle, "ssh_list kind=commands"]);
        }
        for handle in ["", "x", "c", "c-1", "7", "c99999999999999999999999"] {
            let said = desk.tool("ssh_read", json!({"command": handle, "view": "command"}));
            assert!(said.is_error, "{handle}: {said:?}");
        }
        desk.tool("ssh_close", json!({"id": "nobody"})).refuses("session-not-found", &["nobody"]);
    });
}

#[test]
fn a_shell_that_cannot_start_says_why() {
    with_a_bystander(|desk| {
        let connect = |shell: &str| json!({"target": "local", "name": "new", "shell": shell});
        let said = desk.tool("ssh_connect", connect("/no/such/shell"));
        assert!(said.is_error && said.text.contains("/no/such/shell"), "{said:?}");
        let said = desk.tool("ssh_connect", connect("/etc/passwd"));
        assert!(said.is_error, "{said:?}");
        let said = desk.tool("ssh_connect", connect("/bin/true"));
        assert!(said.is_error, "{said:?}");
        let order = json!({"target": "local", "name": "new", "shell": "bash", "cwd": "/no/such/folder"});
        let said = desk.tool("ssh_connect", order);
        assert!(said.is_error && said.text.contains("/no/such/folder"), "{said:?}");
        let order = json!({"target": "local", "name": "new", "cwd": "x/".repeat(2_000)});
        assert!(desk.tool("ssh_connect", order).is_error);
        desk.open("new", "bash");
    });
}

#[test]
fn a_shell_that_exits_at_once_is_told() {
    with_a_bystander(|desk| {
        fs::write(desk.home.path().join(".bash_profile"), "exit 3\n").unwrap();
        let said = desk.tool("ssh_connect", json!({"target": "local", "name": "short", "shell": "bash"}));
        assert!(said.text.contains("exited 3"), "{said:?}");
        desk.run("short", "true").refuses("shell-exited", &["ssh_connect"]);
    });
}

#[test]
fn an_rc_file_that_asks_is_not_typed_at() {
    with_a_bystander(|desk| {
        let rc = desk.home.path().join(".bash_profile");
        fs::write(&rc, "read -rp 'Which? ' answer; echo \"answered $answer\"; PS1='ready$ '\n").unwrap();
        let order = json!({"target": "local", "name": "asks", "shell": "bash"});
        let said = desk.tool("ssh_connect", order);
        assert!(said.head().contains("not known") || said.head().contains("opening"), "{said:?}");
        desk.run_for("asks", "touch never", 1)
            .refuses("terminal-state", &["ssh_read session=asks view=screen"]);
        let screen = desk.tool("ssh_read", json!({"session": "asks", "view": "screen"}));
        assert!(screen.text.contains("Which?"), "{screen:?}");
        let said = desk.send("asks", "this one");
        assert!(!said.is_error, "{said:?}");
        until_within(Duration::from_secs(25), "the session is ready", || {
            let status = desk.tool("ssh_status", json!({"session": "asks"}));
            status.text.contains("ready").then_some(())
        });
        desk.is_exact("asks");
    });
}

#[test]
fn an_rc_file_that_sleeps_is_waited_for() {
    with_a_bystander(|desk| {
        fs::write(desk.home.path().join(".bash_profile"), "sleep 2; export FROM_RC=yes\n").unwrap();
        let order = json!({"target": "local", "name": "slow", "shell": "bash"});
        desk.tool("ssh_connect", order);
        assert_eq!(desk.run("slow", "echo $FROM_RC").output(), "yes");
    });
}

#[test]
fn an_rc_file_that_never_ends_leaves_the_session_unknown_and_nothing_typed() {
    with_a_bystander(|desk| {
        fs::write(desk.home.path().join(".bash_profile"), "while :; do sleep 0.2; done\n").unwrap();
        let said = desk.tool("ssh_connect", json!({"target": "local", "name": "never", "shell": "bash"}));
        assert!(said.head().contains("not known") || said.head().contains("opening"), "{said:?}");
        let said = desk.run_for("never", "touch never", 1);
        said.refuses("terminal-state", &["never", "Next: "]);
        let said = desk.tool("ssh_close", json!({"id": "never"}));
        assert!(!said.is_error, "{said:?}");
    });
}

#[test]
fn arguments_of_the_wrong_kind_are_named() {
    with_a_bystander(|desk| {
        let table: [(&str, Value, &str); 7] = [
            ("ssh_run", json!({"session": "bystander"}), "command"),
            ("ssh_run", json!({"session": ["bystander"], "command": "true"}), "session"),
            ("ssh_run", json!({"session": "bystander", "command": "true", "wait_s": "soon"}), "wait_s"),
            ("ssh_wait", json!({"session": "bystander", "until": "doomsday"}), "until"),
            ("ssh_send", json!({"session": "bystander", "keys": ["hyper-x"]}), "key"),
            ("ssh_read", json!({"session": "bystander", "offset": "yesterday"}), "offset"),
            ("ssh_connect", json!({"target": "local", "env": {"A": ["b"]}, "name": "e"}), "env"),
        ];
        for (tool, arguments, what) in table {
            let said = desk.tool(tool, arguments);
            said.refuses("invalid-argument", &[what]);
        }
        desk.send("bystander", "").head();
    });
}

#[test]
fn hostile_lines_on_stdin_are_answered_and_survived() {
    with_a_bystander(|desk| {
        for line in [
            &b"{"[..],
            b"[]",
            b"null",
            b"\"text\"",
            b"\xff\xfe\x00",
            br#"{"jsonrpc":"2.0","id":null,"method":"tools/call"}"#,
            br#"{"jsonrpc":"2.0","id":900001,"method":"no/such"}"#,
            br#"{"jsonrpc":"2.0","id":900002,"method":"tools/call","params":{"name":"no_such_tool"}}"#,
            br#"{"jsonrpc":"2.0","id":900003,"method":"tools/call","params":[1,2]}"#,
            br#"{"jsonrpc":"1.0","id":900004,"method":"ping"}"#,
        ] {
            desk.agent.say_raw(line);
        }
        desk.agent.say_raw(
            format!("{{\"jsonrpc\":\"2.0\",\"x\":\"{}\"}}", "y".repeat(20 * 1024 * 1024)).as_bytes(),
        );
        desk.agent.say_raw("[".repeat(1_000_000).as_bytes());
        assert!(desk.agent.impure_lines().is_empty());
    });
}

#[test]
fn a_state_directory_that_takes_nothing_is_a_storage_failure() {
    if rustix::process::geteuid().is_root() && !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let desk = Desk::new();
    let file = desk.home.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let output = desk.home.cotty(&["ls"]).env("COTTY_STATE_DIR", file.join("state")).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("state"), "{words}");
    let open = desk.home.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let output = desk.home.cotty(&["ls"]).env("COTTY_STATE_DIR", &open).output().unwrap();
    let mode = open.metadata().unwrap().permissions().mode() & 0o777;
    assert!(!output.status.success() || mode == 0o700, "{mode:o} {output:?}");
}
