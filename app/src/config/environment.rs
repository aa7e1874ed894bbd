//! The single target of the environment: a device that needs no config file.
//!
//! It is the environment of whoever starts the daemon. Nothing here is a secret: a password and a key stand in files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use cotty_core::refusal::Refusal;
use cotty_core::target;
use cotty_engine::hosts::device::{Auth, Device, Keep, SecretFrom};

use super::Config;

const HOST: &str = "COTTY_HOST";
const PORT: &str = "COTTY_PORT";
const USER: &str = "COTTY_USER";
const PASSWORD_FILE: &str = "COTTY_PASSWORD_FILE";
const KEY: &str = "COTTY_KEY";
const KEY_FILE: &str = "COTTY_KEY_FILE";

/// The variables that mean something only together with a host.
const OTHERS: [&str; 5] = [PORT, USER, PASSWORD_FILE, KEY, KEY_FILE];

/// What is set.
type Said = BTreeMap<&'static str, String>;

/// Adds the device that the environment names. It is the default where the file has none.
///
/// # Errors
///
/// Says which variable is missing or cannot be meant. The value of none that may be a secret is repeated.
pub fn add_device(config: &mut Config, variable: impl Fn(&str) -> Option<OsString>) -> Result<(), Refusal> {
    let Some((name, device)) = device(&said(variable)?)? else { return Ok(()) };
    if config.devices.contains_key(&name) {
        let remedy = format!("Unset {HOST}, or remove [devices.{name}] from the config");
        return Err(Refusal::Config {
            why: format!("{HOST} names {name}, which is a device already"),
            remedy,
        });
    }
    config.default.get_or_insert_with(|| name.clone());
    config.devices.insert(name, device);
    Ok(())
}

/// Says whether a variable was filled in: some clients leave a `${NAME}` of their config as it is, which is no value.
#[must_use]
pub fn is_expanded(value: &str) -> bool {
    let inner = value.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
    inner.is_none_or(|it| it.is_empty() || it.contains(['{', '}', '$']))
}

fn said(variable: impl Fn(&str) -> Option<OsString>) -> Result<Said, Refusal> {
    let mut said = Said::new();
    for name in OTHERS.into_iter().chain([HOST]) {
        let is_said = |it: &OsString| !it.is_empty() && it.to_str().is_none_or(is_expanded);
        let Some(value) = variable(name).filter(is_said) else { continue };
        let value = value.into_string().map_err(|_| wrong(name, "is not UTF-8", "Set it to plain text"))?;
        said.insert(name, value);
    }
    Ok(said)
}

fn device(said: &Said) -> Result<Option<(String, Device)>, Refusal> {
    let Some(host) = said.get(HOST) else {
        return match said.keys().next() {
            None => Ok(None),
            Some(name) => Err(Refusal::EnvironmentMissing {
                what: HOST.to_owned(),
                remedy: format!("Set it to the host, or unset {name}"),
            }),
        };
    };
    let host = target::host(host)
        .map_err(|error| wrong(HOST, &error.to_string(), "Set it to a name or an address"))?;
    let user = said.get(USER).map(|it| target::user(it)).transpose();
    let user = user.map_err(|error| wrong(USER, &error.to_string(), "Set it to the account's name"))?;
    let port = said.get(PORT).map(|it| it.parse::<u16>().ok().filter(|port| *port != 0));
    let port = match port {
        Some(None) => return Err(wrong(PORT, "is no port", "Set it to a number from 1 to 65535")),
        port => port.flatten(),
    };
    let auth = Auth {
        key: key(said)?,
        passphrase: None,
        password: path(said, PASSWORD_FILE)?.map(SecretFrom::File),
        keep: Keep::default(),
    };
    let auth = (auth != Auth::default()).then_some(auth);
    Ok(Some((host.clone(), Device { host: Some(host), port, user, auth, ..Device::default() })))
}

fn key(said: &Said) -> Result<Option<PathBuf>, Refusal> {
    match (path(said, KEY)?, path(said, KEY_FILE)?) {
        (Some(one), Some(other)) if one != other => {
            Err(wrong(KEY, &format!("and {KEY_FILE} name two files"), "Unset one of them"))
        }
        (one, other) => Ok(one.or(other)),
    }
}

/// What is no path may be the secret itself: it is not repeated.
fn path(said: &Said, name: &'static str) -> Result<Option<PathBuf>, Refusal> {
    let Some(value) = said.get(name) else { return Ok(None) };
    if (value.starts_with('/') || value.starts_with("~/")) && !value.chars().any(char::is_control) {
        return Ok(Some(PathBuf::from(value)));
    }
    Err(wrong(
        name,
        "is no path from / or ~/",
        "Keep it in a file that only you may read, and name that file",
    ))
}

fn wrong(name: &str, why: &str, remedy: &str) -> Refusal {
    Refusal::Config { why: format!("{name} {why}"), remedy: format!("{remedy}; then start the daemon again") }
}

#[cfg(test)]
mod tests {
    use cotty_core::refusal::FailureKind;

    use super::super::Written;
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config, Refusal> {
        let mut config = Config::from(Written::parse("[devices.web2]\n").unwrap());
        let find =
            |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| OsString::from(value));
        add_device(&mut config, find).map(|()| config)
    }

    #[test]
    fn a_placeholder_that_nobody_filled_in_is_no_value() {
        for absent in ["${SHOP_PASSWORD}", "${env:SHOP}", "${input:password}"] {
            assert!(!is_expanded(absent), "{absent}");
        }
        for value in ["", "sesame", "${", "${}", "a${B}", "${A}${B}", "${A}b", "$A"] {
            assert!(is_expanded(value), "{value}");
        }
    }

    #[test]
    fn variables_make_a_device_that_is_the_default() {
        let config = with(&[
            (HOST, "web1"),
            (PORT, "2222"),
            (USER, "deploy"),
            (KEY_FILE, "~/.ssh/shop"),
            (PASSWORD_FILE, "/run/secret"),
        ])
        .unwrap();
        let device = &config.devices["web1"];
        assert_eq!((config.default.as_deref(), device.port), (Some("web1"), Some(2222)));
        let auth = device.auth.clone().unwrap();
        assert_eq!(auth.key, Some("~/.ssh/shop".into()));
        assert_eq!(auth.password, Some(SecretFrom::File("/run/secret".into())));
        assert_eq!(with(&[]).unwrap().default, None);
        assert_eq!(with(&[(HOST, "[::1]")]).unwrap().devices["::1"].host.as_deref(), Some("::1"));
    }

    #[test]
    fn a_variable_that_cannot_be_meant_is_named_and_a_secret_not_repeated() {
        for (variables, kind, name) in [
            (&[(PORT, "22")][..], FailureKind::EnvironmentMissing, HOST),
            (&[(HOST, "-oProxyCommand=x")], FailureKind::ConfigError, HOST),
            (&[(HOST, "web1;id")], FailureKind::ConfigError, HOST),
            (&[(HOST, "web2")], FailureKind::ConfigError, HOST),
            (&[(HOST, "web1"), (PORT, "0")], FailureKind::ConfigError, PORT),
            (&[(HOST, "web1"), (USER, "a b")], FailureKind::ConfigError, USER),
            (&[(HOST, "web1"), (KEY, "-----BEGIN hunter2\n")], FailureKind::ConfigError, KEY),
            (&[(HOST, "web1"), (PASSWORD_FILE, "hunter2")], FailureKind::ConfigError, PASSWORD_FILE),
            (&[(HOST, "web1"), (KEY, "/a"), (KEY_FILE, "/b")], FailureKind::ConfigError, KEY),
        ] {
            let refusal = with(variables).unwrap_err();
            assert_eq!(refusal.kind(), kind, "{refusal}");
            let words = format!("{refusal} {}", refusal.next_step());
            assert!(words.contains(name) && !words.contains("hunter2"), "{words}");
        }
    }
}
