//! Gets a connection to the daemon and turns it into a pipe of lines: one request, written by hand.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use cotty_core::refusal::Refusal;
use cotty_mcp::render;
use cotty_wire::hello::{HEADER, Hello, PROTOCOL, UPGRADE_MCP, to_header};
use serde::Deserialize;

use crate::config::environment::is_expanded;
use crate::daemon::reach::{reach, variables};
use crate::instance::{Flags, Instance};

/// A daemon that does not answer the first request within this time is not well.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// The head and the body of the answer to it have a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How often a connection may be cut before it is answered.
const TRIES_MAX: u32 = 4;
/// What is the caller's own, whatever the config says.
const PASSED_ALWAYS: [&str; 1] = ["SSH_AUTH_SOCK"];

/// An open pipe, and what the daemon sent with its answer already.
pub(super) struct Opened {
    /// The pipe, not blocking.
    pub(super) stream: UnixStream,
    /// What came after the answer.
    pub(super) bytes: Vec<u8>,
}

/// The daemon's words when it will not.
#[derive(Deserialize)]
struct Failure {
    kind: String,
    what: String,
    next: String,
}

/// Opens the pipe, starting the daemon where there is none.
///
/// What is said for the caller who must be told that it failed are the refusal's words.
pub(super) fn open(flags: &Flags, client: &str, nonce: &str) -> Result<Opened, String> {
    let mut tries = 0;
    loop {
        tries += 1;
        let (stream, passed) = reached(flags).map_err(|refusal| render::refusal_words(&refusal))?;
        match upgrade(stream, &hello(client, nonce, &passed)) {
            Ok(answered) => return answered,
            // A daemon that is being ended still has its socket for a moment: the next one answers.
            Err(error) if tries < TRIES_MAX && is_cut(&error) => {}
            Err(error) => {
                let what = format!("the daemon did not answer the first request: {error}");
                return Err(render::refusal_words(&Refusal::Internal { what }));
            }
        }
    }
}

fn is_cut(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// Returns a connection, and the names of the variables that the config passes on.
fn reached(flags: &Flags) -> Result<(UnixStream, Vec<String>), Refusal> {
    let instance = Instance::find(flags)?;
    // What is wrong with it stands in the replies.
    let (mut passed, _) = variables(&instance)?;
    passed.extend(PASSED_ALWAYS.map(str::to_owned));
    Ok((reach(&instance)?, passed))
}

fn upgrade(mut stream: UnixStream, hello: &Hello) -> io::Result<Result<Opened, String>> {
    stream.set_read_timeout(Some(ANSWER_WAIT_MAX))?;
    stream.set_write_timeout(Some(ANSWER_WAIT_MAX))?;
    let hello = to_header(&serde_json::to_string(hello)?);
    let request = format!(
        "GET /mcp HTTP/1.1\r\nHost: cotty\r\nConnection: Upgrade\r\nUpgrade: {UPGRADE_MCP}\r\n{HEADER}: {hello}\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break String::from_utf8_lossy(&bytes.drain(..end + 4).collect::<Vec<_>>()).into_owned();
        }
        read_some(&mut stream, &mut bytes)?;
    };
    if status(&head) == Some(101) {
        stream.set_nonblocking(true)?;
        return Ok(Ok(Opened { stream, bytes }));
    }
    Ok(Err(refused(&mut stream, &head, bytes)?))
}

fn hello(client: &str, nonce: &str, passed: &[String]) -> Hello {
    let env: BTreeMap<_, _> = passed
        .iter()
        .filter_map(|it| Some((it.clone(), env::var(it).ok().filter(|it| is_expanded(it))?)))
        .collect();
    Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cwd: super::cwd(),
        client: client.to_owned(),
        nonce: nonce.to_owned(),
        env,
        terminal: None,
    }
}

/// Returns the words of an answer that is not the one hoped for.
fn refused(stream: &mut UnixStream, head: &str, mut body: Vec<u8>) -> io::Result<String> {
    let length = header(head, "content-length").and_then(|it| it.parse::<usize>().ok()).unwrap_or(0);
    while body.len() < length.min(ANSWER_BYTES_MAX) {
        read_some(stream, &mut body)?;
    }
    Ok(match serde_json::from_slice::<Failure>(&body) {
        Ok(Failure { kind, what, next }) => render::words::line(&format!("{kind}: {what}. {next}"), 2_000),
        Err(_) => render::refusal_words(&Refusal::VersionSkew {
            ours: env!("CARGO_PKG_VERSION").to_owned(),
            daemon: "of another version".to_owned(),
            why: format!("it answered {}", head.lines().next().unwrap_or("nothing")),
        }),
    })
}

fn read_some(stream: &mut UnixStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer)?;
    if count == 0 || bytes.len() > ANSWER_BYTES_MAX {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.extend_from_slice(&buffer[..count]);
    Ok(())
}

fn status(head: &str) -> Option<u16> {
    head.split(' ').nth(1)?.parse().ok()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|it| it.split_once(':'));
    fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}
