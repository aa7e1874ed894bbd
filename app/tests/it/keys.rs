//! Named keys, as a real program gets them: it reads its terminal raw and prints what came.

use std::fs;

use cotty_testkit::not_run::have;
use serde_json::json;

use crate::desk::Desk;

/// Prints the bytes that came before each `!` as hexadecimal digits. The argument sets the terminal's modes.
const READER: &str = r#"
import os, sys, termios, tty
old = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, sys.argv[1].encode().decode("unicode_escape").encode() + b"reads\r\n")
got = b""
while got != b".":
    got += os.read(0, 1)
    if got.endswith(b"!"):
        os.write(1, b"got " + got[:-1].hex().encode() + b";\r\n")
        got = b""
os.write(1, b"\033[?1l\033>")
termios.tcsetattr(0, termios.TCSANOW, old)
"#;

/// What each key sends: in the default modes, and with application cursor keys and keypad.
const TABLE: &[(&str, &str, &str)] = &[
    ("up", "\x1b[A", "\x1bOA"),
    ("down", "\x1b[B", "\x1bOB"),
    ("right", "\x1b[C", "\x1bOC"),
    ("left", "\x1b[D", "\x1bOD"),
    ("home", "\x1b[H", "\x1bOH"),
    ("end", "\x1b[F", "\x1bOF"),
    ("shift-up", "\x1b[1;2A", "\x1b[1;2A"),
    ("alt-left", "\x1b[1;3D", "\x1b[1;3D"),
    ("ctrl-right", "\x1b[1;5C", "\x1b[1;5C"),
    ("ctrl-shift-end", "\x1b[1;6F", "\x1b[1;6F"),
    ("insert", "\x1b[2~", "\x1b[2~"),
    ("delete", "\x1b[3~", "\x1b[3~"),
    ("pgup", "\x1b[5~", "\x1b[5~"),
    ("pgdn", "\x1b[6~", "\x1b[6~"),
    ("shift-delete", "\x1b[3;2~", "\x1b[3;2~"),
    ("tab", "\t", "\t"),
    ("backtab", "\x1b[Z", "\x1b[Z"),
    ("esc", "\x1b", "\x1b"),
    ("enter", "\r", "\r"),
    ("lf", "\n", "\n"),
    ("backspace", "\x7f", "\x7f"),
    ("space", " ", " "),
    ("kp0", "0", "\x1bOp"),
    ("kp9", "9", "\x1bOy"),
    ("kp-enter", "\r", "\x1bOM"),
    ("kp-plus", "+", "\x1bOk"),
    ("f1", "\x1bOP", "\x1bOP"),
    ("f2", "\x1bOQ", "\x1bOQ"),
    ("f3", "\x1bOR", "\x1bOR"),
    ("f4", "\x1bOS", "\x1bOS"),
    ("f5", "\x1b[15~", "\x1b[15~"),
    ("f6", "\x1b[17~", "\x1b[17~"),
    ("f7", "\x1b[18~", "\x1b[18~"),
    ("f8", "\x1b[19~", "\x1b[19~"),
    ("f9", "\x1b[20~", "\x1b[20~"),
    ("f10", "\x1b[21~", "\x1b[21~"),
    ("f11", "\x1b[23~", "\x1b[23~"),
    ("f12", "\x1b[24~", "\x1b[24~"),
    ("f13", "\x1b[1;2P", "\x1b[1;2P"),
    ("f16", "\x1b[1;2S", "\x1b[1;2S"),
    ("f17", "\x1b[15;2~", "\x1b[15;2~"),
    ("f24", "\x1b[24;2~", "\x1b[24;2~"),
    ("ctrl-f5", "\x1b[15;5~", "\x1b[15;5~"),
    ("alt-f1", "\x1b[1;3P", "\x1b[1;3P"),
    ("alt-x", "\x1bx", "\x1bx"),
    ("alt-ctrl-x", "\x1b\x18", "\x1b\x18"),
    ("ctrl-a", "\x01", "\x01"),
    ("ctrl-c", "\x03", "\x03"),
    ("ctrl-z", "\x1a", "\x1a"),
    ("ctrl-\\", "\x1c", "\x1c"),
    ("ctrl-space", "\0", "\0"),
    ("ä", "ä", "ä"),
];

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// A session in which the reader reads, its terminal in these modes.
fn reading(desk: &mut Desk, modes: &str) {
    fs::write(desk.home.work().join("reader.py"), READER).unwrap();
    let order =
        json!({"session": "web1", "command": format!("python3 reader.py '{modes}'"), "background": true});
    desk.tool("ssh_run", order);
    let said = desk.tool("ssh_wait", json!({"session": "web1", "until": "pattern", "pattern": "reads"}));
    assert!(said.head().contains("the pattern was seen"), "{said:?}");
}

fn leave(desk: &mut Desk) {
    assert_eq!(desk.press("web1", ".").exit(), Some(0));
    desk.is_exact("web1");
}

#[test]
fn every_named_key_arrives_as_a_terminal_in_that_mode_sends_it() {
    if !have("python3", "every_named_key_arrives_as_a_terminal_in_that_mode_sends_it") {
        return;
    }
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    for modes in ["", "\\033[?1h\\033="] {
        reading(&mut desk, modes);
        for (key, usual, application) in TABLE {
            let sent = if modes.is_empty() { usual } else { application };
            let order =
                json!({"session": "web1", "keys": [key, "!"], "expect": format!("got {};", hex(sent))});
            let said = desk.tool("ssh_send", order);
            assert!(said.head().contains("expect was seen"), "{key}: {said:?}");
        }
        leave(&mut desk);
    }
}

#[test]
fn enter_is_what_was_asked_for() {
    if !have("python3", "enter_is_what_was_asked_for") {
        return;
    }
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    reading(&mut desk, "");
    let table = [
        (None, "x\r"),
        (Some("cr"), "x\r"),
        (Some("lf"), "x\n"),
        (Some("crlf"), "x\r\n"),
        (Some("none"), "x"),
    ];
    for (enter, sent) in table {
        let mut order = json!({"session": "web1", "text": "x", "wait_s": 0});
        if let Some(enter) = enter {
            order["enter"] = json!(enter);
        }
        desk.tool("ssh_send", order);
        let order = json!({"session": "web1", "keys": ["!"], "expect": format!("got {};", hex(sent))});
        let said = desk.tool("ssh_send", order);
        assert!(said.head().contains("expect was seen"), "{enter:?}: {said:?}");
    }
    leave(&mut desk);
}

#[test]
fn the_command_line_knows_the_same_keys_and_tells_what_it_expected_in_vain() {
    if !have("python3", "the_command_line_knows_the_same_keys_and_tells_what_it_expected_in_vain") {
        return;
    }
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    reading(&mut desk, "\\033[?1h");
    let home = &desk.home;
    let sent = home.run(&[
        "send",
        "web1",
        "--keys",
        "shift-f5,up,alt-x,!",
        "--expect",
        "got 1b5b31353b327e1b4f411b78;",
    ]);
    assert!(sent.status.success(), "{sent:?}");
    let sent = home.run(&["send", "web1", "a", "--enter", "crlf", "--expect", "never", "--wait", "0"]);
    assert_eq!(sent.status.code(), Some(124), "{sent:?}");
    let sent = home.run(&["send", "web1", "--keys", "!", "--expect", "got 610d0a;"]);
    assert!(sent.status.success(), "{sent:?}");
    let sent = home.run(&["send", "web1", "--keys", "hyper-q"]);
    assert_eq!(sent.status.code(), Some(64), "{sent:?}");
    leave(&mut desk);
}
