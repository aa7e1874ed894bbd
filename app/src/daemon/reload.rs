//! The config read again while the daemon runs: it is looked at, by time and size, when a host is named. What is written
//! wrongly is told, and what held before goes on to hold.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cotty_engine::hosts::{Look, Looked};

use crate::config::{self, environment};

/// A file at one moment; nothing where there is none.
type Seen = Option<(u64, i64, i64, u64)>;

/// Makes what looks at a config file. Of what it says hosts and what agents may name change at once; all else is for the
/// next start.
pub(crate) fn look(path: PathBuf) -> Look {
    let last = Mutex::new(seen(&path));
    Look(Arc::new(move || {
        let now = seen(&path);
        {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if *last == now {
                return None;
            }
            *last = now;
        }
        Some(read(&path))
    }))
}

fn read(path: &Path) -> Looked {
    let read = config::read(path).and_then(|mut config| {
        environment::add_device(&mut config, |name| std::env::var_os(name)).map(|()| config)
    });
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
    Some((about.ino(), about.mtime(), about.mtime_nsec(), about.len()))
}
