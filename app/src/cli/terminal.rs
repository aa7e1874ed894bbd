//! The person's own terminal: raw while attached, and given back as it was however that ends.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::unix::AsyncFd;

/// The terminal, raw until it is dropped.
pub(crate) struct Raw {
    file: AsyncFd<OwnedFd>,
    before: Termios,
}

impl Raw {
    /// Makes the controlling terminal raw.
    ///
    /// It is opened anew: a descriptor of our own may be non-blocking without anybody else's noticing.
    pub(crate) fn begin() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open("/dev/tty", flags, Mode::empty())?;
        let before = tcgetattr(&file)?;
        let mut raw = before.clone();
        raw.make_raw();
        #[expect(
            deprecated,
            reason = "it is unsound for types that lend another's descriptor; ours owns its own"
        )]
        let file = AsyncFd::new(file)?;
        tcsetattr(file.get_ref(), OptionalActions::Drain, &raw)?;
        Ok(Self { file, before })
    }

    /// Returns columns and rows.
    ///
    /// A terminal that was never told its size says 0 × 0 (expect, a container's): that is no wish for the smallest.
    pub(crate) fn size(&self) -> (u16, u16) {
        let known = tcgetwinsize(self.file.get_ref()).ok().filter(|it| it.ws_col > 0 && it.ws_row > 0);
        known.map_or((80, 24), |it| (it.ws_col, it.ws_row))
    }

    /// Reads what was typed; nothing more once the terminal is gone.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.file.readable().await?;
            match ready.try_io(|file| Ok(rustix::io::read(file.as_fd(), &mut *buffer)?)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(read) => return read,
                Err(_would_block) => {}
            }
        }
    }

    /// Writes a part of `bytes` as soon as there is room, and returns how much it was.
    pub(crate) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.file.writable().await?;
            match ready.try_io(|file| Ok(rustix::io::write(file.as_fd(), bytes)?)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(written) => return written,
                Err(_would_block) => {}
            }
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Now, not when all is drained: a terminal that takes nothing more must not hold us.
        tcsetattr(self.file.get_ref(), OptionalActions::Now, &self.before).ok();
    }
}
