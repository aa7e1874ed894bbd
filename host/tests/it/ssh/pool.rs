//! Many on one target: channels, connections, commands.

use std::time::{Duration, Instant};

use bytes::Bytes;
use cotty_host::holder::frame::{Attached, Exit};
use cotty_host::native::exec::{EXIT_NO_DIRECTORY, Exec, Kill, Outcome, Stream};
use cotty_host::native::pool::{Pool, PoolError};
use cotty_host::native::secret::ask_nobody;
use cotty_host::native::settings::Settings;
use cotty_testkit::Sshd;

use super::{open_shell, settings};
use crate::world::{Client, EPOCH, block_on};

async fn shell(pool: &Pool, scratch: &tempfile::TempDir) -> Result<Client, PoolError> {
    let terminal = pool.shell(&open_shell(scratch), &ask_nobody()).await?.terminal;
    Ok(Client::new(Attached { epoch: EPOCH, ..Attached::default() }, terminal, 0))
}

/// Runs a command and returns its streams and its outcome.
async fn run(pool: &Pool, exec: Exec) -> (String, String, Outcome) {
    let (mut output, mut error) = (Vec::new(), Vec::new());
    let ask = ask_nobody();
    let outcome = pool.exec(&exec, &ask, |stream, bytes| match stream {
        Stream::Output => output.extend_from_slice(bytes),
        Stream::Error => error.extend_from_slice(bytes),
    });
    let outcome = outcome.await.unwrap();
    let text = |it: Vec<u8>| String::from_utf8(it).unwrap();
    (text(output), text(error), outcome)
}

fn command(command: &str) -> Exec {
    Exec { command: command.into(), ..Exec::default() }
}

#[test]
fn twenty_shells_share_as_few_connections_as_the_server_allows() {
    let Some(sshd) = Sshd::start("twenty_shells_share_as_few_connections") else { return };
    let scratch: Vec<_> = (0..20).map(|_| tempfile::tempdir().unwrap()).collect();
    block_on(async {
        let pool = Pool::new(settings(&sshd));
        let mut shells = Vec::new();
        for folder in &scratch {
            shells.push(shell(&pool, folder).await.unwrap());
        }
        // Ten channels a connection by default, and each has a probe.
        assert_eq!(pool.connections(), 3);
        for (at, shell) in shells.iter_mut().enumerate() {
            shell.send(&format!("echo sh\"\"ell {at},\r")).await;
            shell.expect(&format!("shell {at},")).await;
            let facts = shell.facts("it is seen", |it| it.foreground != 0).await;
            assert_eq!(facts.shell.comm, "bash");
        }
        let (output, ..) = run(&pool, command("echo beside")).await;
        assert_eq!(output, "beside\n");
    });
}

#[test]
fn the_limit_of_connections_is_a_clear_refusal_and_a_closed_shell_makes_room() {
    let test = "the_limit_of_connections_is_a_clear_refusal";
    let Some(sshd) = Sshd::start_with(test, "MaxSessions 2") else { return };
    let scratch: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    block_on(async {
        let pool = Pool::new(Settings { connections_max: 2, ..settings(&sshd) });
        let mut first = shell(&pool, &scratch[0]).await.unwrap();
        first.facts("the probe is there", |it| it.foreground != 0).await;
        let mut second = shell(&pool, &scratch[1]).await.unwrap();
        second.facts("the probe is there", |it| it.foreground != 0).await;
        let refused = shell(&pool, &scratch[2]).await.map(drop).unwrap_err();
        assert!(matches!(refused, PoolError::Full { connections: 2, .. }), "{refused}");
        second.send("exit 0\r").await;
        second.ended().await;
        drop(second);
        let deadline = Instant::now() + Duration::from_secs(10);
        while shell(&pool, &scratch[2]).await.is_err() {
            assert!(Instant::now() < deadline, "there is no room again");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn a_command_has_two_streams_an_exit_a_directory_variables_and_an_input() {
    let Some(sshd) = Sshd::start("a_command_has_two_streams") else { return };
    block_on(async {
        let pool = Pool::new(settings(&sshd));
        let exec = Exec {
            command: "cat; pwd; printf '%s' \"$GREETING\" >&2; exit 3".into(),
            cwd: Some("/usr/lib".into()),
            env: vec![("GREETING".into(), "it's $HOME;\n`id`".into())],
            stdin: Bytes::from_static(b"fed\n"),
            kill_after: None,
            ..Exec::default()
        };
        let (output, error, outcome) = run(&pool, exec).await;
        assert_eq!((output.as_str(), error.as_str()), ("fed\n/usr/lib\n", "it's $HOME;\n`id`"));
        assert_eq!(outcome, Outcome { exit: Exit::Status(3), kill: Kill::None });
        let (_, _, outcome) = run(&pool, command("kill -KILL $$")).await;
        assert_eq!(outcome.exit, Exit::Signal(9));
        let nowhere = Exec { cwd: Some("/no where".into()), ..command("echo never") };
        let (output, error, outcome) = run(&pool, nowhere).await;
        assert_eq!((output.as_str(), outcome.exit), ("", Exit::Status(EXIT_NO_DIRECTORY)));
        assert!(error.contains("/no where"), "{error}");
        // Ten times what a window holds, in both directions.
        let big = Exec { stdin: Bytes::from(vec![b'x'; 20 << 20]), ..command("cat") };
        let (output, ..) = run(&pool, big).await;
        assert_eq!(output.len(), 20 << 20);
    });
}

#[test]
fn a_command_is_ended_with_all_it_started_when_its_time_is_up() {
    let Some(sshd) = Sshd::start("a_command_is_ended_with_all_it_started") else { return };
    block_on(async {
        let pool = Pool::new(settings(&sshd));
        let late = |text: &str| Exec { kill_after: Some(Duration::from_millis(300)), ..command(text) };
        // What another run of this story has left behind is not its own.
        let sleeps = format!("sleep 4711.{}", std::process::id());
        let (output, _, outcome) = run(&pool, late(&format!("echo begun; {sleeps} | cat"))).await;
        assert_eq!((output.as_str(), outcome.kill), ("begun\n", Kill::Ended));
        assert_eq!(outcome.exit, Exit::Signal(15));
        // One that will not listen, beside one that goes on.
        let beside = run(&pool, command("sleep 6; echo done"));
        let deaf = Exec {
            kill_after: Some(Duration::from_secs(2)),
            ..command("trap '' TERM; while :; do sleep 0.1; done")
        };
        let deaf = run(&pool, deaf);
        let (beside, deaf) = tokio::join!(beside, deaf);
        assert_eq!((beside.0.as_str(), beside.2.kill), ("done\n", Kill::None));
        assert_eq!((deaf.2.exit, deaf.2.kill), (Exit::Signal(9), Kill::Ended));
        let (left, ..) =
            run(&pool, command(&format!("ps -eo args | grep '[s]{}'; true", &sleeps[1..]))).await;
        assert_eq!(left, "");
    });
}
