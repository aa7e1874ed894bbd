//! What a daemon that was killed left behind: an ssh that holds a connection for nobody.

use std::time::Duration;

use tokio::time::timeout;

use super::master::FOLDER;
use super::talk::Talk;
use crate::state_dir::StateDir;

/// So many are looked at; each has its connection, and no daemon has more.
const LEFT_MAX: usize = 256;

/// One that hangs is left to itself.
const LIMIT: Duration = Duration::from_secs(1);

/// Ends what an earlier daemon left. Only whoever holds the lock of the living daemon may call it.
pub async fn sweep(state: &StateDir) {
    let Ok(entries) = std::fs::read_dir(state.file(FOLDER)) else { return };
    for entry in entries.flatten().take(LEFT_MAX) {
        let path = entry.path();
        if path.extension().is_none() {
            let told = async { Talk::with(&path).await?.terminate().await };
            if timeout(LIMIT, told).await.is_ok_and(|it| it.is_ok()) {
                tracing::info!(socket = %path.display(), "an ssh that an earlier daemon left was ended");
            }
        }
        std::fs::remove_file(&path).ok();
    }
}
