//! An MCP client that speaks HTTP by hand, in both eras: what was sent, and what came back as it came.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use cotty_testkit::mcp::{LEGACY, MODERN};
use serde_json::{Value, json};

use crate::http::Door;

/// A client with a token.
pub(crate) struct Talk<'a> {
    door: &'a Door,
    token: String,
    /// What `initialize` gave it; nothing in the era without one.
    pub(crate) id: Option<String>,
}

/// An answer that may go on.
pub(crate) struct Coming {
    pub(crate) status: u16,
    pub(crate) head: String,
    reader: BufReader<TcpStream>,
}

impl<'a> Talk<'a> {
    /// A client of the era without a handshake.
    pub(crate) fn modern(door: &'a Door, token: &str) -> Self {
        Self { door, token: token.to_owned(), id: None }
    }

    /// One that has shaken hands.
    pub(crate) fn legacy(door: &'a Door, token: &str) -> Self {
        let mut talk = Self::modern(door, token);
        let client = json!({"name": "by-hand", "version": "1"});
        let params = json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client});
        let mut coming =
            talk.post("", &json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
        assert_eq!(coming.status, 200, "{}", coming.head);
        talk.id = coming.header("mcp-session-id");
        assert_eq!(coming.answer(&json!(0))["result"]["protocolVersion"], LEGACY);
        let done =
            talk.post(&talk.named(), &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        assert_eq!(done.status, 202, "{}", done.head);
        talk
    }

    /// The headers by which it says to which connection a request belongs.
    pub(crate) fn named(&self) -> String {
        let id = self.id.as_ref().map(|it| format!("Mcp-Session-Id: {it}\r\n"));
        id.unwrap_or_default()
    }

    /// Asks for something, in its era.
    pub(crate) fn ask(&self, id: u64, method: &str, mut params: Value) -> Coming {
        let mut headers = self.named();
        if self.id.is_none() {
            let meta = params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| json!({}));
            meta["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
            meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "by-hand", "version": "1"});
            headers += &format!("MCP-Protocol-Version: {MODERN}\r\nMcp-Method: {method}\r\n");
            for name in ["name", "uri"] {
                if let Some(name) = params[name].as_str() {
                    headers += &format!("Mcp-Name: {name}\r\n");
                }
            }
        }
        self.post(&headers, &json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
    }

    /// Calls a tool, and waits for what it says.
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> Value {
        let mut coming = self.ask(7, "tools/call", json!({"name": tool, "arguments": arguments}));
        assert_eq!(coming.status, 200, "{}", coming.head);
        coming.answer(&json!(7))["result"].clone()
    }

    /// The text of a tool's answer.
    pub(crate) fn said(&self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{result}")).to_owned()
    }

    /// Posts a message with these headers besides its own.
    pub(crate) fn post(&self, headers: &str, message: &Value) -> Coming {
        let headers = format!("{}{headers}", self.own());
        Coming::of(self.door, "POST", &headers, message.to_string().as_bytes())
    }

    /// Opens the stream of what is said unasked.
    pub(crate) fn listen(&self) -> Coming {
        Coming::of(self.door, "GET", &format!("{}{}", self.own(), self.named()), b"")
    }

    /// Ends the connection.
    pub(crate) fn delete(&self, headers: &str) -> Coming {
        Coming::of(self.door, "DELETE", &format!("{}{headers}", self.own()), b"")
    }

    /// What every request has.
    pub(crate) fn own(&self) -> String {
        format!(
            "Host: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n",
            self.door.host(),
            self.token
        )
    }
}

impl Coming {
    fn of(door: &Door, method: &str, headers: &str, body: &[u8]) -> Self {
        let mut stream = door.connect();
        let length = body.len();
        let head = format!(
            "{method} /mcp HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A server that has refused the head may not read the body.
        drop(stream.write_all(body));
        Self::read(stream)
    }

    /// Reads the head of what comes.
    pub(crate) fn read(stream: TcpStream) -> Self {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "it ended in its head: {head}");
        }
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap();
        Self { status, head, reader }
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let fields = self.head.lines().filter_map(|it| it.split_once(':'));
        let mut found = fields.filter(|it| it.0.eq_ignore_ascii_case(name));
        found.next().map(|it| it.1.trim().to_owned())
    }

    /// The next message; nothing at the end.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let text = line.trim();
            let text = text.strip_prefix("data:").map_or(text, str::trim);
            assert!(text != "{}" && line.trim() != "data:", "an event without data");
            if text.starts_with('{') {
                return Some(serde_json::from_str(text).unwrap());
            }
        }
    }

    /// The answer to a request, past all that is said before it.
    pub(crate) fn answer(&mut self, id: &Value) -> Value {
        loop {
            let message = self.next().expect("it ended without an answer");
            if message["id"] == *id {
                return message;
            }
        }
    }

    /// All the rest, which has an end.
    pub(crate) fn rest(mut self) -> String {
        let mut rest = String::new();
        self.reader.read_to_string(&mut rest).ok();
        rest
    }

    /// Hangs up.
    pub(crate) fn hang_up(self) {
        self.reader.get_ref().shutdown(Shutdown::Both).unwrap();
    }
}
