//! A key that a person accepted: written down as it was shown, unless the files have come to know better meanwhile.

use std::io;

use crate::native::known_hosts::{KnownHosts, Unreadable, Verdict, append_if};
use crate::native::settings::{Keep, Settings, ShownKey};

/// Why an accepted key was not written down.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// The configuration keeps no keys.
    #[error("ssh's configuration keeps no keys (UserKnownHostsFile)")]
    Nowhere,
    /// A file of known hosts cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It could not be written.
    #[error("{file} cannot be written: {source}")]
    Unwritten {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The files say something else of this host by now.
    #[error("the files of known hosts have changed meanwhile")]
    Other(Box<ShownKey>),
}

/// Writes a key down that a server showed. Nothing is fetched a second time. May wait for a slow disk.
pub fn keep(settings: &Settings, shown: &ShownKey) -> Result<(), NotKept> {
    let Keep { file, names } = settings.keeps.as_ref().ok_or(NotKept::Nowhere)?;
    let unwritten = |source| NotKept::Unwritten { file: file.display().to_string(), source };
    let mut found = Ok(Verdict::Unknown);
    let look = || {
        found = verdict(settings, shown);
        Ok(matches!(found, Ok(Verdict::Unknown | Verdict::Authority { .. })))
    };
    if append_if(file, &shown.name, *names, &shown.key, look).map_err(unwritten)? {
        return Ok(());
    }
    match found? {
        // Another has accepted the same one.
        Verdict::Known(_) | Verdict::Certified(_) => Ok(()),
        verdict => Err(NotKept::Other(Box::new(ShownKey { verdict, ..shown.clone() }))),
    }
}

fn verdict(settings: &Settings, shown: &ShownKey) -> Result<Verdict, Unreadable> {
    let Settings { host, port, known_hosts, host_key_alias, .. } = settings;
    Ok(KnownHosts::read(known_hosts, host, *port, host_key_alias.as_deref())?.verdict(&shown.key))
}
