//! What commands wait for, what they leave, and how they are ended, told from what the kernel shows of them.

use cotty_core::dialect::Shell;
use cotty_testkit::Sshd;
use cotty_testkit::not_run::have;
use cotty_testkit::wait::until;
use serde_json::json;

use crate::desk::{Desk, ask_secret, dialect, in_every_shell, in_words_of};

#[test]
fn a_program_that_reads_a_line_is_given_one() {
    in_every_shell(|desk, shell| {
        let said = desk.run(shell, "cat");
        said.needs("line");
        let said =
            desk.tool("ssh_send", json!({"session": shell, "text": "hello", "expect": "hello\\s+hello"}));
        assert!(said.head().contains("expect was seen"), "{said:?}");
        let said = desk.press(shell, "ctrl-d");
        assert_eq!(said.exit(), Some(0), "{said:?}");
        desk.is_exact(shell);
        let ask = in_words_of(
            shell,
            "read -r x; echo got-$x; (exit 4)",
            "read x; echo got-$x; sh -c 'exit 4'",
            "set x = \"$<\"; echo got-\"$x\"; (exit 4)",
        );
        let said = desk.run_as_it_is(shell, ask, 25);
        said.needs("line");
        let said = desk.send(shell, "an answer");
        assert_eq!(said.exit(), Some(4), "{said:?}");
        assert!(said.output().contains("got-an answer"), "{said:?}");
    });
}

#[test]
fn a_secret_is_a_persons_to_type() {
    in_every_shell(|desk, shell| {
        let said = desk.run(shell, ask_secret(shell));
        said.needs("secret");
        assert!(said.head().contains(&format!("A person must type this: cotty attach {shell}")), "{said:?}");
        desk.send(shell, "guess").refuses("secret-needed", &["an agent never types one", "cotty attach"]);
        desk.press(shell, "a").refuses("secret-needed", &[]);
        let status = desk.tool("ssh_status", json!({"session": shell}));
        assert!(status.text.contains("a password prompt is waiting"), "{status:?}");
        let said = desk.press(shell, "ctrl-c");
        assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
        if dialect(shell) == Shell::Mksh {
            assert_eq!(desk.run(shell, "stty echo").exit(), Some(0));
        }
        let modes = desk.run(shell, "stty -a").output();
        assert!(modes.split_whitespace().any(|it| it == "echo"), "what is typed is shown again: {modes}");
    });
}

#[test]
fn a_line_sent_ahead_does_not_hide_the_prompt_of_a_shell_without_echo() {
    in_every_shell(|desk, shell| {
        // Where `read` looks like the prompt, only a terminal that shows what is typed tells which of them it is.
        if dialect(shell).reads_by_editor() || dialect(shell) == Shell::Ash {
            return;
        }
        assert_eq!(desk.run(shell, "stty -echo").exit(), Some(0));
        for _ in 0..2 {
            let said = desk.run_for(shell, "sleep 0.2; (exit 3)", 0);
            desk.send(shell, "");
            let said = desk.tool("ssh_wait", json!({"command": said.handle()}));
            assert_eq!(said.exit(), Some(3), "{said:?}");
            // To tcsh an empty line is a command like another.
            desk.wait(shell);
            desk.is_exact(shell);
        }
        assert_eq!(desk.run(shell, "stty echo").exit(), Some(0));
    });
}

#[test]
fn a_person_answers_and_what_was_typed_is_not_told() {
    in_every_shell(|desk, shell| {
        desk.run(shell, ask_secret(shell)).needs("secret");
        let person = desk.home.tty(&["attach", shell]);
        person.wait_text("pen");
        person.line("hunter2");
        let said = until("the answer arrived", || Some(desk.wait(shell)).filter(|it| it.exit().is_some()));
        assert_eq!(said.exit(), Some(0), "{said:?}");
        assert_eq!(said.output().lines().last(), Some("got-[hunter2]"), "{said:?}");
        assert!(said.notes().iter().any(|it| it.contains("a person typed while this ran")), "{said:?}");
        let history = desk.tool("ssh_read", json!({"session": shell, "view": "history"})).output();
        assert!(history.contains("<hidden 7>"), "{history}");
        assert!(!history.contains("hunter2"), "{history}");
        drop(person);
    });
}

#[test]
fn an_unclosed_quote_is_incomplete_and_then_given_up_or_ended() {
    in_every_shell(|desk, shell| {
        if dialect(shell).continues_quotes() {
            desk.run_as_it_is(shell, "echo \"open", 25).needs("incomplete_syntax");
            let said = desk.press(shell, "ctrl-c");
            assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
            desk.is_exact(shell);
        }
        let begun = in_words_of(shell, "for i in 1 2; do", "for i in 1 2", "foreach i (1 2)");
        let said = desk.run_as_it_is(shell, begun, 25);
        said.needs("incomplete_syntax");
        let said = match dialect(shell) {
            Shell::Tcsh => {
                desk.send(shell, "echo n$i").needs("incomplete_syntax");
                desk.send(shell, "end")
            }
            shell_ => desk.send(shell, if shell_.is_posix() { "echo n$i; done" } else { "echo n$i; end" }),
        };
        assert_eq!(said.exit(), Some(0), "{said:?}");
        assert!(said.output().contains("n1\nn2"), "{said:?}");
    });
}

#[test]
fn a_syntax_error_is_an_exit_code() {
    in_every_shell(|desk, shell| {
        let said = desk.run_as_it_is(shell, "echo a; ) fi", 25);
        if dialect(shell).keeps_wrong_lines() {
            said.needs("incomplete_syntax");
            let said = desk.press(shell, "ctrl-c");
            assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
            return;
        }
        assert!(matches!(said.exit(), Some(1..=3)), "{said:?}");
        let output = said.output().to_lowercase();
        let says = ["error", "too many )'s", "unexpected"].iter().any(|it| output.contains(it));
        assert!(says && !output.contains("echo a"), "{said:?}");
    });
}

#[test]
fn ctrl_c_ends_what_sleeps() {
    in_every_shell(|desk, shell| {
        let said = desk.run_for(shell, "echo up; sleep 100", 1);
        assert!(said.state().starts_with("running"), "{said:?}");
        let said = desk.press(shell, "ctrl-c");
        assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
        let exit = (1..=130).rev().find(|it| dialect(shell).interrupted(*it) == 130).unwrap();
        let exit = if dialect(shell).interrupted(1) == 130 { 1 } else { exit };
        assert!(said.state().contains(&format!("exit {exit}")), "{said:?}");
    });
}

#[test]
fn a_pager_is_named_and_left() {
    if !have("less", "a_pager_is_named_and_left") {
        return;
    }
    in_every_shell(|desk, shell| {
        let said = desk.run(shell, "seq 9999 | less; (exit 3)");
        said.needs("pager");
        assert!(said.head().ends_with(&format!("Next: ssh_send session={shell} keys=q")), "{said:?}");
        let screen = desk.tool("ssh_read", json!({"session": shell, "view": "screen"}));
        assert!(screen.text.contains("\n39\n"), "{screen:?}");
        let said = desk.press(shell, "q");
        assert_eq!(said.exit(), Some(3), "{said:?}");
    });
}

#[test]
fn an_editor_is_named_used_and_left() {
    if !have("vim", "an_editor_is_named_used_and_left") {
        return;
    }
    in_every_shell(|desk, shell| {
        desk.run(shell, "vim -u NONE -i NONE text").needs("editor");
        let typed = json!({"session": shell, "text": "ihello there", "enter": "none"});
        assert!(!desk.tool("ssh_send", typed).is_error);
        until("vim shows it", || {
            let screen = desk.tool("ssh_read", json!({"session": shell, "view": "screen"}));
            screen.text.contains("hello there").then_some(())
        });
        desk.press(shell, "escape").needs("editor");
        let said = desk.send(shell, ":wq");
        assert_eq!(said.exit(), Some(0), "{said:?}");
        assert_eq!(desk.run(shell, "cat text; rm text").output(), "hello there");
    });
}

#[test]
fn a_shell_that_inherited_our_prompt_signs_for_itself() {
    in_every_shell(|desk, shell| {
        let opened = desk.run_as_it_is(shell, in_words_of(shell, "export PS1; dash", "dash", "dash"), 25);
        assert!(opened.state().starts_with("nested shell (dash)"), "{opened:?}");
        let said = desk.run_as_it_is(shell, "echo inner-$((1 + 1)); (exit 9)", 25);
        assert_eq!((said.exit(), said.output().as_str()), (Some(9), "inner-2"), "{said:?}");
        let left = desk.run(shell, "exit 4");
        assert!(left.state().starts_with("nested shell left, exit 4"), "{left:?}");
        let said = desk.tool("ssh_wait", json!({"command": opened.handle(), "wait_s": 10}));
        assert_eq!(said.exit(), Some(4), "{said:?}");
    });
}

#[test]
fn the_end_of_the_shell_is_told_and_how_to_open_another() {
    in_every_shell(|desk, shell| {
        let fails = in_words_of(shell, "set -e; false", "exit 1", "exit 1");
        let kills = in_words_of(shell, "kill -9 $$", "kill -9 $fish_pid", "kill -9 $$");
        for (command, exit) in [("exit 5", "5"), (fails, "1"), (kills, "137")] {
            let said = desk.run_as_it_is(shell, command, 25);
            assert!(said.state().starts_with(&format!("shell exited {exit}")), "{said:?}");
            let again = format!("ssh_connect target={} name={shell}", desk.target);
            assert!(said.head().contains(&again), "{said:?}");
            desk.run(shell, "true").refuses("shell-exited", &[&again]);
            let said = desk.open(shell, shell);
            assert!(said.head().contains("opened"), "{said:?}");
            desk.is_exact(shell);
        }
    });
}

#[test]
fn a_second_caller_is_told_who_is_busy_and_nothing_is_typed() {
    in_every_shell(|desk, shell| {
        let said = desk.run_for(shell, "sleep 1; echo x$(cat <&-)y 2>/dev/null", 0);
        let busy = desk.run(shell, "touch never");
        busy.refuses("busy", &[&format!("ssh_wait command={}", said.handle()), "nothing was typed"]);
        let mut other = crate::desk::client(&desk.home);
        let busy = other.call("ssh_run", json!({"session": shell, "command": "touch never"}));
        assert!(busy.is_error && busy.text.starts_with("busy: "), "{busy:?}");
        assert_eq!(desk.wait(shell).exit(), Some(0));
        desk.is_exact(shell);
        assert!(!desk.home.work().join("never").exists());
    });
}

#[test]
fn a_command_is_ended_after_its_time() {
    in_every_shell(|desk, shell| {
        let order = json!({"session": shell, "command": "sleep 100", "kill_after_s": 1, "wait_s": 20});
        let said = desk.tool("ssh_run", order);
        assert!(said.state().starts_with("interrupted by SIGINT after 1"), "{said:?}");
    });
}

#[test]
fn closing_a_command_climbs_from_the_polite_signal_to_the_last_and_names_survivors() {
    in_every_shell(|desk, shell| {
        // A child that ignores what may be ignored, and one that has left the group.
        let stubborn = "sh -c 'trap \"\" INT TERM; setsid sleep 1000 & while :; do sleep 0.1; done'";
        let said = desk.run_as_it_is(shell, stubborn, 1);
        assert!(said.state().starts_with("running"), "{said:?}");
        let said = desk.tool("ssh_close", json!({"id": said.handle()}));
        assert!(said.state().starts_with("interrupted by SIGKILL"), "{said:?}");
        let (_, alive) = said.text.split_once("(still alive: ").unwrap_or_else(|| panic!("{said:?}"));
        assert!(alive.contains(" sleep"), "{said:?}");
        let pid = alive.split(' ').next().unwrap().to_owned();
        desk.is_exact(shell);
        assert_eq!(desk.run(shell, &format!("kill {pid}")).exit(), Some(0));
    });
}

#[test]
fn what_left_the_tree_of_its_shell_long_before_is_named_too() {
    in_every_shell(names_all_that_left);
}

#[test]
fn the_first_terminal_of_a_host_is_one_like_any_other() {
    let test = "the_first_terminal_of_a_host_is_one_like_any_other";
    let own_terminals = "mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts\n\
                         [ -L /dev/ptmx ] || mount --bind /dev/pts/ptmx /dev/ptmx";
    let Some(sshd) = Sshd::start_in_namespace(test, "", own_terminals) else { return };
    let mut desk = Desk::over(&sshd);
    desk.open("bash", "bash");
    assert_eq!(desk.run("bash", "tty").output(), "/dev/pts/0");
    names_all_that_left(&mut desk, "bash");
    desk.run("bash", "read -rs x").needs("secret");
}

/// One has a session of its own, one no environment, one both parents gone; none is anybody's child any more.
fn names_all_that_left(desk: &mut Desk, shell: &str) {
    let away = "(setsid sleep 4711 >/dev/null 2>&1 &); (env -i sleep 4712 >/dev/null 2>&1 &)";
    let said = desk.run_for(shell, &format!("{away}; sh -c '(setsid sleep 4713 &) ; sleep 1000'"), 1);
    let said = desk.tool("ssh_close", json!({"id": said.handle()}));
    let (_, alive) = said.text.split_once("(still alive: ").unwrap_or_else(|| panic!("{said:?}"));
    let alive: Vec<&str> = alive.split(')').next().unwrap().split(", ").collect();
    let pids: Vec<&str> = alive.iter().filter_map(|it| it.strip_suffix(" sleep")).collect();
    assert_eq!(desk.run(shell, &format!("kill {}", pids.join(" "))).exit(), Some(0));
    assert_eq!(alive.iter().filter(|it| it.ends_with(" sleep")).count(), 3, "{said:?}");
}

#[test]
fn traps_options_and_a_prompt_of_ones_own_do_not_unhook_the_shell() {
    in_every_shell(|desk, shell| {
        // Where there is no other place for the marks than the prompt a new one ends the session's exactness.
        let prompt = if dialect(shell).mends_prompts() { "PS1='mine> '" } else { "PS4='+ '" };
        let commands: &[&str] = match dialect(shell) {
            Shell::Fish => &["function fish_prompt; echo 'mine> '; end", "stty -echo", "stty echo"],
            Shell::Tcsh => &[
                "set prompt='mine> '",
                "stty -echo",
                "stty echo",
                "set prompt2='more> '",
                "set echo_style=none",
            ],
            _ => &["set -u", prompt, "stty -echo", "stty echo", "PS2='more> '", "trap 'echo bye' EXIT"],
        };
        for command in commands {
            let said = desk.run_as_it_is(shell, command, 25);
            assert_eq!(said.exit(), Some(0), "{command}: {said:?}");
            let said = desk.run(shell, "echo still; (exit 3)");
            assert_eq!(said.exit(), Some(3), "{command}: {said:?}");
            assert!(said.output().contains("still"), "{command}: {said:?}");
        }
    });
}

#[test]
fn a_first_letter_of_a_python_prompt_is_enough() {
    if !have("python3", "a_first_letter_of_a_python_prompt_is_enough") {
        return;
    }
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    desk.run("web1", "python3 -c 'print(input())'").needs("line");
    assert_eq!(desk.send("web1", "a line").exit(), Some(0));
    let said = desk.run("web1", "python3 -c 'import getpass; print(len(getpass.getpass()))'");
    said.needs("secret");
    desk.press("web1", "ctrl-c");
    desk.run("web1", "python3 -q").needs("line");
    desk.send("web1", "exit(3)");
    desk.is_exact("web1");
}
