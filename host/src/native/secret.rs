//! Secrets, and how a person is asked for one.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

pub mod command;

/// No secret is longer.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// A password, a passphrase or a code. Wiped when it is dropped, never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskKind {
    /// The passphrase of a key file.
    Passphrase {
        /// The file.
        file: PathBuf,
    },
    /// The account's password.
    Password,
    /// A question of the server's own.
    Challenge {
        /// What is typed may be shown.
        echo: bool,
    },
}

/// A question to whoever can answer: a person, or what the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is asked for.
    pub kind: AskKind,
    /// Who logs in where: `me@web1`. On the way to a host it may be another one.
    pub account: String,
    /// Whom the answer is for: it is given to nobody else.
    pub bound: Bound,
    /// The words, one line, without control characters. Those of a challenge are the server's.
    pub prompt: String,
    /// How often this was asked before, with answers that were wrong.
    pub failed: u32,
}

/// Whom a secret is for: one account of one host, that showed this key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound {
    /// The account.
    pub user: String,
    /// The host, as it is connected to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The fingerprint of the key that it showed.
    pub key: String,
}

/// What comes back: nothing if nobody answers.
pub type Answer = Pin<Box<dyn Future<Output = Option<Secret>> + Send>>;

/// Whom to ask.
pub type Asker = Arc<dyn Fn(Ask) -> Answer + Send + Sync>;

/// Asks nobody.
pub fn ask_nobody() -> Asker {
    Arc::new(|_| Box::pin(std::future::ready(None)))
}

impl Secret {
    /// Takes a text over. Let it have its exact size from the start: one that grew has left copies behind.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Reads the first line of a file that only its owner may read.
    ///
    /// # Errors
    ///
    /// Says in words what is wrong with the file, and nothing of what is in it.
    pub fn of_file(file: &Path) -> Result<Self, String> {
        let shown = file.display();
        let unreadable = |error: io::Error| format!("{shown} cannot be read: {error}");
        // Looked at is what is read, and no pipe is waited for.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::open(file, flags, Mode::empty());
        let mut opened = File::from(opened.map_err(|error| unreadable(error.into()))?);
        let about = opened.metadata().map_err(unreadable)?;
        if !about.is_file() || about.len() > FILE_BYTES_MAX {
            return Err(format!("{shown} is no file of at most 64 KiB"));
        }
        // Another's file is that one's business, as where a container is given its secrets by root.
        if about.mode() & 0o077 != 0 && about.uid() == rustix::process::geteuid().as_raw() {
            return Err(format!("{shown} may be read by others; chmod 600 it"));
        }
        // It has its size from the start, and one byte more: one that grew would leave copies behind.
        let size = usize::try_from(about.len()).unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
        opened.by_ref().take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
        let line = bytes.split(|it| *it == b'\n').next().unwrap_or_default();
        let line = std::str::from_utf8(line).map_err(|_| format!("{shown} is not UTF-8"))?;
        match line.trim_end_matches('\r') {
            "" => Err(format!("the first line of {shown} is empty")),
            secret => Ok(Self::new(secret.to_owned())),
        }
    }

    /// Lends the text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// For configs that are compared in one process: nobody outside can time it.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

/// Makes a line of what a server sent: no control characters, no unbounded length.
pub(crate) fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 400;
    let shown = text.chars().map(|it| if it.is_control() || is_direction(it) { ' ' } else { it });
    shown.take(CHARS_MAX).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that make a terminal show words in another order.
fn is_direction(it: char) -> bool {
    matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(..)");
    }

    #[test]
    fn a_file_gives_its_first_line_if_it_is_private() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("secret");
        let read = |content: &str, mode: u32| {
            fs::remove_file(&file).ok(); // One that is read-only is not written to.
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            Secret::of_file(&file).map(|it| it.reveal().to_owned())
        };
        assert_eq!(read(" two words \r\nmore\n", 0o600).unwrap(), " two words ");
        assert_eq!(read("bare", 0o400).unwrap(), "bare");
        for (content, mode, why) in
            [("hunter2", 0o640, "read by others"), ("\nhunter2", 0o600, "empty"), ("", 0o600, "empty")]
        {
            let words = read(content, mode).unwrap_err();
            assert!(words.contains(why) && !words.contains("hunter2"), "{words}");
        }
        assert!(Secret::of_file(scratch.path()).unwrap_err().contains("no file"));
        // Nobody writes to it: whoever waited for that would wait for ever.
        let pipe = scratch.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(Secret::of_file(&pipe).unwrap_err().contains("no file"));
        assert!(Secret::of_file(&scratch.path().join("none")).unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn what_a_server_asks_is_one_line_without_tricks() {
        assert_eq!(one_line("Pass\x1b[2Jword:\r\n \u{202e}x"), "Pass [2Jword: x");
    }
}
