//! The ssh that holds a connection: started, watched, and ended with it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, timeout};

use super::arguments;
use super::complaint::{self, Heard, Line, NoMaster, address};
use super::joined;
use super::lane::{Driven, Place, lives};
use super::questions::{Desk, Questions};
use super::talk::Talk;
use crate::native::engine::UsersSsh;
use crate::native::error::{ConnectError, Stage};
use crate::native::secret::{Asker, Bound};
use crate::native::settings::Settings;
use crate::native::watcher::Ended;

/// Where the sockets of connections lie, in the state directory.
pub(super) const FOLDER: &str = "ssh";

/// The address of a socket has room for 108 bytes, and ssh puts 17 of its own behind a name until it listens.
const SOCKET_BYTES_MAX: usize = 90;

/// A line of what it tells is cut there.
const LINE_BYTES_MAX: u64 = 8 << 10;

/// What it told and nobody has taken yet.
const LINES_MAX: usize = 64;

/// What is told to end has this long.
const GRACE: Duration = Duration::from_secs(1);

/// The last words come this soon after the end, or never.
const LAST_WORDS_LIMIT: Duration = Duration::from_millis(500);

/// So many steps renew the time that an ssh has: the longest way has fewer. What a server prints may look like one.
const RENEWALS_MAX: usize = 128;

/// Sockets are numbered: two of one daemon are never the same.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A connection that an ssh holds. With this it ends.
pub(in crate::native) struct Master {
    place: Place,
    ended: Ended,
    stop: Arc<Notify>,
}

/// What a line means for a connection.
enum Taken {
    /// It stands.
    Stands,
    /// It has come further.
    Step,
    /// Nothing.
    Nothing,
}

/// An ssh on its way.
struct Opening<'a> {
    settings: &'a Settings,
    lines: mpsc::Receiver<String>,
    questions: Questions,
    bound: Arc<Mutex<Bound>>,
    heard: Heard,
    place: Place,
}

impl Master {
    /// Opens a connection: joins the user's own where one lives, or starts one.
    pub(in crate::native) async fn open(
        ssh: &UsersSsh,
        settings: &Settings,
        ask: &Asker,
    ) -> Result<Self, NoMaster> {
        if let Some(socket) = &ssh.master
            && let Ok(Some((place, talk))) = joined::at(socket).await
        {
            return Ok(Self::joined(place, talk));
        }
        Self::start(ssh, settings, ask).await
    }

    /// Joins a master of the user's, which goes on without us.
    fn joined(place: Place, mut talk: Talk) -> Self {
        let (ending, told) = watch::channel(None);
        let stop = Arc::<Notify>::default();
        let stopped = stop.clone();
        tokio::spawn(async move {
            let ends = async { while matches!(talk.next().await, Ok(Some(_))) {} };
            tokio::select! {
                () = ends => {}
                () = stopped.notified() => {}
            }
            ending.send_replace(Some("the master of yours that held it ended".to_owned()));
        });
        Self { place, ended: Ended::told(told), stop }
    }

    /// Starts an ssh, and waits until its connection stands.
    async fn start(ssh: &UsersSsh, settings: &Settings, ask: &Asker) -> Result<Self, NoMaster> {
        let Settings { user, host, port, .. } = settings.clone();
        let failed = |why: String| {
            let source = io::Error::other(why);
            NoMaster::Other(ConnectError::Unreachable { address: address(settings), source })
        };
        let (socket, asking) = sockets(ssh).map_err(failed)?;
        let bound = Arc::new(Mutex::new(Bound { user, host, port, key: String::new() }));
        let desk = Desk { ask: ask.clone(), bound: bound.clone(), overheard: settings.overheard.clone() };
        let no_questions = |error: io::Error| failed(format!("no socket for the questions of ssh: {error}"));
        let questions = Questions::listen(asking, desk).map_err(no_questions)?;
        let arguments = arguments::master(ssh, settings, &socket).map_err(|it| failed(it.to_string()))?;
        let mut child = command(ssh, arguments, &questions)
            .spawn()
            .map_err(|error| failed(format!("{} could not be started: {error}", ssh.program.display())))?;
        let pid = pid(&child).ok_or_else(|| failed("ssh ended at once".to_owned()))?;
        let (tell, lines) = mpsc::channel(LINES_MAX);
        let (ending, told) = watch::channel(None);
        let stop = Arc::<Notify>::default();
        let stderr = child.stderr.take();
        tokio::spawn(follow(child, pid, stderr, tell, ending, stop.clone(), socket.clone()));
        let place = Place { socket, pid, is_shared: false };
        // From here on what is dropped ends it.
        let master = Self { place: place.clone(), ended: Ended::told(told), stop };
        let heard = Heard::default();
        let mut opening = Opening { settings, lines, questions, bound, heard, place };
        opening.stands().await.map(|()| master)
    }

    /// Takes a place for a channel.
    pub(in crate::native) fn channel(&self) -> Driven {
        Driven::new(self.place.clone())
    }

    /// Says whether others may start programs there too.
    pub(in crate::native) fn is_shared(&self) -> bool {
        self.place.is_shared
    }

    /// Returns how it ends.
    pub(in crate::native) fn ended(&self) -> Ended {
        self.ended.clone()
    }

    /// Says goodbye.
    pub(in crate::native) async fn close(&self) {
        self.stop.notify_one();
        drop(timeout(GRACE * 2, self.ended.clone().wait()).await);
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

impl Opening<'_> {
    async fn stands(&mut self) -> Result<(), NoMaster> {
        let mut deadline = Instant::now() + self.patience();
        let mut renewals = RENEWALS_MAX;
        loop {
            let is_asking = *self.questions.open.borrow() > 0;
            tokio::select! {
                biased;
                line = self.lines.recv() => {
                    let Some(line) = line else { return Err(self.heard.why(self.settings)) };
                    match self.take(&line).await {
                        Taken::Stands => return Ok(()),
                        // A banner without an end, or one that looks like a step, renews nothing for ever.
                        Taken::Step if renewals > 0 => {
                            renewals -= 1;
                            deadline = Instant::now() + self.patience();
                        }
                        Taken::Step | Taken::Nothing => {}
                    }
                    if Instant::now() >= deadline && !is_asking {
                        return Err(self.late());
                    }
                }
                // A person's time is not counted.
                Ok(()) = self.questions.open.changed() => deadline = Instant::now() + self.patience(),
                () = tokio::time::sleep_until(deadline), if !is_asking => return Err(self.late()),
            }
        }
    }

    /// Takes a line.
    async fn take(&mut self, line: &str) -> Taken {
        let before = self.heard.stage;
        match self.heard.take(line) {
            Line::Entered if lives(&self.place).await => Taken::Stands,
            // A host on the way.
            Line::Entered => Taken::Step,
            Line::Stage(stage) => {
                self.note_address();
                if let Some(key) = &self.heard.key {
                    self.bound.lock().unwrap_or_else(PoisonError::into_inner).key.clone_from(key);
                }
                if before != Some(stage) {
                    (self.settings.progress)(stage);
                }
                Taken::Step
            }
            Line::Nothing => Taken::Nothing,
        }
    }

    /// Notes the address of the host itself, which ssh names in its complaints; not that of one on the way.
    fn note_address(&self) {
        if let Some((name, address)) = &self.heard.address
            && name.eq_ignore_ascii_case(&self.settings.host)
            && let Ok(mut met) = self.settings.met.lock()
        {
            met.insert(*address);
        }
    }

    /// How long it may be silent: someone may have to touch a key.
    fn patience(&self) -> Duration {
        let limits = self.settings.limits;
        match self.heard.stage {
            Some(Stage::Authentication) => limits.authentication + limits.signature,
            _ => limits.connect + limits.handshake,
        }
    }

    fn late(&self) -> NoMaster {
        let after = self.patience();
        NoMaster::Other(match self.heard.stage {
            Some(Stage::Authentication) => ConnectError::AuthenticationTimeout { method: "ssh", after },
            Some(Stage::Handshake | Stage::HostKey) => {
                ConnectError::HandshakeTimeout { address: address(self.settings), after }
            }
            _ => ConnectError::ConnectTimeout { address: address(self.settings), after },
        })
    }
}

/// Finds names for two sockets: the master's, and that of its questions.
fn sockets(ssh: &UsersSsh) -> Result<(PathBuf, PathBuf), String> {
    let folder = ssh.state.make(FOLDER).map_err(|error| error.to_string())?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let own = std::process::id();
    let socket = folder.join(format!("{own}-{number}"));
    let length = socket.as_os_str().len();
    if length > SOCKET_BYTES_MAX {
        let most = SOCKET_BYTES_MAX;
        return Err(format!(
            "the path of the state directory is too long for a socket of ssh ({} has {length} bytes, {most} is the most): name a shorter one in COTTY_STATE_DIR",
            socket.display()
        ));
    }
    Ok((socket.clone(), socket.with_extension("q")))
}

fn command(ssh: &UsersSsh, arguments: Vec<OsString>, questions: &Questions) -> Command {
    let mut command = Command::new(&ssh.program);
    command.args(arguments);
    command.env_clear().envs(ssh.env.iter().map(|(name, value)| (name, value)));
    command.env("SSH_ASKPASS", &ssh.askpass).env("SSH_ASKPASS_REQUIRE", "force");
    command.envs(questions.variables());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.current_dir("/").process_group(0).kill_on_drop(true);
    command
}

fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw)
}

/// Hears an ssh out, to its end or until nobody wants it any more, and tells why it ended.
async fn follow(
    mut child: Child,
    group: Pid,
    stderr: Option<ChildStderr>,
    tell: mpsc::Sender<String>,
    ending: watch::Sender<Option<String>>,
    stop: Arc<Notify>,
    socket: PathBuf,
) {
    let mut last = Heard::default();
    if let Some(stderr) = stderr {
        let mut reader = BufReader::new(stderr);
        tokio::select! {
            () = hear(&mut reader, &tell, &mut last) => {}
            _ = child.wait() => {
                // What it started may hold its end open.
                drop(timeout(LAST_WORDS_LIMIT, hear(&mut reader, &tell, &mut last)).await);
            }
            () = stop.notified() => {}
        }
    }
    end(&mut child, group).await;
    remove(&socket);
    ending.send_replace(Some(complaint::end_words(last.last())));
}

/// Passes lines on for as long as somebody takes them, and remembers the last words.
async fn hear(reader: &mut BufReader<ChildStderr>, tell: &mpsc::Sender<String>, last: &mut Heard) {
    loop {
        let mut line = Vec::new();
        match (&mut *reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(1..) => {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                // Only the last counts.
                let mut heard = Heard::default();
                heard.take(&line);
                if heard.last().is_some() {
                    *last = heard;
                }
                // Once the connection stands nobody listens.
                drop(tell.send(line).await);
            }
            Ok(0) | Err(_) => return,
        }
    }
}

/// Ends it with all that it started on the way.
async fn end(child: &mut Child, group: Pid) {
    if child.id().is_some() {
        // Nobody has fetched its status, so the number is still its own.
        kill_process_group(group, Signal::TERM).ok();
        if timeout(GRACE, child.wait()).await.is_err() {
            kill_process_group(group, Signal::KILL).ok();
            drop(child.wait().await);
        }
    }
}

fn remove(socket: &Path) {
    // It takes its own away where it can.
    std::fs::remove_file(socket).ok();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::native::secret::ask_nobody;

    /// An ssh that says this every second, without an end.
    async fn told(line: &str) -> NoMaster {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::new("db1.internal", 22, "me");
        settings.progress = Arc::new(|_| ());
        let (tell, lines) = mpsc::channel(LINES_MAX);
        let line = line.to_owned();
        let telling = tokio::spawn(async move {
            while tell.send(line.clone()).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let bound = Bound { user: "me".into(), host: "db1.internal".into(), port: 22, key: String::new() };
        let bound = Arc::new(Mutex::new(bound));
        let desk = Desk { ask: ask_nobody(), bound: bound.clone(), overheard: Arc::new(|_| ()) };
        let questions = Questions::listen(folder.path().join("q"), desk).unwrap();
        let pid = Pid::from_raw(i32::MAX).unwrap();
        let place = Place { socket: folder.path().join("m"), pid, is_shared: false };
        let heard = Heard::default();
        let mut opening = Opening { settings: &settings, lines, questions, bound, heard, place };
        let said = opening.stands().await.unwrap_err();
        telling.abort();
        let met = settings.met.lock().unwrap();
        assert_eq!(met.len(), usize::from(line_names_us(&opening.heard)), "{met:?}");
        said
    }

    fn line_names_us(heard: &Heard) -> bool {
        heard.address.as_ref().is_some_and(|it| it.0 == "db1.internal")
    }

    #[tokio::test(start_paused = true)]
    async fn a_banner_without_an_end_is_given_up_in_time_also_where_it_looks_like_a_step() {
        for line in [
            "Welcome to a banner without an end",
            "debug1: Entering interactive session.",
            "debug1: Connecting to gate [10.0.0.4] port 22.",
            "debug1: Connecting to db1.internal [10.0.0.5] port 22.",
        ] {
            let said = told(line).await;
            assert!(matches!(said, NoMaster::Other(ConnectError::ConnectTimeout { .. })), "{line}: {said:?}");
        }
    }
}
