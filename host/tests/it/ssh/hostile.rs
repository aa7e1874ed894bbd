//! Servers that misbehave: each gives an error that says what happened, and none gets a credential it should not.

use std::borrow::Cow;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cotty_host::native::connect::Connection;
use cotty_host::native::error::{ConnectError, Stage};
use cotty_host::native::known_hosts::Verdict;
use cotty_host::native::pool::{Pool, PoolError};
use cotty_host::native::secret::{Ask, AskKind, Asker, Secret, ask_nobody};
use cotty_host::native::settings::{Limits, Settings};
use russh::keys::PrivateKey;
use russh::server::{self, Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Response, Session};
use russh::{Channel, ChannelOpenFailure, MethodKind, MethodSet};
use tokio::time::timeout;

use super::open_shell;
use crate::world::block_on;

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manners {
    /// It takes the password "right", and refuses every channel.
    RefusesChannels,
    /// It closes the connection as soon as a key or a password is offered.
    DropsLogins,
    /// It asks two questions, of which the second is a code.
    Asks,
}

/// A server, and all that anybody offered it.
#[derive(Clone)]
struct Scripted {
    manners: Manners,
    offered: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn note(&self, what: &str) -> Result<Auth, russh::Error> {
        self.offered.lock().unwrap().push(what.to_owned());
        if self.manners == Manners::DropsLogins { Err(russh::Error::Disconnect) } else { Ok(refusal()) }
    }
}

/// By itself the library would not take the same method twice.
fn refusal() -> Auth {
    let methods = [MethodKind::PublicKey, MethodKind::Password, MethodKind::KeyboardInteractive];
    Auth::Reject { proceed_with_methods: Some(MethodSet::from(&methods[..])), partial_success: false }
}

impl server::Handler for Scripted {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        let refused = self.note(password)?;
        Ok(if password == "right" { Auth::Accept } else { refused })
    }

    async fn auth_publickey_offered(&mut self, _: &str, _: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        self.note("a key")
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        if self.manners != Manners::Asks {
            return Ok(refusal());
        }
        let answers: Vec<String> =
            response.into_iter().flatten().map(|it| String::from_utf8_lossy(&it).into()).collect();
        let ask = |prompt: &'static str, echo| Auth::Partial {
            name: Cow::Borrowed("Login\x1b[2J"),
            instructions: Cow::Borrowed(""),
            prompts: Cow::Owned(vec![(Cow::Borrowed(prompt), echo)]),
        };
        Ok(match answers.first().map(String::as_str) {
            None => ask("Password: ", false),
            Some("right") => ask("Code\r\nsent: ", true),
            Some("123") => Auth::Accept,
            Some(_) => Auth::reject(),
        })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        asked: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        asked.reject(ChannelOpenFailure::ConnectFailed).await;
        Ok(())
    }
}

/// A key of its own, made by ssh-keygen.
pub(super) fn key(folder: &tempfile::TempDir, name: &str) -> PrivateKey {
    let path = folder.path().join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status();
    assert!(made.unwrap().success());
    PrivateKey::read_openssh_file(path).unwrap()
}

/// Serves for the rest of the test.
async fn serve(manners: Manners, key: PrivateKey) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = server::Config {
        keys: vec![key],
        auth_rejection_time: Duration::from_millis(1),
        ..server::Config::default()
    };
    let (config, offered) = (Arc::new(config), Arc::<Mutex<Vec<String>>>::default());
    let scripted = Scripted { manners, offered: offered.clone() };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (config, scripted) = (config.clone(), scripted.clone());
            tokio::spawn(async move {
                if let Ok(session) = server::run_stream(config, stream, scripted).await {
                    drop(session.await);
                }
            });
        }
    });
    (address, offered)
}

/// A target that knows the key in `known`, has the key file `user`, and a password.
pub(super) fn target(folder: &tempfile::TempDir, address: SocketAddr, known: &str) -> Settings {
    let public = std::fs::read_to_string(folder.path().join(format!("{known}.pub"))).unwrap();
    let file = folder.path().join("known_hosts");
    std::fs::write(&file, format!("[127.0.0.1]:{} {public}", address.port())).unwrap();
    Settings {
        known_hosts: vec![file],
        identity_files: vec![folder.path().join("user")],
        password: Some(Arc::new(|_| Ok(Secret::new("hunter2".into())))),
        ..Settings::new("127.0.0.1", address.port(), "somebody")
    }
}

#[test]
fn no_credential_leaves_for_a_key_that_was_swapped() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["user", "known"] {
        key(&folder, name);
    }
    block_on(async {
        let (address, offered) = serve(Manners::DropsLogins, key(&folder, "swapped")).await;
        let mut settings = target(&folder, address, "known");
        let refused = Connection::open(&settings, &ask_nobody()).await.unwrap_err();
        let ConnectError::HostKey(shown) = &refused else { panic!("{refused}") };
        assert!(matches!(shown.verdict, Verdict::Changed { .. }));
        // Nor for one that nobody knows, nor if everything unknown is welcome and this is a changed one.
        settings.unknown_keys = Arc::new(|_| true);
        assert!(matches!(
            Connection::open(&settings, &ask_nobody()).await.unwrap_err(),
            ConnectError::HostKey(_)
        ));
        settings.unknown_keys = Arc::new(|_| false);
        settings.known_hosts.clear();
        assert_eq!(Connection::open(&settings, &ask_nobody()).await.unwrap_err().stage(), Stage::HostKey);
        assert!(offered.lock().unwrap().is_empty());
    });
}

#[test]
fn a_connection_that_is_dropped_while_logging_in_is_no_wrong_password() {
    let folder = tempfile::tempdir().unwrap();
    key(&folder, "user");
    block_on(async {
        let (address, offered) = serve(Manners::DropsLogins, key(&folder, "known")).await;
        let refused = Connection::open(&target(&folder, address, "known"), &ask_nobody()).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Lost { .. }), "{refused}");
        assert_eq!(*offered.lock().unwrap(), ["a key"]);
        let settings = Settings { identity_files: Vec::new(), ..target(&folder, address, "known") };
        let refused = Connection::open(&settings, &ask_nobody()).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Lost { .. }), "{refused}");
    });
}

#[test]
fn a_wrong_password_is_told_as_one_and_a_person_may_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    key(&folder, "user");
    block_on(async {
        let (address, offered) = serve(Manners::RefusesChannels, key(&folder, "known")).await;
        let settings = Settings { identity_files: Vec::new(), ..target(&folder, address, "known") };
        let ConnectError::Denied(denied) = Connection::open(&settings, &ask_nobody()).await.unwrap_err()
        else {
            panic!("it is wrong")
        };
        assert_eq!(denied.refused, ["the configured password"]);
        let ask: Asker = Arc::new(|ask: Ask| {
            assert_eq!(ask.kind, AskKind::Password);
            let words = if ask.failed == 0 { "wrong" } else { "right" };
            Box::pin(std::future::ready(Some(Secret::new(words.into()))))
        });
        assert!(Connection::open(&settings, &ask).await.is_ok());
        assert_eq!(*offered.lock().unwrap(), ["hunter2", "hunter2", "wrong", "right"]);
    });
}

#[test]
fn questions_of_the_server_are_relayed_as_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    key(&folder, "user");
    block_on(async {
        let (address, _) = serve(Manners::Asks, key(&folder, "known")).await;
        let settings =
            Settings { identity_files: Vec::new(), password: None, ..target(&folder, address, "known") };
        let asked: Arc<Mutex<Vec<(String, AskKind)>>> = Arc::default();
        let noted = asked.clone();
        let ask: Asker = Arc::new(move |ask: Ask| {
            let words = if ask.prompt.contains("Code") { "123" } else { "right" };
            noted.lock().unwrap().push((ask.prompt, ask.kind));
            Box::pin(std::future::ready(Some(Secret::new(words.into()))))
        });
        assert!(Connection::open(&settings, &ask).await.is_ok());
        let challenge = |echo| AskKind::Challenge { echo };
        let expected = [
            ("Login [2J Password:".to_owned(), challenge(false)),
            ("Login [2J Code sent:".to_owned(), challenge(true)),
        ];
        assert_eq!(*asked.lock().unwrap(), expected);
    });
}

#[test]
fn a_server_without_channels_is_told() {
    let folder = tempfile::tempdir().unwrap();
    key(&folder, "user");
    block_on(async {
        let (address, _) = serve(Manners::RefusesChannels, key(&folder, "known")).await;
        let password = Some(Arc::new(|_: &_| Ok(Secret::new("right".into()))) as _);
        let settings = Settings { identity_files: Vec::new(), password, ..target(&folder, address, "known") };
        let pool = Pool::new(settings);
        let refused = pool.shell(&open_shell(&folder), &ask_nobody()).await.map(drop).unwrap_err();
        assert!(matches!(refused, PoolError::Channel(_)), "{refused}");
    });
}

#[test]
fn a_banner_that_never_comes_or_never_ends_is_given_up_in_time() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["user", "known"] {
        key(&folder, name);
    }
    let line = b"this is no banner\r\n";
    // The last one is of ten megabytes, and comes again and again.
    for (noise, times) in [(&b""[..], 1), (line, 1), (b"x", 1), (line, 1 << 19)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let noise = noise.repeat(times);
            // Until it is given up.
            while noise.is_empty() || stream.write_all(&noise).is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let mut settings = target(&folder, address, "known");
        settings.limits = Limits { handshake: Duration::from_millis(500), ..Limits::default() };
        let asked = ask_nobody();
        // A hundred times its own limit: who is still there then has none.
        let opening = async { timeout(Duration::from_secs(50), Connection::open(&settings, &asked)).await };
        let refused = block_on(opening).expect("it is given up").unwrap_err();
        assert_eq!(refused.stage(), Stage::Handshake, "{refused}");
    }
}

#[test]
fn a_port_where_nobody_listens_and_a_name_without_address_are_told_apart() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused =
        |host: &str| block_on(Connection::open(&Settings::new(host, port, "x"), &ask_nobody())).unwrap_err();
    assert!(matches!(refused("127.0.0.1"), ConnectError::Unreachable { .. }));
    assert!(matches!(refused("no-such-host.invalid"), ConnectError::NoAddress { .. }));
}
