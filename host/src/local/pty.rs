//! A shell on a pseudo-terminal of its own, with clean descriptors and an environment built anew.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::libc;
use nix::sys::signal::SigSet;
use rustix::process::Pid;
use rustix::pty::OpenptFlags;
use rustix::termios::{InputModes, LocalModes, OptionalActions, Winsize};

use crate::local::limits::Former;

/// What to start on a new terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spawn {
    /// The program, an absolute path, and its arguments.
    pub argv: Vec<OsString>,
    /// What the program is told as its own name: `-bash` makes it a login shell.
    pub arg0: Option<OsString>,
    /// The whole environment: nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// Where it starts.
    pub cwd: PathBuf,
    /// The width.
    pub cols: u16,
    /// The height.
    pub rows: u16,
}

/// Why no shell was started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No program was named.
    #[error("no program is named; name a shell")]
    NoProgram,
    /// The program would not start.
    #[error("cannot start {program}: {source}; name a shell that exists and may be executed")]
    Program {
        /// What was to be started.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such directory to start in, or it may not be entered.
    #[error("cannot start in {directory}: {source}; name a directory that exists and may be entered")]
    Directory {
        /// Where it was to start.
        directory: String,
        /// What the system said.
        source: io::Error,
    },
    /// No terminal was to be had.
    #[error("cannot open a terminal: {0}; close a session, or look at kernel.pty.max and ulimit -n")]
    Terminal(#[source] io::Error),
}

/// The master side of a terminal and the shell on it.
#[derive(Debug)]
pub struct Pty {
    /// The master side, non-blocking. A read that fails with EIO is its end.
    pub master: OwnedFd,
    /// The process id of the shell: also its session and its first process group.
    pub shell: Pid,
    /// The path of the slave side, as `tty` prints it.
    pub tty_name: String,
    /// The device number of the slave side.
    pub tty_device: u64,
}

/// What a read of the master side gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes.
    Bytes(usize),
    /// None yet.
    Nothing,
    /// The terminal has ended.
    End,
}

impl Pty {
    /// Opens a terminal and starts a program on it. The caller reaps the child.
    pub fn open(spawn: &Spawn) -> Result<Self, SpawnError> {
        let program = spawn.argv.first().ok_or(SpawnError::NoProgram)?;
        examine_directory(spawn)?;
        let (master, slave, tty_name) =
            pair(spawn.cols, spawn.rows).map_err(|error| SpawnError::Terminal(error.into()))?;
        let tty = File::from(slave);
        let tty_device = tty.metadata().map_err(SpawnError::Terminal)?.rdev();
        let mut command = Command::new(program);
        command.args(&spawn.argv[1..]).current_dir(&spawn.cwd).env_clear();
        command.envs(spawn.env.iter().map(|(name, value)| (name, value)));
        if let Some(arg0) = &spawn.arg0 {
            command.arg0(arg0);
        }
        let another = || tty.try_clone().map(Stdio::from).map_err(SpawnError::Terminal);
        command.stdin(another()?).stdout(another()?).stderr(another()?);
        set_up_child(&mut command);
        let child = command.spawn().map_err(|source| SpawnError::Program {
            program: program.to_string_lossy().into_owned(),
            source,
        })?;
        // The command holds the slave side: while it lives, the end of the terminal would never be seen.
        drop(command);
        drop(tty);
        Ok(Self { master, shell: pid_of(&child), tty_name, tty_device })
    }

    /// Reads what the terminal gave.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Read> {
        match rustix::io::read(&self.master, buffer) {
            Ok(0) | Err(rustix::io::Errno::IO) => Ok(Read::End),
            Ok(bytes) => Ok(Read::Bytes(bytes)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(Read::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// Types bytes; returns how many the terminal took, which may be none.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::write(&self.master, bytes) {
            Ok(taken) => Ok(taken),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes the size; the foreground group is told by SIGWINCH.
    pub fn resize(&self, cols: u16, rows: u16) -> io::Result<()> {
        Ok(rustix::termios::tcsetwinsize(&self.master, size(cols, rows))?)
    }

    /// Lets the terminal show again what is typed, unless a line editor does that by itself: it would stand there twice.
    pub fn show_typed(&self) -> io::Result<()> {
        let mut modes = rustix::termios::tcgetattr(&self.master)?;
        if !modes.local_modes.contains(LocalModes::ICANON) {
            return Ok(());
        }
        modes.local_modes.insert(LocalModes::ECHO);
        Ok(rustix::termios::tcsetattr(&self.master, OptionalActions::Now, &modes)?)
    }

    /// Returns the foreground process group; nothing if there is none.
    pub fn foreground(&self) -> Option<Pid> {
        rustix::termios::tcgetpgrp(&self.master).ok()
    }
}

pub(super) fn examine_directory(spawn: &Spawn) -> Result<(), SpawnError> {
    let failed =
        |source| SpawnError::Directory { directory: spawn.cwd.to_string_lossy().into_owned(), source };
    let found = std::fs::metadata(&spawn.cwd).map_err(failed)?;
    if !found.is_dir() {
        return Err(failed(io::ErrorKind::NotADirectory.into()));
    }
    // Else the child could not enter it, and its shell would be blamed.
    rustix::fs::access(&spawn.cwd, rustix::fs::Access::EXEC_OK).map_err(|error| failed(error.into()))
}

/// Opens a terminal of a size: its master side, which does not block, its slave side, and the name of that.
pub(crate) fn pair(cols: u16, rows: u16) -> rustix::io::Result<(OwnedFd, OwnedFd, String)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    // Not by its name: another mount namespace may have another terminal there.
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?.to_string_lossy().into_owned();
    rustix::termios::tcsetwinsize(&slave, size(cols, rows))?;
    // Backspace in a line of a canonical terminal takes one character, not one byte.
    let mut modes = rustix::termios::tcgetattr(&slave)?;
    modes.input_modes |= InputModes::IUTF8;
    rustix::termios::tcsetattr(&slave, OptionalActions::Now, &modes)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    Ok((master, slave, name))
}

fn size(cols: u16, rows: u16) -> Winsize {
    Winsize { ws_col: cols, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

fn pid_of(child: &std::process::Child) -> Pid {
    Pid::from_child(child)
}

#[expect(
    unsafe_code,
    reason = "a new session and a controlling terminal can only be had between fork and exec"
)]
fn set_up_child(command: &mut Command) {
    let limits = Former::known();
    // SAFETY: only system calls are made between fork and exec; nothing is allocated or locked.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            let stdin = rustix::stdio::stdin();
            rustix::process::ioctl_tiocsctty(stdin.as_fd())?;
            clean(&limits)
        });
    }
}

/// Lets a child without a terminal begin as one with a terminal does: signals, limits and descriptors alike.
#[expect(
    unsafe_code,
    reason = "signals that are ignored are inherited, unless somebody resets them after the fork"
)]
pub(super) fn set_up_plain_child(command: &mut Command) {
    let limits = Former::known();
    // SAFETY: as above.
    unsafe {
        command.pre_exec(move || clean(&limits));
    }
}

/// Runs between fork and exec: nothing is allocated or locked.
#[expect(unsafe_code, reason = "the system's own calls: nothing safer offers all of them")]
fn clean(limits: &Former) -> io::Result<()> {
    // SIGPIPE and SIGHUP too: an ignored one would be inherited, and `yes | head` would complain.
    // Those that are not ours to set (SIGKILL, the C library's own) say no and stay.
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the default action is no code of ours.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    SigSet::empty().thread_set_mask()?;
    limits.give_back()?;
    // Not closed but marked: the pipe by which a failed exec is reported is among them. Before Linux 5.11
    // this fails, and our own descriptors are all marked already.
    // SAFETY: it changes a flag of descriptors and touches no memory.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags};

    use super::*;

    fn shell(script: &str) -> Spawn {
        Spawn {
            argv: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cwd: "/".into(),
            cols: 91,
            rows: 33,
            ..Spawn::default()
        }
    }

    fn read_to_end(pty: &Pty) -> String {
        let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match pty.read(&mut buffer).unwrap() {
                Read::Bytes(bytes) => all.extend_from_slice(&buffer[..bytes]),
                Read::End => return String::from_utf8_lossy(&all).replace('\r', ""),
                Read::Nothing => {
                    assert!(Instant::now() < deadline, "no end after 20 s: {all:?}");
                    let mut wanted = [PollFd::new(&pty.master, PollFlags::IN)];
                    let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
                    rustix::event::poll(&mut wanted, Some(&second)).unwrap();
                }
            }
        }
    }

    fn output_of(script: &str) -> String {
        let pty = Pty::open(&shell(script)).unwrap();
        let text = read_to_end(&pty);
        rustix::process::waitpid(Some(pty.shell), rustix::process::WaitOptions::empty()).unwrap();
        text
    }

    #[test]
    fn the_size_is_set_before_the_program_starts() {
        assert_eq!(output_of("stty size"), "33 91\n");
    }

    #[test]
    fn only_the_terminal_is_open_in_the_child() {
        assert_eq!(output_of("ls -x /proc/$$/fd").split_whitespace().collect::<String>(), "012");
    }

    #[test]
    fn nothing_is_inherited_from_our_environment() {
        let names = output_of("env | cut -d= -f1 | sort | tr '\\n' ' '");
        assert_eq!(names.trim(), "PATH PWD");
    }

    #[test]
    fn signals_are_as_a_login_finds_them() {
        // 32 and 33 belong to the C library, which lets nobody change them.
        let theirs = 0x1_8000_0000_u64;
        let masks = output_of("grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f2");
        for mask in masks.lines() {
            assert_eq!(u64::from_str_radix(mask, 16).unwrap() & !theirs, 0, "{masks}");
        }
    }

    #[test]
    fn a_shell_that_does_not_exist_is_told_with_its_name() {
        let mut spawn = shell("");
        spawn.argv = vec!["/no/such/shell".into()];
        let text = Pty::open(&spawn).unwrap_err().to_string();
        assert!(text.starts_with("cannot start /no/such/shell: No such file"), "{text}");
    }

    #[test]
    fn a_directory_that_is_gone_is_not_called_a_missing_shell() {
        let spawn = Spawn { cwd: "/no/such/place".into(), ..shell("") };
        assert!(matches!(Pty::open(&spawn).unwrap_err(), SpawnError::Directory { .. }));
    }

    #[test]
    fn a_directory_that_may_not_be_entered_is_named_and_the_shell_is_not_blamed() {
        use std::os::unix::fs::PermissionsExt;
        if rustix::process::geteuid().is_root() {
            return; // Root enters everything.
        }
        let closed = tempfile::tempdir().unwrap();
        std::fs::set_permissions(closed.path(), PermissionsExt::from_mode(0o600)).unwrap();
        let spawn = Spawn { cwd: closed.path().into(), ..shell("") };
        assert!(matches!(Pty::open(&spawn).unwrap_err(), SpawnError::Directory { .. }));
    }
}
