//! Stories of commands in channels of their own, followed while they run.

use std::time::{Duration, Instant};

use cotty_host::holder::frame::Exit;
use cotty_host::holder::isolated::News;
use cotty_host::isolated::Isolated;
use cotty_host::native::exec::Exec;
use cotty_host::native::pool::Pool;
use cotty_host::native::secret::ask_nobody;
use cotty_testkit::{Relay, Sshd};

use super::settings;
use crate::isolated::Heard;
use crate::world::{PATIENCE, block_on};

async fn start(pool: &Pool, command: &str) -> Isolated {
    let exec = Exec { command: command.into(), ..Exec::default() };
    Isolated::Remote(pool.isolated(&exec, &ask_nobody()).await.unwrap())
}

#[test]
fn a_signal_reaches_all_of_a_remote_command_and_what_is_left_is_named() {
    let Some(sshd) = Sshd::start("a_signal_reaches_all_of_a_remote_command") else { return };
    block_on(async {
        let pool = Pool::new(settings(&sshd));
        // One that nobody is the parent of any more, and that the polite signal does not end; and one that has left.
        let away = "(env -i sleep 4716 >/dev/null 2>&1 &); setsid sleep 4714 >/dev/null 2>&1 & echo $!";
        let mut command = start(&pool, &format!("{away}; sleep 4715; echo never")).await;
        let mut heard = Heard::default();
        heard.until(&mut command, |_, heard| heard.output.ends_with(b"\n")).await;
        let away: u32 = String::from_utf8_lossy(&heard.output).trim().parse().unwrap();
        command.signal(2);
        heard.until(&mut command, |news, _| matches!(news, News::Exited(_))).await;
        command.look();
        heard.until(&mut command, |news, _| matches!(news, News::Left(_))).await;
        let left: Vec<String> = heard.left.iter().map(|it| it.pid.to_string()).collect();
        assert_eq!((heard.exit, left.len()), (Some(Exit::Signal(2)), 2), "{:?}", heard.left);
        assert!(left.contains(&away.to_string()), "{left:?}");
        let mut other = start(&pool, &format!("kill -KILL {}", left.join(" "))).await;
        heard.until(&mut other, |news, _| *news == News::Over).await;
        assert_eq!(heard.exit, Some(Exit::Status(0)));
    });
}

#[test]
fn a_remote_command_that_left_something_behind_has_ended_and_its_streams_are_sounded() {
    let Some(sshd) = Sshd::start("a_remote_command_that_left_something_behind") else { return };
    block_on(async {
        let pool = Pool::new(settings(&sshd));
        let mut command = start(&pool, "sleep 3 & echo all; exit 6").await;
        let mut heard = Heard::default();
        heard.until(&mut command, |news, _| matches!(news, News::Exited(_))).await;
        command.sound();
        heard.until(&mut command, |news, _| *news == News::Still).await;
        assert_eq!((heard.output.as_slice(), heard.exit), (&b"all\n"[..], Some(Exit::Status(6))));
        heard.until(&mut command, |news, _| *news == News::Over).await;
    });
}

#[test]
fn a_connection_that_breaks_under_a_command_says_that_its_end_is_not_known() {
    let Some(sshd) = Sshd::start("a_connection_that_breaks_under_a_command") else { return };
    let relay = Relay::to(sshd.port());
    block_on(async {
        let known = sshd.write("known_relay", &sshd.known_line(&format!("[127.0.0.1]:{}", relay.port())));
        let mut there = settings(&sshd);
        (there.port, there.known_hosts) = (relay.port(), vec![known]);
        let pool = Pool::new(there);
        let mut command = start(&pool, "echo begun; sleep 1; echo never").await;
        let mut heard = Heard::default();
        heard.until(&mut command, |_, heard| heard.output == b"begun\n").await;
        relay.reset();
        heard.until(&mut command, |news, _| matches!(news, News::Lost(_))).await;
        assert_eq!(heard.exit, None);
        let deadline = Instant::now() + PATIENCE;
        while pool.connections() > 0 {
            assert!(Instant::now() < deadline, "it is still counted");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}
