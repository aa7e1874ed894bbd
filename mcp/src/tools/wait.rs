//! `ssh_wait`: wait for a command, its output, or what it asks.

use cotty_core::refusal::Refusal;
use cotty_engine::report::{Until, WaitOrder};
use rmcp::model::CallToolResult;

use super::{CHARS, Definition, OFFSET, SESSION, WAIT};
use crate::arguments::{Arguments, Kind, Param};
use crate::call::Call;
use crate::render::output::{self, Wanted};

/// What the tool says of itself.
pub static DEFINITION: Definition = Definition {
    name: "ssh_wait",
    title: "Wait for a command",
    description: "Wait for a command of a terminal session until it is done, needs input, prints, matches \
                  a pattern or is idle. Returns state, exit code and output; call it again while it still \
                  runs.",
    read_only: true,
    destructive: false,
    idempotent: true,
    open_world: false,
    always_load: false,
    long_results: true,
    params: &[
        Param::optional("command", Kind::Text, "As c7"),
        SESSION,
        Param::optional(
            "until",
            Kind::Choice(&["done", "input", "output", "pattern", "idle"]),
            "Default done",
        ),
        Param::optional("pattern", Kind::Text, "Regular expression"),
        WAIT,
        OFFSET,
        CHARS,
    ],
};

/// Waits.
///
/// # Errors
///
/// Refuses what the arguments or the engine refuse.
pub async fn call(call: &Call, mut arguments: Arguments) -> Result<CallToolResult, Refusal> {
    let offset = arguments.offset()?;
    let until = until(&arguments)?;
    let order = WaitOrder { run: arguments.run()?, until, wait: arguments.wait(), offset };
    let sought = order.until.clone();
    let waited = call.hub.wait(&call.caller, &arguments.which(), order).await?;
    output::waited(call, &waited, &sought, offset.is_some(), Wanted::of(&arguments)).await
}

fn until(arguments: &Arguments) -> Result<Until, Refusal> {
    let pattern = arguments.pattern("pattern")?;
    match (arguments.text("until"), pattern) {
        (Some("pattern") | None, Some(pattern)) => Ok(Until::Pattern(pattern)),
        (Some("pattern"), None) => Err(Refusal::InvalidArgument {
            what: "pattern",
            why: "until=pattern needs it: a regular expression".to_owned(),
        }),
        (Some("input"), _) => Ok(Until::Input),
        (Some("output"), _) => Ok(Until::Output),
        (Some("idle"), _) => Ok(Until::Idle),
        (Some(_) | None, _) => Ok(Until::Done),
    }
}
