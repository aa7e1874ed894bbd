//! `cargo xtask torture`: builds the binary and lets chance look for wrong answers.

use crate::run::{cargo, shown, target_folder};

/// Builds and runs; what it found, and the tally, go to the reader.
///
/// # Errors
/// Where something cannot be built, an argument is not understood, or an answer was wrong.
pub fn torture(arguments: &[String]) -> Result<(), String> {
    // A released binary looks for the keys of hosts in the account's home; in a debug build that may be one of a test.
    shown(&mut cargo(&["build", "--package", "cotty"]))?;
    let mut command = cargo(&["run", "--quiet", "--package", "cotty-testkit", "--example", "torture", "--"]);
    shown(command.args(arguments).env("COTTY_BIN", target_folder()?.join("debug/cotty")))
}
