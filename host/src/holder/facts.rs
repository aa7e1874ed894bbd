//! One look at a terminal and its processes, through what the kernel shows.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use cotty_core::dialect::Shell;
use cotty_core::facts::{Blocked, Facts, Inner, Member, Program};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process_group};
use rustix::termios::LocalModes;

pub use crate::holder::blocked::Eyes;
use crate::holder::blocked::blocked;
use crate::holder::frame::Process;
use crate::holder::kernel::{self, Stat};
use crate::local::pty::Pty;

/// The variable that a session's processes carry: it finds those that left the shell's tree.
pub const SESSION_VARIABLE: &str = "COTTY_SESSION";

/// How deep terminals behind terminals are looked at.
const INNER_DEPTH_MAX: usize = 3;

/// So many members of a foreground group are looked at.
const MEMBERS_MAX: usize = 256;

/// So many are told with their arguments, of members and of processes; the others by name: a frame has a limit.
const WITH_ARGV_MAX: usize = 24;

/// Where one looks.
pub(super) struct Look<'terminal> {
    pty: &'terminal Pty,
    id: &'terminal str,
    shell: Option<u32>,
    shells: Vec<u32>,
    eyes: Eyes,
}

impl<'terminal> Look<'terminal> {
    /// Looks at a terminal of the session `id`, whose shell may be gone, in a holder with these living shells.
    pub(super) fn new(
        pty: &'terminal Pty,
        id: &'terminal str,
        shell: Option<u32>,
        shells: Vec<u32>,
        eyes: Eyes,
    ) -> Self {
        Self { pty, id, shell, shells, eyes }
    }

    /// Returns the facts.
    pub(super) fn facts(&self) -> Facts {
        let mut tree = kernel::tree(self.shell);
        let foreground = self.pty.foreground().map_or(0, pid_number);
        let here = |it: &Stat| it.group == foreground || it.tty == self.pty.tty_device;
        tree.extend(kernel::tree(self.orphans()).into_iter().filter(here));
        let shell = tree.first().filter(|it| Some(it.pid) == self.shell);
        let shell = shell.map(Stat::program).unwrap_or_default();
        let user = kernel::owner(shell.pid);
        let scene = Scene { tree: &tree, user, eyes: self.eyes };
        let slave = slave_side(self.pty.tty_device);
        scene.facts(shell, self.pty.tty_device, foreground, (&self.pty.master, slave.as_ref()), 0)
    }

    /// Returns every live process of the session but its shell.
    pub(super) fn processes(&self) -> Vec<Process> {
        let live = self.live().into_iter().filter(|it| Some(it.pid) != self.shell).enumerate();
        let told = |(at, it): (usize, Stat)| Process {
            pid: it.pid,
            age: it.age(),
            argv: if at < WITH_ARGV_MAX { kernel::argv(it.pid) } else { Vec::new() },
            comm: it.comm,
        };
        live.map(told).collect()
    }

    /// Returns every live process of the session: the shell, what is below it, and what left its tree.
    pub(super) fn live(&self) -> Vec<Stat> {
        let entry = format!("{SESSION_VARIABLE}={}", self.id);
        // One of the shell's own session shows that by itself, whatever its environment: no other session has its number.
        let session = pid_number(self.pty.shell);
        let is_here = |it: &Stat| it.session == session || kernel::carries(it.pid, &entry);
        let strays = self.orphans().into_iter().filter_map(Stat::of).filter(is_here).map(|it| it.pid);
        let mut live = kernel::tree(self.shell.into_iter().chain(strays));
        live.retain(Stat::is_live);
        live
    }

    /// Returns the foreground group; nothing if there is none.
    pub(super) fn foreground(&self) -> Option<u32> {
        self.pty.foreground().map(pid_number)
    }

    /// Says whether the shell's own group is in front.
    pub(super) fn shell_is_in_front(&self) -> bool {
        let group = self.shell.and_then(Stat::of).map(|it| it.group);
        group.is_some() && group == self.foreground()
    }

    // Whose parent died became ours: the holder adopts.
    fn orphans(&self) -> Vec<u32> {
        let own = Stat::of(std::process::id()).map(|it| kernel::children(&it)).unwrap_or_default();
        own.into_iter().filter(|it| !self.shells.contains(it)).collect()
    }
}

/// Returns a process id as the facts have it.
pub(super) fn pid_number(pid: rustix::process::Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

/// Returns whether a group lives that this account is not shown (hidepid): then it may not be signalled either.
fn is_hidden(group: u32) -> bool {
    let group = i32::try_from(group).ok().and_then(Pid::from_raw);
    group.is_some_and(|it| test_kill_process_group(it) == Err(Errno::PERM))
}

/// The processes among which members are found, and how they are looked at.
struct Scene<'tree> {
    tree: &'tree [Stat],
    user: Option<u32>,
    eyes: Eyes,
}

impl Scene<'_> {
    /// `sides` are one to ask for the modes, and the slave side where it can be had.
    fn facts(
        &self,
        shell: Program,
        tty: u64,
        foreground: u32,
        sides: (impl AsFd, Option<&File>),
        depth: usize,
    ) -> Facts {
        let modes = rustix::termios::tcgetattr(sides.0).map(|it| it.local_modes);
        let modes = modes.unwrap_or(LocalModes::empty());
        let members = self.members(foreground);
        // A shell keeps a terminal for programs of its own (zsh's zpty), or for nothing, but passes its own on to none.
        let is_shell = |it: &Stat| it.pid == shell.pid && Shell::of_login(&shell.comm).is_some();
        let may_serve = |it: &&Stat| it.group == foreground && !is_shell(it);
        let in_group: Vec<&Stat> = members.iter().copied().filter(may_serve).collect();
        let told = |(at, it): (usize, &&Stat)| self.member(at, it, tty);
        let mut told: Vec<Member> = members.iter().enumerate().map(told).collect();
        // Asked last: who was blocked on the terminal then, with input at hand, is just being woken.
        if sides.1.is_some_and(holds_input) {
            told.iter_mut().for_each(|it| it.blocked = Blocked::Elsewhere);
        }
        // A group whose programs have ended, and in whose place the shell puts itself just now, is nobody's.
        let foreground = if members.is_empty() && !is_hidden(foreground) { 0 } else { foreground };
        Facts {
            shell,
            foreground,
            echo: modes.contains(LocalModes::ECHO),
            canonical: modes.contains(LocalModes::ICANON),
            members: told,
            inner: if depth < INNER_DEPTH_MAX { self.inner(&in_group, tty, depth) } else { Inner::None },
        }
    }

    /// The foreground group, and what it has below it without a terminal to control it: `su -c` gives a session of its own
    /// to what it starts, which reads this terminal all the same (util-linux 2.38).
    fn members(&self, foreground: u32) -> Vec<&Stat> {
        let mut members: Vec<&Stat> = Vec::new();
        for stat in self.tree.iter().filter(|it| foreground != 0 && it.is_live()) {
            let is_below = || stat.tty == 0 && members.iter().any(|it| it.pid == stat.parent);
            if members.len() < MEMBERS_MAX && (stat.group == foreground || is_below()) {
                members.push(stat);
            }
        }
        members
    }

    fn member(&self, at: usize, stat: &Stat, tty: u64) -> Member {
        Member {
            program: stat.program(),
            state: stat.state,
            argv: if at < WITH_ARGV_MAX { kernel::argv(stat.pid) } else { Vec::new() },
            foreign: self.is_foreign(stat),
            blocked: blocked(stat, tty, self.eyes),
        }
    }

    // The owner of its files is the quick answer; it is root also for a program that hides itself, so that is asked.
    fn is_foreign(&self, stat: &Stat) -> bool {
        let owner = kernel::owner(stat.pid);
        owner != self.user && kernel::user(stat.pid).or(owner) != self.user
    }

    fn inner(&self, members: &[&Stat], tty: u64, depth: usize) -> Inner {
        for member in members {
            let Some(descriptors) = kernel::descriptors(member.pid) else {
                if self.serves_unseen(member, tty) {
                    return Inner::Opaque;
                }
                continue;
            };
            let served = || descriptors.iter().filter(|(_, target)| target.ends_with("ptmx"));
            if let Some(found) = served().find_map(|(it, _)| self.behind(member.pid, *it, depth)) {
                return found;
            }
            // Nobody is there yet, or no more: what its server waits for meanwhile is not asked of anybody.
            if served().next().is_some() {
                return Inner::Opaque;
            }
        }
        Inner::None
    }

    // What may not be read shows itself by a child on another terminal.
    fn serves_unseen(&self, member: &Stat, tty: u64) -> bool {
        let mut below = vec![member.pid];
        for stat in self.tree {
            if below.contains(&stat.parent) {
                if stat.tty != 0 && stat.tty != tty {
                    return true;
                }
                below.push(stat.pid);
            }
        }
        false
    }

    /// Looks at the terminal whose master side is this descriptor; nothing if none of our processes is on it.
    fn behind(&self, pid: u32, descriptor: u32, depth: usize) -> Option<Inner> {
        let index: u32 = kernel::descriptor_notes(pid, descriptor, "tty-index:").first()?.parse().ok()?;
        let tty = rustix::fs::makedev(136, index);
        let on_it = || self.tree.iter().filter(|it| it.tty == tty && it.is_live());
        let leader = on_it().find(|it| it.session == it.pid).or(on_it().next())?;
        Some(slave_side(tty).map_or(Inner::Opaque, |slave| {
            let (leader, group) = (leader.program(), leader.foreground);
            Inner::Terminal(Box::new(self.facts(leader, tty, group, (&slave, Some(&slave)), depth + 1)))
        }))
    }
}

/// Opens the slave side of a terminal, without becoming its owner.
fn slave_side(tty: u64) -> Option<File> {
    let flags = i32::try_from((OFlags::NOCTTY | OFlags::NONBLOCK).bits()).ok()?;
    let path = format!("/dev/pts/{}", rustix::fs::minor(tty));
    let slave = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    // In another mount namespace another terminal may have this name.
    slave.metadata().is_ok_and(|it| it.rdev() == tty).then_some(slave)
}

/// Returns whether something was typed that a read of this slave side would give, and that nobody has read: on a busy
/// machine a program sleeps on for a while after it was.
fn holds_input(slave: &File) -> bool {
    let mut polled = [PollFd::new(slave, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut polled, Some(&now)).is_ok_and(|ready| ready > 0)
        && polled[0].revents() == PollFlags::IN
}

#[cfg(test)]
mod tests {
    use rustix::termios::OptionalActions;

    use super::*;

    /// A terminal's two sides, and its number.
    fn terminal() -> (std::os::fd::OwnedFd, File) {
        let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
        let master = rustix::pty::openpt(flags).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let rdev = std::fs::metadata(name.to_str().unwrap()).unwrap().rdev();
        (master, slave_side(rdev).unwrap())
    }

    fn read(mut slave: &File) -> usize {
        std::io::Read::read(&mut slave, &mut [0; 64]).unwrap()
    }

    /// The shell's group is put in front by itself only after that of a command has ended.
    #[test]
    fn a_group_that_has_ended_is_nobodys_and_is_not_taken_for_one_that_is_hidden() {
        let mut ended = std::process::Command::new("true");
        let mut ended = std::os::unix::process::CommandExt::process_group(&mut ended, 0).spawn().unwrap();
        let group = ended.id();
        let (master, slave) = terminal();
        let looked = || {
            let scene = Scene { tree: &[], user: None, eyes: Eyes::default() };
            let shell = Program { pid: 1, executable: None, comm: "sh".to_owned() };
            scene.facts(shell, 0, group, (&master, Some(&slave)), 0)
        };
        // Whether it is a zombie yet or not: this account might signal it.
        assert_eq!(looked().foreground, 0);
        ended.wait().unwrap();
        assert_eq!(looked().foreground, 0);
        assert!(!is_hidden(0) && !is_hidden(u32::MAX));
    }

    #[test]
    fn what_was_typed_is_held_until_somebody_reads_it() {
        let (master, slave) = terminal();
        assert!(!holds_input(&slave));
        rustix::io::write(&master, b"half a line").unwrap();
        assert!(!holds_input(&slave), "a read would wait for the rest");
        rustix::io::write(&master, b"\r").unwrap();
        assert!(holds_input(&slave));
        assert_eq!((read(&slave), holds_input(&slave)), (12, false));
        rustix::io::write(&master, b"\x04").unwrap();
        assert!(holds_input(&slave), "an end of file is something to read");
        assert_eq!((read(&slave), holds_input(&slave)), (0, false));
    }

    #[test]
    fn without_whole_lines_a_key_is_enough() {
        let (master, slave) = terminal();
        let mut modes = rustix::termios::tcgetattr(&slave).unwrap();
        modes.local_modes.remove(LocalModes::ICANON);
        rustix::termios::tcsetattr(&slave, OptionalActions::Now, &modes).unwrap();
        rustix::io::write(&master, b"q").unwrap();
        assert!(holds_input(&slave));
        drop(master);
        assert!(!holds_input(&slave), "a terminal that ended has nothing to give");
    }
}
