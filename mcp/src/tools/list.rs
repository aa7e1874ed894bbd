//! `ssh_list`: which sessions there are, and which commands ran.

use cotty_core::refusal::Refusal;
use cotty_core::sieve::{Field, Sieve};
use cotty_engine::hub::devices::DeviceStatus;
use cotty_engine::report::Which;
use rmcp::model::CallToolResult;

use super::Definition;
use crate::arguments::{Arguments, Kind, Param};
use crate::call::Call;
use crate::render::named::{self, Host};
use crate::render::{self, sessions};

/// How many commands are listed.
const COMMANDS_MAX: usize = 50;
/// Among how many of the newest a filter looks.
const COMMANDS_LOOKED_AT: usize = 1_000;

/// What the tool says of itself.
pub static DEFINITION: Definition = Definition {
    name: "ssh_list",
    title: "List sessions",
    description: "List SSH and local terminal sessions with state, directory and people there, closed ones \
                  whose output is kept, hosts that may be opened, or commands that ran with their handles. \
                  Finds work again after a restart.",
    read_only: true,
    destructive: false,
    idempotent: true,
    open_world: false,
    always_load: false,
    long_results: false,
    params: &[
        Param::optional("kind", Kind::Choice(&["sessions", "hosts", "commands"]), "Default sessions"),
        Param::optional("filter", Kind::Text, "Words in it, as state:lost tag:eu"),
        Param::optional("detail", Kind::Boolean, "All facts"),
    ],
};

/// Lists.
///
/// # Errors
///
/// Refuses what the arguments or the engine refuse.
pub async fn call(call: &Call, arguments: Arguments) -> Result<CallToolResult, Refusal> {
    let filter = arguments.text("filter").unwrap_or_default().to_lowercase();
    if arguments.text("kind") == Some("commands") {
        let runs = call.hub.runs(&call.caller, &Which::default(), COMMANDS_LOOKED_AT).await?;
        let runs =
            runs.into_iter().filter(|it| has(&filter, &[&it.session, &it.command, &it.run.to_string()]));
        return Ok(sessions::commands(&runs.take(COMMANDS_MAX).collect::<Vec<_>>()));
    }
    let (devices, sieve) = (call.hub.devices(&call.caller), Sieve::of(&filter));
    if arguments.text("kind") == Some("hosts") {
        let hosts = all_hosts(devices, call.hub.names(&call.caller).await?);
        return Ok(named::listed(hosts.iter().filter(|it| sieve.admits(&it.facts()))));
    }
    let mut all = call.hub.list(&call.caller).await?;
    all.retain(|it| {
        let state = render::state::session(&it.state);
        let mut facts = vec![
            (Field::Name, it.name.as_str()),
            (Field::Device, it.target.as_str()),
            (Field::State, state.as_str()),
        ];
        facts.extend(it.account.as_deref().map(|it| (Field::Device, it)));
        facts.extend(it.label.as_deref().map(|it| (Field::Label, it)));
        let on = devices.iter().find(|device| device.is_named_by(&it.target));
        let tags = on.iter().flat_map(|it| it.device.tags.iter().chain(&it.device.group));
        facts.extend(tags.map(|it| (Field::Tag, it.as_str())));
        sieve.admits(&facts)
    });
    Ok(sessions::listed(&all, arguments.boolean("detail").unwrap_or(false)))
}

/// The devices, and then what only ssh's configuration names.
fn all_hosts(devices: Vec<DeviceStatus>, names: Vec<(String, Vec<String>)>) -> Vec<Host> {
    let named = names.into_iter().map(|(name, sessions)| Host { name, sessions, ..Host::default() });
    devices.into_iter().map(Host::from).chain(named).collect()
}

fn has(filter: &str, texts: &[&str]) -> bool {
    filter.is_empty() || texts.iter().any(|it| it.to_lowercase().contains(filter))
}
