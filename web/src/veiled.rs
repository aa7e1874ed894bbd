//! Documents as they may leave where a host's identity is hidden. What programs printed leaves as it is: people see that in
//! their terminals.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use cotty_engine::veils;
use serde_json::Value;

/// What answers with the words of programs; MCP looks after its own.
const OUTPUT: [&str; 8] = [
    "/mcp",
    "/api/v1/run",
    "/api/v1/wait",
    "/api/v1/send",
    "/api/v1/read",
    "/api/v1/journal",
    "/api/v1/screen",
    "/api/v1/history",
];

/// No document of our own words is longer.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Replaces what is hidden in a document of our own words.
pub(crate) async fn veiled(request: Request, next: Next) -> Response {
    let is_output = OUTPUT.contains(&request.uri().path());
    let response = next.run(request).await;
    let is_json =
        response.headers().get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"application/json"));
    if !veils::any() || !is_json || (is_output && response.status() == StatusCode::OK) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let read = to_bytes(body, BYTES_MAX).await.ok();
    let said = read.and_then(|it| serde_json::from_slice::<Value>(&it).ok()).map(strings);
    let Some(json) = said.and_then(|it| serde_json::to_vec(&it).ok()) else {
        // Nothing is said rather than too much.
        parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        return Response::from_parts(parts, Body::empty());
    };
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(json.len()));
    Response::from_parts(parts, Body::from(json))
}

/// The same in a message on a socket.
pub(crate) fn message(json: String) -> String {
    if !veils::any() {
        return json;
    }
    let said = serde_json::from_str::<Value>(&json).map(strings);
    said.map_or_else(|_| "{}".to_owned(), |it| it.to_string())
}

fn strings(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(veils::own(&text).into_owned()),
        Value::Array(list) => list.into_iter().map(strings).collect(),
        Value::Object(map) => map.into_iter().map(|(key, it)| (key, strings(it))).collect(),
        other => other,
    }
}
