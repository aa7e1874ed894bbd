//! Keys that are trusted no more, whoever shows them: the file that `RevokedHostKeys` names.

use std::io;
use std::path::Path;

use crate::native::host_key::HostKey;
use crate::native::known_hosts::{Entry, Marker, Place, Unreadable, content};

/// How the binary lists of `ssh-keygen -k` begin.
const KRL: &[u8] = b"SSHKRL\n\0";

/// Reads the keys, one a line. A list that cannot be read, or is not there, forbids every host, as for ssh.
pub(super) fn read(file: &Path) -> Result<Vec<Entry>, Unreadable> {
    let unreadable = |source| Unreadable { file: file.to_owned(), source };
    if !file.exists() {
        return Err(unreadable(io::ErrorKind::NotFound.into()));
    }
    let content = content(file).map_err(unreadable)?;
    if content.starts_with(KRL) {
        let words =
            "it is a binary list (KRL), which cotty does not read: name a file with one public key a line";
        return Err(unreadable(io::Error::other(words)));
    }
    let lines = content.split(|it| *it == b'\n').enumerate();
    let entry = |(at, line): (usize, &[u8])| {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_ascii_whitespace();
        let key = HostKey::parse(words.next()?, words.next()?)?;
        Some(Entry { place: Place { file: file.to_owned(), line: at + 1 }, marker: Marker::Revoked, key })
    };
    Ok(lines.filter_map(entry).collect())
}
