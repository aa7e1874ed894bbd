//! One look at a terminal and its processes, through what the kernel shows.

use cotty_core::facts::Facts;
use rustix::process::Pid;

use crate::holder::frame::Process;
use crate::local::pty::Pty;

/// The variable that a session's processes carry: it finds those that left the shell's tree.
pub const SESSION_VARIABLE: &str = "COTTY_SESSION";

/// Which files of the kernel are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eyes {
    /// All of them.
    #[default]
    Open,
    /// Never `/proc/PID/syscall`, as where Yama refuses it. For tests.
    WithoutSyscall,
}

impl Eyes {
    /// Returns what the environment asks for: in debug builds `COTTY_TEST_NO_SYSCALL=1` closes an eye.
    pub fn from_environment() -> Self {
        let closed =
            cfg!(debug_assertions) && std::env::var_os("COTTY_TEST_NO_SYSCALL").is_some_and(|it| it == "1");
        if closed { Self::WithoutSyscall } else { Self::Open }
    }
}

/// Where one looks.
pub(super) struct Look<'terminal> {
    pty: &'terminal Pty,
    id: &'terminal str,
    shells: Vec<Pid>,
    eyes: Eyes,
}

impl<'terminal> Look<'terminal> {
    /// Looks at a terminal of the session `id`, in a holder with these shells.
    pub(super) fn new(pty: &'terminal Pty, id: &'terminal str, shells: Vec<Pid>, eyes: Eyes) -> Self {
        Self { pty, id, shells, eyes }
    }

    /// Returns the facts.
    pub(super) fn facts(&self) -> Facts {
        Facts::default()
    }

    /// Returns every process of the session.
    pub(super) fn processes(&self) -> Vec<Process> {
        let _ = (self.id, &self.shells, self.eyes, self.pty);
        Vec::new()
    }
}
