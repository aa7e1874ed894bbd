//! Answers: a document, or a refusal with the HTTP status of its kind. And orders, read with the same refusals.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use cotty_core::refusal::{FailureKind, Refusal};
use cotty_wire::api;
use cotty_wire::hello::Hello;
use serde::de::DeserializeOwned;

/// A body of more bytes than this is refused unread.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A body that is not there after this long is not waited for.
const BODY_WAIT_MAX: Duration = Duration::from_secs(30);

/// A document, or why there is none.
pub(crate) type Answer<T> = Result<Json<T>, Refused>;

/// A refusal on its way out.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let failed = api::Failed { failure: api::Failure::from(&self.0) };
        (status(self.0.kind()), Json(failed)).into_response()
    }
}

fn status(kind: FailureKind) -> StatusCode {
    match kind {
        FailureKind::InvalidArgument => StatusCode::BAD_REQUEST,
        FailureKind::PolicyBlocked
        | FailureKind::ApprovalNeeded
        | FailureKind::SecretNeeded
        | FailureKind::AuthFailure
        | FailureKind::HostKey => StatusCode::FORBIDDEN,
        FailureKind::SessionNotFound | FailureKind::NotFound => StatusCode::NOT_FOUND,
        FailureKind::Busy
        | FailureKind::InputLocked
        | FailureKind::TerminalState
        | FailureKind::Conflict
        | FailureKind::AmbiguousSession
        | FailureKind::ShellExited => StatusCode::CONFLICT,
        FailureKind::Lost => StatusCode::GONE,
        FailureKind::Limit => StatusCode::PAYLOAD_TOO_LARGE,
        FailureKind::RemoteRefused | FailureKind::ConnectionFailure => StatusCode::BAD_GATEWAY,
        FailureKind::ViewerUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        FailureKind::Storage => StatusCode::INSUFFICIENT_STORAGE,
        FailureKind::ConfigError | FailureKind::EnvironmentMissing | FailureKind::Internal => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// The body of a request, read as one order.
#[derive(Debug)]
pub(crate) struct Order<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Order<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let caller = request.extensions().get::<Hello>().cloned();
        let bytes = whole(request.into_body()).await?;
        let read = serde_json::from_slice(&bytes);
        read.map(Self).map_err(|error| not_understood(caller.as_ref(), "body", error.to_string()).into())
    }
}

/// Reads a body to its end, as far as it has one.
pub(crate) async fn whole(body: Body) -> Result<Bytes, Refusal> {
    let read = async {
        to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| match error.to_string() {
            why if why.contains("length limit") => {
                Refusal::TooLong { what: "body", bytes: BODY_BYTES_MAX + 1, bytes_max: BODY_BYTES_MAX }
            }
            why => Refusal::InvalidArgument { what: "body", why },
        })
    };
    in_time(read).await
}

/// Waits for a body as long as for any.
pub(crate) async fn in_time<T>(read: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let late = || format!("it was not there after {} s", BODY_WAIT_MAX.as_secs());
    let read = tokio::time::timeout(BODY_WAIT_MAX, read).await;
    read.unwrap_or_else(|_| Err(Refusal::InvalidArgument { what: "body", why: late() }))
}

/// The query of a request.
#[derive(Debug)]
pub(crate) struct Asked(pub(crate) api::Query);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = Query::<api::Query>::from_request_parts(parts, state).await;
        let caller = parts.extensions.get::<Hello>();
        read.map(|it| Self(it.0)).map_err(|error| not_understood(caller, "query", error.to_string()).into())
    }
}

/// Refuses what is not known here: a newer caller's word is no fault of its user's.
pub(crate) fn not_understood(caller: Option<&Hello>, what: &'static str, why: String) -> Refusal {
    let daemon = env!("CARGO_PKG_VERSION");
    match caller {
        Some(hello) if hello.version != daemon => {
            Refusal::VersionSkew { ours: hello.version.clone(), daemon: daemon.to_owned(), why }
        }
        _ => Refusal::InvalidArgument { what, why },
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_in_the_middle_is_not_waited_for() {
        let half = || stream::iter([Ok::<_, std::io::Error>("{\"co")]).chain(stream::pending());
        let request = Request::new(Body::from_stream(half()));
        let refused = Order::<api::LogoutOrder>::from_request(request, &()).await.unwrap_err();
        assert!(refused.0.to_string().contains("not there after 30 s"), "{refused:?}");
        let late = in_time(std::future::pending::<Result<(), _>>()).await.unwrap_err();
        assert!(late.to_string().contains("not there after 30 s"), "{late}");
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_or_was_cut_off_is_refused_as_what_it_is() {
        let long = whole(Body::from(vec![b'x'; BODY_BYTES_MAX + 1])).await.unwrap_err();
        assert!(matches!(long, Refusal::TooLong { .. }), "{long}");
        let cut = stream::iter([Ok("{"), Err(std::io::Error::other("it was cut off"))]);
        let cut = whole(Body::from_stream(cut)).await.unwrap_err();
        assert!(cut.to_string().contains("cut off"), "{cut}");
    }
}
