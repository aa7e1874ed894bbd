//! The person's own terminal: raw while attached, a line at a time for a question, and given back as it was however that
//! ends.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr,
    tcgetwinsize, tcsetattr,
};
use tokio::io::unix::AsyncFd;
use zeroize::Zeroizing;

/// The kernel gives no longer line.
const LINE_BYTES_MAX: usize = 4096;

/// The controlling terminal, and how it was before.
struct Device {
    file: AsyncFd<OwnedFd>,
    before: Termios,
}

/// The terminal, raw until it is dropped.
pub(crate) struct Raw(Device);

/// The terminal while one line is typed.
pub(crate) struct Line {
    device: Device,
    echo: bool,
    typed: Zeroizing<Vec<u8>>,
}

impl Device {
    /// Opens it.
    ///
    /// It is opened anew: a descriptor of our own may be non-blocking without anybody else's noticing.
    fn open() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open("/dev/tty", flags, Mode::empty())?;
        let before = tcgetattr(&file)?;
        #[expect(
            deprecated,
            reason = "it is unsound for types that lend another's descriptor; ours owns its own"
        )]
        let file = AsyncFd::new(file)?;
        Ok(Self { file, before })
    }

    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.file.readable().await?;
            match ready.try_io(|file| Ok(rustix::io::read(file.as_fd(), &mut *buffer)?)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(read) => return read,
                Err(_would_block) => {}
            }
        }
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
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

impl Drop for Device {
    fn drop(&mut self) {
        // Now, not when all is drained: a terminal that takes nothing more must not hold us.
        tcsetattr(self.file.get_ref(), OptionalActions::Now, &self.before).ok();
    }
}

impl Raw {
    /// Makes the controlling terminal raw.
    pub(crate) fn begin() -> io::Result<Self> {
        let device = Device::open()?;
        let mut raw = device.before.clone();
        raw.make_raw();
        tcsetattr(device.file.get_ref(), OptionalActions::Drain, &raw)?;
        Ok(Self(device))
    }

    /// Returns columns and rows.
    ///
    /// A terminal that was never told its size says 0 × 0 (expect, a container's): that is no wish for the smallest.
    pub(crate) fn size(&self) -> (u16, u16) {
        let known = tcgetwinsize(self.0.file.get_ref()).ok().filter(|it| it.ws_col > 0 && it.ws_row > 0);
        known.map_or((80, 24), |it| (it.ws_col, it.ws_row))
    }

    /// Reads what was typed; nothing more once the terminal is gone.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }

    /// Writes a part of `bytes` as soon as there is room, and returns how much it was.
    pub(crate) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).await
    }
}

impl Line {
    /// Shows a question, and waits for a line. What was typed before it is no answer, and is thrown away.
    pub(crate) async fn begin(question: &str, echo: bool) -> io::Result<Self> {
        let device = Device::open()?;
        let mut modes = device.before.clone();
        modes.local_modes.insert(LocalModes::ICANON | LocalModes::ISIG);
        modes.local_modes.set(LocalModes::ECHO, echo);
        modes.local_modes.remove(LocalModes::ECHONL);
        modes.input_modes.insert(InputModes::ICRNL);
        // Stopped in the middle, the terminal would stay without its echo.
        modes.special_codes[SpecialCodeIndex::VSUSP] = 0;
        tcsetattr(device.file.get_ref(), OptionalActions::Flush, &modes)?;
        let mut shown = question.as_bytes();
        while !shown.is_empty() {
            let written = device.write(shown).await?;
            shown = &shown[written..];
        }
        Ok(Self { device, echo, typed: Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX)) })
    }

    /// Waits for the line; nothing where there is none. Cancel-safe.
    pub(crate) async fn typed(&mut self) -> Option<Zeroizing<String>> {
        let mut buffer = Zeroizing::new([0; LINE_BYTES_MAX]);
        loop {
            let count = self.device.read(&mut *buffer).await.ok()?;
            if count == 0 || self.typed.len() + count > LINE_BYTES_MAX {
                return None;
            }
            self.typed.extend_from_slice(&buffer[..count]);
            if let Some(line) = self.typed.strip_suffix(b"\n") {
                return std::str::from_utf8(line).ok().map(|it| Zeroizing::new(it.to_owned()));
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.typed.last() != Some(&b'\n') {
            // What was typed of it is nobody's: whoever reads here next would be given half a password.
            tcsetattr(self.device.file.get_ref(), OptionalActions::Now, &self.device.before).ok();
            tcflush(self.device.file.get_ref(), QueueSelector::IFlush).ok();
        }
        if !self.echo || self.typed.last() != Some(&b'\n') {
            // The line feed that ended it was not shown. A terminal that takes nothing is not waited for.
            rustix::io::write(self.device.file.get_ref(), b"\n").ok();
        }
    }
}
