//! What `/proc` says of a process: its parent, its terminal, when it began, and what it was started as.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// A process at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent; 0 at the root.
    pub parent: u32,
    /// Its controlling terminal, as the kernel numbers devices; 0 without one.
    pub terminal: u32,
    /// When it began, in clock ticks since boot.
    pub start: u64,
}

impl Process {
    /// Looks at a process; nothing where it is gone.
    ///
    /// A zombie is gone: it holds nothing any more, and in a container whose first process fetches its children
    /// late, or never, it may stand in the table for long.
    #[must_use]
    pub fn look(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads a line of `/proc/PID/stat`, where the process lives. The name in it may hold blanks and parentheses.
    #[must_use]
    pub fn parse(stat: &str) -> Option<Self> {
        let (head, tail) = stat.rsplit_once(')')?;
        let pid = head.split(' ').next()?.parse().ok()?;
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        // Counted from the state, which is field 3 in proc(5): parent 4, terminal 7, start 22.
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        let terminal: i32 = fields.get(4)?.parse().ok()?;
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            terminal: terminal.cast_unsigned(),
            start: fields.get(19)?.parse().ok()?,
        })
    }

    /// Returns the number of its pseudo-terminal, where its terminal is one.
    #[must_use]
    pub fn pts(&self) -> Option<u32> {
        let major = (self.terminal >> 8) & 0xfff;
        let minor = (self.terminal & 0xff) | ((self.terminal >> 12) & 0xf_ff00);
        // Majors 136 to 143 are the slaves of pseudo-terminals; Linux since 2.6 uses the first alone.
        (136..=143).contains(&major).then(|| (major - 136) * 256 + minor)
    }
}

/// Returns whether a process is one of our holders, of whatever instance and version.
#[must_use]
pub fn is_holder(pid: u32) -> bool {
    let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let mut words = line.split(|it| *it == 0);
    let program = words.next().unwrap_or_default();
    if words.next() != Some(b"hold") {
        return false;
    }
    let name = program.rsplit(|it| *it == b'/').next().unwrap_or_default();
    name == b"cotty" || identity(&format!("/proc/{pid}/exe")) == identity("/proc/self/exe")
}

/// Returns the numbers of the pseudo-terminals whose master side a process holds.
#[must_use]
pub fn masters(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts
        .filter_map(|text| text.lines().find_map(|it| it.strip_prefix("tty-index:")?.trim().parse().ok()))
        .collect()
}

/// Returns every holder that runs as our user.
#[must_use]
pub fn holders() -> Vec<u32> {
    let ours = rustix::process::geteuid().as_raw();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mine = entries.filter(|entry| entry.metadata().is_ok_and(|it| it.uid() == ours));
    let pids = mine.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| is_holder(*pid)).collect()
}

fn identity(path: &str) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "77 (a) 1 (b c)) S 12 77 70 34819 77 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1000 200";
        let process = Process::parse(stat).unwrap();
        assert_eq!(process, Process { pid: 77, parent: 12, terminal: 34819, start: 4242 });
        assert_eq!(process.pts(), Some(3));
    }

    #[test]
    fn a_terminal_may_be_far_up_or_none() {
        let at = |terminal| Process { terminal, ..Process::default() }.pts();
        assert_eq!(at(0), None);
        assert_eq!(at(0x0401), None, "a console is no pseudo-terminal");
        assert_eq!(at((136 << 8) | 0xff), Some(255));
        assert_eq!(at((136 << 8) | (1 << 20)), Some(256));
    }

    #[test]
    fn what_is_no_stat_is_none() {
        for text in ["", "1", "1 (x)", "1 (x) S 1 2", "x (x) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"] {
            assert_eq!(Process::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_process_that_ended_is_gone_though_nobody_fetched_it() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(Process::look(child.id()).is_some());
        child.kill().unwrap();
        let stat = format!("/proc/{}/stat", child.id());
        while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
            std::thread::yield_now();
        }
        assert_eq!(Process::look(child.id()), None);
        child.wait().unwrap();
    }

    #[test]
    fn we_see_ourselves() {
        let process = Process::look(std::process::id()).unwrap();
        assert_eq!(process.pid, std::process::id());
        assert!(process.parent > 0);
        assert!(!is_holder(process.pid));
    }
}
