//! Everything comes back as it was; nothing else is taken.

use cotty_core::facts::{Blocked, Inner, Member, Program};

use super::*;
use crate::holder::frame::VERSION;

fn orders() -> Vec<Order> {
    let spawn = Spawn {
        argv: vec!["/bin/bash".into(), "-i".into()],
        arg0: Some("-bash".into()),
        env: vec![("A".into(), "b=c".into())],
        cwd: "/tmp".into(),
        cols: 80,
        rows: 24,
    };
    vec![
        Order::Hello { version: VERSION },
        Order::Open(OpenTerminal { id: "s1".into(), term: 7, epoch: Epoch(2), quota_bytes: 9, spawn }),
        Order::Attach { id: "s1".into(), term: 8, from: Offset { epoch: Epoch(2), byte: 1 << 40 } },
        Order::Input { sequence: 3, bytes: Bytes::from_static(b"ls\r") },
        Order::Acknowledge { byte: 77 },
        Order::Facts,
        Order::Processes,
        Order::Resize { cols: 100, rows: 30 },
        Order::Signal { to: SignalTo::Foreground, signal: 2 },
        Order::Signal { to: SignalTo::Group(9), signal: 15 },
        Order::Signal { to: SignalTo::ForegroundButShell, signal: 9 },
        Order::Signal { to: SignalTo::Process(10), signal: 9 },
        Order::Release { keep_files: true },
        Order::List,
        Order::RestoreEcho,
        Order::InputUnlessSecret { sequence: 4, bytes: "x".into() },
        Order::Stop { force: false },
    ]
}

fn facts() -> Facts {
    let program = Program { pid: 4, executable: Some((1, 2)), comm: "cat".into() };
    let unseen = Blocked::Unseen { channel: "wait_woken".into(), terminal: true, socket: false };
    let member = |blocked| Member {
        program: program.clone(),
        state: 'S',
        argv: vec!["cat".into(), "-".into()],
        foreign: true,
        blocked,
    };
    let inner = Facts { inner: Inner::Opaque, ..Facts::default() };
    Facts {
        shell: program.clone(),
        foreground: 4,
        echo: true,
        canonical: true,
        members: vec![
            member(Blocked::OnTerminal),
            member(unseen),
            member(Blocked::Elsewhere),
            member(Blocked::OnTerminalByte),
        ],
        inner: Inner::Terminal(Box::new(inner)),
    }
}

fn events() -> Vec<Event> {
    let offset = Offset { epoch: Epoch(1), byte: 5 };
    let state = Attached { pid: 3, tty_name: "/dev/pts/9".into(), end_byte: 4, ..Attached::default() };
    vec![
        Event::Attached(state.clone()),
        Event::Output { offset, bytes: Bytes::from_static(b"out") },
        Event::Applied(Applied {
            sequence: 1,
            echo: true,
            canonical: false,
            shell_reads: true,
            turning: false,
        }),
        Event::InputRefused { sequence: 2 },
        Event::InputWithheld { sequence: 3 },
        Event::Facts(Box::new(facts())),
        Event::Processes(vec![Process {
            pid: 1,
            comm: "sh".into(),
            argv: vec!["sh".into()],
            age: std::time::Duration::from_millis(7),
        }]),
        Event::Lost { from: offset, to: offset },
        Event::Exit(Exit::Status(3)),
        Event::Exit(Exit::Signal(9)),
        Event::Exit(Exit::Unknown),
        Event::Refused { kind: RefusalKind::Fenced, text: "no".into() },
        Event::Listed(vec![Listed {
            id: "a".into(),
            term: 1,
            attached: true,
            state,
            exit: Some(Exit::Status(0)),
        }]),
        Event::Done,
        Event::Gone { reason: "the link is down".into() },
    ]
}

#[test]
fn every_order_and_event_comes_back_as_it_was_however_it_is_cut() {
    let mut wire = BytesMut::new();
    orders().iter().for_each(|order| order.encode(&mut wire));
    let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
    for byte in &wire {
        buffer.extend_from_slice(&[*byte]);
        taken.extend(Order::take(&mut buffer).unwrap());
    }
    assert_eq!(taken, orders());

    let mut wire = BytesMut::new();
    events().iter().for_each(|event| event.encode(&mut wire));
    let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
    for byte in &wire {
        buffer.extend_from_slice(&[*byte]);
        taken.extend(Event::take(&mut buffer).unwrap());
    }
    assert_eq!(taken, events());
}

#[test]
fn an_oversized_frame_is_refused_before_it_is_read() {
    let mut buffer = BytesMut::from(&[0xff, 0xff, 0xff, 0x7f, 3][..]);
    assert_eq!(Order::take(&mut buffer), Err(Malformed::Oversized { bytes: 0x7fff_ffff }));
}

#[test]
fn a_cut_or_padded_content_is_malformed() {
    let mut whole = BytesMut::new();
    Event::Facts(Box::new(facts())).encode(&mut whole);
    let payload = &whole[HEADER_BYTES..];
    for length in 0..payload.len() {
        assert!(get_event(whole[4], Fields::new(Bytes::copy_from_slice(&payload[..length]))).is_err());
    }
    let padded = [payload, &[0]].concat();
    assert!(get_event(whole[4], Fields::new(Bytes::from(padded))).is_err());
    assert_eq!(get_order(99, Fields::new(Bytes::new())), Err(Malformed::UnknownKind { kind: 99 }));
}
