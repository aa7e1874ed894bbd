//! Whether a connection still answers: asked in between, so that a silence is said long before it is an end.

use std::time::Instant;

use tokio::sync::watch;

/// Tells since when a connection gives no sign of life. Cheap to clone, and keeps nothing alive.
#[derive(Clone, Debug)]
pub struct Pulse {
    silent: watch::Receiver<Option<Instant>>,
}

/// Where it is told.
#[derive(Debug)]
pub(super) struct Beat(watch::Sender<Option<Instant>>);

impl Pulse {
    /// Returns since when an answer is due that has not come; nothing while all is well.
    pub fn silent_since(&self) -> Option<Instant> {
        *self.silent.borrow()
    }

    /// Waits until that changes; for ever once the connection is gone, whose end is told elsewhere. Cancel-safe.
    pub async fn changed(&mut self) {
        if self.silent.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Default for Beat {
    fn default() -> Self {
        Self(watch::channel(None).0)
    }
}

impl Beat {
    /// Returns the side that listens.
    pub(super) fn pulse(&self) -> Pulse {
        Pulse { silent: self.0.subscribe() }
    }

    pub(super) fn tell(&self, silent: Option<Instant>) {
        self.0.send_if_modified(|told| std::mem::replace(told, silent) != silent);
    }
}
