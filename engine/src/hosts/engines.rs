//! Which engine carries a connection, and why: our own, or the user's ssh where a person says so or nothing else would do.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use cotty_core::refusal::{HostRefusal, Refusal};
use cotty_host::native::engine::{Engine, UsersSsh};
use cotty_host::native::joined::{self, Found};
use cotty_host::native::settings::Settings;
use cotty_host::openssh::beyond::has_ticket;
use cotty_host::openssh::{Answer, NewKeys, OpenSsh};
use cotty_host::state_dir::StateDir;

use super::HostsSettings;
use super::device::Choice;
use super::lore::WhyRead;
use super::wanted::Wanted;
use crate::report::Caller;

/// What it takes to drive the user's ssh.
#[derive(Clone, Debug)]
pub struct Driving {
    /// Where the sockets of its connections lie.
    pub state: StateDir,
    /// The program that brings its questions to us.
    pub askpass: PathBuf,
}

/// The engine that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// It is the user's ssh.
    pub is_openssh: bool,
    /// Why.
    pub why: String,
}

/// What of a host's configuration only the user's ssh can do.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// What needs it, where something does.
    pub(super) word: Option<String>,
    /// The user's own master, which lives.
    pub(super) master: Option<PathBuf>,
    /// Where it is known from.
    pub(super) from: From,
    /// A key that no file knows is taken.
    pub(super) takes_new_keys: bool,
    /// The words that ssh's configuration has it pass over.
    pub(super) ignored: Option<String>,
}

/// Where it is known from what a host needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum From {
    /// ssh's configuration was not asked about it yet.
    #[default]
    Nowhere,
    /// ssh has said it.
    Asked,
    /// ssh's files were read by ourselves, for this reason: ssh is not started for it.
    Read(WhyRead),
}

impl fmt::Display for Chosen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", if self.is_openssh { "openssh" } else { "native" }, self.why)
    }
}

/// Finds what a host needs of the user's ssh, with what is to be said of it.
pub(super) async fn needs(
    ssh: &OpenSsh,
    wanted: &Wanted<'_>,
    answer: &Answer,
    settings: &Settings,
    caller: &Caller,
    notes: &mut Vec<String>,
) -> Needs {
    let takes_new_keys = answer.new_keys == NewKeys::Taken;
    let beyond = &answer.beyond;
    let ignored = beyond.ignored.clone();
    let mut needs = Needs { takes_new_keys, ignored, from: From::Asked, ..Needs::default() };
    if let Some(path) = &beyond.control_path {
        match joined::look(path).await {
            Found::Living => {
                needs.word = Some(format!("a master of yours lives at {}", path.display()));
                needs.master = Some(path.clone());
            }
            Found::Nothing => {}
            Found::Unsafe(why) => notes.push(format!("the master of ControlPath is not joined: {why}")),
        }
    }
    if let Some(word) = beyond.needs.first() {
        needs.word.get_or_insert_with(|| format!("ssh's configuration sets {word} for {}", wanted.host));
    }
    if needs.word.is_none() && beyond.gssapi && wanted.auth().is_none() && has_nothing(settings).await {
        let env = environment(ssh, caller);
        if has_ticket(ssh, &env).await {
            needs.word =
                Some("GSSAPIAuthentication is on, there is a ticket, and no key or agent".to_owned());
        }
    }
    needs
}

/// Says whether there is neither a key nor an agent.
async fn has_nothing(settings: &Settings) -> bool {
    if settings.agent.is_some() {
        return false;
    }
    let files = settings.identity_files.clone();
    // Homes may lie on a slow disk.
    let looked = tokio::task::spawn_blocking(move || !files.iter().any(|it| it.exists()));
    looked.await.unwrap_or(false)
}

/// Chooses: what a person says, or what is needed.
pub(super) fn choose(house: &HostsSettings, wanted: &Wanted<'_>, needs: &Needs) -> Chosen {
    let of_device = wanted.device.and_then(|(_, device)| device.engine);
    let choice = of_device.unwrap_or(house.engine);
    let who = if of_device.is_some() { "the device says so" } else { "the config says so" };
    let (is_openssh, why) = match (choice, &needs.word) {
        (Choice::OpenSsh, _) => (true, who.to_owned()),
        (Choice::Auto, Some(need)) => (true, need.clone()),
        (Choice::Auto, None) => (false, unneeded(needs.from).to_owned()),
        (Choice::Native, Some(need)) => (false, format!("{who}, though {need}")),
        (Choice::Native, None) => (false, who.to_owned()),
    };
    Chosen { is_openssh, why }
}

fn unneeded(from: From) -> &'static str {
    match from {
        From::Nowhere => "ssh's configuration was not asked yet whether more is needed",
        From::Asked => "nothing here needs the user's ssh",
        From::Read(WhyRead::Unfamiliar) => {
            "the user's ssh is not started for a name that only an agent has said"
        }
        From::Read(WhyRead::NotInstalled) => "there is no ssh here",
    }
}

/// Makes the engine of what was chosen.
///
/// # Errors
///
/// Says why the user's ssh cannot be driven for this name.
pub(super) fn engine(
    house: &HostsSettings,
    wanted: &Wanted<'_>,
    caller: &Caller,
    needs: &Needs,
    chosen: &Chosen,
) -> Result<Engine, Refusal> {
    if !chosen.is_openssh {
        return Ok(Engine::Native);
    }
    if needs.from == From::Read(WhyRead::Unfamiliar) {
        // It would read its configuration, which may run programs, for a word that nobody but an agent has said.
        let (target, word) = (wanted.target.to_string(), "engine = openssh");
        return Err(Box::new(HostRefusal::Unfamiliar { target, word }).into());
    }
    let (Some(program), Some(driving)) = (&house.ssh.program, &house.driving) else {
        return Err(Refusal::Config {
            why: format!(
                "{} is to be reached by the user's ssh, and there is none in {}",
                wanted.target, house.ssh.path
            ),
            remedy: "Install it, name where it is with ssh.path, or write engine = \"native\"".to_owned(),
        });
    };
    // Variables of a device's own word are sent where ssh is told their names.
    let passed = wanted.device.iter().flat_map(|(_, device)| &device.pass_env);
    let passed = passed.map(|it| ("SendEnv".to_owned(), it.clone()));
    Ok(Engine::OpenSsh(Box::new(UsersSsh {
        program: program.clone(),
        config: house.ssh.config.as_ref().map(|it| house.ssh.expanded(it)),
        alias: wanted.host.to_owned(),
        env: environment(&house.ssh, caller),
        state: driving.state.clone(),
        askpass: driving.askpass.clone(),
        takes_new_keys: needs.takes_new_keys,
        master: needs.master.clone(),
        options: wanted.options().iter().cloned().chain(passed).collect(),
        ignored: needs.ignored.clone(),
    })))
}

/// What a program of ssh's gets: what we give every program, the caller's agent and what the config passes on.
pub(super) fn environment(ssh: &OpenSsh, caller: &Caller) -> Vec<(OsString, OsString)> {
    let mut env = ssh.environment();
    for (name, value) in &caller.env {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), value.clone()));
    }
    env
}
