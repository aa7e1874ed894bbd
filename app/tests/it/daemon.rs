//! One daemon an instance: started once, found again, replaced where it is gone.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

use cotty_testkit::home::Home;
use cotty_testkit::wait::until;
use rustix::process::{Pid, Signal, kill_process};

/// The daemon's process id, as it tells it.
pub(crate) fn pid(home: &Home) -> i32 {
    let text = std::fs::read_to_string(home.state().join("daemon.json")).expect("the daemon's card");
    let card: serde_json::Value = serde_json::from_str(&text).expect("a document");
    i32::try_from(card["pid"].as_i64().expect("a pid")).expect("a small one")
}

/// Kills a daemon and waits until it is gone.
pub(crate) fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).expect("a pid"), Signal::KILL).expect("a daemon of ours");
    let lives = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    until("it is gone", || (!lives()).then_some(()));
}

#[test]
fn of_many_that_start_it_at_once_one_does() {
    let home = Home::new();
    let racing: Vec<_> = (0..12)
        .map(|_| {
            let mut command = home.cotty(&["status", "--json"]);
            command.stdout(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut pids: Vec<i64> = racing
        .into_iter()
        .map(|it| {
            let output = it.wait_with_output().unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            answer["daemon"]["pid"].as_i64().unwrap()
        })
        .collect();
    pids.dedup();
    assert_eq!(pids, [i64::from(pid(&home))]);
}

#[test]
fn a_stale_socket_and_card_are_replaced() {
    let home = Home::new();
    assert!(home.run(&["status"]).status.success());
    let before = pid(&home);
    kill(before);
    assert!(home.state().join("daemon.sock").symlink_metadata().unwrap().file_type().is_socket());
    assert!(home.run(&["status"]).status.success());
    assert_ne!(pid(&home), before);
}

#[test]
fn a_home_deeper_than_a_sockets_address_works() {
    let home = Home::new();
    let deep = home.path().join("d".repeat(120)).join("e".repeat(120));
    let mut command = home.cotty(&["status", "--json"]);
    let output = command.env("COTTY_STATE_DIR", &deep).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(deep.join("daemon.json").exists());
}

#[test]
fn without_home_it_says_which_variable_is_missing() {
    let home = Home::new();
    let mut command = home.cotty(&["ls"]);
    let output = command.env_remove("HOME").env_remove("COTTY_STATE_DIR").output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("HOME is not set") && text.contains("COTTY_STATE_DIR"), "{text}");
    // What depends on where somebody stands is no home.
    let output =
        home.cotty(&["ls"]).env("HOME", "some/where").env_remove("COTTY_STATE_DIR").output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("some/where") && text.contains("Set HOME to a path that begins with /"), "{text}");
}

#[test]
fn what_it_keeps_is_private_and_another_user_cannot_connect() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let mut folders = vec![home.state()];
    while let Some(folder) = folders.pop() {
        assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let found = path.symlink_metadata().unwrap();
            if found.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(found.mode() & 0o777, 0o600, "{}", path.display());
            }
        }
    }
    if !rustix::process::geteuid().is_root() {
        return; // Only root can become somebody else.
    }
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = home
        .program("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "cat"])
        .arg(home.state().join("daemon.json"))
        .output()
        .unwrap();
    assert!(!output.status.success(), "{output:?}");
    // Even where somebody has opened the doors, the daemon asks who is there.
    assert_eq!(ask_as_another(&home), "cannot connect");
    for path in [home.state(), home.state().join("daemon.sock")] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    assert_eq!(ask_as_another(&home), "no answer");
}

/// Asks the daemon for a sign of life under another uid; returns what came of it.
fn ask_as_another(home: &Home) -> String {
    const SCRIPT: &str = r#"
use IO::Socket::UNIX;
my $caller = IO::Socket::UNIX->new(Peer => $ARGV[0]) or do { print "cannot connect"; exit };
$SIG{PIPE} = "IGNORE";
syswrite $caller, "GET /livez HTTP/1.1\r\nHost: cotty\r\n\r\n";
print sysread($caller, my $said, 1000) ? "answered" : "no answer";
"#;
    let mut command = home.program("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "perl", "-e", SCRIPT]);
    let output = command.arg(home.state().join("daemon.sock")).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_planted_symlink_is_no_state_directory() {
    let home = Home::new();
    let elsewhere = home.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let link = home.path().join("link");
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    let output = home.cotty(&["ls"]).env("COTTY_STATE_DIR", &link).output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_link_planted_among_its_files_is_refused_and_nothing_is_written_through_it() {
    let home = Home::new();
    let (file, folder) = (home.path().join("victim"), home.path().join("folder"));
    std::fs::write(&file, "precious").unwrap();
    std::fs::create_dir(&folder).unwrap();
    let planted = [("daemon.log", &file), ("store.db", &file), ("daemon.sock", &file), ("sessions", &folder)];
    for (name, victim) in planted {
        let link = home.state().join(name);
        std::os::unix::fs::symlink(victim, &link).unwrap();
        let output = home.run(&["up", "web1"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(69), "{name}: {text}");
        assert!(text.contains(&format!("{name} is a symlink")) && text.contains("remove it"), "{text}");
        std::fs::remove_file(link).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    assert!(home.run(&["up", "web1"]).status.success());
}

#[test]
fn its_environment_holds_nothing_of_who_started_it() {
    let home = Home::new();
    let mut command = home.cotty(&["status"]);
    assert!(command.env("CANARY", "tweet").output().unwrap().status.success());
    // Root alone may look.
    match std::fs::read(format!("/proc/{}/environ", pid(&home))) {
        Ok(environment) => assert!(!String::from_utf8_lossy(&environment).contains("tweet")),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
}

#[test]
fn restart_keeps_sessions_and_stop_ends_them() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let before = pid(&home);
    let (code, text) = home.run_as_person(&["restart"]);
    assert_eq!(code, Some(0), "{text}");
    assert_ne!(pid(&home), before);
    let output = home.run(&["run", "web1", "--", "echo still $((1+1))"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("still 2"), "{output:?}");
    let (code, text) = home.run_as_person(&["stop"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("web1"), "{text}");
    assert!(!home.state().join("daemon.sock").exists());
}

#[test]
fn another_instance_is_another_daemon() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let output = home.run(&["--instance", "work", "ls", "--json"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), r#"{"sessions":[]}"#);
    assert!(home.state().join("instances/work/daemon.json").exists());
    let output = home.run(&["--instance", "../x", "ls"]);
    assert_eq!(output.status.code(), Some(64));
}
