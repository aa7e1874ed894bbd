//! Who watches is kept up, and costs nobody anything.

use super::*;
use crate::seats::ViewEvent;

/// The next output or repaint that a viewer gets, as text; `>` stands before a repaint.
async fn next_shown(viewer: &mut Viewer) -> String {
    loop {
        match viewer.next().await {
            ViewEvent::Output { bytes, .. } if !bytes.is_empty() => {
                return String::from_utf8_lossy(&bytes).into_owned();
            }
            ViewEvent::Repaint { bytes, .. } => return format!(">{}", String::from_utf8_lossy(&bytes)),
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_viewer_misses_nothing() {
    let mut it = Played::at_prompt();
    let mut viewer = it.views().await;
    assert!(next_shown(&mut viewer).await.starts_with('>'));
    it.prints("first").await;
    assert_eq!(next_shown(&mut viewer).await, "first");
    // The viewer is busy with "first"; meanwhile the shell prints again.
    it.prints("second").await;
    quiet().await;
    assert_eq!(next_shown(&mut viewer).await, "second");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_viewer_comes_in_few_pieces_and_in_order_with_all_else() {
    let mut it = Played::at_prompt();
    let mut viewer = it.views().await;
    next_shown(&mut viewer).await;
    for text in ["one ", "two ", "three"] {
        it.prints(text).await;
        quiet().await;
    }
    let other = it.views().await;
    it.prints("four").await;
    quiet().await;
    assert_eq!(next_shown(&mut viewer).await, "one two three");
    assert!(matches!(viewer.next().await, ViewEvent::Presence { who } if who.len() == 2));
    assert_eq!(next_shown(&mut viewer).await, "four");
    // A piece has its measure.
    let text = "x".repeat(40 * 1024);
    for _ in 0..4 {
        it.prints(&text).await;
        quiet().await;
    }
    let pieces = [next_shown(&mut viewer).await.len(), next_shown(&mut viewer).await.len()];
    assert_eq!(pieces, [80 * 1024, 80 * 1024]);
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn a_late_viewer_gets_the_screen_then_only_what_is_new() {
    let mut it = Played::at_prompt();
    it.prints("old").await;
    quiet().await;
    let mut viewer = it.views().await;
    let repaint = next_shown(&mut viewer).await;
    assert!(repaint.starts_with('>') && repaint.contains("old"));
    it.prints("new").await;
    assert_eq!(next_shown(&mut viewer).await, "new");
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_falls_behind_is_shown_the_present_and_slows_nobody() {
    let mut it = Played::at_prompt();
    let mut slow = it.views().await;
    let mut quick = it.views().await;
    next_shown(&mut slow).await;
    next_shown(&mut quick).await;
    let piece = "x".repeat(39) + "\r\n";
    let piece = piece.repeat(32 * 1024 / piece.len());
    let mut seen = 0;
    for _ in 0..60 {
        it.prints(&piece).await;
        seen += next_shown(&mut quick).await.len();
    }
    it.prints("the end").await;
    assert_eq!((next_shown(&mut quick).await.as_str(), seen), ("the end", 60 * piece.len()));

    let mut behind = 0;
    let repaint = loop {
        let shown = next_shown(&mut slow).await;
        if shown.starts_with('>') {
            break shown;
        }
        behind += shown.len();
    };
    assert!(behind <= 1024 * 1024 && behind > 900 * 1024, "{behind}");
    assert!(repaint.contains("the end"));
    it.prints("after").await;
    assert_eq!(next_shown(&mut slow).await, "after");
}

#[tokio::test(start_paused = true)]
async fn a_viewers_keys_are_acknowledged_when_the_terminal_has_them() {
    let mut it = Played::at_prompt();
    let mut viewer = it.views().await;
    viewer.key(41, Bytes::from_static(b"l")).await.unwrap();
    assert_eq!(it.typed().await, [(2, "l".into())]);
    loop {
        if let ViewEvent::Echo { sequence, echo } = viewer.next().await {
            assert_eq!((sequence, echo), (41, Some(true)));
            break;
        }
    }
    let refused = it.runs("ls", Duration::ZERO).await.unwrap();
    assert!(matches!(refused, Err(Refusal::DraftOnTheLine { .. })));
    assert_eq!(it.typed().await, []);
}

#[tokio::test(start_paused = true)]
async fn of_viewers_that_leave_all_at_once_none_is_said_to_be_here_still() {
    let mut it = Played::at_prompt();
    let mut viewers = Vec::new();
    for _ in 0..100 {
        viewers.push(it.views().await);
    }
    // The task hears of none before all of them are gone.
    drop(viewers);
    quiet().await;
    let status = it.session.ask(Request::Status).await.unwrap();
    assert!(status.viewers.is_empty(), "{:?}", status.viewers);
}
