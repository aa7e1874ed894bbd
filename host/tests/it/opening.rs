//! Opening, typing, ending, attaching again.

use cotty_core::names::Offset;
use cotty_host::holder::client::HolderError;
use cotty_host::holder::frame::{Event, Exit, Order, RefusalKind};

use crate::world::{BASH, EPOCH, World, block_on, open};

#[test]
fn a_shell_is_opened_typed_to_and_its_exit_comes_after_its_last_byte() {
    block_on(async {
        let world = World::new();
        let mut bash = world.open("s", BASH).await;
        bash.expect("$ ").await;
        bash.send("echo $((6*7)); tty; exit 3\r").await;
        assert_eq!(bash.ended().await, Exit::Status(3));
        let text = String::from_utf8_lossy(&bash.seen).into_owned();
        assert!(text.contains("\r42\r\n"), "{text}");
        assert!(text.contains(&bash.attached.tty_name), "{text}");
        assert!(text.ends_with("exit\r\n"), "{text}");
    });
}

#[test]
fn another_connection_goes_on_from_an_offset() {
    block_on(async {
        let world = World::new();
        let mut first = world.open("s", BASH).await;
        first.send("echo o''ne\r").await;
        first.expect("one\r\n").await;
        let cut = first.next_byte - 3;
        drop(first);
        let mut second = world.attach("s", 2, cut).await;
        assert!(second.attached.end_byte >= cut);
        second.send("echo t''wo\r").await;
        let text = second.expect("two\r\n").await;
        assert!(!text.contains("one"), "{text}");
    });
}

#[test]
fn what_cannot_be_opened_is_refused_with_the_reason() {
    block_on(async {
        let world = World::new();
        let refusal = |error| match error {
            HolderError::Refused { kind, text } => (kind, text),
            other => panic!("{other}"),
        };
        let (kind, text) = refusal(world.holder.open(open("s", &["/no/shell"])).await.unwrap_err());
        assert_eq!(kind, RefusalKind::NotStarted);
        assert!(text.contains("/no/shell: No such file"), "{text}");
        let (kind, _) = refusal(world.holder.open(open("../s", BASH)).await.unwrap_err());
        assert_eq!(kind, RefusalKind::BadOrder);
        let from = Offset { epoch: EPOCH, byte: 0 };
        let (kind, _) = refusal(world.holder.attach("none", 1, from).await.unwrap_err());
        assert_eq!(kind, RefusalKind::NoSuchTerminal);
    });
}

#[test]
fn a_released_session_is_forgotten_with_its_files() {
    block_on(async {
        let world = World::new();
        let mut bash = world.open("s", BASH).await;
        bash.expect("$ ").await;
        assert!(world.state.session("s").exists());
        bash.tell(Order::Release { keep_files: false }).await;
        bash.until(|event| matches!(event, Event::Done).then_some(())).await;
        assert!(!world.state.session("s").exists());
        assert_eq!(world.holder.list().await.unwrap(), []);
    });
}
