//! `ssh_status`: how one session stands, and what a person should know.

use cotty_core::refusal::Refusal;
use rmcp::model::CallToolResult;

use super::{Definition, FOUND, SESSION};
use crate::arguments::Arguments;
use crate::call::Call;
use crate::render::sessions;

/// What the tool says of itself.
pub static DEFINITION: Definition = Definition {
    name: "ssh_status",
    title: "Status of a session",
    description: "Status of one SSH or local terminal session: health, running command, who may write and \
                  who does, warnings (password prompt, a person's draft), size, idle time, how a person \
                  follows.",
    read_only: true,
    destructive: false,
    idempotent: true,
    open_world: false,
    always_load: false,
    long_results: false,
    params: &[SESSION, FOUND],
};

/// Tells how a session stands.
///
/// # Errors
///
/// Refuses what the engine refuses.
pub async fn call(call: &Call, arguments: Arguments) -> Result<CallToolResult, Refusal> {
    let status = call.hub.status(&call.caller, &arguments.which()).await?;
    Ok(sessions::status(&status))
}
