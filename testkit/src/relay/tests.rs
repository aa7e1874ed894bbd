//! What a connection through the relay meets.

use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use super::*;
use crate::wait::until;

/// A server that gives back what it gets, and the relay in front of it.
fn relay() -> Relay {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let (mut from, mut to) = (&stream, &stream);
                drop(std::io::copy(&mut from, &mut to));
                drop(stream.shutdown(std::net::Shutdown::Write));
            });
        }
    });
    Relay::to(port)
}

fn connect(relay: &Relay) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).unwrap()
}

/// Sends a word and waits until it is back; returns how long that took.
fn there_and_back(mut stream: &TcpStream) -> Duration {
    let start = Instant::now();
    stream.write_all(b"word").unwrap();
    let mut word = [0; 4];
    stream.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"word");
    start.elapsed()
}

/// Says that nothing comes for a while.
fn is_silent(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let silent = stream.read(&mut [0]).is_err_and(|it| it.kind() == ErrorKind::WouldBlock);
    stream.set_read_timeout(None).unwrap();
    silent
}

#[test]
fn bytes_and_both_ends_pass_unchanged() {
    let relay = relay();
    let mut stream = connect(&relay);
    let sent: Vec<u8> = (0..3_000_000_u32).map(|it| it.to_le_bytes()[it as usize % 3]).collect();
    let sending = std::thread::spawn({
        let (mut stream, sent) = (stream.try_clone().unwrap(), sent.clone());
        move || {
            stream.write_all(&sent).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    sending.join().unwrap();
    assert!(back == sent);
    assert_eq!(relay.carried(), 2 * sent.len() as u64);
    until("nothing stands any more", || (relay.connections() == 0).then_some(()));
}

#[test]
fn latency_is_paid_in_each_direction_and_may_change() {
    let relay = relay();
    let stream = connect(&relay);
    relay.latency(Duration::from_millis(80));
    assert!(there_and_back(&stream) >= Duration::from_millis(160));
    relay.latency(Duration::ZERO);
    assert!(there_and_back(&stream) < Duration::from_millis(160));
}

#[test]
fn what_is_lost_comes_later_and_in_order() {
    let relay = relay();
    let stream = connect(&relay);
    relay.loss(1_000);
    assert!(there_and_back(&stream) >= Duration::from_millis(400));
    relay.loss(0);
    assert!(there_and_back(&stream) < Duration::from_millis(400));
}

#[test]
fn a_narrow_line_takes_its_time() {
    let relay = relay();
    relay.bandwidth(Some(100_000));
    let mut stream = connect(&relay);
    let start = Instant::now();
    stream.write_all(&[b'x'; 20_000]).unwrap();
    stream.read_exact(&mut [0; 20_000]).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn what_was_frozen_goes_on_when_it_thaws() {
    let relay = relay();
    let mut stream = connect(&relay);
    there_and_back(&stream);
    relay.freeze();
    stream.write_all(b"late").unwrap();
    assert!(is_silent(&stream));
    relay.thaw();
    let mut word = [0; 4];
    stream.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"late");
    assert_eq!(relay.connections(), 1);
}

#[test]
fn a_reset_is_seen_as_one_and_new_connections_stand() {
    let relay = relay();
    let mut stream = connect(&relay);
    there_and_back(&stream);
    relay.reset();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    there_and_back(&connect(&relay));
}

#[test]
fn a_black_hole_takes_all_and_gives_nothing() {
    let relay = relay();
    let mut stream = connect(&relay);
    there_and_back(&stream);
    relay.black_hole();
    stream.write_all(&[b'x'; 100_000]).unwrap();
    assert!(is_silent(&stream));
    let fresh = connect(&relay);
    (&fresh).write_all(b"word").unwrap();
    assert!(is_silent(&fresh));
}

#[test]
fn all_ends_with_the_value_also_what_is_frozen_or_nobody_reads() {
    let relay = relay();
    let (frozen, mut full) = (connect(&relay), connect(&relay));
    there_and_back(&frozen);
    full.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while full.write(&[0; 65_536]).is_ok() {}
    relay.freeze();
    drop(relay);
    assert!((&frozen).read(&mut [0]).is_err());
}

#[test]
fn a_target_that_is_not_there_hangs_up() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let relay = Relay::to(port);
    let mut stream = connect(&relay);
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
}
