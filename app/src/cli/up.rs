//! `cotty up` and `cotty ssh`: opens or finds a session, says how an agent gets to it, and attaches the terminal.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;

use cotty_core::refusal::Refusal;
use cotty_core::target::Target;
use cotty_wire::api::{Connect, Connected, Failure};
use cotty_wire::socket::{FromClient, FromServer};

use crate::cli::asking::{Waited, wait_for};
use crate::cli::client::{Client, internal};
use crate::cli::setup::Snippets;
use crate::cli::{attach, print};
use crate::instance::Instance;

/// How long a shell has for its first prompt before we go on without it: attaching works meanwhile.
const FIRST_PROMPT_MS: u64 = 2000;

/// What `up` takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Up {
    /// A session's name or a host, whichever it is.
    pub(crate) word: Option<String>,
    /// What it is opened on; the word is a name then.
    pub(crate) target: Option<String>,
    pub(crate) shell: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) detached: bool,
}

/// What `ssh` takes: the habits of ssh.
#[derive(Clone, Debug)]
pub(crate) struct Ssh {
    pub(crate) host: String,
    pub(crate) user: Option<String>,
    pub(crate) port: Option<u16>,
}

/// Opens or finds a session and attaches the terminal, where there is one.
pub(crate) async fn up(client: Client, order: Up, json: bool) -> Result<ExitCode, Failure> {
    let at_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let (word, is_detached) = (order.word.clone(), order.detached);
    let connected = match opened(&client, order, at_terminal).await? {
        Ok(connected) => connected,
        Err(given_up) => return Ok(given_up),
    };
    if json {
        print::document(&connected)?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = connected.session.name.clone();
    say(&connected, word.as_deref(), &client.instance);
    if at_terminal && !is_detached {
        return attach::attach(client, &name).await;
    }
    print::line(&format!("Attach with: cotty attach {name}"));
    Ok(ExitCode::SUCCESS)
}

/// Makes a target of what ssh would take apart. Nothing of it can become an option of anything.
pub(crate) fn target(ssh: &Ssh) -> Result<String, Failure> {
    let refused = |refusal: Refusal| Failure::from(&refusal);
    match ssh.host.parse::<Target>() {
        Ok(Target::Remote(remote)) => {
            let remote = remote.with(ssh.user.as_deref(), ssh.port);
            Ok(remote.map_err(|error| refused(error.into()))?.to_string())
        }
        Ok(Target::Local) => {
            let why = "local is this machine; cotty up opens a session here".to_owned();
            Err(refused(Refusal::InvalidArgument { what: "HOST", why }))
        }
        Err(error) => Err(refused(error.into())),
    }
}

/// Opens or finds a session, and waits for it at the terminal; the exit code of a person who gave up.
pub(crate) async fn opened(
    client: &Client,
    order: Up,
    at_terminal: bool,
) -> Result<Result<Connected, ExitCode>, Failure> {
    let Up { word, target, shell, label, .. } = order;
    let (word, name) = if target.is_some() { (None, word) } else { (word, None) };
    let connect = Connect {
        word,
        target,
        name,
        shell,
        label,
        wait_ms: if at_terminal { 0 } else { FIRST_PROMPT_MS },
        // A person's own shell is what they know from their terminal.
        whole_env: at_terminal.then(whole_environment),
        ..Connect::default()
    };
    let order = FromClient::Open { order: Box::new(connect) };
    match wait_for(client, "/api/v1/open", &order).await? {
        Waited::GivenUp(code) => Ok(Err(ExitCode::from(code))),
        Waited::Done(done) => match *done {
            FromServer::Opened { connected } => Ok(Ok(*connected)),
            _ => Err(internal("the daemon answered another question")),
        },
    }
}

fn say(connected: &Connected, word: Option<&str>, instance: &Instance) {
    let Connected { created, session, notes } = connected;
    let how = if *created { "is open" } else { "was open already" };
    match &session.account {
        Some(account) => print::line(&format!("Session {} {how} on {account}.", session.name)),
        None => print::line(&format!("Session {} {how}.", session.name)),
    }
    notes.iter().for_each(|note| print::line(note));
    if !created {
        return;
    }
    if let (Some(word), None) = (word, &session.account) {
        print::line(&format!("It is on this machine; a host of that name: cotty ssh {word}"));
    }
    if let Ok(snippets) = Snippets::of(&instance.flags()) {
        print::line(&snippets.to_string());
    }
}

fn whole_environment() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).filter(|(name, _)| !name.starts_with("COTTY_")).collect()
}
