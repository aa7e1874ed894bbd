//! MCP by HTTP: each request of a client is answered here, in either era.
//!
//! The protocol is the library's; ours is what it leaves open. What was begun with one credential nobody goes on with who
//! has another, and it ends with it. There are bounds to how much may be open.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use rmcp::transport::streamable_http_server::session::{SessionId, SessionManager};
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::lists::VERSION_STATELESS;

/// A body of more bytes is refused.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// So many connections that began with `initialize` one credential may have; the one unused for longest ends.
pub const TALKS_MAX: usize = 64;
/// One that is unused for so long ends. A terminal that waits for its person overnight is still there.
const IDLE_MAX: Duration = Duration::from_secs(24 * 3600);

/// The header that names a connection which began with `initialize`.
const TALK: &str = "mcp-session-id";
/// The header that names the version.
const VERSION: &str = "mcp-protocol-version";

/// What a request is answered with.
pub type Answer = Response<BoxBody<Bytes, Infallible>>;

/// By what a request was let in.
pub struct Pass {
    /// How it is named.
    pub credential: String,
    /// Ends with it.
    pub over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The connections of all who come by HTTP.
pub struct Talks<S> {
    make: Arc<dyn Fn() -> S + Send + Sync>,
    of: Arc<Mutex<BTreeMap<String, Own<S>>>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// What one credential has.
struct Own<S> {
    service: StreamableHttpService<S, LocalSessionManager>,
    talks: Arc<LocalSessionManager>,
    /// When each was last used.
    used: BTreeMap<SessionId, Instant>,
}

impl<S: ServerHandler> Talks<S> {
    /// Makes them. `make` makes who answers one connection; `stopping` ends all.
    pub fn new(
        make: impl Fn() -> S + Send + Sync + 'static,
        tasks: TaskTracker,
        stopping: CancellationToken,
    ) -> Self {
        Self { make: Arc::new(make), of: Arc::default(), tasks, stopping }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Bytes>, pass: Pass) -> Answer {
        if let Some(answer) = refused(&request) {
            return answer;
        }
        let credential = pass.credential.clone();
        let (service, talks) = self.own(pass);
        if let Some(id) = named(request.headers()) {
            self.touch(&credential, &id);
        }
        let ends = request.method() == Method::DELETE;
        let mut answer = service.handle(request.map(Full::new)).await;
        if ends && answer.status() == StatusCode::ACCEPTED {
            // It is done, and some clients take the other word for a failure.
            *answer.status_mut() = StatusCode::NO_CONTENT;
        }
        if let Some(id) = named(answer.headers()) {
            self.began(&credential, &talks, id).await;
        }
        answer
    }

    /// Finds what a credential has; made at its first request, and ended with it.
    fn own(&self, pass: Pass) -> (StreamableHttpService<S, LocalSessionManager>, Arc<LocalSessionManager>) {
        let mut all = self.all();
        if let Some(own) = all.get(&pass.credential) {
            return (own.service.clone(), own.talks.clone());
        }
        let make = self.make.clone();
        let talks = Arc::new(manager());
        let service = StreamableHttpService::new(move || Ok(make()), talks.clone(), self.config());
        let own = Own { service: service.clone(), talks: talks.clone(), used: BTreeMap::new() };
        all.insert(pass.credential.clone(), own);
        let (of, stopping, kept) = (self.of.clone(), self.stopping.clone(), talks.clone());
        self.tasks.spawn(async move {
            tokio::select! { () = pass.over => {}, () = stopping.cancelled() => {} }
            of.lock().unwrap_or_else(PoisonError::into_inner).remove(&pass.credential);
            let ids: Vec<SessionId> = kept.sessions.read().await.keys().cloned().collect();
            for id in ids {
                end(&kept, &id).await;
            }
        });
        (service, talks)
    }

    fn touch(&self, credential: &str, id: &SessionId) {
        if let Some(at) = self.all().get_mut(credential).and_then(|it| it.used.get_mut(id)) {
            *at = Instant::now();
        }
    }

    /// Notes a new connection, and makes room for it.
    async fn began(&self, credential: &str, talks: &LocalSessionManager, id: SessionId) {
        let living: Vec<SessionId> = talks.sessions.read().await.keys().cloned().collect();
        let mut too_many = Vec::new();
        if let Some(own) = self.all().get_mut(credential) {
            own.used.retain(|id, _| living.contains(id));
            own.used.insert(id, Instant::now());
            while own.used.len() > TALKS_MAX
                && let Some(oldest) = own.used.iter().min_by_key(|it| *it.1).map(|it| it.0.clone())
            {
                own.used.remove(&oldest);
                too_many.push(oldest);
            }
        }
        for id in too_many {
            end(talks, &id).await;
        }
    }

    /// Host and Origin are the guard's, which knows our names and has looked at both.
    fn config(&self) -> StreamableHttpServerConfig {
        StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            // An event without data, which some clients take for broken JSON: in both configs.
            .with_sse_retry(None)
            .with_max_request_body_bytes(BODY_BYTES_MAX)
            .with_cancellation_token(self.stopping.child_token())
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Own<S>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn manager() -> LocalSessionManager {
    let mut manager = LocalSessionManager::default();
    let mut config = SessionConfig::default();
    config.keep_alive = Some(IDLE_MAX);
    config.sse_retry = None;
    manager.session_config = config;
    manager
}

async fn end(talks: &LocalSessionManager, id: &SessionId) {
    if let Err(error) = talks.close_session(id).await {
        tracing::debug!(%error, "a connection of MCP had ended");
    }
}

fn named(headers: &HeaderMap) -> Option<SessionId> {
    headers.get(TALK).and_then(|it| it.to_str().ok()).map(Into::into)
}

/// Refuses what the library would answer less plainly.
fn refused(request: &Request<Bytes>) -> Option<Answer> {
    let is_batch = || request.body().iter().find(|it| !it.is_ascii_whitespace()) == Some(&b'[');
    if request.method() == Method::POST && is_batch() {
        return Some(wrong(StatusCode::BAD_REQUEST, "one JSON-RPC message a request: batches are not taken"));
    }
    let headers = request.headers();
    let is_stateless =
        headers.get(VERSION).and_then(|it| it.to_str().ok()).is_some_and(|it| it >= VERSION_STATELESS);
    // A client of the oldest transport begins with GET and waits for an address to post to.
    (request.method() == Method::GET && !headers.contains_key(TALK) && !is_stateless).then(|| {
        let why = "a connection begins with POST of initialize; the transport HTTP with SSE of 2024-11-05 is not spoken \
                   here: connect to this address as streamable HTTP";
        wrong(StatusCode::BAD_REQUEST, why)
    })
}

fn wrong(status: StatusCode, why: &str) -> Answer {
    let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": why}});
    let mut answer = Response::new(Full::new(Bytes::from(error.to_string())).boxed());
    *answer.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
