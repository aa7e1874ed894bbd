//! A viewer that takes everything and shows nothing, as a browser may: it gets little, and costs nobody anything.

use std::net::TcpStream;
use std::time::Duration;

use cotty_wire::socket::{Frame, FromClient, Kind, NAME};
use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::desk::client as agent_in;
use crate::http::Door;

/// More than this the daemon does not send beyond what was shown, with a piece that was under way.
const UNSEEN_BYTES_MAX: u64 = 1024 * 1024 + 256 * 1024;

fn join(door: &Door, token: &str) -> WebSocket<TcpStream> {
    let mut request =
        format!("ws://{}/api/v1/socket?session=web1", door.host()).into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", NAME.parse().unwrap());
    request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
    let (mut socket, _) = client(request, door.connect()).unwrap();
    say(&mut socket, &FromClient::Join { have: None, cols: None, rows: None, build: String::new() });
    socket
}

fn say(socket: &mut WebSocket<TcpStream>, message: &FromClient) {
    socket.send(Message::text(serde_json::to_string(message).unwrap())).unwrap();
}

/// The next frame: its kind, where it begins and ends, and what it has; none where nothing comes.
fn next(socket: &mut WebSocket<TcpStream>) -> Option<(Kind, String, u64, String)> {
    loop {
        let Message::Binary(bytes) = socket.read().ok()? else { continue };
        let frame = Frame::decode(&bytes).unwrap();
        let text = String::from_utf8_lossy(frame.bytes).into_owned();
        return Some((frame.kind, frame.end().to_string(), frame.to, text));
    }
}

#[test]
fn a_viewer_that_shows_nothing_gets_little_and_comes_back_by_a_repaint() {
    let door = Door::open();
    let token = door.token(&["--role", "viewer_read"]);
    let mut stalled = join(&door, &token);
    let (kind, offset, begin, _) = next(&mut stalled).unwrap();
    assert_eq!(kind, Kind::Repaint);
    // From now on it is known up to where it has shown everything: not a byte further.
    say(&mut stalled, &FromClient::Seen { offset });
    let mut agent = agent_in(&door.home);
    let flood = json!({"session": "web1", "command": "seq 1000000; echo last-$((40 + 2))", "wait_s": 60});
    let said: cotty_testkit::Said = agent.call("ssh_run", flood).into();
    assert_eq!(said.exit(), Some(0), "nobody waited for it: {said:?}");
    // What was sent stands in the socket; no more comes, however long it is read.
    stalled.get_ref().set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut end = (String::new(), begin);
    while let Some((kind, offset, to, text)) = next(&mut stalled) {
        assert_eq!(kind, Kind::Output);
        assert!(!text.contains("last-42"));
        end = (offset, to);
    }
    assert!(end.1 > begin && end.1 - begin <= UNSEEN_BYTES_MAX, "{} bytes", end.1 - begin);
    // It says that it has shown them: what its place has kept for it comes, and then the present.
    stalled.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    say(&mut stalled, &FromClient::Seen { offset: end.0 });
    loop {
        let (kind, offset, _, text) = next(&mut stalled).unwrap();
        say(&mut stalled, &FromClient::Seen { offset });
        if kind == Kind::Repaint {
            assert!(text.contains("last-42"), "{text}");
            break;
        }
    }
}
