//! The protocols as they are spoken, held by files: a change of a file is a change of a protocol.
//!
//! `COTTY_GOLDEN=write` writes them anew.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what fails there fails the test")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use cotty_core::names::{Epoch, Offset};
use cotty_core::refusal::Refusal;
use cotty_wire::api::{
    Card, Cards, Connect, EndedCard, Failed, Failure, Holds, KeptSecret, Run, State, Taken, Trusted, Who,
};
use cotty_wire::hello::{Hello, Terminal, to_header};
use cotty_wire::socket::{Bytes, Echo, Frame, FromClient, FromServer, Hidden, Kind, close};

fn held(name: &str, lines: &[String]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let now = lines.join("\n") + "\n";
    if std::env::var_os("COTTY_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        now,
        "{name} differs; COTTY_GOLDEN=write writes it anew"
    );
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

fn failure() -> Failure {
    Failure::from(&Refusal::SessionNotFound { session: "web9".to_owned(), open: vec!["web1".to_owned()] })
}

#[test]
fn what_a_viewer_says() {
    let messages = [
        FromClient::Join { have: None, cols: None, rows: None, build: String::new() },
        FromClient::Join {
            have: Some("1:48213".to_owned()),
            cols: Some(120),
            rows: Some(39),
            build: "0.1.0".to_owned(),
        },
        FromClient::Key { seq: 1, bytes: Bytes(b"ls\r\x03\xc3\xa4\xff".to_vec()) },
        FromClient::Paste { seq: 2, part: Bytes(b"two\nlines".to_vec()), last: true },
        FromClient::Confirm { seq: 3, paste: 2, yes: true },
        FromClient::Resize { cols: 80, rows: 24 },
        FromClient::Seen { offset: "1:48300".to_owned() },
        FromClient::Mouse { button: 0, col: 12, row: 3, up: false },
        FromClient::Pen { take: true },
        FromClient::Park { aside: true },
        FromClient::Control { mode: "human-only".to_owned() },
        FromClient::Open {
            order: Box::new(Connect {
                target: Some("web1".to_owned()),
                wait_ms: 20_000,
                ..Connect::default()
            }),
        },
        FromClient::Trust { target: "root@web1:2222".to_owned() },
        FromClient::Card { id: Some("q7".to_owned()), deny: false },
        FromClient::Card { id: None, deny: true },
        FromClient::Secret { target: "web1".to_owned(), purpose: "sudo".to_owned() },
        FromClient::Answer { id: 1, text: Some(Hidden::new("open sesame".to_owned())) },
        FromClient::Answer { id: 2, text: None },
    ];
    held("from_client.jsonl", &messages.iter().map(json).collect::<Vec<_>>());
    for message in messages {
        assert_eq!(serde_json::from_str::<FromClient>(&json(&message)).unwrap(), message);
    }
}

#[test]
fn what_the_daemon_says() {
    let you = Who { role: "operator".to_owned(), label: "attach pts/3".to_owned() };
    let state =
        State { state: "needs_input".to_owned(), input: Some("secret".to_owned()), ..State::default() };
    let messages = [
        FromServer::Welcome {
            protocol: "cotty.1".to_owned(),
            build: "0.1.0".to_owned(),
            you,
            session: "web1".to_owned(),
            cols: 120,
            rows: 39,
        },
        FromServer::Gap { from: "1:10".to_owned(), to: "1:20".to_owned(), reason: "the quota".to_owned() },
        FromServer::Echo { seq: 1, echo: Echo::On },
        FromServer::Echo { seq: 2, echo: Echo::Off },
        FromServer::Echo { seq: 3, echo: Echo::Unknown },
        FromServer::PasteAsks { seq: 2, lines: 2 },
        FromServer::Cards {
            cards: Cards {
                cards: Vec::new(),
                ended: vec![EndedCard { id: "q7".to_owned(), how: "its attempt ended".to_owned() }],
            },
        },
        FromServer::Presence { who: vec!["attach pts/3".to_owned()] },
        FromServer::Run { id: "c7".to_owned(), command: "sudo true".to_owned(), state },
        FromServer::Gate {
            mode: "human-first".to_owned(),
            pen: Some("c7 (codex)".to_owned()),
            holds: Holds {
                run: Some("c7".to_owned()),
                run_by: Some(Who { role: "agent".to_owned(), label: "codex".to_owned() }),
                awaited_by: Some(Who { role: "agent".to_owned(), label: "claude".to_owned() }),
                taken: Some(Taken {
                    who: Who { role: "operator".to_owned(), label: "browser b1".to_owned() },
                    left_ms: 60_000,
                }),
                ..Holds::default()
            },
        },
        FromServer::Wrote { who: Who { role: "agent".to_owned(), label: "codex".to_owned() } },
        FromServer::Size { cols: 80, rows: 23 },
        FromServer::Renamed { session: "build".to_owned() },
        FromServer::State { session: "ready".to_owned(), detail: None },
        FromServer::Refused { seq: Some(4), failure: failure() },
        FromServer::Progress { host: "web1".to_owned(), stage: "connecting".to_owned() },
        FromServer::Overheard { host: "web1".to_owned(), text: "nc: no route".to_owned() },
        FromServer::Question {
            id: 1,
            kind: "password".to_owned(),
            text: "Password of me@web1: ".to_owned(),
            echo: false,
        },
        FromServer::Withdrawn { id: 1 },
        FromServer::Answered {
            card: Card {
                id: "q7".to_owned(),
                kind: "password".to_owned(),
                session: "web1".to_owned(),
                target: "web1".to_owned(),
                wants: "the password of me@web1".to_owned(),
                account: Some("me@web1:22".to_owned()),
                key: Some("SHA256:bmV3".to_owned()),
                text: Some("Password of me@web1: ".to_owned()),
                algorithm: None,
                host: None,
                file: None,
                words: None,
                helps: Vec::new(),
                why: None,
                echo: false,
                asked_by: Who { role: "agent".to_owned(), label: "codex".to_owned() },
                attempt: 1,
                opened_at_ms: 1_790_000_000_000,
                ends_at_ms: 1_790_000_300_000,
                left_ms: 300_000,
            },
            how: "answered".to_owned(),
        },
        FromServer::Kept {
            secrets: vec![KeptSecret {
                target: "web1".to_owned(),
                account: "me@web1:22".to_owned(),
                key: "SHA256:bmV3".to_owned(),
                purpose: "sudo".to_owned(),
                session: None,
                at_ms: 1_790_000_000_000,
            }],
        },
        FromServer::Trusted {
            trusted: Trusted {
                name: "[web1]:2222".to_owned(),
                fingerprint: "SHA256:bmV3".to_owned(),
                algorithm: "ssh-ed25519".to_owned(),
                added: true,
                place: "/home/me/.ssh/known_hosts".to_owned(),
            },
        },
        FromServer::Closed { code: close::SESSION_ENDED, reason: "closed by a person".to_owned() },
    ];
    held("from_server.jsonl", &messages.iter().map(json).collect::<Vec<_>>());
    for message in messages {
        assert_eq!(serde_json::from_str::<FromServer>(&json(&message)).unwrap(), message);
    }
}

#[test]
fn frames_of_terminal_bytes() {
    let from = Offset { epoch: Epoch(1), byte: 48_213 };
    let frames = [
        Frame { kind: Kind::Output, from, to: 48_220, bytes: b"\x1b[31mhi" },
        Frame { kind: Kind::Repaint, from, to: 48_213, bytes: b"" },
    ];
    let hex = |frame: &Frame<'_>| frame.encode().iter().map(|it| format!("{it:02x}")).collect::<String>();
    held("frames.hex", &frames.iter().map(hex).collect::<Vec<_>>());
}

#[test]
fn a_hello_and_its_header() {
    let hello = Hello {
        protocol: 1,
        version: "0.1.0".to_owned(),
        cwd: Some("/home/ä 100%".to_owned()),
        client: "codex 0.169".to_owned(),
        nonce: "5f0c".to_owned(),
        env: BTreeMap::from([("SSH_AUTH_SOCK".to_owned(), "/run/agent.sock".to_owned())]),
        terminal: Some(Terminal { tty: Some("/dev/pts/3".to_owned()), cols: 120, rows: 40 }),
    };
    held("hello.txt", &[json(&hello), to_header(&json(&hello))]);
}

#[test]
fn a_command_and_a_failure_of_the_api() {
    let run = Run {
        session: "web1".to_owned(),
        id: "c7".to_owned(),
        command: "make".to_owned(),
        state: State { state: "completed".to_owned(), exit: Some(2), ..State::default() },
        boundary: "exact".to_owned(),
        took_ms: 1200,
        cwd: Some("/srv".to_owned()),
        from: "1:10".to_owned(),
        to: "1:99".to_owned(),
        survivors: Vec::new(),
        asks: None,
        notes: Vec::new(),
    };
    held("api.jsonl", &[json(&run), json(&Failed { failure: failure() })]);
    assert_eq!(serde_json::from_str::<Run>(&json(&run)).unwrap(), run);
}
