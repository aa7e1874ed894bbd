//! The command line's side of the daemon's socket: requests with a hello, and their answers.

use std::collections::BTreeMap;

use cotty_core::refusal::Refusal;
use cotty_wire::address::escaped;
use cotty_wire::api::{Failed, Failure, Query};
use cotty_wire::hello::{self, Hello, PROTOCOL, Terminal};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::config::environment::is_expanded;
use crate::daemon::reach::{connect, reach};
use crate::instance::Instance;

/// No answer is longer than this: a run's text has 8 Mi characters at most.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A daemon that ends in the middle is asked again; one that ends again and again is not.
const TRIES_MAX: u32 = 4;
/// The kind of a failure where no answer came.
const UNANSWERED: &str = "connection-failure";

/// Speaks with the daemon of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Whose daemon.
    pub(crate) instance: Instance,
    hello: String,
}

impl Client {
    /// Makes a client that says this name. Nothing is connected yet.
    pub(crate) fn new(instance: Instance, name: &str, passed: &[String]) -> Result<Self, Failure> {
        let wanted = passed.iter().map(String::as_str).chain(["SSH_AUTH_SOCK"]);
        let env = wanted
            .filter_map(|it| Some((it.to_owned(), std::env::var(it).ok().filter(|it| is_expanded(it))?)));
        let hello = Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cwd: std::env::current_dir().ok().and_then(|it| it.into_os_string().into_string().ok()),
            client: name.to_owned(),
            nonce: String::new(),
            env: env.collect::<BTreeMap<_, _>>(),
            terminal: terminal(),
        };
        let json = serde_json::to_string(&hello).map_err(|error| internal(&error.to_string()))?;
        Ok(Self { instance, hello: hello::to_header(&json) })
    }

    /// Returns the encoded hello.
    pub(crate) fn hello(&self) -> &str {
        &self.hello
    }

    /// Connects, and starts the daemon where none runs.
    pub(crate) async fn stream(&self) -> Result<UnixStream, Failure> {
        let instance = self.instance.clone();
        let reached = tokio::task::spawn_blocking(move || reach(&instance)).await;
        let stream = reached.map_err(|error| internal(&error.to_string()))?.map_err(unreachable_daemon)?;
        to_async(stream)
    }

    /// Asks for a document.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &Query) -> Result<T, Failure> {
        let path = format!("/api/v1/{path}{}", query_string(query));
        self.ask_until_answered(Method::GET, &path, Bytes::new()).await
    }

    /// Gives an order.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        order: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(order).map_err(|error| internal(&error.to_string()))?;
        self.ask_until_answered(Method::POST, &format!("/api/v1/{path}"), body.into()).await
    }

    /// Gives an order to a daemon that runs; nothing where none does.
    pub(crate) async fn post_if_there<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        let Some(stream) = connect(&self.instance).map_err(unreachable_daemon)? else { return Ok(None) };
        let body = Bytes::from_static(b"{}");
        self.ask(to_async(stream)?, Method::POST, &format!("/api/v1/{path}"), body).await.map(Some)
    }

    /// Asks, and asks the next daemon where one ended before it answered. What must not happen twice carries
    /// a key, and everything else does no harm twice.
    async fn ask_until_answered<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, Failure> {
        let mut tries = 1;
        loop {
            let answer = self.ask(self.stream().await?, method.clone(), path, body.clone()).await;
            match answer {
                Err(failure) if failure.kind == UNANSWERED && tries < TRIES_MAX => tries += 1,
                answer => return answer,
            }
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        stream: UnixStream,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", "cotty")
            .header("Content-Type", "application/json")
            .header(hello::HEADER, &self.hello)
            .body(Full::new(body))
            .map_err(|error| internal(&error.to_string()))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|it| cut(&it))?;
        let conversation = async move {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let limited = http_body_util::Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
            Ok::<_, hyper::Error>((status, limited.collect().await))
        };
        // The connection is driven beside the question, and ends with it: whatever is wrong with it, the question knows.
        let (answered, _) = tokio::join!(conversation, connection);
        let (status, body) = answered.map_err(|it| cut(&it))?;
        let bytes = body.map_err(|error| lost(&error.to_string()))?.to_bytes();
        if status == StatusCode::OK {
            return serde_json::from_slice(&bytes).map_err(|error| newer(&error.to_string()));
        }
        let failed: Failed =
            serde_json::from_slice(&bytes).map_err(|_| newer(&format!("it answered {status}")))?;
        Err(failed.failure)
    }
}

/// Draws a key for an order that must not be carried out twice.
pub(crate) fn key() -> String {
    let mut bytes = [0; 16];
    // Without random bytes the key is none of ours alone: the order is then given once and not again.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..4].copy_from_slice(&std::process::id().to_le_bytes());
    }
    format!("cli:{}", bytes.iter().map(|it| format!("{it:02x}")).collect::<String>())
}

fn to_async(stream: std::os::unix::net::UnixStream) -> Result<UnixStream, Failure> {
    stream
        .set_nonblocking(true)
        .and_then(|()| UnixStream::from_std(stream))
        .map_err(|it| internal(&it.to_string()))
}

fn terminal() -> Option<Terminal> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdin()).ok()?;
    let tty = rustix::termios::ttyname(rustix::stdio::stdin(), Vec::new()).ok();
    Some(Terminal { tty: tty.and_then(|it| it.into_string().ok()), cols: size.ws_col, rows: size.ws_row })
}

fn query_string(query: &Query) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(query) else { return String::new() };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value.as_str().unwrap_or(&value.to_string()))))
        .collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// Makes a failure of what was refused before the daemon was asked.
pub(crate) fn unreachable_daemon(refusal: Refusal) -> Failure {
    Failure::from(&refusal)
}

/// Makes a failure of a defect.
pub(crate) fn internal(what: &str) -> Failure {
    Failure::from(&Refusal::Internal { what: what.to_owned() })
}

fn cut(error: &hyper::Error) -> Failure {
    lost(&error.to_string())
}

fn lost(why: &str) -> Failure {
    Failure {
        kind: UNANSWERED.to_owned(),
        what: format!("the daemon did not answer: {why}"),
        next: "Look before you repeat it: cotty ls; the daemon's log tells more: cotty status".to_owned(),
    }
}

fn newer(why: &str) -> Failure {
    Failure::from(&Refusal::VersionSkew {
        ours: env!("CARGO_PKG_VERSION").to_owned(),
        daemon: "another version".to_owned(),
        why: why.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_holds_what_was_asked_whatever_it_is() {
        let query = Query { session: Some("a&b=ä %".to_owned()), limit: Some(3), ..Query::default() };
        assert_eq!(query_string(&query), "?limit=3&session=a%26b%3D%C3%A4%20%25");
        assert_eq!(query_string(&Query::default()), "");
    }
}
