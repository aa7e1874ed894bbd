//! Shells that are not spoken, restrict themselves or are not what was asked for: each is called what it is, and nothing is
//! typed into what does not read as a shell.

use std::fs;
use std::time::Duration;

use cotty_testkit::not_run::have;
use cotty_testkit::wait::{until, until_within};
use cotty_testkit::{Account, Sshd};
use serde_json::json;

use crate::desk::{Desk, Said};

/// A desk whose sessions log in as another account.
pub(crate) fn as_account(sshd: &Sshd, account: &Account) -> Desk {
    let mut desk = Desk::over(sshd);
    desk.target = format!("{}@127.0.0.1:{}", account.name(), sshd.port());
    desk
}

fn connect(desk: &mut Desk) -> Said {
    let order = json!({"target": desk.target, "name": "web1"});
    desk.tool("ssh_connect", order)
}

fn screen(desk: &mut Desk) -> String {
    desk.tool("ssh_read", json!({"session": "web1", "view": "screen"})).text
}

#[test]
fn a_login_shell_that_is_not_spoken_is_named_at_once_and_still_typed_for() {
    let test = "a_login_shell_that_is_not_spoken_is_named_at_once_and_still_typed_for";
    if !have("yash", test) {
        return;
    }
    let Some(sshd) = Sshd::start(test) else { return };
    let Some(account) = Account::new(test, &sshd, "/usr/bin/yash") else { return };
    account.write(".yashrc", "PS1='yash> '\n");
    let mut desk = as_account(&sshd, &account);
    let said = connect(&mut desk);
    let words =
        "not known: its shell is yash, which is not spoken, and nothing was typed; ssh_send types for it";
    assert!(said.head().contains(words), "{said:?}");
    let refused = desk.run_for("web1", "echo never", 1);
    refused.refuses("terminal-state", &["its shell is yash", "ssh_close id=web1 gives it up"]);
    let order = json!({"session": "web1", "text": "echo by-$((40 + 2))", "expect": "by-42", "wait_s": 10});
    assert!(desk.tool("ssh_send", order).text.contains("expect was seen"));
    assert!(!screen(&mut desk).contains("133;"), "nothing of ours was typed");
    // Beside it, and instead of it, what is spoken can be had.
    let order = json!({"target": desk.target, "name": "web2", "shell": "dash"});
    desk.tool("ssh_connect", order);
    desk.is_exact("web2");
}

#[test]
fn a_login_shell_that_is_no_shell_is_not_said_to_be_one() {
    let test = "a_login_shell_that_is_no_shell_is_not_said_to_be_one";
    if !have("python3", test) {
        return;
    }
    let Some(sshd) = Sshd::start(test) else { return };
    let Some(account) = Account::new(test, &sshd, "/usr/bin/python3") else { return };
    let mut desk = as_account(&sshd, &account);
    let said = connect(&mut desk);
    assert!(!said.head().contains("ready"), "{said:?}");
    let refused = desk.run_for("web1", "echo never", 1);
    refused.refuses("terminal-state", &["Next: ssh_read session=web1 view=screen"]);
    // No process of ours runs beside it, so all that is known is that our line got no answer.
    until_within(Duration::from_secs(60), "the line is given up", || {
        let status = desk.tool("ssh_status", json!({"session": "web1"})).text;
        status.contains("did not answer with a signed prompt").then_some(())
    });
    let order = json!({"session": "web1", "text": "print(6 * 7)", "expect": "^42", "wait_s": 10});
    assert!(desk.tool("ssh_send", order).text.contains("expect was seen"));
    let closed = desk.tool("ssh_close", json!({"id": "web1"}));
    assert!(closed.head().contains("begins a new shell in its place"), "{closed:?}");
}

#[test]
fn a_restricted_shell_is_exact_as_far_as_it_lets_us() {
    if !have("rbash", "a_restricted_shell_is_exact_as_far_as_it_lets_us") {
        return;
    }
    let mut desk = Desk::new();
    desk.open("web1", "rbash");
    for _ in 0..2 {
        desk.is_exact("web1");
    }
    let said = desk.run("web1", "cd /");
    assert_eq!(said.exit(), Some(1), "{said:?}");
    assert!(said.output().contains("restricted"), "{said:?}");
    desk.run("web1", "cat").needs("line");
    assert_eq!(desk.press("web1", "ctrl-d").exit(), Some(0));
}

#[test]
fn an_rc_file_that_becomes_another_shell_is_that_shell() {
    for (becomes, is) in [("zsh -f", "zsh"), ("dash", "dash"), ("busybox ash", "ash"), ("mksh", "mksh")] {
        let program = becomes.split(' ').next().unwrap_or_default();
        if !have(program, "an_rc_file_that_becomes_another_shell_is_that_shell") {
            continue;
        }
        let mut desk = Desk::new();
        fs::write(desk.home.path().join(".bash_profile"), format!("exec {becomes}\n")).unwrap();
        let said = desk.open("web1", "bash");
        assert!(said.head().contains(&format!("opened: ready, {is} on ")), "{becomes}: {said:?}");
        desk.is_exact("web1");
    }
}

#[test]
fn an_rc_file_that_becomes_a_program_is_that_program() {
    let mut desk = Desk::new();
    fs::write(desk.home.path().join(".bash_profile"), "exec cat\n").unwrap();
    let said = desk.tool("ssh_connect", json!({"target": "local", "name": "web1", "shell": "bash"}));
    assert!(said.head().contains("its shell is cat, which is not spoken"), "{said:?}");
    desk.run_for("web1", "echo never", 1).refuses("terminal-state", &["its shell is cat"]);
    desk.send("web1", "to the cat");
    assert!(!screen(&mut desk).contains("never"));
}

#[test]
fn what_a_shell_becomes_is_judged_as_any_program() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    desk.run("web1", "exec cat").needs("line");
    desk.send("web1", "hello").needs("line");
    let said = desk.press("web1", "ctrl-d");
    assert!(said.state().starts_with("shell exited 0"), "{said:?}");
}

#[test]
fn where_other_accounts_processes_are_hidden_their_own_are_told_and_the_rest_is_graded() {
    let test = "where_other_accounts_processes_are_hidden_their_own_are_told_and_the_rest_is_graded";
    if !have("sudo", test) {
        return;
    }
    let hides = "mount -t proc -o hidepid=2 proc /proc";
    let Some(sshd) = Sshd::start_in_namespace(test, "", hides) else { return };
    let Some(account) = Account::new(test, &sshd, "/bin/bash") else { return };
    account.set_password("open sesame");
    account.may_sudo();
    let mut desk = as_account(&sshd, &account);
    connect(&mut desk);
    let said = desk.run("web1", "ls /proc/1/stat; (exit 3)");
    assert!(said.exit() == Some(3) && said.output().contains("No such file"), "{said:?}");
    desk.run("web1", "cat").needs("line");
    desk.press("web1", "ctrl-d");
    desk.run("web1", "read -s x").needs("secret");
    desk.press("web1", "ctrl-c");
    // Who asks is root's and not to be seen; that a group of processes stands in front with the echo off is.
    let asked = desk.run("web1", "sudo id -u");
    asked.needs("secret");
    desk.send("web1", "guess").refuses("secret-needed", &["an agent never types one"]);
    let person = desk.home.tty(&["attach", "web1"]);
    person.wait_text("pen");
    person.line("open sesame");
    let said = until("it has ended", || {
        let said = desk.tool("ssh_wait", json!({"command": asked.handle(), "wait_s": 10}));
        Some(said).filter(|it| it.exit().is_some())
    });
    assert!(said.exit() == Some(0) && said.output().ends_with('0'), "{said:?}");
    // What it waits for is not to be told, so nothing is.
    let said = until("the person has been quiet", || {
        Some(desk.run_for("web1", "sudo cat", 2)).filter(|it| !it.is_error)
    });
    assert!(said.state().starts_with("running"), "{said:?}");
    assert_eq!(desk.press("web1", "ctrl-d").exit(), Some(0));
    desk.is_exact("web1");
}
