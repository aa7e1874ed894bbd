//! Our own reading of ssh's configuration, beside `ssh -G` on the same files.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cotty_host::local::account::Account;
use cotty_host::openssh::asked::ask;
use cotty_host::openssh::reader::read;
use cotty_host::openssh::{NewKeys, NoAnswer, OpenSsh, Question};
use cotty_testkit::not_run;
use cotty_testkit::torture::chance::Chance;

use crate::world::block_on;

/// The seed of the configurations: each is made again by its number.
const SEED: u64 = 0x5EED_0006;
const CONFIGS: u64 = 100;

const HOSTS: [&str; 6] = ["web1", "web2.lan", "db.example.org", "WEB1", "10.0.0.7", "x"];
const PATTERNS: [&str; 12] =
    ["web1", "web?", "*.lan", "!web2.lan", "db*", "*", "!*.org", "10.0.0.*", "WEB1", "?", "w*1", "!web1"];
const USERS: [&str; 4] = ["bob", "root", "*", "nobody"];

/// Options, each as people write it, with quotes, comments and odd blanks.
fn option(chance: &mut Chance) -> String {
    let number = chance.between(1, 9);
    let host = chance.of(&["h%h", "%h.example.org", "10.1.2.3", "Plain"]);
    let user = chance.of(&["bob", "root", "carol"]);
    match chance.below(27) {
        0 => format!("HostName {host}"),
        1 => format!("Port 220{number}"),
        2 => format!("User {user}"),
        3 => format!("IdentityFile ~/.ssh/id_%r_{number}"),
        4 => format!("IdentityFile \"/keys/a b{number}\""),
        5 => "IdentitiesOnly=yes".to_owned(),
        6 => format!("CertificateFile ~/c_%h_{number}"),
        7 => format!("ProxyJump jump{number},bob@other:22{number}"),
        8 => format!("ProxyCommand nc -X {number} %h %p # no comment"),
        9 => format!("HostKeyAlias Alias{number}"),
        10 => format!("UserKnownHostsFile ~/kh{number}_%k_%n%% %d/%h_%p_%r"),
        11 => "GlobalKnownHostsFile none".to_owned(),
        12 => format!("StrictHostKeyChecking {}", chance.of(&["yes", "no", "accept-new", "ask"])),
        13 => format!("ConnectTimeout {number}m{number}"),
        14 => format!("ServerAliveInterval {number}"),
        15 => format!("serveralivecountmax\t{number}  # a comment"),
        16 => "Ciphers aes256-ctr,aes128-ctr".to_owned(),
        17 => "MACs hmac-sha2-256".to_owned(),
        18 => "KexAlgorithms = curve25519-sha256".to_owned(),
        19 => "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512".to_owned(),
        20 => format!("AddressFamily {}", chance.of(&["inet", "inet6", "any"])),
        21 => format!("SendEnv WORD_{number} LC_*"),
        22 => "SendEnv -WORD_*".to_owned(),
        23 => format!("SetEnv A=\"one {number}\" B={number} A=again"),
        24 => format!("RemoteCommand tmux new -A -s s{number}"),
        25 => "HashKnownHosts yes".to_owned(),
        _ => format!("BindAddress 127.0.0.{number}"),
    }
}

fn block(chance: &mut Chance) -> String {
    let pattern = |chance: &mut Chance| chance.of(&PATTERNS);
    match chance.below(9) {
        0..=2 => {
            let patterns: Vec<&str> = (0..chance.between(1, 3)).map(|_| pattern(chance)).collect();
            format!("Host {}", patterns.join(" "))
        }
        3 => format!("Match host {},{}", pattern(chance), pattern(chance)),
        4 => format!("Match originalhost \"{}\" user {}", pattern(chance), chance.of(&USERS)),
        5 => format!("Match !user {} !host {}", chance.of(&USERS), pattern(chance).trim_start_matches('!')),
        6 => format!("Match final host {}", pattern(chance)),
        7 => format!("Match localuser {}", chance.of(&["root", "nobody", "*"])),
        _ => "Match all".to_owned(),
    }
}

/// A file that is included: ssh wants it to be nobody else's to write, whatever the umask.
fn part(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
}

/// A configuration, with files that it includes, from within blocks too.
fn config(chance: &mut Chance, folder: &Path) -> String {
    let mut text = String::new();
    for at in 0..chance.between(1, 6) {
        if !chance.once_in(6) {
            writeln!(text, "{}", block(chance)).unwrap();
        }
        for _ in 0..chance.between(1, 5) {
            writeln!(text, "  {}", option(chance)).unwrap();
        }
        if chance.once_in(4) {
            let mut included = format!("{}\n", option(chance));
            for _ in 0..chance.between(0, 2) {
                writeln!(included, "{}\n{}", block(chance), option(chance)).unwrap();
            }
            part(&folder.join(format!("part-{at}-a.conf")), &included);
            part(&folder.join(format!("part-{at}-b.conf")), &format!("{}\n", option(chance)));
            writeln!(text, "Include {0}/part-{at}-*.conf {0}/nothing", folder.display()).unwrap();
        }
    }
    text
}

#[test]
fn a_hundred_configurations_are_read_as_ssh_reads_them() {
    let Ok(account) = Account::of_this_user() else { return };
    let mut wrong = Vec::new();
    for number in 0..CONFIGS {
        let scratch = tempfile::tempdir().unwrap();
        let mut chance = Chance::new(SEED + number);
        let text = config(&mut chance, scratch.path());
        let file = scratch.path().join("config");
        fs::write(&file, &text).unwrap();
        let ssh = OpenSsh::of(&account.home, &account.name, Some(file));
        if ssh.program.is_none() {
            not_run::not_run("a_hundred_configurations_are_read", "openssh-client is not installed");
            return;
        }
        let host = chance.of(&HOSTS);
        let user = chance.once_in(5).then_some("carol");
        let question = Question { host, user, port: None, agent: None, options: &[] };
        let theirs = block_on(async { ask(&ssh, question).await }).map_err(|error| error.to_string());
        let ours = read(&ssh, question).map(|it| it.answer).map_err(|error| error.to_string());
        if theirs != ours {
            wrong.push(format!("{number} {user:?}@{host}:\n{text}\nssh  {theirs:?}\nours {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {CONFIGS}:\n{}", wrong.len(), wrong[..wrong.len().min(3)].join("\n\n"));
}

#[test]
fn what_would_run_or_look_something_up_is_skipped_and_named() {
    let home = tempfile::tempdir().unwrap();
    let canary = home.path().join("canary");
    let config = format!(
        "Match exec \"touch {0}\"\n User never\nMatch originalhost web !exec \"touch {0}\"\n User never\n\
         Match host other exec \"touch {0}\"\n User never\nMatch localnetwork 10.0.0.0/8\n User never\n\
         Host *\n User bob\n CanonicalizeHostname yes\n StrictHostKeyChecking no\n",
        canary.display()
    );
    let file = home.path().join("config");
    fs::write(&file, config).unwrap();
    let ssh = OpenSsh { program: None, ..OpenSsh::of(home.path(), "me", Some(file.clone())) };
    let said =
        read(&ssh, Question { host: "web", user: None, port: None, agent: None, options: &[] }).unwrap();
    assert_eq!((said.answer.user.as_str(), said.answer.new_keys), ("bob", NewKeys::Taken));
    let at = |line: usize| format!("at {}:{line}", file.display());
    let skipped = [
        format!("the block of Match exec {}", at(1)),
        format!("the block of Match exec {}", at(3)),
        format!("the block of Match localnetwork {}", at(7)),
        "CanonicalizeHostname, which looks names up".to_owned(),
    ];
    assert_eq!(said.skipped, skipped);
    assert!(!canary.exists());
}

#[test]
fn a_known_hosts_file_is_the_one_of_the_host_and_one_that_cannot_be_made_out_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config");
    let ssh = OpenSsh { program: None, ..OpenSsh::of(home.path(), "me", Some(file.clone())) };
    let question = Question { host: "web", user: None, port: Some(2200), agent: None, options: &[] };
    let said = |list: &str| {
        let lines = format!("UserKnownHostsFile {list}\nGlobalKnownHostsFile ~/%k\nHostKeyAlias Alias\n");
        fs::write(&file, lines).unwrap();
        read(&ssh, question).unwrap().answer
    };
    let at = |name: &str| home.path().join(name);
    let made_out = said("~/kh/%k_%n_%% %d/%p_%u \"~/a b_%h\"");
    assert_eq!(made_out.known_hosts, [at("kh/alias_web_%"), at("2200_me"), at("a b_web"), at("%k")]);
    assert_eq!((made_out.written_known_hosts, made_out.unreadable), (Some(at("kh/alias_web_%")), None));
    for list in ["~/kh/%C", "~/kh ~/%x", "${FOO}/kh", "~/kh ${FOO}", "~/kh/%"] {
        let said = said(list);
        assert_eq!(said.unreadable, Some("UserKnownHostsFile"), "{list} {said:?}");
        assert_eq!(said.written_known_hosts, None, "{list}");
    }
}

#[test]
fn what_ssh_refuses_is_refused_with_its_line() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".ssh");
    fs::create_dir(&folder).unwrap();
    let ssh = |config| OpenSsh { program: None, ..OpenSsh::of(home.path(), "me", config) };
    let question = Question { host: "web", user: None, port: None, agent: None, options: &[] };
    let file = home.path().join("config");
    for (text, words) in [
        ("Host a\nNonsense yes\n", "line 2: Bad configuration option: nonsense"),
        ("Port seven\n", "line 1: Bad number"),
        ("User\n", "line 1: no argument"),
        ("Host \"a\n", "line 1: a quote is not closed"),
        ("Port 1 2\n", "line 1: keyword port extra arguments"),
    ] {
        fs::write(&file, text).unwrap();
        let refused = read(&ssh(Some(file.clone())), question);
        assert!(matches!(&refused, Err(NoAnswer::Refused(said)) if said.contains(words)), "{refused:?}");
    }
    fs::write(&file, "IgnoreUnknown Non*\nNonsense yes\nUser bob\n").unwrap();
    assert_eq!(read(&ssh(Some(file.clone())), question).unwrap().answer.user, "bob");
    // Files that include each other, and one that others may write.
    fs::write(folder.join("config"), "Include config\n").unwrap();
    assert!(read(&ssh(None), question).unwrap_err().to_string().contains("too many files"));
    fs::write(folder.join("config"), "User bob\n").unwrap();
    fs::set_permissions(folder.join("config"), fs::Permissions::from_mode(0o666)).unwrap();
    assert!(read(&ssh(None), question).unwrap_err().to_string().contains("Bad owner or permissions"));
}

#[test]
fn an_included_file_that_others_may_write_is_refused_as_by_ssh() {
    let home = tempfile::tempdir().unwrap();
    let (file, included) = (home.path().join("config"), home.path().join("part"));
    fs::write(&included, "User bob\n").unwrap();
    fs::write(&file, format!("Host other\nInclude {}\n", included.display())).unwrap();
    let ssh = OpenSsh::of(home.path(), "me", Some(file));
    let question = Question { host: "web", user: None, port: None, agent: None, options: &[] };
    for (mode, refused) in [(0o666, true), (0o602, true), (0o644, false)] {
        fs::set_permissions(&included, fs::Permissions::from_mode(mode)).unwrap();
        let ours = read(&ssh, question).map(drop).map_err(|error| error.to_string());
        let words = format!("Bad owner or permissions on {}", included.display());
        assert_eq!(ours.as_ref().err().is_some_and(|it| it.contains(&words)), refused, "{mode:o} {ours:?}");
        if ssh.program.is_some() {
            let theirs = block_on(async { ask(&ssh, question).await }).map(drop);
            assert_eq!(theirs.map_err(|error| error.to_string()), ours, "{mode:o}");
        }
    }
}
