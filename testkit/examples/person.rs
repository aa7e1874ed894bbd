//! What the person's side costs, in one run of less than a minute: a key to its echo in a browser's socket beside `ssh -tt` under
//! the same load, quiet and while `yes` runs; what a viewer that reads nothing costs the session; and the first screen of a page.
#![allow(clippy::print_stdout, reason = "the result is what this is for")]
#![allow(clippy::expect_used, reason = "what cannot be arranged ends it")]

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use cotty_testkit::browser::Browser;
use cotty_testkit::{Home, Mcp, Sshd, Tty};
use cotty_wire::socket::{Bytes, Frame, FromClient, NAME};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// So many keys of each kind; they alternate, so that both meet the same moments.
const KEYS: usize = 300;
/// Between two keys: a fast typist.
const PAUSE: Duration = Duration::from_millis(15);
/// What is printed while a viewer stalls, and how often it is measured with one and without.
const LINES: usize = 200_000;
const ROUNDS: usize = 5;
/// Pages that are opened.
const PAGES: usize = 7;
/// Whether the page shows a prompt, root's or another's.
const PROMPT: &str = "/[$#]/.test(document.querySelector('.xterm-rows')?.innerText ?? '')";

/// A home whose daemon has a door, and how a program comes in.
struct House {
    home: Home,
    port: u16,
    token: String,
    runtime: Runtime,
}

/// A viewer by TCP, as a browser is.
struct Viewer {
    sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    /// The character that is waited for; 0 for none.
    wanted: Arc<AtomicU8>,
    seen: mpsc::Receiver<Instant>,
    seq: u64,
}

fn main() {
    let house = House::open();
    let mut agent = house.home.mcp();
    agent.initialize();
    println!("| what | `ssh -tt` p50, p99 | browser's socket p50, p99 | p99 to p99 |\n|---|---|---|---|");
    keys(&house, &mut agent);
    println!("\n| {LINES} lines printed in a session | seconds, median of {ROUNDS} |\n|---|---|");
    stalled(&house, &mut agent);
    first_screens(&house);
}

impl House {
    fn open() -> Self {
        let home = Home::new();
        home.write_config("listen = \"127.0.0.1:0\"\n");
        assert!(home.run(&["up", "web1", "--shell", "bash"]).status.success());
        let said = person(&home, &["token", "new", "--role", "operator"]);
        let noted = std::fs::read(home.state().join("http.json")).expect("the port");
        let noted: Value = serde_json::from_slice(&noted).expect("a document");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self {
            port: u16::try_from(noted["port"].as_u64().expect("a port")).expect("a port"),
            token: said["token"].as_str().expect("a token").to_owned(),
            runtime: runtime.expect("threads"),
            home,
        }
    }

    async fn socket(&self) -> WebSocketStream<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("the door");
        stream.set_nodelay(true).expect("a socket");
        let address = format!("ws://localhost:{}/api/v1/socket?session=web1", self.port);
        let mut request = address.into_client_request().expect("an address");
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", NAME.parse().expect("a name"));
        headers.insert("Authorization", format!("Bearer {}", self.token).parse().expect("a token"));
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.expect("a socket");
        let join = FromClient::Join { have: None, cols: None, rows: None, build: String::new() };
        socket.send(text(&join)).await.expect("the daemon");
        socket
    }

    fn viewer(&self) -> Viewer {
        let (sink, mut stream) = self.runtime.block_on(self.socket()).split();
        let (wanted, (tell, seen)) = (Arc::new(AtomicU8::new(0)), mpsc::channel());
        let waits = Arc::clone(&wanted);
        self.runtime.spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let Message::Binary(bytes) = message else { continue };
                let Some(frame) = Frame::decode(&bytes) else { continue };
                let wanted = waits.load(Ordering::Acquire);
                if wanted != 0 && frame.bytes.contains(&wanted) {
                    waits.store(0, Ordering::Release);
                    tell.send(Instant::now()).ok();
                }
            }
        });
        Viewer { sink, wanted, seen, seq: 0 }
    }
}

impl Viewer {
    fn send(&mut self, house: &House, keys: &[u8]) {
        self.seq += 1;
        let key = FromClient::Key { seq: self.seq, bytes: Bytes(keys.to_vec()) };
        house.runtime.block_on(self.sink.send(text(&key))).expect("the daemon");
    }

    fn key(&mut self, house: &House, key: u8) -> Duration {
        self.wanted.store(key, Ordering::Release);
        let began = Instant::now();
        self.send(house, &[key]);
        self.seen.recv_timeout(Duration::from_secs(20)).expect("its echo").saturating_duration_since(began)
    }
}

fn text(message: &FromClient) -> Message {
    Message::text(serde_json::to_string(message).expect("a message"))
}

fn person(home: &Home, arguments: &[&str]) -> Value {
    let (code, said) = home.run_as_person(&[arguments, &["--json"]].concat());
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(said.trim()).expect("a document")
}

/// A key in `cat`: through `ssh -tt`, and through the socket; quiet, and while a session beside prints `yes`.
fn keys(house: &House, agent: &mut Mcp) {
    let Some(server) = Sshd::start("a key in a browser's socket") else {
        println!("| no openssh-server is here | | | |");
        return;
    };
    let mut ssh = server.ssh(&server.known_hosts());
    ssh.args(["-tt", "cat"]);
    let ssh = Tty::start(&ssh);
    ssh.line("=");
    ssh.wait_for("the line twice", |text| text.matches('=').count() >= 2);
    let mut viewer = house.viewer();
    // Whatever is at the prompt: the line of `cat` comes back twice, too.
    viewer.send(house, b"cat\r");
    viewer.wanted.store(b'=', Ordering::Release);
    viewer.send(house, b"=\r");
    viewer.seen.recv_timeout(Duration::from_secs(20)).expect("its echo");
    for (what, noise) in [("quiet", None), ("while `yes` runs in another session", Some("yes"))] {
        if let Some(noise) = noise {
            agent.call("ssh_connect", json!({"target": "local", "name": "noise"}));
            let began =
                agent.call("ssh_run", json!({"session": "noise", "command": noise, "wait_s": 1})).text;
            assert!(began.contains("running"), "{began}");
        }
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for round in 0..KEYS {
            let key = b'a' + u8::try_from(round % 26).unwrap_or(0);
            ssh.forget();
            let began = Instant::now();
            ssh.send([key]);
            ssh.wait_bytes("the key", |bytes| bytes.contains(&key));
            theirs.push(began.elapsed());
            std::thread::sleep(PAUSE);
            ours.push(viewer.key(house, key));
            std::thread::sleep(PAUSE);
            if round % 50 == 49 {
                ssh.send("\r");
                viewer.send(house, b"\r");
                std::thread::sleep(PAUSE * 4);
            }
        }
        let (theirs, ours) = (ranks(theirs), ranks(ours));
        let ratio = ours.1.as_secs_f64() / theirs.1.as_secs_f64();
        println!(
            "| a key to its echo, {what} | {:.2?}, {:.2?} | {:.2?}, {:.2?} | {ratio:.2} |",
            theirs.0, theirs.1, ours.0, ours.1
        );
    }
    agent.call("ssh_close", json!({"id": "noise", "force": true}));
    viewer.send(house, b"\x03");
}

/// The middle one, and the one that 99 of 100 do not exceed.
fn ranks(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// What a session prints in how long, with nobody there, with a viewer that reads, and with one that has stopped reading.
fn stalled(house: &House, agent: &mut Mcp) {
    let mut run = || {
        let line = "x".repeat(100);
        let command = format!("yes {line} | head -n {LINES}");
        let began = Instant::now();
        let said = agent.call("ssh_run", json!({"session": "web1", "command": command, "wait_s": 50}));
        assert!(said.text.contains("exit 0"), "{}", said.text);
        began.elapsed()
    };
    run();
    let (mut alone, mut read, mut stalled) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(run());
        let reading = house.viewer();
        read.push(run());
        drop(reading);
        // It joins, and never reads a byte.
        let silent = house.runtime.block_on(house.socket());
        stalled.push(run());
        drop(silent);
    }
    for (what, times) in
        [("nobody watches", alone), ("one viewer reads", read), ("one viewer has stopped reading", stalled)]
    {
        println!("| {what} | {:.2} |", ranks(times).0.as_secs_f64());
    }
}

/// From the call for the page to the first row of its terminal.
fn first_screens(house: &House) {
    let Some(mut browser) = Browser::start("the first screen of a page") else {
        return println!("\nno browser is here: the first screen of a page was not measured");
    };
    let link = person(&house.home, &["viewer", "link", "web1"]);
    browser.go(link["url"].as_str().expect("a link"));
    browser.wait(PROMPT);
    let plain = link["plain"].as_str().expect("an address").to_owned();
    let times: Vec<Duration> = (0..PAGES)
        .map(|_| {
            browser.go("about:blank");
            browser.go(&format!("{plain}?renderer=dom"));
            browser.wait(PROMPT);
            let at = browser.eval("performance.now()").as_f64().expect("a time");
            Duration::from_secs_f64(at / 1e3)
        })
        .collect();
    println!("\n| the first screen of a page | median, most |\n|---|---|");
    let most = times.iter().max().copied().unwrap_or_default();
    println!(
        "| from the call to the rows, seen by a look of a program from outside | {:.0?}, {most:.0?} |",
        ranks(times).0
    );
}
