//! `ssh_status`: how one session or one host stands, and what a person should know.

use cotty_core::refusal::Refusal;
use cotty_engine::report::Standing;
use rmcp::model::CallToolResult;

use super::{Definition, SESSION};
use crate::arguments::{Arguments, Kind, Param};
use crate::call::Call;
use crate::render::{hosts, sessions};

/// What the tool says of itself.
pub static DEFINITION: Definition = Definition {
    name: "ssh_status",
    title: "Status of a session or host",
    description: "Status of one SSH or local terminal session: health, running command, who may write, \
                  warnings, how a person follows. Of a target: settings, keys, agent, known hosts, last \
                  attempt, without connecting.",
    read_only: true,
    destructive: false,
    idempotent: true,
    open_world: false,
    always_load: false,
    long_results: false,
    params: &[SESSION, Param::optional("target", Kind::Text, "A host, to diagnose")],
};

/// Tells how a session or a host stands.
///
/// # Errors
///
/// Refuses what the engine refuses.
pub async fn call(call: &Call, arguments: Arguments) -> Result<CallToolResult, Refusal> {
    Ok(match call.hub.standing(&call.caller, &arguments.which()).await? {
        Standing::Session(status) => sessions::status(&status),
        Standing::Host(status) => hosts::status(&status),
    })
}
