//! `cotty hold`: the process that keeps shells alive, as the daemon starts it.

use std::ffi::OsString;
use std::process::ExitCode;

use cotty_host::holder::isolated::{ISOLATED, serve::run as serve_one};
use cotty_host::holder::server::{Manners, run as serve};
use cotty_host::state_dir::StateDir;

/// Holds the terminals of the state directory that is named, or one isolated command, until there is nothing left to hold.
#[must_use]
pub fn run(arguments: &[OsString]) -> ExitCode {
    let [path] = arguments else { return ExitCode::from(64) };
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    if path == ISOLATED {
        return if serve_one().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    // Nobody listens to a holder: the daemon learns of a failure by not reaching it.
    match StateDir::open(path).map(|state| serve(&state, Manners::default())) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(_)) | Err(_) => ExitCode::FAILURE,
    }
}
