//! What the environment says of hosts: of whoever starts the daemon, and of nobody who calls it later.
//!
//! Some of it is secret, and a process shows the environment that it began with for ever. So the process that is started
//! first collects it, and hands it to the daemon proper through a pipe.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, PipeReader, Read, Write};
use std::path::Path;

use cotty_core::refusal::Refusal;
use cotty_host::native::secret::Secret;

use super::Config;

mod devices;
mod file;
mod single;

/// What begins the names of variables that are about one device.
pub const DEVICE: &str = "COTTY_DEVICE_";

/// A pipe takes as much without anybody who reads; more than any device needs.
const BYTES_MAX: usize = 48 * 1024;

/// The variables that are about hosts, each as it was set.
#[derive(Clone, Debug, Default)]
pub struct Surroundings(BTreeMap<String, Secret>);

/// Says whether a variable was filled in: some clients leave a `${NAME}` of their config as it is, which is no value.
#[must_use]
pub fn is_expanded(value: &str) -> bool {
    let inner = value.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
    inner.is_none_or(|it| it.is_empty() || it.contains(['{', '}', '$']))
}

/// Says whether a variable is about hosts.
fn is_about_hosts(name: &str) -> bool {
    single::NAMES.contains(&name) || name.starts_with(DEVICE)
}

impl Surroundings {
    /// Collects what this process was given, and what a file says beside it.
    ///
    /// # Errors
    ///
    /// Says what is wrong with a variable or with the file. No value is repeated.
    pub fn collect(env_file: Option<&Path>) -> Result<Self, Refusal> {
        let of_file = env_file.map(file::read).transpose()?.unwrap_or_default();
        let mut found = Self::default();
        for (name, value) in std::env::vars_os() {
            if let Some(name) = name.to_str().filter(|it| is_about_hosts(it)) {
                found.set(name, value)?;
            }
        }
        for (name, value) in of_file {
            // What was said to this very process counts before a file.
            found.0.entry(name).or_insert(value);
        }
        Ok(found)
    }

    fn set(&mut self, name: &str, value: OsString) -> Result<(), Refusal> {
        let text = value.into_string().map_err(|_| wrong(name, "is not UTF-8", "Set it to plain text"))?;
        if !text.is_empty() && is_expanded(&text) {
            self.0.insert(name.to_owned(), Secret::new(text));
        }
        Ok(())
    }

    /// Adds what is said here to what the config says.
    ///
    /// # Errors
    ///
    /// Says which variable is missing, means nothing or cannot be meant. The value of none that may be a secret is repeated.
    pub fn add_to(&self, config: &mut Config) -> Result<(), Refusal> {
        single::add_device(config, self)?;
        devices::add(config, self)
    }

    /// Returns a pipe out of which all of it can be read once.
    ///
    /// # Errors
    ///
    /// Says that it is too much, or that there is no pipe.
    pub fn handed_over(&self) -> io::Result<PipeReader> {
        let all: BTreeMap<&str, &str> =
            self.0.iter().map(|(name, it)| (name.as_str(), it.reveal())).collect();
        let json = zeroize::Zeroizing::new(serde_json::to_vec(&all)?);
        if json.len() > BYTES_MAX {
            let why = format!("the variables about hosts are longer than {BYTES_MAX} bytes together");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let (reader, mut writer) = io::pipe()?;
        writer.write_all(&json)?;
        Ok(reader)
    }

    /// Takes what was handed over on standard input, and leaves nothing there.
    ///
    /// # Errors
    ///
    /// Says that it could not be read.
    pub fn taken_over() -> io::Result<Self> {
        let is_pipe = rustix::fs::fstat(rustix::stdio::stdin())
            .is_ok_and(|it| rustix::fs::FileType::from_raw_mode(it.st_mode).is_fifo());
        if !is_pipe {
            return Ok(Self::default());
        }
        let mut json = zeroize::Zeroizing::new(Vec::with_capacity(BYTES_MAX));
        io::stdin().take(BYTES_MAX as u64).read_to_end(&mut json)?;
        let nothing = std::fs::File::open("/dev/null")?;
        rustix::stdio::dup2_stdin(nothing)?;
        let all: BTreeMap<String, String> = serde_json::from_slice(&json)?;
        Ok(Self(all.into_iter().map(|(name, value)| (name, Secret::new(value))).collect()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::reveal)
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.0.get(name).cloned()
    }

    fn of_devices(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|it| it.starts_with(DEVICE))
    }

    #[cfg(test)]
    fn of(variables: &[(&str, &str)]) -> Self {
        let mut found = Self::default();
        for (name, value) in variables {
            found.set(name, OsString::from(value)).unwrap();
        }
        found
    }
}

fn wrong(name: &str, why: &str, remedy: &str) -> Refusal {
    Refusal::Config { why: format!("{name} {why}"), remedy: format!("{remedy}; then start the daemon again") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_that_nobody_filled_in_is_no_value() {
        for absent in ["${SHOP_PASSWORD}", "${env:SHOP}", "${input:password}"] {
            assert!(!is_expanded(absent), "{absent}");
        }
        for value in ["", "sesame", "${", "${}", "a${B}", "${A}${B}", "${A}b", "$A"] {
            assert!(is_expanded(value), "{value}");
        }
        let said = Surroundings::of(&[("COTTY_DEVICE_A_HOST", "${A}"), ("COTTY_DEVICE_B_HOST", "b")]);
        assert_eq!(said.of_devices().collect::<Vec<_>>(), ["COTTY_DEVICE_B_HOST"]);
    }

    #[test]
    fn what_is_handed_over_comes_out_of_the_pipe_as_it_went_in() {
        let said = Surroundings::of(&[("COTTY_HOST", "web1"), ("COTTY_DEVICE_A_PASSWORD", "a \"b\"\u{e4}")]);
        let mut json = String::new();
        said.handed_over().unwrap().read_to_string(&mut json).unwrap();
        let all: BTreeMap<String, String> = serde_json::from_str(&json).unwrap();
        assert_eq!(all["COTTY_DEVICE_A_PASSWORD"], "a \"b\"\u{e4}");
        let long = "x".repeat(BYTES_MAX);
        assert!(Surroundings::of(&[("COTTY_DEVICE_A_PASSWORD", &long)]).handed_over().is_err());
        assert!(!format!("{said:?}").contains("web1"));
    }
}
