//! Agents: a shim gets a stream of MCP lines, a program that comes by HTTP an answer for each request.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use cotty_core::names::Role;
use cotty_core::refusal::Refusal;
use cotty_engine::report::Caller;
use cotty_wire::api;
use cotty_wire::hello::{Hello, UPGRADE_MCP};
use futures_util::StreamExt;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;

use crate::answer::{Refused, whole};
use crate::guard::Admitted;
use crate::house::{AgentAsks, Work};
use crate::logins::CALLS_MAX;
use crate::served::Served;

/// Turns a request into the stream of an agent's MCP lines.
pub(crate) async fn by_shim(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    Extension(hello): Extension<Hello>,
    request: Request,
) -> Result<Response, Refused> {
    let (mut parts, _) = request.into_parts();
    let wanted = parts.headers.get(header::UPGRADE).is_some_and(|it| it.as_bytes() == UPGRADE_MCP.as_bytes());
    let upgrade = parts.extensions.remove::<OnUpgrade>().filter(|_| wanted).ok_or_else(|| {
        Refusal::InvalidArgument { what: "upgrade", why: format!("this path only upgrades to {UPGRADE_MCP}") }
    })?;
    let caller = agent(caller);
    let stopping = served.stopping.clone();
    served.tasks.clone().spawn(async move {
        let Ok(stream) = upgrade.await else { return };
        let work = served.house.serve_agent(Box::new(TokioIo::new(stream)), caller, hello.nonce);
        // Dropped in the middle, a call leaves its record: the shim asks the next daemon again with the same key.
        tokio::select! { () = work => {}, () = stopping.cancelled() => {} }
    });
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, UPGRADE_MCP)
        .body(Body::empty());
    answer.map_err(|error| Refusal::Internal { what: error.to_string() }.into())
}

/// Answers one request of MCP by HTTP. A stream that it opens ends with the credential.
pub(crate) async fn by_http(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    Extension(admitted): Extension<Admitted>,
    request: Request,
) -> Response {
    let place = match admitted.call() {
        Some(place) => place,
        None => return too_many(),
    };
    let (mut parts, body) = request.into_parts();
    let bytes = match whole(body).await {
        Ok(bytes) => bytes,
        Err(refusal) => return Refused(refusal).into_response(),
    };
    parts.extensions.insert(agent(caller));
    let credential = admitted.credential.as_ref().map(|it| it.id.clone()).unwrap_or_default();
    let request = Request::from_parts(parts, bytes);
    let asks = AgentAsks { request, credential, over: over(&admitted, &served) };
    let mut response = served.house.answer_agent(asks).await;
    // What the protocol's library says of caches is less than what holds here.
    response.headers_mut().remove(header::CACHE_CONTROL);
    if is_stream(response.headers()) { bounded(response, over(&admitted, &served), place) } else { response }
}

/// Tells a client of the transport that is no longer spoken which one is.
pub(crate) async fn by_old_transport() -> Response {
    let failure = api::Failure {
        kind: "invalid-argument".to_owned(),
        what: "the transport HTTP with SSE of MCP 2024-11-05 is not spoken here".to_owned(),
        next: "Connect to /mcp at this address as streamable HTTP (\"type\": \"http\")".to_owned(),
    };
    (StatusCode::GONE, Json(api::Failed { failure })).into_response()
}

/// Whoever speaks MCP is an agent, wherever it runs and whoever gave it a token.
fn agent(mut caller: Caller) -> Caller {
    if caller.principal.role != Role::Agent {
        caller.principal.role = Role::Agent;
        caller.because = format!("it speaks MCP; {}", caller.because);
    }
    caller
}

fn over(admitted: &Admitted, served: &Served) -> Work {
    let (admitted, served) = (admitted.clone(), served.clone());
    Box::pin(async move { admitted.over(&served).await })
}

fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream"))
}

/// Ends a stream at that moment at the latest; until then it has its place.
fn bounded(response: Response, over: Work, place: Option<OwnedSemaphorePermit>) -> Response {
    response.map(|body| {
        let stream = body.into_data_stream().take_until(over);
        Body::from_stream(stream.map(move |piece| {
            let _held = &place;
            piece
        }))
    })
}

fn too_many() -> Response {
    let failure = api::Failure {
        kind: "limit".to_owned(),
        what: format!("{CALLS_MAX} requests of this token are under way, and no more are taken"),
        next: "Wait until some are answered, or give each program a token of its own".to_owned(),
    };
    (StatusCode::TOO_MANY_REQUESTS, Json(api::Failed { failure })).into_response()
}
