//! `cotty config allow`: a person lets the file of the project in which they stand say more than it may of itself.

use std::process::ExitCode;

use cotty_core::refusal::Refusal;
use cotty_core::target::host_port;
use cotty_engine::hosts::device::{Device, NewKeys, SecretFrom};
use cotty_wire::api::{AllowOrder, Allowed, Failure};

use crate::cli::client::Client;
use crate::cli::print;
use crate::config::workspace::{self, Found, NAME};
use crate::config::written::project::Project;
use crate::daemon::projects::is_allowed;
use crate::instance::Instance;

/// Allows it as it is now, or forgets that.
pub(crate) async fn allow(client: &Client, revoke: bool, json: bool) -> Result<ExitCode, Failure> {
    let found = here().ok_or_else(|| {
        let why = format!("there is no {NAME} here, nor above up to the repository's root");
        refused(Refusal::InvalidArgument { what: "directory", why })
    })?;
    let path = found.path.display().to_string();
    let wrong = |why: String| {
        let remedy = "Mend it first".to_owned();
        refused(Refusal::Config { why: format!("{path}: {why}"), remedy })
    };
    let mut lines = Vec::new();
    let mut order = AllowOrder { path: path.clone(), sha256: None };
    if !revoke {
        let text = found.text.as_ref().map_err(|why| wrong(why.clone()))?;
        Project::parse(text).map_err(|it| wrong(format!("line {}: {}", it.line, it.what)))?;
        let written = workspace::own(text).map_err(wrong)?;
        lines.extend(written.devices().iter().flat_map(|(name, device)| told(name, device)));
        order.sha256 = Some(found.sha256());
    }
    let allowed: Allowed = client.post("allow", &order).await?;
    if json {
        print::document(&allowed)?;
        return Ok(ExitCode::SUCCESS);
    }
    match &allowed.sha256 {
        Some(sha256) => {
            print::line(&format!(
                "{path} is allowed as it is now (SHA-256 {sha256}); a change of it is not."
            ));
            lines.iter().for_each(|it| print::line(&print::clean(it)));
        }
        None => print::line(&format!("{path} says what narrows, and no more.")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Says how the file of the project stands in which we are; nothing where there is none.
pub(crate) fn standing(instance: &Instance) -> Option<String> {
    let found = here()?;
    let allowed = is_allowed(&instance.state, &found);
    let holds = workspace::holds(&found, allowed);
    let path = found.path.display();
    Some(match (holds.note, allowed) {
        (Some(note), _) => note,
        (None, true) => format!("{path}: holds; it was allowed as it is"),
        (None, false) => format!("{path}: holds; it narrows, and no more"),
    })
}

fn here() -> Option<Found> {
    workspace::find(&std::env::current_dir().ok()?)
}

/// A device in a few lines, and what it would start.
fn told(name: &str, device: &Device) -> Vec<String> {
    let host = device.host.as_deref().unwrap_or(name);
    let host = device.port.map_or_else(|| host.to_owned(), |port| host_port(host, port));
    let user = device.user.as_ref().map(|it| format!("{it}@")).unwrap_or_default();
    let mut lines = vec![format!("  device {name}: {user}{host}")];
    let starts = device.defaults.startup.as_ref().map(|it| format!("    runs {it} in every new shell"));
    let takes = (device.new_keys == Some(NewKeys::Taken)).then_some("    takes a key that no file knows");
    let lends = device.forward_agent.then_some("    lends your ssh-agent to the sessions there");
    let old = device.legacy.then_some("    takes algorithms that are too old to be safe");
    let more = starts.into_iter().chain([takes, lends, old].into_iter().flatten().map(str::to_owned));
    let options = device.options.iter().map(|(word, value)| format!("    {word} {value}"));
    let secrets = device.auth.iter().flat_map(|it| [&it.password, &it.passphrase]).flatten();
    let programs = secrets.filter_map(|it| match it {
        SecretFrom::Command(argv) => Some(format!("    asks {} for a secret", argv.join(" "))),
        _ => None,
    });
    lines.extend(more.chain(options).chain(programs));
    lines
}

fn refused(refusal: Refusal) -> Failure {
    Failure::from(&refusal)
}
