//! Keys that are trusted no more, whoever shows them: the file that `RevokedHostKeys` names.

use std::io;
use std::path::Path;

use crate::native::host_key::HostKey;
use crate::native::known_hosts::{Entry, Marker, Place, Unreadable, content};

/// How the binary lists of `ssh-keygen -k` begin.
const KRL: &[u8] = b"SSHKRL\n\0";

/// Reads the keys, one a line. A list that is not there, or has a line that cannot be read, forbids every host, as for ssh.
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
    let mut entries = Vec::new();
    for (at, line) in content.split(|it| *it == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = key(line).ok_or_else(|| {
            let words = format!("line {} is no public key (a kind and base64), and no comment", at + 1);
            unreadable(io::Error::other(words))
        })?;
        let place = Place { file: file.to_owned(), line: at + 1 };
        entries.push(Entry { place, marker: Marker::Revoked, key });
    }
    Ok(entries)
}

fn key(line: &str) -> Option<HostKey> {
    let mut words = line.split_ascii_whitespace();
    HostKey::parse(words.next()?, words.next()?)
}

#[cfg(test)]
mod tests {
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn a_line_that_is_no_key_makes_the_list_unreadable_and_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("revoked");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            super::read(&file)
        };
        let whole = read(&format!("# a list\n\n \t# more\n \t\n\t{KEY} a comment\n{KEY}\r\n")).unwrap();
        assert_eq!(whole.iter().map(|it| it.place.line).collect::<Vec<_>>(), [5, 6]);
        for line in ["garbage", "ssh-ed25519", "ssh-ed25519 AAAA", &format!("web1 {KEY}"), "\r"] {
            let refused = read(&format!("{KEY}\n{line}\n{KEY}\n")).unwrap_err().to_string();
            let names_it = refused.contains("revoked cannot be read") && refused.contains("line 2 is no");
            assert!(names_it, "{line:?} {refused}");
        }
    }
}
