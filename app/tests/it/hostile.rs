//! What programs print and terminals suffer: each answer is graded, nothing hangs, and the next command is right.

use std::fs;
use std::time::Duration;

use cotty_testkit::Sshd;
use cotty_testkit::wait::until_within;
use serde_json::json;

use crate::desk::{Desk, dialect, in_every_shell, posix};

/// The bytes of a program's output, in a file that every session of this desk can print.
fn printed(desk: &Desk, name: &str, bytes: &[u8]) -> String {
    fs::write(desk.home.work().join(name), bytes).unwrap();
    format!("cat {name}; (exit 5)")
}

/// Every control sequence of a VT500, a few arguments each: all finals with all intermediates, all escapes, all C1.
fn every_sequence(answers_are_text: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What asks the terminal is another story where its answer would be typed text.
    let asks = |private: &str, between: &str, last: u8| {
        answers_are_text
            && (matches!(last, b'c' | b'n' | b'x' | b'p' | b'q' | b't' | b'u' | b'w' | b'y')
                || (private == "?" && last == b'm')
                || between == "$")
    };
    for private in ["", "?", ">", "=", "<"] {
        for between in ["", " ", "!", "\"", "$", "'", "*", "+", ")"] {
            for last in 0x40..0x7f {
                for arguments in ["", "0", "1;2", "999999999999", ":::", "38;2;1;2;3"] {
                    if !asks(private, between, last) {
                        bytes.extend(format!("\u{1b}[{private}{arguments}{between}").bytes());
                        bytes.push(last);
                    }
                }
            }
        }
    }
    for between in ["", " ", "#", "%", "(", ")", "*", "+"] {
        for last in 0x30..0x7f_u8 {
            // Strings are begun below; `Z` asks.
            if !b"PX]^_Z".contains(&last) {
                bytes.extend(format!("\u{1b}{between}").bytes());
                bytes.push(last);
            }
        }
    }
    // Modes, margins, character sets and the alternate screen as they were.
    bytes.extend(b"\x1bc\x1b[?1049l\x1b[!p\x1b[?2004l\x1b[?1000l\x1b[?1l\x1b>\x0f\x1b[2J\x1b[H");
    bytes
}

#[test]
fn whatever_a_program_prints_the_end_of_it_is_proven_and_the_next_command_is_right() {
    in_every_shell(|desk, shell| {
        let mut strings = Vec::new();
        for begins in [
            "\u{1b}]0;",
            "\u{1b}]8;;x",
            "\u{1b}]52;c;",
            "\u{1b}]133;",
            "\u{1b}P",
            "\u{1b}P1$r",
            "\u{1b}X",
            "\u{1b}^",
            "\u{1b}_",
        ] {
            let text = format!("{begins}{}", "z".repeat(3_000));
            strings.push(("a string without an end", text.into_bytes()));
        }
        strings.push((
            "no text",
            (0..=255_u8).filter(|it| !matches!(it, 0x05 | 0x1b)).cycle().take(20_000).collect(),
        ));
        strings.push((
            "bytes of no character",
            b"\xff\xfe\xc3\x28\xe2\x82\xf0\x9f\xed\xa0\x80\xf8\x88".repeat(500),
        ));
        strings.push(("all sequences", every_sequence(dialect(shell).takes_answers_for_text())));
        for (place, (what, bytes)) in strings.into_iter().enumerate() {
            let command = printed(desk, &format!("hostile-{place}"), &bytes);
            let said = desk.run(shell, &command);
            assert_eq!(said.exit(), Some(5), "{shell}: {what} {place}: {}", said.head());
            let said = desk.run(shell, "stty sane; (exit 6)");
            assert_eq!(said.exit(), Some(6), "{shell}: after {what} {place}: {said:?}");
        }
        desk.is_exact(shell);
    });
}

#[test]
fn ten_megabytes_without_a_line_feed_are_one_line_and_one_end() {
    // Which shell waits for the program makes no difference to what it prints.
    let mut desk = Desk::new();
    desk.open("bash", "bash");
    let mut said = desk.run_for("bash", "head -c 10000000 /dev/zero | tr '\\0' w; (exit 7)", 5);
    while said.state().starts_with("running") {
        said = desk.tool("ssh_wait", json!({"command": said.handle(), "wait_s": 5}));
    }
    assert_eq!(said.exit(), Some(7), "{}", said.head());
    assert!(said.text.len() < 100_000, "{}", said.text.len());
    desk.is_exact("bash");
}

#[test]
fn marks_of_another_key_or_number_and_marks_of_any_size_prove_nothing() {
    in_every_shell(|desk, shell| {
        let run = desk.run(shell, "true").handle();
        let output = desk.home.run(&["why", &run, "--json"]);
        let why: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let typed = &why["evidence"][0]["details"];
        let number = |name: &str| typed[name].as_str().unwrap().parse::<u64>().unwrap();
        let (serial, pid) = (number("awaited"), number("pid"));
        // The very key, as only a program of the same account can know it.
        let key = cotty_testkit::recording::record(&desk.home, &run)["key"].as_str().unwrap().to_owned();
        let big = "m".repeat(1_000_000);
        for (what, mark) in [
            ("another key", format!("D;0;c={};k=0000;p={pid}", serial + 1)),
            ("an old serial", format!("D;0;c={serial};k={key};p={pid}")),
            ("another process", format!("D;0;c={};k={key};p=1", serial + 1)),
            ("a status that is none", format!("D;x;c={};k={key};p={pid}", serial + 1)),
            ("a serial that is none", format!("D;0;c=18446744073709551616;k={key};p={pid}")),
            ("a large body", format!("D;0;c={};k={key};p={pid};x={big}", serial + 1)),
        ] {
            let bytes = format!("\u{1b}]133;{mark}\u{7}shown\n");
            let said = desk.run(shell, &printed(desk, "mark", bytes.as_bytes()));
            assert_eq!(said.exit(), Some(5), "{shell}: {what}: {}", said.head());
            assert!(said.output().contains("shown"), "{shell}: {what}: {}", said.head());
        }
        // A number that was not given out yet: the proof is damaged, no status is known, and the session goes on.
        let future = format!("\u{1b}]133;D;0;c={};k={key};p={pid};n=9999999\u{7}", serial + 500);
        let said = desk.run(shell, &printed(desk, "mark", future.as_bytes()));
        // tcsh's prompt proves an end, and none came.
        let proven = dialect(shell).signs_its_end() && said.exit() == Some(5);
        assert!(proven || said.state().starts_with("lost"), "{shell}: {said:?}");
        desk.tool("ssh_close", json!({"id": shell}));
        desk.open(shell, shell);
    });
}

#[test]
fn a_terminal_of_one_cell_and_back_costs_no_end() {
    in_every_shell(|desk, shell| {
        let person = desk.home.tty(&["attach", shell]);
        person.wait_text("pen");
        let run = desk.begin(shell, "sleep 0.5; echo small; sleep 1; echo large; (exit 8)");
        for (cols, rows) in [(1, 1), (2, 1), (120, 40)] {
            person.resize(cols, rows);
        }
        let said = desk.finish(run);
        assert_eq!(said.exit(), Some(8), "{shell}: {said:?}");
        person.resize(120, 40);
        drop(person);
    });
}

#[test]
fn rc_files_that_replace_the_shell_or_end_it_are_told_and_nothing_is_typed_at_them() {
    let Some(sshd) = Sshd::start("rc_files_that_replace_the_shell_or_end_it_are_told") else { return };
    for over_ssh in [false, true] {
        let mut desk = if over_ssh { Desk::over(&sshd) } else { Desk::new() };
        let home = if over_ssh { sshd.file("home") } else { desk.home.path().to_owned() };
        let target = desk.target.clone();
        for (shell, rc) in
            [("bash", ".bash_profile"), ("zsh", ".zshrc"), ("dash", ".profile"), ("tcsh", ".tcshrc")]
        {
            // In tcsh `exit` ends the file only.
            if shell != "tcsh" {
                fs::write(home.join(rc), "exit 3\n").unwrap();
                let said = desk.tool("ssh_connect", json!({"target": target, "name": shell, "shell": shell}));
                assert!(said.text.contains("exited 3"), "{shell}: {said:?}");
                desk.run(shell, "true").refuses("shell-exited", &["ssh_connect"]);
            }
            // It becomes another one, which is spoken to in its own language.
            let other = if shell == "dash" { "bash" } else { "dash" };
            fs::write(home.join(rc), format!("exec {other}\n")).unwrap();
            let name = format!("{shell}-becomes");
            let order = json!({"target": target, "name": name, "shell": shell});
            let said = desk.tool("ssh_connect", order);
            assert!(said.head().contains("ready"), "{shell}: {said:?}");
            let said = desk.run_as_it_is(&name, "echo $((40 + 2)); (exit 6)", 25);
            assert_eq!((said.exit(), said.output().as_str()), (Some(6), "42"), "{shell}: {said:?}");
            fs::remove_file(home.join(rc)).unwrap();
        }
        // It prints without end: nothing is typed, and a person's interrupt ends it.
        fs::write(home.join(".zshrc"), "while true; do echo rc; done\n").unwrap();
        let order = json!({"target": target, "name": "floods", "shell": "zsh"});
        let said = desk.tool("ssh_connect", order);
        assert!(said.head().contains("not known") || said.head().contains("opening"), "{said:?}");
        desk.run_for("floods", "touch never", 1).refuses("terminal-state", &["floods"]);
        desk.press("floods", "ctrl-c");
        until_within(Duration::from_secs(60), "it is ready", || {
            let status = desk.tool("ssh_status", json!({"session": "floods"}));
            status.text.starts_with("[floods] ready").then_some(())
        });
        assert_eq!(desk.run("floods", &posix("zsh", "(exit 4)")).exit(), Some(4));
        fs::remove_file(home.join(".zshrc")).unwrap();
    }
}
