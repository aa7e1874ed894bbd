//! known_hosts as OpenSSH reads it, and what it says of a key.
//!
//! A line is `[@marker] names kind key [comment]`. What OpenSSH 9.2 does with odd cases is what happens here: any other
//! key of the same host, of whatever kind, makes a key *changed*; a host on another port than 22 is looked for under
//! its plain name too, but only to find it known.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use crate::native::certificate::Voucher;
use crate::native::host_key::HostKey;
use crate::native::patterns::{hashed, names_match};

/// The port that needs no brackets.
pub const PORT_DEFAULT: u16 = 22;

/// More than that is no list of hosts, and is refused rather than read.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Who holds the file for longer does not write one line to it.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
}

/// What the files say of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This very key is there.
    Known(Place),
    /// Nothing is there for this host.
    Unknown,
    /// Another key is there.
    Changed {
        /// Where.
        at: Place,
        /// That key.
        known: HostKey,
    },
    /// This very key is there, as revoked.
    Revoked(Place),
    /// An authority that is named for this host vouches for it.
    Certified(Place),
    /// Only an authority is named for this host, and it does not vouch for it.
    Authority {
        /// Where.
        at: Place,
        /// What is wrong with the certificate that the host shows; nothing where it shows none.
        why: Option<String>,
    },
}

/// What the files say of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownHosts {
    exact: Vec<Entry>,
    // Under the plain name, where the port is not 22.
    without_port: Vec<Entry>,
    bad_lines: Vec<Place>,
}

/// A file that is there and could not be read: what it forbids is not known, so nobody is trusted.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: {source}; mend it, or name other known-hosts files", file.display())]
pub struct Unreadable {
    /// The file.
    pub file: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// How a new name is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// As it is.
    Plain,
    /// Hashed, so that the file tells nobody where its owner goes.
    Hashed,
}

/// What a line says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// It is the host's.
    None,
    /// It signs the keys of hosts.
    Authority,
    /// It is to be trusted no more.
    Revoked,
}

/// A line that speaks of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// What it says of the key.
    pub marker: Marker,
    /// The key.
    pub key: HostKey,
}

/// Returns the name under which a host is kept: the alias, or the host with its port.
pub fn host_name(host: &str, port: u16, alias: Option<&str>) -> String {
    match alias {
        Some(alias) => alias.to_lowercase(),
        None if port == PORT_DEFAULT => host.to_lowercase(),
        None => format!("[{}]:{port}", host.to_lowercase()),
    }
}

impl KnownHosts {
    /// Reads what several files say of a host. A file that is not there says nothing.
    pub fn read(files: &[PathBuf], host: &str, port: u16, alias: Option<&str>) -> Result<Self, Unreadable> {
        let mut known = Self::default();
        let name = host_name(host, port, alias);
        let plain = (alias.is_none() && port != PORT_DEFAULT).then(|| host.to_lowercase());
        for file in files {
            let content = content(file).map_err(|source| Unreadable { file: file.clone(), source })?;
            for (at, line) in content.split(|it| *it == b'\n').enumerate() {
                known.take_line(file, at + 1, &String::from_utf8_lossy(line), &name, plain.as_deref());
            }
        }
        Ok(known)
    }

    /// Says what is known of a key that nobody vouches for.
    pub fn verdict(&self, key: &HostKey) -> Verdict {
        self.verdict_of(key, None)
    }

    /// Says what is known of a key, and of whoever vouches for it.
    pub(super) fn verdict_of(&self, key: &HostKey, voucher: Option<&Voucher>) -> Verdict {
        let exact = verdict(&self.exact, key, voucher);
        if exact == Verdict::Unknown
            && let known @ (Verdict::Known(_) | Verdict::Certified(_)) =
                verdict(&self.without_port, key, voucher)
        {
            return known;
        }
        let is_new = exact == Verdict::Unknown;
        let authority = self.exact.iter().find(|it| is_new && it.marker == Marker::Authority);
        let why = || match voucher {
            Some(Voucher { wrong: Some(why), .. }) => Some(format!("its certificate is not valid: {why}")),
            Some(_) => Some("its certificate is another authority's".to_owned()),
            None => None,
        };
        authority.map_or(exact, |it| Verdict::Authority { at: it.place.clone(), why: why() })
    }

    /// Adds keys that are trusted no more under any name.
    pub(super) fn revoke(&mut self, keys: Vec<Entry>) {
        self.exact.extend(keys);
    }

    /// Returns the kinds of keys that are known of this host: a server is asked for these first.
    pub fn algorithms(&self) -> Vec<&str> {
        let plain = |it: &&Entry| it.marker == Marker::None;
        let found = self.exact.iter().chain(&self.without_port).filter(plain);
        found.map(|it| it.key.algorithm()).collect()
    }

    /// Says whether an authority vouches for hosts of this name.
    pub(super) fn has_authority(&self) -> bool {
        self.exact.iter().chain(&self.without_port).any(|it| it.marker == Marker::Authority)
    }

    /// Returns the lines that speak of the host, those under its name without the port last: these only make known.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let further = |it: &&Entry| it.marker == Marker::None && !self.exact.contains(it);
        self.exact.iter().chain(self.without_port.iter().filter(further))
    }

    /// Returns the lines that were skipped because they cannot be read.
    pub fn bad_lines(&self) -> &[Place] {
        &self.bad_lines
    }

    fn take_line(&mut self, file: &Path, line: usize, text: &str, name: &str, plain: Option<&str>) {
        let text = text.trim_matches([' ', '\t', '\r']);
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        let place = Place { file: file.to_owned(), line };
        let read = parse(text).and_then(|(marker, names, key)| {
            let exact = names_match(names, name)?;
            let plain = plain.map_or(Some(false), |plain| names_match(names, plain))?;
            Some((marker, key, exact, plain))
        });
        let Some((marker, key, exact, plain)) = read else {
            self.bad_lines.push(place);
            return;
        };
        let entry = Entry { place, marker, key };
        if plain {
            self.without_port.push(entry.clone());
        }
        if exact {
            self.exact.push(entry);
        }
    }
}

/// A line that holds a key under other names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Where it stands.
    pub place: Place,
    /// The names; nothing where they are hashed.
    pub names: Option<String>,
    /// What it says of the key.
    pub marker: Marker,
}

/// Finds the lines that hold a key, whatever their names. A file that cannot be read says nothing here.
pub fn elsewhere(files: &[PathBuf], key: &HostKey) -> Vec<Elsewhere> {
    let line = key.line();
    let blob = line.split(' ').next_back().unwrap_or_default();
    let mut found = Vec::new();
    for file in files {
        let Ok(content) = content(file) else { continue };
        for (at, text) in content.split(|it| *it == b'\n').enumerate() {
            let text = String::from_utf8_lossy(text);
            if !text.contains(blob) {
                continue;
            }
            let text = text.trim_matches([' ', '\t', '\r']);
            let Some((marker, names, _)) = parse(text).filter(|it| !text.starts_with('#') && it.2 == *key)
            else {
                continue;
            };
            let names = (!names.starts_with('|')).then(|| names.to_owned());
            found.push(Elsewhere { place: Place { file: file.clone(), line: at + 1 }, names, marker });
        }
    }
    found
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names.as_deref().unwrap_or("a name that is hashed");
        let how = match self.marker {
            Marker::None => "",
            Marker::Authority => ", as an authority's",
            Marker::Revoked => ", as revoked",
        };
        write!(out, "{}{how} ({})", crate::native::secret::one_line(names), self.place)
    }
}

/// Adds a key for a host at the end of a file: one write of one line, with the file locked.
pub fn append(file: &Path, name: &str, names: Names, key: &HostKey) -> io::Result<()> {
    append_if(file, name, names, key, || Ok(true)).map(drop)
}

/// The same, if it is still to be done: asked once the file is locked, so that of two who accept a key one writes it.
pub fn append_if(
    file: &Path,
    name: &str,
    names: Names,
    key: &HostKey,
    still: impl FnOnce() -> io::Result<bool>,
) -> io::Result<bool> {
    let written = match names {
        Names::Plain => name.to_owned(),
        Names::Hashed => hashed(name).ok_or_else(|| io::Error::other("the system has no random bytes"))?,
    };
    if let Some(directory) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut opened = OpenOptions::new().append(true).read(true).create(true).mode(0o600).open(file)?;
    lock(&opened)?;
    if !still()? {
        return Ok(false);
    }
    let break_before = if ends_in_mid_line(&opened)? { "\n" } else { "" };
    opened.write_all(format!("{break_before}{written} {}\n", key.line()).as_bytes())?;
    Ok(true)
}

/// Locks a file that others hold for the length of a write only.
fn lock(file: &File) -> io::Result<()> {
    let end = Instant::now() + LOCK_LIMIT;
    loop {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return Ok(done?),
        }
    }
}

fn ends_in_mid_line(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    Ok(last != *b"\n")
}

pub(super) fn content(file: &Path) -> io::Result<Vec<u8>> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("it is longer than 16 MiB"));
    }
    Ok(content)
}

fn parse(text: &str) -> Option<(Marker, &str, HostKey)> {
    let mut words = text.split([' ', '\t']).filter(|it| !it.is_empty());
    let first = words.next()?;
    let (marker, names) = match first {
        "@cert-authority" => (Marker::Authority, words.next()?),
        "@revoked" => (Marker::Revoked, words.next()?),
        marker if marker.starts_with('@') => return None,
        names => (Marker::None, names),
    };
    Some((marker, names, HostKey::parse(words.next()?, words.next()?)?))
}

fn verdict(entries: &[Entry], key: &HostKey, voucher: Option<&Voucher>) -> Verdict {
    let of = |marker| entries.iter().filter(move |it| it.marker == marker);
    let authority = voucher.map(|it| &it.authority);
    if let Some(revoked) = of(Marker::Revoked).find(|it| it.key == *key || Some(&it.key) == authority) {
        return Verdict::Revoked(revoked.place.clone());
    }
    if let Some(Voucher { authority, wrong: None }) = voucher
        && let Some(vouches) = of(Marker::Authority).find(|it| it.key == *authority)
    {
        return Verdict::Certified(vouches.place.clone());
    }
    if let Some(known) = of(Marker::None).find(|it| it.key == *key) {
        return Verdict::Known(known.place.clone());
    }
    // The one of the same kind tells a person more.
    let same = of(Marker::None).find(|it| it.key.algorithm() == key.algorithm());
    match same.or(of(Marker::None).next()) {
        Some(other) => Verdict::Changed { at: other.place.clone(), known: other.key.clone() },
        None => Verdict::Unknown,
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file.display(), self.line)
    }
}
