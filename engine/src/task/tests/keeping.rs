//! What is kept before it is done, and found again.

use super::*;
use crate::report::RunState;

#[tokio::test(start_paused = true)]
async fn a_command_stands_in_the_store_before_it_is_typed() {
    let mut it = Played::at_prompt();
    let _answer = it.runs("make", Duration::from_secs(60));
    let Some(Order::Input { sequence, bytes }) = it.order().await else { panic!("it was not typed") };
    let row = it.store.runs(Some("id"), 1).unwrap().remove(0);
    assert_eq!((row.sequence, &row.keys[..], row.expected), (sequence, &bytes[..], 1));
    assert_eq!((row.state, row.command.as_str()), (RunState::Running, "make"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_refuses_the_command_and_nothing_is_typed() {
    let mut it = Played::at_prompt();
    it.store.break_runs();
    let refused = it.runs("make", Duration::from_secs(60)).await.unwrap();
    assert!(matches!(refused, Err(Refusal::Storage { .. })), "{refused:?}");
    assert_eq!(it.typed().await, []);
    let screen = it.session.ask(Request::Screen).await;
    assert!(screen.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_second_caller_is_told_what_runs_and_nothing_is_typed() {
    let mut it = Played::at_prompt();
    let run = it.begins("sleep 100").await;
    assert_eq!(it.typed().await, [(2, "sleep 100\r".into())]);
    let refused = it.runs("ls", Duration::from_secs(60)).await.unwrap().unwrap_err();
    assert_eq!(refused, Refusal::RunInProgress { session: "s".into(), run });
    assert_eq!(it.typed().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_is_forgotten_and_its_command_goes_on() {
    let mut it = Played::at_prompt();
    drop(it.runs("make", Duration::from_secs(60)));
    assert_eq!(it.typed().await.len(), 1);
    it.prints(format!("make\r\n{STARTED}built\r\n{PROMPT}")).await;
    quiet().await;
    let row = it.store.runs(Some("id"), 1).unwrap().remove(0);
    assert_eq!(row.state, RunState::Completed { exit: 3 });
}

#[tokio::test(start_paused = true)]
async fn output_is_not_given_away_before_the_beginning_of_its_command_is_kept() {
    let acknowledged = |orders: Vec<Order>| {
        let bytes = orders.into_iter().filter_map(|order| match order {
            Order::Acknowledge { byte } => Some(byte),
            _ => None,
        });
        bytes.max()
    };
    let mut it = Played::at_prompt();
    it.prints("$ ").await;
    assert_eq!(acknowledged(it.orders().await), Some(2));
    let run = it.begins("make").await;
    it.typed().await;
    it.prints(format!("make\r\n{STARTED}some output\r\n")).await;
    assert_eq!(acknowledged(it.orders().await), None);
    for _ in 0..10 {
        it.prints("x".repeat(32 * 1024)).await;
        quiet().await;
    }
    let row = it.store.run(run).unwrap().unwrap();
    assert_eq!(row.from, Some(2 + 6 + STARTED.len() as u64));
    assert!(acknowledged(it.orders().await).is_some_and(|byte| byte > 256 * 1024));
}

#[tokio::test(start_paused = true)]
async fn output_whose_beginning_is_not_marked_does_not_stop_the_terminal_for_good() {
    let mut it = Played::at_prompt();
    it.begins("PS0=; yes").await;
    it.typed().await;
    for _ in 0..12 {
        it.prints("y".repeat(32 * 1024)).await;
        quiet().await;
    }
    assert!(it.orders().await.iter().any(|order| matches!(order, Order::Acknowledge { .. })));
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_a_command_is_typed_once() {
    for (applied, typed) in [(1, vec![(2, "make\r".to_owned())]), (2, vec![])] {
        let mut it = Played::at_prompt();
        let run = it.begins("make").await;
        assert_eq!(it.orders().await.len(), 1); // Nothing is applied.
        let mut it = it.restarts(applied).await;
        assert_eq!(it.typed().await, typed, "applied {applied}");
        let refused = it.runs("ls", Duration::ZERO).await.unwrap().unwrap_err();
        assert_eq!(refused, Refusal::RunInProgress { session: "s".into(), run });
        it.prints(format!("make\r\n{STARTED}built\r\n{PROMPT}")).await;
        quiet().await;
        assert_eq!(it.store.run(run).unwrap().unwrap().state, RunState::Completed { exit: 3 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_pen_that_a_person_took_is_theirs_over_the_end_of_a_daemon() {
    use crate::viewer::PenOrder;
    let it = Played::at_prompt();
    let order = PenOrder::Take;
    it.session.ask(|reply| Request::Pen { who: person(), order, reply }).await.unwrap();
    let taken = |it: &Played| it.store.pen("id").unwrap().map(|pen| pen.who);
    assert_eq!(taken(&it), Some(person()), "it is kept when it is taken");
    let mut it = it.restarts(1).await;
    let refused = it.runs("ls", Duration::ZERO).await.unwrap().unwrap_err();
    assert!(matches!(refused, Refusal::PenTaken { .. }), "{refused:?}");
    // Its owner comes back in time; then they leave for good.
    let viewer = it.views().await;
    tokio::time::sleep(Duration::from_secs(70)).await;
    assert_eq!(taken(&it), Some(person()));
    drop(viewer);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(taken(&it), None);
    assert!(it.runs("ls", Duration::ZERO).await.unwrap().is_ok());
    let noted: Vec<String> = it.store.events("id", 9).unwrap().into_iter().map(|it| it.text).collect();
    assert!(noted.iter().any(|it| it.contains("the pen fell back")), "{noted:?}");
}

#[tokio::test(start_paused = true)]
async fn output_that_is_read_again_gives_no_second_command() {
    let mut it = Played::at_prompt();
    let run = it.begins("make").await;
    it.typed().await;
    let printed = format!("make\r\n{STARTED}built\r\n{}", &PROMPT[..PROMPT.len() / 2]);
    it.prints(&printed).await;
    quiet().await;
    assert!(it.store.run(run).unwrap().unwrap().state.is_settled());
    // The holder had seen no acknowledgement: all of it comes again.
    let mut it = it.restarts(2).await;
    it.at = 0;
    it.prints(format!("{printed}{}", &PROMPT[PROMPT.len() / 2..])).await;
    quiet().await;
    assert_eq!(it.store.runs(Some("id"), 9).unwrap().len(), 1);
    it.begins("next").await;
}
