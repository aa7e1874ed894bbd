//! `ssh_run`: run a command, wait for it a while, and return its exit code and output.

use std::time::Duration;

use cotty_core::refusal::Refusal;
use cotty_engine::hub::retry::Attempt;
use cotty_engine::report::{IsolatedOrder, Retry, RunOrder};
use rmcp::model::CallToolResult;

use super::{CHARS, Definition, SESSION, TARGET, WAIT, seconds};
use crate::arguments::{Arguments, Kind, Param};
use crate::call::Call;
use crate::render::output::{self, Wanted};

/// A command that fails more often needs somebody to look.
const ATTEMPTS_MAX: u32 = 20;

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
        Param::optional("retry_attempts", Kind::Integer, "Until exit 0, at most"),
        Param::optional("retry_backoff_s", Kind::Integer, "First pause, doubling"),
        Param::optional("retry_success", Kind::Text, "Output must match"),
        Param::optional("retry_fail", Kind::Text, "Must not"),
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
    let is_isolated = arguments.boolean("isolated").unwrap_or(false);
    if !is_isolated {
        shared_only(&arguments)?;
    }
    let retry = retry(&arguments, background)?;
    let report = match (retry, is_isolated) {
        (Some(retry), false) => {
            call.hub.run_again(&call.caller, &which, Attempt::Shared(order), &retry).await?
        }
        (Some(retry), true) => {
            let attempt = Attempt::Isolated(isolated(order, &arguments));
            call.hub.run_again(&call.caller, &which, attempt, &retry).await?
        }
        (None, false) => call.hub.run(&call.caller, &which, order).await?,
        (None, true) => call.hub.run_isolated(&call.caller, &which, isolated(order, &arguments)).await?,
    };
    output::reported(call, &report, Wanted::of(&arguments)).await
}

fn isolated(run: RunOrder, arguments: &Arguments) -> IsolatedOrder {
    let text = |name| arguments.text(name).map(str::to_owned);
    IsolatedOrder { run, cwd: text("cwd"), env: arguments.map("env"), stdin: text("stdin") }
}

/// Returns when the command is to be run again, where that is asked for.
fn retry(arguments: &Arguments, background: bool) -> Result<Option<Retry>, Refusal> {
    let refuse = |what, why: &str| Err(Refusal::InvalidArgument { what, why: why.to_owned() });
    let (success, fail) = (arguments.pattern("retry_success")?, arguments.pattern("retry_fail")?);
    let backoff = arguments.integer("retry_backoff_s");
    let Some(attempts) = arguments.integer("retry_attempts") else {
        if backoff.is_some() || success.is_some() || fail.is_some() {
            return refuse("retry_attempts", "the other retry_ arguments need it");
        }
        return Ok(None);
    };
    if background {
        return refuse(
            "retry_attempts",
            "a command in the background is handed over at once, and not tried again",
        );
    }
    let attempts = u32::try_from(attempts).ok().filter(|it| (1..=ATTEMPTS_MAX).contains(it));
    let Some(attempts) = attempts else {
        return refuse("retry_attempts", "1 to 20 belong here");
    };
    let backoff = Duration::from_secs(backoff.unwrap_or(1).min(50));
    Ok(Some(Retry { attempts, backoff, success, fail }))
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
