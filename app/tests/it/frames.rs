//! The ways into another shell that ask, hide or carry: `sudo` with a password, containers' clients, a line set aside in a
//! shell that ends. Each is left again with the outer exit code.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cotty_testkit::not_run::have;
use cotty_testkit::wait::until;
use cotty_testkit::{Account, Sshd};
use serde_json::json;

use crate::desk::{Desk, Said, in_every_shell};
use crate::strangers::as_account;

/// Stands for the client of a container engine: it gives the command a terminal of its own and carries that here.
const CLIENT: &str = r"#!/usr/bin/python3
import os, pty, sys
words = sys.argv[1:]
words = words[words.index('--') + 1:] if '--' in words else words[3:]
sys.exit(os.waitstatus_to_exitcode(pty.spawn(words)))
";

fn outer(desk: &mut Desk, opened: &Said) -> Said {
    desk.tool("ssh_wait", json!({"command": opened.handle(), "wait_s": 10}))
}

#[test]
fn a_container_s_shell_is_adopted_through_its_client() {
    let test = "a_container_s_shell_is_adopted_through_its_client";
    if !have("python3", test) || !have("busybox", test) {
        return;
    }
    in_every_shell(|desk, shell| {
        for client in ["docker", "kubectl"] {
            let path = desk.home.work().join(client);
            fs::write(&path, CLIENT).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (command, inner) in [
            // As in a small image: what the environment calls the shell is another one.
            ("./docker exec -it web busybox ash", "ash"),
            ("./kubectl exec -it pod -- dash", "dash"),
        ] {
            let opened = desk.run(shell, command);
            let begins = format!("nested shell ({inner}) at its prompt. Next: ssh_run");
            assert!(opened.state().starts_with(&begins), "{command} in {shell}: {opened:?}");
            desk.speaks(shell, inner);
            desk.is_exact(shell);
            desk.run(shell, "exit 7");
            desk.speaks(shell, shell);
            let said = outer(desk, &opened);
            assert_eq!(said.exit(), Some(7), "{command} in {shell}: {said:?}");
            desk.is_exact(shell);
        }
    });
}

#[test]
fn sudo_asks_a_person_for_the_password_and_its_shell_is_adopted_then() {
    let test = "sudo_asks_a_person_for_the_password_and_its_shell_is_adopted_then";
    if !have("sudo", test) {
        return;
    }
    let Some(sshd) = Sshd::start(test) else { return };
    let Some(account) = Account::new(test, &sshd, "/bin/bash") else { return };
    account.set_password("open sesame");
    account.may_sudo();
    let mut desk = as_account(&sshd, &account);
    let order = json!({"target": desk.target, "name": "web1"});
    let said = desk.tool("ssh_connect", order);
    assert!(said.head().contains("ready"), "{said:?}");
    let person = desk.home.tty(&["attach", "web1"]);
    person.wait_text("pen");
    for (command, who) in [("sudo -k -i", "root"), ("sudo -k -u nobody sh", "nobody"), ("su -", "")] {
        if who.is_empty() {
            // The password of root is nobody's to set here: it is asked for, and given up.
            desk.run("web1", command).needs("secret");
            let said = desk.press("web1", "ctrl-c");
            assert!(said.state().starts_with("interrupted") || said.exit().is_some(), "{said:?}");
            desk.is_exact("web1");
            continue;
        }
        let opened = desk.run("web1", command);
        opened.needs("secret");
        desk.send("web1", "guess").refuses("secret-needed", &["an agent never types one"]);
        person.line("open sesame");
        let said = until("the shell behind it is adopted", || {
            let said = desk.tool("ssh_wait", json!({"command": opened.handle(), "wait_s": 10}));
            said.state().starts_with("nested shell (").then_some(said)
        });
        assert!(said.head().contains("Next: ssh_run"), "{command}: {said:?}");
        let said = desk.run("web1", "id -un; (exit 3)");
        assert_eq!(said.exit(), Some(3), "{command}: {said:?}");
        assert!(said.output().ends_with(who), "{command}: {said:?}");
        desk.run("web1", "exit 7");
        let said = outer(&mut desk, &opened);
        assert_eq!(said.exit(), Some(7), "{command}: {said:?}");
        assert!(!said.text.contains("sesame"), "{said:?}");
        desk.is_exact("web1");
    }
}

#[test]
fn a_line_that_was_set_aside_in_a_shell_is_put_back_there_and_nowhere_else() {
    let mut desk = Desk::new();
    desk.home.write_config("[session]\npark_drafts = \"1s\"\n");
    desk.open("web1", "bash");
    let person = desk.home.tty(&["attach", "web1"]);
    person.wait_text("pen");
    let has_draft = |desk: &mut Desk| {
        until("the draft is known", || {
            let status = desk.tool("ssh_status", json!({"session": "web1"}));
            status.text.contains("a draft is on the line").then_some(())
        });
    };
    let quiet = |desk: &mut Desk, command: &str| {
        until("the person has been quiet", || Some(desk.run("web1", command)).filter(|it| !it.is_error))
    };
    // The outer line waits while a shell inside comes and goes.
    person.send("echo out");
    has_draft(&mut desk);
    let opened = quiet(&mut desk, "bash --norc");
    assert!(opened.state().starts_with("nested shell (bash)"), "{opened:?}");
    desk.is_exact("web1");
    person.send("echo in");
    has_draft(&mut desk);
    let left = quiet(&mut desk, "exit 7");
    assert!(left.state().starts_with("nested shell left, exit 7"), "{left:?}");
    assert!(left.notes().join(" ").contains("was put aside for this and is gone with its shell"), "{left:?}");
    assert_eq!(outer(&mut desk, &opened).exit(), Some(7));
    has_draft(&mut desk);
    let status = desk.tool("ssh_status", json!({"session": "web1"})).text;
    assert!(status.contains("is gone with the shell that it stood in"), "{status}");
    person.line("er-$((40 + 2))");
    person.wait_text("outer-42");
    desk.is_exact("web1");
    let screen = desk.tool("ssh_read", json!({"session": "web1", "view": "screen"})).text;
    assert!(!screen.contains("echo inecho") && !screen.contains("echo outecho"), "{screen}");
}
