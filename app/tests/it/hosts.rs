//! What is said of a host before and after anybody connects to it.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Command;

use cotty_testkit::mcp::Mcp;
use cotty_testkit::{Home, Sshd};
use serde_json::json;

use crate::desk::{Desk, Said};
use crate::remote;

#[track_caller]
fn says(said: &Said, all: &[&str]) {
    assert!(!said.is_error, "{said:?}");
    all.iter().for_each(|it| assert!(said.text.contains(it), "{it}: {said:?}"));
}

fn key(home: &Home, name: &str, kind: &str, passphrase: &str) {
    let file = home.path().join("account/.ssh").join(name);
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-f"]).arg(file);
    assert!(command.status().unwrap().success());
}

#[test]
fn a_host_is_told_of_without_a_packet_to_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let home = remote::home(&[]);
    let ssh = home.path().join("account/.ssh");
    key(&home, "id_ed25519", "ed25519", "");
    key(&home, "id_ecdsa", "ecdsa", "a phrase");
    fs::create_dir(ssh.join("id_rsa")).unwrap();
    let secret = home.path().join("secret");
    fs::write(&secret, "a canary\n").unwrap();
    home.write_config(&format!(
        "[devices.shop]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"deploy\"\n[devices.shop.auth]\n\
         key = \"~/.ssh/none\"\npassphrase_env = \"SHOP_PHRASE\"\npassword_file = \"{}\"\n",
        listener.local_addr().unwrap().port(),
        secret.display()
    ));
    // An agent that takes the call and never answers.
    let socket = home.path().join("agent");
    let _agent = UnixListener::bind(&socket).unwrap();
    let mut desk = Desk::at(home);

    let port = listener.local_addr().unwrap().port();
    let status = |desk: &mut Desk, target: &str| desk.tool("ssh_status", json!({"target": target}));
    let target = format!("me@127.0.0.1:{port}");
    let said = status(&mut desk, &target);
    says(
        &said,
        &[
            "no session is open; nothing was sent",
            &format!("account: me@127.0.0.1:{port}"),
            "resolved: not yet",
            "id_ed25519: ssh-ed25519, ready",
            "id_ecdsa: ecdsa-sha2-nistp256, encrypted",
            "id_rsa is a directory",
            "agent: none: SSH_AUTH_SOCK is not set for this client",
            &format!("[127.0.0.1]:{port}: no key of it is known, so it would be refused"),
            "authentication 20 s",
            "connections: 0",
        ],
    );
    assert!(!said.text.contains("last_attempt"), "{said:?}");
    let said = status(&mut desk, "shop");
    says(
        &said,
        &[
            &format!("address: 127.0.0.1:{port}"),
            "none: not there",
            "passphrase that is configured: SHOP_PHRASE is not set for this client",
            "may be read by others; chmod 600 it",
        ],
    );
    // What would help is a command to copy.
    says(&said, &["fix: cotty trust shop", "fix: echo $SSH_AUTH_SOCK"]);
    fs::set_permissions(ssh.join("id_ecdsa"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(!said.text.contains("canary") && !said.text.contains("id_ed25519"), "{said:?}");
    for wrong in [
        "-oProxyCommand=x",
        "a b",
        "a;id",
        "a\nb",
        "%h",
        "$(id)",
        "w\u{0435}b",
        "u@-x",
        "a:0",
        "a:x",
        "@a",
        "",
    ] {
        for tool in ["ssh_status", "ssh_connect"] {
            desk.tool(tool, json!({"target": wrong})).refuses("invalid-argument", &["target"]);
        }
        let said = desk.tool("ssh_run", json!({"target": wrong, "command": "true", "isolated": true}));
        said.refuses("invalid-argument", &["target"]);
    }

    let mut command = desk.home.cotty(&["mcp"]);
    desk.agent = Mcp::start({
        command.env("SSH_AUTH_SOCK", &socket);
        command
    });
    desk.agent.initialize();
    says(&status(&mut desk, &target), &["not reachable: the agent at", "did not answer within 5 s"]);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody came");

    // What became of an attempt is known afterwards.
    drop(listener);
    desk.tool("ssh_connect", json!({"target": target})).refuses("connection-failure", &[]);
    let said = status(&mut desk, &target);
    says(&said, &["ago, failed while connecting: ", "resolved: ", &format!("fix: nc -vz 127.0.0.1 {port}")]);
    says(&said, &[&format!("fix: chmod 600 {}", ssh.join("id_ecdsa").display())]);
}

#[test]
fn a_host_that_was_connected_to_is_told_with_its_key_its_sessions_and_the_last_attempt() {
    let Some(sshd) = Sshd::start("a_host_that_was_connected_to_is_told_with_its_key") else { return };
    let mut desk = Desk::over(&sshd);
    let target = desk.target.clone();
    let status = |desk: &mut Desk| desk.tool("ssh_status", json!({"target": target}));
    let known = format!("[127.0.0.1]:{}: ssh-ed25519 SHA256:", sshd.port());
    says(&status(&mut desk), &["resolved: not yet", &known, "account/.ssh/known_hosts:1"]);
    desk.open("web1", "bash");
    let said = status(&mut desk);
    says(&said, &["1 session open", "sessions: web1 ready", "connections: 1", "ago, connected"]);
    assert!(!said.text.contains("not yet"), "{said:?}");
    // A session is still told of by its name, and by the target of this machine.
    says(&desk.tool("ssh_status", json!({"session": "web1"})), &["[web1] ready"]);
    desk.tool("ssh_status", json!({"target": "local"})).refuses("session-not-found", &["local"]);
    desk.tool("ssh_close", json!({"id": "web1"}));
    says(&status(&mut desk), &["no session is open", "connections: 1"]);
}

#[test]
fn a_restart_says_which_sessions_it_ends() {
    let Some(sshd) = Sshd::start("a_restart_says_which_sessions_it_ends") else { return };
    let mut desk = Desk::over(&sshd);
    desk.open("far", "bash");
    desk.tool("ssh_connect", json!({"target": "local", "name": "near"}));
    let (code, text) = desk.home.run_as_person(&["restart"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("on hosts these ended: far"), "{text}");
    let said = desk.run("near", "exit 3");
    assert!(said.state().starts_with("shell exited 3"), "{said:?}");
    let (_, text) = desk.home.run_as_person(&["restart"]);
    assert!(text.contains("sessions were kept") && !text.contains("far"), "{text}");
    let list = String::from_utf8_lossy(&desk.home.run(&["ls"]).stdout).into_owned();
    let line = list.lines().find(|it| it.starts_with("far ")).unwrap_or_default();
    assert!(line.contains(&desk.target) && line.contains("the daemon ended"), "{list}");
}
