//! Many viewers of one session: `viewers [COUNT] [MB_A_SECOND] [SECONDS]`, 200 at 5 MB/s for 10 s without; 0 MB/s is as fast as
//! it goes. Tells how far behind each was, what it was sent, and what the session lost by them.
#![allow(clippy::print_stdout, reason = "the result is what this is for")]
#![allow(clippy::expect_used, reason = "what cannot be arranged ends it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cotty_testkit::Home;
use cotty_wire::hello::{HEADER, Hello, PROTOCOL, to_header};
use cotty_wire::socket::{Frame, FromClient, Kind, NAME};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// What is printed at once: a line of 4 KiB, whose beginning says when.
const LINE: usize = 4096;

/// What a viewer has met.
#[derive(Default)]
struct Met {
    behind: Vec<Duration>,
    bytes: u64,
    repaints: usize,
}

fn main() {
    let mut given = std::env::args().skip(1);
    let first = given.next();
    let mut number = |default: u64| given.next().map_or(default, |it| it.parse().expect("a number"));
    if first.as_deref() == Some("print") {
        return print(number(5), number(10));
    }
    let count: usize = first.map_or(200, |it| it.parse().expect("a number of viewers"));
    let (rate, seconds) = (number(5), number(10));
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let (alone, _) = session(&home, 0, rate, seconds);
    let (watched, mut met) = session(&home, count, rate, seconds);
    println!("without viewers {alone:.2} MB/s, with {count} {watched:.2} MB/s: {:.3}", watched / alone);
    met.retain(|it| !it.behind.is_empty());
    let mut all: Vec<Duration> = met.iter().flat_map(|it| it.behind.iter().copied()).collect();
    all.sort_unstable();
    let worst = |part: usize| {
        all.get((all.len() * part / 1000).min(all.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    println!(
        "{} viewers; behind by {:.0?} (median), {:.0?} (p99), {:.0?} (most)",
        met.len(),
        worst(500),
        worst(990),
        worst(1000)
    );
    let late = met
        .iter()
        .filter(|it| it.behind.iter().max().is_some_and(|it| *it > Duration::from_millis(500)))
        .count();
    let bytes: u64 = met.iter().map(|it| it.bytes).sum();
    let repaints: usize = met.iter().map(|it| it.repaints).sum();
    println!(
        "{late} ever more than 500 ms; {:.1} MB and {:.1} repaints each",
        bytes as f64 / 1e6 / met.len().max(1) as f64,
        repaints as f64 / met.len().max(1) as f64
    );
}

/// Prints at a pace, and says at last how fast it was.
fn print(rate: u64, seconds: u64) {
    let began = Instant::now();
    let mut out = std::io::stdout().lock();
    let mut written = 0u64;
    while began.elapsed() < Duration::from_secs(seconds) {
        let due = began.elapsed().as_micros() as u64 * rate;
        if rate > 0 && written > due {
            std::thread::sleep(Duration::from_micros(500));
            continue;
        }
        let head = format!("@{}@", since_1970().as_micros());
        let line = format!("{head}{}\n", "x".repeat(LINE - head.len() - 1));
        out.write_all(line.as_bytes()).expect("the terminal takes it");
        written += LINE as u64;
    }
    out.flush().expect("the terminal takes it");
    println!("rate={:.3}", written as f64 / 1e6 / began.elapsed().as_secs_f64());
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Prints in the session while so many watch, and returns how fast it was and what they met.
fn session(home: &Home, count: usize, rate: u64, seconds: u64) -> (f64, Vec<Met>) {
    let own = std::env::current_exe().expect("this program");
    let socket = home.state().join("daemon.sock");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let stop = tokio_util_token();
    let viewers: Vec<_> = (0..count).map(|_| runtime.spawn(watch(socket.clone(), stop.1.clone()))).collect();
    let mut agent = home.mcp();
    agent.initialize();
    let command = format!("{} print {rate} {seconds}", own.display());
    let reply = agent.call("ssh_run", json!({"session": "web1", "command": command, "wait_s": seconds + 60}));
    drop(stop.0);
    let told = reply.text.lines().find_map(|it| it.strip_prefix("rate=")?.trim().parse().ok());
    let met = runtime.block_on(async {
        let mut met = Vec::new();
        for viewer in viewers {
            met.push(viewer.await.expect("a viewer"));
        }
        met
    });
    (told.unwrap_or_else(|| panic!("{}", reply.text)), met)
}

fn tokio_util_token() -> (tokio::sync::watch::Sender<()>, tokio::sync::watch::Receiver<()>) {
    tokio::sync::watch::channel(())
}

async fn watch(socket: PathBuf, mut stop: tokio::sync::watch::Receiver<()>) -> Met {
    let mut socket = join(&socket).await;
    let mut met = Met::default();
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = stop.changed() => return met,
        };
        let Some(Ok(Message::Binary(bytes))) = message else {
            if matches!(message, Some(Ok(_))) {
                continue;
            }
            return met;
        };
        let Some(frame) = Frame::decode(&bytes) else { continue };
        met.bytes += frame.bytes.len() as u64;
        met.repaints += usize::from(frame.kind == Kind::Repaint);
        if let Some(at) = newest(frame.bytes) {
            met.behind.push(since_1970().saturating_sub(at));
        }
    }
}

async fn join(path: &Path) -> tokio_tungstenite::WebSocketStream<UnixStream> {
    let stream = UnixStream::connect(path).await.expect("the daemon");
    let mut request = "ws://localhost/api/v1/socket?session=web1".into_client_request().expect("an address");
    let hello = Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        client: "viewer".to_owned(),
        ..Hello::default()
    };
    let hello = to_header(&serde_json::to_string(&hello).expect("a hello"));
    let headers = request.headers_mut();
    headers.insert("Sec-WebSocket-Protocol", NAME.parse().expect("a name"));
    headers.insert(HEADER, hello.parse().expect("a hello"));
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.expect("a viewer's socket");
    let first = FromClient::Join { have: None, cols: None, rows: None, build: String::new() };
    let first: Value = serde_json::to_value(&first).expect("a message");
    socket.send(Message::text(first.to_string())).await.expect("the daemon");
    socket
}

/// When the newest line was printed that begins here.
fn newest(bytes: &[u8]) -> Option<Duration> {
    let end = bytes.iter().rposition(|it| *it == b'@')?;
    let begin = bytes[..end].iter().rposition(|it| *it == b'@')?;
    let micros = std::str::from_utf8(&bytes[begin + 1..end]).ok()?.parse().ok()?;
    Some(Duration::from_micros(micros))
}
