//! `ssh_list`: which sessions there are, and which commands ran.

use cotty_core::refusal::Refusal;
use cotty_engine::report::Which;
use rmcp::model::CallToolResult;

use super::Definition;
use crate::arguments::{Arguments, Kind, Param};
use crate::call::Call;
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
                  whose output is kept, or commands that ran with their handles. Finds work again after a \
                  restart.",
    read_only: true,
    destructive: false,
    idempotent: true,
    open_world: false,
    always_load: false,
    long_results: false,
    params: &[
        Param::optional("kind", Kind::Choice(&["sessions", "commands"]), "Default sessions"),
        Param::optional("filter", Kind::Text, "Text in it"),
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
    let mut all = call.hub.list(&call.caller).await?;
    let devices = call.hub.devices(&call.caller);
    all.retain(|it| {
        let on = devices.iter().find(|device| device.sessions.contains(&it.name) || device.name == it.target);
        let tags =
            on.is_some_and(|it| it.device.tags.iter().any(|it| !filter.is_empty() && has(&filter, &[it])));
        let (label, account) =
            (it.label.as_deref().unwrap_or_default(), it.account.as_deref().unwrap_or_default());
        tags || has(&filter, &[&it.name, &it.target, label, account, &render::state::session(&it.state)])
    });
    Ok(sessions::listed(&all, arguments.boolean("detail").unwrap_or(false)))
}

fn has(filter: &str, texts: &[&str]) -> bool {
    filter.is_empty() || texts.iter().any(|it| it.to_lowercase().contains(filter))
}
