//! A channel that we speak ourselves: its requests are answered or it is closed, and it is never left open.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Pty, Sig};
use tokio::time::timeout;

use crate::holder::frame::Exit;
use crate::native::heard::{Heard, RequestError, Terminal};

/// A channel.
pub(super) struct Spoken {
    reader: ChannelReadHalf,
    writer: Arc<ChannelWriteHalf<Msg>>,
    // What came before its request was answered.
    early: VecDeque<Heard>,
}

/// The sending side of a channel, for a task of its own: a window that is full makes it wait.
#[derive(Clone)]
pub(super) struct SpokenWriter(Arc<ChannelWriteHalf<Msg>>);

impl Spoken {
    /// Begins with a channel that was just opened.
    pub(super) fn new(channel: Channel<Msg>) -> Self {
        let (reader, writer) = channel.split();
        Self { reader, writer: Arc::new(writer), early: VecDeque::new() }
    }

    /// Starts the account's shell in a terminal, or what its line says.
    pub(super) async fn shell(&mut self, terminal: &Terminal, limit: Duration) -> Result<(), RequestError> {
        let (cols, rows) = (u32::from(terminal.cols), u32::from(terminal.rows));
        let asked = self.writer.request_pty(true, &terminal.term, cols, rows, 0, 0, &[(Pty::IUTF8, 1)]).await;
        asked.map_err(|_| RequestError::Closed)?;
        self.ask_for(&terminal.env).await?;
        // Both are on their way at once, and both are answered.
        let started = match &terminal.line {
            Some(line) => self.writer.exec(true, line.as_str()).await,
            None => self.writer.request_shell(true).await,
        };
        started.map_err(|_| RequestError::Closed)?;
        self.granted(2, limit).await
    }

    /// Lets the shell that is started next ask for the agent; whether the server takes it, it does not say.
    pub(super) async fn lend_agent(&self) -> Result<(), RequestError> {
        self.writer.agent_forward(false).await.map_err(|_| RequestError::Closed)
    }

    /// Asks for variables, as ssh does: whether the server sets them is its business, and it does not say.
    pub(super) async fn ask_for(&self, env: &[(String, String)]) -> Result<(), RequestError> {
        for (name, value) in env {
            let asked = self.writer.set_env(false, name.as_str(), value.as_str()).await;
            asked.map_err(|_| RequestError::Closed)?;
        }
        Ok(())
    }

    /// Starts a program.
    pub(super) async fn exec(&mut self, command: &str, limit: Duration) -> Result<(), RequestError> {
        self.writer.exec(true, command).await.map_err(|_| RequestError::Closed)?;
        self.granted(1, limit).await
    }

    /// Returns the sending side.
    pub(super) fn writer(&self) -> SpokenWriter {
        SpokenWriter(self.writer.clone())
    }

    /// Waits for what comes next; nothing if the connection is gone.
    ///
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Heard> {
        if let Some(early) = self.early.pop_front() {
            return Some(early);
        }
        loop {
            if let Some(heard) = heard(self.reader.wait().await?) {
                return Some(heard);
            }
        }
    }

    // A channel whose request fails stays open at the server: the caller drops it, which closes it.
    async fn granted(&mut self, answers: usize, limit: Duration) -> Result<(), RequestError> {
        timeout(limit, self.answers(answers)).await.map_err(|_| RequestError::Timeout(limit))?
    }

    async fn answers(&mut self, mut answers: usize) -> Result<(), RequestError> {
        while answers > 0 {
            match self.reader.wait().await {
                Some(ChannelMsg::Success) => answers -= 1,
                Some(ChannelMsg::Failure) => return Err(RequestError::Refused),
                Some(ChannelMsg::Close) | None => return Err(RequestError::Closed),
                Some(other) => self.early.extend(heard(other)),
            }
        }
        Ok(())
    }
}

impl SpokenWriter {
    /// Sends bytes, as fast as the other side takes them. Not cancel-safe.
    pub(super) async fn send(&self, bytes: Bytes) -> bool {
        self.0.data_bytes(bytes).await.is_ok()
    }

    /// Says that nothing more is sent.
    pub(super) async fn end(&self) {
        drop(self.0.eof().await);
    }

    /// Tells the new size of the terminal.
    pub(super) async fn resize(&self, cols: u16, rows: u16) {
        drop(self.0.window_change(cols.into(), rows.into(), 0, 0).await);
    }
}

impl Drop for Spoken {
    // A channel that is only dropped counts at the server for ever.
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let writer = self.writer.clone();
            runtime.spawn(async move { drop(writer.close().await) });
        }
    }
}

fn heard(message: ChannelMsg) -> Option<Heard> {
    match message {
        ChannelMsg::Data { data } => Some(Heard::Output(data)),
        ChannelMsg::ExtendedData { data, .. } => Some(Heard::Error(data)),
        ChannelMsg::ExitStatus { exit_status } => {
            Some(Heard::Exit(i32::try_from(exit_status).map_or(Exit::Unknown, Exit::Status)))
        }
        ChannelMsg::ExitSignal { signal_name, .. } => Some(Heard::Exit(exit_of(&signal_name))),
        ChannelMsg::Close => Some(Heard::Closed),
        _ => None,
    }
}

fn exit_of(signal: &Sig) -> Exit {
    let number = match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(name) => match name.as_str() {
            "BUS" | "BUS@openssh.com" => 7,
            "USR2" => 12,
            _ => return Exit::Unknown,
        },
    };
    Exit::Signal(number)
}
