//! What ssh's configuration asks for beyond host, account and key: the program on the way, variables, what is started, and
//! what of it is said to the caller.

use std::sync::Arc;

use cotty_core::refusal::Refusal;
use cotty_host::glob::{self, Letters};
use cotty_host::native::program::Program;
use cotty_host::native::settings::{Settings, UnknownKeys};
use cotty_host::openssh::{Answer, NewKeys, OpenSsh};

use super::lore::WhyRead;
use super::wanted::{Wanted, wrong};
use crate::report::Caller;

/// How what our own engine does not honour is told.
pub(super) const UNHONOURED: &str = "ssh's configuration sets";

/// What the user's ssh is told not to do, whatever its configuration says.
const KEPT_FROM_SSH: [&str; 9] = [
    "DynamicForward",
    "ForwardAgent",
    "ForwardX11",
    "KnownHostsCommand (it is not run)",
    "LocalCommand (it is not run)",
    "LocalForward",
    "RemoteForward",
    "RequestTTY no (a session is a terminal; isolated commands have none)",
    "Tunnel",
];

/// Returns what is left to say where the user's ssh connects, which does most of what our own engine does not.
pub(super) fn by_ssh(note: String) -> Option<String> {
    let Some((begin, words)) = note.split_once(": ").filter(|_| note.starts_with(UNHONOURED)) else {
        return Some(note);
    };
    let left: Vec<&str> = words.split(", ").filter(|it| KEPT_FROM_SSH.contains(it)).collect();
    (!left.is_empty()).then(|| format!("{begin}: {}", left.join(", ")))
}

/// What every distribution passes on: nobody meant anything by it.
const STOCK: [&str; 4] = ["LANG", "LC_*", "COLORTERM", "NO_COLOR"];

/// What is asked for in the place of a plain login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Variables that the server is asked to set; it need not.
    pub(crate) env: Vec<(String, String)>,
    /// What is started in a session in place of the account's shell.
    pub(crate) command: Option<String>,
}

/// Returns the program that is the way to a host, where there is one. It gets what we give every program, the caller's agent
/// and what the config passes on.
pub(super) fn program(ssh: &OpenSsh, answer: &Answer, caller: &Caller) -> Option<Program> {
    let line = answer.proxy_command.clone()?;
    Some(Program { shell: ssh.shell.clone(), line, env: super::engines::environment(ssh, caller) })
}

/// Returns what becomes of a key that no file knows.
pub(super) fn unknown_keys(answer: &Answer) -> UnknownKeys {
    let taken = answer.new_keys == NewKeys::Taken;
    Arc::new(move |_| taken)
}

/// Returns what a login there is asked for, as ssh would ask.
pub(super) fn asked(answer: &Answer, caller: &Caller) -> Asked {
    let is_sent = |name: &str| {
        answer.send_env.iter().any(|it| glob::matches(it.as_bytes(), name.as_bytes(), Letters::AsWritten))
    };
    let texts = caller.env.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    let sent = texts.filter(|(name, _)| is_sent(name) && *name != super::AGENT_VARIABLE);
    let sent = sent.map(|(name, value)| (name.to_owned(), value.to_owned()));
    // What is set comes last: it has the last word.
    Asked { env: sent.chain(answer.set_env.clone()).collect(), command: answer.remote_command.clone() }
}

/// Says what of ssh's configuration a caller should know.
pub(super) fn notes(wanted: &Wanted, answer: &Answer, caller: &Caller) -> Vec<String> {
    let mut notes = Vec::new();
    if !answer.unhonoured.is_empty() {
        let words = answer.unhonoured.join(", ");
        notes.push(format!("{UNHONOURED} for {}, and it is not honoured: {words}", wanted.host));
    }
    let is_known = |name: &str| caller.env.iter().any(|(it, _)| it == name);
    let unknown = |name: &&String| {
        !name.contains(['*', '?']) && !STOCK.contains(&name.as_str()) && !is_known(name.as_str())
    };
    let unsent: Vec<&str> = answer.send_env.iter().filter(unknown).map(String::as_str).collect();
    if !unsent.is_empty() {
        let names = unsent.join(", ");
        notes.push(format!(
            "SendEnv names what this client has not, or pass_env of the config leaves out: {names}"
        ));
    }
    if answer.new_keys == NewKeys::Taken {
        let says = match wanted.device.and_then(|(_, device)| device.new_keys) {
            Some(_) => "strict_host_keys of the config",
            None => "StrictHostKeyChecking of ssh's configuration",
        };
        notes.push(format!(
            "{says} lets a key of {} be taken that no file knows; a changed one is refused",
            wanted.host
        ));
    }
    if let Some(command) = &answer.remote_command {
        let command = crate::texts::one_line(command);
        notes.push(format!("RemoteCommand of ssh's configuration is what sessions there start: {command}"));
    }
    notes
}

/// Says why ssh's files were read by ourselves, and what was left out of them.
pub(super) fn why_read(wanted: &Wanted, why: WhyRead, skipped: &[String]) -> String {
    let host = wanted.host;
    let mut words = match why {
        WhyRead::Unfamiliar => format!(
            "{host} is no device, no Host of ssh's configuration and in no known_hosts: ssh was not asked, and its files were only read"
        ),
        WhyRead::NotInstalled => {
            "ssh is not installed here, so it was not asked: its files were only read".to_owned()
        }
    };
    if !skipped.is_empty() {
        words += &format!("; left out is {}", skipped.join(", "));
    }
    words
}

/// Checks what nothing would be without.
pub(super) fn check(wanted: &Wanted, answer: &Answer) -> Result<(), Refusal> {
    for (word, value) in [("HostName", &answer.hostname), ("User", &answer.user)] {
        if value.is_empty() || !value.bytes().all(|it| it.is_ascii_graphic()) {
            return Err(wrong(wanted, &format!("{word} {value:?} is not plain text")));
        }
    }
    if let Some(word) = answer.unreadable {
        let why = format!("{word} has a % or a ${{}} in it that is not known there");
        return Err(wrong(wanted, &why));
    }
    // Both stand in a line that a shell reads.
    let plain = |it: &str| it.bytes().all(|it| it.is_ascii_alphanumeric() || b"._-:%+@\\".contains(&it));
    if answer.proxy_command.is_some() && (!plain(&answer.hostname) || !plain(&answer.user)) {
        let why = "HostName or User holds what a shell would take for its own, beside a ProxyCommand";
        return Err(wrong(wanted, why));
    }
    Ok(())
}

/// Puts what holds for the way and the key into settings.
pub(super) fn settings(ssh: &OpenSsh, answer: &Answer, caller: &Caller, settings: Settings) -> Settings {
    Settings {
        unknown_keys: unknown_keys(answer),
        revoked_keys: answer.revoked_host_keys.clone(),
        algorithms: answer.algorithms.clone(),
        certificate_files: answer.certificate_files.clone(),
        program: program(ssh, answer, caller),
        family: answer.family,
        bind_address: answer.bind_address.clone(),
        ..settings
    }
}
