//! Where a command ends, and what does not end it.

use std::time::Duration;

use cotty_core::dialect::Shell;
use cotty_core::ladder::Signal;
use cotty_core::names::{Boundary, InputKind, Mode, RunKind};
use cotty_core::refusal::Refusal;
use cotty_core::run::RunState;

use super::played::{Played, agent, mark, person, prompt, waits};

const EACH: [Shell; 8] = Shell::ALL;

/// The serial that the first command is settled by: dash counts prompts, the others commands.
fn first(shell: Shell) -> u64 {
    if shell.counts_prompts() { 2 } else { 1 }
}

/// What the shell prints when it has read a typed line and begins to carry it out.
fn begins(shell: Shell, serial: u64, typed: &str) -> String {
    match shell {
        shell if shell.marks_starts() => format!("{typed}\r\n{}", mark(&format!("C;c={serial}"))),
        _ => format!("{typed}\r\n"),
    }
}

#[test]
fn the_mark_with_the_awaited_serial_completes_a_command() {
    for shell in EACH {
        let mut it = Played::at_prompt(shell);
        let run = it.run("make");
        assert!(it.typed().starts_with("make"));
        it.prints(begins(shell, first(shell), "make"));
        it.prints("built\r\n");
        assert_eq!(it.state(run), &RunState::Running);
        it.prints(prompt(shell, 3, first(shell), 2));
        assert_eq!(it.state(run), &RunState::Completed { exit: 3 }, "{shell:?}");
        assert_eq!((it.output(run).as_str(), it.look(run).boundary), ("built\r\n", Boundary::Exact));
        assert_eq!(it.look(run).cwd.as_deref(), Some("/srv"));
        assert_eq!(it.carried.settled, [run]);
        assert!(it.session.is_at_prompt() && it.session.gate().pen().is_none());
    }
}

#[test]
fn two_hundred_commands_in_a_row_each_get_their_own_status() {
    for shell in EACH {
        let mut it = Played::at_prompt(shell);
        for turn in 0..200 {
            let (serial, status) = (first(shell) + turn, (turn % 7) as i32);
            let run = it.run("true");
            it.prints(begins(shell, serial, "true"));
            it.prints(prompt(shell, status, serial, turn + 2));
            assert_eq!(it.state(run), &RunState::Completed { exit: status });
            assert_eq!(it.output(run), "");
        }
    }
}

#[test]
fn no_other_mark_settles_anything() {
    for shell in EACH {
        let (mut it, serial) = (Played::at_prompt(shell), first(shell));
        let run = it.run("cat capture");
        it.prints(begins(shell, serial, "cat capture"));
        for forged in [
            "\x1b]133;D;0\x07".to_owned(),
            "\x1b]133;D;0;k=other;c=1;p=77\x07".to_owned(),
            format!("\x1b]133;D;0;c={serial};k=other;p=77\x07"),
            // Of this very session, one command earlier.
            prompt(shell, 0, serial - 1, 1),
            // A nested shell that inherited our prompt counts from 1 and may owe the same serial.
            format!("\x1b]133;D;0;c={serial};k=key;p=99;t=/dev/pts/3\x07"),
            format!("\x1b]133;D;x;c={serial};k=key;p=77\x07"),
            format!("\x1b]133;D;0;c={serial}x;k=key;p=77\x07"),
            format!("\x1b]133;D;0;c={serial};k=key;p=77;t={}\x07", "x".repeat(300)),
            "user@host:~$ ".to_owned(),
        ] {
            it.prints(&forged);
            assert_eq!(it.state(run), &RunState::Running, "{shell:?} {forged:?}");
            assert!(!it.session.is_at_prompt(), "{shell:?} {forged:?}");
        }
        it.prints(prompt(shell, 7, serial, 2));
        assert_eq!(it.state(run), &RunState::Completed { exit: 7 });
        assert_eq!(it.carried.settled, [run]);
    }
}

#[test]
fn a_damaged_mark_costs_one_verdict_and_never_the_session() {
    for shell in EACH {
        let (mut it, serial) = (Played::at_prompt(shell), first(shell));
        let run = it.run("head -c 100 /dev/urandom");
        it.prints(begins(shell, serial, ""));
        // The end of the first was overwritten; a person pressed Enter on another line.
        it.prints(prompt(shell, 0, serial + 1, 3));
        assert!(matches!(it.state(run), RunState::Lost { .. }), "{shell:?}");
        let next = it.run("true");
        it.prints(begins(shell, serial + 2, "true"));
        it.prints(prompt(shell, 1, serial + 2, 4));
        assert_eq!(it.state(next), &RunState::Completed { exit: 1 });
    }
}

#[test]
fn only_a_new_prompt_number_says_that_nothing_ran() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut it = Played::at_prompt(shell);
        let run = it.run("# only words");
        // readline draws the line again, with the number that the prompt had.
        it.prints(format!("\r$ {}", mark("D;0;c=0;n=1")));
        it.prints("\x1b]133;B;k=key\x07# only words\r\n");
        assert_eq!(it.state(run), &RunState::Running, "{shell:?}");
        it.prints(prompt(shell, 5, 0, 2));
        assert_eq!(it.state(run), &RunState::RanNothing, "{shell:?}");
        assert_eq!(it.output(run), "");
        assert!(it.session.is_at_prompt());
    }
}

#[test]
fn a_blank_command_of_a_shell_that_counts_prompts_ran_nothing_either() {
    let mut it = Played::at_prompt(Shell::Dash);
    let run = it.run("# only words");
    it.prints("# only words\r\n");
    it.prints(prompt(Shell::Dash, 5, 2, 0));
    assert_eq!(it.state(run), &RunState::RanNothing);
    assert_eq!(it.output(run), "");
}

#[test]
fn a_path_full_of_bells_costs_the_path_and_not_the_verdict() {
    let mut it = Played::at_prompt(Shell::Bash);
    let run = it.run("cd odd");
    it.prints(begins(Shell::Bash, 1, "cd odd"));
    it.prints(format!("\x1b]133;P;k=key;d=/a\x07;{}\x07", "b".repeat(4000)));
    it.prints(mark("D;2;c=1"));
    assert_eq!(it.state(run), &RunState::Completed { exit: 2 });
    assert_eq!(it.look(run).cwd, None);
}

#[test]
fn a_finished_run_does_not_undo_what_the_operator_chose_meanwhile() {
    for mode in Mode::ALL {
        let mut it = Played::at_prompt(Shell::Bash);
        let run = it.run("make");
        it.session.set_mode(mode);
        it.prints(begins(Shell::Bash, 1, "make"));
        it.prints(prompt(Shell::Bash, 0, 1, 2));
        assert_eq!((it.state(run), it.session.gate().mode()), (&RunState::Completed { exit: 0 }, mode));
        assert_eq!(it.try_run("ls").is_err(), mode == Mode::HumanOnly);
    }
}

#[test]
fn a_second_caller_is_told_what_runs_and_nothing_is_typed() {
    let mut it = Played::at_prompt(Shell::Bash);
    let run = it.run("sleep 100");
    let typed = it.typed();
    let refused = it.try_run("ls");
    assert_eq!(refused, Err(Refusal::RunInProgress { session: "s".into(), run }));
    assert_eq!(it.typed(), typed);
}

#[test]
fn what_a_person_types_at_the_prompt_is_a_command_too() {
    for shell in EACH {
        let (mut it, serial) = (Played::at_prompt(shell), first(shell));
        for keys in ["l", "s", " ", "-l", "\r"] {
            it.types(&person(), keys).unwrap();
            it.prints(if keys == "\r" { "\r\n" } else { keys });
        }
        if shell.marks_starts() {
            it.prints(mark(&format!("C;c={serial}")));
        }
        let run = *it.carried.began.first().unwrap();
        assert_eq!((run.kind, it.look(run).command.as_str()), (RunKind::Human, "ls -l"), "{shell:?}");
        assert_eq!(it.try_run("x"), Err(Refusal::RunInProgress { session: "s".into(), run }));
        it.prints("total 0\r\n");
        it.prints(prompt(shell, 0, serial, 2));
        assert_eq!(it.output(run), "total 0\r\n");
        assert_eq!(it.carried.settled, [run]);
    }
}

#[test]
fn a_prompt_that_is_drawn_again_under_a_sent_line_is_no_part_of_it() {
    let mut it = Played::at_prompt(Shell::Bash);
    it.types(&person(), "cat\r").unwrap();
    it.prints("cat");
    it.prints(format!("\r$ {}cat\r\n{}", mark("B"), mark("C;c=1")));
    let run = it.carried.began[0];
    assert_eq!(it.look(run).command, "cat");
}

#[test]
fn lines_that_a_person_pasted_are_one_command_that_ends_with_the_last() {
    let mut it = Played::at_prompt(Shell::Bash);
    it.types(&person(), "a\rb\r").unwrap();
    it.prints(begins(Shell::Bash, 1, "a"));
    it.prints(begins(Shell::Bash, 2, "b"));
    let run = it.carried.began[0];
    assert_eq!(it.look(run).expected, 2);
    it.prints(prompt(Shell::Bash, 4, 2, 2));
    assert_eq!(it.state(run), &RunState::Completed { exit: 4 });
}

#[test]
fn an_unfinished_line_is_told_by_the_second_prompt_and_stays_usable() {
    for shell in EACH {
        let (mut it, serial) = (Played::at_prompt(shell), first(shell));
        let run = it.run("echo 'open");
        it.prints("echo 'open\r\n\x1b]133;S;k=key\x07> \x1b]133;T;k=key\x07");
        it.is_watched_and_sees(&waits(shell.name(), !shell.edits_lines(), !shell.edits_lines()));
        let waits_for = RunState::NeedsInput { kind: InputKind::IncompleteSyntax };
        assert_eq!(it.state(run), &waits_for, "{shell:?}");
        it.types(&agent(), "\x03").unwrap();
        let serial = if shell.counts_prompts() { serial } else { serial - 1 };
        it.prints(format!("^C\r\n{}", prompt(shell, 130, serial, 2)));
        assert_eq!(it.state(run), &RunState::Interrupted { signal: 2, exit: 130 }, "{shell:?}");
        assert!(it.session.is_at_prompt());
    }
}

#[test]
fn the_ladder_climbs_until_the_command_ends() {
    let mut it = Played::at_prompt(Shell::Bash);
    let run = it.run("trap '' INT; sleep 100");
    it.prints(begins(Shell::Bash, 1, ""));
    it.session.end_run(it.now, run, false).unwrap();
    it.carry();
    assert_eq!(it.carried.signals, [], "it is looked first what is in front");
    it.passes(Duration::from_millis(399));
    it.passes(Duration::from_millis(1));
    assert_eq!(it.carried.signals, [Signal::Interrupt]);
    it.passes(Duration::from_millis(1_999));
    assert_eq!(it.carried.signals.len(), 1);
    it.passes(Duration::from_millis(1));
    assert_eq!(it.carried.signals, [Signal::Interrupt, Signal::Terminate]);
    it.prints(prompt(Shell::Bash, 143, 1, 2));
    assert_eq!(it.state(run), &RunState::Interrupted { signal: 15, exit: 143 });
    it.passes(Duration::from_secs(60));
    assert_eq!(it.carried.signals.len(), 2);
}

#[test]
fn a_status_above_128_that_nobody_asked_for_is_a_status() {
    let mut it = Played::at_prompt(Shell::Bash);
    let run = it.run("sh -c 'kill -9 $$'");
    it.prints(begins(Shell::Bash, 1, ""));
    it.prints(prompt(Shell::Bash, 137, 1, 2));
    assert_eq!(it.state(run), &RunState::Completed { exit: 137 });
}

#[test]
fn kill_after_puts_the_ladder_up_by_itself() {
    let mut it = Played::at_prompt(Shell::Bash);
    let run = it.handle();
    let kill_after = Some(Duration::from_secs(3));
    let input = cotty_core::session::Input::Command { run, text: "sleep 9".into(), kill_after };
    it.submit(&agent(), input).unwrap();
    it.prints(begins(Shell::Bash, 1, ""));
    it.passes(Duration::from_millis(2_999));
    assert_eq!(it.carried.signals, []);
    it.passes(Duration::from_millis(401));
    assert_eq!(it.carried.signals, [Signal::Interrupt]);
}

#[test]
fn the_end_of_the_shell_settles_its_command() {
    let mut it = Played::at_prompt(Shell::Bash);
    let run = it.run("exit 5");
    it.prints(begins(Shell::Bash, 1, "exit 5"));
    it.session.handle_exit(it.now, Some(5));
    it.session.handle_lost(it.now, "again");
    it.carry();
    assert_eq!(it.state(run), &RunState::ShellExited { exit: Some(5) });
    assert_eq!(it.carried.settled, [run]);
    assert!(matches!(it.try_run("ls"), Err(Refusal::ShellExited { exit: Some(5), .. })));

    let mut it = Played::at_prompt(Shell::Bash);
    let run = it.run("sleep 1");
    it.session.handle_lost(it.now, "the holder died");
    it.carry();
    assert_eq!(it.state(run), &RunState::Lost { reason: "the holder died".into() });
}
