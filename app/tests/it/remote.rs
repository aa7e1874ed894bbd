//! Sessions over SSH, with a real server on loopback: what holds for a shell here holds there.

use cotty_testkit::Sshd;
use cotty_testkit::home::Home;
use cotty_testkit::sshd::admit;
use serde_json::json;

use crate::desk::Desk;

/// A home whose account can log in at these servers, as ssh would: by its known hosts and its key.
pub(crate) fn home(servers: &[&Sshd]) -> Home {
    let home = Home::new();
    admit(&home, servers);
    home
}

/// How a server is named.
pub(crate) fn target(sshd: &Sshd) -> String {
    sshd.target()
}

#[test]
fn a_session_over_ssh_is_one_like_any_other() {
    let Some(sshd) = Sshd::start("a_session_over_ssh_is_one_like_any_other") else { return };
    let mut desk = Desk::over(&sshd);
    let target = desk.target.clone();
    let said = desk.tool("ssh_connect", json!({"target": target}));
    assert!(said.head().starts_with("[127.0.0.1] opened: ready"), "{said:?}");
    let said = desk.run("127.0.0.1", "echo $SSH_CONNECTION; (exit 7)");
    assert_eq!(said.exit(), Some(7), "{said:?}");
    assert!(said.output().ends_with(&format!("127.0.0.1 {}", sshd.port())), "{said:?}");
    desk.is_exact("127.0.0.1");
    let said = desk.tool("ssh_connect", json!({"target": target}));
    assert!(said.head().contains("open already (same target)"), "{said:?}");
}
