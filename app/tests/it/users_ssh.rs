//! The user's own ssh as the engine: what holds over ours holds over it.

use std::fs;
use std::process::Command;

use cotty_testkit::mcp::Mcp;
use cotty_testkit::{Account, Home, Relay, Sshd, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::desk::{Desk, Said};
use crate::remote;
use crate::trust::{own, stranger};

const DRIVEN: &str = "[ssh]\nengine = \"openssh\"\n";

fn desk(sshd: &Sshd) -> Desk {
    let home = remote::home(&[sshd]);
    home.write_config(DRIVEN);
    let mut desk = Desk::at(home);
    desk.target = remote::target(sshd);
    desk
}

fn alone(desk: &mut Desk, command: &str) -> Said {
    let target = desk.target.clone();
    desk.tool("ssh_run", json!({"target": target, "command": command, "isolated": true, "wait_s": 25}))
}

/// The processes of ssh that hold connections in a home.
pub(crate) fn masters(home: &Home) -> Vec<u32> {
    let named = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(b"/") && String::from_utf8_lossy(&line).contains("ControlMaster=yes")
    };
    home.processes().into_iter().filter(named).collect()
}

fn end(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_session_by_the_users_ssh_is_one_like_any_other() {
    let Some(sshd) = Sshd::start("a_session_by_the_users_ssh_is_one_like_any_other") else { return };
    let mut desk = desk(&sshd);
    let target = desk.target.clone();
    let said = desk.tool("ssh_connect", json!({"target": target}));
    assert!(said.head().starts_with("[127.0.0.1] opened: ready"), "{said:?}");
    assert!(said.text.contains("engine openssh: the config says so"), "{said:?}");
    let said = desk.run("127.0.0.1", "echo $SSH_CONNECTION; (exit 255)");
    assert_eq!(said.exit(), Some(255), "{said:?}");
    assert!(said.output().ends_with(&format!("127.0.0.1 {}", sshd.port())), "{said:?}");
    desk.is_exact("127.0.0.1");
    let said = desk.run("127.0.0.1", "read -p 'name? ' x; echo \"got-$x\"");
    assert!(said.state().contains("needs input"), "{said:?}");
    let said = desk.send("127.0.0.1", "me");
    assert!(said.text.contains("got-me"), "{said:?}");
    let said = desk.tool("ssh_status", json!({"target": target}));
    assert!(said.text.contains("engine: openssh: the config says so"), "{said:?}");
    // What it was started with is ours, and the connection's end is its own.
    let [pid] = masters(&desk.home)[..] else { panic!("{:?}", masters(&desk.home)) };
    let line = String::from_utf8(fs::read(format!("/proc/{pid}/cmdline")).unwrap()).unwrap();
    let words: Vec<&str> = line.trim_end_matches('\0').split('\0').collect();
    assert_eq!(words[words.len() - 2..], ["--", "127.0.0.1"]);
    for word in ["ClearAllForwardings=yes", "StrictHostKeyChecking=yes", "ControlPersist=no", "-a", "-x"] {
        assert!(words.contains(&word), "{word}: {words:?}");
    }
    drop(desk.home.run_as_person(&["stop"]));
    until("ssh has ended with the daemon", || fs::metadata(format!("/proc/{pid}")).is_err().then_some(()));
}

#[test]
fn a_command_beside_it_has_two_streams_and_an_end_that_is_never_guessed() {
    let Some(sshd) = Sshd::start("a_command_beside_it_has_two_streams") else { return };
    let mut desk = desk(&sshd);
    let said = alone(&mut desk, "echo one; echo two >&2; exit 3");
    assert_eq!((said.exit(), said.output().as_str()), (Some(3), "one"), "{said:?}");
    assert!(said.text.contains("stderr") && said.text.contains("two"), "{said:?}");
    assert_eq!(alone(&mut desk, "exit 255").exit(), Some(255));
    assert_eq!(alone(&mut desk, "cat; printf done").output(), "done");
    // ssh says of a program that a signal ended nothing but that it has ended.
    let said = alone(&mut desk, "kill -KILL $$");
    assert_eq!(said.exit(), None, "{said:?}");
    assert!(said.head().contains("it ended, and nobody said how"), "{said:?}");
    // Two at once, one of which is ended.
    let target = desk.target.clone();
    let long = json!({"target": target, "command": "sleep 100 & sleep 100", "isolated": true, "wait_s": 0});
    let long = desk.tool("ssh_run", long);
    assert_eq!(alone(&mut desk, "echo beside").output(), "beside");
    let said = desk.tool("ssh_close", json!({"id": long.handle()}));
    assert!(!said.is_error, "{said:?}");
    let left = alone(&mut desk, "pgrep -x sleep -P 1 | wc -l");
    assert_eq!(left.exit(), Some(0), "{left:?}");
    assert_eq!(masters(&desk.home).len(), 1);
}

#[test]
fn what_would_be_an_order_to_ssh_is_text_for_the_host() {
    let Some(sshd) = Sshd::start("what_would_be_an_order_to_ssh_is_text_for_the_host") else { return };
    let mut desk = desk(&sshd);
    desk.open("web1", "bash");
    let said = desk.run("web1", "cat");
    assert!(said.state().contains("needs input"), "{said:?}");
    for order in ["~.", "~C", "~#", "~?", "~~"] {
        let said = desk.send("web1", order);
        // Typed, and printed by what reads it.
        assert!(said.text.matches(order).count() >= 1, "{order}: {said:?}");
        assert!(!said.text.contains("ssh>") && !said.text.contains("forwarded"), "{order}: {said:?}");
    }
    desk.press("web1", "ctrl+d");
    desk.is_exact("web1");
    // A person's keys go the same way.
    let mut person = desk.home.tty(&["attach", "web1"]);
    person.wait_text("$");
    // Typed earlier, a line would meet a terminal that the shell has not made canonical yet.
    person.line("echo ready-$((40 + 2)); cat");
    person.wait_text("ready-42");
    person.line("~.");
    person.line("~#");
    person.wait_for("what cat printed", |text| text.matches("~#").count() >= 2);
    person.send([4]);
    person.line("echo still-$((40 + 2))");
    person.wait_text("still-42");
    person.send([29]);
    person.wait_exit();
}

#[test]
fn a_server_that_gives_few_sessions_is_asked_on_further_connections() {
    let story = "a_server_that_gives_few_sessions_is_asked_on_further_connections";
    let Some(sshd) = Sshd::start_with(story, "MaxSessions 2\n") else { return };
    let mut desk = desk(&sshd);
    for name in ["one", "two", "three"] {
        desk.open(name, "bash");
        desk.is_exact(name);
    }
    let said = alone(&mut desk, "echo beside");
    assert_eq!((said.exit(), said.output().as_str()), (Some(0), "beside"), "{said:?}");
    assert!(masters(&desk.home).len() >= 2, "{:?}", masters(&desk.home));
    for name in ["one", "two", "three"] {
        desk.is_exact(name);
    }
}

#[test]
fn with_the_ssh_that_holds_them_sessions_are_lost_and_that_is_said() {
    let Some(sshd) = Sshd::start("with_the_ssh_that_holds_them_sessions_are_lost") else { return };
    let mut desk = desk(&sshd);
    desk.open("web1", "bash");
    let said = desk.tool("ssh_run", json!({"session": "web1", "command": "sleep 100", "background": true}));
    let [pid] = masters(&desk.home)[..] else { panic!("{:?}", masters(&desk.home)) };
    end(pid, Signal::KILL);
    let said = desk.tool("ssh_wait", json!({"command": said.handle(), "wait_s": 25}));
    assert!(said.text.contains("lost"), "{said:?}");
    assert!(said.text.contains("the ssh that held it ended"), "{said:?}");
    let target = desk.target.clone();
    let said = desk.tool("ssh_connect", json!({"target": target, "name": "web1"}));
    assert!(said.head().contains("opened: ready"), "{said:?}");
    desk.is_exact("web1");
}

#[test]
fn a_connection_that_says_nothing_any_more_is_lost_by_the_users_ssh_too() {
    let Some(sshd) = Sshd::start("a_connection_that_says_nothing_any_more") else { return };
    let door = Relay::to(sshd.port());
    let home = stranger(&sshd);
    fs::write(own(&home, "known_hosts"), sshd.known_line(&format!("[127.0.0.1]:{}", door.port()))).unwrap();
    home.write_config(DRIVEN);
    let mut desk = Desk::at(home);
    desk.target = format!("{}@127.0.0.1:{}", sshd.user(), door.port());
    desk.open("web1", "bash");
    let ticket = desk.begin("web1", "sleep 100");
    door.black_hole();
    let said = desk.finish(ticket);
    assert!(said.text.contains("lost") && said.text.contains("no sign of life"), "{said:?}");
}

#[test]
fn what_a_killed_daemon_left_is_ended_by_the_next() {
    let Some(sshd) = Sshd::start("what_a_killed_daemon_left_is_ended_by_the_next") else { return };
    let mut desk = desk(&sshd);
    desk.open("web1", "bash");
    let [pid] = masters(&desk.home)[..] else { panic!("{:?}", masters(&desk.home)) };
    end(desk.home.daemon_pid().unwrap(), Signal::KILL);
    let said = desk.tool("ssh_list", json!({}));
    assert!(!said.is_error, "{said:?}");
    until("ssh has ended", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

#[test]
fn each_question_of_ssh_is_a_card_and_a_stored_secret_answers_none() {
    let story = "each_question_of_ssh_is_a_card_and_a_stored_secret_answers_none";
    const SECRET: &str = "askpass-canary-4711";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some(account) = Account::new(story, &sshd, "/bin/bash") else { return };
    account.set_password(SECRET);
    let home = remote::home(&[&sshd]);
    fs::remove_file(own(&home, "id_ed25519")).unwrap();
    let stored = sshd.write("stored", &format!("{SECRET}\n"));
    home.write_config(&format!(
        "[devices.shop]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nengine = \"openssh\"\n\
         auth = {{ password_file = \"{}\" }}\n",
        sshd.port(),
        account.name(),
        stored.display()
    ));
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_connect", json!({"target": "shop"}));
    said.refuses("secret-needed", &["q1 asks", "cotty answer q1"]);
    let status = desk.tool("ssh_status", json!({"target": "shop"}));
    assert!(status.text.contains("the secret that is configured is not given to ssh"), "{status:?}");
    let answer = |secret: &str, asked: &str| {
        let mut tty = desk.home.tty(&["answer"]);
        let text = tty.wait_text("password:");
        assert!(text.contains(asked) && text.contains("SHA256:"), "{text}");
        assert!(!tty.is_cooked());
        tty.line(secret);
        assert_eq!(tty.wait_exit().code(), Some(0), "{}", tty.rest());
        assert!(!tty.rest().contains(SECRET));
    };
    answer("wrong", &format!("{}@127.0.0.1's password", account.name()));
    until("it is asked again", || {
        let (_, text) = desk.home.run_as_person(&["ls", "--json"]);
        text.contains("\"id\":\"q2\"").then_some(())
    });
    let answer = |secret: &str| {
        let mut tty = desk.home.tty(&["answer", "q2"]);
        tty.wait_text("password:");
        tty.line(secret);
        assert_eq!(tty.wait_exit().code(), Some(0), "{}", tty.rest());
    };
    answer(SECRET);
    let said = desk.tool("ssh_connect", json!({"target": "shop"}));
    assert!(said.head().contains("ready"), "{said:?}");
    let said = desk.run("shop", "id -un");
    assert_eq!(said.output(), account.name(), "{said:?}");
    // It passed through to ssh and stands nowhere.
    let kept = crate::fork::holds(&desk.home.state(), SECRET);
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn a_person_at_a_terminal_is_asked_there_what_ssh_asks() {
    let story = "a_person_at_a_terminal_is_asked_there_what_ssh_asks";
    let Some(sshd) = Sshd::start(story) else { return };
    let home = stranger(&sshd);
    home.write_config(DRIVEN);
    let key = own(&home, "id_ed25519");
    let mut lock = Command::new("ssh-keygen");
    lock.args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"]).arg(&key);
    assert!(lock.output().unwrap().status.success());
    let mut tty = home.tty(&["up", &remote::target(&sshd)]);
    tty.wait_text("(yes, no, or the fingerprint)");
    tty.line("yes");
    tty.wait_text("Enter passphrase for key");
    tty.line("open sesame");
    tty.wait_text("pen free");
    tty.line("echo it-is-$((40 + 2))");
    tty.wait_text("it-is-42");
    tty.send([29]);
    assert!(tty.wait_exit().success());
    assert_eq!(masters(&home).len(), 1);
}

#[test]
fn a_key_that_ssh_does_not_know_is_a_persons_to_accept_and_a_changed_one_is_refused() {
    let story = "a_key_that_ssh_does_not_know_is_a_persons_to_accept";
    let Some(sshd) = Sshd::start(story) else { return };
    let home = stranger(&sshd);
    home.write_config(&format!(
        "[devices.shop]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nengine = \"openssh\"\n",
        sshd.port(),
        sshd.user()
    ));
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_connect", json!({"target": "shop"}));
    said.refuses("host-key", &["q1", "SHA256:"]);
    let mut tty = desk.home.tty(&["answer", "q1"]);
    tty.wait_text("(yes, no, or the fingerprint)");
    tty.line("yes");
    assert_eq!(tty.wait_exit().code(), Some(0), "{}", tty.rest());
    let said = desk.tool("ssh_connect", json!({"target": "shop"}));
    assert!(said.head().contains("ready"), "{said:?}");
    desk.is_exact("shop");
    let known = fs::read_to_string(own(&desk.home, "known_hosts")).unwrap();
    assert_eq!(known, sshd.known_line(&format!("[127.0.0.1]:{}", sshd.port())));
    // Another key under its name.
    drop(desk.home.run_as_person(&["close", "shop"]));
    drop(desk.home.run_as_person(&["stop"]));
    sshd.key("other", &["-t", "ed25519"]);
    let public = fs::read_to_string(sshd.file("other.pub")).unwrap();
    let words: Vec<&str> = public.split(' ').collect();
    let line = format!("[127.0.0.1]:{} {} {}\n", sshd.port(), words[0], words[1]);
    fs::write(own(&desk.home, "known_hosts"), line).unwrap();
    let output = Command::new("ssh-keygen").arg("-lf").arg(sshd.file("other.pub")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = desk.tool("ssh_connect", json!({"target": "shop"}));
    said.refuses("host-key", &["has changed", text.split(' ').nth(1).unwrap(), "known_hosts"]);
}

#[test]
fn a_word_that_only_a_model_said_starts_no_ssh() {
    let Some(sshd) = Sshd::start("a_word_that_only_a_model_said_starts_no_ssh") else { return };
    let home = stranger(&sshd);
    home.write_config(DRIVEN);
    let mut desk = Desk::at(home);
    let target = remote::target(&sshd);
    desk.tool("ssh_connect", json!({"target": target})).refuses("policy-blocked", &["engine = openssh"]);
    assert!(masters(&desk.home).is_empty());
    for target in ["-oProxyCommand=touch x", "a b", "web1;id", "-vo", "web1\nProxyCommand x"] {
        let said = desk.tool("ssh_connect", json!({"target": target}));
        assert!(said.is_error, "{target}: {said:?}");
    }
    assert!(masters(&desk.home).is_empty());
}

#[test]
fn what_a_device_sets_holds_by_the_users_ssh_too() {
    let story = "what_a_device_sets_holds_by_the_users_ssh_too";
    let lines = "Ciphers aes128-cbc\nAcceptEnv CANARY_*\n";
    let Some(sshd) = Sshd::start_with(story, lines) else { return };
    let home = remote::home(&[&sshd]);
    // A configuration that is shared with another system, and one that would have a program say which keys are known.
    let ran = home.work().join("ran");
    let shared = format!(
        "IgnoreUnknown UseKeychain\nHost *\nUseKeychain yes\nKnownHostsCommand /usr/bin/touch {}\n",
        ran.display()
    );
    fs::write(own(&home, "config"), shared).unwrap();
    let device = format!("host = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\n", sshd.port(), sshd.user());
    home.write_config(&format!(
        "{DRIVEN}[devices.new]\n{device}[devices.old]\n{device}legacy = true\npass_env = [\"CANARY_WORD\"]\n\
         [devices.far]\n{device}legacy = true\noptions = {{ ProxyJump = \"127.0.0.1:1\" }}\n"
    ));
    let mut command = home.cotty(&["mcp"]);
    command.env("CANARY_WORD", "sent");
    let mut agent = Mcp::start(command);
    agent.initialize();
    let mut desk = Desk::of(agent, home);
    let said = desk.tool("ssh_connect", json!({"target": "new"}));
    assert!(said.is_error && said.text.contains("no matching cipher"), "{said:?}");
    let said = desk.tool("ssh_connect", json!({"target": "old"}));
    assert!(said.head().contains("[old] opened: ready"), "{said:?}");
    assert!(said.text.contains("KnownHostsCommand (it is not run)"), "{said:?}");
    assert_eq!(desk.run("old", "echo $CANARY_WORD").output(), "sent");
    // There is nobody at the host on the way: what lies behind it is not reached without it.
    let said = desk.tool("ssh_connect", json!({"target": "far"}));
    assert!(said.is_error && !said.text.contains("ready"), "{said:?}");
    assert!(!ran.exists(), "the program was run");
}

#[test]
fn a_server_that_gives_no_terminal_is_said_so_and_still_runs_commands() {
    let story = "a_server_that_gives_no_terminal_is_said_so_and_still_runs_commands";
    let Some(sshd) = Sshd::start_with(story, "PermitTTY no\n") else { return };
    let mut desk = desk(&sshd);
    let target = desk.target.clone();
    let said = desk.tool("ssh_connect", json!({"target": target}));
    assert!(said.text.contains("the server gives no terminal to this account"), "{said:?}");
    assert_eq!(alone(&mut desk, "echo all the same").output(), "all the same");
}
