//! Networks and servers that give out: in the handshake, and in silence.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use cotty_host::holder::frame::Event;
use cotty_host::native::error::ConnectError;
use cotty_host::native::settings::Settings;
use cotty_testkit::{Relay, Sshd};

use super::{client, connect, settings};
use crate::world::block_on;

#[test]
fn a_link_that_carries_nothing_any_more_is_noticed_by_the_keepalive() {
    let Some(sshd) = Sshd::start("a_link_that_carries_nothing_any_more") else { return };
    let relay = Relay::to(sshd.port());
    let known = sshd.write("behind", &sshd.known_line(&format!("[127.0.0.1]:{}", relay.port())));
    let settings = Settings { port: relay.port(), known_hosts: vec![known], ..settings(&sshd) };
    let scratch = tempfile::tempdir().unwrap();
    block_on(async {
        let connection = connect(&settings).await.unwrap();
        let mut shell = client(&connection, &scratch).await;
        shell.send("echo an\"\"swer\r").await;
        shell.expect("answer").await;
        relay.freeze();
        let frozen = Instant::now();
        let gone =
            shell.until(|it| if let Event::Gone { reason } = it { Some(reason.clone()) } else { None });
        assert_eq!(gone.await, "it gave no sign of life");
        // 15 s after the last byte; the last byte may have come a moment before, and a loaded machine is late.
        let after = frozen.elapsed();
        assert!(after > Duration::from_secs(9) && after < Duration::from_secs(40), "{after:?}");
    });
}

#[test]
fn a_server_that_dies_in_the_handshake_is_no_refused_login() {
    for said in [&b""[..], b"SSH-2.0-dies\r\n", b"SSH-2.0-dies\r\n\x00\x00\x01"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(said).unwrap();
            // It hears the other side, and goes.
            stream.read_exact(&mut [0; 8]).unwrap();
        });
        let refused = block_on(connect(&Settings::new("127.0.0.1", port, "somebody"))).unwrap_err();
        assert!(matches!(refused, ConnectError::Handshake { .. }), "{refused}");
        server.join().unwrap();
    }
}
