//! A session that is found again after the daemon ended.

use bytes::Bytes;
use cotty_core::dialect::Shell;
use cotty_core::names::RunId;
use cotty_core::refusal::Refusal;
use cotty_core::run::{Run, RunState};
use cotty_core::session::{INPUT_BYTES, Kept, Session, Stage};

use super::played::{Played, agent, mark, person, plan, prompt, some_moment, waits};

/// Finds a session again as it was at its first prompt, with `applied` as the last input that was taken.
fn found_again(shell: Shell, before: &Played, applied: u64) -> Played {
    let (kept, now) = (before.session.kept(), some_moment());
    let at = before.session.understood();
    let mut found = Played::of(Session::resume(plan(shell), now, kept, at, applied, b""), now);
    found.printed = before.printed[..at as usize].to_vec();
    found
}

fn run_of(before: &Played, id: RunId, now: std::time::Instant) -> Run {
    let old = before.look(id);
    Run::new(id, old.who.clone(), old.command.clone(), old.expected, old.typed_at, now)
}

#[test]
fn a_command_that_was_not_applied_is_typed_now_under_the_same_numbers() {
    let long = "x".repeat(2 * INPUT_BYTES);
    for (text, inputs) in [("make", 1), (long.as_str(), 3)] {
        for applied in 0..inputs {
            let mut before = Played::at_prompt(Shell::Bash);
            let kept = before.session.kept();
            let id = before.run(text);
            assert_eq!(before.carried.typed.len(), inputs as usize);
            let keys: Bytes = before.typed().into();
            let now = some_moment();
            let session =
                Session::resume(plan(Shell::Bash), now, kept.clone(), kept.at, kept.sequence + applied, b"");
            let mut found = Played::of(session, now);
            let run = run_of(&before, id, now);
            found.session.take_up(now, run, Some((kept.sequence + 1, keys)));
            found.carry();
            assert_eq!(found.carried.typed, before.carried.typed, "{applied} of {inputs}");
            assert_eq!(found.session.gate().pen(), Some(id));
        }
    }
}

#[test]
fn a_command_that_was_applied_is_not_typed_again_and_gets_its_verdict() {
    let mut before = Played::at_prompt(Shell::Bash);
    let kept = before.session.kept();
    let id = before.run("make");
    let (applied, keys) = (kept.sequence + 1, Bytes::from(before.typed()));
    let now = some_moment();
    let mut found =
        Played::of(Session::resume(plan(Shell::Bash), now, kept.clone(), kept.at, applied, b""), now);
    found.printed = before.printed.clone();
    found.session.take_up(now, run_of(&before, id, now), Some((applied, keys)));
    found.carry();
    assert_eq!(found.carried.typed, []);
    assert!(found.session.gate().draft().is_none());
    assert_eq!(found.try_run("ls"), Err(Refusal::RunInProgress { session: "s".into(), run: id }));
    found.prints(format!("make\r\n{}built\r\n{}", mark("C;c=1"), prompt(Shell::Bash, 2, 1, 2)));
    assert_eq!(found.state(id), &RunState::Completed { exit: 2 });
    assert_eq!(found.output(id), "built\r\n");
    found.run("next");
    assert_eq!(found.carried.typed[0].0, applied + 1);
}

#[test]
fn what_is_understood_ends_before_an_unfinished_mark_and_before_a_prompt_that_is_due() {
    let mut it = Played::at_prompt(Shell::Bash);
    it.run("make");
    it.prints(format!("make\r\n{}built\r\n", mark("C;c=1")));
    let end = it.session.end().byte;
    assert_eq!(it.session.understood(), end);
    let done = prompt(Shell::Bash, 0, 1, 2);
    for byte in done.as_bytes() {
        assert!(it.session.understood() <= it.session.end().byte);
        it.prints([*byte]);
        let is_whole = it.session.end().byte == end + done.len() as u64;
        assert_eq!(it.session.understood() == it.session.end().byte, is_whole, "{}", it.session.end());
    }
}

#[test]
fn a_session_cut_anywhere_goes_on_from_what_was_understood() {
    let shell = Shell::Bash;
    let after = format!("make\r\n{}built\r\n{}", mark("C;c=1"), prompt(shell, 3, 1, 2));
    for cut in 0..=after.len() {
        let mut before = Played::at_prompt(shell);
        let kept = before.session.kept();
        let id = before.run("make");
        before.prints(&after[..cut]);
        let is_settled = before.look(id).state.is_settled();
        let last = kept.sequence + 1;
        let (now, at) = (some_moment(), before.session.understood());
        // The store has what was kept at the last prompt, and the command while it is open.
        let kept = if before.carried.prompts > 0 { before.session.kept() } else { kept };
        let at = if is_settled { at } else { before.look(id).typed_at };
        let mut found = Played::of(Session::resume(plan(shell), now, kept, at, last, b""), now);
        found.printed = before.printed[..at as usize].to_vec();
        if !is_settled {
            found.session.take_up(now, run_of(&before, id, now), Some((last, "make\r".into())));
            found.carry();
        }
        let rest = [&before.printed[at as usize..], &after.as_bytes()[cut..]].concat();
        found.prints(rest);
        assert_eq!(found.carried.typed, [], "cut at {cut}");
        assert!(found.session.is_at_prompt(), "cut at {cut}");
        assert_eq!(found.session.kept().serial, 1);
        if !is_settled {
            assert_eq!(found.state(id), &RunState::Completed { exit: 3 }, "cut at {cut}");
            assert_eq!(found.output(id), "built\r\n");
        }
        assert_eq!(found.carried.began, [], "cut at {cut}");
        found.run("next");
    }
}

#[test]
fn keys_that_nobody_remembers_are_a_draft() {
    let before = Played::at_prompt(Shell::Bash);
    let mut found = found_again(Shell::Bash, &before, before.session.kept().sequence + 1);
    assert!(matches!(found.try_run("ls"), Err(Refusal::DraftOnTheLine { .. })));
    found.prints(prompt(Shell::Bash, 0, 0, 2));
    assert!(found.try_run("ls").is_ok());
}

#[test]
fn a_session_without_a_prompt_to_remember_asks_the_kernel() {
    let mut before = Played::at_prompt(Shell::Bash);
    before.types(&person(), "\r").unwrap();
    let mut found = found_again(Shell::Bash, &before, before.session.kept().sequence);
    assert!(matches!(found.try_run("ls"), Err(Refusal::NotAtPrompt { .. })));
    found.sees(&waits("bash", false, false));
    assert!(found.try_run("ls").is_ok());
}

#[test]
fn our_first_line_is_not_typed_again() {
    let now = some_moment();
    let typed = Kept { sequence: 1, ..Kept::default() };
    for (kept, applied, waits_for_it) in
        [(typed.clone(), 1, false), (typed, 0, true), (Kept::default(), 0, true), (Kept::default(), 3, true)]
    {
        let session = Session::resume(plan(Shell::Bash), now, kept, 0, applied, b"");
        assert_eq!(matches!(session.stage(), Stage::Waiting { .. }), waits_for_it);
    }
}

#[test]
fn what_the_screen_answers_while_it_is_painted_again_is_not_typed() {
    let now = some_moment();
    let kept = Kept { ready: true, at_prompt: true, ..Kept::default() };
    let mut found = Played::of(Session::resume(plan(Shell::Bash), now, kept, 10, 0, b"\x1b[6n$ "), now);
    assert_eq!((found.carried.typed.len(), found.screen().as_str()), (0, "$"));
    found.types(&agent(), "x").unwrap();
    assert_eq!(found.typed(), "x");
}
