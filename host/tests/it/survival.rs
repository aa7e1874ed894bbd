//! What holds when connections, daemons and holders go away.

use std::path::PathBuf;

use bytes::Bytes;
use cotty_core::names::Offset;
use cotty_host::holder::client::HolderError;
use cotty_host::holder::frame::{Applied, Event, Exit, Order, RefusalKind};
use cotty_host::holder::segments::SegmentReader;
use sha2::{Digest, Sha256};

use crate::world::{BASH, Client, DASH, EPOCH, Start, World, block_on, open, until};

/// Text whose every part differs, about `bytes` long.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 16);
    for number in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.extend_from_slice(format!("{number}\n").as_bytes());
    }
    text
}

/// A program that prints exactly these bytes.
pub(crate) fn prints(world: &World, content: &[u8]) -> (PathBuf, String) {
    let path = world.state.file("content");
    std::fs::write(&path, content).unwrap();
    let script = format!("stty -opost -echo; cat {}", path.display());
    (path, script)
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

async fn state_of(world: &World, id: &str) -> Option<cotty_host::holder::frame::Listed> {
    world.holder.list().await.unwrap().into_iter().find(|it| it.id == id)
}

#[test]
fn input_is_applied_once_and_in_order_over_a_reconnection() {
    block_on(async {
        let world = World::new();
        let mut first = world.open("s", DASH).await;
        first.expect("$ ").await;
        let file = world.state.file("lines");
        let input = |sequence, text: String| Order::Input { sequence, bytes: Bytes::from(text) };
        let line = |number| format!("echo {number} >> {}\r", file.display());
        first.tell(input(1, line(1))).await;
        first.tell(input(2, line(2))).await;
        drop(first);
        // Both, one or none of them came through.
        let mut second = world.attach("s", 2, 0).await;
        for sequence in [1, 2, 3] {
            second.tell(input(sequence, line(sequence))).await;
        }
        for sequence in [1, 2, 3] {
            let applied =
                |it: &Event| matches!(it, Event::Applied(Applied { sequence: it, .. }) if *it == sequence);
            second.until(|it| applied(it).then_some(())).await;
        }
        let content = || std::fs::read_to_string(&file).unwrap_or_default();
        until("the third line is written", || content().ends_with("3\n")).await;
        assert_eq!(content(), "1\n2\n3\n");
    });
}

#[test]
fn the_terminal_is_told_as_it_was_when_keys_were_written() {
    block_on(async {
        let world = World::new();
        let mut bash = world.open("s", BASH).await;
        bash.facts("the line editor", |it| !it.echo && it.foreground == it.shell.pid).await;
        let applied = |it: &Event| if let Event::Applied(applied) = it { Some(*applied) } else { None };
        bash.send("cat\r").await;
        let keys = bash.until(applied).await;
        assert!(keys.shell_reads && !keys.echo, "{keys:?}");
        bash.facts("cat", |it| it.echo && it.foreground != it.shell.pid).await;
        bash.send("seen\r").await;
        let keys = bash.until(applied).await;
        assert!(!keys.shell_reads && keys.echo && keys.canonical, "{keys:?}");
    });
}

#[test]
fn twenty_connections_cut_in_mid_stream_lose_and_repeat_nothing() {
    block_on(async {
        let world = World::new();
        let content = text(24 << 20);
        let (_, script) = prints(&world, &content);
        let mut client = world.open("s", &["/bin/sh", "-c", &script]).await;
        let mut all = Vec::new();
        for term in 2..22 {
            while client.seen.len() < 1 << 20 {
                client.event().await.unwrap();
            }
            all.append(&mut client.seen);
            let next = client.next_byte;
            drop(client);
            client = world.attach("s", term, next).await;
        }
        assert_eq!(client.ended().await, Exit::Status(0));
        all.append(&mut client.seen);
        assert_eq!((all.len(), digest(&all)), (content.len(), digest(&content)));
        assert_eq!(client.lost, []);
    });
}

#[test]
fn a_program_waits_for_a_daemon_that_comes_back_and_nothing_is_lost() {
    block_on(async {
        let world = World::new();
        let content = text(12 << 20);
        let (_, script) = prints(&world, &content);
        let mut opening = open("s", &["/bin/sh", "-c", &script]);
        opening.quota_bytes = 4 << 20;
        drop(world.holder.open(opening).await.unwrap());
        let mut before = u64::MAX;
        // It has come to a halt when the end no longer moves, below the quota.
        while let Some(listed) = state_of(&world, "s").await
            && (listed.attached || listed.state.end_byte != before || before < 1 << 20)
        {
            before = listed.state.end_byte;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert!(before < 4 << 20, "{before}");
        let mut client = world.attach("s", 2, 0).await;
        assert_eq!(client.ended().await, Exit::Status(0));
        assert_eq!((digest(&client.seen), client.lost), (digest(&content), vec![]));
    });
}

#[test]
fn after_the_wait_the_oldest_go_and_it_is_said() {
    block_on(async {
        let world = World::start(Start { detached_wait_ms: Some(50), ..Start::default() });
        let content = text(12 << 20);
        let (_, script) = prints(&world, &content);
        let mut opening = open("s", &["/bin/sh", "-c", &script]);
        opening.quota_bytes = 4 << 20;
        drop(world.holder.open(opening).await.unwrap());
        while state_of(&world, "s").await.is_none_or(|it| it.state.end_byte < content.len() as u64) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let mut client = world.attach("s", 2, 0).await;
        assert_eq!(client.ended().await, Exit::Status(0));
        let first = client.attached.first_kept_byte;
        assert_eq!(client.lost, [(0, first)]);
        assert_eq!(digest(&client.seen), digest(&content[usize::try_from(first).unwrap()..]));
        assert!(client.seen.len() > 2 << 20);
    });
}

#[test]
fn an_older_attachment_is_refused_and_the_owner_is_told_of_the_newer() {
    block_on(async {
        let world = World::new();
        let fenced =
            |it: &Event| matches!(it, Event::Refused { kind: RefusalKind::Fenced, .. }).then_some(());
        let mut first = world.open("s", DASH).await;
        let second = world.attach("s", 5, 0).await;
        first.until(fenced).await;
        assert_eq!(first.event().await, None);
        let Err(HolderError::Refused { kind, .. }) = world.try_attach("s", 4, 0).await else { panic!() };
        assert_eq!(kind, RefusalKind::Fenced);
        let mut second = second;
        second.send("echo still h''ere\r").await;
        second.expect("still here").await;
    });
}

#[test]
fn when_the_holder_dies_its_shells_are_gone_and_its_files_stay() {
    block_on(async {
        let world = World::new();
        let mut bash = world.open("s", BASH).await;
        bash.send("echo h''ere; echo $PPID\r").await;
        bash.expect("here\r\n").await;
        let holder = bash.expect("\r\n").await.trim().parse().unwrap();
        let kept = bash.next_byte;
        rustix_kill(holder);
        while bash.terminal.events.next().await.is_ok_and(|it| it.is_some()) {}
        let error = world.try_attach("s", 2, 0).await.err().unwrap();
        assert!(matches!(error, HolderError::Gone), "{error}");
        let reader = SegmentReader::open(world.state.session("s"));
        let (_, bytes) = reader.read(Offset { epoch: EPOCH, byte: 0 }, 1 << 20).unwrap();
        assert!(bytes.len() as u64 >= kept && String::from_utf8_lossy(&bytes).contains("here"));
        // The epoch was used; the next shell of the session has the next.
        let mut again = open("s", DASH);
        let Err(HolderError::Refused { kind, .. }) = world.holder.open(again.clone()).await else { panic!() };
        assert_eq!(kind, RefusalKind::Exists);
        again.epoch.0 += 1;
        world.holder.open(again).await.unwrap();
    });
}

fn rustix_kill(pid: i32) {
    std::process::Command::new("/bin/kill").args(["-9", &pid.to_string()]).status().unwrap();
}

#[test]
fn many_that_find_no_holder_start_one_and_it_ends_when_it_has_nothing_to_hold() {
    block_on(async {
        let world = World::start(Start { linger_ms: Some(100), ..Start::default() });
        let holder = &world.holder;
        let names = ["a", "b", "c", "d"];
        let open_one = |id: &'static str| async move { holder.open(open(id, DASH)).await.unwrap() };
        let (a, b, c, d) = tokio::join!(open_one("a"), open_one("b"), open_one("c"), open_one("d"));
        assert_eq!(holder.list().await.unwrap().len(), names.len());
        for (attached, terminal) in [a, b, c, d] {
            let mut client = Client::new(attached, terminal, 0);
            client.tell(Order::Release { keep_files: true }).await;
            client.until(|it| matches!(it, Event::Done).then_some(())).await;
        }
        let socket = world.state.file("holder-2.sock");
        until("the holder ends", || !socket.exists()).await;
        let Err(error) = world.try_attach("a", 2, 0).await else { panic!() };
        assert!(matches!(error, HolderError::Gone), "{error}");
        let mut opening = open("a", DASH);
        opening.epoch.0 += 1;
        holder.open(opening).await.unwrap();
    });
}

#[test]
fn a_shell_that_ended_while_nobody_came_is_forgotten_in_the_end_and_its_files_stay() {
    block_on(async {
        let start = Start { linger_ms: Some(50), forget_after_ms: Some(50), ..Start::default() };
        let world = World::start(start);
        drop(world.holder.open(open("s", &["/bin/echo", "done"])).await.unwrap());
        let socket = world.state.file("holder-2.sock");
        until("the holder has nothing left to hold", || !socket.exists()).await;
        let reader = SegmentReader::open(world.state.session("s"));
        assert_eq!(reader.read(Offset { epoch: EPOCH, byte: 0 }, 100).unwrap().1, b"done\r\n");
    });
}
