//! Which cotty is meant: the instance's name, and where its files are.

use std::env;
use std::path::{Path, PathBuf};

use cotty_core::refusal::Refusal;
use cotty_host::state_dir::{StateDir, StateError};
use serde::{Deserialize, Serialize};

/// The instance that is meant when none is named.
pub const DEFAULT: &str = "default";

/// The daemon's socket, in the state directory.
pub const SOCKET: &str = "daemon.sock";

/// What the running daemon tells of itself, in the state directory.
pub const CARD: &str = "daemon.json";

/// One instance: its own daemon, holder, sessions and store.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Where its files are.
    pub state: StateDir,
    /// The config file it reads; it need not exist.
    pub config: PathBuf,
}

/// The content of `daemon.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The daemon's process id.
    pub pid: u32,
    /// Its start, in clock ticks since boot, as `/proc/PID/stat` has it: together with the pid it names one process.
    pub start: u64,
    /// Its version.
    pub version: String,
    /// Where it listens.
    pub socket: PathBuf,
    /// The config it read.
    pub config: PathBuf,
    /// Its instance.
    pub instance: String,
}

impl Instance {
    /// Finds the instance that a flag or `COTTY_INSTANCE` names, and makes its state directory where it is missing.
    pub fn find(flag: Option<&str>) -> Result<Self, Refusal> {
        let name = Self::name(flag)?;
        let path = state_path(&name)?;
        let state = StateDir::open(path).map_err(|error| storage(&error))?;
        Ok(Self { name, state, config: config_path()? })
    }

    /// Returns the name that a flag or `COTTY_INSTANCE` says.
    pub fn name(flag: Option<&str>) -> Result<String, Refusal> {
        let name = match flag {
            Some(name) => name.to_owned(),
            None => text_variable("COTTY_INSTANCE")?.unwrap_or_else(|| DEFAULT.to_owned()),
        };
        if is_a_name(&name) {
            return Ok(name);
        }
        Err(Refusal::InvalidArgument {
            what: "instance",
            why: format!("{name:?} is not a name of the form [a-z][a-z0-9-]{{0,31}}"),
        })
    }

    /// Reads what the daemon last told of itself. It may be gone since.
    pub fn card(&self) -> Option<Card> {
        let bytes = self.state.read(CARD).ok()??;
        serde_json::from_slice(&bytes).ok()
    }
}

/// Returns where the config file is, whether or not it exists.
pub fn config_path() -> Result<PathBuf, Refusal> {
    match path_variable("COTTY_CONFIG")? {
        Some(path) => Ok(path),
        None => Ok(home("COTTY_CONFIG")?.join(".config/cotty/config.toml")),
    }
}

/// Makes a refusal of what the state directory said.
pub fn storage(error: &StateError) -> Refusal {
    Refusal::Storage { why: error.to_string() }
}

fn state_path(name: &str) -> Result<PathBuf, Refusal> {
    let root = match path_variable("COTTY_STATE_DIR")? {
        Some(path) => path,
        None => home("COTTY_STATE_DIR")?.join(".local/state/cotty"),
    };
    Ok(if name == DEFAULT { root } else { root.join("instances").join(name) })
}

fn home(instead: &str) -> Result<PathBuf, Refusal> {
    path_variable("HOME")?.ok_or_else(|| Refusal::EnvironmentMissing {
        what: "HOME".to_owned(),
        remedy: format!("Set HOME to your home directory, or {instead} to an absolute path"),
    })
}

fn path_variable(name: &'static str) -> Result<Option<PathBuf>, Refusal> {
    let Some(value) = env::var_os(name).filter(|it| !it.is_empty()) else { return Ok(None) };
    if !Path::new(&value).is_absolute() {
        return Err(Refusal::Config {
            why: format!(
                "{name} is {:?}, which is no absolute path, and would mean another place for each caller",
                value.display()
            ),
            remedy: format!("Set {name} to a path that begins with /"),
        });
    }
    Ok(Some(PathBuf::from(value)))
}

fn text_variable(name: &'static str) -> Result<Option<String>, Refusal> {
    let Some(value) = env::var_os(name).filter(|it| !it.is_empty()) else { return Ok(None) };
    let why = format!("{} is not UTF-8", value.display());
    value.into_string().map(Some).map_err(|_| Refusal::InvalidArgument { what: name, why })
}

fn is_a_name(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|it| it.is_ascii_lowercase())
        && name.len() <= 32
        && letters.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_strict_grammar() {
        for good in ["a", "default", "work-2", &"a".repeat(32)] {
            assert!(is_a_name(good), "{good}");
        }
        for bad in ["", "A", "2a", "-a", "a/b", "a.b", "..", "ä", &"a".repeat(33)] {
            assert!(!is_a_name(bad), "{bad}");
        }
    }
}
