//! Saying that a test could not run, and why. `cargo xtask test` lists what is said here.

use std::fs::OpenOptions;
use std::io::Write;

/// The variable that names the file in which tests report that they could not run.
pub const NOT_RUN_FILE: &str = "COTTY_NOT_RUN";

/// Reports that `test` did not run here, and why: a program is missing, or a right.
///
/// The test then returns. It counts as passed for the runner, so `cargo xtask test --strict` fails
/// when anything at all was reported.
pub fn not_run(test: &str, reason: &str) {
    eprintln!("not run: {test}: {reason}");
    let Some(path) = std::env::var_os(NOT_RUN_FILE) else { return };
    let mut file =
        OpenOptions::new().create(true).append(true).open(path).expect("the list of tests not run");
    // One write: tests of several processes append to the same file.
    file.write_all(format!("{test}: {}\n", reason.replace('\n', " ")).as_bytes()).expect("appending to it");
}

/// Tells whether `program` stands on the PATH; if not, reports that `test` did not run.
///
/// Meant for `if !have("zsh", "zsh_tells_its_exit_code") { return; }`.
#[must_use]
pub fn have(program: &str, test: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        not_run(test, &format!("{program} is not installed"));
    }
    found
}
