//! A command on this machine that has no terminal: started in a holder of its own, and followed by the daemon.

pub mod serve;

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::UnixStream;
use tokio::process::{ChildStderr, ChildStdout};

use crate::holder::client::{Events, HolderError, Orders, Terminal};
use crate::holder::frame::{Event, Exit, OpenTerminal, Order, Process, RefusalKind, SignalTo, VERSION};
use crate::local::limits;
use crate::local::pty::Spawn;

/// How much standard input a command may be given: it waits in memory until the command reads it.
pub const STDIN_BYTES_MAX: usize = 4 << 20;

/// The word behind `hold` that makes our binary the holder of one command.
pub const ISOLATED: &str = "--isolated";

/// A holder that was started answers within this time, or something is wrong with it.
const START_MAX: Duration = Duration::from_secs(10);

/// Standard input goes to the holder in pieces.
const PIECE_BYTES: usize = 64 << 10;

/// What is read at once.
const READ_BYTES: usize = 64 << 10;

/// Which of a command's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// What is heard of a command. `Over` or `Lost` comes last, and only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It printed.
    Printed(Stream, Bytes),
    /// It has ended. What something that it left behind prints may still follow.
    Exited(Exit),
    /// Nothing that was printed before the question is still on its way.
    Still,
    /// A signal could not be sent: there is no way to it.
    OutOfReach,
    /// What is left of it, and of what it started.
    Left(Vec<Process>),
    /// It has ended, and so have its streams.
    Over,
    /// The way to it is gone. Whether it has ended is not known, unless `Exited` said so before.
    Lost(String),
}

/// A command under way. Its holder ends it when this is dropped.
#[derive(Debug)]
pub struct Command {
    events: Events,
    orders: Orders,
    output: Pipe<ChildStdout>,
    error: Pipe<ChildStderr>,
    exited: bool,
    sounding: bool,
    // The holder takes no more orders; what it still says is read.
    deaf: bool,
    released: bool,
    told_all: bool,
}

/// One of its streams, until its end.
#[derive(Debug)]
struct Pipe<Stream> {
    stream: Option<Stream>,
    buffer: BytesMut,
}

impl Command {
    /// Starts a command in a holder of its own, which our binary at `executable` becomes.
    ///
    /// # Errors
    ///
    /// Says what could not be started.
    pub async fn start(executable: &Path, spawn: Spawn, stdin: Bytes) -> Result<Self, HolderError> {
        let not_started = |source| HolderError::NotStarted { program: executable.to_owned(), source };
        let (ours, theirs) = UnixStream::pair()?;
        let theirs = OwnedFd::from(theirs.into_std()?);
        let mut command = tokio::process::Command::new(executable);
        limits::start_as_we_were(command.as_std_mut());
        // The runtime reaps it when it ends; what the command leaves behind keeps it alive, also beyond us.
        let mut holder = command
            .args(["hold", ISOLATED])
            .env_clear()
            .envs(spawn.env.iter().filter(|(name, _)| name == "PATH" || name == "HOME").cloned())
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(not_started)?;
        let (output, error) = (Pipe::new(holder.stdout.take()), Pipe::new(holder.stderr.take()));
        drop(holder);
        let Terminal { mut events, mut orders } = Terminal::over(ours);
        orders.push(Order::Hello { version: VERSION });
        orders.push(Order::Open(OpenTerminal { spawn, ..OpenTerminal::default() }));
        orders.flush().await?;
        let answer = tokio::time::timeout(START_MAX, events.next()).await;
        match answer.map_err(|_| not_started(io::ErrorKind::TimedOut.into()))?? {
            Some(Event::Attached(_)) => {}
            Some(Event::Refused { kind, text }) => return Err(HolderError::Refused { kind, text }),
            Some(_) => return Err(HolderError::Unexpected),
            None => return Err(HolderError::Closed),
        }
        let mut command = Self {
            events,
            orders,
            output,
            error,
            exited: false,
            sounding: false,
            deaf: false,
            released: false,
            told_all: false,
        };
        command.give(stdin);
        Ok(command)
    }

    fn give(&mut self, mut stdin: Bytes) {
        let mut sequence = 0;
        while !stdin.is_empty() {
            sequence += 1;
            let bytes = stdin.split_to(stdin.len().min(PIECE_BYTES));
            self.orders.push(Order::Input { sequence, bytes });
        }
        // An empty piece ends it.
        self.orders.push(Order::Input { sequence: sequence + 1, bytes: Bytes::new() });
    }

    /// Waits for what happens next. After the last news only answers to questions that were asked before it follow.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> News {
        loop {
            if self.told_all {
                return self.rest().await;
            }
            if self.exited && self.output.is_over() && self.error.is_over() {
                return self.finish().await;
            }
            // An arm that is cancelled has taken nothing: what was read of a frame or a stream stays in its buffer. A flood
            // of output delays no signal, and a sounding is answered behind all output.
            tokio::select! {
                biased;
                flushed = self.orders.flush(), if self.orders.pending() > 0 && !self.deaf => {
                    self.deaf = flushed.is_err();
                }
                event = self.events.next() => if let Some(news) = self.understand(event) { return news },
                bytes = self.output.next(), if !self.output.is_over() => {
                    if let Some(bytes) = bytes { return News::Printed(Stream::Output, bytes) }
                }
                bytes = self.error.next(), if !self.error.is_over() => {
                    if let Some(bytes) = bytes { return News::Printed(Stream::Error, bytes) }
                }
                () = std::future::ready(()), if self.sounding => {
                    self.sounding = false;
                    return News::Still;
                }
            }
        }
    }

    fn understand(&mut self, event: Result<Option<Event>, HolderError>) -> Option<News> {
        match event {
            Ok(Some(Event::Exit(exit))) => {
                self.exited = true;
                Some(News::Exited(exit))
            }
            Ok(Some(Event::Processes(left))) => Some(News::Left(left)),
            Ok(Some(Event::Refused { kind: RefusalKind::Failed, .. })) => Some(News::OutOfReach),
            Ok(Some(_)) => None,
            Ok(None) | Err(_) => Some(self.lost()),
        }
    }

    fn lost(&mut self) -> News {
        self.told_all = true;
        News::Lost("the process that held it has ended".to_owned())
    }

    /// Tells the holder that it has been understood: it stays only for what the command has left behind.
    async fn finish(&mut self) -> News {
        if !std::mem::replace(&mut self.released, true) {
            self.orders.push(Order::Release { keep_files: false });
        }
        // A holder that is gone needs not be told.
        drop(self.orders.flush().await);
        self.told_all = true;
        News::Over
    }

    /// Waits for what was asked before the end and is answered after it.
    async fn rest(&mut self) -> News {
        while let Ok(Some(event)) = self.events.next().await {
            if let Event::Processes(left) = event {
                return News::Left(left);
            }
        }
        std::future::pending().await
    }

    /// Sends a signal to all of it. `OutOfReach` follows where that is not possible.
    pub fn signal(&mut self, signal: i32) {
        self.orders.push(Order::Signal { to: SignalTo::Foreground, signal });
    }

    /// Looks what is left of it. `Left` follows.
    pub fn look(&mut self) {
        self.orders.push(Order::Processes);
    }

    /// Asks whether anything that was printed is still on its way. `Still` follows what is: the streams are read first,
    /// and the runtime has looked at them since.
    pub fn sound(&mut self) {
        self.sounding = true;
    }
}

impl<Stream: AsyncRead + Unpin> Pipe<Stream> {
    fn new(stream: Option<Stream>) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    fn is_over(&self) -> bool {
        self.stream.is_none()
    }

    /// Reads what comes next; nothing at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let stream = self.stream.as_mut()?;
        self.buffer.reserve(READ_BYTES);
        match stream.read_buf(&mut self.buffer).await {
            Ok(bytes) if bytes > 0 => Some(self.buffer.split().freeze()),
            Ok(_) | Err(_) => {
                self.stream = None;
                None
            }
        }
    }
}

/// Returns what a list of processes says in short: `pid name`.
pub fn names(processes: &[Process]) -> Vec<String> {
    processes.iter().map(|it| format!("{} {}", it.pid, it.comm)).collect()
}
