//! A shell over SSH, seen by the engine as a terminal like any other: the same orders, the same events.
//!
//! Where a holder would stand between the two, a task stands here. It is not a place where anything survives: with
//! this process the shell is hung up, and its output stays on disk.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use cotty_core::names::Epoch;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use crate::holder::client;
use crate::holder::frame::{Applied, Event, Exit, Order, RefusalKind};
use crate::holder::kept::Kept;
use crate::native::channel::{Heard, Lane, LaneWriter, RequestError, Terminal};
use crate::native::connect::{ChannelError, Connection};
use crate::native::exec::ExecError;
use crate::native::looker::{Looked, Looker};
use crate::native::outbox::Outbox;
use crate::native::start::Start;
use crate::native::watcher::Ended;

/// So much typed input may wait for the connection to take it.
const INPUT_BYTES_MAX: usize = 64 << 10;

/// Above that there is room for this much more of single keys, so that Ctrl-C is never refused for a paste.
const KEYS_BYTES_MAX: usize = 64;

/// So many inputs may wait, however short.
const INPUTS_MAX: usize = 4096;

/// A host that takes longer to turn the echo on keeps nobody from typing.
const ECHO_LIMIT: Duration = Duration::from_secs(2);

/// What may be on its way between the engine and this task.
const PIPE_BYTES: usize = 256 << 10;

/// Why there is no shell where a server lets commands alone be started.
const NO_TERMINAL: &str = "the server gives no terminal to this account";

/// What is opened.
#[derive(Clone, Debug)]
pub struct OpenShell {
    /// Where its output is kept.
    pub directory: PathBuf,
    /// Counts the shells of the session; each is used once.
    pub epoch: Epoch,
    /// How much output is kept on disk for this session.
    pub quota_bytes: u64,
    /// The kind of terminal.
    pub term: String,
    /// The width.
    pub cols: u16,
    /// The height.
    pub rows: u16,
    /// What is different from a plain login.
    pub start: Start,
    /// Variables that the server is asked to set; it need not.
    pub asked_env: Vec<(String, String)>,
}

/// Why a shell was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// No channel was to be had.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// There is a channel, and the server gives no terminal or no shell in it.
    #[error("the server starts no shell for this account: {0}")]
    NotStarted(String),
    /// Its output cannot be kept.
    #[error("its output cannot be kept: {0}")]
    Kept(#[from] io::Error),
    /// How it is to begin cannot be written.
    #[error(transparent)]
    Start(#[from] ExecError),
}

/// Opens a shell on a connection.
pub async fn open(connection: &Arc<Connection>, open: &OpenShell) -> Result<client::Terminal, ShellError> {
    let lane = connection.channel().await?;
    start(connection.clone(), lane, open).await
}

/// Starts a shell in a channel.
pub(super) async fn start(
    connection: Arc<Connection>,
    mut lane: Lane,
    open: &OpenShell,
) -> Result<client::Terminal, ShellError> {
    let kept = Kept::open(open.directory.clone(), open.epoch, open.quota_bytes)?;
    let terminal = Terminal {
        term: open.term.clone(),
        cols: open.cols,
        rows: open.rows,
        line: open.start.line()?,
        env: open.asked_env.clone(),
    };
    // It takes its place on the connection early, and is there when the first look is wanted; but never the only place.
    let with_probe = connection.clone();
    let probing = async move { with_probe.probe().await.is_some() };
    let probing = if lane.is_open() { Err(tokio::spawn(probing)) } else { Ok(probing) };
    let birth = connection.shell(&mut lane, &terminal).await.map_err(not_started)?;
    probing.ok().map(tokio::spawn);
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let ended = connection.ended();
    let served = Served::new(
        lane,
        Outbox::new(open.epoch, kept),
        ended,
        Looker::start(connection, birth, open.start.shell.clone()),
    );
    tokio::spawn(served.serve(theirs));
    Ok(client::Terminal::over(ours))
}

/// One shell.
struct Served {
    lane: Lane,
    writer: LaneWriter,
    outbox: Outbox,
    ended: Ended,
    looker: Looker,
    exit: Option<Exit>,
    // The channel has ended; there is nothing more to hear from it.
    over: bool,
    released: bool,
    typed: mpsc::Sender<(u64, Bytes)>,
    applied: mpsc::Receiver<(u64, usize)>,
    waiting_bytes: usize,
    sequence: u64,
    // What was taken and not yet written, with what the terminal was like then.
    written_in: VecDeque<Applied>,
    // Inputs that wait until the echo is on again: what they start may turn it off, and is not to be undone. At the latest
    // they go at this moment.
    held: VecDeque<(u64, Bytes)>,
    held_until: Option<Instant>,
}

impl Served {
    fn new(lane: Lane, outbox: Outbox, ended: Ended, looker: Looker) -> Self {
        let writer = lane.writer();
        let (typed, to_write) = mpsc::channel(INPUTS_MAX);
        let (tell, applied) = mpsc::channel(INPUTS_MAX);
        tokio::spawn(write(writer.clone(), to_write, tell));
        Self {
            lane,
            writer,
            outbox,
            ended,
            looker,
            exit: None,
            over: false,
            released: false,
            typed,
            applied,
            waiting_bytes: 0,
            sequence: 0,
            written_in: VecDeque::new(),
            held: VecDeque::new(),
            held_until: None,
        }
    }

    /// Serves the engine until it lets go. When this ends, the channel is closed.
    async fn serve(mut self, stream: DuplexStream) {
        let (mut reader, mut writer): (ReadHalf<_>, WriteHalf<_>) = tokio::io::split(stream);
        let mut inbox = BytesMut::new();
        while !self.released || self.outbox.is_waiting() {
            self.outbox.catch_up();
            let (retry_at, waiting) = (self.outbox.retry_at(), self.outbox.is_waiting());
            // An arm that is cancelled has taken nothing. Orders come before output: a flood delays no key.
            tokio::select! {
                biased;
                read = reader.read_buf(&mut inbox), if !self.released => match read {
                    Ok(bytes) if bytes > 0 => if !self.take_orders(&mut inbox).await { return },
                    Ok(_) | Err(_) => return,
                },
                Some(written) = self.applied.recv() => self.note_written(written),
                Some(looked) = self.looker.next() => self.take_look(looked),
                () = passed(self.held_until) => self.let_inputs_go(),
                sent = writer.write_buf(self.outbox.frames()), if waiting => {
                    if sent.is_err() { return }
                }
                heard = self.lane.next(), if !self.over => self.take(heard).await,
                () = passed(retry_at) => self.outbox.retry(Instant::now()),
            }
        }
        drop(writer.shutdown().await);
    }

    async fn take(&mut self, heard: Option<Heard>) {
        match heard {
            Some(Heard::Output(bytes) | Heard::Error(bytes)) => {
                self.outbox.take_output(bytes, Instant::now());
                self.looker.disturb();
            }
            Some(Heard::Exit(exit)) => self.exit = Some(exit),
            Some(Heard::Closed) => self.finish(Event::Exit(self.exit.unwrap_or(Exit::Unknown))),
            // What was started without one would be no session.
            Some(Heard::NoTerminal) => self.finish(Event::Gone { reason: NO_TERMINAL.to_owned() }),
            None => {
                // What is known of the end is told, also where the connection broke right after it.
                let event = match self.exit {
                    Some(exit) => Event::Exit(exit),
                    None => Event::Gone { reason: self.ended.reason().await },
                };
                self.finish(event);
            }
        }
    }

    fn finish(&mut self, event: Event) {
        self.over = true;
        self.looker.end();
        self.outbox.end(event);
    }

    /// Says whether to go on.
    async fn take_orders(&mut self, inbox: &mut BytesMut) -> bool {
        loop {
            match Order::take(inbox) {
                Ok(Some(order)) => self.carry_out(order).await,
                Ok(None) => return true,
                Err(error) => {
                    tracing::error!(%error, "an order that cannot be read");
                    return false;
                }
            }
        }
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            // Who sends looks first whether a secret is asked for: nobody here sees the terminal at this moment.
            Order::Input { sequence, bytes } | Order::InputUnlessSecret { sequence, bytes } => {
                self.take_input(sequence, bytes);
            }
            Order::Acknowledge { byte } => self.outbox.acknowledge(byte),
            Order::Facts => self.looker.facts(),
            Order::Processes => self.looker.processes(),
            Order::RestoreEcho => {
                if self.looker.restore_echo() {
                    self.held_until = Some(Instant::now() + ECHO_LIMIT);
                }
            }
            Order::Resize { cols, rows } => self.writer.resize(cols, rows).await,
            Order::Signal { to, signal } => {
                // Not by the channel: sshd would send it to the shell's own group, and for root to nobody.
                self.looker.signal(to, signal);
            }
            // The files stay in either case: who keeps the session's folder deletes it.
            Order::Release { .. } => {
                self.released = true;
                self.outbox.push(&Event::Done);
            }
            Order::Hello { .. }
            | Order::Open(_)
            | Order::Attach { .. }
            | Order::List
            | Order::Stop { .. } => {
                let text = "this terminal is open already".to_owned();
                self.outbox.push(&Event::Refused { kind: RefusalKind::BadOrder, text });
            }
        }
    }

    fn take_input(&mut self, sequence: u64, bytes: Bytes) {
        if sequence <= self.sequence {
            if !self.written_in.iter().any(|it| it.sequence == sequence) {
                self.outbox.push(&Event::Applied(Applied { sequence, ..self.looker.seen() }));
            }
            return;
        }
        let room = if bytes.len() == 1 { INPUT_BYTES_MAX + KEYS_BYTES_MAX } else { INPUT_BYTES_MAX };
        if self.waiting_bytes + bytes.len() > room || self.written_in.len() >= INPUTS_MAX {
            self.outbox.push(&Event::InputRefused { sequence });
            return;
        }
        self.sequence = sequence;
        self.waiting_bytes += bytes.len();
        self.written_in.push_back(Applied { sequence, ..self.looker.seen() });
        self.looker.note_input(&bytes);
        if self.held_until.is_some() {
            self.held.push_back((sequence, bytes)); // As many as there is room for in `written_in`.
        } else {
            self.type_now(sequence, bytes);
        }
    }

    fn type_now(&mut self, sequence: u64, bytes: Bytes) {
        // Bytes for a shell that has ended go nowhere, and are told as applied like any other.
        let length = bytes.len();
        if self.typed.try_send((sequence, bytes)).is_err() {
            self.note_written((sequence, length));
        }
    }

    fn take_look(&mut self, looked: Looked) {
        match looked {
            Looked::Told(event) => self.outbox.push(&event),
            Looked::Echoes => self.let_inputs_go(),
        }
    }

    fn let_inputs_go(&mut self) {
        self.held_until = None;
        while let Some((sequence, bytes)) = self.held.pop_front() {
            self.type_now(sequence, bytes);
        }
    }

    fn note_written(&mut self, (sequence, bytes): (u64, usize)) {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        while self.written_in.front().is_some_and(|it| it.sequence <= sequence)
            && let Some(applied) = self.written_in.pop_front()
        {
            self.outbox.push(&Event::Applied(applied));
        }
    }
}

/// Writes what is typed, in order. A task of its own: the other side may not take it for long.
async fn write(
    writer: LaneWriter,
    mut typed: mpsc::Receiver<(u64, Bytes)>,
    tell: mpsc::Sender<(u64, usize)>,
) {
    let mut open = true;
    while let Some((sequence, bytes)) = typed.recv().await {
        let length = bytes.len();
        open = open && writer.send(bytes).await;
        if tell.send((sequence, length)).await.is_err() {
            return;
        }
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn not_started(error: RequestError) -> ShellError {
    match error {
        RequestError::Full(why) => ShellError::Channel(ChannelError::Refused(why)),
        error => ShellError::NotStarted(error.to_string()),
    }
}
