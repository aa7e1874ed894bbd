//! The user's own ssh as the engine: what holds over ours holds over it.

use cotty_testkit::{Home, Sshd};
use serde_json::json;

use crate::desk::Desk;
use crate::remote;

/// Has every host of a home reached by the user's ssh.
fn driven(home: Home) -> Home {
    home.write_config("[ssh]\nengine = \"openssh\"\n");
    home
}

fn desk(sshd: &Sshd) -> Desk {
    let mut desk = Desk::at(driven(remote::home(&[sshd])));
    desk.target = remote::target(sshd);
    desk
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
    let said = desk.tool("ssh_status", json!({"target": target}));
    assert!(said.text.contains("engine: openssh: the config says so"), "{said:?}");
}
