//! Who may write, and what is never typed onto what somebody has begun.

use std::time::Duration;

use cotty_core::dialect::{COMMAND_BYTES_MAX, Shell};
use cotty_core::gate::GRACE;
use cotty_core::names::{InputKind, Mode, Principal, RunId, RunKind};
use cotty_core::refusal::Refusal;
use cotty_core::run::RunState;

use super::played::{Played, agent, mark, person, prompt, waits};

fn draft(refused: Result<impl std::fmt::Debug, Refusal>) -> bool {
    matches!(refused, Err(Refusal::DraftOnTheLine { .. }))
}

#[test]
fn a_command_is_never_typed_onto_a_draft_however_old() {
    for mode in [Mode::Common, Mode::HumanFirst, Mode::AgentOnly] {
        let mut it = Played::at_prompt(Shell::Bash);
        it.types(&person(), "rm -r").unwrap();
        it.session.set_mode(mode);
        it.passes(Duration::from_secs(3600));
        assert!(draft(it.try_run("ls")), "{mode}");
        assert!(draft(it.types(&agent(), "ls\r")), "{mode}");
        assert_eq!(it.typed(), "rm -r");
    }
}

#[test]
fn a_draft_ends_with_its_line_or_where_every_key_was_plain() {
    for (keys, is_gone) in [
        ("ab\x7f\x7f", true),
        ("ab\x15", true),
        ("ab\x1b[D\x15", false),
        ("\x1b[A", false),
        ("\x12old", false),
        ("a\t\x7f\x7f", false),
    ] {
        let mut it = Played::at_prompt(Shell::Bash);
        it.types(&person(), keys).unwrap();
        assert_eq!(!draft(it.try_run("ls")), is_gone, "{keys:?}");
    }
    let mut it = Played::at_prompt(Shell::Bash);
    it.types(&person(), "\x1b[A").unwrap();
    it.prints(prompt(Shell::Bash, 0, 0, 2));
    assert!(it.try_run("ls").is_ok());
}

#[test]
fn a_draft_is_put_aside_after_quiet_and_typed_again_after_the_command() {
    for shell in Shell::ALL {
        let mut it = Played::at_prompt(shell);
        let quiet = Duration::from_secs(30);
        it.session.set_park_after(Some(quiet));
        it.types(&person(), "rm -r").unwrap();
        it.prints("rm -r");
        it.carried.typed.clear();
        it.now += quiet - Duration::from_millis(1);
        assert!(draft(it.try_run("ls")) && !it.session.park_draft(it.now), "too early");
        it.now += Duration::from_millis(1);
        assert!(it.session.park_draft(it.now) && draft(it.try_run("ls")));
        it.carry();
        assert_eq!(it.typed(), "\x7f\x7f\x7f\x7f\x7f");
        it.prints("\x08 \x08".repeat(4));
        assert!(draft(it.try_run("ls")), "one character still stands");
        it.prints("\x08 \x08");
        it.carried.typed.clear();
        let run = it.run("ls");
        assert_eq!(it.look(run).beside.as_deref(), Some("attach pts/3"));
        let typed = it.typed();
        let serial = if shell.counts_prompts() { 2 } else { 1 };
        it.prints(prompt(shell, 0, serial, 2));
        it.session.put_draft_back(it.now);
        it.carry();
        assert_eq!(it.typed(), typed + "rm -r");
        assert!(draft(it.try_run("ls")), "it is a draft again");
    }
}

#[test]
fn what_is_not_known_for_certain_is_not_put_aside() {
    let quiet = Duration::from_secs(30);
    // An arrow; keys that did not show as they are; something behind them; a line too long.
    let long = "x".repeat(30);
    for (keys, shown) in [
        ("ls\x1b[D", "ls\x08"),
        ("ls", "l"),
        ("ls", "ls -la\x08"),
        ("\u{e4}", "\u{e4}"),
        (&long, &long),
        ("", ""),
    ] {
        let mut it = Played::at_prompt(Shell::Zsh);
        it.session.set_park_after(Some(quiet));
        it.types(&person(), &keys.repeat(if keys.len() > 9 { 3 } else { 1 })).unwrap();
        it.prints(shown.repeat(if keys.len() > 9 { 3 } else { 1 }));
        it.now += quiet;
        assert!(!it.session.park_draft(it.now), "{keys:?}");
    }
    let mut it = Played::at_prompt(Shell::Bash);
    it.types(&person(), "ls").unwrap();
    it.prints("ls");
    it.now += quiet * 100;
    assert!(!it.session.park_draft(it.now), "nobody has allowed it");
}

#[test]
fn a_person_who_types_meanwhile_finds_the_line_as_it_was() {
    let mut it = Played::at_prompt(Shell::Bash);
    it.session.set_park_after(Some(Duration::from_secs(30)));
    it.types(&person(), "ab").unwrap();
    it.prints("ab");
    it.now += Duration::from_secs(30);
    assert!(it.session.park_draft(it.now));
    it.carry();
    it.carried.typed.clear();
    it.types(&person(), "c").unwrap();
    assert_eq!(it.typed(), "abc");
    assert!(draft(it.try_run("ls")) && it.session.parked().is_none());
}

fn other_person() -> Principal {
    Principal { label: "attach pts/4".into(), ..person() }
}

/// A line stands at a prompt, and its person puts it aside at once.
fn put_aside() -> Played {
    let mut it = Played::at_prompt(Shell::Bash);
    assert!(it.types(&person(), "rm -r").is_ok());
    it.prints("rm -r");
    assert!(it.session.put_aside(it.now, &other_person()).is_err(), "it is not theirs");
    assert!(it.session.put_aside(it.now, &person()).is_ok());
    it.carry();
    it.prints("\x08 \x08".repeat(5));
    it.carried.typed.clear();
    assert!(it.session.parked().is_some());
    it
}

#[test]
fn a_line_that_its_person_puts_aside_waits_for_a_command_and_comes_back_after_it() {
    let mut it = put_aside();
    it.now += Duration::from_secs(3600);
    it.session.put_draft_back(it.now);
    it.carry();
    assert_eq!(it.typed(), "", "no command has come yet");
    it.run("ls");
    let typed = it.typed();
    it.prints(prompt(Shell::Bash, 0, 1, 2));
    it.session.put_draft_back(it.now);
    it.carry();
    assert_eq!(it.typed(), typed + "rm -r");
    assert!(draft(it.try_run("ls")), "it is a draft again");
}

#[test]
fn a_line_that_was_put_aside_is_put_back_when_its_person_says_so_and_not_put_aside_again() {
    let mut it = put_aside();
    assert!(it.session.want_back(it.now, &other_person()).is_err());
    it.session.want_back(it.now, &person()).unwrap();
    it.carry();
    assert_eq!(it.typed(), "rm -r");
    it.prints("rm -r");
    assert!(it.session.want_back(it.now, &person()).is_err(), "it is back");
    // During a command it comes back as soon as that has ended, and before whoever waits for that prompt.
    let quiet = Duration::from_secs(30);
    let mut it = put_aside();
    it.session.set_park_after(Some(quiet));
    it.now += quiet;
    it.run("ls");
    it.session.want_back(it.now, &person()).unwrap();
    assert!(it.session.is_draft_wanted());
    let typed = it.typed();
    it.prints(prompt(Shell::Bash, 0, 1, 2));
    it.session.put_draft_back(it.now);
    it.carry();
    assert_eq!(it.typed(), typed + "rm -r");
    it.prints("rm -r");
    it.now += quiet / 2;
    assert!(draft(it.try_run("ls")) && !it.session.park_draft(it.now), "their quiet begins anew");
}

#[test]
fn a_line_that_nobody_knows_for_certain_is_not_put_aside_by_its_person_either() {
    let mut it = Played::at_prompt(Shell::Bash);
    assert!(it.session.put_aside(it.now, &person()).is_err(), "there is none");
    it.types(&person(), "ls\x1b[D").unwrap();
    it.prints("ls\x08");
    assert!(it.session.put_aside(it.now, &person()).is_err());
    assert!(draft(it.try_run("ls")));
}

#[test]
fn a_draft_of_the_agent_itself_is_one_too() {
    let mut it = Played::at_prompt(Shell::Bash);
    it.types(&agent(), "half a li").unwrap();
    assert!(draft(it.try_run("ls")));
    it.types(&agent(), "ne\r").unwrap();
}

#[test]
fn human_first_gives_a_person_time_and_the_other_modes_do_not() {
    let mut it = Played::at_prompt(Shell::Bash);
    it.session.set_mode(Mode::HumanFirst);
    it.types(&person(), "x\x7f").unwrap();
    assert!(matches!(it.try_run("ls"), Err(Refusal::PersonTyping { seconds: 0, .. })));
    it.now += GRACE - Duration::from_millis(1);
    assert!(matches!(it.try_run("ls"), Err(Refusal::PersonTyping { seconds: 4, .. })));
    it.session.set_mode(Mode::Common);
    assert!(it.session.judge(it.now, &agent(), &command("ls")).is_ok());
    it.session.set_mode(Mode::HumanFirst);
    it.now += Duration::from_millis(1);
    assert!(it.try_run("ls").is_ok());
}

fn command(text: &str) -> cotty_core::session::Input {
    let run = RunId { kind: RunKind::Command, number: 1 };
    cotty_core::session::Input::Command { run, text: text.into(), kill_after: None }
}

#[test]
fn in_agent_only_mode_a_person_may_interrupt_and_no_more() {
    let mut it = Played::at_prompt(Shell::Bash);
    it.session.set_mode(Mode::AgentOnly);
    it.run("sleep 100");
    let typed = it.typed();
    assert!(matches!(it.types(&person(), "q"), Err(Refusal::ClosedByOperator { .. })));
    it.types(&person(), "\x03").unwrap();
    assert_eq!(it.typed(), typed + "\x03");
}

#[test]
fn in_human_only_mode_an_agent_does_nothing_and_a_persons_command_runs() {
    let mut it = Played::at_prompt(Shell::Bash);
    it.session.set_mode(Mode::HumanOnly);
    assert!(matches!(it.try_run("ls"), Err(Refusal::ClosedByOperator { .. })));
    assert!(matches!(it.types(&agent(), "\x03"), Err(Refusal::ClosedByOperator { .. })));
    it.submit(&person(), command("ls")).unwrap();
}

#[test]
fn a_password_prompt_takes_nothing_of_an_agent_but_ctrl_c() {
    let mut it = Played::at_prompt(Shell::Bash);
    let run = it.run("sudo true");
    it.prints(format!("{}Password: ", mark("C;c=1")));
    it.is_watched_and_sees(&waits("sudo", true, false));
    assert_eq!(it.state(run), &RunState::NeedsInput { kind: InputKind::Secret });
    assert!(matches!(it.types(&agent(), "hunter2\r"), Err(Refusal::AtSecret { .. })));
    // Part of a password does not end the question.
    it.types(&person(), "hun").unwrap();
    assert!(matches!(it.types(&agent(), "x"), Err(Refusal::AtSecret { .. })));
    it.types(&agent(), "\x03").unwrap();
    assert_eq!(it.state(run), &RunState::Running);
}

#[test]
fn a_program_that_waits_for_a_line_may_be_answered_by_anybody() {
    let mut it = Played::at_prompt(Shell::Bash);
    let run = it.run("read x");
    it.prints(mark("C;c=1"));
    it.is_watched_and_sees(&waits("cat", true, true));
    assert_eq!(it.state(run), &RunState::NeedsInput { kind: InputKind::Line });
    it.types(&agent(), "yes\r").unwrap();
    assert_eq!(it.state(run), &RunState::Running);
    assert!(!it.look(run).typed_during);
    it.types(&person(), "no\r").unwrap();
    assert!(it.look(run).typed_during);
}

#[test]
fn keys_typed_ahead_are_a_draft_until_the_facts_deny_it() {
    for (echoes, stays) in [("", false), ("mak", true)] {
        let mut it = Played::at_prompt(Shell::Bash);
        it.run("sleep 1");
        it.prints(mark("C;c=1"));
        it.types(&person(), "mak").unwrap();
        it.prints(prompt(Shell::Bash, 0, 1, 2));
        assert!(draft(it.try_run("ls")));
        it.prints(echoes);
        it.sees(&waits("bash", false, false));
        assert_eq!(draft(it.try_run("ls")), stays, "{echoes:?}");
    }
}

#[test]
fn a_line_typed_ahead_gets_its_own_verdict_and_never_the_agents() {
    for shell in Shell::ALL {
        let serial = if shell.counts_prompts() { 2 } else { 1 };
        let begins =
            |serial: u64| if !shell.marks_starts() { String::new() } else { mark(&format!("C;c={serial}")) };
        let mut it = Played::at_prompt(shell);
        let first = it.run("sleep 1");
        it.prints(format!("sleep 1\r\n{}", begins(serial)));
        it.types(&person(), "false\r").unwrap();
        it.prints("false\r\n");
        it.prints(prompt(shell, 0, serial, 2));
        assert_eq!(it.state(first), &RunState::Completed { exit: 0 });
        // The shell has not read the line yet: who would type now, would get its status.
        assert!(matches!(it.try_run("ls"), Err(Refusal::NotAtPrompt { .. })), "{shell:?}");
        it.prints(format!("false\r\n{}", begins(serial + 1)));
        it.prints(prompt(shell, 1, serial + 1, 3));
        assert!(matches!(it.try_run("ls"), Err(Refusal::NotAtPrompt { .. })), "{shell:?}");
        it.sees(&waits(shell.name(), !shell.edits_lines(), !shell.edits_lines()));
        let run = it.run("true");
        it.prints(format!("true\r\n{}", begins(serial + 2)));
        it.prints(prompt(shell, 0, serial + 2, 4));
        assert_eq!(it.state(run), &RunState::Completed { exit: 0 }, "{shell:?}");
        it.run("at once again");
    }
}

#[test]
fn an_interrupt_at_the_prompt_gives_a_new_one_before_a_command_is_taken() {
    for shell in Shell::ALL {
        let mut it = Played::at_prompt(shell);
        it.types(&agent(), "\x03").unwrap();
        // The prompt that it gives would be taken for the command's end.
        assert!(matches!(it.try_run("ls"), Err(Refusal::NotAtPrompt { .. })), "{shell:?}");
        let serial = if shell.counts_prompts() { 2 } else { 0 };
        it.prints(format!("^C\r\n{}", prompt(shell, 130, serial, 2)));
        assert!(it.try_run("ls").is_ok(), "{shell:?}");
        assert_eq!(it.carried.settled, []);
    }
}

#[test]
fn a_shell_that_ignores_an_interrupt_is_usable_again() {
    for shell in Shell::ALL {
        let mut it = Played::at_prompt(shell);
        it.types(&person(), "\x03").unwrap();
        it.sees(&waits(shell.name(), !shell.edits_lines(), !shell.edits_lines()));
        assert!(it.try_run("ls").is_ok(), "{shell:?}");
    }
}

#[test]
fn a_refusal_changes_nothing() {
    let mut it = Played::at_prompt(Shell::Bash);
    let (kept, end) = (it.session.kept(), it.session.end());
    let long = "x".repeat(COMMAND_BYTES_MAX + 1);
    for text in ["a\0b", "a\x1b[Ab", "\x7f", long.as_str()] {
        assert!(it.try_run(text).is_err());
    }
    assert_eq!((it.session.kept(), it.session.end(), it.carried.typed.len()), (kept, end, 0));
    assert!(it.session.gate().pen().is_none() && it.session.current().is_none());
}

#[test]
fn what_a_program_does_not_read_is_bounded_and_ctrl_c_has_room() {
    let mut it = Played::at_prompt(Shell::Bash);
    it.run("sleep 100");
    let much = "x".repeat(64 * 1024);
    let taken = (0..100).take_while(|_| it.types(&person(), &much).is_ok()).count();
    assert_eq!(taken, 3);
    assert!(matches!(it.types(&agent(), &much), Err(Refusal::NoRoom { .. })));
    it.types(&agent(), "\x03").unwrap();
    assert!(it.carried.typed.iter().all(|(_, bytes)| bytes.len() <= cotty_core::session::INPUT_BYTES));
    let numbers: Vec<u64> = it.carried.typed.iter().map(|(sequence, _)| *sequence).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    it.session.handle_applied(256 * 1024, None);
    it.types(&person(), &much).unwrap();
}
