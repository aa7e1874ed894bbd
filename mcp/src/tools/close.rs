//! `ssh_close`: end a command, a session, or all of them.

use cotty_core::refusal::Refusal;
use cotty_engine::report::Closed;
use rmcp::model::CallToolResult;

use super::Definition;
use crate::arguments::{Arguments, Kind, Param};
use crate::call::Call;
use crate::render::output::{self, Wanted};
use crate::render::sessions;

/// What the tool says of itself.
pub static DEFINITION: Definition = Definition {
    name: "ssh_close",
    title: "Close or interrupt",
    description: "Close a terminal session or stop a running command: SIGINT, then SIGTERM, then SIGKILL; \
                  processes that survive are named. The output of a closed session stays readable for a \
                  while.",
    read_only: false,
    destructive: true,
    idempotent: true,
    open_world: false,
    always_load: false,
    long_results: false,
    params: &[
        Param::required("id", Kind::Text, "web1, c7 or all"),
        Param::optional("force", Kind::Boolean, "Also when a command runs"),
    ],
};

/// Closes.
///
/// # Errors
///
/// Refuses what the arguments or the engine refuse.
pub async fn call(call: &Call, arguments: Arguments) -> Result<CallToolResult, Refusal> {
    let id = arguments.text("id").unwrap_or_default().trim();
    match call.hub.close(&call.caller, id, arguments.boolean("force").unwrap_or(false)).await? {
        Closed::Sessions(closed) => Ok(sessions::closed(&closed)),
        Closed::Run(report) => output::reported(call, &report, Wanted::of(&arguments)).await,
    }
}
