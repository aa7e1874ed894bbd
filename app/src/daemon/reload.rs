//! The config read again while the daemon runs: it is looked at, by time and size, when a host is named. What is written
//! wrongly is told, and what held before goes on to hold.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cotty_engine::hosts::{Look, Looked};

use crate::config;
use crate::config::environment::Surroundings;

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
    let included = named(&path, &[]);
    let known = Mutex::new(Known { last, included, said: says(last) });
    Look(Arc::new(move || {
        let now = seen(&path);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.included.iter().all(|(file, it)| seen(file) == *it);
        if known.last == now && same {
            return None;
        }
        // As they are before they are read: what is changed in between is noticed.
        let included = named(&path, &known.included);
        let looked = read(&path, known.said, &surroundings);
        *known = Known { last: now, included, said: known.said || says(now) };
        Some(looked)
    }))
}

/// The files that a config includes, as they are now, also where one of them is not there yet. A config that cannot be
/// understood may still include those of before.
fn named(path: &Path, before: &[(PathBuf, Seen)]) -> Vec<(PathBuf, Seen)> {
    let files = config::named(path).unwrap_or_else(|| before.iter().map(|it| it.0.clone()).collect());
    files.into_iter().map(|it| (it.clone(), seen(&it))).collect()
}

fn read(path: &Path, said: bool, surroundings: &Surroundings) -> Looked {
    let read = if said { config::read_again(path) } else { config::read(path) };
    let read = read.and_then(|mut config| surroundings.add_to(&mut config).map(|()| config));
    match read {
        Ok(config) => {
            tracing::info!(config = %path.display(), devices = config.devices.len(), "the config was read again");
            Looked { devices: Some(config.devices), targets: config.targets, wrong: None }
        }
        Err(refusal) => {
            tracing::warn!(%refusal, "the config cannot be used; what it said before holds");
            let wrong = format!("the config is wrong, and what it said before holds: {refusal}");
            Looked { devices: None, targets: Default::default(), wrong: Some(wrong) }
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
    fn a_file_that_is_to_be_included_and_comes_later_is_noticed() {
        let scratch = tempfile::tempdir().unwrap();
        let (path, more) = (scratch.path().join("config.toml"), scratch.path().join("more.toml"));
        fs::write(&path, "[devices.web1]\n").unwrap();
        let Look(look) = look(path.clone(), Surroundings::default());
        fs::write(&path, format!("include = [\"{}\"]\n[devices.web1]\n", more.display())).unwrap();
        assert!(look().unwrap().wrong.unwrap().contains("more.toml"));
        assert!(look().is_none());
        fs::write(&more, "[devices.web2]\n").unwrap();
        let looked = look().expect("it is there now");
        assert!(looked.wrong.is_none() && looked.devices.unwrap().contains_key("web2"));
        fs::write(&more, "[devices.\n").unwrap();
        assert!(look().unwrap().wrong.unwrap().contains("more.toml"));
        fs::write(&more, "[devices.web3]\n").unwrap();
        assert!(look().unwrap().devices.unwrap().contains_key("web3"));
        // One that is included no more is no longer looked at.
        fs::write(&path, "[devices.web1]\n").unwrap();
        assert!(look().unwrap().wrong.is_none());
        fs::remove_file(&more).unwrap();
        assert!(look().is_none());
    }

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
