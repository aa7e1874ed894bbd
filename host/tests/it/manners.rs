//! Nobody waits for another: stalled clients, floods, full disks and bytes that are no protocol.

use std::io::{Read, Write};

use bytes::{Bytes, BytesMut};
use cotty_core::names::Offset;
use cotty_host::holder::frame::{Event, Exit, Order, RefusalKind, VERSION};
use cotty_host::holder::segments::SegmentReader;

use crate::survival::{prints, text};
use crate::world::{BASH, Client, DASH, EPOCH, Start, World, block_on, not_run};

#[test]
fn a_stalled_client_stops_its_own_program_and_nobody_else() {
    block_on(async {
        let world = World::new();
        let _stalled = world.open("stalled", &["/usr/bin/yes"]).await;
        let mut lively = world.open("lively", DASH).await;
        for number in 0..20 {
            lively.send(&format!("echo $(({number}+1000))\r")).await;
            lively.expect(&format!("{}\r\n", number + 1000)).await;
        }
        let list = world.holder.list().await.unwrap();
        let printed = list.iter().find(|it| it.id == "stalled").unwrap().state.end_byte;
        assert!(printed < 2 << 20, "the window holds: {printed}");
    });
}

#[test]
fn without_acknowledgements_a_program_waits_at_the_window() {
    block_on(async {
        let world = World::new();
        let content = text(3 << 20);
        let (_, script) = prints(&world, &content);
        let mut client = world.open("s", &["/bin/sh", "-c", &script]).await;
        client.acknowledges = false;
        while client.next_byte < 1 << 20 {
            client.event().await.unwrap();
        }
        client.facts("the printer waits", |it| it.members.iter().all(|it| it.state == 'S')).await;
        assert!(client.next_byte < (1 << 20) + (64 << 10), "{}", client.next_byte);
        client.acknowledges = true;
        let byte = client.next_byte;
        client.tell(Order::Acknowledge { byte }).await;
        assert_eq!(client.ended().await, Exit::Status(0));
        assert!(client.seen == content);
    });
}

#[test]
fn what_a_program_does_not_read_is_bounded_and_ctrl_c_has_room() {
    block_on(async {
        let world = World::new();
        let mut dash = world.open("s", DASH).await;
        dash.send("stty raw -echo; echo re''ady; sleep 1000\r").await;
        dash.expect("ready").await;
        let block = "x".repeat(16 << 10);
        let mut refused = 0;
        for _ in 0..8 {
            dash.send(&block).await;
        }
        let last = dash.send("\u{3}").await;
        dash.tell(Order::List).await;
        loop {
            match dash.event().await.unwrap() {
                Event::InputRefused { sequence } => {
                    assert_ne!(sequence, last, "Ctrl-C is refused");
                    refused += 1;
                }
                Event::Listed(list) => {
                    assert_eq!(list[0].state.applied_sequence, last);
                    break;
                }
                _ => {}
            }
        }
        assert!((2..=5).contains(&refused), "{refused}");
    });
}

#[test]
fn what_is_only_for_an_open_ear_is_withheld_from_a_question_for_a_secret() {
    block_on(async {
        let world = World::new();
        let mut dash = world.open("s", DASH).await;
        dash.send("stty -echo; echo si''lent; read x; stty echo; echo got-[$x]\r").await;
        dash.expect("silent").await;
        dash.tell(Order::InputUnlessSecret { sequence: 100, bytes: "guess\r".into() }).await;
        loop {
            match dash.event().await.unwrap() {
                Event::InputWithheld { sequence: 100 } => break,
                Event::Applied(applied) => assert_ne!(applied.sequence, 100),
                _ => {}
            }
        }
        dash.tell(Order::Input { sequence: 101, bytes: "theirs\r".into() }).await;
        dash.expect("got-[theirs]").await;
        // Where the terminal shows what is typed it passes.
        dash.tell(Order::InputUnlessSecret { sequence: 102, bytes: "echo op''en\r".into() }).await;
        dash.expect("open").await;
    });
}

#[test]
fn bytes_that_are_no_protocol_end_their_connection_and_no_other() {
    block_on(async {
        let world = World::new();
        let mut dash = world.open("s", DASH).await;
        let frames = |orders: &[Order]| {
            let mut bytes = BytesMut::new();
            orders.iter().for_each(|it| it.encode(&mut bytes));
            bytes.to_vec()
        };
        let hello = Order::Hello { version: VERSION };
        let mut garbage = frames(std::slice::from_ref(&hello));
        garbage.extend_from_slice(&[0xff; 100]);
        let mut unknown = frames(&[hello]);
        unknown.extend_from_slice(&[0, 0, 0, 0, 200]);
        let hostile = [
            (frames(&[Order::Hello { version: VERSION + 1 }]), RefusalKind::Version),
            (frames(&[Order::List]), RefusalKind::Version),
            (garbage, RefusalKind::BadOrder),
            (unknown, RefusalKind::BadOrder),
            (vec![0xff; 64], RefusalKind::BadOrder),
        ];
        for (bytes, wanted) in hostile {
            assert_eq!(answer_to(&world, &bytes), Some(wanted));
        }
        // Half a frame, and gone.
        drop(world.state.connect("holder-2.sock").unwrap().write_all(&[9, 0, 0]));
        dash.send("echo al''ive\r").await;
        dash.expect("alive").await;
    });
}

/// Sends bytes, reads until the holder closes, and returns what it refused.
fn answer_to(world: &World, bytes: &[u8]) -> Option<RefusalKind> {
    let mut stream = world.state.connect("holder-2.sock").unwrap();
    stream.set_read_timeout(Some(crate::world::PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut said = Vec::new();
    // A reset after the answer is an end, too.
    drop(stream.read_to_end(&mut said));
    match Event::take(&mut BytesMut::from(&said[..])).unwrap()? {
        Event::Refused { kind, .. } => Some(kind),
        other => panic!("{other:?}"),
    }
}

#[test]
fn orders_for_a_terminal_need_one() {
    block_on(async {
        let world = World::new();
        let mut dash = world.open("s", DASH).await;
        dash.tell(Order::Resize { cols: 132, rows: 43 }).await;
        dash.send("stty size\r").await;
        dash.expect("43 132").await;
        dash.tell(Order::Open(crate::world::open("t", DASH))).await;
        let kind = |it: &Event| if let Event::Refused { kind, .. } = it { Some(*kind) } else { None };
        assert_eq!(dash.until(kind).await, RefusalKind::BadOrder);
    });
}

/// A small file system of its own at the place where output is kept; unmounted when dropped.
struct SmallDisk {
    path: std::path::PathBuf,
}

impl SmallDisk {
    fn mount(path: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=3m,mode=0700", "cotty-test"]).arg(&path);
        mount.status().is_ok_and(|it| it.success()).then_some(Self { path })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("-l").arg(&self.path).status());
    }
}

#[test]
fn on_a_full_disk_the_program_goes_on_the_hole_is_told_and_writing_resumes() {
    block_on(async {
        let world = World::start(Start::default());
        let Some(disk) = SmallDisk::mount(world.state.path().join("sessions")) else {
            return not_run("on_a_full_disk_the_program_goes_on", "a tmpfs cannot be mounted here");
        };
        let filler = disk.path.join("filler");
        std::fs::write(&filler, vec![0; 2 << 20]).unwrap();
        let content = text(6 << 20);
        let (path, script) = prints(&world, &content);
        let script = format!("{script}; read x; cat {}", path.display());
        let mut client = world.open("s", &["/bin/sh", "-c", &script]).await;
        while client.seen.len() < content.len() {
            client.event().await.unwrap();
        }
        assert!(client.seen == content, "all of it arrived, live");
        // What is lost last is told behind the last output.
        client.facts("the reader of x", |it| it.foreground != 0).await;
        assert!(!client.lost.is_empty(), "the hole is told");
        let hole = (client.lost[0].0, client.lost.last().unwrap().1);
        assert!(client.lost.windows(2).all(|it| it[0].1 <= it[1].0), "{:?}", client.lost);
        std::fs::remove_file(&filler).unwrap();
        resumes(&world, &mut client, hole).await;
    });
}

async fn resumes(world: &World, client: &mut Client, hole: (u64, u64)) {
    let reader = SegmentReader::open(world.state.session("s"));
    let at = |byte| Offset { epoch: EPOCH, byte };
    let all = client.seen.clone();
    let end = all.len() as u64;
    let stored = || reader.end(EPOCH).unwrap() == Some(end);
    crate::world::until("the rest is stored when there is room", stored).await;
    let (start, kept) = reader.read(at(0), 8 << 20).unwrap();
    assert_eq!(start, at(0));
    assert!(all.starts_with(&kept) && kept.len() as u64 <= hole.0, "{} {hole:?}", kept.len());
    let (start, kept) = reader.read(at(hole.0), 8 << 20).unwrap();
    assert_eq!(start, at(hole.1));
    assert!(all[usize::try_from(hole.1).unwrap()..].starts_with(&kept));
    client.send("\r").await;
    client.event().await.unwrap();
}

#[test]
fn an_input_above_the_limit_of_a_frame_is_refused() {
    block_on(async {
        let world = World::new();
        let mut bash = world.open("s", BASH).await;
        let bytes = Bytes::from(vec![b'x'; 2 << 20]);
        bash.terminal.orders.push(Order::Input { sequence: 1, bytes });
        // The holder may close while we still write.
        drop(bash.terminal.orders.flush().await);
        while let Ok(Some(event)) = bash.terminal.events.next().await {
            if matches!(event, Event::Refused { kind: RefusalKind::BadOrder, .. }) {
                break;
            }
        }
        let mut again = world.attach("s", 2, 0).await;
        again.send("echo al''ive\r").await;
        again.expect("alive").await;
    });
}
