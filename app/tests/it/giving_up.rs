//! The last resort: a shell that has lost its footing is given up, aloud, and a new one begins in its place on the same
//! connection.

use cotty_testkit::Sshd;
use serde_json::{Map, Value, json};

use crate::desk::{Desk, Said, program, shells};

/// Does what the reply to a close names, and nothing else.
fn begin_again(desk: &mut Desk, closed: &Said) -> Said {
    let (_, call) = closed.head().split_once("Next: ssh_connect ").unwrap_or_else(|| panic!("{closed:?}"));
    let (call, _) = call.split_once(" begins a new shell in its place").unwrap();
    let named = call.split(' ').filter_map(|it| it.split_once('='));
    let order: Map<String, Value> = named.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    desk.tool("ssh_connect", Value::Object(order))
}

fn epoch(desk: &mut Desk, session: &str) -> u32 {
    let status = desk.tool("ssh_status", json!({"session": session}));
    let offset = status.text.lines().find_map(|line| line.strip_prefix("next_offset: ")).unwrap();
    offset.split(':').next().unwrap().parse().unwrap()
}

fn story(mut desk: Desk) {
    for (shell, wedge, state) in [
        // There is no place for our marks but the prompt.
        ("dash", "PS1='mine> '", "state not known: the shell reads a line and signed no prompt"),
        ("mksh", "PS1='mine> '", "state not known: the shell reads a line and signed no prompt"),
        ("ash", "PS1='mine> '", "state not known: the shell reads a line and signed no prompt"),
        // It obeys nothing but what cannot be ignored; on a host nothing else would end it either.
        ("bash", "trap '' INT TERM HUP; SECONDS=0; while ((SECONDS < 60)); do :; done", "running for"),
        ("zsh", "trap '' INT TERM HUP; SECONDS=0; while ((SECONDS < 60)); do :; done", "running for"),
    ] {
        if !shells().contains(&shell) {
            continue;
        }
        desk.open(shell, shell);
        assert_eq!(desk.run(shell, "cd /usr; lost=5").exit(), Some(0));
        let said = desk.run_for(shell, wedge, 3);
        assert!(said.state().starts_with(state), "{shell}: {said:?}");
        if !state.starts_with("running") {
            assert!(said.head().contains(&format!("ssh_close id={shell} gives it up")), "{shell}: {said:?}");
            desk.run(shell, "echo never").refuses("busy", &["nothing was typed"]);
        }
        let before = epoch(&mut desk, shell);

        let closed = desk.tool("ssh_close", json!({"id": shell}));
        for told in [&said.handle(), "variables, functions, aliases, options and jobs"] {
            assert!(closed.text.contains(told), "{shell}, {told}: {closed:?}");
        }
        let opened = begin_again(&mut desk, &closed);
        assert!(opened.head().contains(&format!("opened: ready, {shell} on ")), "{shell}: {opened:?}");
        let told = opened.notes().join(" ");
        let epochs = format!("a new shell, epoch {}, in place of the shell of epoch {before}", before + 1);
        for it in [epochs.as_str(), "\"/usr\"", &said.handle(), "lost with that: "] {
            assert!(told.contains(it), "{shell}, {it}: {opened:?}");
        }
        desk.is_exact(shell);
        let said = desk.run(shell, "echo \"$PWD [$lost]\"");
        assert_eq!(said.output(), "/usr []", "{shell}: {said:?}");
        assert_eq!(epoch(&mut desk, shell), before + 1);
        if desk.target != "local" {
            let target = desk.target.clone();
            let host = desk.tool("ssh_status", json!({"target": target}));
            assert!(host.text.contains("connections: 1"), "{host:?}");
        }
        // One that is closed at its prompt is given up by nobody, and its next one is told nothing.
        let closed = desk.tool("ssh_close", json!({"id": shell}));
        assert!(!closed.text.contains("lost") && !closed.text.contains("Next: "), "{shell}: {closed:?}");
        let opened = desk.open(shell, shell);
        assert!(opened.notes().iter().all(|it| !it.contains("in place of")), "{shell}: {opened:?}");
        assert_eq!(epoch(&mut desk, shell), before + 2);
        desk.tool("ssh_close", json!({"id": shell}));
    }
}

#[test]
fn a_shell_that_lost_its_footing_is_given_up_aloud_and_a_new_one_begins_in_its_place() {
    let sshd = Sshd::start("a_shell_that_lost_its_footing_is_given_up_aloud");
    std::thread::scope(|scope| {
        scope.spawn(|| story(Desk::new()));
        if let Some(sshd) = &sshd {
            scope.spawn(|| story(Desk::over(sshd)));
        }
    });
}

#[test]
fn where_no_other_channel_is_to_be_had_the_new_shell_has_that_of_the_old_one() {
    let test = "where_no_other_channel_is_to_be_had_the_new_shell_has_that_of_the_old_one";
    let Some(sshd) = Sshd::start_with(test, "MaxSessions 1") else { return };
    let mut desk = Desk::over(&sshd);
    let order = json!({"target": desk.target, "name": "web1", "shell": program("dash"), "cwd": "/usr"});
    let said = desk.tool("ssh_connect", order.clone());
    assert!(!said.is_error, "{said:?}");
    let said = desk.run_for("web1", "echo here; (exit 3)", 30);
    assert_eq!((said.exit(), said.output().as_str()), (Some(3), "here"), "{said:?}");
    let said = desk.run_for("web1", "PS1='mine> '", 1);
    assert!(said.state().starts_with("running"), "nothing is known, and nothing is said: {said:?}");
    let closed = desk.tool("ssh_close", json!({"id": "web1"}));
    let opened = begin_again(&mut desk, &closed);
    assert!(opened.notes().join(" ").contains("in place of the shell of epoch 1"), "{opened:?}");
    let said = desk.run_for("web1", "(exit 4)", 30);
    assert_eq!(said.exit(), Some(4), "{said:?}");
}

#[test]
fn shells_inside_a_shell_are_named_when_it_is_given_up() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    desk.run("web1", "cd /usr");
    desk.run("web1", "bash --norc");
    desk.run("web1", "cd /etc");
    let closed = desk.tool("ssh_close", json!({"id": "web1"}));
    assert!(closed.text.contains("the bash of ") && closed.text.contains(" inside it"), "{closed:?}");
    begin_again(&mut desk, &closed);
    assert_eq!(desk.run("web1", "pwd").output(), "/usr");
    // A shell that ends by itself, also one whose loss a call by target alone would hide.
    desk.run("web1", "exit 3");
    let opened = desk.tool("ssh_connect", json!({"target": "local", "name": "web1"}));
    assert!(opened.notes().join(" ").contains("exited 3; lost with that: its variables"), "{opened:?}");
}

#[test]
fn a_command_that_finds_its_target_s_shell_gone_says_that_it_ran_in_a_new_one() {
    let mut desk = Desk::new();
    let run =
        |desk: &mut Desk, command: &str| desk.tool("ssh_run", json!({"target": "local", "command": command}));
    assert!(run(&mut desk, "true").notes().is_empty());
    run(&mut desk, "exit 3");
    let said = run(&mut desk, "(exit 4)");
    assert_eq!(said.exit(), Some(4), "{said:?}");
    assert!(
        said.notes().join(" ").contains("a new shell, epoch 2, in place of the shell of epoch 1"),
        "{said:?}"
    );
}
