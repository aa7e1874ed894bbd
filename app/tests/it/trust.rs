//! Accepting the key of a host: what a person sees, says and finds in their files, and what an agent may not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cotty_testkit::home::{Home, binary};
use cotty_testkit::tty::Tty;
use cotty_testkit::{Sshd, wait};
use serde_json::json;

use crate::desk::Desk;
use crate::remote::target;

/// Ends the question about a key.
const ASKS: &str = "(yes, no, or the fingerprint)";

/// The key files of an account that knows no host yet, and may log in.
pub(crate) fn stranger(sshd: &Sshd) -> Home {
    let home = Home::new();
    let ssh = home.path().join("account/.ssh");
    fs::create_dir_all(&ssh).unwrap();
    fs::copy(sshd.file("user_ed25519"), ssh.join("id_ed25519")).unwrap();
    home
}

/// A file of the account's own.
pub(crate) fn own(home: &Home, name: &str) -> PathBuf {
    home.path().join("account/.ssh").join(name)
}

fn known_hosts(home: &Home) -> PathBuf {
    own(home, "known_hosts")
}

/// The fingerprint, as ssh-keygen has it.
fn fingerprint(public: &Path) -> String {
    let output = Command::new("ssh-keygen").arg("-lf").arg(public).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split(' ').nth(1).unwrap().to_owned()
}

fn name(sshd: &Sshd) -> String {
    format!("[127.0.0.1]:{}", sshd.port())
}

/// Another server's key under this one's name.
fn other_line(sshd: &Sshd) -> String {
    sshd.key("other", &["-t", "ed25519"]);
    let public = fs::read_to_string(sshd.file("other.pub")).unwrap();
    let words: Vec<&str> = public.split(' ').collect();
    format!("{} {} {}\n", name(sshd), words[0], words[1])
}

fn ends(tty: &mut Tty, code: i32) -> String {
    let ended = tty.wait_exit().code();
    let text = tty.rest();
    assert_eq!(ended, Some(code), "{text}");
    text
}

#[test]
fn a_key_that_a_person_accepts_is_written_as_it_was_shown_and_ssh_itself_takes_it() {
    let Some(sshd) = Sshd::start("a_key_that_a_person_accepts_is_written") else { return };
    let home = stranger(&sshd);
    // A last line without its end, as an editor may leave it.
    fs::write(known_hosts(&home), "# mine").unwrap();
    let mut tty = home.tty(&["trust", &target(&sshd)]);
    let shown = tty.wait_text(ASKS);
    assert!(shown.contains(&fingerprint(&sshd.file("host_ed25519.pub"))), "{shown}");
    assert!(shown.contains("ssh-ed25519") && shown.contains(&name(&sshd)), "{shown}");
    tty.line("perhaps");
    tty.wait_text("Type yes, no, or the fingerprint");
    tty.line("yes");
    assert!(ends(&mut tty, 0).contains("is written to"));
    assert!(tty.is_cooked());
    let written = fs::read_to_string(known_hosts(&home)).unwrap();
    assert_eq!(written, format!("# mine\n{}", sshd.known_line(&name(&sshd))));
    assert!(sshd.ssh(&known_hosts(&home)).arg("true").status().unwrap().success());
    // The second time nothing is asked.
    let (code, text) = home.run_as_person(&["trust", &target(&sshd)]);
    assert!(code == Some(0) && text.contains("is known already") && text.contains("known_hosts:2"), "{text}");
    assert_eq!(fs::read_to_string(known_hosts(&home)).unwrap(), written);
}

#[test]
fn a_key_is_shown_as_a_picture_and_with_the_other_names_under_which_it_is_known() {
    let Some(sshd) = Sshd::start("a_key_is_shown_as_a_picture") else { return };
    let home = stranger(&sshd);
    let keygen = |arguments: &[&str]| {
        let output = Command::new("ssh-keygen").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let public = sshd.file("host_ed25519.pub").display().to_string();
    let drawn = keygen(&["-lvf", &public]);
    let picture: Vec<&str> = drawn.lines().skip(1).collect();
    assert_eq!(picture.len(), 11, "{drawn}");
    let mut tty = home.tty(&["trust", &target(&sshd)]);
    let shown = tty.wait_text(ASKS);
    assert!(picture.iter().all(|row| shown.contains(*row)), "{shown}\n{drawn}");
    assert!(shown.contains("no file has this key under another name"), "{shown}");
    tty.line("no");
    ends(&mut tty, 65);
    // Another name has it, and one that is hashed.
    let known = known_hosts(&home);
    fs::write(&known, format!("# mine\n{}{}", sshd.known_line("web9,10.0.0.9"), sshd.known_line("web8")))
        .unwrap();
    keygen(&["-H", "-f", &known.display().to_string()]);
    let hashed = fs::read_to_string(&known).unwrap();
    let last = hashed.lines().last().unwrap();
    fs::write(&known, format!("# mine\n{}{last}\n", sshd.known_line("web9,10.0.0.9"))).unwrap();
    let words = ["the same key is known as web9,10.0.0.9 (", "known_hosts:2)", "a name that is hashed ("];
    let mut tty = home.tty(&["trust", &target(&sshd)]);
    let shown = tty.wait_text(ASKS);
    assert!(words.iter().all(|it| shown.contains(it)), "{shown}");
    tty.line("yes");
    ends(&mut tty, 0);
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_status", json!({"target": target(&sshd)}));
    assert!(words.iter().all(|it| said.text.contains(it)), "{said:?}");
}

#[test]
fn no_and_ctrl_c_write_nothing() {
    let Some(sshd) = Sshd::start("no_and_ctrl_c_write_nothing") else { return };
    let home = stranger(&sshd);
    for (answer, code) in [("no\r", 65), ("SHA256:other\r", 65), ("\x04", 65), ("\x03", 130)] {
        let mut tty = home.tty(&["trust", &target(&sshd)]);
        tty.wait_text(ASKS);
        tty.send(answer);
        let text = ends(&mut tty, code);
        assert!(code == 130 || text.contains("was not accepted; nothing was written"), "{text}");
        assert!(tty.is_cooked() && !known_hosts(&home).exists());
    }
}

#[test]
fn a_new_file_is_private_and_hashed_where_ssh_hashes() {
    let Some(sshd) = Sshd::start("a_new_file_is_private_and_hashed") else { return };
    let home = stranger(&sshd);
    fs::write(own(&home, "config"), "HashKnownHosts yes\n").unwrap();
    let mut tty = home.tty(&["trust", &target(&sshd)]);
    tty.wait_text(ASKS);
    tty.line(&fingerprint(&sshd.file("host_ed25519.pub")));
    ends(&mut tty, 0);
    let written = fs::read_to_string(known_hosts(&home)).unwrap();
    assert!(written.starts_with("|1|") && !written.contains("127.0.0.1"), "{written}");
    assert_eq!(fs::metadata(known_hosts(&home)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(sshd.ssh(&known_hosts(&home)).arg("true").status().unwrap().success());
}

#[test]
fn a_device_keeps_its_key_under_the_alias_that_ssh_gives_it() {
    let Some(sshd) = Sshd::start("a_device_keeps_its_key_under_the_alias") else { return };
    let home = stranger(&sshd);
    fs::write(own(&home, "config"), "Host shop.example\n  HostName 127.0.0.1\n  HostKeyAlias the-shop\n")
        .unwrap();
    home.write_config(&format!("[devices.shop]\nhost = \"shop.example\"\nport = {}\n", sshd.port()));
    let mut tty = home.tty(&["trust", "shop", "--json"]);
    tty.wait_text(ASKS);
    tty.line("yes");
    let text = ends(&mut tty, 0);
    assert!(text.contains(r#""name":"the-shop""#) && text.contains(r#""added":true"#), "{text}");
    assert_eq!(fs::read_to_string(known_hosts(&home)).unwrap(), sshd.known_line("the-shop"));
}

#[test]
fn a_changed_or_revoked_key_is_not_even_asked_about() {
    let Some(sshd) = Sshd::start("a_changed_or_revoked_key_is_not_even_asked_about") else { return };
    let home = stranger(&sshd);
    let changed = format!("# one\n{}", other_line(&sshd));
    fs::write(known_hosts(&home), &changed).unwrap();
    let (code, text) = home.run_as_person(&["trust", &target(&sshd)]);
    assert_eq!(code, Some(65), "{text}");
    for says in [
        fingerprint(&sshd.file("host_ed25519.pub")),
        fingerprint(&sshd.file("other.pub")),
        "known_hosts:2".to_owned(),
        format!("ssh-keygen -R '{}'", name(&sshd)),
        format!("cotty trust {}", target(&sshd)),
    ] {
        assert!(text.contains(&says), "{says}: {text}");
    }
    assert_eq!(fs::read_to_string(known_hosts(&home)).unwrap(), changed);
    fs::write(known_hosts(&home), format!("@revoked {}", sshd.known_line("*"))).unwrap();
    let (code, text) = home.run_as_person(&["trust", &target(&sshd)]);
    assert!(code == Some(65) && text.contains("is revoked at") && text.contains("known_hosts:1"), "{text}");
}

#[test]
fn a_host_that_only_an_authority_vouches_for_is_accepted_by_its_very_key() {
    let Some(sshd) = Sshd::start("a_host_that_only_an_authority_vouches_for") else { return };
    let mut desk = Desk::at(stranger(&sshd));
    let authority = format!("@cert-authority {}", other_line(&sshd));
    fs::write(known_hosts(&desk.home), &authority).unwrap();
    let connect = serde_json::json!({"target": target(&sshd)});
    let said = desk.tool("ssh_connect", connect.clone());
    said.refuses("host-key", &["by an authority only", &format!("cotty trust {}", target(&sshd))]);
    let mut tty = desk.home.tty(&["trust", &target(&sshd)]);
    tty.wait_text(ASKS);
    tty.line("yes");
    ends(&mut tty, 0);
    let written = fs::read_to_string(known_hosts(&desk.home)).unwrap();
    assert_eq!(written, authority + &sshd.known_line(&name(&sshd)));
    assert!(desk.tool("ssh_connect", connect).head().contains("ready"));
}

#[test]
fn nothing_is_asked_where_nothing_can_be_kept() {
    let Some(sshd) = Sshd::start("nothing_is_asked_where_nothing_can_be_kept") else { return };
    let home = stranger(&sshd);
    fs::write(own(&home, "config"), "UserKnownHostsFile /dev/null\n").unwrap();
    let (code, text) = home.run_as_person(&["trust", &target(&sshd)]);
    assert!(code == Some(78) && text.contains("UserKnownHostsFile"), "{code:?} {text}");
    assert!(!known_hosts(&home).exists());
}

#[test]
fn two_who_accept_the_same_key_at_once_write_it_once() {
    let Some(sshd) = Sshd::start("two_who_accept_the_same_key_at_once_write_it_once") else { return };
    let home = stranger(&sshd);
    let mut people: Vec<Tty> = (0..4).map(|_| home.tty(&["trust", &target(&sshd)])).collect();
    people.iter().for_each(|it| drop(it.wait_text(ASKS)));
    people.iter().for_each(|it| it.line("yes"));
    people.iter_mut().for_each(|it| drop(ends(it, 0)));
    assert_eq!(fs::read_to_string(known_hosts(&home)).unwrap(), sshd.known_line(&name(&sshd)));
}

#[test]
fn on_the_way_to_a_host_each_key_is_asked_about() {
    let story = "on_the_way_to_a_host_each_key_is_asked_about";
    let (Some(near), Some(far)) = (Sshd::start(story), Sshd::start(story)) else { return };
    let home = stranger(&near);
    let config =
        format!("Host far\n  HostName 127.0.0.1\n  Port {}\n  ProxyJump {}\n", far.port(), target(&near));
    fs::write(own(&home, "config"), config).unwrap();
    let mut tty = home.tty(&["trust", "far"]);
    for sshd in [&near, &far] {
        tty.wait_text(&format!("Is it the key of {}?", name(sshd)));
        tty.line("yes");
    }
    ends(&mut tty, 0);
    let both = near.known_line(&name(&near)) + &far.known_line(&name(&far));
    assert_eq!(fs::read_to_string(known_hosts(&home)).unwrap(), both);
}

#[test]
fn an_agent_accepts_no_key_and_is_told_who_does() {
    let Some(sshd) = Sshd::start("an_agent_accepts_no_key_and_is_told_who_does") else { return };
    let mut desk = Desk::at(stranger(&sshd));
    let target = target(&sshd);
    let output = desk.home.run(&["trust", &target]);
    assert_eq!(output.status.code(), Some(77), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("trust is a person's to do"), "{output:?}");
    let said = desk.tool("ssh_connect", serde_json::json!({"target": target}));
    said.refuses(
        "host-key",
        &[&fingerprint(&sshd.file("host_ed25519.pub")), &format!("cotty trust {target}")],
    );
    // Not from inside a session either, with a terminal of its own.
    desk.open("web1", "bash");
    let (out, state) = (desk.home.path().join("out"), desk.home.state());
    let trust = format!("env COTTY_STATE_DIR={} {} trust {target}", state.display(), binary().display());
    let said = desk.run("web1", &format!("script -qec '{trust}' /dev/null > {} 2>&1", out.display()));
    let text =
        wait::until("it was tried", || fs::read_to_string(&out).ok().filter(|it| it.contains("cotty")));
    assert!(text.contains("a person's to do"), "{text}\n{said:?}");
    assert!(!known_hosts(&desk.home).exists());
}

#[test]
fn what_cannot_be_a_host_is_refused_before_anything_is_sent() {
    let home = Home::new();
    for (wrong, code) in [("local", 64), ("-oProxyCommand=x", 64), ("a b", 64), ("web1;id", 64)] {
        let (ended, text) = home.run_as_person(&["trust", wrong]);
        assert_eq!(ended, Some(code), "{wrong}: {text}");
    }
    let (code, text) = home.run_as_person(&["trust", "127.0.0.1:1"]);
    assert!(code == Some(69) && text.contains("was not reached (connect)"), "{code:?} {text}");
}
