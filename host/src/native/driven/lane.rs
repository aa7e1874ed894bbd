//! One session of the user's ssh: asked for at the master's socket, with streams of our own.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::birth::Mark;
use super::mux::{NewSession, Said};
use super::streams::{self, Ours, Stdin, Theirs};
use super::talk::{NotOpened, Talk};
use crate::holder::frame::Exit;
use crate::native::heard::{Heard, RequestError, Terminal};
use crate::native::secret::one_line;

/// What is read at once.
const READ_BYTES: usize = 32 << 10;

/// A master that lives says so in this time.
const ALIVE_LIMIT: Duration = Duration::from_secs(2);

/// Where a master is.
#[derive(Clone, Debug)]
pub(in crate::native) struct Place {
    pub(in crate::native) socket: PathBuf,
    pub(in crate::native) pid: Pid,
    /// Others may start programs there too.
    pub(in crate::native) is_shared: bool,
}

/// A session: nothing but a place for one until something is started in it.
pub(in crate::native) struct Driven {
    place: Place,
    lends_agent: bool,
    env: Vec<(String, String)>,
    input: DrivenWriter,
    running: Option<Running>,
    /// The process there, where it had to say it.
    told: Option<u32>,
}

/// The sending side.
#[derive(Clone)]
pub(in crate::native) struct DrivenWriter {
    input: Arc<OnceLock<Input>>,
    master: Pid,
}

struct Input {
    /// Gone once nothing more is sent.
    stdin: Mutex<Option<Stdin>>,
    terminal: Option<OwnedFd>,
}

struct Running {
    talk: Option<Talk>,
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
    room: BytesMut,
    /// What was printed before it had said which process it is.
    early: Option<Bytes>,
    exited: bool,
    closed: bool,
}

/// What one look at a session brought.
enum News {
    Output(Option<Bytes>),
    Error(Option<Bytes>),
    Said(Option<Said>),
}

impl Driven {
    /// Takes a place for a session of this master.
    pub(in crate::native) fn new(place: Place) -> Self {
        let input = DrivenWriter { input: Arc::default(), master: place.pid };
        Self { place, lends_agent: false, env: Vec::new(), input, running: None, told: None }
    }

    /// Lets what is started next ask for the agent.
    pub(in crate::native) fn lend_agent(&mut self) {
        self.lends_agent = true;
    }

    /// Asks for variables: the master sends those that ssh's configuration names.
    pub(in crate::native) fn ask_for(&mut self, env: &[(String, String)]) {
        self.env.extend(env.iter().cloned());
    }

    /// Starts the account's shell in a terminal, or what its line says.
    pub(in crate::native) async fn shell(
        &mut self,
        terminal: &Terminal,
        limit: Duration,
    ) -> Result<(), RequestError> {
        self.ask_for(&terminal.env);
        let streams = streams::terminal(terminal.cols, terminal.rows).map_err(no_streams)?;
        let command = terminal.line.clone().unwrap_or_default();
        self.start(Some(terminal.term.clone()), command, streams, limit).await
    }

    /// Starts a program.
    pub(in crate::native) async fn exec(
        &mut self,
        command: &str,
        limit: Duration,
    ) -> Result<(), RequestError> {
        let streams = streams::pipes().map_err(no_streams)?;
        self.start(None, command.to_owned(), streams, limit).await
    }

    async fn start(
        &mut self,
        term: Option<String>,
        command: String,
        (ours, theirs): (Ours, Theirs),
        limit: Duration,
    ) -> Result<(), RequestError> {
        let mark = if self.place.is_shared { Mark::new() } else { None };
        let command = mark.as_ref().map_or(command.clone(), |it| it.before(&command));
        let (term, command) = (term.as_deref(), command.as_str());
        let session = NewSession { term, command, env: &self.env, lends_agent: self.lends_agent };
        let opening = async {
            let mut talk = Talk::with(&self.place.socket).await.map_err(|_| NotOpened::Gone)?;
            talk.open(&session, theirs).await.map(|()| talk)
        };
        let opened = timeout(limit, opening).await.map_err(|_| RequestError::Timeout(limit))?;
        let talk = opened.map_err(|error| match error {
            NotOpened::Refused(why) => RequestError::Full(one_line(&why)),
            NotOpened::Gone => RequestError::Closed,
        })?;
        let Ours { stdin, mut stdout, stderr, terminal } = ours;
        if let Some(terminal) = &terminal {
            streams::pass_all(terminal).map_err(no_streams)?;
        }
        let input = Input { stdin: Mutex::new(Some(stdin)), terminal };
        if self.input.input.set(input).is_err() {
            return Err(RequestError::Closed);
        }
        let mut early = None;
        if let Some(mark) = &mark {
            let (told, printed) = mark.awaited(&mut stdout).await;
            (self.told, early) = (told, Some(printed).filter(|it| !it.is_empty()));
        }
        self.running = Some(Running {
            talk: Some(talk),
            stdout: Some(stdout),
            stderr: Some(stderr),
            room: BytesMut::new(),
            early,
            exited: false,
            closed: false,
        });
        Ok(())
    }

    /// Returns the process there, where it had to say it.
    pub(in crate::native) fn told(&self) -> Option<u32> {
        self.told
    }

    /// Returns the sending side.
    pub(in crate::native) fn writer(&self) -> DrivenWriter {
        self.input.clone()
    }

    /// Waits for what comes next; nothing if the connection is gone.
    ///
    /// Cancel-safe.
    pub(in crate::native) async fn next(&mut self) -> Option<Heard> {
        let running = self.running.as_mut()?;
        if let Some(early) = running.early.take() {
            return Some(Heard::Output(early));
        }
        while !running.is_over() {
            match running.news().await {
                News::Output(Some(bytes)) => return Some(Heard::Output(bytes)),
                News::Error(Some(bytes)) => return Some(Heard::Error(bytes)),
                News::Output(None) => running.stdout = None,
                News::Error(None) => running.stderr = None,
                News::Said(None) => running.talk = None,
                News::Said(Some(Said::Exit(code))) => {
                    running.exited = true;
                    return Some(Heard::Exit(i32::try_from(code).map_or(Exit::Unknown, Exit::Status)));
                }
                News::Said(Some(Said::NoTerminal)) => return Some(Heard::NoTerminal),
                News::Said(Some(_)) => {}
            }
        }
        if running.closed {
            return None;
        }
        // A session that ended without a word of its end, and a master that is gone, look alike from here.
        if !running.exited && !lives(&self.place).await {
            return None;
        }
        running.closed = true;
        Some(Heard::Closed)
    }
}

impl Running {
    fn is_over(&self) -> bool {
        self.talk.is_none() && self.stdout.is_none() && self.stderr.is_none()
    }

    async fn news(&mut self) -> News {
        self.room.reserve(READ_BYTES);
        let mut errors = BytesMut::new();
        tokio::select! {
            read = read(self.stdout.as_mut(), &mut self.room), if self.stdout.is_some() => News::Output(read),
            read = read(self.stderr.as_mut(), &mut errors), if self.stderr.is_some() => News::Error(read),
            said = said(self.talk.as_mut()), if self.talk.is_some() => News::Said(said),
        }
    }
}

impl DrivenWriter {
    /// Sends bytes, as fast as the other side takes them. Not cancel-safe.
    pub(in crate::native) async fn send(&self, bytes: Bytes) -> bool {
        let Some(input) = self.input.get() else { return false };
        match input.stdin.lock().await.as_mut() {
            Some(stdin) => stdin.write_all(&bytes).await.is_ok(),
            None => false,
        }
    }

    /// Says that nothing more is sent.
    pub(in crate::native) async fn end(&self) {
        if let Some(input) = self.input.get() {
            input.stdin.lock().await.take();
        }
    }

    /// Tells the new size of the terminal.
    pub(in crate::native) fn resize(&self, cols: u16, rows: u16) {
        let terminal = self.input.get().and_then(|it| it.terminal.as_ref());
        let Some(terminal) = terminal else { return };
        if streams::resize(terminal, cols, rows).is_ok() {
            // It looks at all its terminals then.
            kill_process(self.master, Signal::WINCH).ok();
        }
    }
}

/// Says whether a master answers.
pub(super) async fn lives(place: &Place) -> bool {
    let asked = async { Talk::with(&place.socket).await?.alive().await };
    timeout(ALIVE_LIMIT, asked).await.is_ok_and(|it| it.is_ok())
}

async fn read(from: Option<&mut pipe::Receiver>, room: &mut BytesMut) -> Option<Bytes> {
    let from = from?;
    room.reserve(1);
    match from.read_buf(room).await {
        Ok(1..) => Some(room.split().freeze()),
        Ok(0) | Err(_) => None,
    }
}

async fn said(talk: Option<&mut Talk>) -> Option<Said> {
    talk?.next().await.ok()?
}

fn no_streams(error: io::Error) -> RequestError {
    tracing::warn!(%error, "no streams for a session");
    RequestError::Closed
}
