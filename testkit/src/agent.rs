//! An ssh-agent of a test's own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::sshd::Sshd;
use crate::wait::until;

/// An agent that ends with this value.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    /// Starts one, with its socket beside a server's own files: `agent`.
    ///
    /// # Panics
    /// Panics where ssh-agent does not start.
    #[must_use]
    pub fn start(sshd: &Sshd) -> Self {
        let socket = sshd.file("agent");
        let mut command = Command::new("ssh-agent");
        let child = command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn();
        let agent = Self { child: child.expect("ssh-agent"), socket };
        until("the agent listens", || agent.socket.exists().then_some(()));
        agent
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Gives it a key that needs no passphrase.
    ///
    /// # Panics
    /// Panics where it does not take it.
    pub fn add(&self, key: &Path) {
        let mut command = Command::new("ssh-add");
        command.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).stderr(Stdio::null());
        assert!(command.status().expect("ssh-add").success(), "{}", key.display());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
