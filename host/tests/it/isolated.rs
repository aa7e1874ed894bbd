//! Stories of commands without a terminal, each in a holder of its own.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cotty_host::holder::client::HolderError;
use cotty_host::holder::frame::{Exit, Process};
use cotty_host::holder::isolated::{Command, News, Stream};
use cotty_host::isolated::Isolated;
use cotty_host::local::pty::Spawn;

use crate::world::{PATIENCE, block_on, hold_program};

/// What was heard of a command until it was over.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) output: Vec<u8>,
    pub(crate) error: Vec<u8>,
    pub(crate) exit: Option<Exit>,
    pub(crate) left: Vec<Process>,
    pub(crate) lost: Option<String>,
}

fn spawn(script: &str) -> Spawn {
    Spawn {
        argv: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into()), ("GREETING".into(), "it's".into())],
        cwd: "/usr/lib".into(),
        ..Spawn::default()
    }
}

async fn start(script: &str, stdin: Bytes) -> Isolated {
    Isolated::Local(Command::start(&hold_program(), spawn(script), stdin).await.unwrap())
}

impl Heard {
    /// Hears a command until some news.
    pub(crate) async fn until(&mut self, command: &mut Isolated, wanted: impl Fn(&News, &Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let news = tokio::time::timeout_at(deadline.into(), command.next()).await.unwrap();
            match &news {
                News::Printed(Stream::Output, bytes) => self.output.extend_from_slice(bytes),
                News::Printed(Stream::Error, bytes) => self.error.extend_from_slice(bytes),
                News::Exited(exit) => self.exit = Some(*exit),
                News::Left(left) => self.left = left.clone(),
                News::Still | News::OutOfReach | News::Over => {}
                News::Lost(reason) => self.lost = Some(reason.clone()),
            }
            if wanted(&news, self) {
                return;
            }
        }
    }

    async fn all(script: &str, stdin: Bytes) -> Self {
        let (mut heard, mut command) = (Self::default(), start(script, stdin).await);
        heard.until(&mut command, |news, _| *news == News::Over).await;
        heard
    }

    fn texts(&self) -> (String, String) {
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        (text(&self.output), text(&self.error))
    }
}

fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, after)| !after.starts_with(['Z', 'X']))
}

/// Waits until a process is gone.
async fn gone(pid: u32) {
    let deadline = Instant::now() + PATIENCE;
    while lives(pid) {
        assert!(Instant::now() < deadline, "{pid} lives on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_command_has_two_streams_an_exit_a_directory_an_environment_and_an_input() {
    block_on(async {
        let heard =
            Heard::all("cat; pwd; printf '%s' \"$GREETING\" >&2; exit 3", Bytes::from_static(b"fed\n"));
        let heard = heard.await;
        assert_eq!(heard.texts(), ("fed\n/usr/lib\n".into(), "it's".into()));
        assert_eq!(heard.exit, Some(Exit::Status(3)));
        let heard =
            Heard::all("env | cut -d= -f1 | sort | tr '\\n' ' '; ls -x /proc/$$/fd; tty", Bytes::new());
        let heard = heard.await;
        assert_eq!(
            heard.texts().0.split_whitespace().collect::<Vec<_>>().join(" "),
            "GREETING PATH PWD 0 1 2 not a tty"
        );
        assert_eq!(Heard::all("kill -KILL $$", Bytes::new()).await.exit, Some(Exit::Signal(9)));
    });
}

#[test]
fn much_goes_in_and_comes_out_whole_and_a_command_that_does_not_read_is_not_waited_for() {
    block_on(async {
        let stdin = Bytes::from(vec![b'x'; 1 << 20]);
        let heard = Heard::all("cat; echo >&2; cat", stdin.clone()).await;
        assert!(heard.output == stdin, "{}", heard.output.len());
        assert_eq!(Heard::all("exit 4", stdin).await.exit, Some(Exit::Status(4)));
        assert_eq!(
            Heard::all("seq 1 1000000 | tail -n 1; seq 300000 >&2", Bytes::new()).await.texts().0,
            "1000000\n"
        );
    });
}

#[test]
fn a_signal_reaches_all_of_it_and_what_is_left_is_named() {
    block_on(async {
        let script = "sleep 4712 & setsid sleep 4713 & echo begun; wait";
        let (mut heard, mut command) = (Heard::default(), start(script, Bytes::new()).await);
        heard.until(&mut command, |_, heard| heard.output == b"begun\n").await;
        let deadline = Instant::now() + PATIENCE;
        // In the middle of an exec a process has its new name and no arguments yet.
        let sleeps = |it: &&Process| it.comm == "sleep" && it.argv.len() == 2;
        while heard.left.iter().filter(sleeps).count() < 2 {
            assert!(Instant::now() < deadline, "{:?}", heard.left);
            command.look();
            heard.until(&mut command, |news, _| matches!(news, News::Left(_))).await;
        }
        command.signal(15);
        heard.until(&mut command, |news, _| matches!(news, News::Exited(_))).await;
        assert_eq!(heard.exit, Some(Exit::Signal(15)));
        let away = heard.left.iter().find(|it| it.argv.get(1).is_some_and(|it| it == "4713")).unwrap().pid;
        // The one in a session of its own has nothing to do with the group, and is known all the same.
        heard.left.clear();
        while heard.left.len() != 1 {
            assert!(Instant::now() < deadline, "{:?}", heard.left);
            command.look();
            heard.until(&mut command, |news, _| matches!(news, News::Left(_))).await;
        }
        assert_eq!((heard.left[0].pid, heard.left[0].comm.as_str()), (away, "sleep"));
        // It holds the streams: a sounding tells that nothing is on its way.
        command.sound();
        heard.until(&mut command, |news, _| *news == News::Still).await;
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(i32::try_from(away).unwrap()).unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
        heard.until(&mut command, |news, _| *news == News::Over).await;
    });
}

#[test]
fn a_command_that_nobody_listens_to_any_more_is_ended_also_if_it_will_not_listen() {
    block_on(async {
        let script = "trap '' TERM; echo $$; while :; do sleep 0.1; done";
        let (mut heard, mut command) = (Heard::default(), start(script, Bytes::new()).await);
        heard.until(&mut command, |_, heard| heard.output.ends_with(b"\n")).await;
        let pid = heard.texts().0.trim().parse().unwrap();
        assert!(lives(pid));
        drop(command);
        gone(pid).await;
    });
}

#[test]
fn what_cannot_be_started_says_why() {
    block_on(async {
        let nowhere = Spawn { cwd: "/no/such/place".into(), ..spawn("true") };
        let error = Command::start(&hold_program(), nowhere, Bytes::new()).await.unwrap_err();
        assert!(error.to_string().contains("cannot start in /no/such/place"), "{error}");
        let nothing = Spawn { argv: vec!["/no/such/shell".into()], ..spawn("") };
        let error = Command::start(&hold_program(), nothing, Bytes::new()).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot start /no/such/shell"), "{error}");
        let nobody = Command::start("/no/such/holder".as_ref(), spawn("true"), Bytes::new()).await;
        assert!(matches!(nobody, Err(HolderError::NotStarted { .. })));
    });
}
