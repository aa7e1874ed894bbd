//! A program without a terminal, in a process group of its own: standard input is ours, the other streams are as we have them.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::local::pty::{self, Spawn, SpawnError};

/// Starts a program. The caller reaps it.
///
/// # Errors
///
/// Says what is not there or may not be executed.
pub fn spawn(spawn: &Spawn) -> Result<Child, SpawnError> {
    let program = spawn.argv.first().ok_or(SpawnError::NoProgram)?;
    pty::examine_directory(spawn)?;
    let mut command = Command::new(program);
    command.args(&spawn.argv[1..]).current_dir(&spawn.cwd).env_clear();
    command.envs(spawn.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::inherit()).stderr(Stdio::inherit()).process_group(0);
    pty::set_up_plain_child(&mut command);
    let failed = |source| SpawnError::Program { program: program.to_string_lossy().into_owned(), source };
    let child = command.spawn().map_err(failed)?;
    if let Some(stdin) = &child.stdin {
        // A program that does not read must not hold up who writes.
        rustix::io::ioctl_fionbio(stdin, true).map_err(|error| failed(error.into()))?;
    }
    Ok(child)
}
