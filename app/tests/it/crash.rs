//! Who crashes leaves nothing of its memory behind, and a person's own programs do as they did before.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cotty_testkit::mcp::Mcp;
use cotty_testkit::{Home, Sshd, Tty, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::desk::Desk;
use crate::remote;
use crate::trust::own;
use crate::users_ssh::masters;

/// Runs a program with as large a core file as this process may ask for.
fn with_cores(command: &Command) -> Command {
    let script = "ulimit -S -c \"$(ulimit -H -c)\" && exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(command.get_program()).args(command.get_args());
    shell.env_clear();
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    shell.current_dir(command.get_current_dir().unwrap());
    shell
}

/// The soft limit of a process for core files, as the kernel words it.
fn core_limit(pid: u32) -> String {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find_map(|it| it.strip_prefix("Max core file size")).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}

/// What stands in a directory that may be a core file.
fn cores(directory: &Path) -> BTreeSet<OsString> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let start = pattern.trim().split('%').next().unwrap().to_owned();
    let names = fs::read_dir(directory).unwrap().flatten().map(|it| it.file_name());
    names.filter(|it| it.to_string_lossy().starts_with(&start)).collect()
}

/// Whether a program that crashes with `directory` as its own leaves a file there. Elsewhere the limits alone tell.
fn shows_cores(home: &Home) -> bool {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if pattern.starts_with('|') || pattern.contains('/') || pattern.starts_with('%') {
        return false;
    }
    let mut crash = home.program("sh");
    crash.args(["-c", "kill -SEGV $$"]);
    drop(with_cores(&crash).output().unwrap());
    !cores(&home.work()).is_empty()
}

/// Crashes a process, and returns what it left where it was.
fn crash(pid: u32) -> BTreeSet<OsString> {
    let directory = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_else(|_| PathBuf::from("/"));
    let before = cores(&directory);
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    until("it has crashed", || {
        // A first one from outside is nothing to the handler of Rust's own, which then stands aside.
        kill_process(pid, Signal::SEGV).ok();
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
    cores(&directory).difference(&before).cloned().collect()
}

fn words(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).split('\0').map(str::to_owned).collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn who_crashes_leaves_no_core_file_and_a_session_has_the_limit_of_its_person() {
    let Some(sshd) = Sshd::start("who_crashes_leaves_no_core_file") else { return };
    let home = remote::home(&[&sshd]);
    home.write_config("[ssh]\nengine = \"openssh\"\n");
    let mut lock = Command::new("ssh-keygen");
    lock.args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"]).arg(own(&home, "id_ed25519"));
    assert!(lock.output().unwrap().status.success());
    let mut outside = home.program("sh");
    outside.args(["-c", "ulimit -S -c; ulimit -H -c"]);
    let outside = with_cores(&outside).output().unwrap().stdout;
    let outside = String::from_utf8(outside).unwrap().trim().to_owned();

    let mut agent = Mcp::start(with_cores(&home.cotty(&["mcp"])));
    agent.initialize();
    let mut desk = Desk::of(agent, home);
    desk.open("web1", "bash");
    assert_eq!(desk.run("web1", "ulimit -S -c; ulimit -H -c").output(), outside);
    let alone = json!({"target": "local", "command": "ulimit -S -c; ulimit -H -c", "isolated": true});
    assert_eq!(desk.tool("ssh_run", alone).output(), outside);

    // A question of ssh is open: its askpass waits, and so does the person who is asked.
    desk.tool("ssh_connect", json!({"target": remote::target(&sshd)})).refuses("secret-needed", &["q1"]);
    let mut person = Tty::start(&with_cores(&desk.home.cotty(&["answer", "q1"])));
    person.wait_text("Enter passphrase for key");
    let ssh = masters(&desk.home);
    let all = desk.home.processes();
    let askpass = all.iter().copied().find(|it| {
        parent(*it).is_some_and(|it| ssh.contains(&it))
            && words(*it).get(1).is_some_and(|it| it.contains("passphrase"))
    });
    let holder = all.iter().copied().find(|it| words(*it).get(1).is_some_and(|it| it == "hold"));
    let daemon = desk.home.daemon_pid();
    let visible = shows_cores(&desk.home);
    for (who, pid) in [
        ("answer", Some(person.pid())),
        ("askpass", askpass),
        ("ssh", ssh.first().copied()),
        ("holder", holder),
        ("daemon", daemon),
    ] {
        let pid = pid.unwrap_or_else(|| panic!("no {who}: {all:?}"));
        assert!(matches!(core_limit(pid).as_str(), "0" | "1"), "{who}: {}", core_limit(pid));
        if who == "ssh" {
            // It ends by itself with its question.
            continue;
        }
        let left = crash(pid);
        assert!(!visible || left.is_empty(), "{who} left {left:?}");
    }
    person.wait_exit();
}
