//! Which cotty is meant: the instance's name, and where its files are.

use std::env;
use std::ffi::OsString;
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

/// What a command line says of where cotty's own files are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--instance`
    pub instance: Option<String>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--env-file`
    pub env_file: Option<PathBuf>,
}

impl Flags {
    /// Returns the same as arguments for another process, which stands elsewhere.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if let Some(name) = &self.instance {
            arguments.extend(["--instance".into(), name.into()]);
        }
        for (flag, path) in [("--config", &self.config), ("--env-file", &self.env_file)] {
            if let Some(path) = path {
                // Where this process stands nowhere the other one says so.
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                arguments.extend([flag.into(), path.into_os_string()]);
            }
        }
        arguments
    }
}

/// One instance: its own daemon, holder, sessions and store.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Where its files are.
    pub state: StateDir,
    /// The config file it reads; it need not exist.
    pub config: PathBuf,
    /// That file was named by a flag: another one would not do.
    pub is_config_named: bool,
    /// A file with variables about hosts, for whoever starts the daemon.
    pub env_file: Option<PathBuf>,
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
    /// The names of the variables that its config passes on.
    #[serde(default)]
    pub variables: Vec<String>,
}

impl Instance {
    /// Finds the instance that a flag or `COTTY_INSTANCE` names, and makes its state directory where it is missing.
    pub fn find(flags: &Flags) -> Result<Self, Refusal> {
        let name = Self::name(flags.instance.as_deref())?;
        let path = state_path(&name)?;
        let state = StateDir::open(path).map_err(|error| storage(&error))?;
        let env_file = flags.env_file.as_deref().map(|it| absolute("--env-file", it)).transpose()?;
        let is_config_named = flags.config.is_some();
        Ok(Self { name, state, config: config_path(flags)?, is_config_named, env_file })
    }

    /// Returns the flags by which another process finds the same.
    pub fn flags(&self) -> Flags {
        Flags {
            instance: Some(self.name.clone()),
            config: self.is_config_named.then(|| self.config.clone()),
            env_file: self.env_file.clone(),
        }
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
pub fn config_path(flags: &Flags) -> Result<PathBuf, Refusal> {
    if let Some(path) = &flags.config {
        return absolute("--config", path);
    }
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

/// Returns a path with the home directory in place of `~`.
pub(crate) fn expanded(path: &Path) -> Result<PathBuf, Refusal> {
    match path.strip_prefix("~") {
        Ok(rest) => Ok(home("the file's whole path")?.join(rest)),
        Err(_) => Ok(path.to_owned()),
    }
}

fn home(instead: &str) -> Result<PathBuf, Refusal> {
    path_variable("HOME")?.ok_or_else(|| Refusal::EnvironmentMissing {
        what: "HOME".to_owned(),
        remedy: format!("Set HOME to your home directory, or {instead} to an absolute path"),
    })
}

/// A flag is the caller's own words: what it names is where the caller stands.
fn absolute(flag: &str, path: &Path) -> Result<PathBuf, Refusal> {
    std::path::absolute(path).map_err(|error| Refusal::Config {
        why: format!("{flag} {} names no file: {error}", path.display()),
        remedy: "Name it by its whole path".to_owned(),
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
