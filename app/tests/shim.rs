//! Stories of `cotty mcp` and a daemon that is played here: what a client sees when it comes, breaks and refuses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

struct Shim {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Shim {
    fn start(state: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cotty"))
            .arg("mcp")
            .env("COTTY_STATE_DIR", state)
            .env("SSH_AUTH_SOCK", "/run/agent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { input: child.stdin.take(), output, child }
    }

    fn say(&mut self, message: &Value) {
        self.say_line(&message.to_string());
    }

    fn say_line(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn greet(&mut self) {
        let client = json!({"name": "story", "version": "1"});
        let params = json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client});
        self.say(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
        assert_eq!(self.hear()["result"]["protocolVersion"], "2024-11-05");
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    fn call(&mut self, id: u64) {
        let params = json!({"name": "ssh_list"});
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}));
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Daemon {
    stream: BufReader<UnixStream>,
    head: String,
}

impl Daemon {
    /// Takes the next connection, and reads its request.
    fn meet(listener: &UnixListener) -> Self {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0);
        }
        Self { stream, head }
    }

    fn upgrade(listener: &UnixListener) -> Self {
        let mut daemon = Self::meet(listener);
        daemon.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: cotty-mcp\r\n\r\n");
        daemon
    }

    fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Answers the handshake that the shim repeats on its client's behalf.
    fn greet(&mut self) {
        let greeting = self.hear();
        assert_eq!(greeting["method"], "initialize");
        assert_eq!(greeting["params"]["protocolVersion"], "2024-11-05");
        self.answer(&greeting["id"]);
        assert_eq!(self.hear()["method"], "notifications/initialized");
    }

    fn answer(&mut self, id: &Value) {
        self.send(&format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "result": {"content": []}})));
    }

    fn hello(&self) -> Value {
        let field = self.head.lines().find_map(|it| it.strip_prefix("Cotty-Hello: ")).unwrap();
        serde_json::from_str(&cotty_wire::hello::from_header(field.as_bytes()).unwrap()).unwrap()
    }
}

fn state() -> (tempfile::TempDir, UnixListener) {
    let state = tempfile::tempdir().unwrap();
    std::fs::set_permissions(state.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let socket = state.path().join("daemon.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).unwrap();
    (state, listener)
}

#[test]
fn the_handshake_and_the_lists_touch_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let mut shim = Shim::start(&parent.path().join("state"));
    shim.greet();
    shim.say(&json!({"jsonrpc": "2.0", "id": "a", "method": "tools/list"}));
    assert_eq!(shim.hear()["result"]["tools"].as_array().unwrap().len(), 8);
    shim.say_line("{not json}");
    assert_eq!(shim.hear()["error"]["code"], -32700);
    shim.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "resources/list"}));
    assert_eq!(shim.hear()["result"]["resources"][0]["uri"], "cotty://sessions");
    shim.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "prompts/list"}));
    assert_eq!(shim.hear()["error"]["code"], -32601);
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn a_call_brings_hello_and_handshake_and_gets_its_answer() {
    let (state, listener) = state();
    let mut shim = Shim::start(state.path());
    shim.greet();
    shim.call(7);
    let mut daemon = Daemon::upgrade(&listener);
    assert!(daemon.head.starts_with("GET /mcp HTTP/1.1\r\n"));
    let hello = daemon.hello();
    assert_eq!((&hello["client"], &hello["env"]["SSH_AUTH_SOCK"]), (&json!("story 1"), &json!("/run/agent")));
    assert_eq!(hello["nonce"].as_str().unwrap().len(), 32);
    daemon.greet();
    let call = daemon.hear();
    assert_eq!((&call["id"], &call["params"]["_meta"]["cotty/call"]), (&json!(7), &json!(1)));
    daemon.answer(&call["id"]);
    assert_eq!(shim.hear()["id"], 7);
}

#[test]
fn a_daemon_that_breaks_is_asked_again_with_the_same_key() {
    let (state, listener) = state();
    let mut shim = Shim::start(state.path());
    shim.greet();
    shim.call(7);
    shim.call(8);
    let mut daemon = Daemon::upgrade(&listener);
    let nonce = daemon.hello()["nonce"].clone();
    daemon.greet();
    let first = daemon.hear();
    let second = daemon.hear();
    daemon.answer(&second["id"]);
    assert_eq!(shim.hear()["id"], 8);
    drop(daemon);
    let mut daemon = Daemon::upgrade(&listener);
    assert_eq!(daemon.hello()["nonce"], nonce);
    daemon.greet();
    assert_eq!(daemon.hear(), first);
    daemon.answer(&json!(8));
    daemon.answer(&json!(7));
    assert_eq!(shim.hear()["id"], 7, "what was answered is not answered again");
}

#[test]
fn a_call_that_ends_the_daemon_every_time_is_given_up() {
    let (state, listener) = state();
    let mut shim = Shim::start(state.path());
    shim.greet();
    shim.call(7);
    for _ in 0..3 {
        drop(Daemon::upgrade(&listener));
    }
    let answer = shim.hear();
    assert_eq!(answer["result"]["isError"], true);
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().starts_with("lost: "));
    shim.call(8);
    let mut daemon = Daemon::upgrade(&listener);
    daemon.greet();
    daemon.answer(&json!(8));
    assert_eq!(shim.hear()["id"], 8);
}

#[test]
fn a_connection_that_is_cut_before_its_answer_is_made_again() {
    let (state, listener) = state();
    let mut shim = Shim::start(state.path());
    shim.greet();
    shim.call(7);
    for _ in 0..3 {
        drop(Daemon::meet(&listener));
    }
    let mut daemon = Daemon::upgrade(&listener);
    daemon.greet();
    assert_eq!(daemon.hear()["id"], 7);
    daemon.answer(&json!(7));
    assert!(shim.hear()["result"].get("isError").is_none());
}

#[test]
fn a_daemon_that_refuses_is_quoted_and_the_shim_lives_on() {
    let (state, listener) = state();
    let mut shim = Shim::start(state.path());
    shim.greet();
    shim.call(7);
    let mut daemon = Daemon::meet(&listener);
    let body = r#"{"kind":"conflict","what":"protocol 1 is not spoken here","next":"Run: cotty restart"}"#;
    daemon.send(&format!("HTTP/1.1 409 Conflict\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let answer = shim.hear();
    assert_eq!(answer["result"]["isError"], true);
    let said = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert_eq!(said, "conflict: protocol 1 is not spoken here. Run: cotty restart");
    shim.say(&json!({"jsonrpc": "2.0", "id": 9, "method": "ping"}));
    assert_eq!(shim.hear()["id"], 9);
}

#[test]
fn a_cancelled_call_is_not_answered() {
    let (state, listener) = state();
    let mut shim = Shim::start(state.path());
    shim.greet();
    shim.call(7);
    let mut daemon = Daemon::upgrade(&listener);
    daemon.greet();
    assert_eq!(daemon.hear()["id"], 7);
    shim.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}));
    assert_eq!(daemon.hear()["method"], "notifications/cancelled");
    daemon.answer(&json!(7));
    shim.call(8);
    assert_eq!(daemon.hear()["id"], 8);
    daemon.answer(&json!(8));
    assert_eq!(shim.hear()["id"], 8);
}

#[test]
fn a_stateless_call_needs_no_handshake() {
    let (state, listener) = state();
    let mut shim = Shim::start(state.path());
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "modern", "version": "2"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"name": "ssh_list", "_meta": meta});
    shim.say(&json!({"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": params}));
    let mut daemon = Daemon::upgrade(&listener);
    assert_eq!(daemon.hello()["client"], "modern 2");
    assert_eq!(daemon.hear()["method"], "tools/call");
    daemon.answer(&json!("x"));
    assert_eq!(shim.hear()["id"], "x");
}

#[test]
fn it_ends_with_its_client_even_while_a_call_is_open() {
    let (state, listener) = state();
    let mut shim = Shim::start(state.path());
    shim.greet();
    shim.call(7);
    let mut daemon = Daemon::upgrade(&listener);
    let began = Instant::now();
    drop(shim.input.take());
    assert!(shim.child.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_millis(400));
    let mut rest = Vec::new();
    daemon.stream.read_to_end(&mut rest).unwrap();
}

#[test]
fn it_ends_when_whoever_started_it_does() {
    let state = tempfile::tempdir().unwrap();
    let input = state.path().join("input");
    assert!(Command::new("mkfifo").arg(&input).status().unwrap().success());
    // The shim's own descriptor 3 keeps its input open: only its parent's end can end it.
    let mut parent = Command::new("sh")
        .args(["-c", r#"exec 3<>"$1"; "$0" mcp <&3 & echo $!; wait"#, env!("CARGO_BIN_EXE_cotty")])
        .arg(&input)
        .env("COTTY_STATE_DIR", state.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(parent.stdout.take().unwrap());
    let mut pid = String::new();
    output.read_line(&mut pid).unwrap();
    let shim = Path::new("/proc").join(pid.trim());
    // It knows its parent once it has answered: before that, its parent could be gone already.
    std::fs::write(&input, format!("{}\n", json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}))).unwrap();
    output.read_line(&mut String::new()).unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let began = Instant::now();
    while is_alive(&shim) {
        assert!(began.elapsed() < Duration::from_millis(400), "it lives on");
        std::thread::yield_now();
    }
}

/// Returns whether a process is there, and more than its remains.
fn is_alive(process: &Path) -> bool {
    std::fs::read_to_string(process.join("stat")).is_ok_and(|it| !it.contains(") Z "))
}
