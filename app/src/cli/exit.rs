//! Exit codes, and how a failure is told.

use std::io::Write;
use std::process::ExitCode;

use cotty_wire::api::{Failed, Failure};

/// The arguments are wrong.
pub(crate) const USAGE: u8 = 64;
/// Refused or failed, for any reason that has no code of its own.
pub(crate) const FAILED: u8 = 65;
/// The daemon could not be reached or started.
pub(crate) const UNREACHABLE: u8 = 69;
/// Busy: the same again later may succeed.
pub(crate) const TRY_AGAIN: u8 = 75;
/// Only a person may do this.
pub(crate) const NOT_ALLOWED: u8 = 77;
/// The config or the environment is wrong.
pub(crate) const CONFIG: u8 = 78;
/// The command still runs, or waits for input.
pub(crate) const STILL_RUNNING: u8 = 124;

/// Shown at the end of `cotty --help`.
pub(crate) const HELP: &str = "\
Exit codes: 0 done; `run` gives the command's own. 64 wrong arguments, 65 refused or failed, 69 no daemon, \
75 busy (try again), 77 a person's to do, 78 wrong config or environment, 124 the command still runs or needs input.";

/// Tells a failure on standard error, and as a document on standard output where documents are wanted.
pub(crate) fn tell(failure: &Failure, json: bool) -> ExitCode {
    let mut stderr = std::io::stderr();
    if json {
        let document = serde_json::to_string(&Failed { failure: failure.clone() }).unwrap_or_default();
        drop(writeln!(std::io::stdout(), "{document}"));
    } else {
        drop(writeln!(stderr, "cotty: {}\n{}", failure.what, next(failure)));
    }
    ExitCode::from(code(&failure.kind))
}

/// Returns what a person does next: the daemon's advice names tools, which are an agent's.
fn next(failure: &Failure) -> &str {
    match failure.kind.as_str() {
        "session-not-found" => "cotty ls lists what there is; cotty up NAME opens one",
        "ambiguous-session" => "Name one of them; cotty ls lists them",
        "busy" => "cotty ls --runs shows what runs; cotty close HANDLE ends it; cotty attach NAME joins it",
        "not-found" => "cotty ls --runs lists the commands",
        "shell-exited" | "lost" => {
            "cotty up NAME opens a new shell; cotty read NAME still reads the old output"
        }
        "terminal-state" => "cotty read NAME --view screen shows what is there; cotty attach NAME joins it",
        "conflict" if !failure.next.contains("cotty") => "Choose another name, or close that session first",
        "limit" => "Close some first (cotty ls, cotty close), or send less",
        _ => &failure.next,
    }
}

/// Returns the exit code of a kind of failure.
pub(crate) fn code(kind: &str) -> u8 {
    match kind {
        "invalid-argument" => USAGE,
        "connection-failure" | "internal" | "storage" => UNREACHABLE,
        "busy" | "input-locked" | "limit" => TRY_AGAIN,
        "policy-blocked" => NOT_ALLOWED,
        "config-error" | "environment-missing" => CONFIG,
        _ => FAILED,
    }
}
