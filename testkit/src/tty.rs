//! A program on a terminal of its own, with a person's fingers on the keys.
//!
//! The program is the leader of a new session and this terminal controls it, so that the daemon takes the
//! caller for a person. That is `setsid --ctty` of util-linux: no unsafe code is needed for it here.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::plain::plain_text;
use crate::wait::{DEADLINE, until};

/// The size of a terminal that names none.
const SIZE: (u16, u16) = (120, 40);

/// How long the reader waits before it asks whether it is still wanted.
const READER_GLANCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// How long something gets that should happen at once, where the test goes on without it.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// A program on a terminal of its own. Dropping it kills the program.
#[derive(Debug)]
pub struct Tty {
    master: Arc<OwnedFd>,
    child: Child,
    seen: Arc<Seen>,
}

/// What the terminal has printed so far.
#[derive(Debug, Default)]
struct Seen {
    bytes: Mutex<Vec<u8>>,
    grew: Condvar,
    /// The terminal has given its last byte.
    ended: AtomicBool,
    /// Nobody wants to know more: the reader ends. It cannot rely on the end of the terminal, which a
    /// program that was left behind may hold open.
    closed: AtomicBool,
}

impl Tty {
    /// Starts `command` on a new terminal of 120 × 40.
    ///
    /// Program, arguments, directory and the variables that were set with `env` are taken from `command`;
    /// nothing is inherited from the test's environment but PATH.
    #[must_use]
    pub fn start(command: &Command) -> Self {
        Self::start_sized(command, SIZE.0, SIZE.1)
    }

    /// Like [`Tty::start`], at a size of its own.
    #[must_use]
    pub fn start_sized(command: &Command, cols: u16, rows: u16) -> Self {
        let (master, child) = spawn(command, cols, rows);
        let (master, seen) = (Arc::new(master), Arc::new(Seen::default()));
        let (source, sink) = (Arc::clone(&master), Arc::clone(&seen));
        std::thread::spawn(move || {
            read_all(&source, &sink);
            sink.ended.store(true, Ordering::Release);
        });
        Self { master, child, seen }
    }

    /// Runs `command` on a new terminal and reads to the end what it prints, in the calling thread and without
    /// keeping it: the least that any reader does. Returns how many bytes came.
    #[must_use]
    pub fn drain(command: &Command) -> usize {
        let (master, mut child) = spawn(command, SIZE.0, SIZE.1);
        let (mut buffer, mut total) = (vec![0; 64 * 1024], 0);
        // EIO, where nobody holds the other side any more.
        while let Ok(count @ 1..) = rustix::io::retry_on_intr(|| rustix::io::read(&master, &mut buffer)) {
            total += count;
        }
        drop(child.wait());
        total
    }

    /// Runs `command` to its end on a new terminal of this size, with nobody at it. Returns what it printed and how it
    /// ended; nothing, and it is killed, where that takes longer than `limit`.
    #[must_use]
    pub fn whole(
        command: &Command,
        (cols, rows): (u16, u16),
        limit: Duration,
    ) -> Option<(Vec<u8>, ExitStatus)> {
        let (master, mut child) = spawn(command, cols, rows);
        let deadline = Instant::now() + limit;
        let (mut buffer, mut printed) = (vec![0; 16 * 1024], Vec::new());
        loop {
            let mut wanted = [PollFd::new(&master, PollFlags::IN)];
            let is_quiet = matches!(poll(&mut wanted, Some(&READER_GLANCE)), Ok(0));
            if is_quiet && Instant::now() < deadline {
                continue;
            }
            if is_quiet || Instant::now() >= deadline {
                let _gone_already = kill_process_group(Pid::from_child(&child), Signal::KILL);
                drop(child.wait());
                return None;
            }
            match rustix::io::retry_on_intr(|| rustix::io::read(&master, &mut buffer)) {
                Ok(count @ 1..) => printed.extend_from_slice(&buffer[..count]),
                // EIO: nobody holds the other side any more.
                _ => return Some((printed, child.wait().ok()?)),
            }
        }
    }

    /// Types `keys`, as they are: Enter is `\r`, Ctrl-C is `\x03`.
    pub fn send(&self, keys: impl AsRef<[u8]>) {
        let mut keys = keys.as_ref();
        while !keys.is_empty() {
            let taken = rustix::io::write(&self.master, keys).expect("typing");
            keys = &keys[taken..];
        }
    }

    /// Types one line and Enter.
    pub fn line(&self, line: &str) {
        self.send(format!("{line}\r"));
    }

    /// Changes the size, as a window does that is drawn larger.
    pub fn resize(&self, cols: u16, rows: u16) {
        tcsetwinsize(&self.master, size(cols, rows)).expect("a new size");
    }

    /// Everything printed so far, as received.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything printed so far, without escape sequences.
    #[must_use]
    pub fn text(&self) -> String {
        plain_text(&self.bytes())
    }

    /// Waits until what was printed so far satisfies `fact`, and returns it.
    ///
    /// # Panics
    /// Panics with `what` and the text when the deadline passes.
    pub fn wait_for(&self, what: &str, fact: impl Fn(&str) -> bool) -> String {
        self.wait_bytes(what, |bytes| fact(&plain_text(bytes)));
        self.text()
    }

    /// Waits until the bytes printed so far satisfy `fact`.
    ///
    /// # Panics
    /// Panics with `what` and the text when the deadline passes.
    pub fn wait_bytes(&self, what: &str, fact: impl Fn(&[u8]) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        let mut bytes = self.seen.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        while !fact(&bytes) {
            let left = deadline.saturating_duration_since(Instant::now());
            let text = || plain_text(&bytes);
            assert!(
                !left.is_zero(),
                "waited {DEADLINE:?} in vain for {what}; the terminal shows:\n{}",
                text()
            );
            bytes = self.seen.grew.wait_timeout(bytes, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Forgets what was printed so far, so that the next wait sees only what is new.
    pub fn forget(&self) {
        self.seen.bytes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until `text` was printed.
    pub fn wait_text(&self, text: &str) -> String {
        self.wait_for(text, |shown| shown.contains(text))
    }

    /// Waits for the program's end.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("the program on the terminal ends", || child.try_wait().expect("asking for its end"))
    }

    /// Tells whether the program has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("asking for its end").is_some()
    }

    /// Everything printed by a program that has ended, without escape sequences.
    ///
    /// The last bytes may come after the end is known: this waits until the terminal is closed, for as
    /// long as nothing that was left behind holds it open.
    #[must_use]
    pub fn rest(&self) -> String {
        let start = Instant::now();
        while !self.seen.ended.load(Ordering::Acquire) && start.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.text()
    }

    /// The program's process id. It leads the terminal's session.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The terminal shows what is typed, and gives whole lines: as it was before a program made it raw.
    #[must_use]
    pub fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&*self.master).expect("the terminal's modes").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.seen.closed.store(true, Ordering::Relaxed);
        if matches!(self.child.try_wait(), Ok(None)) {
            let group = Pid::from_child(&self.child);
            let _gone_already = kill_process_group(group, Signal::KILL);
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// Opens a terminal and starts `command` on its other side.
fn spawn(command: &Command, cols: u16, rows: u16) -> (OwnedFd, Child) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).expect("a terminal");
    grantpt(&master).expect("granting the terminal");
    unlockpt(&master).expect("unlocking the terminal");
    let slave = ioctl_tiocgptpeer(&master, flags).expect("the other side of the terminal");
    tcsetwinsize(&master, size(cols, rows)).expect("the first size");
    let child = in_a_new_session(command, &slave).spawn().expect("setsid of util-linux");
    (master, child)
}

/// Wraps `command` so that it leads a new session on `slave`.
fn in_a_new_session(command: &Command, slave: &OwnedFd) -> Command {
    let side = || Stdio::from(slave.try_clone().expect("a second descriptor"));
    let mut wrapped = Command::new("setsid");
    wrapped.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
    wrapped.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped.stdin(side()).stdout(side()).stderr(side());
    wrapped
}

/// Keeps what the terminal prints until it ends or nobody listens any more.
fn read_all(master: &OwnedFd, seen: &Seen) {
    let mut buffer = vec![0; 64 * 1024];
    while !seen.closed.load(Ordering::Relaxed) {
        let mut wanted = [PollFd::new(master, PollFlags::IN)];
        if matches!(poll(&mut wanted, Some(&READER_GLANCE)), Ok(0)) {
            continue;
        }
        match rustix::io::read(master, &mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                let mut bytes = seen.bytes.lock().unwrap_or_else(PoisonError::into_inner);
                bytes.extend_from_slice(&buffer[..count]);
                seen.grew.notify_all();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // EIO: nobody holds the other side any more.
            Err(_) => return,
        }
    }
}

/// A size in cells; pixels are not known.
fn size(cols: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Tty {
        Tty::start(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn a_program_has_this_terminal_as_its_controlling_one() {
        let mut tty = shell("printf 'held by %s\\n' \"$(ps -o tty= -p $$)\"; echo typed >/dev/tty; exit 3");
        tty.wait_text("held by pts/");
        tty.wait_text("typed");
        assert_eq!(tty.wait_exit().code(), Some(3));
    }

    #[test]
    fn keys_arrive_and_sizes_are_seen() {
        let mut tty = shell("read word; echo \"got $word\"; stty size; stty -echo; read word");
        assert!(tty.is_cooked());
        tty.resize(90, 20);
        tty.line("salt");
        tty.wait_text("got salt");
        tty.wait_text("20 90");
        until("the echo is off", || (!tty.is_cooked()).then_some(()));
        tty.line("");
        assert!(tty.wait_exit().success());
    }

    #[test]
    fn ctrl_c_interrupts() {
        let mut tty = shell("trap 'echo caught; exit 130' INT; echo ready; while :; do sleep 0.1; done");
        tty.wait_text("ready");
        tty.send(b"\x03");
        tty.wait_text("caught");
        assert_eq!(tty.wait_exit().code(), Some(130));
    }

    #[test]
    fn nothing_of_the_tests_environment_leaks_in() {
        let tty = shell("env | grep -c CARGO; echo end");
        assert!(tty.wait_text("end").starts_with('0'));
    }
}
