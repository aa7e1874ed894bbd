//! The daemon's side: starts a holder where none is, opens and attaches terminals, and speaks the protocol.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use cotty_core::names::Offset;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::holder::frame::{Attached, Event, Listed, Malformed, OpenTerminal, Order, RefusalKind, VERSION};
use crate::holder::{line, socket_name};
use crate::local::limits;
use crate::state_dir::{StateDir, StateError};

/// A holder that was started listens within this time, or something is wrong with it.
const START_MAX: Duration = Duration::from_secs(10);

/// What is read at once of a flood: a holder sends output in pieces of up to 128 KiB.
const READ_BYTES_MAX: usize = 128 << 10;

/// What is read at once else. While a read fills what it was given the next is given twice as much.
const READ_BYTES_MIN: usize = 4 << 10;

/// Why a holder did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HolderError {
    /// It said no.
    #[error("{text}")]
    Refused {
        /// Why, for programs.
        kind: RefusalKind,
        /// Why, for people.
        text: String,
    },
    /// No holder runs, so its terminals have ended.
    #[error("no holder is running, so its shells have ended; open a new session")]
    Gone,
    /// It ended, or the connection was cut, in the middle.
    #[error("the connection to the holder was cut; attach again")]
    Closed,
    /// It could not be started.
    #[error("the holder {program} did not start: {source}; run it by hand to see why")]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It does not speak the protocol.
    #[error("the holder sent {0}; stop it and open a new session")]
    Malformed(#[from] Malformed),
    /// It answered something else than what was asked.
    #[error("the holder gave an answer that was not asked for; stop it and open a new session")]
    Unexpected,
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The connection failed.
    #[error("the connection to the holder failed: {0}; attach again")]
    Io(#[from] io::Error),
}

/// How a holder is started: the whole environment is given, nothing is inherited.
#[derive(Clone, Debug)]
pub struct HolderProgram {
    /// Our own binary.
    pub executable: PathBuf,
    /// What makes it a holder of this state directory.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// The holder of an instance, running or not.
#[derive(Clone, Debug)]
pub struct Holder {
    state: StateDir,
    program: HolderProgram,
}

/// One terminal: what it says, and what it is told.
#[derive(Debug)]
pub struct Terminal {
    /// What the holder says of it.
    pub events: Events,
    /// What the holder is told.
    pub orders: Orders,
}

/// Reads what the holder says.
pub struct Events {
    stream: Box<dyn AsyncRead + Send + Unpin>,
    buffer: BytesMut,
    read_bytes: usize,
}

/// Collects and sends what the holder is told.
pub struct Orders {
    stream: Box<dyn AsyncWrite + Send + Unpin>,
    buffer: BytesMut,
}

impl Holder {
    /// Knows where the holder is to be found and how to start it. Nothing is started yet.
    pub fn new(state: StateDir, program: HolderProgram) -> Self {
        Self { state, program }
    }

    /// Opens a terminal, in a holder that is started if none runs.
    pub async fn open(&self, open: OpenTerminal) -> Result<(Attached, Terminal), HolderError> {
        let order = Order::Open(open);
        match self.opened(&order).await {
            // It ended just then, having nothing to do. What it might have opened has ended with it.
            Err(HolderError::Closed | HolderError::Io(_)) => self.opened(&order).await,
            done => done,
        }
    }

    /// Attaches to a terminal that is there; the output follows from `from` on.
    pub async fn attach(
        &self,
        id: &str,
        term: u64,
        from: Offset,
    ) -> Result<(Attached, Terminal), HolderError> {
        let stream = self.connect().ok_or(HolderError::Gone)?;
        ask(stream, &Order::Attach { id: id.to_owned(), term, from }).await.map_err(gone_if_cut)
    }

    /// Lists the terminals; none if no holder runs.
    pub async fn list(&self) -> Result<Vec<Listed>, HolderError> {
        let Some(stream) = self.connect() else { return Ok(Vec::new()) };
        match answer(&mut greeted(stream)?, &Order::List).await {
            Ok(Event::Listed(list)) => Ok(list),
            Err(HolderError::Closed) => Ok(Vec::new()),
            other => Err(unexpected(other)),
        }
    }

    /// Ends the holder; with its terminals only if forced. Nothing to do if none runs.
    pub async fn stop(&self, force: bool) -> Result<(), HolderError> {
        let Some(stream) = self.connect() else { return Ok(()) };
        match answer(&mut greeted(stream)?, &Order::Stop { force }).await {
            Ok(Event::Done) | Err(HolderError::Closed) => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    async fn opened(&self, order: &Order) -> Result<(Attached, Terminal), HolderError> {
        let stream = match self.connect() {
            Some(stream) => stream,
            None => self.start().await?,
        };
        ask(stream, order).await
    }

    // A socket that nobody listens on is as good as none.
    fn connect(&self) -> Option<UnixStream> {
        let stream = self.state.connect(&socket_name()).ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(stream)
    }

    async fn start(&self) -> Result<UnixStream, HolderError> {
        let state = self.state.clone();
        let locked = tokio::task::spawn_blocking(move || state.lock(&format!("{}.start", socket_name())));
        // Of several that find no holder one starts it; the others find it when they have the lock.
        let _lock = locked.await.map_err(io::Error::other)??;
        let deadline = Instant::now() + START_MAX;
        let mut child = None;
        loop {
            if let Some(stream) = self.connect() {
                return Ok(stream);
            }
            let ended = match &mut child {
                None => {
                    child = Some(self.spawn()?);
                    false
                }
                Some(child) => tokio::process::Child::try_wait(child)?.is_some(),
            };
            if ended {
                // Another holder was just ending and had its lock still: ours saw it and left.
                child = None;
            }
            if Instant::now() > deadline {
                return Err(self.not_started(io::ErrorKind::TimedOut.into()));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn spawn(&self) -> Result<tokio::process::Child, HolderError> {
        let mut command = tokio::process::Command::new(&self.program.executable);
        limits::start_as_we_were(command.as_std_mut());
        // The runtime reaps it when it ends; it outlives us otherwise.
        command
            .args(&self.program.arguments)
            .env_clear()
            .envs(self.program.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(false)
            .spawn()
            .map_err(|source| self.not_started(source))
    }

    fn not_started(&self, source: io::Error) -> HolderError {
        HolderError::NotStarted { program: self.program.executable.clone(), source }
    }
}

impl Terminal {
    /// Speaks the protocol over any stream: tests play the other side with the public frames.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self::of(reader, writer)
    }

    fn of(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let events = Events { stream: Box::new(reader), buffer: BytesMut::new(), read_bytes: READ_BYTES_MIN };
        Self { events, orders: Orders { stream: Box::new(writer), buffer: BytesMut::new() } }
    }
}

impl Events {
    /// Waits for the next event; nothing when the holder has closed the connection.
    ///
    /// Cancel-safe: what has arrived of an event stays for the next call. Where `flush` has failed, read on until the
    /// end: the holder may have said why it closes.
    pub async fn next(&mut self) -> Result<Option<Event>, HolderError> {
        loop {
            if let Some(event) = Event::take(&mut self.buffer)? {
                return Ok(Some(event));
            }
            self.buffer.reserve(self.read_bytes);
            let read = self.stream.read_buf(&mut (&mut self.buffer).limit(self.read_bytes)).await;
            // A holder that closes while something of ours is on its way resets: no less an end than any other.
            let reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
            let read = read.or_else(|error| if reset(&error) { Ok(0) } else { Err(error) })?;
            if read == 0 {
                let whole = self.buffer.is_empty();
                return if whole { Ok(None) } else { Err(HolderError::Closed) };
            }
            let next = if read == self.read_bytes { read * 2 } else { read };
            self.read_bytes = next.clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        }
    }
}

impl Orders {
    /// Puts an order behind those that wait. Nothing is sent before `flush`.
    pub fn push(&mut self, order: Order) {
        order.encode(&mut self.buffer);
    }

    /// Returns how many bytes wait to be sent.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Sends what waits.
    ///
    /// Cancel-safe: bytes that were written are gone from the buffer, the rest stays.
    pub async fn flush(&mut self) -> io::Result<()> {
        while !self.buffer.is_empty() {
            if self.stream.write_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.stream.flush().await
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Events").field("waiting_bytes", &self.buffer.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Orders {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never what was typed.
        out.debug_struct("Orders").field("pending_bytes", &self.buffer.len()).finish_non_exhaustive()
    }
}

async fn ask(stream: UnixStream, order: &Order) -> Result<(Attached, Terminal), HolderError> {
    let mut terminal = greeted(stream)?;
    match answer(&mut terminal, order).await {
        Ok(Event::Attached(attached)) => Ok((attached, terminal)),
        other => Err(unexpected(other)),
    }
}

fn greeted(stream: UnixStream) -> io::Result<Terminal> {
    let (hearing, telling) = line::halves(stream)?;
    let mut terminal = Terminal::of(hearing, telling);
    terminal.orders.push(Order::Hello { version: VERSION });
    Ok(terminal)
}

async fn answer(terminal: &mut Terminal, order: &Order) -> Result<Event, HolderError> {
    terminal.orders.push(order.clone());
    terminal.orders.flush().await.map_err(closed_if_cut)?;
    match terminal.events.next().await.map_err(cut)? {
        Some(Event::Refused { kind, text }) => Err(HolderError::Refused { kind, text }),
        Some(event) => Ok(event),
        None => Err(HolderError::Closed),
    }
}

fn unexpected(answer: Result<Event, HolderError>) -> HolderError {
    answer.err().unwrap_or(HolderError::Unexpected)
}

fn cut(error: HolderError) -> HolderError {
    if let HolderError::Io(error) = error { closed_if_cut(error) } else { error }
}

fn closed_if_cut(error: io::Error) -> HolderError {
    let cut = matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
    if cut { HolderError::Closed } else { HolderError::Io(error) }
}

fn gone_if_cut(error: HolderError) -> HolderError {
    if matches!(error, HolderError::Closed) { HolderError::Gone } else { error }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn a_cancelled_flush_or_read_loses_and_repeats_nothing() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut terminal = Terminal::over(ours);
        let orders: Vec<Order> = (1..20)
            .map(|sequence| Order::Input { sequence, bytes: Bytes::from(format!("line {sequence}\r")) })
            .collect();
        orders.iter().cloned().for_each(|it| terminal.orders.push(it));
        let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
        while taken.len() < orders.len() {
            tokio::select! {
                biased;
                _ = terminal.orders.flush() => {}
                () = std::future::ready(()) => {} // It is cancelled at whatever byte the pipe was full.
            }
            theirs.read_buf(&mut buffer).await.unwrap();
            taken.extend(std::iter::from_fn(|| Order::take(&mut buffer).unwrap()));
        }
        assert_eq!((taken, terminal.orders.pending()), (orders, 0));

        let mut said = BytesMut::new();
        Event::InputRefused { sequence: 7 }.encode(&mut said);
        for byte in said {
            tokio::select! {
                biased;
                _ = terminal.events.next() => panic!("it is not whole yet"),
                () = std::future::ready(()) => {}
            }
            theirs.write_all(&[byte]).await.unwrap();
        }
        assert_eq!(terminal.events.next().await.unwrap(), Some(Event::InputRefused { sequence: 7 }));
        drop(theirs);
        assert_eq!(terminal.events.next().await.unwrap(), None);
    }
}
