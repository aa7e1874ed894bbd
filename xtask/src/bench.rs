//! `cargo xtask bench`: builds the binary as it is released and measures it against its floors.

use crate::run::{cargo, shown, target_folder};

/// Builds and measures; the table goes to standard output.
///
/// # Errors
/// Where something cannot be built, or a row is unknown or cannot be measured.
pub fn bench(rows: &[String]) -> Result<(), String> {
    shown(&mut cargo(&["build", "--release", "--package", "cotty"]))?;
    // The rows stand in testkit, which knows how to talk to the binary; xtask itself stays free of our crates,
    // so that it can tell what is wrong with them when they do not compile.
    let mut command =
        cargo(&["run", "--release", "--quiet", "--package", "cotty-testkit", "--example", "bench", "--"]);
    shown(command.args(rows).env("COTTY_BIN", target_folder()?.join("release/cotty")))
}
