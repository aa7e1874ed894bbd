//! Exact runs: what a command printed and how it ended, whatever it does to look otherwise.

use std::fs;
use std::path::Path;

use cotty_testkit::wait::until;
use serde_json::json;

use crate::desk::{Desk, dialect, in_every_shell, in_words_of, posix};

#[test]
fn two_hundred_commands_in_a_row_are_each_told_right() {
    in_every_shell(|desk, shell| {
        let mut before = 0;
        for _ in 0..200 {
            let said = desk.run(shell, "true");
            assert_eq!((said.exit(), said.output().as_str()), (Some(0), ""), "{said:?}");
            let number: u64 = said.handle()[1..].parse().unwrap();
            assert!(number > before, "{said:?}");
            before = number;
        }
    });
}

#[test]
fn every_exit_code_is_passed_through() {
    in_every_shell(|desk, shell| {
        for code in [0, 1, 2, 3, 5, 42, 100, 126, 127, 128, 129, 130, 137, 143, 192, 254, 255] {
            let said = desk.run(shell, &format!("(exit {code})"));
            assert_eq!(said.exit(), Some(code), "{said:?}");
        }
        let said = desk.run(shell, "no-such-program-anywhere; (exit $?)");
        assert_eq!(said.exit(), Some(127), "{said:?}");
    });
}

#[test]
fn a_command_means_what_the_shell_would_make_of_it_in_a_script() {
    let table = [
        ("echo hi # comment", "hi"),
        ("echo hi # don't", "hi"),
        ("echo \"a!b\"", "a!b"),
        ("echo 'a!b' wow! !!", "a!b wow! !!"),
        ("cat <<E\none\n  two $((1 + 1))\nE", "one\n  two 2"),
        ("cat <<'E'\n$x `y` \\ ! \"'\nE", "$x `y` \\ ! \"'"),
        ("for i in 1 2 3\ndo\n  echo \"n $i\"\ndone", "n 1\nn 2\nn 3"),
        ("echo one\n\n\necho two # three\n", "one\ntwo"),
        ("echo a \\\n  b", "a b"),
        ("f() {\n\techo \"in\t$1\"\n}\nf x", "in\tx"),
        ("printf '%s\\n' 'a\tb'", "a\tb"),
        ("printf 'no newline'", "no newline"),
        ("printf '\\n\\nblank lines\\n\\n'", "\n\nblank lines\n"),
        ("echo 'it'\\''s'", "it's"),
        ("echo äöü € 😀 ｗｉｄｅ", "äöü € 😀 ｗｉｄｅ"),
        ("  echo   lead", "lead"),
        ("echo a; echo b && false || echo c", "a\nb\nc"),
        ("echo {a,b} >/dev/null; echo '*'", "*"),
        ("echo $(echo inner) `echo tick`", "inner tick"),
        ("(echo sub; exit 0) | cat", "sub"),
        ("echo '^x^y'; echo '%'; echo '~'", "^x^y\n%\n~"),
        ("printf 'one\\rtwo\\n'", "two"),
        ("echo out; echo err >&2", "out\nerr"),
    ];
    in_every_shell(|desk, shell| {
        for (command, output) in table {
            let said = desk.run(shell, command);
            assert_eq!((said.exit(), said.output().as_str()), (Some(0), output), "{command:?}: {said:?}");
        }
    });
}

#[test]
fn what_runs_nothing_says_so() {
    in_every_shell(|desk, shell| {
        for command in ["", " ", "# only a comment", "\n\n"] {
            let said = desk.run_as_it_is(shell, command, 25);
            assert!(said.state().starts_with("ran nothing"), "{command:?}: {said:?}");
        }
    });
}

#[test]
fn directories_and_variables_last() {
    in_every_shell(|desk, shell| {
        let set = in_words_of(
            shell,
            "cd /usr/bin; mine=kept; export mine",
            "cd /usr/bin; set -gx mine kept",
            "cd /usr/bin; setenv mine kept",
        );
        let said = desk.run_as_it_is(shell, set, 25);
        assert!(said.head().ends_with("cwd /usr/bin"), "{said:?}");
        assert_eq!(desk.run_as_it_is(shell, "echo $mine; pwd", 25).output(), "kept\n/usr/bin");
    });
}

#[test]
fn a_long_command_is_handed_over_and_found_again() {
    in_every_shell(|desk, shell| {
        let said = desk.run_for(shell, "echo w; sleep 2; echo x; (exit 3)", 1);
        assert!(said.state().starts_with("running for 1"), "{said:?}");
        assert!(said.head().ends_with(&format!("Next: ssh_wait command={}", said.handle())), "{said:?}");
        assert_eq!(said.output(), "w");
        let found = desk.tool("ssh_wait", json!({"command": said.handle(), "wait_s": 25}));
        assert_eq!((found.exit(), found.output().as_str()), (Some(3), "w\nx"), "{found:?}");
        assert_eq!(found.handle(), said.handle());
        let again = desk.tool("ssh_read", json!({"command": said.handle()}));
        assert_eq!((again.exit(), again.output().as_str()), (Some(3), "w\nx"), "{again:?}");
    });
}

#[test]
fn lines_of_any_length_up_to_the_limit_arrive_whole() {
    const LIMIT: usize = 64 * 1024;
    in_every_shell(|desk, shell| {
        for length in [1_022, 1_023, 1_024, 4_094, 4_095, 4_096, 5_000, LIMIT] {
            let frame =
                in_words_of(shell, "x=@; echo ${#x}", "set x @; string length $x", "set x=@; echo $%x");
            let letters = length - frame.len() + 1;
            let command = frame.replace('@', &"y".repeat(letters));
            assert_eq!(command.len(), length);
            let said = desk.run_as_it_is(shell, &command, 25);
            let output = letters.to_string();
            assert_eq!((said.exit(), said.output()), (Some(0), output), "{length}: {}", said.head());
        }
        let said = desk.run_as_it_is(shell, &format!(": {}", "y".repeat(LIMIT - 1)), 25);
        said.refuses("limit", &["65537 bytes", "65536", "Write it to a file"]);
    });
}

#[test]
fn what_looks_like_a_prompt_is_no_end() {
    in_every_shell(|desk, shell| {
        let like =
            "printf 'root@host:~# '; sleep 0.3; echo; printf '$ '; sleep 0.3; printf '\\n> '; (exit 9)";
        let said = desk.run(shell, like);
        let output: Vec<_> = said.output().lines().map(|it| it.trim_end().to_owned()).collect();
        assert_eq!((said.exit(), output.join("\n").as_str()), (Some(9), "root@host:~#\n$\n>"), "{said:?}");
    });
}

#[test]
fn a_mark_that_a_program_prints_proves_nothing() {
    in_every_shell(|desk, shell| {
        for mark in [
            r"\033]133;D;0\007",
            r"\033]133;D;0;c=9999;k=0;p=1\007\033]133;B;k=0\007",
            r"\033]133;D;0\033\\",
            r"\033]633;D;0\007",
            r"\033]133;A\007\033]133;B\007\033]133;C\007",
        ] {
            let said = desk.run(shell, &format!("printf '{mark}'; sleep 0.2; echo after; (exit 5)"));
            assert_eq!((said.exit(), said.output().as_str()), (Some(5), "after"), "{mark}: {said:?}");
        }
    });
}

#[test]
fn a_replayed_mark_of_this_very_session_proves_nothing() {
    in_every_shell(|desk, shell| {
        desk.run(shell, "echo one; (exit 0)");
        desk.run(shell, "echo two; true");
        let mut capture = Vec::new();
        gather(&desk.home.state(), &mut capture);
        assert!(find(&capture, b"\x1b]133;D;0;").is_some());
        if dialect(shell).takes_answers_for_text() {
            // What other shells ask of the terminal is answered again.
            while let Some(place) = find(&capture, b"\x1b[6n") {
                capture.drain(place..place + 4);
            }
        }
        fs::write(desk.home.work().join("capture"), &capture).unwrap();
        let said = desk.run(shell, "cat capture; sleep 1; (exit 7)");
        assert_eq!(said.exit(), Some(7), "{said:?}");
        let said = desk.run(shell, "tail -c 600 capture; sleep 0.3; (exit 8)");
        assert_eq!(said.exit(), Some(8), "{said:?}");
    });
}

/// Gathers all output that is kept, with every mark in it.
fn gather(folder: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, into);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            if find(&bytes, b"\x1b]133;").is_some() {
                into.extend(bytes);
            }
        }
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|it| it == part)
}

#[test]
fn characters_cut_anywhere_come_out_whole() {
    in_every_shell(|desk, shell| {
        for (first, rest, whole) in [
            (r"caf\303", r"\251", "café"),
            (r"\342", r"\202\254", "€"),
            (r"\342\202", r"\254", "€"),
            (r"\360", r"\237\230\200", "😀"),
            (r"\360\237", r"\230\200", "😀"),
            (r"\360\237\230", r"\200", "😀"),
        ] {
            let said = desk.run(shell, &format!("printf '{first}'; sleep 0.05; printf '{rest}\\n'"));
            assert_eq!((said.exit(), said.output().as_str()), (Some(0), whole), "{said:?}");
        }
    });
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    in_every_shell(|desk, shell| {
        let said = desk.run(shell, r"printf 'a\000\001\002\377\376b\n'; (exit 4)");
        assert_eq!(said.exit(), Some(4), "{said:?}");
        assert!(said.output().starts_with('a') && said.output().ends_with('b'), "{said:?}");
        assert!(!said.text.chars().any(|it| it.is_control() && it != '\n'), "{said:?}");
        let tame = if dialect(shell).takes_answers_for_text() { "|tr -d '\\005\\033'" } else { "" };
        let said = desk.run(shell, &format!("head -c 100000 /dev/urandom{tame}; stty sane; (exit 3)"));
        assert_eq!(said.exit(), Some(3), "{}", said.head());
        let said = desk.run(shell, "clear; (exit 2)");
        assert_eq!(said.exit(), Some(2), "{said:?}");
        // What random bytes made of the terminal's modes is undone by the first of them that resets it.
        let said = desk.run(shell, "printf '\\033c'");
        assert_eq!(said.exit(), Some(0), "{said:?}");
    });
}

#[test]
fn a_background_job_does_not_delay_the_end_and_prints_later() {
    in_every_shell(|desk, shell| {
        let said = desk.run_as_it_is(shell, "sleep 1 &", 25);
        assert_eq!(said.exit(), Some(0), "{said:?}");
        let said = desk.run(shell, "(sleep 0.5; echo la''ter) & echo now");
        assert_eq!(said.exit(), Some(0), "{said:?}");
        assert!(said.output().contains("now"), "{said:?}");
        until("it printed", || {
            let said = desk.tool("ssh_read", json!({"session": shell, "view": "tail"}));
            said.output().contains("later").then_some(())
        });
        // The shell tells of jobs that are done before a prompt: in the output of whatever ran then.
        for command in ["wait", "true"] {
            let said = desk.run(shell, command);
            assert!(said.exit().is_some(), "{said:?}");
        }
    });
}

#[test]
fn silence_is_not_the_end() {
    in_every_shell(|desk, shell| {
        let said = desk.run(shell, "sleep 3; echo late; (exit 3)");
        assert_eq!((said.exit(), said.output().as_str()), (Some(3), "late"), "{said:?}");
    });
}

#[test]
fn a_directory_with_a_path_of_four_thousand_bytes_costs_no_verdict() {
    in_every_shell(|desk, shell| {
        let part = "d".repeat(200);
        let deep = in_words_of(
            shell,
            "i=0; while [ $i -lt 19 ]; do mkdir @; cd @ || exit; i=$((i+1)); done; (exit 4)",
            "for i in (seq 19); mkdir @; cd @; end; sh -c 'exit 4'",
            "foreach i (`seq 19`)\nmkdir @\ncd @\nend\n(exit 4)",
        );
        let said = desk.run_as_it_is(shell, &deep.replace('@', &part), 25);
        assert_eq!(said.exit(), Some(4), "{said:?}");
        let said = desk.run(shell, "pwd | wc -c; (exit 5)");
        let bytes: usize = said.output().trim().parse().unwrap();
        assert!(said.exit() == Some(5) && bytes > 3_800, "{said:?}");
        let name = format!("{}/", "e".repeat(160));
        let command = format!("mkdir {name}; cd {name}; {}", posix(shell, "(exit 6)"));
        let said = desk.run_as_it_is(shell, &command, 25);
        assert_eq!(said.exit(), Some(6), "{said:?}");
        let clean = format!("cd /; rm -rf {}/d*", desk.home.work().display());
        assert_eq!(desk.run_as_it_is(shell, &clean, 25).exit(), Some(0));
    });
}

#[test]
fn fifty_megabytes_are_all_readable_afterwards() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    const LINES: u64 = 6_800_000;
    let mut said = desk.run_for("web1", &format!("seq {LINES}"), 50);
    while said.state().starts_with("running") {
        said = desk.tool("ssh_wait", json!({"command": said.handle(), "wait_s": 50}));
    }
    assert_eq!(said.exit(), Some(0), "{}", said.head());
    assert!(said.output().starts_with("1\n2\n"), "{}", said.head());
    assert!(said.output().ends_with(&format!("\n{LINES}")), "{}", said.head());
    for from in [1, 1_000_000, LINES / 2, LINES - 4] {
        let page = json!({"command": said.handle(), "from_line": from, "lines": 5});
        let page = desk.tool("ssh_read", page);
        let wanted: Vec<_> = (from..from + 5).map(|it| it.to_string()).collect();
        assert_eq!(page.output(), wanted.join("\n"), "{page:?}");
    }
    desk.is_exact("web1");
}

#[test]
fn twenty_sessions_work_at_once() {
    let mut desk = Desk::new();
    let names: Vec<_> = (0..20).map(|it| format!("s{it}")).collect();
    for name in &names {
        desk.open(name, "bash");
    }
    let tickets: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(number, name)| desk.begin(name, &format!("sleep 0.5; echo {name}; (exit {number})")))
        .collect();
    for (number, (name, ticket)) in names.iter().zip(tickets).enumerate() {
        let said = desk.finish(ticket);
        let code = i32::try_from(number).unwrap();
        assert_eq!((said.exit(), said.output()), (Some(code), name.clone()), "{said:?}");
    }
    names.iter().for_each(|name| desk.is_exact(name));
}
