//! `ssh_connect`: open a session, or find the one that is open.

use cotty_core::refusal::Refusal;
use cotty_engine::report::Connect;
use rmcp::model::CallToolResult;

use super::Definition;
use crate::arguments::{Arguments, Kind, Param};
use crate::call::Call;
use crate::render::sessions;

/// What the tool says of itself.
pub static DEFINITION: Definition = Definition {
    name: "ssh_connect",
    title: "Open a session",
    description: "Open or reuse a persistent SSH or local terminal session (remote server, network device) \
                  that a person shares. Returns its name. On a living session: resize, label, make it the \
                  default.",
    read_only: false,
    destructive: false,
    idempotent: true,
    open_world: true,
    always_load: true,
    long_results: false,
    params: &[
        Param::optional("target", Kind::Text, "user@host:port, alias, device, local"),
        Param::optional("name", Kind::Text, "As web1"),
        Param::optional("fork", Kind::Text, "A session: new shell beside it, same host, cwd, variables"),
        Param::optional("shell", Kind::Text, "bash, fish, ash, ..., a path"),
        Param::optional("cols", Kind::Integer, "Width"),
        Param::optional("rows", Kind::Integer, "Height"),
        Param::optional("cwd", Kind::Text, "Start directory"),
        Param::optional("env", Kind::Map, "Variables"),
        Param::optional("label", Kind::Text, "Words for people"),
        Param::optional("default", Kind::Boolean, "Make it the default"),
    ],
};

/// Opens or finds a session.
///
/// # Errors
///
/// Refuses what the arguments or the engine refuse.
pub async fn call(call: &Call, mut arguments: Arguments) -> Result<CallToolResult, Refusal> {
    let order = Connect {
        target: arguments.text("target").map(str::to_owned),
        name: arguments.text("name").map(str::to_owned),
        fork: arguments.text("fork").map(str::to_owned),
        shell: arguments.text("shell").map(str::to_owned),
        cols: arguments.integer("cols").map(dimension),
        rows: arguments.integer("rows").map(dimension),
        cwd: arguments.text("cwd").map(str::to_owned),
        env: arguments.map("env"),
        label: arguments.text("label").map(str::to_owned),
        default: arguments.boolean("default"),
        wait: arguments.wait(),
    };
    let connected = call.hub.connect(&call.caller, order).await?;
    let page = call.page(&connected.status.name);
    Ok(sessions::connected(&connected, page))
}

/// A size too large for the type is as good as the largest: the engine clamps it and says so.
fn dimension(wanted: u64) -> u16 {
    u16::try_from(wanted).unwrap_or(u16::MAX)
}
