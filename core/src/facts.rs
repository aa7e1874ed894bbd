//! What the kernel says about a terminal at one moment. Filled by whoever is near it; judged by `probe`.

/// One look at a terminal, its shell and the processes in its foreground.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The session's shell.
    pub shell: Program,
    /// The foreground process group of the terminal; 0 if there is none.
    pub foreground: u32,
    /// The terminal shows what is typed (`ECHO`).
    pub echo: bool,
    /// The terminal gives whole lines (`ICANON`).
    pub canonical: bool,
    /// Every live member of the foreground group.
    pub members: Vec<Member>,
    /// What stands behind a member that holds a terminal of its own (`script`, `sudo`).
    pub inner: Inner,
}

impl Facts {
    /// No facts are to be had: there is a shell, and nobody is seen to wait for anything. `login_shell` is what the
    /// account's shell is called, where that is known.
    #[must_use]
    pub fn unseen(login_shell: &str) -> Self {
        let shell = Program { pid: u32::MAX, executable: None, comm: login_shell.to_owned() };
        Self { shell, ..Self::default() }
    }

    /// Returns whether they are none.
    #[must_use]
    pub fn are_unseen(&self) -> bool {
        self.shell.pid == u32::MAX
    }
}

/// A process and the file it executes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Its process id; 0 if it is gone.
    pub pid: u32,
    /// Device and inode of the executable, where that can be read: two programs of one name differ here.
    pub executable: Option<(u64, u64)>,
    /// The name in `/proc/PID/comm`.
    pub comm: String,
}

/// A live member of the foreground group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The process and its executable.
    pub program: Program,
    /// The state letter of `/proc/PID/stat`: `S` sleeps, `R` runs, `T` is stopped.
    pub state: char,
    /// Its argument list, each capped at 256 bytes, at most 32 of them.
    pub argv: Vec<String>,
    /// It runs under another user than the shell.
    pub foreign: bool,
    /// What any of its threads is blocked on.
    pub blocked: Blocked,
}

/// What a process is blocked on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Blocked {
    /// Seen in `/proc/PID/syscall`: a read on this terminal, or a poll, select or epoll whose descriptors include it.
    OnTerminal,
    /// Seen there: a read of one byte of this terminal. A shell without a line editor reads its commands in
    /// blocks and its `read` builtin byte by byte (dash 0.5.12: 8,192 and 1).
    OnTerminalByte,
    /// Seen there: something else, or it is not blocked at all.
    #[default]
    Elsewhere,
    /// `/proc/PID/syscall` may not be read; this is what is left.
    Unseen {
        /// The name in `/proc/PID/wchan`, empty where hidden.
        channel: String,
        /// Some descriptor is this terminal.
        terminal: bool,
        /// Some descriptor is a socket.
        socket: bool,
    },
}

/// What stands behind a member of the foreground group that holds the master side of another terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Inner {
    /// No member does.
    #[default]
    None,
    /// The same facts of the terminal it serves.
    Terminal(Box<Facts>),
    /// There is one, and it may not be read (another user's `sudo`).
    Opaque,
}
