//! Sockets and what lets them in: one session and no later one of its name, so many, and as long as the login holds.

use std::net::TcpStream;
use std::time::Duration;

use cotty_testkit::wait::until;
use cotty_wire::socket::{Frame, FromClient, FromServer, NAME, close};
use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::desk::client as agent_in;
use crate::http::Door;

/// More than the daemon lets in by one credential is not let in.
const SOCKETS_MAX: usize = 64;

/// A socket that was let in and has not joined yet.
fn open(door: &Door, token: &str) -> WebSocket<TcpStream> {
    let mut request =
        format!("ws://{}/api/v1/socket?session=web1", door.host()).into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", NAME.parse().unwrap());
    request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
    client(request, door.connect()).unwrap().0
}

fn say(socket: &mut WebSocket<TcpStream>, message: &FromClient) {
    // A socket that was ended meanwhile tells so when it is read.
    drop(socket.send(Message::text(serde_json::to_string(message).unwrap())));
}

fn join(socket: &mut WebSocket<TcpStream>) {
    say(socket, &FromClient::Join { have: None, cols: None, rows: None, build: String::new() });
}

/// Joins, and waits until it is welcome.
fn joined(door: &Door, token: &str) -> WebSocket<TcpStream> {
    let mut socket = open(door, token);
    join(&mut socket);
    let first = socket.read().unwrap();
    assert!(matches!(told(&first), Some(FromServer::Welcome { .. })), "{first:?}");
    socket
}

fn told(message: &Message) -> Option<FromServer> {
    serde_json::from_str(message.to_text().ok()?).ok()
}

/// Reads up to the end: the code that it was closed with, and what was refused.
fn end(socket: &mut WebSocket<TcpStream>) -> (u16, Option<String>) {
    let mut refused = None;
    loop {
        let message = socket.read().unwrap();
        if let Message::Close(frame) = message {
            return (frame.unwrap().code.into(), refused);
        }
        if let Some(FromServer::Refused { failure, .. }) = told(&message) {
            refused = Some(failure.what);
        }
    }
}

#[test]
fn a_socket_of_one_session_joins_no_later_one_of_its_name() {
    let door = Door::open();
    let bound = door.token(&["--role", "operator", "--session", "web1"]);
    let mut socket = open(&door, &bound);
    assert!(door.home.run(&["close", "web1"]).status.success());
    assert!(door.home.run(&["up", "web1"]).status.success());
    join(&mut socket);
    let (code, refused) = end(&mut socket);
    assert_eq!(code, close::REFUSED, "{refused:?}");
    assert!(refused.is_some_and(|it| it.contains("web1")));
    // Whoever may see every session may see this one.
    drop(joined(&door, &door.token(&["--role", "operator"])));
}

#[test]
fn a_viewer_that_shows_nothing_ends_with_its_session_all_the_same() {
    let door = Door::open();
    let bound = door.token(&["--role", "operator", "--session", "web1"]);
    let mut stalled = joined(&door, &bound);
    // It has shown what is there at first, and nothing since.
    let first = until("the screen as it is", || match stalled.read().unwrap() {
        Message::Binary(bytes) => Some(Frame::decode(&bytes).unwrap().end().to_string()),
        _ => None,
    });
    say(&mut stalled, &FromClient::Seen { offset: first });
    let mut agent = agent_in(&door.home);
    let flood = json!({"session": "web1", "command": "seq 1000000; echo last-$((40 + 2))", "wait_s": 60});
    let said: cotty_testkit::Said = agent.call("ssh_run", flood).into();
    assert_eq!(said.exit(), Some(0), "{said:?}");
    // All that it gets is read: from here on it is paused.
    stalled.get_ref().set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    while let Ok(message) = stalled.read() {
        let text = String::from_utf8_lossy(&message.into_data()).into_owned();
        assert!(!text.contains("last-42"), "it is not paused");
    }
    stalled.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(door.home.run(&["close", "web1"]).status.success());
    assert!(door.home.run(&["up", "web1"]).status.success());
    assert_eq!(end(&mut stalled).0, close::SESSION_ENDED);
}

#[test]
fn a_socket_that_has_not_joined_ends_with_its_login() {
    let door = Door::open();
    let mut socket = open(&door, &door.token(&[]));
    door.person(&["token", "revoke", "t1"]);
    assert_eq!(end(&mut socket).0, close::ACCESS_ENDED);
}

#[test]
fn of_one_login_so_many_sockets_and_no_more() {
    let door = Door::open();
    let (token, other) = (door.token(&["--role", "viewer_read"]), door.token(&["--role", "viewer_read"]));
    let mut sockets: Vec<_> = (0..SOCKETS_MAX).map(|_| joined(&door, &token)).collect();
    let (code, refused) = end(&mut open(&door, &token));
    assert_eq!(code, close::REFUSED);
    assert_eq!(refused.unwrap(), "t1 has 64 viewers open, and no more are let in");
    drop(joined(&door, &other));
    sockets.pop();
    until("its place is free", || {
        let mut socket = open(&door, &token);
        join(&mut socket);
        matches!(told(&socket.read().unwrap()), Some(FromServer::Welcome { .. })).then_some(())
    });
}
