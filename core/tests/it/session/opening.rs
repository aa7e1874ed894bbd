//! From a new terminal to a shell that signs its prompts.

use std::time::Duration;

use cotty_core::dialect::Shell;
use cotty_core::facts::Facts;
use cotty_core::refusal::Refusal;
use cotty_core::session::{Session, Stage};

use super::played::{Played, agent, person, plan, prompt, some_moment, waits};

fn at_editor(shell: Shell) -> cotty_core::facts::Facts {
    waits(shell.name(), !shell.edits_lines(), !shell.edits_lines())
}

fn first_prompt(shell: Shell) -> String {
    prompt(shell, 0, u64::from(shell.counts_prompts()), 1)
}

#[test]
fn a_shell_that_reads_its_terminal_twice_gets_our_line_once() {
    for shell in Shell::ALL {
        let mut it = Played::opened(shell);
        it.prints("welcome\r\n$ ");
        it.sees(&at_editor(shell));
        it.sees(&at_editor(shell));
        assert_eq!(it.carried.typed.len(), 1, "{shell:?}");
        assert!(it.typed().contains("k=key"));
        it.prints(first_prompt(shell));
        assert_eq!(it.session.stage(), &Stage::Ready);
        assert!(it.try_run("true").is_ok());
    }
}

#[test]
fn nothing_of_our_line_reaches_a_viewer_or_the_screen() {
    for shell in Shell::ALL {
        let mut it = Played::opened(shell);
        it.prints("welcome\r\n$ ");
        it.sees(&at_editor(shell));
        let hook = it.typed();
        it.prints(&hook[..10]);
        it.prints(format!("{}\r\n", &hook[10..]));
        it.prints(first_prompt(shell));
        let shown = String::from_utf8_lossy(&it.carried.shown).into_owned();
        assert!(!shown.contains("__") && !shown.contains("tty"), "{shell:?}: {shown:?}");
        let sign = if shell == Shell::Zsh { "%" } else { "$" };
        assert_eq!(it.screen(), format!("welcome\n{sign}"), "{shell:?}");
        // A viewer who comes later begins behind our line.
        let kept = it.session.kept();
        assert!(it.printed[..kept.ready_at as usize].ends_with(b"\n") && kept.ready);
    }
}

#[test]
fn an_rc_file_that_sleeps_is_given_nothing_to_eat() {
    let mut it = Played::opened(Shell::Bash);
    let mut sleeps = waits("sleep", true, true);
    sleeps.members[0].blocked = cotty_core::facts::Blocked::Elsewhere;
    (0..5).for_each(|_| it.sees(&sleeps));
    assert!(matches!(it.session.stage(), Stage::Waiting { .. }));
    it.passes(Duration::from_secs(11));
    it.session.handle_timeout(it.now);
    assert!(matches!(it.session.stage(), Stage::Late { .. }));
    assert_eq!(it.carried.typed, []);
    let Err(Refusal::NotReady { state, .. }) = it.try_run("ls") else { panic!("it is not ready") };
    assert!(state.contains("nothing was typed"), "{state}");

    // It was only slow.
    it.carried.asked.clear();
    it.prints("$ ");
    it.sees(&at_editor(Shell::Bash));
    it.prints(first_prompt(Shell::Bash));
    assert!(it.session.is_at_prompt());
}

#[test]
fn an_rc_file_that_asks_is_answered_by_a_person() {
    let mut it = Played::opened(Shell::Bash);
    it.prints("Proceed? ");
    it.sees(&waits("bash", true, true));
    assert_eq!(it.carried.typed, []);
    it.types(&person(), "yes\r").unwrap();
    assert_eq!(it.typed(), "yes\r");
    it.prints("yes\r\n$ ");
    it.sees(&at_editor(Shell::Bash));
    it.prints(first_prompt(Shell::Bash));
    assert!(it.session.is_at_prompt());
}

#[test]
fn our_line_is_not_typed_onto_a_persons() {
    let mut it = Played::opened(Shell::Bash);
    it.prints("$ ");
    it.types(&person(), "ls").unwrap();
    it.prints("ls");
    it.sees(&at_editor(Shell::Bash));
    it.sees(&at_editor(Shell::Bash));
    assert_eq!(it.typed(), "ls");
    it.types(&person(), "\r").unwrap();
    it.prints("\r\nfile\r\n$ ");
    it.sees(&at_editor(Shell::Bash));
    assert!(it.typed().contains("133;D"));
}

#[test]
fn a_line_that_is_not_answered_is_said_so_and_a_late_answer_counts() {
    let mut it = Played::opened(Shell::Bash);
    it.prints("$ ");
    it.sees(&at_editor(Shell::Bash));
    it.passes(Duration::from_secs(10));
    it.session.handle_timeout(it.now);
    assert_eq!(it.session.stage(), &Stage::Unanswered);
    assert!(matches!(it.try_run("ls"), Err(Refusal::NotReady { .. })));
    it.prints(first_prompt(Shell::Bash));
    assert_eq!(it.session.stage(), &Stage::Ready);
    assert_eq!(it.carried.typed.len(), 1);
}

#[test]
fn one_look_is_none() {
    let mut it = Played::opened(Shell::Bash);
    it.passes(Duration::from_millis(5));
    it.session.handle_facts(it.now, it.carried.asked[0], &at_editor(Shell::Bash));
    it.carry();
    // Something was printed between the two looks.
    it.prints("x");
    it.passes(Duration::from_millis(5));
    it.session.handle_facts(it.now, it.carried.asked[1], &at_editor(Shell::Bash));
    it.carry();
    assert_eq!(it.carried.typed, []);
}

#[test]
fn a_session_that_is_opening_takes_no_command_of_an_agent() {
    let mut it = Played::opened(Shell::Bash);
    assert!(matches!(it.try_run("ls"), Err(Refusal::NotReady { .. })));
    it.types(&agent(), "\x03").unwrap();
    it.session.handle_exit(it.now, Some(1));
    assert!(matches!(it.try_run("ls"), Err(Refusal::ShellExited { exit: Some(1), .. })));
}

#[test]
fn a_session_is_there_before_its_terminal_is() {
    let now = some_moment();
    let mut it = Played::of(Session::connecting(plan(Shell::Bash), now), now);
    it.passes(Duration::from_secs(60));
    assert!(matches!(it.session.stage(), Stage::Connecting { .. }));
    assert!(it.carried.asked.is_empty() && it.carried.typed.is_empty());
    let Err(Refusal::NotReady { seconds: 60, state, .. }) = it.try_run("ls") else {
        panic!("it is not ready")
    };
    assert!(state.contains("connected"), "{state}");
    it.session.handle_connected(it.now);
    it.prints("$ ");
    it.sees(&at_editor(Shell::Bash));
    it.prints(first_prompt(Shell::Bash));
    assert!(it.session.is_at_prompt());
    it.session.handle_connected(it.now);
    assert!(it.session.is_at_prompt());
}

#[test]
fn without_facts_our_line_is_typed_after_a_long_silence_and_in_the_login_shells_words() {
    for shell in Shell::ALL {
        let mut it = Played::opened(Shell::Bash);
        let unseen = Facts::unseen(shell.name());
        it.prints("welcome\r\n$ ");
        let opened = it.now;
        while it.now < opened + Duration::from_secs(5) {
            it.sees(&unseen);
        }
        it.prints("news\r\n$ ");
        let printed = it.now;
        while it.now < printed + Duration::from_secs(9) {
            it.sees(&unseen);
            assert_eq!(it.carried.typed, [], "{shell:?}");
        }
        assert!(matches!(it.session.stage(), Stage::Waiting { .. }), "{shell:?}");
        while it.now < printed + Duration::from_secs(11) {
            it.sees(&unseen);
        }
        assert_eq!(it.typed().as_bytes(), shell.hook(&plan(shell).key), "{shell:?}");
        it.prints(first_prompt(shell));
        assert!(it.session.is_at_prompt());
        assert!(it.try_run("true").is_ok());
    }
}

#[test]
fn without_facts_a_shell_that_we_do_not_speak_is_typed_nothing() {
    let mut it = Played::opened(Shell::Bash);
    for _ in 0..100 {
        it.sees(&Facts::unseen("xonsh"));
        it.passes(Duration::from_millis(250));
    }
    assert!(matches!(it.session.stage(), Stage::Late { .. }));
    assert_eq!(it.carried.typed, []);
}
