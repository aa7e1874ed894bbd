//! Private keys in files: what is wrong with one is said before anything is sent.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use russh::keys::{PrivateKey, PublicKey, decode_secret_key, load_public_key};
use zeroize::Zeroizing;

use crate::native::error::{PUTTY, Trouble};
use crate::native::secret::Secret;

/// No private key is longer.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// A key file that was read.
pub(super) struct KeyFile {
    /// The file.
    pub(super) path: PathBuf,
    /// What is in it.
    pub(super) content: Content,
}

/// What is in a key file.
pub(super) enum Content {
    /// A key that needs no passphrase.
    Open(Box<PrivateKey>),
    /// One that does.
    Encrypted {
        text: Zeroizing<String>,
        /// Known without the passphrase from the file itself, or from the `.pub` beside it.
        public: Option<Box<PublicKey>>,
    },
    /// The public half only: it says which of the agent's keys is meant.
    Public {
        key: Box<PublicKey>,
        /// The file that was named is it, and not the one beside a private key that is not there.
        named: bool,
    },
}

/// Reads a key file; nothing if there is none, and no public half beside it either.
pub(super) fn read(path: &Path) -> Option<Result<KeyFile, Trouble>> {
    let key_file = |content| KeyFile { path: path.to_owned(), content };
    let text = match text(path) {
        Ok(Some(text)) => text,
        Ok(None) => return Some(Ok(key_file(public_half(&beside(path), false)?))),
        Err(Trouble::PublicKey(file)) => {
            let half = public_half(path, true).ok_or(Trouble::PublicKey(file));
            return Some(half.map(key_file));
        }
        Err(trouble) => return Some(Err(trouble)),
    };
    Some(content(path, text).map(key_file))
}

fn public_half(path: &Path, named: bool) -> Option<Content> {
    let key = Box::new(load_public_key(path).ok()?);
    Some(Content::Public { key, named })
}

/// Where the public half of a key is kept.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    beside.into()
}

/// Decrypts a key. Takes a while by design: not on a task that others wait for.
pub(super) fn decrypt(text: &str, passphrase: &Secret) -> Option<PrivateKey> {
    decode_secret_key(text, Some(passphrase.reveal())).ok()
}

impl KeyFile {
    /// Returns the public key, as far as it is known without a passphrase.
    pub(super) fn public(&self) -> Option<&PublicKey> {
        match &self.content {
            Content::Open(key) => Some(key.public_key()),
            Content::Encrypted { public, .. } => public.as_deref(),
            Content::Public { key, .. } => Some(key),
        }
    }

    /// Says whether only the public half is there.
    pub(super) fn is_public(&self) -> bool {
        matches!(self.content, Content::Public { .. })
    }

    /// Says whether it needs its passphrase.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.content, Content::Encrypted { .. })
    }
}

fn text(path: &Path) -> Result<Option<Zeroizing<String>>, Trouble> {
    let file = || path.to_owned();
    let unreadable = |error: io::Error| Trouble::Unreadable { file: file(), why: error.to_string() };
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if about.is_dir() {
        return Err(Trouble::Directory(file()));
    }
    if !about.is_file() || about.len() > FILE_BYTES_MAX {
        return Err(Trouble::NoKey { file: file(), why: "it is no file of a key's size".to_owned() });
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(unreadable)?);
    let text = String::from_utf8_lossy(&bytes);
    if load_public_key(path).is_ok() && !text.contains("PRIVATE KEY") {
        return Err(Trouble::PublicKey(file()));
    }
    // As ssh has it: another's file is that one's business.
    if about.mode() & 0o077 != 0 && about.uid() == rustix::process::geteuid().as_raw() {
        return Err(Trouble::OpenToOthers(file()));
    }
    Ok(Some(Zeroizing::new(text.into_owned())))
}

/// Adds what a person can do where the library for keys takes less than ssh does.
fn explained(words: &str) -> String {
    if words != "length invalid" {
        return words.to_owned();
    }
    format!(
        "{words}: a broken file, or an ECDSA key on P-256 whose number begins with zeros, one in 500, which cannot be read here: ssh-add takes it"
    )
}

fn content(path: &Path, text: Zeroizing<String>) -> Result<Content, Trouble> {
    let no_key = |why: String| Trouble::NoKey { file: path.to_owned(), why };
    if text.contains("BEGIN OPENSSH PRIVATE KEY") {
        let key = PrivateKey::from_openssh(text.as_bytes())
            .map_err(|error| no_key(explained(&error.to_string())))?;
        if !key.is_encrypted() {
            return Ok(Content::Open(Box::new(key)));
        }
        return Ok(Content::Encrypted { text, public: Some(Box::new(key.public_key().clone())) });
    }
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        let public = load_public_key(beside(path)).ok().map(Box::new);
        return Ok(Content::Encrypted { text, public });
    }
    if text.starts_with("PuTTY-User-Key-File-") {
        return Err(no_key(PUTTY.to_owned()));
    }
    match decode_secret_key(&text, None) {
        Ok(key) => Ok(Content::Open(Box::new(key))),
        Err(error) => Err(no_key(error.to_string())),
    }
}
