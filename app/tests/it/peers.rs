//! Servers that are not OpenSSH's: what is promised of a session over SSH holds at them too.

use cotty_testkit::{Make, Peer, Sshd};
use serde_json::json;

use crate::desk::Desk;

/// Says to a server's session what every session is promised to do.
fn is_driven(test: &str, make: Make) {
    let Some(sshd) = Sshd::start(test) else { return };
    let Some(peer) = Peer::start(make, test, &sshd) else { return };
    let mut desk = Desk::over(&sshd);
    peer.is_known_to(&desk.home);
    let target = peer.target();

    for name in ["one", "two", "three"] {
        let said = desk.tool("ssh_connect", json!({"target": target, "name": name}));
        assert!(said.head().contains("opened: ready, bash"), "{said:?}");
    }
    let said = desk.run("one", "echo $((40 + 2)); stty size; (exit 7)");
    assert_eq!((said.exit(), said.output().as_str()), (Some(7), "42\n40 120"), "{said:?}");

    // Where a connection carries one channel there is none to look through: what waits is one that runs.
    let (wait_s, seen) = if make == Make::Tinyssh { (1, "running") } else { (25, "needs input (line)") };
    let said = desk.run_for("two", "cat", wait_s);
    assert!(said.state().starts_with(seen), "{said:?}");
    let said = desk.press("two", "ctrl-d");
    assert_eq!(said.exit(), Some(0), "{said:?}");

    let said = desk.run_for("three", "sleep 100", 1);
    assert!(said.state().starts_with("running"), "{said:?}");
    let said = desk.press("three", "ctrl-c");
    assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");

    let said = desk.run("one", "seq 300000");
    assert!(said.exit() == Some(0) && said.output().ends_with("300000"), "{}", said.head());

    let order = json!({
        "target": target, "isolated": true, "stdin": "from here",
        "command": "cat; echo apart >&2; exit 5",
    });
    let said = desk.tool("ssh_run", order);
    assert_eq!(said.exit(), Some(5), "{said:?}");
    assert!(said.text.contains("from here") && said.text.contains("apart"), "{said:?}");
    for name in ["one", "two", "three"] {
        desk.is_exact(name);
    }
}

#[test]
fn a_session_at_dropbear_is_one_like_any_other() {
    is_driven("a_session_at_dropbear_is_one_like_any_other", Make::Dropbear);
}

#[test]
fn a_session_at_tinyssh_is_one_like_any_other() {
    is_driven("a_session_at_tinyssh_is_one_like_any_other", Make::Tinyssh);
}

#[test]
fn a_session_at_a_server_of_asyncssh_is_one_like_any_other() {
    is_driven("a_session_at_a_server_of_asyncssh_is_one_like_any_other", Make::Asyncssh);
}

#[test]
fn a_session_at_a_server_of_paramiko_is_one_like_any_other() {
    is_driven("a_session_at_a_server_of_paramiko_is_one_like_any_other", Make::Paramiko);
}
