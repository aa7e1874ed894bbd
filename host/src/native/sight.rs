//! What the probe printed, read into facts.

use std::collections::HashMap;
use std::time::Duration;

use cotty_core::dialect::Shell;
use cotty_core::facts::{Blocked, Facts, Inner, Member, Program};

use crate::holder::frame::Process;
use crate::holder::kernel::{self, Stat};
use crate::native::kin::Children;
use crate::native::probe::Machine;
use crate::native::row::{self, Row};

/// Linux counts so many of its ticks a second towards programs, on every machine.
const TICKS_A_SECOND: f64 = 100.0;

/// One answer, taken apart.
#[derive(Default)]
struct Sight {
    /// The shell first.
    stats: Vec<Stat>,
    members: Vec<Looked>,
    /// Device, inode and owner of what stands under a path.
    files: HashMap<String, (u64, u64, u32)>,
    descriptors: HashMap<u32, Vec<(u32, String)>>,
    /// The shell's executable, by its path.
    executable: String,
    modes: Vec<String>,
    up: Duration,
    /// The names of the terminals, where `ps` is asked: the number of each is its place, from 1.
    ttys: Vec<String>,
    by_ps: bool,
    /// Nothing could be seen this time, which says nothing about the shell.
    unseen: bool,
}

/// What was seen of one process.
#[derive(Default)]
struct Looked {
    pid: u32,
    /// The system call of each thread, and where it waits.
    threads: Vec<(String, String)>,
    argv: Vec<u8>,
}

/// Which part of an answer the lines belong to.
#[derive(Clone, Copy)]
enum Part {
    Lines,
    Arguments,
    Files,
    Descriptors(u32),
    Modes,
}

/// Returns the facts: those of a shell that is gone if it was not there; nothing if it could not be looked.
pub(super) fn facts(lines: &[String], machine: &Machine) -> Option<Facts> {
    let sight = Sight::of(lines);
    if sight.unseen {
        return None;
    }
    let Some(shell) = sight.stats.first() else { return Some(Facts::default()) };
    let owner = |pid: u32| sight.files.get(&format!("/proc/{pid}")).map(|it| it.2);
    let member = |looked: &Looked| {
        let stat = sight.stats.iter().find(|it| it.pid == looked.pid)?;
        Some(Member {
            program: sight.program(stat),
            state: stat.state,
            argv: kernel::arguments(&looked.argv),
            foreign: owner(stat.pid) != owner(shell.pid),
            blocked: sight.blocked(looked, shell.tty, machine),
        })
    };
    Some(Facts {
        shell: sight.shell(shell),
        foreground: shell.foreground,
        echo: sight.modes.iter().any(|it| it == "echo"),
        canonical: sight.modes.iter().any(|it| it == "icanon"),
        members: sight.members.iter().filter_map(member).collect(),
        inner: sight.inner(shell),
    })
}

/// Returns all processes but the shell, and but those whose number and start are another's.
pub(super) fn processes(lines: &[String], shell: u32, is_other: impl Fn(u32, u64) -> bool) -> Vec<Process> {
    let sight = Sight::of(lines);
    let argv = |pid| sight.members.iter().find(|it| it.pid == pid).map(|it| kernel::arguments(&it.argv));
    let is_ours = |it: &&Stat| it.pid != shell && it.is_live() && !is_other(it.pid, it.started_ticks);
    let others = sight.stats.iter().filter(is_ours);
    let told = others.map(|it| Process {
        pid: it.pid,
        comm: it.comm.clone(),
        argv: argv(it.pid).unwrap_or_default(),
        age: sight.up.saturating_sub(Duration::from_secs_f64(it.started_ticks as f64 / TICKS_A_SECOND)),
    });
    told.collect()
}

/// Returns the processes of an answer that holds nothing else.
pub(super) fn children(lines: &[String]) -> Children {
    let sight = Sight::of(lines);
    Children { to_the_second: sight.by_ps, stats: sight.stats }
}

impl Sight {
    fn of(lines: &[String]) -> Self {
        let mut sight = Self::default();
        let mut part = Part::Lines;
        for line in lines {
            part = sight.take(part, line);
        }
        sight
    }

    fn take(&mut self, part: Part, line: &str) -> Part {
        match part {
            Part::Arguments if line.starts_with(' ') => {
                let bytes = line.split_ascii_whitespace().filter_map(|it| u8::from_str_radix(it, 16).ok());
                self.members.iter_mut().last().into_iter().for_each(|it| it.argv.extend(bytes.clone()));
                part
            }
            Part::Lines | Part::Arguments => self.take_line(line),
            Part::Files if line == "l" => Part::Descriptors(0),
            Part::Files => {
                self.take_file(line);
                part
            }
            Part::Descriptors(_) if line == "y" => Part::Modes,
            Part::Descriptors(pid) => self.take_descriptor(pid, line),
            Part::Modes => {
                let words = line.split([' ', ';']).filter(|it| !it.is_empty());
                self.modes.extend(words.map(ToOwned::to_owned));
                part
            }
        }
    }

    fn take_line(&mut self, line: &str) -> Part {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "s" => {
                let pid = rest.split(' ').next().and_then(|it| it.parse().ok());
                let stat = pid.and_then(|pid| Stat::parse(pid, rest));
                self.stats.extend(stat.filter(|it| self.stats.iter().all(|seen| seen.pid != it.pid)));
            }
            "p" => self.take_row(rest),
            "?" => self.unseen = true,
            "n" => {
                let date: Vec<&str> = rest.split_ascii_whitespace().collect();
                // Both ends are known to the second: nobody is called older than it is.
                self.up = Duration::from_secs(row::seconds(&date).unwrap_or(0).saturating_sub(1));
            }
            "m" => self.members.push(Looked { pid: rest.parse().unwrap_or(0), ..Looked::default() }),
            "t" => {
                let threads = self.members.last_mut().map(|it| &mut it.threads);
                threads.into_iter().for_each(|it| it.push((rest.to_owned(), String::new())));
            }
            "w" => {
                let thread = self.members.last_mut().and_then(|it| it.threads.last_mut());
                thread.into_iter().for_each(|it| it.1 = rest.to_owned());
            }
            "u" => self.up = Duration::try_from_secs_f64(rest.parse().unwrap_or(0.0)).unwrap_or_default(),
            "a" => return Part::Arguments,
            "x" => return Part::Files,
            _ => {}
        }
        Part::Lines
    }

    fn take_row(&mut self, line: &str) {
        let Some(row) = Row::parse(line) else { return };
        let number = |at: usize| u64::try_from(at + 1).unwrap_or(0);
        let tty = match &row.tty {
            None => 0,
            Some(name) => number(self.ttys.iter().position(|it| it == name).unwrap_or_else(|| {
                self.ttys.push(name.clone());
                self.ttys.len() - 1
            })),
        };
        self.files.insert(format!("/proc/{}", row.pid), (0, 0, row.user));
        self.by_ps = true;
        self.stats.push(row.stat(tty));
    }

    fn take_file(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        if let [path, device, inode, owner] = words[..]
            && let (Ok(device), Ok(inode), Ok(owner)) = (device.parse(), inode.parse(), owner.parse())
        {
            self.files.insert(path.to_owned(), (device, inode, owner));
        }
    }

    fn take_descriptor(&mut self, pid: u32, line: &str) -> Part {
        if let Some(named) = line.strip_prefix("/proc/").and_then(|it| it.strip_suffix("/fd:")) {
            let pid = named.parse().unwrap_or(0);
            self.descriptors.insert(pid, Vec::new());
            return Part::Descriptors(pid);
        }
        if let Some((before, target)) = line.split_once(" -> ")
            && let Some(number) = before.rsplit(' ').next().and_then(|it| it.parse().ok())
        {
            self.descriptors.entry(pid).or_default().push((number, target.to_owned()));
        } else if let Some((before, target)) = line.split_once(" -> ")
            && before.ends_with("/exe")
        {
            self.executable = target.to_owned();
        }
        Part::Descriptors(pid)
    }

    /// `sh` is the name of many: the file tells which.
    fn shell(&self, stat: &Stat) -> Program {
        let program = self.program(stat);
        match self.executable.rsplit('/').next() {
            Some(file) if program.comm == "sh" && !file.is_empty() => {
                Program { comm: file.to_owned(), ..program }
            }
            _ => program,
        }
    }

    fn program(&self, stat: &Stat) -> Program {
        let file = self.files.get(&format!("/proc/{}/exe", stat.pid));
        Program { pid: stat.pid, executable: file.map(|it| (it.0, it.1)), comm: stat.comm.clone() }
    }

    fn blocked(&self, looked: &Looked, tty: u64, machine: &Machine) -> Blocked {
        let mut unclear = None;
        for (call, channel) in &looked.threads {
            match waits(call, machine) {
                Waits::Reads { descriptor, bytes } if self.is_terminal(looked.pid, descriptor, tty) => {
                    return if bytes == 1 { Blocked::OnTerminalByte } else { Blocked::OnTerminal };
                }
                Waits::Reads { .. } | Waits::No => {}
                Waits::Perhaps => {
                    let reads = matches!(channel.as_str(), "wait_woken" | "n_tty_read");
                    if reads || unclear.is_none() {
                        unclear = Some(channel.clone());
                    }
                }
            }
        }
        let Some(channel) = unclear else { return Blocked::Elsewhere };
        let descriptors = self.descriptors.get(&looked.pid).map_or(&[][..], Vec::as_slice);
        let terminal = descriptors.iter().any(|(it, _)| self.is_terminal(looked.pid, *it, tty));
        let socket = descriptors.iter().any(|(_, target)| target.starts_with("socket:"));
        row::blocked(&channel, terminal, socket)
    }

    fn is_terminal(&self, pid: u32, descriptor: u32, tty: u64) -> bool {
        let Some(descriptors) = self.descriptors.get(&pid) else { return false };
        let Some((_, target)) = descriptors.iter().find(|it| it.0 == descriptor) else { return false };
        let controls = self.stats.iter().any(|it| it.pid == pid && it.tty == tty);
        self.is_named(target, tty) || (target == "/dev/tty" && controls)
    }

    fn is_named(&self, target: &str, tty: u64) -> bool {
        if !self.by_ps {
            return *target == format!("/dev/pts/{}", rustix::fs::minor(tty));
        }
        let name = usize::try_from(tty).ok().and_then(|it| self.ttys.get(it.checked_sub(1)?));
        target.strip_prefix("/dev/").is_some_and(|it| name.is_some_and(|name| name == it))
    }

    // What stands behind a terminal that a member serves is not looked at from here: it is said that there is one. A shell
    // keeps one for programs of its own (zsh's zpty), or for nothing, but passes its own on to none.
    fn inner(&self, shell: &Stat) -> Inner {
        let tty = shell.tty;
        let is_shell = |pid: u32| pid == shell.pid && Shell::of_login(&shell.comm).is_some();
        let controlled = |looked: &&Looked| {
            !is_shell(looked.pid) && self.stats.iter().any(|it| it.pid == looked.pid && it.tty == tty)
        };
        let serves = |looked: &Looked| match self.descriptors.get(&looked.pid) {
            Some(descriptors) if !descriptors.is_empty() && !self.by_ps => {
                descriptors.iter().any(|(_, target)| target.ends_with("ptmx"))
            }
            _ => self.has_child_elsewhere(looked.pid, tty),
        };
        if self.members.iter().filter(controlled).any(serves) { Inner::Opaque } else { Inner::None }
    }

    fn has_child_elsewhere(&self, pid: u32, tty: u64) -> bool {
        let mut below = vec![pid];
        for stat in &self.stats {
            if below.contains(&stat.parent) {
                if stat.tty != 0 && stat.tty != tty {
                    return true;
                }
                below.push(stat.pid);
            }
        }
        false
    }
}

enum Waits {
    Reads {
        descriptor: u32,
        bytes: u64,
    },
    /// In a call that may include the terminal, or one that may not be seen.
    Perhaps,
    No,
}

/// Reads a line of `/proc/PID/task/TID/syscall`.
fn waits(line: &str, machine: &Machine) -> Waits {
    let (reads, polls): (&[u64], &[u64]) = match machine.processor.as_str() {
        "x86_64" => (&[0, 19], &[7, 23, 232, 270, 271, 281, 441]),
        "aarch64" => (&[63, 65], &[22, 72, 73, 441]),
        _ => return Waits::Perhaps,
    };
    let mut words = line.split_ascii_whitespace();
    let first = words.next().unwrap_or("-");
    if first == "-" {
        return Waits::Perhaps;
    }
    // "running", or -1 where it is blocked outside of a call.
    let Ok(number) = first.parse::<u64>() else { return Waits::No };
    let mut argument = || {
        let digits = words.next().and_then(|it| it.strip_prefix("0x"));
        digits.and_then(|it| u64::from_str_radix(it, 16).ok()).unwrap_or(u64::MAX)
    };
    let (descriptor, _, bytes) = (argument(), argument(), argument());
    match u32::try_from(descriptor) {
        Ok(descriptor) if reads.contains(&number) => Waits::Reads { descriptor, bytes },
        _ if polls.contains(&number) => Waits::Perhaps,
        _ => Waits::No,
    }
}
