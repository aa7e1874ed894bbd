//! The single target of the environment: a device that needs no config file. Nothing here is a secret: a password and a key
//! stand in files.

use std::path::PathBuf;

use cotty_core::refusal::Refusal;
use cotty_core::target;
use cotty_engine::hosts::device::{Auth, Device, Keep, SecretFrom};

use super::{Surroundings, wrong};
use crate::config::Config;

const HOST: &str = "COTTY_HOST";
const PORT: &str = "COTTY_PORT";
const USER: &str = "COTTY_USER";
const PASSWORD_FILE: &str = "COTTY_PASSWORD_FILE";
const KEY: &str = "COTTY_KEY";
const KEY_FILE: &str = "COTTY_KEY_FILE";

/// All of them.
pub(super) const NAMES: [&str; 6] = [HOST, PORT, USER, PASSWORD_FILE, KEY, KEY_FILE];

/// Adds the device that the environment names. It is the default where the file has none.
///
/// # Errors
///
/// Says which variable is missing or cannot be meant. The value of none that may be a secret is repeated.
pub(super) fn add_device(config: &mut Config, said: &Surroundings) -> Result<(), Refusal> {
    let Some((name, device)) = device(said)? else { return Ok(()) };
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

fn device(said: &Surroundings) -> Result<Option<(String, Device)>, Refusal> {
    let Some(host) = said.get(HOST) else {
        return match NAMES.into_iter().find(|it| said.get(it).is_some()) {
            None => Ok(None),
            Some(name) => Err(Refusal::EnvironmentMissing {
                what: HOST.to_owned(),
                remedy: format!("Set it to the host, or unset {name}"),
            }),
        };
    };
    let host = target::host(host)
        .map_err(|error| wrong(HOST, &error.to_string(), "Set it to a name or an address"))?;
    let user = said.get(USER).map(target::user).transpose();
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

fn key(said: &Surroundings) -> Result<Option<PathBuf>, Refusal> {
    match (path(said, KEY)?, path(said, KEY_FILE)?) {
        (Some(one), Some(other)) if one != other => {
            Err(wrong(KEY, &format!("and {KEY_FILE} name two files"), "Unset one of them"))
        }
        (one, other) => Ok(one.or(other)),
    }
}

/// What is no path may be the secret itself: it is not repeated.
fn path(said: &Surroundings, name: &'static str) -> Result<Option<PathBuf>, Refusal> {
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

#[cfg(test)]
mod tests {
    use cotty_core::refusal::FailureKind;

    use super::super::super::Written;
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config, Refusal> {
        let mut config = Config::from(Written::parse("[devices.web2]\n").unwrap());
        Surroundings::of(variables).add_to(&mut config).map(|()| config)
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
