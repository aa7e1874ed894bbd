//! Shells inside shells: each is adopted by its own signature, and left again with the exit code that it gave.

use cotty_testkit::Sshd;
use cotty_testkit::not_run::{have, not_run};
use serde_json::json;

use crate::desk::{Desk, dialect, in_every_shell, in_words_of, inner_shells, shells};
use crate::survival::kill_daemon;

/// How a shell is called inside another.
fn command_of(inner: &str) -> &str {
    if inner == "ash" { "busybox ash" } else { inner }
}

#[test]
fn each_shell_in_each_shell_is_one_in_which_commands_end_exactly() {
    in_every_shell(|desk, shell| {
        for inner in shells() {
            let told = format!("{inner} in {shell}");
            let opened = desk.run(shell, command_of(inner));
            let begins = format!("nested shell ({inner}) at its prompt. Next: ssh_run");
            assert!(opened.state().starts_with(&begins), "{told}: {opened:?}");
            assert!(!opened.text.contains("133;"), "{told}: {opened:?}");
            desk.speaks(shell, inner);
            let own = in_words_of(
                inner,
                "cd /; x=5; (exit 3)",
                "cd /; set x 5; sh -c 'exit 3'",
                "cd /; set x=5; (exit 3)",
            );
            assert_eq!(desk.run_as_it_is(shell, own, 25).exit(), Some(3), "{told}");
            let said = desk.run_as_it_is(shell, "echo $x in $PWD", 25);
            assert_eq!((said.exit(), said.output().as_str()), (Some(0), "5 in /"), "{told}: {said:?}");
            desk.run(shell, "cat").needs("line");
            desk.press(shell, "ctrl-c");
            desk.is_exact(shell);
            let left = desk.run(shell, "exit 7");
            assert!(left.state().starts_with("nested shell left, exit 7"), "{told}: {left:?}");
            desk.speaks(shell, shell);
            let outer = desk.tool("ssh_wait", json!({"command": opened.handle(), "wait_s": 10}));
            assert_eq!(outer.exit(), Some(7), "{told}: {outer:?}");
            desk.is_exact(shell);
            assert_ne!(desk.run(shell, "pwd").output(), "/", "{told}");
        }
    });
}

#[test]
fn a_shell_that_inherits_a_prompt_and_all_variables_counts_for_itself() {
    let exports = |shell: &&str| dialect(shell).is_posix();
    let mut desk = Desk::new();
    for shell in shells().into_iter().filter(exports) {
        for all in ["export PS1 PS2 PS0 PROMPT_COMMAND", "set -a; cd ."] {
            desk.open(shell, shell);
            assert_eq!(desk.run(shell, all).exit(), Some(0), "{shell}");
            desk.is_exact(shell);
            let mut opened = Vec::new();
            for _ in 0..2 {
                let command =
                    format!("{}{}", command_of(shell), if shell == "bash" { " --norc" } else { "" });
                let said = desk.run(shell, &command);
                assert!(said.state().starts_with("nested shell ("), "{shell}, {all}: {said:?}");
                opened.push(said.handle());
                desk.is_exact(shell);
                desk.is_exact(shell);
                desk.run(shell, "export PS1; true");
            }
            for handle in opened.into_iter().rev() {
                desk.run(shell, "exit 7");
                let outer = desk.tool("ssh_wait", json!({"command": handle, "wait_s": 10}));
                assert_eq!(outer.exit(), Some(7), "{shell}, {all}: {outer:?}");
                desk.is_exact(shell);
            }
            desk.tool("ssh_close", json!({"id": shell}));
        }
    }
}

#[test]
fn nests_are_as_deep_as_somebody_makes_them_and_told_in_order() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let first = desk.run("web1", "dash");
    let second = desk.run("web1", "bash --norc");
    let status = desk.tool("ssh_status", json!({"session": "web1"}));
    for told in ["bash", "dash of ", &format!("where {} opened", second.handle())] {
        assert!(status.text.contains(told), "{told}: {}", status.text);
    }
    // The one in the middle is ended from outside, and what was in it first, and the session goes on.
    desk.run_for("web1", "sleep 1000", 0);
    let closed = desk.tool("ssh_close", json!({"id": first.handle()}));
    assert!(closed.state().starts_with("interrupted by SIG"), "{closed:?}");
    desk.is_exact("web1");
    let second = desk.tool("ssh_read", json!({"command": second.handle()}));
    assert!(second.text.contains("exit 137"), "{second:?}");
}

#[test]
fn a_nested_shell_that_runs_a_command_by_itself_is_spared_what_would_end_it() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    desk.run("web1", "bash --norc");
    let own = desk.run_for(
        "web1",
        "trap '' INT; SECONDS=0; while ((SECONDS < 6)); do :; done; trap - INT; echo lived on",
        1,
    );
    desk.tool("ssh_close", json!({"id": own.handle()}));
    let said = desk.tool("ssh_wait", json!({"command": own.handle(), "wait_s": 20}));
    assert_eq!((said.exit(), said.output().as_str()), (Some(0), "lived on"), "{said:?}");
}

#[test]
fn a_nest_outlives_the_daemon() {
    for inner in inner_shells() {
        let mut desk = Desk::new();
        desk.open("web1", "bash");
        let opened = desk.run("web1", inner);
        assert_eq!(desk.run("web1", "x=5").exit(), Some(0));
        kill_daemon(&desk);
        let said = desk.run("web1", "echo $x; (exit 3)");
        assert_eq!((said.exit(), said.output().as_str()), (Some(3), "5"), "{inner}: {said:?}");
        let running = desk.run_for("web1", "sleep 1; (exit 4)", 0);
        kill_daemon(&desk);
        let said = desk.tool("ssh_wait", json!({"command": running.handle(), "wait_s": 10}));
        assert_eq!(said.exit(), Some(4), "{inner}: {said:?}");
        desk.run("web1", "exit 6");
        let outer = desk.tool("ssh_wait", json!({"command": opened.handle(), "wait_s": 10}));
        assert_eq!(outer.exit(), Some(6), "{inner}: {outer:?}");
        assert!(!outer.text.contains("133;"), "{inner}: {outer:?}");
        desk.is_exact("web1");
    }
}

#[test]
fn another_user_s_shell_is_adopted() {
    let test = "another_user_s_shell_is_adopted";
    if !have("su", test) || !have("unshare", test) || !have("script", test) {
        return;
    }
    if !is_root() {
        return not_run(test, "su and unshare ask an ordinary user for a password");
    }
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    for (command, inner) in [
        ("su -s /bin/bash nobody", "id -un"),
        ("su -s /bin/sh nobody", "id -un"),
        ("unshare -m bash", "echo here"),
        ("script -q /dev/null", "echo here"),
    ] {
        let opened = desk.run("web1", command);
        assert!(opened.state().starts_with("nested shell ("), "{command}: {opened:?}");
        let said = desk.run("web1", inner);
        let wanted = if inner == "id -un" { "nobody" } else { "here" };
        assert_eq!((said.exit(), said.output().as_str()), (Some(0), wanted), "{command}: {said:?}");
        desk.run("web1", "exit 4");
        let outer = desk.tool("ssh_wait", json!({"command": opened.handle(), "wait_s": 10}));
        // `script` tells of the shell's end only with -e.
        let exit = if command.starts_with("script") { 0 } else { 4 };
        assert_eq!(outer.exit(), Some(exit), "{command}: {outer:?}");
        desk.is_exact("web1");
    }
}

#[test]
fn a_shell_that_another_one_has_become_is_adopted() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let opened = desk.run("web1", "exec dash");
    assert!(opened.state().starts_with("nested shell (dash)"), "{opened:?}");
    assert_eq!(desk.run("web1", "(exit 3)").exit(), Some(3));
    let gone = desk.run("web1", "exit 6");
    assert!(gone.state().starts_with("shell exited"), "{gone:?}");
}

#[test]
fn a_second_hop_is_adopted_by_its_own_signature() {
    let Some(sshd) = Sshd::start("a_second_hop_is_adopted_by_its_own_signature") else { return };
    let known = sshd.known_hosts();
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let hop = format!(
        "ssh -tt -F none -o UserKnownHostsFile={} -o IdentitiesOnly=yes -i {} -p {} {}@127.0.0.1",
        known.display(),
        sshd.file("user_ed25519").display(),
        sshd.port(),
        sshd.user()
    );
    let opened = desk.run("web1", &hop);
    assert!(opened.state().contains(" runs in it"), "{opened:?}");
    let said = desk.run("web1", "(exit 3)");
    assert_eq!(said.exit(), Some(3), "{said:?}");
    let said = desk.run("web1", "echo ${SSH_CONNECTION:+there}");
    assert_eq!((said.exit(), said.output().as_str()), (Some(0), "there"), "{said:?}");
    // What ends a command there is a key, not a signal that would end the way there.
    let said = desk.run_for("web1", "sleep 1000", 1);
    let said = desk.tool("ssh_close", json!({"id": said.handle()}));
    assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
    assert_eq!(desk.run("web1", "echo ${SSH_CONNECTION:+there}").output(), "there");
    desk.run("web1", "exit 9");
    let outer = desk.tool("ssh_wait", json!({"command": opened.handle(), "wait_s": 10}));
    assert_eq!(outer.exit(), Some(9), "{outer:?}");
    desk.is_exact("web1");
}

#[test]
fn what_is_only_called_like_a_shell_is_asked_once_and_nothing_is_concluded() {
    if !have("python3", "what_is_only_called_like_a_shell_is_asked_once_and_nothing_is_concluded") {
        return;
    }
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    // It is called like one, stands raw at a prompt of its own, and signs nothing.
    std::os::unix::fs::symlink("/usr/bin/python3", desk.home.work().join("bash")).unwrap();
    let opened = desk.run("web1", "PYTHONSTARTUP= ./bash -q");
    assert!(opened.state().starts_with("nested shell (bash)"), "{opened:?}");
    assert!(opened.text.contains("ssh_send"), "{opened:?}");
    let said = desk.run("web1", "echo never");
    said.refuses("busy", &["nothing was typed"]);
    desk.send("web1", "exit(5)");
    let outer = desk.tool("ssh_wait", json!({"command": opened.handle(), "wait_s": 10}));
    assert_eq!(outer.exit(), Some(5), "{outer:?}");
    desk.is_exact("web1");
}

fn is_root() -> bool {
    let output = std::process::Command::new("id").arg("-u").output().unwrap();
    output.stdout.starts_with(b"0\n")
}
