//! The daemon's socket, spoken to by hand: every row of the route table, and frames that nobody should send.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use cotty_testkit::home::Home;
use cotty_testkit::until;
use cotty_web::grant::Grant;
use cotty_web::routes::{Greeting, Route, table};
use cotty_wire::hello::{Hello, PROTOCOL, to_header};
use cotty_wire::socket::{MESSAGE_BYTES_MAX, close};

fn started() -> Home {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    home
}

fn connect(home: &Home) -> UnixStream {
    let stream = UnixStream::connect(home.state().join("daemon.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn hello(protocol: u32, version: &str) -> String {
    let hello =
        Hello { protocol, version: version.to_owned(), client: "test".to_owned(), ..Hello::default() };
    format!("Cotty-Hello: {}\r\n", to_header(&serde_json::to_string(&hello).unwrap()))
}

fn good_hello() -> String {
    hello(PROTOCOL, env!("CARGO_PKG_VERSION"))
}

/// Asks by hand and returns the status and the whole answer.
fn ask(home: &Home, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = connect(home);
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    // A server that has refused the head may not read the body.
    drop(stream.write_all(request.as_bytes()));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0), answer)
}

fn ask_row(home: &Home, row: &Route, headers: &str) -> (u16, String) {
    ask(home, row.method.as_str(), row.path, headers, "")
}

#[test]
fn every_row_of_the_table_asks_for_a_hello_and_a_role() {
    let home = started();
    let is_served = |row: &Route| {
        table().iter().any(|it| it.unix.is_some() && it.path == row.path && it.method == row.method)
    };
    for row in table() {
        let Some(roles) = row.unix else {
            if is_served(&row) {
                continue; // By another row, which speaks otherwise there.
            }
            let (status, answer) = ask_row(&home, &row, &good_hello());
            assert_eq!(status, 404, "{} is a browser's: {answer}", row.path);
            continue;
        };
        let (bare, answer) = ask_row(&home, &row, "");
        let (other, skewed) = ask_row(&home, &row, &hello(99, "9.9.9"));
        match row.greeting {
            Greeting::Silent => assert_eq!(bare, 200, "{answer}"),
            Greeting::AnyProtocol => {
                assert_eq!(bare, 400, "{answer}");
                assert_ne!(other, 409, "{skewed}");
            }
            Greeting::SameProtocol => {
                assert_eq!(bare, 400, "{answer}");
                assert_eq!(other, 409, "{skewed}");
                assert!(skewed.contains("cotty restart"), "{skewed}");
            }
        }
        // The test has no terminal: it is an agent.
        let (status, answer) = ask_row(&home, &row, &good_hello());
        let refused = status == 403 && answer.contains("policy-blocked");
        assert_eq!(refused, !roles.contains(&Grant::Agent), "{} {}: {answer}", row.method, row.path);
        let (wrong, _) = ask(&home, "DELETE", row.path, &good_hello(), "");
        assert_eq!(wrong, 404, "{}", row.path);
    }
}

#[test]
fn what_is_unknown_names_a_newer_caller_the_way_on() {
    let home = started();
    let newer = hello(PROTOCOL, "9.9.9");
    for (path, body) in [("/api/v1/teleport", "{}"), ("/api/v1/run", r#"{"command":"x","wings":2}"#)] {
        let (status, answer) = ask(&home, "POST", path, &newer, body);
        assert_eq!(status, 409, "{answer}");
        assert!(answer.contains("cotty restart"), "{answer}");
        let (status, answer) = ask(&home, "POST", path, &good_hello(), body);
        assert!(matches!(status, 400 | 404), "{answer}");
    }
    assert!(matches!(ask(&home, "GET", "/%ff/../..", "", "").0, 400 | 404));
}

#[test]
fn a_body_or_a_hello_that_is_too_large_is_refused() {
    let home = started();
    let (status, answer) = ask(&home, "POST", "/api/v1/run", &good_hello(), &"x".repeat(2 * 1024 * 1024));
    assert_eq!(status, 413, "{answer:.300}");
    let huge = format!("Cotty-Hello: {}\r\n", "x".repeat(100 * 1024));
    assert_eq!(ask(&home, "GET", "/api/v1/sessions", &huge, "").0, 400);
    for nonsense in ["Cotty-Hello: %zz\r\n", "Cotty-Hello: {}\r\n", "Cotty-Hello: []\r\n"] {
        assert_eq!(ask(&home, "GET", "/api/v1/sessions", nonsense, "").0, 400, "{nonsense}");
    }
}

/// A viewer that speaks WebSocket by hand.
struct Raw(UnixStream);

impl Raw {
    fn open(home: &Home) -> Self {
        let mut stream = connect(home);
        let request = format!(
            "GET /api/v1/socket?session=web1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: cotty.1\r\n{}\r\n",
            good_hello()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    fn send(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode, 0x80 | 127];
        frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        // The daemon may have hung up in the middle of it.
        drop(self.0.write_all(&frame));
    }

    fn join(home: &Home) -> Self {
        let mut raw = Self::open(home);
        raw.send(1, br#"{"type":"join","cols":80,"rows":24}"#);
        raw
    }

    /// Reads until the connection is closed and returns the close code, where it came with one.
    fn closed(&mut self) -> Option<u16> {
        loop {
            let mut head = [0; 2];
            match self.0.read_exact(&mut head) {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("it was not closed");
                }
                Err(_) => return None,
            }
            let length = match head[1] & 127 {
                126 => {
                    let mut long = [0; 2];
                    self.0.read_exact(&mut long).ok()?;
                    usize::from(u16::from_be_bytes(long))
                }
                127 => {
                    let mut long = [0; 8];
                    self.0.read_exact(&mut long).ok()?;
                    usize::try_from(u64::from_be_bytes(long)).ok()?
                }
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).ok()?;
            if head[0] & 15 == 8 {
                return payload.first_chunk().map(|it| u16::from_be_bytes(*it));
            }
        }
    }
}

#[test]
fn a_frame_that_nobody_should_send_gets_a_close_code_and_hurts_nobody() {
    let home = started();
    let pid = crate::daemon::pid(&home);
    let key = |bytes: usize| format!(r#"{{"type":"key","seq":1,"bytes":"{}"}}"#, "\\u0000".repeat(bytes));
    let paste = format!(r#"{{"type":"paste","seq":1,"last":false,"part":"{}"}}"#, "p".repeat(60 * 1024));
    let malformed: [(u8, Vec<u8>); 8] = [
        (1, b"garbage".to_vec()),
        (1, b"{}".to_vec()),
        (1, br#"{"type":"fly"}"#.to_vec()),
        (1, br#"{"type":"resize","cols":-1,"rows":70000}"#.to_vec()),
        (1, br#"{"type":"resize","cols":2000000000,"rows":2000000000}"#.to_vec()),
        (1, b"\xff\xfe".to_vec()),
        (1, br#"{"type":"join"}"#.to_vec()),
        (2, b"\x01binary".to_vec()),
    ];
    for (opcode, payload) in malformed {
        let mut raw = Raw::join(&home);
        raw.send(opcode, &payload);
        assert_eq!(raw.closed(), Some(close::MALFORMED), "{}", String::from_utf8_lossy(&payload));
    }
    let mut early = Raw::open(&home);
    early.send(1, key(1).as_bytes());
    assert_eq!(early.closed(), Some(close::MALFORMED));
    let mut large = Raw::join(&home);
    large.send(1, &vec![b' '; MESSAGE_BYTES_MAX + 1]);
    assert!(matches!(large.closed(), Some(close::TOO_LARGE) | None));
    let mut keys = Raw::join(&home);
    keys.send(1, key(5000).as_bytes());
    assert_eq!(keys.closed(), Some(close::TOO_LARGE));
    let mut pasted = Raw::join(&home);
    (0..20).for_each(|_| pasted.send(1, paste.as_bytes()));
    assert!(matches!(pasted.closed(), Some(close::TOO_LARGE) | None));
    let mut unmasked = Raw::join(&home);
    unmasked.0.write_all(&[0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).unwrap();
    assert!(matches!(unmasked.closed(), Some(close::TOO_LARGE | close::MALFORMED) | None));
    assert_eq!(crate::daemon::pid(&home), pid);
    assert!(home.run(&["run", "web1", "--", "true"]).status.success());
}

#[test]
fn an_agents_viewer_may_watch() {
    let home = started();
    let mut raw = Raw::join(&home);
    raw.send(1, br#"{"type":"control","mode":"agent-only"}"#);
    raw.send(8, &1000_u16.to_be_bytes());
    assert!(raw.closed().is_some());
    let output = home.run(&["status", "web1", "--json"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"mode\":\"human-first\""), "{output:?}");
}

#[test]
fn a_hundred_viewers_that_come_at_once_and_vanish_in_the_middle_leave_nobody_and_nothing_behind() {
    let home = started();
    std::thread::scope(|scope| {
        for number in 0..100_u8 {
            let home = &home;
            scope.spawn(move || {
                let mut raw = if number % 4 == 0 { Raw::open(home) } else { Raw::join(home) };
                match number % 4 {
                    1 => raw.send(1, br#"{"type":"paste","seq":1,"last":false,"part":"touch half-pasted"}"#),
                    // The head of a frame and half of what it promises.
                    2 => drop(raw.0.write_all(&[0x81, 0x80 | 100, 0, 0, 0, 0, b'{', b'"'])),
                    _ => {}
                }
            });
        }
    });
    until("nobody watches any more", || {
        let output = home.run(&["status", "web1", "--json"]);
        String::from_utf8_lossy(&output.stdout).contains(r#""viewers":[]"#).then_some(())
    });
    let output = home.run(&["run", "web1", "--", "ls half-pasted 2>&1 | tail -c 26"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("No such file or directory"), "{output:?}");
    let screen = home.run(&["read", "web1", "--view", "history"]);
    assert!(!String::from_utf8_lossy(&screen.stdout).contains("touch half-pasted"), "{screen:?}");
}
