//! `cargo xtask torture`: builds the binary as it is released and lets chance look for wrong answers.

use crate::run::{cargo, shown, target_folder};

/// Builds and runs; what it found, and the tally, go to the reader.
///
/// # Errors
/// Where something cannot be built, an argument is not understood, or an answer was wrong.
pub fn torture(arguments: &[String]) -> Result<(), String> {
    shown(&mut cargo(&["build", "--release", "--package", "cotty"]))?;
    let mut command =
        cargo(&["run", "--release", "--quiet", "--package", "cotty-testkit", "--example", "torture", "--"]);
    shown(command.args(arguments).env("COTTY_BIN", target_folder()?.join("release/cotty")))
}
