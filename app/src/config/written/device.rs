//! The devices of the config file.

use std::collections::BTreeMap;

use cotty_core::names::RunId;
use cotty_core::target;
use cotty_engine::hosts::device::{Auth, Keep, NewKeys, OPTIONS, SecretFrom, checked_option};
use toml_edit::{Item, TableLike};

use super::draft::Draft;
use super::values::{
    Fault, boolean, duration, engine, fault, inner, known, names, number, path, text, variable,
};

const DEVICE: &[&str] = &[
    "group",
    "host",
    "port",
    "user",
    "auth",
    "legacy",
    "engine",
    "forward_agent",
    "hide",
    "known_hosts",
    "strict_host_keys",
    "pass_env",
    "options",
    "connections",
    "term",
    "cols",
    "rows",
    "idle_timeout",
    "label",
    "tags",
    "startup",
    "default",
];
/// What is one device's own, and not to be said for several.
const OWN: &[&str] = &["group", "host", "connections", "default"];
/// What a connection has from its device.
const OF_DEVICE: &[&str] = &["group", "connections"];
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
pub(super) fn devices(table: &dyn TableLike) -> Result<BTreeMap<String, Draft>, Fault> {
    let mut devices = BTreeMap::<String, Draft>::new();
    for (name, item) in table.iter() {
        check_name(table, name, item, "device", "devices.NAME")?;
        let alike = |it: &&String| it.eq_ignore_ascii_case(name);
        if let Some(other) = devices.keys().find(alike) {
            let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span()).unwrap_or(0..0);
            let what = format!("{name} and {other} are one name to whoever reads them");
            return Err((span, what, "Give one of them another name".to_owned()));
        }
        let prefix = format!("devices.{name}");
        devices.insert(name.to_owned(), device(&prefix, inner(&prefix, item)?, &[])?);
    }
    one_default(table, &devices)?;
    Ok(devices)
}

/// Reads the table of groups: what is said of one holds for each of its devices that does not say otherwise.
pub(super) fn groups(table: &dyn TableLike) -> Result<BTreeMap<String, Draft>, Fault> {
    let mut groups = BTreeMap::new();
    for (name, item) in table.iter() {
        check_name(table, name, item, "group", "groups.NAME")?;
        let prefix = format!("groups.{name}");
        groups.insert(name.to_owned(), device(&prefix, inner(&prefix, item)?, OWN)?);
    }
    Ok(groups)
}

/// Reads what is said for all devices.
pub(super) fn defaults(table: &dyn TableLike) -> Result<Draft, Fault> {
    device("defaults", table, OWN)
}

fn check_name(
    table: &dyn TableLike,
    name: &str,
    item: &Item,
    what: &str,
    table_name: &str,
) -> Result<(), Fault> {
    let wrong = |why: String| {
        let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
        let remedy = format!("Write [{table_name}] with letters, digits and . _ -");
        (span.unwrap_or(0..0), format!("the {what}'s name {why}"), remedy)
    };
    match target::host(name) {
        Ok(read) if read != name => Err(wrong(format!("{name:?} is an address"))),
        Ok(_) if name.contains(':') => Err(wrong(format!("{name:?} is an address"))),
        Ok(_) if [target::LOCAL, "all"].contains(&name) || name.parse::<RunId>().is_ok() => {
            Err(wrong(format!("{name:?} means something else already")))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn one_default(table: &dyn TableLike, devices: &BTreeMap<String, Draft>) -> Result<(), Fault> {
    let mut defaults = devices.iter().filter(|(_, it)| it.defaults.default == Some(true));
    let (Some((first, _)), Some((second, _))) = (defaults.next(), defaults.next()) else { return Ok(()) };
    let span = table.get(second).and_then(Item::span).unwrap_or(0..0);
    let what = format!("{first} and {second} are both the default");
    Err((span, what, "Write default = true for one of them".to_owned()))
}

fn device(prefix: &str, table: &dyn TableLike, not: &[&str]) -> Result<Draft, Fault> {
    no_secrets(table)?;
    let keys: Vec<&str> = DEVICE.iter().filter(|it| !not.contains(it)).copied().collect();
    let mut device = Draft::default();
    for (key, item) in known(table, &format!("{prefix}."), &keys)? {
        let defaults = &mut device.defaults;
        match key {
            "group" => device.group = Some(text(key, item)?),
            "host" => device.host = Some(host(key, item)?),
            "port" => device.port = Some(number(key, item, 1, 65535)?),
            "user" => device.user = Some(user(key, item)?),
            "forward_agent" => device.forward_agent = Some(boolean(key, item)?),
            "hide" => device.hide = Some(boolean(key, item)?),
            "engine" => device.engine = Some(engine(key, item)?),
            "legacy" => device.legacy = Some(boolean(key, item)?),
            "auth" => device.auth = Some(auth(prefix, inner(key, item)?)?),
            "known_hosts" => device.known_hosts = Some(path(key, item)?),
            "strict_host_keys" => device.new_keys = Some(new_keys(key, item)?),
            "pass_env" => device.pass_env = names(key, item)?,
            "options" => device.options = options(prefix, inner(key, item)?)?,
            "connections" => device.connections = connections(prefix, inner(key, item)?)?,
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

/// Other ways in to the same device, each with a name of its own.
fn connections(prefix: &str, table: &dyn TableLike) -> Result<BTreeMap<String, Draft>, Fault> {
    let mut connections = BTreeMap::new();
    for (name, item) in table.iter() {
        check_name(table, name, item, "connection", &format!("{prefix}.connections.NAME"))?;
        let prefix = format!("{prefix}.connections.{name}");
        connections.insert(name.to_owned(), device(&prefix, inner(&prefix, item)?, OF_DEVICE)?);
    }
    Ok(connections)
}

/// Words of ssh's configuration, each with its value or several.
fn options(prefix: &str, table: &dyn TableLike) -> Result<BTreeMap<String, Vec<String>>, Fault> {
    let mut options = BTreeMap::new();
    for (word, item) in table.iter() {
        let said = |item: &toml_edit::Value| match item {
            toml_edit::Value::String(it) => Some(it.value().clone()),
            toml_edit::Value::Integer(it) => Some(it.value().to_string()),
            toml_edit::Value::Boolean(it) => Some(if *it.value() { "yes" } else { "no" }.to_owned()),
            _ => None,
        };
        let values: Option<Vec<String>> = match item.as_value() {
            Some(toml_edit::Value::Array(list)) => list.iter().map(said).collect(),
            Some(value) => said(value).map(|it| vec![it]),
            None => None,
        };
        let values = values.filter(|it| !it.is_empty()).ok_or_else(|| {
            fault(item, word, "a text, a number, true, false, or a list", &format!("Write {word} = \"…\""))
        })?;
        let mut name = word;
        for value in &values {
            name = checked_option(word, value).map_err(|why| {
                let span = table.key(word).and_then(toml_edit::Key::span).or_else(|| item.span());
                let remedy = format!("The options here are {}", OPTIONS.join(", "));
                (span.unwrap_or(0..0), format!("{prefix}.options: {why}"), remedy)
            })?;
        }
        options.insert(name.to_owned(), values);
    }
    Ok(options)
}

fn new_keys(key: &str, item: &Item) -> Result<NewKeys, Fault> {
    match item.as_str() {
        Some("yes") => Ok(NewKeys::Asked),
        Some("accept-new") => Ok(NewKeys::Taken),
        _ => Err(fault(
            item,
            key,
            "\"yes\" or \"accept-new\"",
            &format!(
                "Write {key} = \"yes\": a person is asked about a new key; a changed one is refused in any case"
            ),
        )),
    }
}

fn auth(prefix: &str, table: &dyn TableLike) -> Result<Auth, Fault> {
    no_secrets(table)?;
    let mut auth = Auth::default();
    for (key, item) in known(table, &format!("{prefix}.auth."), AUTH)? {
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
        let devices = Written::parse(text).unwrap().devices();
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
        for text in [
            "policy = \"strict\"\n",
            "[devices.web1.rules]\n",
            "[defaults]\napprovals = true\n",
            "[groups.web.policy]\n",
        ] {
            let found = wrong(text);
            assert!(found.what.contains("is known and not enforced yet"), "{found:?}");
        }
    }

    #[test]
    fn a_program_that_nothing_starts_yet_is_refused_and_one_that_is_started_is_taken() {
        for name in ["scp", "rsync", "tmux"] {
            let found = wrong(&format!("[programs]\n{name} = \"/usr/bin/{name}\"\n"));
            assert!(found.line == 2 && found.what.contains("nothing starts"), "{found:?}");
        }
        assert!(wrong("[programs]\nshh = \"/x\"\n").remedy.contains("programs.ssh"));
        assert!(wrong("[programs]\nssh = \"ssh\"\n").what.contains("ssh"));
        let text = "[programs]\nssh = \"/opt/ssh/bin/ssh\"\n";
        let config = crate::config::Config::from(Written::parse(text).unwrap());
        assert_eq!(config.ssh_program, Some("/opt/ssh/bin/ssh".into()));
        assert_eq!(crate::config::Config::from(Written::parse(&config.to_toml()).unwrap()), config);
    }

    #[test]
    fn a_secret_may_be_told_by_a_program_or_the_keyring() {
        let text = "[devices.web1.auth]\npassword_command = [\"/usr/bin/pass\", \"show\", \"web 1\"]\n\
                    passphrase_keyring = true\nkeep_for_reconnect = \"never\"\n";
        let auth = Written::parse(text).unwrap().devices()["web1"].auth.clone().unwrap();
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
    fn a_device_has_from_its_group_and_from_what_is_said_for_all_what_it_does_not_say_itself() {
        let text = "[defaults]\nuser = \"me\"\nport = 2222\ntags = [\"all-of-them\"]\noptions = { ConnectTimeout = 7, Ciphers = \"a\" }\n\
                    [groups.web]\nuser = \"deploy\"\nlegacy = true\ntags = [\"web\"]\nauth = { key = \"/k\" }\n\
                    [devices.shop]\ngroup = \"web\"\nhost = \"10.0.0.5\"\nlegacy = false\noptions = { ciphers = \"b\", SendEnv = [\"A\", \"B\"] }\n\
                    [devices.shop.connections.admin]\nuser = \"root\"\nknown_hosts = \"~/kh\"\nstrict_host_keys = \"accept-new\"\n\
                    [devices.db.connections.dump]\nport = 22\n";
        let devices = Written::parse(text).unwrap().devices();
        let shop = &devices["shop"];
        assert_eq!((shop.user.as_deref(), shop.port, shop.legacy), (Some("deploy"), Some(2222), false));
        assert_eq!(shop.tags, ["web", "all-of-them"]);
        let options: Vec<(&str, &str)> = shop.options.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(options, [("Ciphers", "b"), ("ConnectTimeout", "7"), ("SendEnv", "A"), ("SendEnv", "B")]);
        let admin = &devices["shop/admin"];
        assert_eq!((admin.host.as_deref(), admin.user.as_deref()), (Some("10.0.0.5"), Some("root")));
        assert_eq!((admin.new_keys, admin.auth.clone()), (Some(NewKeys::Taken), shop.auth.clone()));
        let dump = &devices["db/dump"];
        assert_eq!((dump.host.as_deref(), dump.port, devices["db"].port), (Some("db"), Some(22), Some(2222)));
        let config = crate::config::Config::from(Written::parse(text).unwrap());
        let again = crate::config::Config::from(Written::parse(&config.to_toml()).unwrap());
        assert_eq!(again, config);
    }

    #[test]
    fn what_is_one_devices_own_is_said_for_none_else_and_no_option_is_more_than_an_option() {
        for text in [
            "[defaults]\nhost = \"x\"\n",
            "[defaults]\ndefault = true\n",
            "[groups.web]\ngroup = \"x\"\n",
            "[groups.\"a/b\"]\n",
            "[devices.\"a/b\"]\n",
            "[devices.a.connections.b.connections.c]\n",
            "[devices.a.connections.\"-o\"]\n",
            "[devices.a.connections.b]\ngroup = \"x\"\n",
            "[devices.a]\n[devices.A]\n",
            "[devices.a]\n[devices.a]\n",
            "[devices.a]\noptions = { LocalCommand = \"x\" }\n",
            "[devices.a]\noptions = { ProxyCommand = \"x\\nLocalCommand y\" }\n",
            "[devices.a]\noptions = { ProxyJump = {} }\n",
            "[devices.a]\noptions = { ConnectTimeout = \"soon\" }\n",
            "[devices.a]\noptions = 3\n",
            "[devices.a]\nstrict_host_keys = \"no\"\n",
            "[devices.a]\nknown_hosts = \"kh\"\n",
            "[devices.a]\npass_env = [\"A=B\"]\n",
        ] {
            assert!(!wrong(text).remedy.is_empty(), "{text}");
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
