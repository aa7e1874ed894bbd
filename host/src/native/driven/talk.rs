//! A talk with a master by its socket: one for each session, and one for a look whether it lives.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

use super::mux::{self, NewSession, Said};
use super::streams::Theirs;

/// An open talk.
pub(super) struct Talk {
    stream: UnixStream,
    inbox: Vec<u8>,
}

/// Why a session was not opened.
pub(super) enum NotOpened {
    /// The master says no, in its words.
    Refused(String),
    /// There is no master, or none that speaks like one.
    Gone,
}

impl Talk {
    /// Connects, and is greeted.
    pub(super) async fn with(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket).await?;
        let mut talk = Self { stream, inbox: Vec::new() };
        talk.stream.write_all(&mux::hello()).await?;
        match talk.next().await? {
            Some(Said::Hello(4)) => Ok(talk),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Asks for its process.
    pub(super) async fn alive(&mut self) -> io::Result<u32> {
        self.stream.write_all(&mux::alive_check()).await?;
        match self.next().await? {
            Some(Said::Alive(pid)) => Ok(pid),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Tells the master to end, and waits until it has heard it.
    pub(super) async fn terminate(&mut self) -> io::Result<()> {
        self.stream.write_all(&mux::terminate()).await?;
        self.next().await.map(drop)
    }

    /// Asks for a session with these streams.
    pub(super) async fn open(&mut self, session: &NewSession<'_>, streams: Theirs) -> Result<(), NotOpened> {
        let gone = |_: io::Error| NotOpened::Gone;
        self.stream.write_all(&session.packet()).await.map_err(gone)?;
        for descriptor in [&streams.stdin, &streams.stdout, &streams.stderr] {
            self.hand_over(descriptor.as_fd()).await.map_err(gone)?;
        }
        // Of the terminal we hold this side until the master has looked at it.
        loop {
            match self.next().await.map_err(gone)? {
                Some(Said::Opened) => return Ok(()),
                Some(Said::Refused(why)) => return Err(NotOpened::Refused(why)),
                Some(_) => {}
                None => return Err(NotOpened::Gone),
            }
        }
    }

    async fn hand_over(&self, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let send = || {
            let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut room);
            let descriptors = [descriptor];
            if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            sendmsg(&self.stream, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::NOSIGNAL)?;
            Ok(())
        };
        self.stream.async_io(Interest::WRITABLE, send).await
    }

    /// Waits for what the master says next; nothing where it has hung up.
    ///
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> io::Result<Option<Said>> {
        loop {
            match mux::take(&mut self.inbox) {
                Ok(Some(said)) => return Ok(Some(said)),
                Ok(None) => {}
                Err(mux::NotMux) => return Err(io::ErrorKind::InvalidData.into()),
            }
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                return Ok(None);
            }
        }
    }
}
