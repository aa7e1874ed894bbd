//! Stories of a shell over SSH, with a real server on loopback.

mod hosts;

mod jump;

mod login;

mod facts;

mod without_proc;

mod accounts;

mod trouble;

mod pool;

mod isolated;

mod hostile;

mod unasked;

mod asked;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cotty_host::holder::frame::{Attached, Event, Exit, Order};
use cotty_host::native::connect::Connection;
use cotty_host::native::error::ConnectError;
use cotty_host::native::secret::ask_nobody;
use cotty_host::native::settings::Settings;
use cotty_host::native::shell::{self, OpenShell};
use cotty_host::native::start::Start;
use cotty_testkit::Sshd;

use crate::world::{Client, EPOCH, block_on};

/// A target that is this server, with the key that may log in.
pub(crate) fn settings(sshd: &Sshd) -> Settings {
    Settings {
        known_hosts: vec![sshd.known_hosts()],
        identity_files: vec![sshd.file("user_ed25519")],
        ..Settings::new("127.0.0.1", sshd.port(), sshd.user())
    }
}

pub(crate) async fn connect(settings: &Settings) -> Result<Arc<Connection>, ConnectError> {
    Connection::open(settings, &ask_nobody()).await.map(Arc::new)
}

pub(crate) fn open_shell(scratch: &tempfile::TempDir) -> OpenShell {
    OpenShell {
        directory: scratch.path().join("output"),
        epoch: EPOCH,
        quota_bytes: 64 << 20,
        term: "xterm".into(),
        cols: 80,
        rows: 24,
        start: Start::default(),
        asked_env: Vec::new(),
    }
}

async fn client(connection: &Arc<Connection>, scratch: &tempfile::TempDir) -> Client {
    let terminal = shell::open(connection, &open_shell(scratch)).await.unwrap();
    Client::new(Attached { epoch: EPOCH, ..Attached::default() }, terminal, 0)
}

/// Runs a story with a server of default configuration and a shell on it.
fn with_shell(test: &str, story: impl AsyncFnOnce(Arc<Connection>, Client)) {
    let Some(sshd) = Sshd::start(test) else { return };
    let scratch = tempfile::tempdir().unwrap();
    block_on(async {
        let connection = connect(&settings(&sshd)).await.unwrap();
        let client = client(&connection, &scratch).await;
        story(connection, client).await;
    });
}

#[test]
fn a_shell_answers_takes_a_size_and_tells_its_exit() {
    with_shell("a_shell_answers_takes_a_size_and_tells_its_exit", async |_, mut shell| {
        shell.tell(Order::Resize { cols: 101, rows: 33 }).await;
        shell.send("stty size; echo an\"\"swer; exit 7\r").await;
        shell.expect("33 101").await;
        shell.expect("answer").await;
        assert_eq!(shell.ended().await, Exit::Status(7));
        shell.tell(Order::Release { keep_files: true }).await;
        shell.until(|it| matches!(it, Event::Done).then_some(())).await;
    });
}

#[test]
fn a_shell_that_is_killed_tells_the_signal() {
    with_shell("a_shell_that_is_killed_tells_the_signal", async |_, mut shell| {
        shell.send("kill -KILL $$\r").await;
        assert_eq!(shell.ended().await, Exit::Signal(9));
    });
}

#[test]
fn a_flood_that_nobody_takes_is_kept_and_delays_no_other_channel() {
    with_shell("a_flood_that_nobody_takes_is_kept", async |connection, mut flood| {
        flood.acknowledges = false;
        flood.send("echo; seq 1 3000000; echo all\"\"through\r").await;
        let scratch = tempfile::tempdir().unwrap();
        let mut beside = client(&connection, &scratch).await;
        let start = Instant::now();
        beside.send("echo he\"\"re\r").await;
        beside.expect("here").await;
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        // Now it is followed from where it stands, and not a byte is missing.
        flood.acknowledges = true;
        flood.tell(Order::Acknowledge { byte: flood.next_byte }).await;
        // It is long: only its end is looked at.
        let is_through = |seen: &[u8]| {
            let end = &seen[seen.len().saturating_sub(4096)..];
            end.windows(10).any(|it| it == b"allthrough")
        };
        while !is_through(&flood.seen) {
            flood.event().await.unwrap();
        }
        let seen = String::from_utf8_lossy(&flood.seen);
        let numbers = seen.lines().filter(|it| it.parse::<u32>().is_ok()).count();
        assert_eq!((numbers, flood.lost.len()), (3_000_000, 0));
    });
}

#[test]
fn input_is_applied_once_and_in_order() {
    with_shell("input_is_applied_once_and_in_order", async |_, mut shell| {
        shell.send("echo u\"\"p; cat\r").await;
        shell.expect("up").await;
        for sequence in [100, 101, 101, 100, 102] {
            let bytes = Bytes::from(format!("<{sequence}>\r"));
            shell.tell(Order::Input { sequence, bytes }).await;
        }
        shell.until(|it| matches!(it, Event::Applied(it) if it.sequence == 102).then_some(())).await;
        let mut seen = shell.expect("<102>").await;
        seen += &shell.expect("<102>").await;
        shell.tell(Order::Input { sequence: 103, bytes: Bytes::from_static(b"\x04echo do\"\"ne\r") }).await;
        shell.expect("done").await;
        for sequence in 100..103 {
            // Once as it was typed, once as cat gives it back.
            assert_eq!(seen.matches(&format!("<{sequence}>")).count(), 2, "{seen}");
        }
    });
}

#[test]
fn a_connection_that_breaks_is_told_with_the_reason() {
    let Some(sshd) = Sshd::start("a_connection_that_breaks_is_told_with_the_reason") else { return };
    let scratch = tempfile::tempdir().unwrap();
    block_on(async {
        let connection = connect(&settings(&sshd)).await.unwrap();
        let mut shell = client(&connection, &scratch).await;
        shell.send("echo rea\"\"dy; sleep 0.3; kill -KILL $PPID\r").await;
        let reason = shell.until(|it| match it {
            Event::Gone { reason } => Some(reason.clone()),
            _ => None,
        });
        assert_eq!(reason.await, "the server closed it");
        assert!(String::from_utf8_lossy(&shell.seen).contains("ready"));
    });
}
