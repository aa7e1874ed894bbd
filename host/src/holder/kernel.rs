//! What `/proc` says of one process. What is gone or hidden is nothing, never an error.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use cotty_core::facts::Program;

/// The fields of `/proc/PID/stat` that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: u32,
    pub(crate) comm: String,
    pub(crate) state: char,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    pub(crate) session: u32,
    /// The device of its controlling terminal, as `st_rdev` has it; 0 if it has none.
    pub(crate) tty: u64,
    /// The foreground group of that terminal; 0 if there is none.
    pub(crate) foreground: u32,
    pub(crate) threads: u32,
    /// When it was started, in ticks since the machine was.
    pub(crate) started_ticks: u64,
}

/// No session is looked at beyond so many processes: a fork bomb must not hold up the holder.
const TREE_MAX: usize = 2048;

/// Arguments as the facts have them.
const ARGUMENTS_MAX: usize = 32;
const ARGUMENT_BYTES_MAX: usize = 256;

impl Stat {
    /// Looks at a process.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let content = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(pid, &String::from_utf8_lossy(&content))
    }

    /// Says whether it can still do anything: not a zombie.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// Returns how long ago it was started, to the hundredth of a second that the kernel tells.
    pub(super) fn age(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let up = Duration::try_from(now).unwrap_or_default();
        let ticks_a_second = rustix::param::clock_ticks_per_second().max(1);
        let started = Duration::from_millis(self.started_ticks.saturating_mul(1000) / ticks_a_second);
        up.saturating_sub(started)
    }

    /// Returns the process and its executable.
    pub(super) fn program(&self) -> Program {
        let executable = fs::metadata(format!("/proc/{}/exe", self.pid)).ok();
        Program {
            pid: self.pid,
            executable: executable.map(|it| (it.dev(), it.ino())),
            comm: self.comm.clone(),
        }
    }

    // A name may hold blanks and parentheses: it ends with the last one.
    pub(crate) fn parse(pid: u32, content: &str) -> Option<Self> {
        let (before, after) = content.rsplit_once(')')?;
        let comm = before.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = after.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<i64>().ok();
        let id = |at| number(at).map(|it| u32::try_from(it).unwrap_or(0));
        Some(Self {
            pid,
            comm,
            state: fields.first()?.chars().next()?,
            parent: id(1)?,
            group: id(2)?,
            session: id(3)?,
            tty: device(number(4)?),
            foreground: id(5)?,
            threads: id(17)?,
            started_ticks: fields.get(19)?.parse().ok()?,
        })
    }
}

/// The kernel packs a device number into 32 bits: 8 of the minor, 12 of the major, the rest of the minor.
fn device(packed: i64) -> u64 {
    let packed = u32::try_from(packed & 0xffff_ffff).unwrap_or(0);
    let (major, minor) = ((packed >> 8) & 0xfff, (packed & 0xff) | ((packed >> 12) & 0xf_ff00));
    if packed == 0 { 0 } else { rustix::fs::makedev(major, minor) }
}

/// Returns the threads of a process.
pub(super) fn threads(stat: &Stat) -> Vec<u32> {
    if stat.threads <= 1 {
        return vec![stat.pid];
    }
    let Ok(entries) = fs::read_dir(format!("/proc/{}/task", stat.pid)) else { return Vec::new() };
    entries.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// So often the list of children is read again while it changes.
const CHILDREN_READS_MAX: usize = 8;

/// Returns the children of a process.
///
/// The kernel may leave some out while another one ends (proc(5): the list is reliable only while all stand still). So it is
/// read until it comes out the same twice, and nothing that was seen is dropped: who looks at one that is gone finds nothing.
pub(super) fn children(stat: &Stat) -> Vec<u32> {
    let mut last = listed_children(stat);
    let mut all = last.clone();
    for _ in 0..CHILDREN_READS_MAX {
        let next = listed_children(stat);
        if next == last {
            break;
        }
        all.extend(next.iter().filter(|it| !last.contains(it)));
        last = next;
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn listed_children(stat: &Stat) -> Vec<u32> {
    let of_thread = |thread| fs::read_to_string(format!("/proc/{}/task/{thread}/children", stat.pid)).ok();
    let lists: Vec<String> = threads(stat).into_iter().filter_map(of_thread).collect();
    lists.iter().flat_map(|it| it.split_ascii_whitespace()).filter_map(|it| it.parse().ok()).collect()
}

/// Returns these processes and all below them, parents first.
pub(super) fn tree(roots: impl IntoIterator<Item = u32>) -> Vec<Stat> {
    let mut waiting: VecDeque<u32> = roots.into_iter().collect();
    let mut tree = Vec::new();
    while let Some(pid) = waiting.pop_front() {
        let Some(stat) = Stat::of(pid) else { continue };
        waiting.extend(children(&stat));
        tree.push(stat);
        if tree.len() >= TREE_MAX {
            break;
        }
    }
    tree
}

/// Returns the argument list, capped.
pub(super) fn argv(pid: u32) -> Vec<String> {
    arguments(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default())
}

/// Reads what `/proc/PID/cmdline` holds, capped.
pub(crate) fn arguments(content: &[u8]) -> Vec<String> {
    let content = content.strip_suffix(b"\0").unwrap_or(content);
    if content.is_empty() {
        return Vec::new();
    }
    let capped = |it: &[u8]| {
        let mut text = String::from_utf8_lossy(&it[..it.len().min(ARGUMENT_BYTES_MAX)]).into_owned();
        // A byte that is replaced takes three.
        while text.len() > ARGUMENT_BYTES_MAX {
            text.pop();
        }
        text
    };
    content.split(|it| *it == 0).take(ARGUMENTS_MAX).map(capped).collect()
}

/// Says whether the environment a process was started with has this entry.
pub(super) fn carries(pid: u32, entry: &str) -> bool {
    let content = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    content.split(|it| *it == 0).any(|it| it == entry.as_bytes())
}

/// Returns the effective user of a process.
pub(super) fn user(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Returns whom the files of a process belong to: its user, or root for one that may not be looked into.
pub(super) fn owner(pid: u32) -> Option<u32> {
    fs::metadata(format!("/proc/{pid}")).ok().map(|it| it.uid())
}

/// Returns the descriptors of a process with what they are; nothing if they may not be read.
pub(super) fn descriptors(pid: u32) -> Option<Vec<(u32, String)>> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let mut descriptors = Vec::new();
    for entry in entries {
        let entry = entry.ok()?;
        let number = entry.file_name().to_str().and_then(|it| it.parse().ok());
        let target = fs::read_link(entry.path()).ok().map(|it| it.to_string_lossy().into_owned());
        descriptors.extend(number.zip(target));
    }
    Some(descriptors)
}

/// Returns a line of `/proc/PID/fdinfo/FD` that begins with this name.
pub(super) fn descriptor_notes(pid: u32, descriptor: u32, name: &str) -> Vec<String> {
    let content = fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).unwrap_or_default();
    content.lines().filter_map(|it| it.strip_prefix(name)).map(|it| it.trim().to_owned()).collect()
}

/// Says whether a descriptor of a process is this terminal.
pub(super) fn is_terminal(stat: &Stat, descriptor: u32, tty: u64) -> bool {
    let path = format!("/proc/{}/fd/{descriptor}", stat.pid);
    fs::read_link(&path).is_ok_and(|it| leads_to_terminal(stat, &path, &it.to_string_lossy(), tty))
}

/// Says whether a descriptor that is known to lead to `target` is this terminal.
pub(super) fn leads_to_terminal(stat: &Stat, path: &str, target: &str, tty: u64) -> bool {
    // Only what may be a terminal is looked at: a look at a file on a dead server would never return.
    let name = target.rsplit('/').next().unwrap_or_default();
    let digits = !name.is_empty() && name.bytes().all(|it| it.is_ascii_digit());
    let elsewhere = target.starts_with('/') && digits;
    if !target.starts_with("/dev/") && !elsewhere {
        return false;
    }
    let device = fs::metadata(path).map_or(0, |it| it.rdev());
    // /dev/tty is whatever controls the process.
    device == tty || (device == rustix::fs::makedev(5, 0) && stat.tty == tty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = "7 (a) b (c)) S 1 2 3 34819 9 4194304 1 2 3 4 5 6 7 8 20 0 4 0 11";
        let stat = Stat::parse(7, line).unwrap();
        assert_eq!((stat.comm.as_str(), stat.state), ("a) b (c)", 'S'));
        assert_eq!((stat.parent, stat.group, stat.session, stat.foreground), (1, 2, 3, 9));
        assert_eq!(stat.tty, rustix::fs::makedev(136, 3));
        assert_eq!(stat.threads, 4);
    }

    #[test]
    fn the_thousandth_terminal_has_a_number_too() {
        assert_eq!(device(0x30_88e8), rustix::fs::makedev(136, 1000));
    }

    #[test]
    fn a_process_knows_itself() {
        let stat = Stat::of(std::process::id()).unwrap();
        assert!(stat.threads >= 1 && threads(&stat).contains(&stat.pid));
        assert!(stat.is_live());
        assert_eq!(argv(stat.pid).first().unwrap(), &std::env::args().next().unwrap());
        assert_eq!(user(stat.pid), owner(stat.pid));
    }
}
