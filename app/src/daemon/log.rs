//! The daemon's log: one private file, started anew when it has grown, with what was said before beside it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cotty_core::refusal::Refusal;
use tracing_subscriber::EnvFilter;

use crate::instance::Instance;

/// The log, in the state directory.
const LOG: &str = "daemon.log";

/// A log of more bytes is set aside at the next start; the one set aside before it goes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Sends standard error and every event to the log; in the foreground events go to standard error as it is.
pub(super) fn begin(instance: &Instance, foreground: bool) -> Result<(), Refusal> {
    let path = instance.state.file(LOG);
    let failed = |error: io::Error| Refusal::Storage { why: format!("{}: {error}", path.display()) };
    if !foreground {
        rustix::stdio::dup2_stderr(&open(&path).map_err(failed)?).map_err(|error| failed(error.into()))?;
    }
    let wanted = std::env::var("COTTY_LOG").unwrap_or_else(|_| "info".to_owned());
    // rmcp logs whole messages, terminal output among them: nothing of that belongs into a log.
    let filter = EnvFilter::try_new(format!("{wanted},rmcp=error"))
        .unwrap_or_else(|_| EnvFilter::new("info,rmcp=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| Refusal::Internal { what: error.to_string() })
}

fn open(path: &Path) -> io::Result<File> {
    if path.symlink_metadata().is_ok_and(|it| it.len() > BYTES_MAX) {
        std::fs::rename(path, path.with_extension("log.old"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}
