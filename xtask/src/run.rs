//! Starting other programs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::tree;

/// Cargo, at the root of the workspace.
#[must_use]
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.args(arguments).current_dir(tree::root());
    command
}

/// Runs a command that prints for the reader.
///
/// # Errors
/// Says which command failed and how.
pub fn shown(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{}: {error}", name(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", name(command))) }
}

/// Runs a command in silence and returns what it printed.
///
/// # Errors
/// Says which command failed, with what it printed.
pub fn quiet(command: &mut Command) -> Result<Output, String> {
    let output = command
        .env("CARGO_TERM_COLOR", "never")
        .output()
        .map_err(|error| format!("{}: {error}", name(command)))?;
    if output.status.success() {
        return Ok(output);
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{} failed ({})\n{}{}", name(command), output.status, out, err.trim_end()))
}

/// Where cargo builds.
///
/// # Errors
/// Where cargo cannot tell.
pub fn target_folder() -> Result<PathBuf, String> {
    let output = quiet(&mut cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    Ok(metadata["target_directory"].as_str().map_or_else(|| tree::root().join("target"), PathBuf::from))
}

/// Whether a program stands on the PATH.
#[must_use]
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The command as one would type it.
fn name(command: &Command) -> String {
    let program =
        std::path::Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let arguments = command.get_args().map(|it| it.to_string_lossy());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
