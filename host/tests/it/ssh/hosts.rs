//! What the known hosts say is what OpenSSH says of the same files.

use std::process::Command;

use cotty_host::native::error::{ConnectError, Stage};
use cotty_host::native::host_key::HostKey;
use cotty_host::native::known_hosts::{KnownHosts, Names, Verdict, append, host_name};
use cotty_host::native::settings::Settings;
use cotty_testkit::Sshd;

use super::{connect, settings};
use crate::world::block_on;

/// A file, and what is expected of it.
struct Case {
    what: &'static str,
    lines: String,
    expected: fn(&Verdict) -> bool,
}

fn cases(sshd: &Sshd) -> Vec<Case> {
    let name = format!("[127.0.0.1]:{}", sshd.port());
    let public = |file: &str| {
        let text = std::fs::read_to_string(sshd.file(file)).unwrap();
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    };
    let (right, wrong) = (public("host_ed25519.pub"), public("user_ed25519.pub"));
    sshd.key("other_rsa", &["-t", "rsa", "-b", "2048"]);
    let other = public("other_rsa.pub");
    let known: fn(&Verdict) -> bool = |it| matches!(it, Verdict::Known(_));
    let unknown: fn(&Verdict) -> bool = |it| *it == Verdict::Unknown;
    let changed: fn(&Verdict) -> bool = |it| matches!(it, Verdict::Changed { .. });
    let case = |what, lines: &str, expected| Case { what, lines: lines.to_owned(), expected };
    vec![
        case("plain", &format!("{name} {right}\n"), known),
        case("tabs, comment, CRLF", &format!("# a\r\n\n  {name}\t{right}\tme\r\n"), known),
        case("no line end", &format!("{name} {right}"), known),
        case("several names", &format!("web,{name},db {right}\n"), known),
        case("pattern", &format!("[127.0.0.*]:* {right}\n"), known),
        case("question marks", &format!("[127.?.?.1]:{} {right}\n", sshd.port()), known),
        case("negation", &format!("[*]:*,!{name} {right}\n"), unknown),
        case("negation of another", &format!("[*]:*,!web {right}\n"), known),
        case("nothing", "", unknown),
        case("another host", &format!("web {right}\n"), unknown),
        case("another port", &format!("[127.0.0.1]:1 {right}\n"), unknown),
        case("without the port", &format!("127.0.0.1 {right}\n"), known),
        case("another key without the port", &format!("127.0.0.1 {wrong}\n"), unknown),
        case("another key", &format!("{name} {wrong}\n"), changed),
        case("another kind of key", &format!("{name} {other}\n"), changed),
        case("an old key, then the right one", &format!("{name} {wrong}\n{name} {right}\n"), known),
        case("revoked", &format!("{name} {right}\n@revoked * {right}\n"), |it| {
            matches!(it, Verdict::Revoked(_))
        }),
        case("another one revoked", &format!("@revoked * {wrong}\n{name} {right}\n"), known),
        case("revoked for another host", &format!("@revoked web {right}\n{name} {right}\n"), known),
        case("an authority", &format!("@cert-authority * {right}\n"), |it| {
            matches!(it, Verdict::Authority { .. })
        }),
        case("an unknown marker", &format!("@trusted {name} {right}\n"), unknown),
        case("bad lines first", &format!("{name}\n{name} ssh-ed25519 ???\n{name} {right}\n"), known),
        case("kind and key differ", &format!("{name} ssh-rsa {}\n", &right[12..]), unknown),
    ]
}

#[test]
fn every_state_of_a_host_key_is_judged_as_openssh_does() {
    let Some(sshd) = Sshd::start("every_state_of_a_host_key_is_judged_as_openssh_does") else { return };
    for case in cases(&sshd) {
        for hashed in [false, true] {
            let file = sshd.write("cases", &case.lines);
            // ssh-keygen hashes what can be hashed: single names without patterns.
            let mut hash = Command::new("ssh-keygen");
            hash.args(["-q", "-H", "-f"]).arg(&file);
            if hashed && !hash.output().unwrap().status.success() {
                continue;
            }
            let theirs = sshd.ssh(&file).arg("true").output().unwrap();
            let ours = Settings { known_hosts: vec![file.clone()], ..settings(&sshd) };
            let ours = block_on(async { connect(&ours).await.map(drop) });
            let words = format!("{} (hashed: {hashed}): {ours:?}", case.what);
            assert_eq!(ours.is_ok(), theirs.status.success(), "{words} {theirs:?}");
            match ours {
                Ok(()) => assert!((case.expected)(&Verdict::Known(place())), "{words}"),
                Err(ConnectError::HostKey(shown)) => assert!((case.expected)(&shown.verdict), "{words}"),
                Err(_) => panic!("{words}"),
            }
        }
    }
}

fn place() -> cotty_host::native::known_hosts::Place {
    cotty_host::native::known_hosts::Place { file: "here".into(), line: 1 }
}

#[test]
fn a_changed_key_is_told_with_its_line_and_both_fingerprints() {
    let Some(sshd) = Sshd::start("a_changed_key_is_told") else { return };
    let wrong = std::fs::read_to_string(sshd.file("user_ed25519.pub")).unwrap();
    let file = sshd.write("old", &format!("# first\n[127.0.0.1]:{} {wrong}", sshd.port()));
    let refused =
        block_on(async { connect(&Settings { known_hosts: vec![file.clone()], ..settings(&sshd) }).await });
    let refused = refused.unwrap_err();
    assert_eq!(refused.stage(), Stage::HostKey);
    let words = refused.to_string();
    assert!(words.contains(&format!("{}:2", file.display())), "{words}");
    for key in ["host_ed25519.pub", "user_ed25519.pub"] {
        let output = Command::new("ssh-keygen").arg("-lf").arg(sshd.file(key)).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        assert!(words.contains(output.split(' ').nth(1).unwrap()), "{words} {output}");
    }
}

#[test]
fn a_key_is_written_as_it_was_shown_and_ssh_finds_it() {
    let Some(sshd) = Sshd::start("a_key_is_written_as_it_was_shown") else { return };
    for names in [Names::Plain, Names::Hashed] {
        let file = sshd.write("new", "web ssh-ed25519 unfinished");
        let mut target = Settings { known_hosts: vec![file.clone()], ..settings(&sshd) };
        let Err(ConnectError::HostKey(shown)) = block_on(async { connect(&target).await }) else {
            panic!("nobody knows it yet");
        };
        append(&file, &shown.name, names, &shown.key).unwrap();
        assert!(block_on(async { connect(&target).await }).is_ok());
        assert!(sshd.ssh(&file).arg("true").status().unwrap().success());
        let found = Command::new("ssh-keygen").args(["-F", &shown.name, "-f"]).arg(&file).output().unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        assert!(found.contains("line 2"), "{found}");
        let plain = std::fs::read_to_string(&file).unwrap().contains("127.0.0.1");
        assert_eq!(plain, names == Names::Plain);
        target.host_key_alias = Some("Web-1".into());
        append(&file, &host_name("127.0.0.1", 1, Some("Web-1")), names, &shown.key).unwrap();
        assert!(block_on(async { connect(&target).await }).is_ok());
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let Some(sshd) = Sshd::start("what_cannot_be_read_is_named") else { return };
    let line = sshd.known_line("web");
    let file = sshd.write("bad", &format!("nonsense\n{line}@what ever\n"));
    let known = KnownHosts::read(std::slice::from_ref(&file), "WEB", 22, None).unwrap();
    assert_eq!(known.bad_lines().iter().map(|it| it.line).collect::<Vec<_>>(), [1, 3]);
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let key = HostKey::parse(words[1], words[2]).unwrap();
    assert!(matches!(known.verdict(&key), Verdict::Known(at) if at.line == 2));
    // A list that is there and cannot be read forbids what nobody knows: it is no empty list.
    let folder = file.parent().unwrap().to_owned();
    assert!(KnownHosts::read(&[folder, file], "web", 22, None).is_err());
}
