//! What a session of the user's ssh reads, prints and complains to: the ends that we keep, and those that we hand over.

use std::io;
use std::os::fd::OwnedFd;

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr, tcsetwinsize};
use tokio::io::AsyncWriteExt;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;

use crate::local::pty;

/// Our ends.
pub(super) struct Ours {
    pub(super) stdin: Stdin,
    pub(super) stdout: pipe::Receiver,
    pub(super) stderr: pipe::Receiver,
    /// The side of the terminal that we keep, where there is one, for its size.
    pub(super) terminal: Option<OwnedFd>,
}

/// The ends that the master takes.
pub(super) struct Theirs {
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// What the session reads.
pub(super) enum Stdin {
    Pipe(pipe::Sender),
    Terminal(AsyncFd<OwnedFd>),
}

/// Makes the streams of a program without a terminal.
pub(super) fn pipes() -> io::Result<(Ours, Theirs)> {
    let (stdin, ours) = io::pipe()?;
    with(Stdin::Pipe(pipe::Sender::from_owned_fd(ours.into())?), stdin.into(), None)
}

/// Makes those of a shell. Only what it reads is a terminal: from that the master takes modes and size, while what is printed
/// passes no second terminal that could change it.
pub(super) fn terminal(cols: u16, rows: u16) -> io::Result<(Ours, Theirs)> {
    let (master, slave, _) = pty::pair(cols, rows)?;
    let kept = master.try_clone()?;
    with(Stdin::Terminal(watched(master)?), slave, Some(kept))
}

#[expect(
    deprecated,
    reason = "the descriptor is owned and never replaced; the new name is unsafe, which is denied here"
)]
fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(descriptor)
}

fn with(stdin: Stdin, theirs: OwnedFd, terminal: Option<OwnedFd>) -> io::Result<(Ours, Theirs)> {
    let ((output, stdout), (errors, stderr)) = (io::pipe()?, io::pipe()?);
    let output = pipe::Receiver::from_owned_fd(output.into())?;
    let errors = pipe::Receiver::from_owned_fd(errors.into())?;
    let ours = Ours { stdin, stdout: output, stderr: errors, terminal };
    Ok((ours, Theirs { stdin: theirs, stdout: stdout.into(), stderr: stderr.into() }))
}

/// Has every byte pass that is typed from here on, as it is. Before the session is open the master looks at the modes, and
/// has the terminal there made like it.
pub(super) fn pass_all(terminal: &OwnedFd) -> io::Result<()> {
    let mut modes = tcgetattr(terminal)?;
    modes.make_raw();
    Ok(tcsetattr(terminal, OptionalActions::Now, &modes)?)
}

/// Changes the size; the master has to be told to look.
pub(super) fn resize(terminal: &OwnedFd, cols: u16, rows: u16) -> io::Result<()> {
    let size = rustix::termios::Winsize { ws_col: cols, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(tcsetwinsize(terminal, size)?)
}

impl Stdin {
    /// Writes all of it, as fast as it is taken.
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe.write_all(bytes).await,
            Self::Terminal(terminal) => type_all(terminal, bytes).await,
        }
    }
}

async fn type_all(terminal: &AsyncFd<OwnedFd>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let mut ready = terminal.writable().await?;
        match ready.try_io(|it| Ok(rustix::io::write(it.get_ref(), bytes)?)) {
            Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written?..],
            Err(_would_block) => {}
        }
    }
    Ok(())
}
