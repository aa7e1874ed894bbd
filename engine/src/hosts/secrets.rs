//! Where the secrets of a device come from. They are had when a login needs them, and not before.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cotty_core::target::host_port;
use cotty_host::native::secret::Bound;
use cotty_host::native::secret::command::{NoLine, Teller};
use cotty_host::native::settings::{NoSecret, SecretSource};

use super::AGENT_VARIABLE;
use super::device::{BUS_VARIABLE, SecretFrom};
use super::lore::Lore;
use super::wanted::agent_of;
use crate::report::{Caller, Secret};

/// A program may have to ask its owner.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// A keyring that answers does so at once; one that asks its owner on a screen would wait for ever.
const KEYRING_LIMIT: Duration = Duration::from_secs(5);
/// Where programs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a source is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A login: it is had.
    Login,
    /// A look: nothing is started for it.
    Look,
}

/// What the secret is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Password,
    Passphrase,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passphrase => "passphrase",
        }
    }
}

/// Makes a source of a secret for a login that this caller asked for.
pub(super) fn source(
    from: &SecretFrom,
    purpose: Purpose,
    caller: &Caller,
    lore: &Lore,
    wanted: Use,
) -> SecretSource {
    let not_tried = |what: String| -> SecretSource {
        Arc::new(move |_| Err(NoSecret::Unreadable(format!("{what} is asked when a login needs it"))))
    };
    match (from, wanted) {
        (SecretFrom::Variable(name), _) => {
            let found = variable(caller, name);
            let name = name.clone();
            Arc::new(move |_| found.clone().ok_or_else(|| NoSecret::Variable(name.clone())))
        }
        (SecretFrom::Environment { secret, .. }, _) => {
            let secret = secret.clone();
            Arc::new(move |_| Ok(secret.clone()))
        }
        (SecretFrom::File(file), _) => {
            let file = lore.expanded(file);
            Arc::new(move |_| Secret::of_file(&file).map_err(NoSecret::Unreadable))
        }
        (SecretFrom::Command(argv), Use::Look) => not_tried(argv.first().cloned().unwrap_or_default()),
        (SecretFrom::Keyring(_), Use::Look) => not_tried("the keyring".to_owned()),
        (SecretFrom::Command(argv), Use::Login) => {
            let teller = teller(argv.clone(), COMMAND_LIMIT, caller, lore);
            Arc::new(move |_| {
                Secret::of_program(&teller).map_err(|error| NoSecret::Unreadable(error.to_string()))
            })
        }
        (SecretFrom::Keyring(tool), Use::Login) => {
            let teller = teller(vec![tool.display().to_string()], KEYRING_LIMIT, caller, lore);
            Arc::new(move |bound| {
                let mut teller = teller.clone();
                teller.argv.extend(lookup(bound, purpose));
                Secret::of_program(&teller).map_err(|error| NoSecret::Unreadable(keyring_words(&error)))
            })
        }
    }
}

fn variable(caller: &Caller, name: &str) -> Option<Secret> {
    caller.secrets.iter().find(|(it, _)| it == name).map(|(_, secret)| secret.clone())
}

/// What is asked of the keyring: the secret of one account of one host with one key.
fn lookup(bound: &Bound, purpose: Purpose) -> Vec<String> {
    let account = format!("{}@{}", bound.user, host_port(&bound.host, bound.port));
    let words =
        ["lookup", "service", "cotty", "account", &account, "key", &bound.key, "purpose", purpose.word()];
    words.map(str::to_owned).to_vec()
}

/// `secret-tool` says nothing where there is no such item, and complains where there is no keyring.
fn keyring_words(error: &NoLine) -> String {
    match error {
        NoLine::NotStarted { program, why } => {
            format!(
                "the keyring cannot be asked: {program} cannot be started ({why}); libsecret-tools has it"
            )
        }
        NoLine::Hangs { limit, .. } => format!(
            "the keyring did not answer within {} s: it may be locked, and asks on a screen to be unlocked",
            limit.as_secs()
        ),
        NoLine::Failed { complaint, .. } if complaint.is_empty() => {
            "the keyring has no such secret, or is locked".to_owned()
        }
        NoLine::Failed { complaint, .. } => format!("there is no keyring that answers: {complaint}"),
        NoLine::Nothing { .. } | NoLine::TooLong { .. } | NoLine::NotText { .. } => {
            format!("the keyring's answer is no secret: {error}")
        }
    }
}

/// A program in an environment of our making: what a login shell has, the caller's agent and its bus.
fn teller(argv: Vec<String>, limit: Duration, caller: &Caller, lore: &Lore) -> Teller {
    let (home, user) = lore.account();
    let mut env: Vec<(OsString, OsString)> = vec![
        ("HOME".into(), home.clone().into_os_string()),
        ("USER".into(), user.clone().into()),
        ("LOGNAME".into(), user.into()),
        ("SHELL".into(), "/bin/sh".into()),
        ("LANG".into(), "C.UTF-8".into()),
        ("PATH".into(), PATH.into()),
    ];
    env.extend(agent_of(caller).map(|it| (AGENT_VARIABLE.into(), it.into_os_string())));
    if let Some(bus) = variable(caller, BUS_VARIABLE) {
        env.push((BUS_VARIABLE.into(), bus.reveal().into()));
    }
    let runtime = std::fs::metadata(&home).map(|it| PathBuf::from(format!("/run/user/{}", it.uid())));
    if let Some(runtime) = runtime.ok().filter(|it| it.is_dir()) {
        env.push(("XDG_RUNTIME_DIR".into(), runtime.into_os_string()));
    }
    // What a person lets through is theirs to choose.
    let passed = caller.env.iter().filter(|(name, _)| *name != AGENT_VARIABLE);
    env.extend(passed.cloned());
    Teller { argv, env, directory: home, limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyring_is_asked_for_one_account_of_one_host_with_one_key() {
        let bound = Bound { user: "me".into(), host: "::1".into(), port: 22, key: "SHA256:abc".into() };
        let words = lookup(&bound, Purpose::Password).join(" ");
        assert_eq!(words, "lookup service cotty account me@[::1]:22 key SHA256:abc purpose password");
    }
}
