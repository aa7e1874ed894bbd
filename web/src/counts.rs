//! What is counted from the daemon's start on: requests, by listener and outcome, and those that were shut out, by reason.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::http::StatusCode;

use crate::listener::Listener;

/// The outcomes, as they are told: the hundreds of the status.
pub(crate) const OUTCOMES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Why somebody was shut out.
pub(crate) const REASONS: [&str; 7] =
    ["host", "foreign", "service_worker", "content_type", "no_credential", "wrong_credential", "role"];

/// The counts.
#[derive(Debug, Default)]
pub struct Counts {
    unix: [AtomicU64; OUTCOMES.len()],
    tcp: [AtomicU64; OUTCOMES.len()],
    shut: [AtomicU64; REASONS.len()],
}

impl Counts {
    /// Counts an answer.
    pub(crate) fn answered(&self, listener: Listener, status: StatusCode) {
        let at = usize::from(status.as_u16() / 100).clamp(1, OUTCOMES.len()) - 1;
        self.of(listener)[at].fetch_add(1, Relaxed);
    }

    /// Counts somebody who was shut out; `reason` is an index of [`REASONS`].
    pub(crate) fn shut(&self, reason: usize) {
        if let Some(count) = self.shut.get(reason) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Returns how many answers of each outcome a listener gave.
    pub(crate) fn answers(&self, listener: Listener) -> impl Iterator<Item = (&'static str, u64)> {
        OUTCOMES.into_iter().zip(self.of(listener).iter().map(|it| it.load(Relaxed)))
    }

    /// Returns how many were shut out for each reason.
    pub(crate) fn shuts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.into_iter().zip(self.shut.iter().map(|it| it.load(Relaxed)))
    }

    fn of(&self, listener: Listener) -> &[AtomicU64; OUTCOMES.len()] {
        match listener {
            Listener::Unix => &self.unix,
            Listener::Tcp => &self.tcp,
        }
    }
}
