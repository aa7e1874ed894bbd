//! Rows with much output: 72 MB, read raw and through a shared session.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use cotty_testkit::pairs::{PAIRS_MIN, Pairs};
use cotty_testkit::{Home, Tty};

use super::memory::{peak, resident};
use super::scene::{agent_with_session, run, timed};

/// Lines of the file, of 80 bytes each with their end.
pub const LINES: usize = 900_000;

/// As fast as the machine can.
pub fn on_all_cores() -> Pairs {
    flood()
}

/// With one core for this program, the daemon, the holder and the shell.
pub fn on_one_core() -> Pairs {
    let before = OneCore::take();
    let pairs = flood();
    drop(before);
    pairs
}

/// The file on a terminal that is read to its end, and by the tool until the answer.
fn flood() -> Pairs {
    let (home, mut agent) = agent_with_session();
    let file = file(&home);
    let mut cat = home.program("cat");
    cat.arg(&file);
    let command = format!("cat {}", file.display());
    Pairs::measure(
        PAIRS_MIN,
        || timed(|| assert!(Tty::drain(&cat) >= LINES * 80)),
        || timed(|| drop(run(&mut agent, "local", &command))),
    )
}

/// What daemon and holder hold at their peak more than before.
pub fn growth() -> Pairs {
    Pairs::without_floor(3, || {
        let (home, mut agent) = agent_with_session();
        let file = file(&home);
        let before = resident(&home);
        run(&mut agent, "local", &format!("cat {}", file.display()));
        peak(&home) - before
    })
}

/// A file of 72 MB in lines that differ.
pub fn file(home: &Home) -> PathBuf {
    let path = home.path().join("72MB");
    let text: String = (0..LINES).map(|at| format!("{at:079}\n")).collect();
    fs::write(&path, text).expect("room for 72 MB");
    path
}

/// All threads of this program, and what they start, on one core until dropped.
struct OneCore {
    before: String,
}

impl OneCore {
    fn take() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("our own status");
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let before = list.expect("Linux tells it").trim().to_owned();
        let first = before.split(['-', ',']).next().unwrap_or("0").to_owned();
        pin(&first);
        Self { before }
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        pin(&self.before);
    }
}

fn pin(cores: &str) {
    let pid = std::process::id().to_string();
    let done = Command::new("taskset").args(["-a", "-p", "-c", cores, &pid]).output();
    assert!(done.expect("taskset of util-linux").status.success(), "taskset refused {cores}");
}
