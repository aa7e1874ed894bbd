//! How often processes wake: the switches that they made of themselves, as the kernel counts them.

use std::collections::BTreeSet;
use std::fs;

/// The voluntary switches of all threads of a process; 0 of one that is gone.
#[must_use]
pub fn of(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let read = |it: fs::DirEntry| fs::read_to_string(it.path().join("status")).unwrap_or_default();
    let count = |it: String| {
        let line = it.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    tasks.map(read).filter_map(count).sum()
}

/// A process and all below it.
#[must_use]
pub fn below(root: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![root];
    while let Some(pid) = waiting.pop() {
        if found.insert(pid) {
            waiting.extend(children(pid));
        }
    }
    found
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let read = |it: fs::DirEntry| fs::read_to_string(it.path().join("children")).unwrap_or_default();
    let list: String = tasks.map(read).collect();
    list.split_ascii_whitespace().filter_map(|it| it.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::until;

    #[test]
    fn who_works_in_steps_is_seen_to_wake_and_who_sleeps_is_not() {
        let script = "sleep 1000 & while :; do sleep 0.01; done";
        let mut child = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
        let busy = child.id();
        let before = of(busy);
        until("it wakes", || (of(busy) > before).then_some(()));
        let all = until("both are there", || Some(below(busy)).filter(|it| it.len() >= 2));
        let is_still = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(b"sleep\x001000")
        };
        let still = all.into_iter().find(is_still).unwrap();
        assert_eq!(of(still), of(still));
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(still.cast_signed()).unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
