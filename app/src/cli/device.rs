//! `cotty device add`, `remove` and `default`: a person changes which hosts the config names. All else in the file, and
//! every comment, stays as it is.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use cotty_core::refusal::Refusal;
use cotty_core::target::{Remote, Target};
use cotty_wire::api::{Daemon, Failure, Query};
use toml_edit::{DocumentMut, Item, Table, value};

use crate::cli::client::Client;
use crate::cli::print;
use crate::config::Written;

/// What is done to the devices of the config.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Names a host.
    Add { name: String, target: Option<String>, label: Option<String> },
    /// Forgets one.
    Remove { name: String },
    /// Opens it where nothing is named.
    Default { name: String },
}

/// Changes the config file, and says what became of it.
pub(crate) async fn change(client: &Client, path: &Path, change: Change) -> Result<ExitCode, Failure> {
    person_only(client).await?;
    let refused = |refusal: Refusal| Failure::from(&refusal);
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(refused(unwritten(path, &error))),
    };
    let (after, said) = changed(&before, &change).map_err(refused)?;
    write(path, &after).map_err(|error| refused(unwritten(path, &error)))?;
    print::line(&said);
    Ok(ExitCode::SUCCESS)
}

/// Only the daemon can tell who we are.
async fn person_only(client: &Client) -> Result<(), Failure> {
    let daemon: Daemon = client.get("daemon", &Query::default()).await?;
    if daemon.you.role == "operator" {
        return Ok(());
    }
    Err(Failure::from(&Refusal::PersonOnly { what: "device", because: daemon.because }))
}

/// Returns the file's text after a change, if it is right then.
fn changed(before: &str, change: &Change) -> Result<(String, String), Refusal> {
    let wrong = |why: String| Refusal::Config { why, remedy: "Mend it first: cotty config check".to_owned() };
    let mut document: DocumentMut = before.parse().map_err(|error: toml_edit::TomlError| {
        wrong(format!("the config cannot be changed: {}", error.message().trim()))
    })?;
    let said = match change {
        Change::Add { name, target, label } => add(&mut document, name, target.as_deref(), label.as_deref())?,
        Change::Remove { name } => {
            let devices = document.get_mut("devices").and_then(Item::as_table_like_mut);
            if devices.and_then(|it| it.remove(name)).is_none() {
                return Err(missing(name));
            }
            format!("Device {name} is removed.")
        }
        Change::Default { name } => {
            if !names(&document, name) {
                return Err(missing(name));
            }
            document["default"] = value(name);
            format!("{name} is what is opened when nothing is named, from the next start of the daemon on.")
        }
    };
    let after = document.to_string();
    Written::parse(&after)
        .map_err(|it| wrong(format!("it would be wrong: line {}: {}", it.line, it.what)))?;
    Ok((after, said))
}

/// Says whether a device is named, or a connection of one.
fn names(document: &DocumentMut, name: &str) -> bool {
    let (name, connection) = name.split_once('/').map_or((name, None), |(name, it)| (name, Some(it)));
    let devices = document.get("devices").and_then(Item::as_table_like);
    let Some(device) = devices.and_then(|it| it.get(name)).and_then(Item::as_table_like) else {
        return false;
    };
    connection.is_none_or(|it| {
        device.get("connections").and_then(Item::as_table_like).is_some_and(|all| all.contains_key(it))
    })
}

fn add(
    document: &mut DocumentMut,
    name: &str,
    target: Option<&str>,
    label: Option<&str>,
) -> Result<String, Refusal> {
    let remote = |text: &str| match text.parse::<Target>()? {
        Target::Remote(remote) => Ok::<Remote, Refusal>(remote),
        Target::Local => {
            let why = "local is this machine, and needs no device".to_owned();
            Err(Refusal::InvalidArgument { what: "HOST", why })
        }
    };
    let device = remote(name)?;
    if !device.is_plain() {
        let why = format!("{name} is no name: the account and the port belong to HOST");
        return Err(Refusal::InvalidArgument { what: "NAME", why });
    }
    let mut table = Table::new();
    if let Some(target) = target {
        let remote = remote(target)?;
        table["host"] = value(remote.name());
        if let Some(port) = remote.port() {
            table["port"] = value(i64::from(port));
        }
        if let Some(user) = remote.user() {
            table["user"] = value(user);
        }
    }
    if let Some(label) = label {
        table["label"] = value(label);
    }
    let devices = document.entry("devices").or_insert_with(|| {
        let mut devices = Table::new();
        devices.set_implicit(true);
        Item::Table(devices)
    });
    let devices = devices.as_table_like_mut().ok_or_else(|| Refusal::Config {
        why: "devices is no table".to_owned(),
        remedy: "Write [devices.NAME]".to_owned(),
    })?;
    if devices.contains_key(name) {
        let (session, is) = (name.to_owned(), "a device of the config".to_owned());
        return Err(Refusal::NameTaken { session, is, wanted: "a new one".to_owned() });
    }
    devices.insert(name, Item::Table(table));
    Ok(format!("Device {name} is added. cotty up {name} opens it."))
}

fn missing(name: &str) -> Refusal {
    Refusal::InvalidArgument { what: "NAME", why: format!("the config names no device {name}") }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::Config {
        why: format!("{} could not be changed: {error}", path.display()),
        remedy: "Mend its permissions, or name another file in COTTY_CONFIG".to_owned(),
    }
}

/// Writes it beside, with the rights that it had, and puts it in its place.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // An empty file is taken for one that is being written.
    let text = if text.is_empty() { "# Nothing is configured.\n" } else { text };
    use std::os::unix::fs::OpenOptionsExt;
    // Where it is a link, the file that it leads to is the one.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension(format!("toml.{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| {
        if let Ok(about) = fs::metadata(path) {
            file.set_permissions(about.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if written.is_err() {
        fs::remove_file(&beside).ok();
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(name: &str, target: Option<&str>) -> Change {
        Change::Add { name: name.to_owned(), target: target.map(str::to_owned), label: None }
    }

    #[test]
    fn a_change_leaves_comments_and_order_as_they_are() {
        let before =
            "# mine\ntargets = \"any\" # for now\n\n[devices.db]\n# the old one\nhost = \"10.0.0.1\"\n";
        let (after, _) = changed(before, &add("shop", Some("deploy@10.0.0.5:2222"))).unwrap();
        assert!(after.starts_with(before), "{after}");
        assert!(
            after.ends_with("[devices.shop]\nhost = \"10.0.0.5\"\nport = 2222\nuser = \"deploy\"\n"),
            "{after}"
        );
        let (after, _) = changed(&after, &Change::Default { name: "shop".to_owned() }).unwrap();
        assert!(after.contains("default = \"shop\"") && after.contains("# for now"), "{after}");
        let (after, _) = changed(&after, &Change::Remove { name: "shop".to_owned() }).unwrap();
        assert!(!after.contains("[devices.shop]") && after.contains("# the old one"), "{after}");
        let (after, _) = changed("", &add("web1", None)).unwrap();
        assert_eq!(after, "[devices.web1]\n");
    }

    #[test]
    fn what_would_be_wrong_is_not_written() {
        for (before, change) in [
            ("", add("-oProxyCommand=x", None)),
            ("", add("all", None)),
            ("", add("local", None)),
            ("", add("me@web1", None)),
            ("", add("shop", Some("-oProxyCommand=x"))),
            ("", add("shop", Some("local"))),
            ("[devices.shop]\n", add("shop", None)),
            ("[devices\n", add("shop", None)),
            ("devices = 3\n", add("shop", None)),
            ("color = 3\n", add("shop", None)),
            ("", Change::Remove { name: "shop".to_owned() }),
            ("", Change::Default { name: "shop".to_owned() }),
        ] {
            assert!(changed(before, &change).is_err(), "{before:?} {change:?}");
        }
    }
}
