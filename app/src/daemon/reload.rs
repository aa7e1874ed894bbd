//! The config read again while the daemon runs: it is looked at, by time and size, when a host is named. What is written
//! wrongly is told, and what held before goes on to hold.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cotty_engine::hosts::{Look, Looked};

use crate::config::environment::Surroundings;
use crate::config::{self, Config};
use crate::instance::expanded;

/// A file at one moment; nothing where there is none.
type Seen = Option<Traits>;

/// What is another where a file was written, replaced, given away or opened to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Traits {
    inode: u64,
    length: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

/// What is known of a file.
struct Known {
    /// It, when it was looked at last.
    last: Seen,
    /// The files that it included when it was last understood, as they were then.
    included: Vec<(PathBuf, Seen)>,
    /// Something was in it once.
    said: bool,
}

/// Makes what looks at a config file: before it is first read, so that a change in between is noticed. Of what it says hosts
/// change at once, and what agents may name where that becomes less; all else is for the next start.
pub(crate) fn look(path: PathBuf, surroundings: Surroundings) -> Look {
    let last = seen(&path);
    let included = config::read(&path).map_or_else(|_| Vec::new(), |it| included(&it));
    let known = Mutex::new(Known { last, included, said: says(last) });
    Look(Arc::new(move || {
        let now = seen(&path);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.included.iter().all(|(file, it)| seen(file) == *it);
        if known.last == now && same {
            return None;
        }
        let before: Vec<_> = known.included.iter().map(|(file, _)| (file.clone(), seen(file))).collect();
        let (looked, included) = match read(&path, known.said, &surroundings) {
            Ok((looked, included)) => (looked, included),
            Err(looked) => (looked, before),
        };
        *known = Known { last: now, included, said: known.said || says(now) };
        Some(looked)
    }))
}

/// The files that a config includes, as they are now.
fn included(config: &Config) -> Vec<(PathBuf, Seen)> {
    let files = config.include.iter().filter_map(|it| expanded(it).ok());
    files.map(|it| (it.clone(), seen(&it))).collect()
}

fn read(
    path: &Path,
    said: bool,
    surroundings: &Surroundings,
) -> Result<(Looked, Vec<(PathBuf, Seen)>), Looked> {
    let read = if said { config::read_again(path) } else { config::read(path) };
    let read = read.and_then(|mut config| surroundings.add_to(&mut config).map(|()| config));
    match read {
        Ok(config) => {
            tracing::info!(config = %path.display(), devices = config.devices.len(), "the config was read again");
            let included = included(&config);
            Ok((Looked { devices: Some(config.devices), targets: config.targets, wrong: None }, included))
        }
        Err(refusal) => {
            tracing::warn!(%refusal, "the config cannot be used; what it said before holds");
            let wrong = format!("the config is wrong, and what it said before holds: {refusal}");
            Err(Looked { devices: None, targets: Default::default(), wrong: Some(wrong) })
        }
    }
}

fn seen(path: &Path) -> Seen {
    let about = fs::metadata(path).ok()?;
    Some(Traits {
        inode: about.ino(),
        length: about.len(),
        written: (about.mtime(), about.mtime_nsec()),
        changed: (about.ctime(), about.ctime_nsec()),
    })
}

fn says(seen: Seen) -> bool {
    seen.is_some_and(|it| it.length > 0)
}

#[cfg(test)]
mod tests {
    use cotty_engine::hosts::device::Targets;

    use super::*;

    #[test]
    fn a_file_that_said_something_and_is_gone_or_empty_is_wrong() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("config.toml");
        let Look(look) = look(path.clone(), Surroundings::default());
        assert!(look().is_none());
        // Nothing was there: an empty file says no less.
        fs::write(&path, "").unwrap();
        assert!(look().unwrap().wrong.is_none());
        fs::write(&path, "targets = \"configured\"\n").unwrap();
        let looked = look().unwrap();
        assert_eq!((looked.targets, looked.wrong), (Targets::Configured, None));
        fs::write(&path, "").unwrap();
        let emptied = look().unwrap();
        assert!(emptied.devices.is_none() && emptied.wrong.unwrap().contains("config.toml is empty"));
        fs::remove_file(&path).unwrap();
        let gone = look().unwrap();
        assert!(gone.devices.is_none() && gone.wrong.unwrap().contains("config.toml is gone"));
        assert!(look().is_none());
        fs::write(&path, "# nothing\n").unwrap();
        let looked = look().unwrap();
        assert!(looked.devices.is_some() && looked.wrong.is_none());
    }
}
