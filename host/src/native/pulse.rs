//! Whether a connection still answers: asked in between, so that a silence is said long before it is an end.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use crate::native::connect::Connection;

/// An answer that takes longer is late.
const LATE: Duration = Duration::from_secs(2);

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

    fn tell(&self, silent: Option<Instant>) {
        self.0.send_if_modified(|told| std::mem::replace(told, silent) != silent);
    }
}

/// Asks for a sign of life again and again, for as long as the connection is held by anybody.
pub(super) fn listen(connection: &Arc<Connection>, pause: Duration) {
    let connection = Arc::downgrade(connection);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(pause).await;
            let Some(connection) = living(&connection) else { return };
            let asked = Instant::now();
            let mut answer = std::pin::pin!(connection.ping());
            if timeout(LATE, &mut answer).await.is_err() {
                connection.beat().tell(Some(asked));
                answer.await;
                connection.beat().tell(None);
            }
        }
    });
}

fn living(connection: &Weak<Connection>) -> Option<Arc<Connection>> {
    connection.upgrade().filter(|it| !it.is_closed())
}
