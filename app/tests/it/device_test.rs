//! `cotty device test`: how far a host is reached, and what would help, each as a command to copy.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use cotty_testkit::Sshd;
use cotty_testkit::home::Home;
use serde_json::Value;

use crate::remote::{self, target};
use crate::trust::{own, stranger};

/// Tries a host, and returns what the document says, with the exit code.
fn tried(home: &Home, arguments: &[&str]) -> (Option<i32>, Value) {
    let order: Vec<&str> = ["device", "test", "--json"].iter().chain(arguments).copied().collect();
    let output = home.run(&order);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}")))
}

fn fixes(said: &Value) -> String {
    said["fixes"].to_string()
}

#[test]
fn a_host_is_reached_up_to_its_key_and_nobody_logs_in_unless_that_is_asked_for() {
    let Some(sshd) = Sshd::start("a_host_is_reached_up_to_its_key") else { return };
    let home = remote::home(&[&sshd]);
    let (user, port) = (sshd.user(), sshd.port());
    home.write_config(&format!("[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\n"));
    let (code, said) = tried(&home, &["shop"]);
    assert_eq!((code, &said["logged_in"]), (Some(0), &Value::Null), "{said}");
    let steps = said["steps"].as_array().unwrap();
    assert!(steps.iter().all(|it| it["done"] == true), "{said}");
    assert_eq!(steps.last().unwrap()["step"], "judging its key", "{said}");
    assert!(said["known_hosts"].to_string().contains("is known"), "{said}");
    let (code, said) = tried(&home, &["shop", "--login"]);
    assert_eq!((code, &said["logged_in"]), (Some(0), &Value::Bool(true)), "{said}");
    // No session came of either.
    assert!(String::from_utf8_lossy(&home.run(&["ls", "--json"]).stdout).contains("\"sessions\":[]"));
    let text = String::from_utf8_lossy(&home.run(&["device", "test", "shop"]).stdout).into_owned();
    assert!(text.contains("cotty device test shop --login"), "{text}");
}

#[test]
fn a_key_that_is_not_known_or_another_is_told_with_the_command_that_mends_it() {
    let Some(sshd) = Sshd::start("a_key_that_is_not_known_or_another_is_told") else { return };
    let home = stranger(&sshd);
    let (code, said) = tried(&home, &[&target(&sshd)]);
    assert_eq!((code, &said["failure"]["kind"]), (Some(65), &"host-key".into()), "{said}");
    assert!(said["fixes"][0].as_str().unwrap().starts_with("cotty trust "), "{said}");
    sshd.key("other", &["-t", "ed25519"]);
    let public = fs::read_to_string(sshd.file("other.pub")).unwrap();
    fs::write(own(&home, "known_hosts"), format!("[127.0.0.1]:{} {public}", sshd.port())).unwrap();
    let (code, said) = tried(&home, &[&target(&sshd)]);
    assert_eq!(code, Some(65), "{said}");
    assert!(said["failure"]["what"].as_str().unwrap().contains("has changed"), "{said}");
    assert!(said["fixes"][0].as_str().unwrap().starts_with("ssh-keygen -R "), "{said}");
}

#[test]
fn what_a_login_lacks_is_told_with_the_command_that_mends_it() {
    let Some(sshd) = Sshd::start("what_a_login_lacks_is_told") else { return };
    let home = remote::home(&[&sshd]);
    let key = own(&home, "id_ed25519");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = tried(&home, &[&target(&sshd)]);
    assert!(code == Some(0) && fixes(&said).contains("chmod 600"), "{said}");
    let (code, said) = tried(&home, &[&target(&sshd), "--login"]);
    assert_eq!((code, &said["logged_in"]), (Some(65), &Value::Bool(false)), "{said}");
    assert!(fixes(&said).contains("chmod 600"), "{said}");
    // A key that the account does not know, and an agent that is not there.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::copy(sshd.key("stranger", &["-t", "ed25519"]), &key).unwrap();
    let (code, said) = tried(&home, &[&target(&sshd), "--login"]);
    assert!(code == Some(65) && fixes(&said).contains("ssh-copy-id"), "{said}");
    fs::remove_file(&key).unwrap();
    let gone = home.work().join("no-agent");
    let mut order = home.cotty(&["device", "test", "--json", &target(&sshd)]);
    let output = order.env("SSH_AUTH_SOCK", &gone).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("not reachable") && text.contains("ssh-agent"), "{text}");
}

#[test]
fn a_host_that_is_not_reached_says_at_which_step_and_what_to_try() {
    let home = Home::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let (code, said) = tried(&home, &[&format!("me@127.0.0.1:{port}")]);
    assert_eq!((code, &said["failure"]["kind"]), (Some(69), &"connection-failure".into()), "{said}");
    let last = said["steps"].as_array().unwrap().last().unwrap();
    assert!(last["step"] == "connecting" && last["done"] == false, "{said}");
    assert!(fixes(&said).contains(&format!("nc -vz 127.0.0.1 {port}")), "{said}");
    let (code, said) = tried(&home, &["me@nowhere.invalid:22"]);
    assert!(code == Some(69) && fixes(&said).contains("getent hosts nowhere.invalid"), "{said}");
    let (code, said) = tried(&home, &["local"]);
    assert_eq!((code, &said["failure"]["kind"]), (Some(64), &"invalid-argument".into()), "{said}");
    if let Some(sshd) = Sshd::start_with("a_host_without_a_cipher_of_ours", "Ciphers aes128-cbc\n") {
        let home = remote::home(&[&sshd]);
        let (code, said) = tried(&home, &[&target(&sshd)]);
        assert!(code == Some(69) && said["failure"]["what"].to_string().contains("in common"), "{said}");
        assert!(fixes(&said).contains("ssh -vv"), "{said}");
    }
}

#[test]
fn an_agent_tries_no_host_that_it_may_not_name() {
    let home = Home::new();
    home.write_config("targets = \"configured\"\n");
    let (code, said) = tried(&home, &["me@127.0.0.1:1"]);
    assert_eq!((code, &said["failure"]["kind"]), (Some(77), &"policy-blocked".into()), "{said}");
}

#[test]
fn a_key_of_putty_is_told_with_the_command_that_makes_one_of_ssh_of_it() {
    let Some(sshd) = Sshd::start("a_key_of_putty_is_told") else { return };
    let home = remote::home(&[&sshd]);
    let key = own(&home, "id_ed25519");
    fs::write(&key, "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 2\n")
        .unwrap();
    let (code, said) = tried(&home, &[&target(&sshd), "--login"]);
    assert_eq!((code, &said["logged_in"]), (Some(65), &Value::Bool(false)), "{said}");
    assert!(said["failure"]["what"].to_string().contains("PuTTY"), "{said}");
    assert!(fixes(&said).contains("puttygen ") && fixes(&said).contains("-O private-openssh"), "{said}");
}

#[test]
fn a_match_exec_that_fails_leaves_its_block_out_as_with_ssh_and_one_that_hangs_is_told() {
    let Some(sshd) = Sshd::start("a_match_exec_that_fails_leaves_its_block_out") else { return };
    let home = remote::home(&[&sshd]);
    let (user, port) = (sshd.user(), sshd.port());
    home.write_config(&format!("[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\n"));
    let block = |program: &str| {
        format!("Match exec \"{program}\"\n  ProxyCommand false\nHost *\n  ConnectTimeout 9\n")
    };
    for program in ["exit 3", "/nowhere/at-all"] {
        fs::write(own(&home, "config"), block(program)).unwrap();
        let (code, said) = tried(&home, &["shop", "--login"]);
        assert_eq!((code, &said["logged_in"]), (Some(0), &Value::Bool(true)), "{program}: {said}");
    }
    fs::write(own(&home, "config"), block("sleep 1000")).unwrap();
    let (code, said) = tried(&home, &["shop"]);
    assert_eq!((code, &said["failure"]["kind"]), (Some(78), &"config-error".into()), "{said}");
    assert!(said["failure"]["what"].to_string().contains("Match exec"), "{said}");
}
