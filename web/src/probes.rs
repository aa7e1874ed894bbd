//! What watches a daemon asks: whether it lives, and whether it can work. Neither says a version or a name.

use axum::extract::State;
use axum::http::StatusCode;

use crate::served::Served;

/// It answers, so it lives.
pub(crate) async fn alive() -> &'static str {
    "alive\n"
}

/// It can take work until it ends.
pub(crate) async fn ready(State(served): State<Served>) -> (StatusCode, &'static str) {
    if served.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "ending\n");
    }
    (StatusCode::OK, "ready\n")
}
