//! The daemon's TCP door, spoken to by hand: what a browser or a program would send, and what neither should.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use cotty_testkit::home::Home;
use serde_json::Value;

/// A home whose daemon is open to browsers.
pub(crate) struct Door {
    pub(crate) home: Home,
    pub(crate) port: u16,
}

impl Door {
    /// Opens a session, web1, and the door.
    pub(crate) fn open() -> Self {
        Self::of(Home::new())
    }

    pub(crate) fn of(home: Home) -> Self {
        Self::with(home, "")
    }

    /// The same with more in the configuration.
    pub(crate) fn with(home: Home, more: &str) -> Self {
        home.write_config(&format!("listen = \"127.0.0.1:0\"\n{more}"));
        assert!(home.run(&["up", "web1"]).status.success());
        let port = port(&home);
        Self { home, port }
    }

    /// What a person's command prints, as JSON.
    pub(crate) fn person(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let (code, text) = self.home.run_as_person(&arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
        serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Makes a token.
    pub(crate) fn token(&self, arguments: &[&str]) -> String {
        let arguments: Vec<&str> = ["token", "new"].iter().chain(arguments).copied().collect();
        self.person(&arguments)["token"].as_str().unwrap().to_owned()
    }

    /// The Host of this door.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Logs a browser in with the code of a link.
    pub(crate) fn log_in(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = ["viewer", "link"].iter().chain(arguments).copied().collect();
        let url = self.person(&arguments)["url"].as_str().unwrap().to_owned();
        let code = url.split('#').nth(1).unwrap();
        let answer = self.post("/login", "", &format!("{{\"code\":\"{code}\"}}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Posts as the page does.
    pub(crate) fn post(&self, path: &str, bearer: &str, body: &str) -> Answer {
        let host = self.host();
        let mut headers = format!(
            "Host: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n"
        );
        if !bearer.is_empty() {
            headers += &format!("Authorization: Bearer {bearer}\r\n");
        }
        self.ask("POST", path, &headers, body)
    }

    /// Gets as the page does.
    pub(crate) fn get(&self, path: &str, bearer: &str) -> Answer {
        let headers = format!("Host: {}\r\nAuthorization: Bearer {bearer}\r\n", self.host());
        self.ask("GET", path, &headers, "")
    }

    /// Asks with these headers and no others.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = self.connect();
        let length = body.len();
        // An upgrade says by itself what becomes of the connection.
        let close = if headers.contains("Upgrade") { "" } else { "Connection: close\r\n" };
        let request =
            format!("{method} {path} HTTP/1.1\r\n{close}Content-Length: {length}\r\n{headers}\r\n{body}");
        // A server that has refused the head may not read the body.
        drop(stream.write_all(request.as_bytes()));
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..count]);
            if is_whole(&bytes) {
                break;
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let status = text.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
        Answer { status, text }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

/// Tells whether an answer is there up to its end: one that refuses an upgrade keeps its connection.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.to_lowercase().lines().find_map(|it| it.strip_prefix("content-length: ")?.parse().ok());
    head.starts_with("HTTP/1.1 101") || length.is_some_and(|it: usize| body.len() >= it)
}

/// The port that a home's daemon has, as it noted it.
pub(crate) fn port(home: &Home) -> u16 {
    let noted = std::fs::read(home.state().join("http.json")).unwrap();
    let noted: Value = serde_json::from_slice(&noted).unwrap();
    u16::try_from(noted["port"].as_u64().unwrap()).unwrap()
}

/// An answer: its status, and head and body as they came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        let body = self.text.split_once("\r\n\r\n").map_or("", |it| it.1);
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}
