//! The account that this process runs under, as the system knows it: not what the environment says.

use std::io;
use std::path::PathBuf;

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// The home directory.
    pub home: PathBuf,
    /// The login shell.
    pub shell: PathBuf,
}

impl Account {
    /// Returns the account of this process.
    ///
    /// # Errors
    ///
    /// Fails where the system has no such user, as in a container with a number for a user.
    pub fn of_this_user() -> io::Result<Self> {
        let uid = nix::unistd::getuid();
        let user = nix::unistd::User::from_uid(uid)?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("user {uid} has no entry in the user database"))
        })?;
        let shell = if user.shell.as_os_str().is_empty() { PathBuf::from("/bin/sh") } else { user.shell };
        Ok(Self { name: user.name, home: user.dir, shell })
    }
}
