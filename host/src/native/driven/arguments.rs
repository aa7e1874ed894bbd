//! The arguments of the user's ssh: built from what was resolved, and from nothing else.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::native::algorithms::Algorithms;
use crate::native::engine::UsersSsh;
use crate::native::settings::{Family, Settings};

/// Those of ours that not every ssh knows.
const NEWER: &str = "ForkAfterAuthentication,KnownHostsCommand";

/// Options whose values are ours, whatever a configuration says.
const FIXED: &[&str] = &[
    "ControlMaster=yes",
    "ControlPersist=no",
    "ClearAllForwardings=yes",
    "ExitOnForwardFailure=no",
    "PermitLocalCommand=no",
    "Tunnel=no",
    "ForwardX11=no",
    "UpdateHostKeys=no",
    "KnownHostsCommand=none",
    "VerifyHostKeyDNS=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "ForkAfterAuthentication=no",
    "BatchMode=no",
    "VisualHostKey=no",
];

/// A value that ssh would read as something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} holds what ssh cannot be given: {value:?}")]
pub(in crate::native) struct Unwritable {
    what: &'static str,
    value: OsString,
}

/// Returns the arguments of the ssh that holds a connection.
pub(in crate::native) fn master(
    ssh: &UsersSsh,
    settings: &Settings,
    socket: &Path,
) -> Result<Vec<OsString>, Unwritable> {
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(config) = &ssh.config {
        arguments.extend(["-F".into(), config.clone().into_os_string()]);
    }
    // `-v` is handed on to the ssh of each host on the way; no escape, no display, no terminal, no command.
    arguments.extend(["-v", "-N", "-T", "-e", "none", "-x"].map(OsString::from));
    match &settings.forwarded_agent {
        Some(agent) => arguments.extend(["-o".into(), path("ForwardAgent", agent)?]),
        None => arguments.push("-a".into()),
    }
    let mut option = |value: OsString| arguments.extend([OsString::from("-o"), value]);
    // The first word on it counts: what the configuration has ssh pass over, it passes over still.
    let ignored = ssh.ignored.as_deref().map(|it| format!(",{it}")).unwrap_or_default();
    option(format!("IgnoreUnknown={NEWER}{ignored}").into());
    FIXED.iter().for_each(|it| option(it.into()));
    option(path("ControlPath", socket)?);
    let new_keys = if ssh.takes_new_keys { "accept-new" } else { "yes" };
    option(format!("StrictHostKeyChecking={new_keys}").into());
    let family = settings.family;
    if family != Family::Any {
        option(format!("AddressFamily={family}").into());
    }
    let Settings { host, user, port, .. } = settings;
    option(word("HostName", host, Percent::Doubled)?);
    option(word("User", user, Percent::AsItIs)?);
    option(format!("Port={port}").into());
    if let Some(alias) = &settings.host_key_alias {
        option(word("HostKeyAlias", alias, Percent::AsItIs)?);
    }
    option(files("UserKnownHostsFile", &settings.known_hosts)?);
    option("GlobalKnownHostsFile=/dev/null".into());
    login(settings, &mut option)?;
    let limits = settings.limits;
    let seconds = |it: std::time::Duration| it.as_secs().max(1);
    option(format!("ConnectTimeout={}", seconds(limits.connect)).into());
    option(format!("ServerAliveInterval={}", seconds(limits.keepalive)).into());
    option(format!("ServerAliveCountMax={}", limits.keepalives_max.max(1)).into());
    old(&settings.algorithms).for_each(|it| option(it.into()));
    // What a device sets comes before its files, as when ssh was asked, and after what is settled.
    for (word, value) in ssh.options.iter().filter(|(word, _)| !SETTLED.contains(&word.as_str())) {
        if value.chars().any(char::is_control) {
            return Err(Unwritable { what: "an option of the device", value: value.into() });
        }
        option(format!("{word}={value}").into());
    }
    arguments.extend(["--".into(), ssh.alias.clone().into()]);
    Ok(arguments)
}

/// Options of a device that are part of what is settled; ssh would add a second one to the first.
const SETTLED: [&str; 2] = ["IdentityFile", "CertificateFile"];

/// Returns what allows old algorithms beside those that hold.
fn old(algorithms: &Algorithms) -> impl Iterator<Item = String> {
    let old = algorithms.old_beside();
    old.into_iter().map(|(word, list, old)| match list {
        Some(list) => {
            let more = old.split(',').filter(|it| !list.iter().any(|listed| listed == it));
            let all: Vec<&str> = list.iter().map(String::as_str).chain(more).collect();
            format!("{word}={}", all.join(","))
        }
        None => format!("{word}=+{old}"),
    })
}

/// Who logs in, and with what. No secret is among it.
fn login(settings: &Settings, option: &mut impl FnMut(OsString)) -> Result<(), Unwritable> {
    match &settings.agent {
        Some(agent) => option(path("IdentityAgent", agent)?),
        None => option("IdentityAgent=none".into()),
    }
    if settings.identities_only {
        option("IdentitiesOnly=yes".into());
    }
    if settings.identity_files.is_empty() {
        option("IdentityFile=none".into());
    }
    for file in &settings.identity_files {
        option(path("IdentityFile", file)?);
    }
    for file in &settings.certificate_files {
        option(path("CertificateFile", file)?);
    }
    Ok(())
}

/// What becomes of a `%`, which ssh puts something in for in some values and not in others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Percent {
    Doubled,
    AsItIs,
}

fn word(name: &'static str, value: &str, percent: Percent) -> Result<OsString, Unwritable> {
    written(name, OsStr::new(value), percent).map(|it| joined(name, &[it]))
}

fn path(name: &'static str, value: &Path) -> Result<OsString, Unwritable> {
    written(name, value.as_os_str(), Percent::Doubled).map(|it| joined(name, &[it]))
}

fn files(name: &'static str, files: &[impl AsRef<Path>]) -> Result<OsString, Unwritable> {
    let written: Result<Vec<_>, _> =
        files.iter().map(|it| written(name, it.as_ref().as_os_str(), Percent::Doubled)).collect();
    let written = written?;
    Ok(if written.is_empty() { format!("{name}=/dev/null").into() } else { joined(name, &written) })
}

fn joined(name: &str, values: &[Vec<u8>]) -> OsString {
    OsString::from_vec([name.as_bytes(), b"=", &values.join(&b' ')].concat())
}

/// Writes a value in quotes, so that nothing in it ends it or stands for something else.
fn written(what: &'static str, value: &OsStr, percent: Percent) -> Result<Vec<u8>, Unwritable> {
    let bytes = value.as_bytes();
    let is_sound = |it: &u8| !it.is_ascii_control() && !b"\"\\".contains(it);
    // There is no way to write that one.
    let is_variable = bytes.windows(2).any(|it| it == b"${");
    if bytes.is_empty() || !bytes.iter().all(is_sound) || is_variable {
        return Err(Unwritable { what, value: value.to_owned() });
    }
    let mut written = vec![b'"'];
    for byte in bytes {
        written.push(*byte);
        if *byte == b'%' && percent == Percent::Doubled {
            written.push(b'%');
        }
    }
    written.push(b'"');
    Ok(written)
}

#[cfg(test)]
mod tests {
    use crate::native::algorithms::Old;

    use super::*;

    fn ssh(state: &Path) -> UsersSsh {
        UsersSsh {
            program: "/usr/bin/ssh".into(),
            config: Some("/c".into()),
            alias: "web1".to_owned(),
            env: Vec::new(),
            state: crate::state_dir::StateDir::open(state).unwrap(),
            askpass: "/bin/false".into(),
            takes_new_keys: false,
            master: None,
            options: Vec::new(),
            ignored: None,
        }
    }

    fn lines(ssh: &UsersSsh, settings: &Settings) -> Result<Vec<String>, Unwritable> {
        let arguments = master(ssh, settings, Path::new("/s/m1"))?;
        Ok(arguments.into_iter().map(|it| it.into_string().unwrap()).collect())
    }

    #[test]
    fn every_argument_is_ours_and_what_was_named_stands_behind_the_dashes() {
        let folder = tempfile::tempdir().unwrap();
        let mut ssh = ssh(&folder.path().join("state"));
        let mut settings = Settings::new("10.0.0.5", 2222, "me");
        settings.identity_files = vec!["/k/a b%h".into()];
        settings.known_hosts = vec!["/k/known".into(), "/k/more".into()];
        let found = lines(&ssh, &settings).unwrap();
        assert_eq!(found[..2], ["-F", "/c"]);
        assert_eq!(found[found.len() - 2..], ["--", "web1"]);
        for wanted in FIXED.iter().copied().chain([
            "ControlPath=\"/s/m1\"",
            "StrictHostKeyChecking=yes",
            "HostName=\"10.0.0.5\"",
            "User=\"me\"",
            "Port=2222",
            "IdentityFile=\"/k/a b%%h\"",
            "UserKnownHostsFile=\"/k/known\" \"/k/more\"",
            "IdentityAgent=none",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=2",
        ]) {
            assert!(found.iter().any(|it| it == wanted), "{wanted}: {found:?}");
        }
        for wanted in ["-e", "none", "-x", "-a", "-N", "-T"] {
            assert!(found.iter().any(|it| it == wanted), "{wanted}: {found:?}");
        }
        // All that is no option of its own follows a -o.
        let named = |at: usize| found[at - 1] == "-o" || found[at - 1] == "-e" || found[at].starts_with('-');
        assert!((3..found.len() - 1).all(named), "{found:?}");
        assert!(found.contains(&format!("IgnoreUnknown={NEWER}")), "{found:?}");
        ssh.takes_new_keys = true;
        settings.forwarded_agent = Some("/a".into());
        let found = lines(&ssh, &settings).unwrap();
        assert!(!found.iter().any(|it| it == "-a"), "{found:?}");
        assert!(found.iter().any(|it| it == "ForwardAgent=\"/a\""), "{found:?}");
        assert!(found.iter().any(|it| it == "StrictHostKeyChecking=accept-new"), "{found:?}");
    }

    #[test]
    fn what_a_device_sets_reaches_ssh_behind_what_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let mut ssh = ssh(&folder.path().join("state"));
        let set = [("ProxyJump", "gate:2222"), ("Ciphers", "aes256-ctr"), ("IdentityFile", "/k/other")];
        ssh.options = set.map(|(word, value)| (word.to_owned(), value.to_owned())).to_vec();
        ssh.ignored = Some("UseKeychain".to_owned());
        let mut settings = Settings::new("10.0.0.5", 22, "me");
        let found = lines(&ssh, &settings).unwrap();
        let at = |line: &str| found.iter().position(|it| it == line);
        assert!(at("HostName=\"10.0.0.5\"") < at("ProxyJump=gate:2222"), "{found:?}");
        assert!(
            at("Ciphers=aes256-ctr").is_some() && !found.iter().any(|it| it.contains("/k/other")),
            "{found:?}"
        );
        // What is unknown to ssh is named before it is said.
        assert!(
            at(&format!("IgnoreUnknown={NEWER},UseKeychain")) < at("KnownHostsCommand=none"),
            "{found:?}"
        );
        settings.algorithms.old = Old::Allowed;
        settings.algorithms.ciphers = Some(vec!["aes256-ctr".to_owned(), "aes128-cbc".to_owned()]);
        let found = lines(&ssh, &settings).unwrap();
        let at = |line: &str| found.iter().position(|it| it == line);
        assert!(
            at("Ciphers=aes256-ctr,aes128-cbc,aes256-cbc,aes192-cbc") < at("Ciphers=aes256-ctr"),
            "{found:?}"
        );
        assert!(at("HostKeyAlgorithms=+ssh-rsa").is_some(), "{found:?}");
        ssh.options = vec![("ProxyCommand".to_owned(), "a\nb".to_owned())];
        assert!(lines(&ssh, &settings).is_err());
    }

    #[test]
    fn what_would_end_a_value_or_stand_for_another_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let ssh = ssh(&folder.path().join("state"));
        for file in ["/k\" -o ProxyCommand=x", "/k\nProxyCommand x", "/${HOME}/k", "/k\\"] {
            let mut settings = Settings::new("web1", 22, "me");
            settings.identity_files = vec![file.into()];
            assert!(lines(&ssh, &settings).is_err(), "{file}");
            let settings = Settings::new("web1", 22, file);
            assert!(lines(&ssh, &settings).is_err(), "{file}");
        }
    }
}
