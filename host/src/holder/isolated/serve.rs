//! The holder of one isolated command: its parent and that of its orphans, so that nothing it starts gets lost.
//!
//! Its standard input is the daemon, which speaks the holder's frames there; its other streams are the command's own.
//! It lives for as long as anything lives that the command has started.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use nix::sys::signalfd::SignalFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group};

use crate::holder::connection::Connection;
use crate::holder::frame::{Attached, Event, Exit, Order, Process, RefusalKind, VERSION};
use crate::holder::isolated::STDIN_BYTES_MAX;
use crate::holder::{kernel, server};
use crate::local::pipes;

/// When the daemon is gone, the command has so long after each signal.
const GRACE: Duration = Duration::from_secs(2);

/// Holds the command that the daemon orders on standard input.
///
/// # Errors
///
/// Fails where the system refuses what a holder needs.
pub fn run() -> io::Result<()> {
    let children = server::become_holder()?;
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut holder = Holder {
        control: Some(Connection::new(control)?),
        children,
        command: None,
        stdin: None,
        waiting: VecDeque::new(),
        ending: Ending::default(),
    };
    while holder.has_work() {
        holder.turn()?;
    }
    Ok(())
}

struct Holder {
    /// The daemon, while it listens.
    control: Option<Connection>,
    children: SignalFd,
    /// The command, until it is reaped.
    command: Option<Child>,
    stdin: Option<ChildStdin>,
    waiting: VecDeque<Bytes>,
    ending: Ending,
}

/// How far the end of a command is that nobody listens to.
#[derive(Default)]
struct Ending {
    signals: VecDeque<Signal>,
    next_at: Option<Instant>,
}

impl Holder {
    fn has_work(&self) -> bool {
        self.control.is_some() || self.command.is_some() || has_children()
    }

    /// Waits for one thing to happen and deals with it.
    fn turn(&mut self) -> io::Result<()> {
        let (said, free) = self.wait()?;
        while let Ok(Some(_)) = self.children.read_signal() {}
        self.reap();
        if said {
            self.listen();
        }
        if free {
            self.feed();
        }
        self.climb();
        if let Some(control) = &mut self.control
            && (control.flush().is_err() || (control.closing && control.is_flushed()))
        {
            self.part();
        }
        Ok(())
    }

    /// Returns whether the daemon said something, and whether the command takes input.
    fn wait(&self) -> io::Result<(bool, bool)> {
        let mut fds = vec![PollFd::new(&self.children, PollFlags::IN)];
        if let Some(control) = &self.control {
            let flags = if control.is_flushed() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
            fds.push(PollFd::new(control, flags));
        }
        let fed = self.stdin.as_ref().filter(|_| !self.waiting.is_empty());
        if let Some(stdin) = fed {
            fds.push(PollFd::new(stdin, PollFlags::OUT));
        }
        let left = self.ending.next_at.map(|at| at.saturating_duration_since(Instant::now()));
        let patience =
            left.map(|it| Timespec { tv_sec: it.as_secs().cast_signed(), tv_nsec: it.subsec_nanos().into() });
        match poll(&mut fds, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let happened: Vec<bool> = fds.iter().map(|it| !it.revents().is_empty()).collect();
        let said = self.control.is_some() && happened[1];
        Ok((said, fed.is_some() && happened.last() == Some(&true)))
    }

    fn listen(&mut self) {
        let Some(control) = &mut self.control else { return };
        let open = control.receive();
        loop {
            let Some(control) = &mut self.control else { return };
            match control.next_order() {
                Ok(Some(order)) => self.carry_out(order),
                Ok(None) => break,
                Err(error) => {
                    control.refuse(RefusalKind::BadOrder, error);
                    control.closing = true;
                }
            }
        }
        if !open {
            self.part();
        }
    }

    fn carry_out(&mut self, order: Order) {
        let Some(control) = &mut self.control else { return };
        match order {
            Order::Hello { version: VERSION } => control.greeted = true,
            Order::Open(open) if control.greeted && self.command.is_none() => {
                match pipes::spawn(&open.spawn) {
                    Ok(mut child) => {
                        control.send(&Event::Attached(Attached { pid: child.id(), ..Attached::default() }));
                        self.stdin = child.stdin.take();
                        self.command = Some(child);
                    }
                    Err(error) => {
                        control.refuse(RefusalKind::NotStarted, error);
                        control.closing = true;
                    }
                }
                leave_streams();
            }
            Order::Input { sequence, bytes } | Order::InputUnlessSecret { sequence, bytes } => {
                self.take_input(sequence, bytes);
            }
            Order::Signal { signal, .. } => {
                if !self.signal(signal)
                    && let Some(control) = &mut self.control
                {
                    control.refuse(RefusalKind::Failed, "it could not be signalled");
                }
            }
            Order::Processes => control.send(&Event::Processes(left())),
            Order::Release { .. } => {
                control.send(&Event::Done);
                control.closing = true;
            }
            _ => control.refuse(RefusalKind::BadOrder, "this is no order for a command without a terminal"),
        }
    }

    /// Takes standard input; nothing more follows an empty piece.
    fn take_input(&mut self, sequence: u64, bytes: Bytes) {
        let waiting: usize = self.waiting.iter().map(Bytes::len).sum();
        if waiting + bytes.len() > STDIN_BYTES_MAX
            && let Some(control) = &mut self.control
        {
            return control.send(&Event::InputRefused { sequence });
        }
        self.waiting.push_back(bytes);
        self.feed();
    }

    fn feed(&mut self) {
        while let (Some(stdin), Some(piece)) = (&mut self.stdin, self.waiting.front_mut()) {
            if piece.is_empty() {
                self.stdin = None;
                self.waiting.clear();
                return;
            }
            match stdin.write(piece) {
                Ok(taken) => {
                    piece.advance(taken);
                    if piece.is_empty() {
                        self.waiting.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It does not want to know.
                Err(_) => self.stdin = None,
            }
        }
    }

    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if self.command.as_ref().is_some_and(|it| Pid::from_child(it) == pid) {
                self.command = None;
                self.ending = Ending::default();
                if let Some(control) = &mut self.control {
                    control.send(&Event::Exit(exit_of(status)));
                }
            }
        }
    }

    fn signal(&self, signal: i32) -> bool {
        let Some(command) = &self.command else { return true };
        let signal = Signal::from_named_raw(signal);
        signal.is_some_and(|it| kill_process_group(Pid::from_child(command), it).is_ok())
    }

    /// The daemon listens no more. Whatever still runs as the command is ended: nobody could tell what became of it.
    fn part(&mut self) {
        self.control = None;
        (self.stdin, self.waiting) = (None, VecDeque::new());
        if self.command.is_some() {
            let signals = VecDeque::from([Signal::TERM, Signal::KILL]);
            self.ending = Ending { signals, next_at: Some(Instant::now()) };
        }
    }

    fn climb(&mut self) {
        let now = Instant::now();
        if self.ending.next_at.is_none_or(|at| now < at) {
            return;
        }
        self.ending.next_at = self.ending.signals.pop_front().map(|signal| {
            self.signal(signal.as_raw());
            now + GRACE
        });
        if self.ending.next_at.is_none() {
            // Not even the last signal ended it: it is in the kernel's hands.
            self.command = None;
        }
    }
}

/// Only the command is to hold its streams: their end is the command's.
fn leave_streams() {
    if let Ok(nothing) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        rustix::stdio::dup2_stdout(&nothing).ok();
        rustix::stdio::dup2_stderr(&nothing).ok();
    }
}

fn has_children() -> bool {
    let stat = kernel::Stat::of(std::process::id());
    stat.is_some_and(|it| !kernel::children(&it).is_empty())
}

/// Returns all that lives below us.
fn left() -> Vec<Process> {
    let us = std::process::id();
    let living = kernel::tree([us]).into_iter().filter(|it| it.pid != us && it.is_live());
    let told =
        living.map(|it| Process { pid: it.pid, argv: kernel::argv(it.pid), age: it.age(), comm: it.comm });
    told.collect()
}

fn exit_of(status: WaitStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => Exit::Status(status),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    }
}
