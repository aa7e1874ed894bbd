//! What we are configured by, read with care: whoever may write it decides what we do.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

/// A file, as it was when it was opened.
pub(crate) struct Taken {
    /// What is in it.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// What the system says of it.
    pub(crate) about: Metadata,
}

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum Untaken {
    /// There is none.
    NotThere,
    /// It is a link, and links are not followed here.
    Link,
    /// The system would not.
    Failed(io::Error),
    /// It is no file, or longer than any.
    NoFile,
    /// Others have a say in it, and how.
    Others(String),
}

/// Whether a link is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// To wherever it leads.
    Followed,
    /// It is refused.
    Refused,
}

/// Reads a file of which others have no say, as `by_others` judges it. Looked at is what was opened; nothing is waited for,
/// be it a pipe.
pub(crate) fn take(
    path: &Path,
    bytes_max: u64,
    links: Links,
    by_others: fn(&Metadata) -> Option<String>,
) -> Result<Taken, Untaken> {
    let follow = if links == Links::Followed { OFlags::empty() } else { OFlags::NOFOLLOW };
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | follow;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    let file = File::from(opened.map_err(|error| match error {
        Errno::NOENT => Untaken::NotThere,
        Errno::LOOP if links == Links::Refused => Untaken::Link,
        error => Untaken::Failed(error.into()),
    })?);
    let about = file.metadata().map_err(Untaken::Failed)?;
    if !about.is_file() || about.len() > bytes_max {
        return Err(Untaken::NoFile);
    }
    if let Some(why) = by_others(&about) {
        return Err(Untaken::Others(why));
    }
    let room = usize::try_from(about.len()).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(Untaken::Failed)?;
    // It may have grown since.
    if bytes.len() as u64 > bytes_max { Err(Untaken::NoFile) } else { Ok(Taken { bytes, about }) }
}

/// Says why a file is not this account's alone to write; nothing where it is, or where it is root's.
pub(crate) fn by_others(about: &Metadata) -> Option<String> {
    let own = rustix::process::geteuid().as_raw();
    let owner = about.uid();
    if owner != own && owner != 0 {
        return Some(format!("belongs to another account (uid {owner})"));
    }
    // A group of the account's own number is its own alone, as most systems make it: with that, umask 002 is usual.
    let own_group = about.gid() == own && about.gid() == rustix::process::getegid().as_raw();
    let others = if own_group { 0o002 } else { 0o022 };
    (about.mode() & others != 0)
        .then(|| format!("may be written by others (mode {:o})", about.mode() & 0o777))
}

/// Says why a file is not this account's own, or is another's to write; root's is not its own either.
pub(crate) fn not_ours(about: &Metadata) -> Option<String> {
    let owner = about.uid();
    if owner != rustix::process::geteuid().as_raw() {
        return Some(format!("belongs to another account (uid {owner})"));
    }
    by_others(about)
}

/// Says whether others may read it. What root gives a container is root's business.
pub(crate) fn readable_by_others(about: &Metadata) -> bool {
    about.mode() & 0o077 != 0 && about.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_pipe_is_not_waited_for_and_an_endless_file_has_an_end() {
        let scratch = tempfile::tempdir().unwrap();
        let pipe = scratch.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        for path in [&*pipe, Path::new("/dev/zero"), scratch.path()] {
            let taken = take(path, 10, Links::Followed, by_others).map(drop);
            assert!(matches!(taken, Err(Untaken::NoFile)), "{}: {taken:?}", path.display());
        }
        let file = scratch.path().join("file");
        fs::write(&file, "0123456789").unwrap();
        assert_eq!(take(&file, 10, Links::Refused, by_others).map(|it| it.bytes.len()).ok(), Some(10));
        assert!(matches!(take(&file, 9, Links::Refused, by_others), Err(Untaken::NoFile)));
        assert!(matches!(take(&file.join("x"), 9, Links::Refused, by_others), Err(Untaken::Failed(_))));
        assert!(matches!(
            take(&scratch.path().join("no"), 9, Links::Followed, by_others),
            Err(Untaken::NotThere)
        ));
    }
}
