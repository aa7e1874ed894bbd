//! Logging in: each kind of key, and each thing that can be wrong with it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cotty_host::native::connect::Connection;
use cotty_host::native::error::{ConnectError, Denied, Trouble};
use cotty_host::native::secret::{Ask, AskKind, Asker, Secret, ask_nobody};
use cotty_host::native::settings::{Limits, Settings};
use cotty_testkit::{Agent, Sshd};

use super::{connect, settings};
use crate::world::block_on;

fn with_files(sshd: &Sshd, files: &[&str]) -> Settings {
    Settings { identity_files: files.iter().map(|it| sshd.file(it)).collect(), ..settings(sshd) }
}

fn denied(settings: &Settings, ask: &Asker) -> Denied {
    match block_on(Connection::open(settings, ask)) {
        Err(ConnectError::Denied(denied)) => *denied,
        other => panic!("{other:?}"),
    }
}

/// Answers with these words, one after the other, and notes the questions.
fn answering(words: &[&str]) -> (Asker, Arc<Mutex<Vec<Ask>>>) {
    let asked: Arc<Mutex<Vec<Ask>>> = Arc::default();
    let (noted, words) = (asked.clone(), words.iter().map(|it| it.to_string()).collect::<Vec<_>>());
    let ask: Asker = Arc::new(move |ask| {
        let mut noted = noted.lock().unwrap();
        let answer = words.get(noted.len()).cloned().map(Secret::new);
        noted.push(ask);
        Box::pin(std::future::ready(answer))
    });
    (ask, asked)
}

#[test]
fn every_kind_of_key_logs_in() {
    let Some(sshd) = Sshd::start("every_kind_of_key_logs_in") else { return };
    let kinds: [(&str, &[&str]); 5] = [
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("p256", &["-t", "ecdsa", "-b", "256"]),
        ("p384", &["-t", "ecdsa", "-b", "384"]),
        ("rsa_pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("p256_pkcs8", &["-t", "ecdsa", "-m", "PKCS8"]),
    ];
    for (name, arguments) in kinds {
        // One key in 500 on P-256 is shorter than the library takes: that is told, and the next one will do.
        let connected = (0..4).find_map(|at| {
            let name = format!("{name}_{at}");
            sshd.key(&name, arguments);
            sshd.authorize(&name);
            let connected = block_on(async { connect(&with_files(&sshd, &[&name])).await });
            (!format!("{connected:?}").contains("begins with zeros")).then_some(connected)
        });
        assert!(connected.as_ref().is_some_and(Result::is_ok), "{name}: {connected:?}");
    }
    // One that is not there is passed over.
    assert!(block_on(async { connect(&with_files(&sshd, &["none", "user_ed25519"])).await }).is_ok());
}

#[test]
fn a_passphrase_is_asked_for_only_if_the_server_would_take_the_key() {
    let Some(sshd) = Sshd::start("a_passphrase_is_asked_for") else { return };
    sshd.key("locked", &["-t", "ed25519", "-N", "open sesame"]);
    let target = with_files(&sshd, &["locked"]);
    let (ask, asked) = answering(&["open sesame"]);
    let refused = denied(&target, &ask);
    let is_password = |it: &Ask| it.kind == AskKind::Password;
    assert!(asked.lock().unwrap().iter().all(is_password), "{refused:?}");

    sshd.authorize("locked");
    let (ask, asked) = answering(&["wrong", "open sesame"]);
    assert!(block_on(Connection::open(&target, &ask)).is_ok());
    let kind = AskKind::Passphrase { file: sshd.file("locked") };
    let told: Vec<_> = asked.lock().unwrap().iter().map(|it| (it.kind.clone(), it.failed)).collect();
    assert_eq!(told, [(kind.clone(), 0), (kind, 1)]);

    let (ask, _) = answering(&["no", "nay", "never"]);
    assert!(denied(&target, &ask).troubles.contains(&Trouble::WrongPassphrase(sshd.file("locked"))));
    assert_eq!(denied(&target, &ask_nobody()).troubles, [Trouble::NoPassphrase(sshd.file("locked"))]);
    let target = Settings { passphrase: Some(Arc::new(|_| Ok(Secret::new("open barley".into())))), ..target };
    assert_eq!(denied(&target, &ask_nobody()).troubles, [Trouble::WrongPassphrase(sshd.file("locked"))]);
}

#[test]
fn what_is_wrong_with_a_key_file_is_told() {
    let Some(sshd) = Sshd::start("what_is_wrong_with_a_key_file_is_told") else { return };
    std::fs::create_dir(sshd.file("folder")).unwrap();
    sshd.key("open", &["-t", "ed25519"]);
    std::fs::set_permissions(sshd.file("open"), PermissionsExt::from_mode(0o644)).unwrap();
    sshd.write("noise", "this is no key\n");
    // Whether an agent has the other half of a public key is known last.
    let files = ["folder", "user_ed25519.pub", "open", "noise"];
    let denied = denied(&with_files(&sshd, &files), &ask_nobody());
    let file = |name: &str| sshd.file(name);
    assert_eq!(
        denied.troubles[..2],
        [Trouble::Directory(file("folder")), Trouble::OpenToOthers(file("open"))]
    );
    assert!(matches!(&denied.troubles[2], Trouble::NoKey { file, .. } if *file == sshd.file("noise")));
    assert_eq!(denied.troubles[3], Trouble::PublicKey(file("user_ed25519.pub")));
    assert!(denied.offered.contains(&"publickey"), "{denied:?}");
    // Where nothing else may be used, its absence is what is wrong.
    let target = Settings { identities_only: true, ..with_files(&sshd, &["none"]) };
    assert_eq!(self::denied(&target, &ask_nobody()).troubles, [Trouble::NotThere(file("none"))]);
}

#[test]
fn the_agents_keys_log_in_also_rsa() {
    let Some(sshd) = Sshd::start("the_agents_keys_log_in_also_rsa") else { return };
    let agent = Agent::start(&sshd);
    sshd.key("rsa", &["-t", "rsa", "-b", "2048"]);
    sshd.authorize("rsa");
    agent.add(&sshd.file("rsa"));
    let target = Settings { agent: Some(sshd.file("agent")), ..with_files(&sshd, &[]) };
    assert!(block_on(async { connect(&target).await }).is_ok());
    // Only the named ones, and this is none of them.
    let target = Settings { identities_only: true, ..target };
    assert!(denied(&target, &ask_nobody()).refused.is_empty());
    // A locked file whose key the agent holds needs no passphrase.
    sshd.key("locked", &["-t", "ed25519", "-N", ""]);
    sshd.authorize("locked");
    agent.add(&sshd.file("locked"));
    let mut lock = Command::new("ssh-keygen");
    lock.args(["-q", "-p", "-N", "open sesame", "-f"]).arg(sshd.file("locked")).stdout(Stdio::null());
    assert!(lock.status().unwrap().success());
    let target = Settings { identity_files: vec![sshd.file("locked")], ..target };
    assert!(block_on(async { connect(&target).await }).is_ok());
}

#[test]
fn an_agent_that_is_not_there_or_hangs_is_told_and_the_key_file_serves() {
    let Some(sshd) = Sshd::start("an_agent_that_is_not_there_or_hangs") else { return };
    let socket = sshd.file("agent");
    let mut target = Settings { agent: Some(socket.clone()), ..with_files(&sshd, &[]) };
    assert!(matches!(&denied(&target, &ask_nobody()).troubles[..], [Trouble::NoAgent { .. }]));
    let _listener = UnixListener::bind(&socket).unwrap();
    let after = Duration::from_millis(300);
    target.limits = Limits { agent: after, ..Limits::default() };
    let start = Instant::now();
    assert_eq!(denied(&target, &ask_nobody()).troubles, [Trouble::AgentHangs { socket, after }]);
    assert!(start.elapsed() < Duration::from_secs(5));
    target.identity_files = vec![sshd.file("user_ed25519")];
    assert!(block_on(async { connect(&target).await }).is_ok());
}
