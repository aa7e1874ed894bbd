//! The daemon's log: one private file, started anew when it has grown, with what was said before beside it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cotty_core::refusal::Refusal;
use cotty_engine::veils;
use tracing_subscriber::EnvFilter;

use crate::instance::Instance;

/// The log, in the state directory.
const LOG: &str = "daemon.log";

/// A log of more bytes is set aside at the next start; the one set aside before it goes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Standard error, on which nobody's hidden identity is said. An event is written whole, in one piece.
struct Veiled;

impl io::Write for Veiled {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(event) {
            Ok(text) if veils::any() => io::stderr().write_all(veils::own(text).as_bytes())?,
            Ok(_) | Err(_) => io::stderr().write_all(event)?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

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
        .with_writer(|| Veiled)
        .try_init()
        .map_err(|error| Refusal::Internal { what: error.to_string() })
}

fn open(path: &Path) -> io::Result<File> {
    if path.symlink_metadata().is_ok_and(|it| it.len() > BYTES_MAX) {
        std::fs::rename(path, path.with_extension("log.old"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}
