//! A person opens a session on a host: what they are asked, what they see while it is slow, and what remains.

use std::fs;
use std::path::Path;
use std::process::Command;

use cotty_testkit::home::Home;
use cotty_testkit::tty::Tty;
use cotty_testkit::{Account, Relay, Sshd};
use serde_json::json;

use crate::desk::Desk;
use crate::remote::{self, target};
use crate::trust::{own, stranger};

/// What stands in the status line once somebody is attached.
const ATTACHED: &str = "pen free";
const LEAVES: &[u8] = b"\x1d";
/// A password and a passphrase that are found wherever they are kept.
const CANARY: &str = "canary-4711-Ünlock";

pub(crate) fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn ends(tty: &mut Tty, code: i32) -> String {
    let ended = tty.wait_exit().code();
    let text = tty.rest();
    assert_eq!(ended, Some(code), "{text}");
    assert!(tty.is_cooked());
    text
}

fn leaves(tty: &mut Tty) -> String {
    tty.send(LEAVES);
    ends(tty, 0)
}

/// The sessions that live.
fn living(home: &Home) -> Vec<String> {
    let listed: serde_json::Value = serde_json::from_str(&stdout(&home.run(&["ls", "--json"]))).unwrap();
    let open =
        |it: &&serde_json::Value| ["opening", "ready", "running"].contains(&it["state"].as_str().unwrap());
    let sessions = listed["sessions"].as_array().unwrap().iter().filter(open);
    sessions.map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

/// An account with a password, and how it is named at this server.
fn account(story: &str, sshd: &Sshd) -> Option<(Account, String)> {
    let account = Account::new(story, sshd, "/bin/bash")?;
    account.set_password(CANARY);
    let target = format!("{}@127.0.0.1:{}", account.name(), sshd.port());
    Some((account, target))
}

/// A home that knows the server's key, and has no key of its own.
fn keyless(sshd: &Sshd) -> Home {
    let home = remote::home(&[sshd]);
    fs::remove_file(own(&home, "id_ed25519")).unwrap();
    home
}

/// Asserts that a word stands in no file below a folder.
pub(crate) fn is_nowhere(folder: &Path, word: &str) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            is_nowhere(&path, word);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(word.len()).any(|it| it == word.as_bytes()), "{}", path.display());
        }
    }
}

#[test]
fn a_password_is_asked_for_until_it_is_right_and_is_kept_nowhere() {
    let story = "a_password_is_asked_for_until_it_is_right";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((account, target)) = account(story, &sshd) else { return };
    let mut desk = Desk::at(keyless(&sshd));
    let said = desk.tool("ssh_connect", json!({"target": target}));
    said.refuses("secret-needed", &[&format!("cotty up {target}")]);
    let mut tty = desk.home.tty(&["up", &target]);
    tty.wait_text(&format!("Password of {}@127.0.0.1: ", account.name()));
    assert!(!tty.is_cooked());
    tty.line("wrong");
    tty.wait_text("That was not accepted. Password of");
    tty.line(CANARY);
    tty.wait_text(ATTACHED);
    // The agent has the same terminal, and was asked nothing.
    let said = desk.run("127.0.0.1", "id -un");
    assert_eq!((said.exit(), said.output()), (Some(0), account.name().to_owned()), "{said:?}");
    let said = desk.tool("ssh_connect", json!({"target": target}));
    assert!(said.head().contains("open already"), "{said:?}");
    let text = leaves(&mut tty);
    assert!(!text.contains(CANARY) && !text.contains("wrong"), "{text}");
    let history = desk.home.run(&["read", "127.0.0.1", "--view", "history"]);
    assert!(!stdout(&history).contains(CANARY), "{history:?}");
    is_nowhere(&desk.home.state(), CANARY);
}

#[test]
fn where_a_key_is_of_no_use_the_agent_is_told_that_a_password_may_be() {
    let story = "where_a_key_is_of_no_use";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((_account, target)) = account(story, &sshd) else { return };
    let home = remote::home(&[&sshd]);
    sshd.key("stranger", &["-t", "ed25519"]);
    fs::copy(sshd.file("stranger"), own(&home, "id_ed25519")).unwrap();
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_connect", json!({"target": target}));
    said.refuses(
        "secret-needed",
        &["not accepted: the key", "cotty answer q1", &format!("cotty up {target}")],
    );
}

#[test]
fn ctrl_c_leaves_a_command_over_ssh_running_in_its_session() {
    let Some(sshd) = Sshd::start("ctrl_c_leaves_a_command_over_ssh_running") else { return };
    let home = remote::home(&[&sshd]);
    let begun = home.work().join("begun");
    let command = format!("touch {}; sleep 100", begun.display());
    let mut tty = home.tty(&["ssh", &target(&sshd), "--", &command]);
    cotty_testkit::until("the command runs", || begun.exists().then_some(()));
    tty.send("\x03");
    ends(&mut tty, 130);
    assert!(stdout(&home.run(&["ls", "--runs"])).contains("sleep 100"));
    assert_eq!(living(&home), ["127.0.0.1"]);
}

#[test]
fn three_wrong_passwords_are_the_end() {
    let story = "three_wrong_passwords_are_the_end";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((_account, target)) = account(story, &sshd) else { return };
    let home = keyless(&sshd);
    let mut tty = home.tty(&["up", &target]);
    for round in 1..=3 {
        tty.wait_for("a question", |text| text.matches("Password of").count() == round);
        tty.line("wrong");
    }
    let text = ends(&mut tty, 65);
    assert!(text.contains("may not log in; not accepted: a password"), "{text}");
    assert_eq!(text.matches("Password of").count(), 3);
    assert_eq!(living(&home), [""; 0]);
}

#[test]
fn a_passphrase_that_no_config_names_is_asked_for() {
    let story = "a_passphrase_that_no_config_names_is_asked_for";
    let Some(sshd) = Sshd::start(story) else { return };
    let home = remote::home(&[&sshd]);
    let key = own(&home, "id_ed25519");
    let mut lock = Command::new("ssh-keygen");
    lock.args(["-q", "-p", "-N", CANARY, "-f"]).arg(&key);
    assert!(lock.status().unwrap().success());
    let mut tty = home.tty(&["ssh", "-l", &sshd.user(), "-p", &sshd.port().to_string(), "127.0.0.1"]);
    tty.wait_text(&format!("Passphrase of {}: ", key.display()));
    tty.line(CANARY);
    tty.wait_text(ATTACHED);
    assert!(!leaves(&mut tty).contains(CANARY));
    is_nowhere(&home.state(), CANARY);
    // The connection is there: a second session is asked nothing.
    let output = home.run(&["up", "again", "--on", &target(&sshd)]);
    assert!(stdout(&output).contains("Session again is open on"), "{output:?}");
}

#[test]
fn nobody_answers_and_ctrl_c_leave_nothing_behind() {
    let story = "nobody_answers_and_ctrl_c_leave_nothing_behind";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((_account, target)) = account(story, &sshd) else { return };
    let home = keyless(&sshd);
    for (keys, code) in [("\x04", 65), ("\x03", 130)] {
        let mut tty = home.tty(&["up", &target]);
        tty.wait_text("Password of");
        tty.send(keys);
        ends(&mut tty, code);
        cotty_testkit::until("nothing lives", || living(&home).is_empty().then_some(()));
    }
}

#[test]
fn a_slow_way_is_told_stage_by_stage_and_ctrl_c_ends_it() {
    let Some(sshd) = Sshd::start("a_slow_way_is_told_stage_by_stage") else { return };
    let home = remote::home(&[&sshd]);
    let relay = Relay::to(sshd.port());
    relay.freeze();
    let mut tty = home.tty(&["up", &format!("{}@127.0.0.1:{}", sshd.user(), relay.port())]);
    tty.wait_text("agreeing on keys");
    assert_eq!(living(&home).len(), 1);
    tty.send("\x03");
    ends(&mut tty, 130);
    cotty_testkit::until("nothing lives", || living(&home).is_empty().then_some(()));
    relay.thaw();
    cotty_testkit::until("nothing is open", || (relay.connections() == 0).then_some(()));
}

#[test]
fn a_second_up_finds_the_session_of_the_first() {
    let Some(sshd) = Sshd::start("a_second_up_finds_the_session_of_the_first") else { return };
    let home = remote::home(&[&sshd]);
    let mut first = home.tty(&["up", &target(&sshd)]);
    first.wait_text(ATTACHED);
    first.line("echo from-the-$((40 + 2))");
    first.wait_text("from-the-42");
    for word in [target(&sshd).as_str(), "127.0.0.1"] {
        let mut second = home.tty(&["up", word]);
        second.wait_text("was open already on");
        second.wait_text("from-the-42");
        leaves(&mut second);
    }
    leaves(&mut first);
    assert_eq!(living(&home), ["127.0.0.1"]);
    // Once it has ended, its name still means the host.
    assert!(home.run(&["close", "127.0.0.1"]).status.success());
    assert!(stdout(&home.run(&["up", "127.0.0.1"])).contains("Session 127.0.0.1 is open on"));
}

#[test]
fn without_a_terminal_it_opens_and_prints_and_asks_nobody() {
    let story = "without_a_terminal_it_opens_and_prints_and_asks_nobody";
    let Some(sshd) = Sshd::start(story) else { return };
    let home = remote::home(&[&sshd]);
    let output = home.run(&["up", &target(&sshd)]);
    assert!(output.status.success(), "{output:?}");
    let text = stdout(&output);
    assert!(
        text.contains("Session 127.0.0.1 is open on") && text.contains("cotty attach 127.0.0.1"),
        "{text}"
    );
    let output = home.run(&["ssh", &target(&sshd), "--", "echo $SSH_CONNECTION; (exit 7)"]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(stdout(&output).trim_end().ends_with(&sshd.port().to_string()), "{output:?}");
    let home = stranger(&sshd);
    let output = home.run(&["up", &target(&sshd)]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(65) && text.contains(&format!("cotty trust {}", target(&sshd))),
        "{text}"
    );
}

#[test]
fn an_unknown_key_is_asked_about_on_the_way_to_a_session() {
    let story = "an_unknown_key_is_asked_about_on_the_way_to_a_session";
    let (Some(near), Some(far)) = (Sshd::start(story), Sshd::start(story)) else { return };
    let home = stranger(&near);
    let (user, key) = (far.user(), far.file("user_ed25519"));
    let config = format!(
        "Host far\n  HostName 127.0.0.1\n  Port {}\n  User {user}\n  IdentityFile {}\n  ProxyJump {}\n",
        far.port(),
        key.display(),
        target(&near)
    );
    fs::write(own(&home, "config"), config).unwrap();
    let mut tty = home.tty(&["up", "far"]);
    tty.wait_text(&format!("Is it the key of [127.0.0.1]:{}?", near.port()));
    tty.line("no");
    assert!(ends(&mut tty, 65).contains("was not accepted"));
    assert!(!own(&home, "known_hosts").exists());
    let mut tty = home.tty(&["up", "far"]);
    for sshd in [&near, &far] {
        tty.wait_text(&format!("Is it the key of [127.0.0.1]:{}?", sshd.port()));
        tty.line("yes");
    }
    tty.wait_text(ATTACHED);
    tty.wait_text("Session far is open on");
    leaves(&mut tty);
    let known = fs::read_to_string(own(&home, "known_hosts")).unwrap();
    assert_eq!(known.lines().count(), 2, "{known}");
}

#[test]
fn a_password_of_a_host_on_the_way_is_asked_once_though_a_key_comes_after_it() {
    let story = "a_password_of_a_host_on_the_way_is_asked_once";
    let (Some(near), Some(far)) = (Sshd::start(story), Sshd::start(story)) else { return };
    let Some((_account, gate)) = account(story, &near) else { return };
    let home = keyless(&near);
    let (user, port, key) = (far.user(), far.port(), far.file("user_ed25519"));
    let config = format!(
        "Host far\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {}\n  ProxyJump {gate}\n",
        key.display()
    );
    fs::write(own(&home, "config"), config).unwrap();
    let mut tty = home.tty(&["up", "far"]);
    tty.wait_text("Password of");
    tty.line("wrong");
    tty.wait_text("That was not accepted.");
    tty.line(CANARY);
    tty.wait_text(&format!("Is it the key of [127.0.0.1]:{port}?"));
    tty.line("yes");
    tty.wait_text(ATTACHED);
    let text = leaves(&mut tty);
    assert_eq!(text.matches("Password of").count(), 2, "{text}");
    is_nowhere(&home.state(), CANARY);
}

#[test]
fn a_word_is_a_host_where_somebody_wrote_it_down_and_else_a_name() {
    let Some(sshd) = Sshd::start("a_word_is_a_host_where_somebody_wrote_it_down") else { return };
    let home = remote::home(&[&sshd]);
    let (user, port) = (sshd.user(), sshd.port());
    let config = format!("Host web1\n  HostName 127.0.0.1\n  User {user}\n  Port {port}\n");
    fs::write(own(&home, "config"), config).unwrap();
    home.write_config(&format!(
        "[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\nlabel = \"the shop\"\n"
    ));
    let up = |words: &[&str]| stdout(&home.run(&[&["up"], words].concat()));
    assert!(up(&["shop"]).contains("Session shop is open on"), "{}", up(&["shop"]));
    // The same account on the same machine: the same session.
    assert!(up(&["web1"]).contains("Session shop was open already on"));
    let text = up(&["build"]);
    assert!(text.contains("Session build is open.") && text.contains("cotty ssh build"), "{text}");
    assert!(up(&["build"]).contains("Session build was open already."));
    let (code, text) = home.run_as_person(&["up", "build", "--on", "shop"]);
    assert!(code == Some(65) && text.contains("exists already as a session on local"), "{code:?} {text}");
}

#[test]
fn what_is_typed_for_ssh_cannot_become_an_option_of_anything() {
    let home = Home::new();
    for words in [
        &["ssh", "-oProxyCommand=x", "web1"][..],
        &["ssh", "-F", "/x", "web1"],
        &["ssh", "local"],
        &["ssh", "web1;id"],
        &["ssh", "-l", "-x", "web1"],
        &["ssh", "-l", "me", "you@web1"],
        &["ssh", "-p", "0", "web1"],
        &["ssh", "-p", "22", "web1:23"],
        &["ssh", "--", "web1"],
        &["up", "-oProxyCommand=x"],
    ] {
        let (code, text) = home.run_as_person(words);
        assert_eq!(code, Some(64), "{words:?}: {text}");
    }
}

#[test]
fn devices_are_listed_with_what_is_open_and_without_a_secret_or_a_packet() {
    let Some(sshd) = Sshd::start("devices_are_listed") else { return };
    let home = remote::home(&[&sshd]);
    fs::write(home.path().join("secret"), CANARY).unwrap();
    let (user, port, secret) = (sshd.user(), sshd.port(), home.path().join("secret"));
    home.write_config(&format!(
        "[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\nlabel = \"the shop\"\ndefault = true\n\
         [devices.far]\nhost = \"192.0.2.1\"\n[devices.far.auth]\nkey = \"~/.ssh/far\"\npassphrase_env = \"FAR_KEY\"\n\
         password_file = \"{}\"\n",
        secret.display()
    ));
    assert!(home.run(&["up"]).status.success());
    let (code, text) = home.run_as_person(&["device", "list"]);
    assert_eq!(code, Some(0), "{text}");
    for says in [
        format!("shop*  {user}@127.0.0.1:{port}"),
        "as ssh does".to_owned(),
        "the shop".to_owned(),
        "far    192.0.2.1".to_owned(),
        format!("key ~/.ssh/far, passphrase $FAR_KEY, password {}", secret.display()),
    ] {
        assert!(text.contains(&says), "{says}: {text}");
    }
    let output = home.cotty(&["device", "list", "--json"]).env("FAR_KEY", CANARY).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let shop = &listed["devices"][1];
    assert_eq!((&shop["sessions"], &shop["is_default"]), (&json!(["shop"]), &json!(true)), "{listed}");
    assert_eq!(listed["devices"][0]["login"]["passphrase"], "$FAR_KEY");
    assert!(!stdout(&output).contains(CANARY) && !text.contains(CANARY));
    let (code, text) = Home::new().run_as_person(&["device", "list"]);
    assert!(code == Some(0) && text.contains("names no device"), "{text}");
}
