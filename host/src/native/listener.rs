//! Listens for signs of life of one connection.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::native::connect::Connection;

/// An answer that takes longer is late.
const LATE: Duration = Duration::from_secs(2);

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
