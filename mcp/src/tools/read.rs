//! `ssh_read`: read the screen, what was printed, a command's output, or who typed what.

use cotty_core::names::RunId;
use cotty_core::refusal::Refusal;
use cotty_engine::report::{Part, Which};
use rmcp::model::CallToolResult;

use super::{CHARS, Definition, FOUND, OFFSET, SESSION};
use crate::arguments::{Arguments, Kind, Param};
use crate::call::Call;
use crate::render::output::{self, Wanted};
use crate::render::{sessions, views};

/// How many lines `tail` shows where nothing is said.
const TAIL_LINES: u64 = 100;
/// How many entries `history` shows where nothing is said.
const HISTORY_ENTRIES: u64 = 50;
/// How many entries are asked of the engine at most.
const HISTORY_ENTRIES_MAX: u64 = 2_000;

/// What the tool says of itself.
pub static DEFINITION: Definition = Definition {
    name: "ssh_read",
    title: "Read a session",
    description: "Read a terminal session without typing: screen, tail, output of a command (page by \
                  from_line), history (who typed what), search, raw bytes (escaped), evidence of how an \
                  end was seen.",
    read_only: true,
    destructive: false,
    idempotent: true,
    open_world: true,
    always_load: false,
    long_results: true,
    params: &[
        Param::optional(
            "view",
            Kind::Choice(&["screen", "tail", "command", "stderr", "history", "search", "evidence", "raw"]),
            "Default screen",
        ),
        Param::optional("command", Kind::Text, "As c7"),
        SESSION,
        FOUND,
        Param::optional("from_line", Kind::Integer, "From 1"),
        Param::optional("lines", Kind::Integer, "How many"),
        OFFSET,
        Param::optional("pattern", Kind::Text, "Regular expression"),
        CHARS,
    ],
};

/// Reads.
///
/// # Errors
///
/// Refuses what the arguments or the engine refuse.
pub async fn call(call: &Call, arguments: Arguments) -> Result<CallToolResult, Refusal> {
    let run = arguments.run()?;
    let view = arguments.text("view").unwrap_or(default_view(&arguments));
    match (view, run) {
        ("screen", _) => {
            let screen = call.hub.screen(&call.caller, &arguments.which()).await?;
            Ok(views::screen(&screen, Wanted::of(&arguments)))
        }
        ("history", _) => history(call, &arguments).await,
        ("evidence", Some(run)) => {
            let evidence = call.hub.evidence(&call.caller, run).await?;
            Ok(views::evidence(&evidence, Wanted::of(&arguments)))
        }
        ("stderr", None) => Err(needs("command", "view=stderr needs a command's handle, as c7")),
        ("evidence", None) => Err(needs("command", "view=evidence needs a command's handle, as c7")),
        ("command", None) => newest(call, &arguments).await,
        ("search", _) if arguments.text("pattern").is_none() => {
            Err(needs("pattern", "view=search needs it: a regular expression"))
        }
        (_, Some(run)) => of_run(call, run, view, &arguments).await,
        (_, None) => of_session(call, view, &arguments).await,
    }
}

fn default_view(arguments: &Arguments) -> &'static str {
    let has = |name| arguments.text(name).is_some();
    if has("pattern") && !has("command") {
        "search"
    } else if has("command") {
        "command"
    } else if has("offset")
        || arguments.integer("lines").is_some()
        || arguments.integer("from_line").is_some()
    {
        "tail"
    } else {
        "screen"
    }
}

fn needs(what: &'static str, why: &str) -> Refusal {
    Refusal::InvalidArgument { what, why: why.to_owned() }
}

async fn history(call: &Call, arguments: &Arguments) -> Result<CallToolResult, Refusal> {
    let limit = arguments.integer("lines").unwrap_or(HISTORY_ENTRIES).min(HISTORY_ENTRIES_MAX);
    let which = arguments.which();
    let status = call.hub.status(&call.caller, &which).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let entries = call.hub.history(&call.caller, &which, limit).await?;
    Ok(views::history(&status.name, &entries, Wanted::of(arguments)))
}

async fn newest(call: &Call, arguments: &Arguments) -> Result<CallToolResult, Refusal> {
    let status = call.hub.status(&call.caller, &arguments.which()).await?;
    let which = Which { session: Some(status.name), target: None };
    let runs = call.hub.runs(&call.caller, &which, 1).await?;
    match runs.first() {
        Some(run) => of_run(call, run.run, "command", arguments).await,
        None => Ok(sessions::no_commands()),
    }
}

async fn of_run(
    call: &Call,
    run: RunId,
    view: &str,
    arguments: &Arguments,
) -> Result<CallToolResult, Refusal> {
    let report = call.hub.report(&call.caller, run).await?;
    let part = part(view, arguments)?;
    if view == "stderr" {
        let wanted = Wanted { part, ..Wanted::of(arguments) };
        return output::errors(call, &report, wanted).await;
    }
    output::reported(call, &report, Wanted { part, ..Wanted::of(arguments) }).await
}

async fn of_session(call: &Call, view: &str, arguments: &Arguments) -> Result<CallToolResult, Refusal> {
    let which = arguments.which();
    let status = call.hub.status(&call.caller, &which).await?;
    let stretch = call.hub.recent(&call.caller, &which, arguments.offset()?).await?;
    let part = part(view, arguments)?;
    output::recent(call, &status.name, &stretch, Wanted { part, ..Wanted::of(arguments) }).await
}

fn part(view: &str, arguments: &Arguments) -> Result<Part, Refusal> {
    let from_line = arguments.integer("from_line").map(|it| it.max(1));
    let tail = view == "tail" && from_line.is_none() && arguments.text("offset").is_none();
    let lines = arguments.integer("lines").or(tail.then_some(TAIL_LINES));
    let pattern = arguments.pattern("pattern")?;
    Ok(Part { budget: 0, from_line, lines, tail, pattern, raw: view == "raw" })
}
