//! Everything that time alone ends.

use tokio::time::Instant;

use super::*;
use crate::report::RunState;

#[tokio::test(start_paused = true)]
async fn patience_ends_at_its_moment_and_the_command_goes_on() {
    let mut it = Played::at_prompt();
    let begun = Instant::now();
    let report = it.runs("sleep 999", Duration::from_secs(600)).await.unwrap().unwrap();
    assert_eq!((report.state, begun.elapsed().as_secs()), (RunState::Running, 600));
    assert!(it.session.ask(Request::Screen).await.is_ok());
    assert_eq!(it.typed().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_ladder_takes_two_seconds_a_rung() {
    let mut it = Played::at_prompt();
    let run = it.begins("trap '' INT TERM; sleep 100").await;
    it.typed().await;
    it.prints(STARTED).await;
    quiet().await;
    let begun = Instant::now();
    let (reply, answer) = oneshot::channel();
    it.session.tell_now(Request::EndRun { who: agent(), run, force: false, reply });
    let mut sent = Vec::new();
    while begun.elapsed() < Duration::from_secs(8) {
        match it.order().await {
            Some(Order::Signal { to: SignalTo::Foreground | SignalTo::ForegroundButShell, signal }) => {
                sent.push((begun.elapsed().as_secs(), signal));
            }
            Some(Order::Facts) => it.says(Event::Facts(Box::new(facts("sleep", Blocked::Elsewhere)))).await,
            Some(Order::Processes) => it.says(Event::Processes(Vec::new())).await,
            _ => {}
        }
    }
    assert_eq!(sent, [(0, 2), (2, 15), (4, 9)]);
    assert_eq!(answer.await.unwrap().unwrap().state, RunState::Running);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_uses_closes_after_its_time() {
    let it = Played::closing_after(Some(Duration::from_secs(600)));
    let begun = Instant::now();
    it.tasks.wait().await;
    // The played holder does not answer the release, so the task waits a little for it.
    assert!((600..=602).contains(&begun.elapsed().as_secs()));
    assert_eq!(it.store.session("id").unwrap().unwrap().ended.as_deref(), Some("closed: idle"));
}

#[tokio::test(start_paused = true)]
async fn a_session_with_a_command_or_a_viewer_never_closes_by_itself() {
    let mut it = Played::closing_after(Some(Duration::from_secs(600)));
    it.begins("sleep 9999").await;
    it.typed().await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    it.prints(format!("{STARTED}{PROMPT}")).await;
    let viewer = it.views().await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(it.session.ask(Request::Screen).await.is_ok());
    drop(viewer);
    it.tasks.wait().await;
    assert!(it.store.session("id").unwrap().unwrap().ended.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_output_with_a_pattern_or_with_silence() {
    let mut it = Played::at_prompt();
    it.begins("server").await;
    it.typed().await;
    it.prints(STARTED).await;
    quiet().await;
    let output = it.waits(Until::Output, Duration::from_secs(60));
    let pattern =
        it.waits(Until::Pattern(regex::Regex::new("listening on [0-9]+").unwrap()), Duration::from_secs(60));
    let idle = it.waits(Until::Idle, Duration::from_secs(60));
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(1)).await;
    it.prints("\x1b[32mlistening\x1b[m on ").await;
    assert!(output.await.unwrap().unwrap().met);
    tokio::time::sleep(Duration::from_secs(1)).await;
    it.prints("80").await;
    assert!(pattern.await.unwrap().unwrap().met);
    assert!(idle.await.unwrap().unwrap().met);
    assert_eq!(begun.elapsed().as_secs(), 4);
    let never = it.waits(Until::Pattern(regex::Regex::new("never").unwrap()), Duration::from_secs(5));
    let waited = never.await.unwrap().unwrap();
    assert_eq!((waited.met, begun.elapsed().as_secs()), (false, 9));
    assert!(waited.report.is_some_and(|report| report.state == RunState::Running));
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_input_ends_with_the_second_look() {
    let mut it = Played::at_prompt();
    it.begins("cat").await;
    it.typed().await;
    it.prints(format!("cat\r\n{STARTED}")).await;
    let mut waited = it.waits(Until::Input, Duration::from_secs(60));
    let begun = Instant::now();
    let waited = loop {
        if let Some(Order::Facts) = it.order().await {
            it.says(Event::Facts(Box::new(facts("cat", Blocked::OnTerminal)))).await;
        }
        if let Ok(waited) = waited.try_recv() {
            break waited.unwrap();
        }
    };
    assert!(waited.met && begun.elapsed() < Duration::from_millis(30), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn where_too_many_wait_nothing_is_typed_for_one_more() {
    let mut it = Played::at_prompt();
    let mut waiting = Vec::new();
    for _ in 0..super::super::WAITERS_MAX {
        waiting.push(it.waits(Until::Output, Duration::from_secs(600)));
        quiet().await;
    }
    let refused = it.runs("touch never", Duration::from_secs(5)).await.unwrap().unwrap_err();
    assert!(matches!(refused, Refusal::TooMany { what: "waiting calls", .. }), "{refused}");
    assert_eq!(it.typed().await, []);
    assert_eq!(it.store.runs(None, 9).unwrap().len(), 0);
    it.prints("x").await;
    for answer in waiting {
        assert!(answer.await.unwrap().unwrap().met);
    }
    it.begins("true").await;
    assert_eq!(it.typed().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_nothing_still_waits_for_the_prompt_that_is_on_its_way() {
    let mut it = Played::at_prompt();
    it.begins("make").await;
    it.typed().await;
    let (ended, prompt) = PROMPT.split_at(PROMPT.find('$').unwrap());
    it.prints(format!("make\r\n{STARTED}{ended}")).await;
    quiet().await;
    let next = it.runs("true", Duration::ZERO);
    quiet().await;
    it.prints(prompt).await;
    assert_eq!(next.await.unwrap().unwrap().state, RunState::Running);
    assert_eq!(it.typed().await.len(), 1);
    // The shell says nothing more: then nothing is typed, and it is said soon.
    it.prints(format!("true\r\n{STARTED}{ended}").replace("c=1", "c=2")).await;
    quiet().await;
    let begun = Instant::now();
    let refused = it.runs("never", Duration::ZERO).await.unwrap().unwrap_err();
    assert!(matches!(refused, Refusal::NotAtPrompt { .. }), "{refused}");
    assert_eq!(begun.elapsed().as_secs(), 1);
}
