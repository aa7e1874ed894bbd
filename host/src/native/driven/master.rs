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

/// Sockets are numbered: two of one daemon are never the same.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A connection that an ssh holds. With this it ends.
pub(in crate::native) struct Master {
    place: Place,
    ended: Ended,
    stop: Arc<Notify>,
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
        loop {
            let is_asking = *self.questions.open.borrow() > 0;
            tokio::select! {
                biased;
                line = self.lines.recv() => {
                    let Some(line) = line else { return Err(self.heard.why(self.settings)) };
                    if self.take(&line).await {
                        return Ok(());
                    }
                    deadline = Instant::now() + self.patience();
                }
                // A person's time is not counted.
                Ok(()) = self.questions.open.changed() => deadline = Instant::now() + self.patience(),
                () = tokio::time::sleep_until(deadline), if !is_asking => return Err(self.late()),
            }
        }
    }

    /// Says whether the connection stands.
    async fn take(&mut self, line: &str) -> bool {
        match self.heard.take(line) {
            Line::Entered => lives(&self.place).await,
            Line::Stage(stage) => {
                if let Some(key) = &self.heard.key {
                    self.bound.lock().unwrap_or_else(PoisonError::into_inner).key.clone_from(key);
                }
                (self.settings.progress)(stage);
                false
            }
            Line::Nothing => false,
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
