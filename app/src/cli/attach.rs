//! `cotty attach`: the person's terminal at a session, over `cotty.1`; back again by itself when the daemon was away.

use std::collections::VecDeque;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cotty_core::names::Offset;
use cotty_wire::address;
use cotty_wire::api::Failure;
use cotty_wire::socket::{Bytes, Echo, Frame, FromClient, FromServer, KEY_BYTES_MAX, Kind, close};
use futures_util::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::cli::client::{Client, internal};
use crate::cli::last_row::LastRow;
use crate::cli::notice::Notice;
use crate::cli::pasting::{Input, Pasting, Read};
use crate::cli::predicting::Predicting;
use crate::cli::socket::{self, Socket, tell};
use crate::cli::terminal::Raw;
use crate::cli::{exit, print};

/// `Ctrl-]`: as it is, and in the two notations that programs may switch a terminal to.
const DETACH: [&[u8]; 3] = [b"\x1d", b"\x1b[93;5u", b"\x1b[27;5;93~"];

const BELL: u8 = 7;

/// A daemon that is away is looked for again this often.
const AGAIN_MAX: u32 = 20;

/// And after this long each time.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// How being attached ended.
enum End {
    Detached,
    Closed(String),
    Signal,
    Failed(Failure),
}

/// What one connection ended with.
enum Parted {
    /// For good.
    End(End),
    /// The daemon went away.
    Again,
}

struct Attached {
    client: Client,
    session: String,
    terminal: Raw,
    row: LastRow,
    notice: Notice,
    /// On its way to the terminal. While there is any, the socket is not read: the daemon holds back what we cannot show.
    unwritten: VecDeque<u8>,
    have: Option<Offset>,
    seq: u64,
    /// Numbers of keys that were sent and not yet acknowledged.
    unanswered: VecDeque<u64>,
    pasting: Pasting,
    predicting: Predicting,
    /// The number of a paste that waits for the person's word.
    asks: Option<u64>,
}

/// Attaches the present terminal to a session until the person leaves or the session ends.
pub(crate) async fn attach(client: Client, session: &str) -> Result<ExitCode, Failure> {
    // Asked first, on the untouched terminal: what is refused here is read as plain text.
    let socket = open(&client, session).await?;
    let terminal = Raw::begin().map_err(|error| no_terminal(&error))?;
    let (cols, rows) = terminal.size();
    let row = LastRow::new(cols, rows);
    let mut attached = Attached {
        client,
        session: session.to_owned(),
        terminal,
        row,
        notice: Notice::new(session),
        unwritten: VecDeque::new(),
        have: None,
        seq: 0,
        unanswered: VecDeque::new(),
        pasting: Pasting::default(),
        predicting: Predicting::new(),
        asks: None,
    };
    let end = attached.stay(socket).await.unwrap_or_else(|error| End::Failed(internal(&error.to_string())));
    let mut last = attached.unwritten.drain(..).collect::<Vec<u8>>();
    last.extend(attached.predicting.take_back());
    last.extend(attached.row.end());
    // A terminal that is gone or stopped does not keep us.
    drop(tokio::time::timeout(Duration::from_millis(500), write_all(&attached.terminal, &last)).await);
    drop(attached);
    Ok(match end {
        End::Detached => told(&format!("detached; cotty attach {session} comes back")),
        End::Closed(reason) => told(&format!("session {session} ended: {reason}")),
        End::Signal => ExitCode::from(143),
        End::Failed(failure) => exit::tell(&failure, false),
    })
}

fn told(words: &str) -> ExitCode {
    print::line(&format!("[{words}]"));
    ExitCode::SUCCESS
}

fn no_terminal(error: &io::Error) -> Failure {
    Failure {
        kind: "environment-missing".to_owned(),
        what: format!("attach needs a terminal, and there is none here: {error}"),
        next: "Run it in a terminal of your own; cotty read shows what the session printed".to_owned(),
    }
}

async fn write_all(terminal: &Raw, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = terminal.write(bytes).await?;
        bytes = &bytes[written..];
    }
    Ok(())
}

async fn open(client: &Client, session: &str) -> Result<Socket, Failure> {
    socket::open(client, &format!("/api/v1/socket?session={}", address::escaped(session))).await
}

impl Attached {
    async fn stay(&mut self, mut socket: Socket) -> io::Result<End> {
        let mut resized = signal(SignalKind::window_change())?;
        let mut ended = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        let begin = self.row.begin();
        self.unwritten.extend(begin);
        loop {
            match self.converse(&mut socket, &mut resized, &mut ended).await? {
                Parted::End(end) => return Ok(end),
                Parted::Again => match self.again(&mut ended).await? {
                    Ok(found) => socket = found,
                    Err(end) => return Ok(end),
                },
            }
        }
    }

    /// Finds the session again. Keys that nobody acknowledged are not sent twice: they may have been typed.
    async fn again(&mut self, ended: &mut (Signal, Signal)) -> io::Result<Result<Socket, End>> {
        let dropped = self.unanswered.len();
        self.unanswered.clear();
        self.asks = None;
        self.notice.ask(None);
        self.say("the daemon is away; looking for it".to_owned());
        let mut last = None;
        for _ in 0..AGAIN_MAX {
            let looked = tokio::select! {
                looked = open(&self.client, &self.session) => looked,
                _ = ended.0.recv() => return Ok(Err(End::Signal)),
                _ = ended.1.recv() => return Ok(Err(End::Signal)),
            };
            match looked {
                Ok(socket) => {
                    if dropped == 0 {
                        self.say("back again; nothing was lost".to_owned());
                    } else {
                        self.say(format!("back again; the last {dropped} keys may not have arrived"));
                    }
                    return Ok(Ok(socket));
                }
                Err(failure) => last = Some(failure),
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        Ok(Err(End::Failed(last.unwrap_or_else(|| internal("the daemon was not found again")))))
    }

    async fn converse(
        &mut self,
        socket: &mut Socket,
        resized: &mut Signal,
        ended: &mut (Signal, Signal),
    ) -> io::Result<Parted> {
        self.predicting.begin(self.seq);
        let (cols, rows) = self.row.inner_size();
        let have = self.have.map(|it| it.to_string());
        let build = env!("CARGO_PKG_VERSION").to_owned();
        if !tell(socket, &FromClient::Join { have, cols: Some(cols), rows: Some(rows), build }).await {
            return Ok(Parted::Again);
        }
        let mut keys = [0; KEY_BYTES_MAX];
        loop {
            self.unwritten.make_contiguous();
            let (waiting, _) = self.unwritten.as_slices();
            // An arm that is cancelled has taken nothing.
            tokio::select! {
                biased;
                _ = ended.0.recv() => return Ok(Parted::End(End::Signal)),
                _ = ended.1.recv() => return Ok(Parted::End(End::Signal)),
                read = self.terminal.read(&mut keys) => {
                    let count = read?;
                    if count == 0 {
                        return Ok(Parted::End(End::Signal));
                    }
                    if let Some(parted) = self.take(socket, &keys[..count]).await {
                        return Ok(parted);
                    }
                }
                _ = resized.recv() => {
                    let (cols, rows) = self.terminal.size();
                    self.show(|row| row.resize(cols, rows));
                    let (cols, rows) = self.row.inner_size();
                    if !tell(socket, &FromClient::Resize { cols, rows }).await {
                        return Ok(Parted::Again);
                    }
                }
                written = self.terminal.write(waiting), if !waiting.is_empty() => {
                    let count = written?;
                    self.unwritten.drain(..count);
                }
                () = self.predicting.over() => self.show(|_| Vec::new()),
                message = socket.next(), if self.unwritten.is_empty() => {
                    if let Some(parted) = self.heard(message) {
                        return Ok(parted);
                    }
                }
            }
        }
    }

    /// Takes what was read from the terminal: keys, pastes, and the word about a paste.
    async fn take(&mut self, socket: &mut Socket, bytes: &[u8]) -> Option<Parted> {
        if self.pasting.is_open() && DETACH.contains(&bytes) {
            return Some(Self::leave(socket).await); // A terminal may never end what it began.
        }
        let read = if bytes.len() == KEY_BYTES_MAX { Read::Filled } else { Read::Whole };
        for input in self.pasting.take(bytes, read) {
            let parted = match input {
                Input::Keys(keys) => self.typed(socket, &keys).await,
                Input::Paste(text) => self.paste(socket, &text).await,
                Input::TooLong => {
                    self.say("the paste is longer than 1 MiB; nothing was typed".to_owned());
                    None
                }
            };
            if parted.is_some() {
                return parted;
            }
        }
        None
    }

    async fn typed(&mut self, socket: &mut Socket, keys: &[u8]) -> Option<Parted> {
        let leaves = DETACH.iter().filter_map(|it| keys.windows(it.len()).position(|part| part == *it)).min();
        let keys = &keys[..leaves.unwrap_or(keys.len())];
        let sent = match self.asks {
            Some(paste) if !keys.is_empty() => self.answer(socket, paste, keys).await,
            None => self.send(socket, keys).await,
            Some(_) => true,
        };
        match (sent, leaves) {
            (false, _) => Some(Parted::Again),
            (true, Some(_)) => Some(Self::leave(socket).await),
            (true, None) => None,
        }
    }

    async fn send(&mut self, socket: &mut Socket, keys: &[u8]) -> bool {
        for part in keys.chunks(KEY_BYTES_MAX) {
            let seq = self.number();
            self.predicting.typed(seq, part, Instant::now());
            self.show(|_| Vec::new());
            if !tell(socket, &FromClient::Key { seq, bytes: Bytes(part.to_vec()) }).await {
                return false;
            }
        }
        true
    }

    /// Returns the number of what is sent next, whose arrival is waited for.
    fn number(&mut self) -> u64 {
        self.seq += 1;
        self.unanswered.push_back(self.seq);
        self.seq
    }

    async fn paste(&mut self, socket: &mut Socket, text: &[u8]) -> Option<Parted> {
        // Another paste takes the place of one that waits.
        self.ask(None);
        if text.is_empty() {
            return None;
        }
        let seq = self.number();
        self.predicting.pasted(seq, Instant::now());
        let mut parts = text.chunks(KEY_BYTES_MAX).peekable();
        while let Some(part) = parts.next() {
            let (part, last) = (Bytes(part.to_vec()), parts.peek().is_none());
            if !tell(socket, &FromClient::Paste { seq, part, last }).await {
                return Some(Parted::Again);
            }
        }
        None
    }

    /// What was asked about is pasted by one clear key.
    async fn answer(&mut self, socket: &mut Socket, paste: u64, keys: &[u8]) -> bool {
        let yes = matches!(keys, b"y" | b"Y");
        self.ask(None);
        if !yes {
            self.say("the paste was not typed".to_owned());
        }
        let seq = self.number();
        self.predicting.pasted(seq, Instant::now());
        if !yes {
            self.unanswered.pop_back(); // Nothing becomes of it.
        }
        tell(socket, &FromClient::Confirm { seq, paste, yes }).await
    }

    fn ask(&mut self, asked: Option<(u64, usize)>) {
        self.asks = asked.map(|(paste, _)| paste);
        self.notice.ask(asked.map(|(_, lines)| lines));
        let line = self.notice.line();
        self.show(|row| row.set_line(line));
    }

    async fn leave(socket: &mut Socket) -> Parted {
        // The last keys have left; the daemon reads them before it sees that we are gone.
        drop(tokio::time::timeout(Duration::from_millis(200), socket.close(None)).await);
        Parted::End(End::Detached)
    }

    fn heard(&mut self, message: Option<Result<Message, Error>>) -> Option<Parted> {
        match message {
            Some(Ok(Message::Binary(frame))) => {
                let frame = Frame::decode(&frame)?;
                self.have = Some(frame.end());
                self.unwritten.extend(self.predicting.take_back());
                let out = match frame.kind {
                    Kind::Output => self.row.pass(frame.bytes),
                    Kind::Repaint => self.row.pass_repaint(frame.bytes),
                };
                self.unwritten.extend(out);
                match frame.kind {
                    Kind::Output => self.predicting.printed(frame.bytes, Instant::now()),
                    Kind::Repaint => self.predicting.painted(frame.bytes, Instant::now()),
                }
                self.show(|_| Vec::new());
                None
            }
            Some(Ok(Message::Text(text))) => self.told(serde_json::from_str(&text).ok()?),
            Some(Ok(Message::Close(Some(frame)))) => match u16::from(frame.code) {
                close::GOING_AWAY | close::TOO_SLOW => Some(Parted::Again),
                close::SESSION_ENDED => Some(Parted::End(End::Closed(frame.reason.to_string()))),
                code => Some(Parted::End(End::Failed(internal(&format!(
                    "the socket was closed: {code} {}",
                    frame.reason
                ))))),
            },
            Some(Ok(Message::Close(None)) | Err(_)) | None => Some(Parted::Again),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
        }
    }

    fn told(&mut self, message: FromServer) -> Option<Parted> {
        self.notice.hear(&message);
        self.predict_by(&message);
        if let FromServer::Closed { reason, .. } = message {
            return Some(Parted::End(End::Closed(reason)));
        } else if let FromServer::Echo { seq, .. } = message {
            while self.unanswered.front().is_some_and(|it| *it <= seq) {
                self.unanswered.pop_front();
            }
        } else if let FromServer::PasteAsks { seq, lines } = message {
            self.unanswered.retain(|it| *it != seq);
            if self.row.has_room() {
                self.ask(Some((seq, lines)));
            } else {
                self.unwritten.push_back(BELL); // Where a question cannot be read, nothing is pasted.
            }
        } else if let FromServer::Renamed { session } = message {
            self.session = session;
        } else if let FromServer::Refused { seq, failure } = message {
            if seq.is_none() && self.have.is_none() {
                return Some(Parted::End(End::Failed(failure)));
            }
            self.unanswered.retain(|it| Some(*it) != seq);
            self.notice.say(failure.what);
        }
        let line = self.notice.line();
        self.show(|row| row.set_line(line));
        None
    }

    fn predict_by(&mut self, message: &FromServer) {
        match message {
            FromServer::Welcome { cols, rows, .. } | FromServer::Size { cols, rows } => {
                self.predicting.resize(*cols, *rows);
            }
            FromServer::Echo { seq, echo } => self.predicting.applied(*seq, *echo != Echo::Off),
            FromServer::State { session, .. } => self.predicting.stands(session == "ready"),
            FromServer::Wrote { .. } => self.predicting.wrote(Instant::now()),
            _ => {}
        }
    }

    /// Writes to the terminal what its last row wants to say, and what is predicted behind it.
    fn show(&mut self, says: impl FnOnce(&mut LastRow) -> Vec<u8>) {
        self.unwritten.extend(self.predicting.take_back());
        let out = says(&mut self.row);
        self.unwritten.extend(out);
        self.unwritten.extend(self.predicting.draw(&self.row, Instant::now()));
    }

    fn say(&mut self, words: String) {
        self.notice.say(words);
        let line = self.notice.line();
        self.show(|row| row.set_line(line));
    }
}
