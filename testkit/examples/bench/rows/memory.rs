//! Rows about memory: what is resident of the daemon and the holder together.

use std::fs;
use std::time::Duration;

use cotty_testkit::Home;
use cotty_testkit::pairs::Pairs;
use serde_json::json;

use super::scene::{agent_with_session, run};

/// After two to four seconds at rest the daemon has given back what only calls need.
const REST: Duration = Duration::from_secs(5);

/// With one session that has run one command, at rest.
pub fn idle() -> Pairs {
    Pairs::without_floor(5, || {
        let (home, _agent) = agent_with_session();
        std::thread::sleep(REST);
        resident(&home)
    })
}

/// What each of fifty sessions adds when it has printed a thousand lines.
pub fn sessions() -> Pairs {
    Pairs::without_floor(3, || {
        let (home, mut agent) = agent_with_session();
        let before = resident(&home);
        for at in 0..50 {
            let name = format!("s{at}");
            agent.call("ssh_connect", json!({"target": "local", "name": name, "shell": "bash"}));
            run(&mut agent, &name, "seq -f 'line %g of a session that prints a thousand of them' 1000");
        }
        (resident(&home) - before) / 50.0
    })
}

/// What daemon and holder hold now.
pub fn resident(home: &Home) -> f64 {
    of_both(home, "VmRSS:")
}

/// The most that each of them ever held.
pub fn peak(home: &Home) -> f64 {
    of_both(home, "VmHWM:")
}

/// One figure of `/proc/PID/status`, of both processes together; over SSH there is no holder.
fn of_both(home: &Home, key: &str) -> f64 {
    let ours: Vec<u32> = home.processes().into_iter().filter(|&pid| is_daemon_or_holder(pid)).collect();
    assert!(matches!(ours.len(), 1 | 2), "a daemon, and a holder of what is here");
    ours.into_iter().map(|pid| status(pid, key)).sum()
}

fn is_daemon_or_holder(pid: u32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = line.split(|&byte| byte == 0);
    let program = words.next().unwrap_or_default();
    program.ends_with(b"cotty") && words.any(|word| word == b"daemon" || word == b"hold")
}

/// A figure that the kernel tells in KiB, in bytes.
fn status(pid: u32, key: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("Linux tells it");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
    kib * 1024.0
}
