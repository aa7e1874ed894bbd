//! What a process is blocked on: on its terminal, elsewhere, or what can be guessed where the system call is hidden.

use std::fs;
use std::io::{self, IoSliceMut};

use cotty_core::facts::Blocked;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};

use crate::holder::kernel::{self, Stat};

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

/// A process with more threads than that is looked at in so many of them.
const THREADS_MAX: usize = 256;

/// A set of more descriptors than that belongs to a server, not to a program that waits for a person.
const DESCRIPTORS_MAX: usize = 1024;

/// The length of a `struct pollfd`: descriptor `i32`, wanted `i16`, given `i16`.
const POLLFD_BYTES: usize = 8;

/// Readable, in poll's and in epoll's numbers.
const READABLE: u32 = 1;

/// A system call that may wait for a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Read,
    Poll,
    Select,
    Epoll,
    Other,
}

/// Looks at every thread of a process; `tty` is the device of the terminal that is meant.
pub(super) fn blocked(stat: &Stat, tty: u64, eyes: Eyes) -> Blocked {
    let mut hidden = eyes == Eyes::WithoutSyscall;
    for thread in kernel::threads(stat).into_iter().take(THREADS_MAX) {
        if hidden {
            break;
        }
        match fs::read_to_string(format!("/proc/{}/task/{thread}/syscall", stat.pid)) {
            Ok(line) => {
                let seen = waits_for(stat, &line, tty);
                if seen != Blocked::Elsewhere {
                    return seen;
                }
            }
            Err(error) => hidden = !is_gone(&error, stat.pid),
        }
    }
    if hidden || NUMBERS.is_none() { unseen(stat, tty) } else { Blocked::Elsewhere }
}

// A kernel may be built without the file: then the process is there and it is not.
fn is_gone(error: &io::Error, pid: u32) -> bool {
    let absent = error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH);
    absent && !fs::exists(format!("/proc/{pid}/stat")).unwrap_or(false)
}

fn waits_for(stat: &Stat, line: &str, tty: u64) -> Blocked {
    let mut fields = line.split_ascii_whitespace();
    // "running", or -1 where it is blocked outside of a system call.
    let Some(number) = fields.next().and_then(|it| it.parse::<u64>().ok()) else { return Blocked::Elsewhere };
    let mut argument = || {
        let text = fields.next().and_then(|it| it.strip_prefix("0x"));
        text.and_then(|it| u64::from_str_radix(it, 16).ok()).unwrap_or(0)
    };
    let (first, second, third) = (argument(), argument(), argument());
    let waits = match call_of(number) {
        Call::Read => is_terminal(stat, first, tty),
        Call::Poll => polled(stat, first, second).iter().any(|it| is_terminal(stat, *it, tty)),
        Call::Select => selected(stat, first, second).iter().any(|it| is_terminal(stat, *it, tty)),
        Call::Epoll => awaited(stat, first).iter().any(|it| is_terminal(stat, *it, tty)),
        Call::Other => false,
    };
    match waits {
        false => Blocked::Elsewhere,
        true if call_of(number) == Call::Read && third == 1 => Blocked::OnTerminalByte,
        true => Blocked::OnTerminal,
    }
}

fn is_terminal(stat: &Stat, descriptor: u64, tty: u64) -> bool {
    u32::try_from(descriptor).is_ok_and(|it| kernel::is_terminal(stat, it, tty))
}

fn polled(stat: &Stat, address: u64, number: u64) -> Vec<u64> {
    let Ok(number @ 1..=DESCRIPTORS_MAX) = usize::try_from(number) else { return Vec::new() };
    let memory = memory(stat.pid, address, number * POLLFD_BYTES);
    let wanted = |it: &[u8]| u32::from(it[4]) & READABLE != 0;
    let descriptor = |it: &[u8]| i64::from(i32::from_le_bytes([it[0], it[1], it[2], it[3]]));
    let entries = memory.chunks_exact(POLLFD_BYTES).filter(|it| wanted(it));
    entries.filter_map(|it| u64::try_from(descriptor(it)).ok()).collect()
}

fn selected(stat: &Stat, number: u64, address: u64) -> Vec<u64> {
    let Ok(number @ 1..=DESCRIPTORS_MAX) = usize::try_from(number) else { return Vec::new() };
    if address == 0 {
        return Vec::new();
    }
    // The kernel reads whole words of 8 bytes; our machines are little-endian.
    let memory = memory(stat.pid, address, number.div_ceil(64) * 8);
    let is_set = |it: &usize| memory.get(it / 8).is_some_and(|byte| byte & (1 << (it % 8)) != 0);
    (0..number).filter(is_set).map(|it| it as u64).collect()
}

fn awaited(stat: &Stat, epoll: u64) -> Vec<u64> {
    let Ok(epoll) = u32::try_from(epoll) else { return Vec::new() };
    let notes = kernel::descriptor_notes(stat.pid, epoll, "tfd:");
    let entry = |note: &String| {
        let (descriptor, rest) = note.split_once(char::is_whitespace)?;
        let events = rest.trim_start().strip_prefix("events:")?.split_ascii_whitespace().next()?;
        let events = u32::from_str_radix(events, 16).ok()?;
        (events & READABLE != 0).then(|| descriptor.parse().ok()).flatten()
    };
    notes.iter().take(DESCRIPTORS_MAX).filter_map(entry).collect()
}

fn memory(pid: u32, address: u64, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    let (Ok(pid), Ok(base)) = (i32::try_from(pid), usize::try_from(address)) else { return Vec::new() };
    let pid = nix::unistd::Pid::from_raw(pid);
    let remote = [RemoteIoVec { base, len: bytes }];
    let read = process_vm_readv(pid, &mut [IoSliceMut::new(&mut content)], &remote).unwrap_or(0);
    content.truncate(read);
    content
}

fn unseen(stat: &Stat, tty: u64) -> Blocked {
    let descriptors = kernel::descriptors(stat.pid).unwrap_or_default();
    let path = |it: u32| format!("/proc/{}/fd/{it}", stat.pid);
    Blocked::Unseen {
        channel: channel(stat),
        terminal: descriptors
            .iter()
            .any(|(it, target)| kernel::leads_to_terminal(stat, &path(*it), target, tty)),
        socket: descriptors.iter().any(|(_, target)| target.starts_with("socket:")),
    }
}

// Of several threads the one that may be reading a terminal speaks for all.
fn channel(stat: &Stat) -> String {
    let of_thread = |thread: &u32| {
        let channel = fs::read_to_string(format!("/proc/{}/task/{thread}/wchan", stat.pid)).ok()?;
        (channel != "0").then_some(channel)
    };
    let threads = kernel::threads(stat);
    let channels: Vec<String> = threads.iter().take(THREADS_MAX).filter_map(of_thread).collect();
    let reading = channels.iter().find(|it| matches!(it.as_str(), "wait_woken" | "n_tty_read"));
    reading.or(channels.first()).cloned().unwrap_or_default()
}

/// The numbers of system calls of this machine.
struct Numbers {
    read: &'static [u64],
    poll: &'static [u64],
    select: &'static [u64],
    epoll: &'static [u64],
}

// A poll that was stopped and continued is in restart_syscall (219, 128), with its arguments where they were.
#[cfg(target_arch = "x86_64")]
const NUMBERS: Option<Numbers> =
    Some(Numbers { read: &[0, 19], poll: &[7, 271, 219], select: &[23, 270], epoll: &[232, 281, 441] });

#[cfg(target_arch = "aarch64")]
const NUMBERS: Option<Numbers> =
    Some(Numbers { read: &[63, 65], poll: &[73, 128], select: &[72], epoll: &[22, 441] });

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const NUMBERS: Option<Numbers> = None;

fn call_of(number: u64) -> Call {
    let Some(numbers) = NUMBERS else { return Call::Other };
    let is = |list: &[u64]| list.contains(&number);
    match () {
        () if is(numbers.read) => Call::Read,
        () if is(numbers.poll) => Call::Poll,
        () if is(numbers.select) => Call::Select,
        () if is(numbers.epoll) => Call::Epoll,
        () => Call::Other,
    }
}
