//! `ssh_run`: run a command, wait for it a while, and return its exit code and output.

use std::time::Duration;

use cotty_core::refusal::Refusal;
use cotty_engine::report::{IsolatedOrder, RunOrder};
use rmcp::model::CallToolResult;

use super::{CHARS, Definition, SESSION, TARGET, WAIT, seconds};
use crate::arguments::{Arguments, Kind, Param};
use crate::call::Call;
use crate::render::output::{self, Wanted};

/// What the tool says of itself.
pub static DEFINITION: Definition = Definition {
    name: "ssh_run",
    title: "Run a command",
    description: "Run a shell command in an SSH or local terminal session (remote server, network device). \
                  Returns exit code, cwd and output, or after wait_s a handle (c7) for ssh_wait. cd and \
                  export last.",
    read_only: false,
    destructive: true,
    idempotent: false,
    open_world: true,
    always_load: true,
    long_results: true,
    params: &[
        Param::required("command", Kind::Text, "As SHELL -c takes it"),
        SESSION,
        TARGET,
        WAIT,
        Param::optional("background", Kind::Boolean, "Answer at once"),
        Param::optional("kill_after_s", Kind::Integer, "Then interrupt it"),
        Param::optional("isolated", Kind::Boolean, "No terminal; stderr apart"),
        Param::optional("cwd", Kind::Text, "If isolated"),
        Param::optional("env", Kind::Map, "If isolated"),
        Param::optional("stdin", Kind::Text, "If isolated"),
        CHARS,
    ],
};

/// Runs a command.
///
/// # Errors
///
/// Refuses what the arguments or the engine refuse.
pub async fn call(call: &Call, mut arguments: Arguments) -> Result<CallToolResult, Refusal> {
    let background = arguments.boolean("background").unwrap_or(false);
    let wait = if background { Duration::ZERO } else { arguments.wait() };
    let order = RunOrder {
        command: arguments.text("command").unwrap_or_default().to_owned(),
        wait,
        kill_after: arguments.integer("kill_after_s").map(seconds),
        key: call.key.clone(),
    };
    let which = arguments.which();
    let report = if arguments.boolean("isolated").unwrap_or(false) {
        call.hub.run_isolated(&call.caller, &which, isolated(order, &arguments)).await?
    } else {
        shared_only(&arguments)?;
        call.hub.run(&call.caller, &which, order).await?
    };
    output::reported(call, &report, Wanted::of(&arguments)).await
}

fn isolated(run: RunOrder, arguments: &Arguments) -> IsolatedOrder {
    let text = |name| arguments.text(name).map(str::to_owned);
    IsolatedOrder { run, cwd: text("cwd"), env: arguments.map("env"), stdin: text("stdin") }
}

/// In a shared shell these would change what its person has, or be typed where somebody sits.
fn shared_only(arguments: &Arguments) -> Result<(), Refusal> {
    let given = |what: &'static str| {
        (arguments.text(what).is_some() || !arguments.map(what).is_empty()).then_some(what)
    };
    let Some(what) = ["cwd", "env", "stdin"].into_iter().find_map(given) else { return Ok(()) };
    let why =
        "it goes with isolated=true only; in a session cd and export last, and ssh_send types".to_owned();
    Err(Refusal::InvalidArgument { what, why })
}
