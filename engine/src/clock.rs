//! The engine's one clock: tokio's, so that a test can hold it still.

use std::time::{Duration, Instant};

/// Returns the present moment.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns how long ago a moment was.
pub(crate) fn since(then: Instant) -> Duration {
    now().saturating_duration_since(then)
}
