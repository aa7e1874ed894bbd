//! An MCP client on the standard input and output of `cotty mcp`, of both eras.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use crate::wait::{DEADLINE, until};

/// The newest revision of the era that begins with a handshake.
pub const LEGACY: &str = "2025-11-25";

/// The revision of the era without one: every request says who asks.
pub const MODERN: &str = "2026-07-28";

/// A client that speaks JSON lines with a server it has started. Dropping it kills the server.
#[derive(Debug)]
pub struct Mcp {
    child: Child,
    stdin: Option<ChildStdin>,
    heard: Arc<Heard>,
    last_id: u64,
    /// What each request carries in the modern era.
    meta: Option<Value>,
    /// What the client says that it can do.
    capabilities: Value,
}

/// A request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What a tool answered.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolReply {
    /// The text blocks, joined.
    pub text: String,
    /// The server says that it could not do it.
    pub is_error: bool,
    /// `structuredContent`, where there is one.
    pub structured: Option<Value>,
    /// The whole result.
    pub result: Value,
}

/// What the server has said so far.
#[derive(Debug, Default)]
struct Heard {
    said: Mutex<Said>,
    grew: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    replies: BTreeMap<u64, Value>,
    notifications: Vec<Value>,
    requests: Vec<Value>,
    /// Lines on standard output that are no JSON: there must be none.
    impure: Vec<String>,
    stderr: String,
    stderr_ended: bool,
    ended: bool,
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.lock());
        self.grew.notify_all();
    }

    /// Waits until `look` finds something in what was said.
    fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut Said) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut said = self.lock();
        loop {
            if let Some(found) = look(&mut said) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let over = said.ended && (said.stderr_ended || left.is_zero());
            assert!(!over, "the server ended before {what}; it said on stderr:\n{}", said.stderr);
            assert!(!left.is_zero(), "waited {DEADLINE:?} in vain for {what}; stderr:\n{}", said.stderr);
            said = self.grew.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Mcp {
    /// Starts the server; nothing is said yet.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starting the server");
        let heard = Arc::new(Heard::default());
        let stdout = child.stdout.take().expect("piped above");
        let stderr = child.stderr.take().expect("piped above");
        let (lines, complaints) = (Arc::clone(&heard), Arc::clone(&heard));
        std::thread::spawn(move || listen(stdout, &lines));
        std::thread::spawn(move || keep_complaints(stderr, &complaints));
        Self { stdin: child.stdin.take(), child, heard, last_id: 0, meta: None, capabilities: json!({}) }
    }

    /// Says from now on that it can do this.
    pub fn can(&mut self, capabilities: Value) {
        self.capabilities = capabilities;
    }

    /// Waits for something that the server asks of the client.
    pub fn wait_request(&self, what: &str) -> Value {
        self.heard.wait(what, |said| said.requests.pop())
    }

    /// Answers what the server asked.
    pub fn answer(&mut self, request: &Value, result: Value) {
        self.say(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}));
    }

    /// Shakes hands at [`LEGACY`] and returns the server's answer.
    pub fn initialize(&mut self) -> Value {
        self.initialize_at(LEGACY)
    }

    /// Shakes hands at a revision and returns the server's answer.
    pub fn initialize_at(&mut self, revision: &str) -> Value {
        let client = json!({"name": "testkit", "version": "1"});
        let params =
            json!({"protocolVersion": revision, "capabilities": self.capabilities, "clientInfo": client});
        let result = self.request("initialize", params);
        self.notify("notifications/initialized", json!({}));
        result
    }

    /// Speaks the modern era from now on: asks `server/discover` and returns the answer.
    pub fn discover(&mut self) -> Value {
        self.meta = Some(json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "testkit", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": self.capabilities,
        }));
        self.request("server/discover", json!({}))
    }

    /// The tools, as the server lists them.
    pub fn tools(&mut self) -> Vec<Value> {
        let result = self.request("tools/list", json!({}));
        result["tools"].as_array().expect("a list of tools").clone()
    }

    /// Calls a tool and waits for the answer.
    ///
    /// # Panics
    /// Panics where the server answers with a protocol error.
    pub fn call(&mut self, tool: &str, arguments: Value) -> ToolReply {
        let ticket = self.start_call(tool, arguments);
        self.await_reply(ticket)
    }

    /// Calls a tool; the answer is fetched with [`Mcp::await_reply`].
    pub fn start_call(&mut self, tool: &str, arguments: Value) -> Ticket {
        self.start_request("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// Waits for the answer to a tool call.
    ///
    /// # Panics
    /// Panics where the server answers with a protocol error.
    pub fn await_reply(&mut self, ticket: Ticket) -> ToolReply {
        let result = self.await_result(ticket);
        let blocks = result["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        let texts: Vec<&str> = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
        ToolReply {
            text: texts.join("\n"),
            is_error: result["isError"] == true,
            structured: result.get("structuredContent").cloned(),
            result,
        }
    }

    /// Asks anything and waits for the result.
    ///
    /// # Panics
    /// Panics where the server answers with an error.
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        let ticket = self.start_request(method, params);
        self.await_result(ticket)
    }

    /// Asks anything; the answer is fetched later.
    pub fn start_request(&mut self, method: &str, mut params: Value) -> Ticket {
        self.last_id += 1;
        if let Some(Value::Object(meta)) = &self.meta {
            let own = params.get("_meta").and_then(Value::as_object).cloned().unwrap_or_default();
            params["_meta"] = Value::Object(meta.clone().into_iter().chain(own).collect());
        }
        self.say(&json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}));
        Ticket(self.last_id)
    }

    /// Waits for a result.
    ///
    /// # Panics
    /// Panics where the server answers with an error.
    pub fn await_result(&mut self, ticket: Ticket) -> Value {
        let mut reply = self.await_message(ticket);
        assert!(reply.get("error").is_none(), "the server refused: {}", reply["error"]);
        reply["result"].take()
    }

    /// Waits for the whole answer, which may be an error.
    pub fn await_message(&mut self, ticket: Ticket) -> Value {
        self.heard.wait(&format!("the answer to request {}", ticket.0), |said| said.replies.remove(&ticket.0))
    }

    /// Tells whether an answer has come, without waiting for it.
    #[must_use]
    pub fn has_reply(&self, ticket: Ticket) -> bool {
        self.heard.lock().replies.contains_key(&ticket.0)
    }

    /// Tells the server that nobody waits for an answer any more.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.notify("notifications/cancelled", json!({"requestId": ticket.0, "reason": "the test says so"}));
    }

    /// Sends a notification.
    pub fn notify(&mut self, method: &str, params: Value) {
        self.say(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends one line as it is, whatever it may be.
    pub fn say_raw(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("the client still speaks");
        let sent = stdin.write_all(line).and_then(|()| stdin.write_all(b"\n")).and_then(|()| stdin.flush());
        sent.expect("the server takes what is said");
    }

    fn say(&mut self, message: &Value) {
        self.say_raw(message.to_string().as_bytes());
    }

    /// The notifications seen so far.
    #[must_use]
    pub fn notifications(&self) -> Vec<Value> {
        self.heard.lock().notifications.clone()
    }

    /// Waits for a notification that satisfies `fact`.
    pub fn wait_notification(&self, what: &str, fact: impl Fn(&Value) -> bool) -> Value {
        self.heard.wait(what, |said| said.notifications.iter().find(|it| fact(it)).cloned())
    }

    /// What the server asked of the client so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.heard.lock().requests.clone()
    }

    /// Lines on standard output that were no JSON.
    #[must_use]
    pub fn impure_lines(&self) -> Vec<String> {
        self.heard.lock().impure.clone()
    }

    /// What the server wrote on standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.heard.lock().stderr.clone()
    }

    /// The server's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Closes the server's standard input and waits for its end.
    pub fn close(mut self) -> ExitStatus {
        self.stdin = None;
        self.wait_exit()
    }

    /// Waits for the server's end.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("the server ends", || child.try_wait().expect("asking for its end"))
    }

    /// Kills the server, as a client does that is in a hurry.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Mcp {
    fn drop(&mut self) {
        self.end();
    }
}

/// Sorts the server's lines until it closes its side.
fn listen(stdout: impl Read, heard: &Heard) {
    for line in BufReader::new(stdout).lines() {
        let Ok(line) = line else { break };
        let message: Option<Value> = serde_json::from_str(&line).ok();
        heard.add(|said| match message {
            Some(message) => sort(said, message),
            None => said.impure.push(line),
        });
    }
    heard.add(|said| said.ended = true);
}

/// Puts one message where it belongs.
fn sort(said: &mut Said, message: Value) {
    let id = message.get("id").and_then(Value::as_u64);
    match (message.get("method").is_some(), id) {
        (true, None) if message.get("id").is_none() => said.notifications.push(message),
        (true, _) => said.requests.push(message),
        (false, Some(id)) => drop(said.replies.insert(id, message)),
        // An answer to something that could not be read has no id to go by.
        (false, None) => said.notifications.push(message),
    }
}

/// Keeps what the server writes on standard error.
fn keep_complaints(stderr: impl Read, heard: &Heard) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        heard.add(|said| {
            said.stderr.push_str(&line);
            said.stderr.push('\n');
        });
    }
    heard.add(|said| said.stderr_ended = true);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server of a few lines of shell that answers each request by its number.
    fn played(script: &str) -> Mcp {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Mcp::start(command)
    }

    #[test]
    fn answers_are_told_apart_by_their_number() {
        let second =
            r#"{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"two"}],"isError":true}}"#;
        let first = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"one"}]}}"#;
        let tick = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}"#;
        let script =
            format!("read a; read b; echo '{tick}'; echo no json; echo '{second}'; echo '{first}'; cat");
        let mut client = played(&script);
        let one = client.start_call("a", json!({}));
        let two = client.start_call("b", json!({}));
        assert_eq!(client.await_reply(one).text, "one");
        let reply = client.await_reply(two);
        assert_eq!((reply.text.as_str(), reply.is_error), ("two", true));
        assert_eq!(client.notifications().len(), 1);
        assert_eq!(client.impure_lines(), ["no json"]);
        assert!(client.close().success());
    }

    #[test]
    #[should_panic(expected = "sorry")]
    fn a_server_that_ends_is_not_waited_for() {
        let mut client = played("read a; echo sorry >&2; sleep 0.1");
        client.initialize();
    }
}
