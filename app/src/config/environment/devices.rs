//! Variables about single devices: `COTTY_DEVICE_<NAME>_HOST` and its like. The device's name is written in capitals, and
//! what is no letter and no digit as `_`.

use std::path::PathBuf;

use cotty_core::refusal::Refusal;
use cotty_core::target;
use cotty_engine::hosts::device::{Device, SecretFrom};

use super::{DEVICE, Surroundings, wrong};
use crate::config::Config;
use crate::config::owned::{self, Links, Untaken};

/// What may be said of a device, the longer endings first.
const WORDS: [&str; 7] = ["SUDO_PASSWORD", "ENABLE_PASSWORD", "PASSWORD", "HOST", "PORT", "USER", "KEY"];

/// The ending of a variable that names a file.
const FILE: &str = "_FILE";

/// No such file is longer.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A variable, taken apart.
struct Meant {
    /// The device.
    name: String,
    word: &'static str,
    is_file: bool,
}

/// Adds what the variables say to the devices; a `HOST` may name a new one.
///
/// # Errors
///
/// Says which variable means no device, or two of them, or cannot be meant.
pub(super) fn add(config: &mut Config, said: &Surroundings) -> Result<(), Refusal> {
    let variables: Vec<&str> = said.of_devices().collect();
    let mut meant = Vec::new();
    for variable in variables {
        meant.push((variable, meaning(config, said, variable)?));
    }
    // Where it is comes first: that may make the device.
    meant.sort_by_key(|(_, it)| it.word != "HOST");
    for (variable, it) in meant {
        let twin = if it.is_file { variable.strip_suffix(FILE) } else { None };
        if let Some(twin) = twin.filter(|twin| said.get(twin).is_some()) {
            return Err(wrong(variable, &format!("and {twin} are both set"), "Unset one of them"));
        }
        let device = config.devices.entry(it.name.clone()).or_default();
        take(device, said, variable, &it)?;
    }
    Ok(())
}

/// Finds the device and the word that a variable is about.
fn meaning(config: &Config, said: &Surroundings, variable: &str) -> Result<Meant, Refusal> {
    let rest = variable.strip_prefix(DEVICE).unwrap_or_default();
    let (rest, is_file) = match rest.strip_suffix(FILE) {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let readings: Vec<(&str, &'static str)> = WORDS
        .into_iter()
        .filter_map(|word| Some((rest.strip_suffix(word)?.strip_suffix('_')?, word)))
        .filter(|(name, _)| !name.is_empty())
        .collect();
    let mut found: Vec<(String, &'static str)> = Vec::new();
    for (written, word) in &readings {
        let names = config.devices.keys().filter(|it| in_capitals(it) == *written);
        found.extend(names.map(|it| (it.clone(), *word)));
    }
    match &found[..] {
        [] => {}
        [(name, word)] => return Ok(Meant { name: name.clone(), word, is_file }),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
            let why = format!("may mean each of these devices: {}", names.join(", "));
            return Err(wrong(variable, &why, "Give one of them another name in the config"));
        }
    }
    let Some((written, word)) = readings.first() else {
        let why = format!("ends in none of {}", WORDS.join(", "));
        return Err(wrong(variable, &why, "Mend its name, or unset it"));
    };
    let is_named =
        ["HOST", "HOST_FILE"].iter().any(|it| said.get(&format!("{DEVICE}{written}_{it}")).is_some());
    if !is_named {
        let why = "is about a device that the config does not name";
        let remedy = format!("Set {DEVICE}{written}_HOST as well, or unset it");
        return Err(wrong(variable, why, &remedy));
    }
    let name = written.to_lowercase();
    if target::host(&name).is_err() || [target::LOCAL, "all"].contains(&name.as_str()) {
        return Err(wrong(variable, "names no device that could be", "Mend its name, or unset it"));
    }
    Ok(Meant { name, word, is_file })
}

/// Writes a device's name as it stands in variables.
fn in_capitals(name: &str) -> String {
    name.chars().map(|it| if it.is_ascii_alphanumeric() { it.to_ascii_uppercase() } else { '_' }).collect()
}

fn take(device: &mut Device, said: &Surroundings, variable: &str, meant: &Meant) -> Result<(), Refusal> {
    let secret = || -> Result<SecretFrom, Refusal> {
        if meant.is_file {
            return Ok(SecretFrom::File(path(said, variable)?));
        }
        let secret = said.secret(variable).ok_or_else(|| wrong(variable, "is gone", "Set it again"))?;
        Ok(SecretFrom::Environment { variable: variable.to_owned(), secret })
    };
    match meant.word {
        "PASSWORD" => device.auth.get_or_insert_default().password = Some(secret()?),
        "SUDO_PASSWORD" => device.sudo = Some(secret()?),
        "ENABLE_PASSWORD" => device.enable = Some(secret()?),
        // A key's file is a file, whichever of the two names it.
        "KEY" => device.auth.get_or_insert_default().key = Some(path(said, variable)?),
        word => plain(device, word, variable, &text(said, variable, meant.is_file)?)?,
    }
    Ok(())
}

fn plain(device: &mut Device, word: &str, variable: &str, text: &str) -> Result<(), Refusal> {
    match word {
        "HOST" => {
            let host = target::host(text);
            device.host = Some(host.map_err(|error| wrong(variable, &error.to_string(), "Mend it"))?);
        }
        "USER" => {
            let user = target::user(text);
            device.user = Some(user.map_err(|error| wrong(variable, &error.to_string(), "Mend it"))?);
        }
        _ => {
            let port = text.parse::<u16>().ok().filter(|it| *it != 0);
            let port =
                port.ok_or_else(|| wrong(variable, "is no port", "Set it to a number from 1 to 65535"))?;
            device.port = Some(port);
        }
    }
    Ok(())
}

/// What is said, or the first line of the file that is named.
fn text(said: &Surroundings, variable: &str, is_file: bool) -> Result<String, Refusal> {
    if !is_file {
        return Ok(said.get(variable).unwrap_or_default().to_owned());
    }
    let file = path(said, variable)?;
    let unread =
        |why: &str| wrong(variable, &format!("names a file that {why}"), "Mend the file or the name");
    let taken = owned::take(&file, FILE_BYTES_MAX, Links::Followed, owned::by_others);
    let taken = taken.map_err(|untaken| match untaken {
        Untaken::NotThere => unread("is not there"),
        Untaken::Failed(error) => unread(&format!("cannot be read: {error}")),
        Untaken::NoFile | Untaken::Link => unread("is none of at most 64 KiB"),
        Untaken::Others(why) => unread(&why),
    })?;
    let content = std::str::from_utf8(&taken.bytes).map_err(|_| unread("is not UTF-8"))?;
    Ok(content.lines().next().unwrap_or_default().trim().to_owned())
}

/// What is no path may be the secret itself: it is not repeated.
fn path(said: &Surroundings, variable: &str) -> Result<PathBuf, Refusal> {
    let value = said.get(variable).unwrap_or_default();
    if (value.starts_with('/') || value.starts_with("~/")) && !value.chars().any(char::is_control) {
        return Ok(PathBuf::from(value));
    }
    let remedy = "Keep it in a file that only you may read, and name that file";
    Err(wrong(variable, "is no path from / or ~/", remedy))
}

/// Says that two secrets are the same one: of one daemon's config, of which nobody outside can time a comparison.
#[cfg(test)]
fn shows(from: Option<&SecretFrom>, wanted: &str) -> bool {
    matches!(from, Some(SecretFrom::Environment { secret, .. }) if secret.reveal() == wanted)
}

#[cfg(test)]
mod tests {
    use cotty_core::refusal::FailureKind;

    use super::super::super::Written;
    use super::*;

    const CONFIG: &str = "[devices.web-1]\nhost = \"10.0.0.1\"\n[devices.\"web.1\"]\n[devices.db]\n[devices.db-sudo]\n[devices.shop]\n";

    fn with(variables: &[(&str, &str)]) -> Result<Config, Refusal> {
        let mut config = Config::from(Written::parse(CONFIG).unwrap());
        Surroundings::of(variables).add_to(&mut config).map(|()| config)
    }

    #[test]
    fn variables_change_a_device_and_a_host_makes_one() {
        let config = with(&[
            ("COTTY_DEVICE_SHOP_HOST", "10.0.0.9"),
            ("COTTY_DEVICE_SHOP_PORT", "2222"),
            ("COTTY_DEVICE_SHOP_USER", "deploy"),
            ("COTTY_DEVICE_SHOP_PASSWORD", "hunter2"),
            ("COTTY_DEVICE_SHOP_SUDO_PASSWORD", "hunter3"),
            ("COTTY_DEVICE_SHOP_ENABLE_PASSWORD_FILE", "/run/enable"),
            ("COTTY_DEVICE_NEW_2_HOST", "10.0.0.7"),
            ("COTTY_DEVICE_NEW_2_KEY", "/run/key"),
        ])
        .unwrap();
        let shop = &config.devices["shop"];
        assert_eq!(
            (shop.host.as_deref(), shop.port, shop.user.as_deref()),
            (Some("10.0.0.9"), Some(2222), Some("deploy"))
        );
        assert!(shows(shop.auth.as_ref().unwrap().password.as_ref(), "hunter2"));
        assert!(shows(shop.sudo.as_ref(), "hunter3"));
        assert_eq!(shop.enable, Some(SecretFrom::File("/run/enable".into())));
        assert_eq!(config.devices["new_2"].auth.as_ref().unwrap().key, Some("/run/key".into()));
        // What only serves later changes no login.
        let config = with(&[("COTTY_DEVICE_DB_ENABLE_PASSWORD", "hunter2")]).unwrap();
        assert_eq!(config.devices["db"].auth, None);
        assert!(!format!("{config:?}{}", config.to_toml()).contains("hunter2"));
    }

    #[test]
    fn a_variable_that_means_two_devices_none_or_nothing_is_named_and_not_repeated() {
        for (variables, name) in [
            (&[("COTTY_DEVICE_WEB_1_USER", "hunter2")][..], "web-1, web.1"),
            (&[("COTTY_DEVICE_DB_SUDO_PASSWORD", "hunter2")], "db, db-sudo"),
            (&[("COTTY_DEVICE_GONE_PASSWORD", "hunter2")], "COTTY_DEVICE_GONE_HOST"),
            (&[("COTTY_DEVICE_SHOP_COLOUR", "hunter2")], "COTTY_DEVICE_SHOP_COLOUR"),
            (&[("COTTY_DEVICE_HOST", "hunter2")], "COTTY_DEVICE_HOST"),
            (&[("COTTY_DEVICE_SHOP_HOST", "-oProxyCommand=x")], "COTTY_DEVICE_SHOP_HOST"),
            (&[("COTTY_DEVICE_ALL_HOST", "10.0.0.1")], "COTTY_DEVICE_ALL_HOST"),
            (&[("COTTY_DEVICE_SHOP_PORT", "0")], "COTTY_DEVICE_SHOP_PORT"),
            (&[("COTTY_DEVICE_SHOP_KEY", "hunter2")], "COTTY_DEVICE_SHOP_KEY"),
            (&[("COTTY_DEVICE_SHOP_PASSWORD_FILE", "hunter2")], "COTTY_DEVICE_SHOP_PASSWORD_FILE"),
            (
                &[("COTTY_DEVICE_SHOP_PASSWORD", "hunter2"), ("COTTY_DEVICE_SHOP_PASSWORD_FILE", "/f")],
                "both set",
            ),
        ] {
            let refusal = with(variables).unwrap_err();
            assert_eq!(refusal.kind(), FailureKind::ConfigError, "{refusal}");
            let words = format!("{refusal} {}", refusal.next_step());
            assert!(words.contains(name) && !words.contains("hunter2"), "{words}");
        }
    }
}
