//! The devices of the config file.

use std::collections::BTreeMap;

use cotty_core::names::RunId;
use cotty_core::target;
use cotty_engine::hosts::device::{Auth, Device, Keep, SecretFrom};
use toml_edit::{Item, TableLike};

use super::values::{Fault, boolean, duration, engine, fault, inner, known, number, path, text, variable};

const DEVICE: &[&str] = &[
    "host",
    "port",
    "user",
    "auth",
    "legacy",
    "engine",
    "forward_agent",
    "term",
    "cols",
    "rows",
    "idle_timeout",
    "label",
    "tags",
    "startup",
    "default",
];
const AUTH: &[&str] = &[
    "key",
    "password_env",
    "password_file",
    "password_command",
    "password_keyring",
    "passphrase_env",
    "passphrase_file",
    "passphrase_command",
    "passphrase_keyring",
    "keep_for_reconnect",
];

/// Words under which secrets are written down elsewhere.
const SECRETS: &[&str] = &["password", "passphrase", "pass", "passwd", "secret", "private_key"];

/// Reads the table of devices.
pub(super) fn devices(table: &dyn TableLike) -> Result<BTreeMap<String, Device>, Fault> {
    let mut devices = BTreeMap::new();
    for (name, item) in table.iter() {
        let wrong = |why: String| {
            let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let remedy = "Write [devices.NAME] with letters, digits and . _ -".to_owned();
            (span.unwrap_or(0..0), format!("the device's name {why}"), remedy)
        };
        match target::host(name) {
            Ok(read) if read != name => return Err(wrong(format!("{name:?} is an address"))),
            Ok(_) if name.contains(':') => return Err(wrong(format!("{name:?} is an address"))),
            Ok(_) if [target::LOCAL, "all"].contains(&name) || name.parse::<RunId>().is_ok() => {
                return Err(wrong(format!("{name:?} means something else already")));
            }
            Ok(_) => {}
            Err(error) => return Err(wrong(error.to_string())),
        }
        devices.insert(name.to_owned(), device(name, inner(&format!("devices.{name}"), item)?)?);
    }
    one_default(table, &devices)?;
    Ok(devices)
}

fn one_default(table: &dyn TableLike, devices: &BTreeMap<String, Device>) -> Result<(), Fault> {
    let mut defaults = devices.iter().filter(|(_, it)| it.defaults.default == Some(true));
    let (Some((first, _)), Some((second, _))) = (defaults.next(), defaults.next()) else { return Ok(()) };
    let span = table.get(second).and_then(Item::span).unwrap_or(0..0);
    let what = format!("{first} and {second} are both the default");
    Err((span, what, "Write default = true for one of them".to_owned()))
}

fn device(name: &str, table: &dyn TableLike) -> Result<Device, Fault> {
    let prefix = format!("devices.{name}.");
    no_secrets(table)?;
    let mut device = Device::default();
    for (key, item) in known(table, &prefix, DEVICE)? {
        let defaults = &mut device.defaults;
        match key {
            "host" => device.host = Some(host(key, item)?),
            "port" => device.port = Some(number(key, item, 1, 65535)?),
            "user" => device.user = Some(user(key, item)?),
            "forward_agent" => device.forward_agent = boolean(key, item)?,
            "engine" => device.engine = Some(engine(key, item)?),
            "legacy" => device.legacy = boolean(key, item)?,
            "auth" => device.auth = Some(auth(name, inner(key, item)?)?),
            "term" => defaults.term = Some(text(key, item)?),
            "cols" => defaults.cols = Some(number(key, item, 2, 1000)?),
            "rows" => defaults.rows = Some(number(key, item, 1, 500)?),
            "idle_timeout" => defaults.idle_timeout = Some(duration(key, item)?),
            "label" => defaults.label = Some(text(key, item)?),
            "tags" => device.tags = tags(key, item)?,
            "startup" => defaults.startup = Some(text(key, item)?),
            _ => defaults.default = Some(boolean(key, item)?),
        }
    }
    Ok(device)
}

fn auth(name: &str, table: &dyn TableLike) -> Result<Auth, Fault> {
    no_secrets(table)?;
    let mut auth = Auth::default();
    for (key, item) in known(table, &format!("devices.{name}.auth."), AUTH)? {
        let (secret, from) = match key {
            "key" => {
                auth.key = Some(path(key, item)?);
                continue;
            }
            "keep_for_reconnect" => {
                auth.keep = keep(key, item)?;
                continue;
            }
            "password_command" => (&mut auth.password, SecretFrom::Command(argv(key, item)?)),
            "passphrase_command" => (&mut auth.passphrase, SecretFrom::Command(argv(key, item)?)),
            "password_keyring" => (&mut auth.password, SecretFrom::Keyring(keyring(key, item)?)),
            "passphrase_keyring" => (&mut auth.passphrase, SecretFrom::Keyring(keyring(key, item)?)),
            "password_env" => (&mut auth.password, SecretFrom::Variable(variable(key, item)?)),
            "password_file" => (&mut auth.password, SecretFrom::File(path(key, item)?)),
            "passphrase_env" => (&mut auth.passphrase, SecretFrom::Variable(variable(key, item)?)),
            _ => (&mut auth.passphrase, SecretFrom::File(path(key, item)?)),
        };
        if secret.replace(from).is_some() {
            return Err(fault(
                item,
                key,
                "the only place of this secret",
                "Name one of its variable, its file, its command and the keyring",
            ));
        }
    }
    Ok(auth)
}

/// Words by which devices are found together.
fn tags(key: &str, item: &Item) -> Result<Vec<String>, Fault> {
    let is_word = |it: &str| {
        !it.is_empty()
            && it.len() <= 40
            && it.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it))
    };
    let words: Option<Vec<String>> = item.as_array().and_then(|list| {
        list.iter().map(|it| it.as_str().filter(|it| is_word(it)).map(str::to_owned)).collect()
    });
    words.ok_or_else(|| fault(item, key, "a list of words", &format!("Write {key} = [\"production\"]")))
}

/// A program with its arguments. What stands there may be a secret by mistake: it is not repeated.
fn argv(key: &str, item: &Item) -> Result<Vec<String>, Fault> {
    let wrong = || {
        let remedy =
            format!("Write {key} = [\"/usr/bin/pass\", \"show\", \"web1\"]: the program by its whole path");
        fault(item, key, "a program and its arguments", &remedy)
    };
    let words: Option<Vec<String>> = item.as_array().and_then(|list| {
        list.iter().map(|it| it.as_str().filter(|it| !it.contains('\0')).map(str::to_owned)).collect()
    });
    words
        .filter(|it| it.first().is_some_and(|it| it.starts_with('/') || !it.contains('/') && !it.is_empty()))
        .ok_or_else(wrong)
}

/// `true` for `secret-tool`, or the program that is asked in its place.
fn keyring(key: &str, item: &Item) -> Result<std::path::PathBuf, Fault> {
    match item.as_bool() {
        Some(true) => Ok("secret-tool".into()),
        Some(false) => Err(fault(item, key, "true", "Remove the line where the keyring is not to be asked")),
        None => path(key, item),
    }
}

fn keep(key: &str, item: &Item) -> Result<Keep, Fault> {
    match item.as_str() {
        Some("session") => Ok(Keep::Session),
        Some("never") => Ok(Keep::Never),
        _ => Err(fault(
            item,
            key,
            "\"session\" or \"never\"",
            &format!("Write {key} = \"session\" or \"never\""),
        )),
    }
}

/// A secret in this file would be read by whatever reads the file: it is refused, and not repeated.
fn no_secrets(table: &dyn TableLike) -> Result<(), Fault> {
    let Some((key, item)) = table.iter().find(|(key, _)| SECRETS.contains(&key.to_lowercase().as_str()))
    else {
        return Ok(());
    };
    let span = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span()).unwrap_or(0..0);
    let which = if key.to_lowercase().starts_with("passp") { "passphrase" } else { "password" };
    let remedy = format!(
        "Remove it, and name where it is: auth.{which}_env = \"VARIABLE\" or auth.{which}_file = \"~/FILE\" (0600)"
    );
    Err((span, format!("{key}: a secret does not belong in this file"), remedy))
}

fn host(key: &str, item: &Item) -> Result<String, Fault> {
    let said = text(key, item)?;
    target::host(&said)
        .map_err(|error| (item.span().unwrap_or(0..0), format!("{key} {error}"), host_remedy()))
}

fn host_remedy() -> String {
    "Write host = \"web1.example\" or an address; the port has its own key".to_owned()
}

fn user(key: &str, item: &Item) -> Result<String, Fault> {
    let said = text(key, item)?;
    let remedy = || "Write user = \"deploy\"".to_owned();
    target::user(&said).map_err(|error| (item.span().unwrap_or(0..0), format!("{key} {error}"), remedy()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Written, Wrong};
    use super::*;

    fn wrong(text: &str) -> Wrong {
        Written::parse(text).unwrap_err()
    }

    #[test]
    fn a_device_says_where_it_is_how_to_log_in_and_what_its_sessions_are_like() {
        let text = "[devices.web1]\nhost = \"10.0.0.5\"\nport = 2222\nuser = \"deploy\"\nterm = \"xterm\"\ncols = 100\n\
                    rows = 30\nidle_timeout = \"off\"\nlegacy = true\nforward_agent = true\nlabel = \"shop\"\nstartup = \"cd /srv\"\ndefault = true\n\
                    auth = { key = \"~/.ssh/shop\", passphrase_env = \"SHOP_PASS\" }\n\
                    [devices.\"db.lan\"]\nidle_timeout = \"2h\"\n[devices.\"db.lan\".auth]\npassword_file = \"/run/db\"\n";
        let devices = Written::parse(text).unwrap().devices;
        let web1 = &devices["web1"];
        assert_eq!(
            (web1.port, web1.user.as_deref(), web1.defaults.default),
            (Some(2222), Some("deploy"), Some(true))
        );
        assert!(web1.legacy && web1.forward_agent && !devices["db.lan"].legacy);
        assert_eq!(web1.defaults.idle_timeout, Some(None));
        assert_eq!(web1.variables().collect::<Vec<_>>(), ["SHOP_PASS"]);
        let db = &devices["db.lan"];
        assert_eq!(db.defaults.idle_timeout, Some(Some(Duration::from_secs(7200))));
        assert_eq!(db.auth.clone().unwrap().password, Some(SecretFrom::File("/run/db".into())));
        assert_eq!(db.host, None);
    }

    #[test]
    fn a_password_in_the_file_is_refused_with_the_remedy_and_not_repeated() {
        for text in [
            "[devices.web1]\n\npassword = \"hunter2\"\n",
            "[devices.web1]\n\nPassword = \"hunter2\"\n",
            "[devices.web1]\n\nauth = { password = \"hunter2\" }\n",
            "[devices.web1.auth]\n\npassphrase = \"hunter2\"\n",
            "[devices.web1.auth]\n\npassword_env = \"hunter2!\"\n",
            "[devices.web1.auth]\n\npassword_file = \"hunter2\"\n",
        ] {
            let found = wrong(text);
            assert_eq!(found.line, 3, "{found:?}");
            assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
            assert!(found.remedy.contains("_env") || found.remedy.contains("_file"), "{found:?}");
        }
    }

    #[test]
    fn what_is_not_enforced_yet_is_refused_and_not_passed_over() {
        for text in ["policy = \"strict\"\n", "[devices.web1]\nhide = true\n", "[devices.web1.rules]\n"] {
            let found = wrong(text);
            assert!(found.what.contains("is known and not enforced yet"), "{found:?}");
        }
    }

    #[test]
    fn a_secret_may_be_told_by_a_program_or_the_keyring() {
        let text = "[devices.web1.auth]\npassword_command = [\"/usr/bin/pass\", \"show\", \"web 1\"]\n\
                    passphrase_keyring = true\nkeep_for_reconnect = \"never\"\n";
        let auth = Written::parse(text).unwrap().devices["web1"].auth.clone().unwrap();
        let words = ["/usr/bin/pass", "show", "web 1"].map(str::to_owned);
        assert_eq!(auth.password, Some(SecretFrom::Command(words.to_vec())));
        assert_eq!(auth.passphrase, Some(SecretFrom::Keyring("secret-tool".into())));
        assert_eq!(auth.keep, Keep::Never);
        let config = crate::config::Config::from(Written::parse(text).unwrap());
        assert_eq!(crate::config::Config::from(Written::parse(&config.to_toml()).unwrap()), config);
        for text in [
            "password_command = \"pass show hunter2\"",
            "password_command = []",
            "password_command = [\"bin/pass\"]",
            "password_command = [\"/bin/pass\", 3]",
            "password_keyring = false",
            "password_keyring = \"hunter2\"",
            "password_env = \"P\"\npassword_keyring = true",
            "keep_for_reconnect = \"always\"",
        ] {
            let found = wrong(&format!("[devices.web1.auth]\n{text}\n"));
            assert!(!found.remedy.is_empty() && !format!("{found:?}").contains("hunter2"), "{found:?}");
        }
    }

    #[test]
    fn what_could_be_an_option_or_another_name_is_no_device() {
        for text in [
            "[devices.\"-oProxyCommand=x\"]\n",
            "[devices.\"a b\"]\n",
            "[devices.local]\n",
            "[devices.all]\n",
            "[devices.c7]\n",
            "[devices.\"::1\"]\n",
            "[devices.\"w\u{435}b\"]\n",
            "[devices.web1]\nhost = \"-oProxyCommand=x\"\n",
            "[devices.web1]\nhost = \"web1:22\"\n",
            "[devices.web1]\nhost = \"%h\"\n",
            "[devices.web1]\nuser = \"root;id\"\n",
            "[devices.web1]\nport = 0\n",
            "[devices.web1]\nport = 65536\n",
            "[devices.web1]\nproxy = \"x\"\n",
            "devices = 3\n",
            "[devices]\nweb1 = 3\n",
            "[devices.a]\ndefault = true\n[devices.b]\ndefault = true\n",
            "default = \"web 1\"\n",
            "targets = \"some\"\n",
            "[timeouts]\nconnect = \"0s\"\n",
            "[timeouts]\nbanner = \"3s\"\n",
            "[ssh]\nconfig = \"ssh_config\"\n",
        ] {
            assert!(!wrong(text).remedy.is_empty(), "{text}");
        }
    }
}
