//! Servers, accounts and links that give out, through the tools: each is said for what it is, and nothing else suffers.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use cotty_testkit::account::Account;
use cotty_testkit::wait::{until, until_within};
use cotty_testkit::{Relay, Sshd, not_run};
use serde_json::json;

use crate::daemon::{kill, pid};
use crate::desk::{Desk, Said, dialect, shells};
use crate::remote;

/// Opens a session on a target, which may not come about.
fn connect(desk: &mut Desk, target: &str, name: &str) -> Said {
    desk.tool("ssh_connect", json!({"target": target, "name": name}))
}

/// How the same server is named behind a relay, whose port its account knows too.
fn behind(desk: &Desk, sshd: &Sshd, relay: &Relay) -> String {
    let known = desk.home.path().join("account/.ssh/known_hosts");
    let mut lines = std::fs::read_to_string(&known).unwrap();
    lines += &sshd.known_line(&format!("[127.0.0.1]:{}", relay.port()));
    std::fs::write(known, lines).unwrap();
    format!("{}@127.0.0.1:{}", sshd.user(), relay.port())
}

#[test]
fn when_the_daemon_dies_its_sessions_on_hosts_are_lost_and_stay_readable() {
    let Some(sshd) = Sshd::start("when_the_daemon_dies_its_sessions_on_hosts_are_lost") else { return };
    let mut desk = Desk::over(&sshd);
    desk.open("web1", "bash");
    let kept = desk.run("web1", "seq 3; echo kept");
    let under_way = desk.begin("web1", "echo begun; sleep 100");
    until("what it printed has arrived", || {
        let said = desk.tool("ssh_read", json!({"session": "web1", "view": "command"}));
        (said.output() == "begun").then_some(())
    });
    kill(pid(&desk.home));
    let said = desk.finish(under_way);
    assert!(said.state().starts_with("lost: the daemon ended"), "{said:?}");
    assert!(said.text.contains(&format!("ssh_connect target={} name=web1", desk.target)), "{said:?}");
    let said = desk.tool("ssh_read", json!({"command": kept.handle(), "view": "command"}));
    assert_eq!((said.exit(), said.output().as_str()), (Some(0), "1\n2\n3\nkept"), "{said:?}");
    let said = desk.tool("ssh_read", json!({"session": "web1", "view": "tail"}));
    assert!(said.output().contains("begun"), "{said:?}");
    let said = desk.tool("ssh_list", json!({}));
    assert!(said.text.contains("web1: lost: the daemon ended"), "{said:?}");
    desk.run("web1", "true").refuses("lost", &["the daemon ended", "ssh_connect target="]);
    desk.open("web1", "bash");
    desk.is_exact("web1");
}

#[test]
fn what_was_printed_before_the_daemon_died_proves_what_it_proves_over_ssh_too() {
    let Some(sshd) = Sshd::start("what_was_printed_before_the_daemon_died_proves_what_it_proves") else {
        return;
    };
    let mut desk = Desk::over(&sshd);
    for shell in shells() {
        for time in 0..2 {
            desk.open(shell, shell);
            // What was answered is not lost, though nobody had the time to keep it.
            let command = format!("echo said; (exit {time})");
            let answered = desk.run(shell, &command);
            assert_eq!((answered.exit(), answered.output().as_str()), (Some(time), "said"), "{answered:?}");
            kill(pid(&desk.home));
            let said = desk.tool("ssh_read", json!({"command": answered.handle(), "view": "command"}));
            assert_eq!((said.exit(), said.output().as_str()), (Some(time), "said"), "{shell}: {said:?}");
        }
        // What was under way is, without our own line in what it printed.
        desk.open(shell, shell);
        let under_way = desk.begin(shell, "echo begun; sleep 100");
        until("what it printed has arrived", || {
            let said = desk.tool("ssh_read", json!({"session": shell, "view": "command"}));
            (said.output() == "begun").then_some(())
        });
        kill(pid(&desk.home));
        let said = desk.finish(under_way);
        assert!(said.state().starts_with("lost: the daemon ended"), "{said:?}");
        assert_eq!(said.output(), "begun", "{shell}: {said:?}");
    }
}

#[test]
fn a_connection_that_is_cut_or_falls_silent_ends_its_sessions_as_lost_with_what_they_printed() {
    let Some(sshd) = Sshd::start("a_connection_that_is_cut_or_falls_silent") else { return };
    let mut desk = Desk::over(&sshd);
    desk.open("web1", "bash");
    let server = desk.run("web1", "echo $PPID").output().parse().unwrap();
    let said = desk.run_for("web1", "echo begun; sleep 100", 1);
    assert_eq!(said.output(), "begun", "{said:?}");
    kill(server);
    let said = desk.tool("ssh_wait", json!({"command": said.handle()}));
    assert!(said.state().starts_with("lost: the connection to "), "{said:?}");
    assert_eq!(said.output(), "begun", "{said:?}");
    assert!(said.head().contains("Next: ssh_connect target="), "{said:?}");

    // One that only falls silent is doubtful first, and lost after three questions without an answer.
    let relay = Relay::to(sshd.port());
    let target = behind(&desk, &sshd, &relay);
    assert!(connect(&mut desk, &target, "web2").head().contains("ready"));
    let said =
        desk.tool("ssh_run", json!({"session": "web2", "command": "echo before; sleep 100", "wait_s": 1}));
    assert_eq!(said.output(), "before", "{said:?}");
    relay.freeze();
    until("it is doubtful", || {
        let said = desk.tool("ssh_status", json!({"session": "web2"}));
        let status = desk.home.run(&["status", "web2", "--json"]);
        let is_told = String::from_utf8_lossy(&status.stdout).contains("\"silent_ms\":");
        (said.text.contains("degraded: ") && is_told).then_some(())
    });
    let said = desk.tool("ssh_wait", json!({"command": said.handle(), "wait_s": 50}));
    assert!(said.state().starts_with("lost: "), "{said:?}");
    assert!(said.text.contains("gave no sign of life"), "{said:?}");
    assert_eq!(said.output(), "before", "{said:?}");
    desk.run("web2", "true").refuses("lost", &["no sign of life", "ssh_connect"]);
}

#[test]
fn twenty_sessions_share_a_server_of_default_configuration_and_each_is_right() {
    let Some(sshd) = Sshd::start("twenty_sessions_share_a_server") else { return };
    let mut desk = Desk::over(&sshd);
    let target = desk.target.clone();
    // Two that are opened at once under one name are one.
    let names: Vec<String> = (0..20).map(|number| format!("s{number}")).chain(["s0".to_owned()]).collect();
    let opened: Vec<_> = names
        .iter()
        .map(|name| desk.agent.start_call("ssh_connect", json!({"target": target, "name": name})))
        .collect();
    let said: Vec<Said> = opened.into_iter().map(|it| desk.finish(it)).collect();
    assert!(said.iter().all(|it| it.head().contains("ready")), "{said:?}");
    assert_eq!(said.iter().filter(|it| it.head().contains("open already (same name)")).count(), 1);
    for round in 0..2 {
        let runs: Vec<_> = (0..20)
            .map(|at| desk.begin(&format!("s{at}"), &format!("echo {round}-{at}; (exit {at})")))
            .collect();
        for (at, run) in runs.into_iter().enumerate() {
            let said = desk.finish(run);
            assert_eq!(
                (said.exit(), said.output()),
                (i32::try_from(at).ok(), format!("{round}-{at}")),
                "{said:?}"
            );
        }
    }
    let said = desk.tool("ssh_status", json!({"target": target}));
    assert!(said.text.contains("20 sessions open") && said.text.contains("connections: 3"), "{said:?}");
}

#[test]
fn of_five_hosts_one_that_swallows_everything_keeps_no_other_waiting() {
    let Some(sshd) = Sshd::start("of_five_hosts_one_that_swallows_everything") else { return };
    let home = remote::home(&[&sshd]);
    home.write_config("[timeouts]\nhandshake = \"4s\"\n");
    let mut desk = Desk::at(home);
    let relays: Vec<Relay> = (0..5).map(|_| Relay::to(sshd.port())).collect();
    let targets: Vec<String> = relays.iter().map(|it| behind(&desk, &sshd, it)).collect();
    relays[4].black_hole();
    let hole = desk.agent.start_call("ssh_connect", json!({"target": targets[4], "name": "hole"}));
    let beside =
        desk.agent.start_call("ssh_run", json!({"target": targets[4], "command": "true", "isolated": true}));
    for (at, target) in targets[..4].iter().enumerate() {
        let said = connect(&mut desk, target, &format!("s{at}"));
        assert!(said.head().contains("ready"), "{said:?}");
        desk.is_exact(&format!("s{at}"));
    }
    let said = desk.tool("ssh_status", json!({"session": "hole"}));
    assert!(said.text.starts_with("[hole] opening") || said.text.contains("failed"), "{said:?}");
    let words = "did not finish the handshake within 4 s";
    desk.finish(hole).refuses("connection-failure", &[words, "timeouts.handshake"]);
    desk.finish(beside).refuses("connection-failure", &[words]);
    let said = desk.tool("ssh_status", json!({"target": targets[4]}));
    assert!(said.text.contains("failed while agreeing on keys") && said.text.contains(words), "{said:?}");
}

#[test]
fn servers_that_give_little_give_sessions_all_the_same() {
    let test = "servers_that_give_little_give_sessions_all_the_same";
    let Some(sshd) = Sshd::start_with(test, "MaxSessions 1") else { return };
    let mut desk = Desk::over(&sshd);
    let target = desk.target.clone();
    let opening = ["one", "two"].map(|name| {
        let order = json!({"target": target, "name": name});
        (name, desk.agent.start_call("ssh_connect", order))
    });
    for (name, opening) in opening {
        let said = desk.finish(opening);
        let seen = until_within(Duration::from_secs(25), "it is ready without facts", || {
            let seen = desk.tool("ssh_status", json!({"session": name}));
            seen.text.starts_with(&format!("[{name}] ready")).then_some(seen)
        });
        let words = ["degraded: ", "shows no facts"];
        assert!(words.iter().all(|it| seen.text.contains(it)), "{said:?} {seen:?}");
        desk.is_exact(name);
    }
    let said = desk.tool("ssh_run", json!({"target": target, "command": "echo beside", "isolated": true}));
    assert_eq!(said.output(), "beside", "{said:?}");

    // What counts are those who have not logged in yet: one is held open by hand.
    let Some(sshd) = Sshd::start_with(test, "MaxStartups 1:100:1") else { return };
    let mut desk = Desk::over(&sshd);
    let target = desk.target.clone();
    let held = until("the server takes one", || {
        let mut held = TcpStream::connect(("127.0.0.1", sshd.port())).unwrap();
        let mut said = [0; 8];
        held.read_exact(&mut said).is_ok_and(|()| said == *b"SSH-2.0-").then_some(held)
    });
    connect(&mut desk, &target, "late").refuses("connection-failure", &["127.0.0.1"]);
    drop(held);
    until("there is room again", || {
        connect(&mut desk, &target, "late").head().contains("ready").then_some(())
    });
    desk.is_exact("late");
}

#[test]
fn accounts_that_give_no_shell_are_told_in_the_words_of_their_hosts() {
    let test = "accounts_that_give_no_shell_are_told";
    let Some(sshd) = Sshd::start_with(test, "ForceCommand echo for\"\"ced; exit 5") else { return };
    let mut desk = Desk::over(&sshd);
    let target = desk.target.clone();
    let said = connect(&mut desk, &target, "forced");
    assert!(said.text.contains("shell exited 5") || said.text.contains("exited 5"), "{said:?}");
    let said = desk.tool("ssh_read", json!({"session": "forced", "view": "tail"}));
    assert!(said.output().contains("forced"), "{said:?}");
    desk.run("forced", "true").refuses("shell-exited", &["ssh_connect"]);

    let Some(sshd) = Sshd::start(test) else { return };
    let Some(account) = Account::new(test, &sshd, "/usr/sbin/nologin") else { return };
    let mut desk = Desk::over(&sshd);
    let target = format!("{}@127.0.0.1:{}", account.name(), sshd.port());
    let said = connect(&mut desk, &target, "none");
    assert!(said.text.contains("exited 1"), "{said:?}");
    let said = desk.tool("ssh_read", json!({"session": "none", "view": "tail"}));
    assert!(said.output().contains("not available"), "{said:?}");
    let said = desk.tool("ssh_run", json!({"target": target, "command": "echo never", "isolated": true}));
    assert!(said.exit() == Some(1) && said.output().contains("not available"), "{said:?}");
}

#[test]
fn rc_files_that_never_end_or_ask_are_not_typed_at_and_can_be_answered() {
    let Some(sshd) = Sshd::start("rc_files_that_never_end_or_ask_are_not_typed_at") else { return };
    let mut desk = Desk::over(&sshd);
    let target = desk.target.clone();
    sshd.write("home/.bash_profile", "read -rp 'Which? ' answer; echo \"answered $answer\"\n");
    let asking =
        desk.agent.start_call("ssh_connect", json!({"target": target, "name": "asks", "shell": "bash"}));
    until("it asks", || {
        let screen = desk.tool("ssh_read", json!({"session": "asks", "view": "screen"}));
        screen.text.contains("Which?").then_some(())
    });
    sshd.write("home/.bash_profile", "yes rc\n");
    let flooding =
        desk.agent.start_call("ssh_connect", json!({"target": target, "name": "floods", "shell": "bash"}));
    for (name, connecting) in [("asks", asking), ("floods", flooding)] {
        let said = desk.finish(connecting);
        assert!(said.head().contains("not known") || said.head().contains("opening"), "{name}: {said:?}");
        let said = desk.run_for(name, "touch never", 1);
        said.refuses("terminal-state", &[&format!("ssh_read session={name} view=screen")]);
    }
    desk.send("asks", "this one");
    desk.press("floods", "ctrl-c");
    for name in ["asks", "floods"] {
        until_within(Duration::from_secs(30), "it is ready", || {
            let status = desk.tool("ssh_status", json!({"session": name}));
            status.text.starts_with(&format!("[{name}] ready")).then_some(())
        });
        desk.is_exact(name);
    }
    assert!(!desk.home.work().join("never").exists());
    let said = desk.tool("ssh_read", json!({"session": "asks", "view": "tail"}));
    assert!(!said.is_error, "{said:?}");
}

#[test]
fn what_a_program_waits_for_is_told_without_the_file_that_yama_refuses() {
    let test = "what_a_program_waits_for_is_told_without_the_file_that_yama_refuses";
    let Some(sshd) = sshd_without_system_calls(test) else { return };
    let mut desk = Desk::over(&sshd);
    for shell in shells().into_iter().filter(|it| *it != "dash") {
        desk.open(shell, shell);
        desk.run(shell, "cat").needs("line");
        desk.press(shell, "ctrl-d");
        desk.run(shell, "bash -c 'read -rs x; echo ${#x}'").needs("secret");
        desk.press(shell, "ctrl-c");
        // A reader with a socket open is lost there, knowingly.
        let pages = if dialect(shell).pipes_are_sockets() { "seq 999 >n; less n" } else { "seq 999 | less" };
        desk.run(shell, pages).needs("pager");
        desk.press(shell, "q");
        let said = desk.run_for(shell, "sleep 30", 2);
        assert!(said.state().starts_with("running"), "{said:?}");
        let said = desk.tool("ssh_close", json!({"id": said.handle()}));
        assert!(said.state().starts_with("interrupted"), "{said:?}");
        let said = desk.run(shell, "cat");
        let evidence = desk.tool("ssh_read", json!({"command": said.handle(), "view": "evidence"}));
        assert!(said.head().contains("(probed)"), "{said:?} {evidence:?}");
        desk.press(shell, "ctrl-d");
        desk.is_exact(shell);
    }
}

/// A server on whose machine the file of system calls may not be read.
pub(crate) fn sshd_without_system_calls(test: &str) -> Option<Sshd> {
    if std::path::Path::new("/bin/sh").canonicalize().is_ok_and(|it| !it.ends_with("dash")) {
        not_run(test, "sh is not dash here");
        return None;
    }
    // The probe is an `sh` that reads its text: there it reads another name for that file.
    let before = "cp /bin/sh {folder}/dash\n\
        printf '%s\\n' '#!/bin/bash' '[ $# -gt 0 ] && exec {folder}/dash \"$@\"' \
        'exec {folder}/dash < <(exec sed -u s,/syscall,/refused,)' >{folder}/sh\n\
        chmod 755 {folder}/sh\nmount --bind {folder}/sh /bin/sh";
    Sshd::start_in_namespace(test, "", before)
}
