//! tmux and screen inside a session: seen, driven by their screen, and left with the outer command's exit code.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cotty_testkit::not_run::have;
use cotty_testkit::wait::until;
use serde_json::json;

use crate::desk::{Desk, in_every_shell};

/// One of them with its files in a folder of the story: its start, its return, its end, and the keys that leave it.
struct Multiplexer {
    begin: String,
    again: String,
    quit: String,
    leave: [&'static str; 2],
    /// What it exits with when it is ended from outside.
    ended: i32,
}

fn multiplexer(program: &str, folder: &Path) -> Multiplexer {
    let folder = folder.display();
    if program == "tmux" {
        let tmux = format!("tmux -S {folder}/socket");
        return Multiplexer {
            // It starts its windows by the shell of the environment, and busybox alone is none.
            begin: format!("env SHELL=/bin/sh {tmux} -f /dev/null new-session sh"),
            again: format!("{tmux} attach"),
            quit: format!("{tmux} kill-server"),
            leave: ["ctrl-b", "d"],
            ended: 1,
        };
    }
    let screen = format!("env SCREENDIR={folder} screen");
    Multiplexer {
        begin: format!("{screen} -c {folder}/rc sh"),
        again: format!("{screen} -r"),
        quit: format!("{screen} -X quit"),
        leave: ["ctrl-a", "d"],
        ended: 0,
    }
}

fn shows(desk: &mut Desk, session: &str, what: &str) {
    until(what, || {
        let screen = desk.tool("ssh_read", json!({"session": session, "view": "screen"}));
        screen.output().contains(what).then_some(())
    });
}

#[test]
fn a_multiplexer_is_seen_driven_and_left_and_its_windows_live_on() {
    let test = "a_multiplexer_is_seen_driven_and_left_and_its_windows_live_on";
    for program in ["tmux", "screen"] {
        if !have(program, test) {
            continue;
        }
        in_every_shell(|desk, shell| {
            let folder = desk.home.work().join(format!("{program}-{shell}"));
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
            fs::write(folder.join("rc"), "startup_message off\n").unwrap();
            let Multiplexer { begin, again, quit, leave, ended } = multiplexer(program, &folder);

            let said = desk.run(shell, &begin);
            said.needs("full_screen");
            assert!(said.head().contains("view=screen"), "{said:?}");
            let told = format!("keys={} leave it with its windows alive", leave.join(","));
            assert!(said.notes().join(" ").contains(&told), "{said:?}");
            desk.send(shell, "echo in-$((40 + 2))").needs("full_screen");
            shows(desk, shell, "in-42");
            desk.run(shell, "true").refuses("busy", &["nothing was typed"]);
            let said = desk.tool("ssh_send", json!({"session": shell, "keys": leave, "wait_s": 10}));
            assert_eq!(said.exit(), Some(0), "{program} in {shell}: {said:?}");
            desk.is_exact(shell);

            let said = desk.run(shell, &again);
            said.needs("full_screen");
            shows(desk, shell, "in-42");
            let closed = desk.tool("ssh_close", json!({"id": said.handle()}));
            assert_eq!(closed.exit(), Some(ended), "{program} in {shell}: {closed:?}");
            desk.is_exact(shell);
            let modes = desk.run(shell, "stty -a").output();
            assert!(!modes.contains("-icanon") && !modes.contains("-isig"), "{program} in {shell}: {modes}");

            desk.run(shell, &again).needs("full_screen");
            let said = desk.send(shell, "exit 5");
            assert_eq!(said.exit(), Some(0), "{program} in {shell}: {said:?}");
            let said = desk.run(shell, &quit);
            assert_eq!(said.exit(), Some(1), "nothing is left of it: {said:?}");
        });
    }
}

/// Returns how often a mark of an end stands in the raw output that is kept.
fn ends_in_the_raw_output(folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            count += ends_in_the_raw_output(&entry.path());
        } else if let Ok(bytes) = fs::read(entry.path()) {
            count += bytes.windows(6).filter(|it| it == b"]133;D").count();
        }
    }
    count
}

#[test]
fn marks_that_a_multiplexer_lets_through_settle_nothing() {
    if !have("tmux", "marks_that_a_multiplexer_lets_through_settle_nothing") {
        return;
    }
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    // This very session's own marks, with its key, as they were at a prompt before.
    assert_eq!(desk.run("web1", "printf %s \"${PS1@P}\" >marks; (exit 2)").exit(), Some(2));
    let leak = "printf '\\033Ptmux;'; sed 's/\\x1b/\\x1b\\x1b/g' marks; printf '\\033\\\\'; printf leaked-%s\\\\n $((40 + 2))\n";
    fs::write(desk.home.work().join("leak.sh"), leak).unwrap();
    let tmux = format!("tmux -S {}/socket", desk.home.work().display());
    let begun = desk.run("web1", &format!("{tmux} -f /dev/null new-session sh; (exit 9)"));
    begun.needs("full_screen");
    desk.send("web1", &format!("{tmux} set -g allow-passthrough on; clear; echo on-$((40 + 2))"));
    shows(&mut desk, "web1", "on-42");
    let before = ends_in_the_raw_output(&desk.home.state());
    desk.send("web1", "sh leak.sh");
    shows(&mut desk, "web1", "leaked-42");
    until("the mark came through", || (ends_in_the_raw_output(&desk.home.state()) > before).then_some(()));
    let said = desk.tool("ssh_wait", json!({"session": "web1", "until": "input", "wait_s": 10}));
    said.needs("full_screen");
    assert_eq!(said.handle(), begun.handle(), "{said:?}");
    let said = desk.send("web1", "exit");
    assert_eq!(said.exit(), Some(9), "{said:?}");
    desk.is_exact("web1");
}
