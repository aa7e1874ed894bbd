//! `ssh_send`: type text and keys into what runs in a session.

use cotty_core::refusal::Refusal;
use cotty_engine::report::{Enter, SendOrder};
use rmcp::model::CallToolResult;

use super::{CHARS, Definition, SESSION, TARGET, WAIT};
use crate::arguments::{Arguments, Kind, Param};
use crate::call::Call;
use crate::render::output::{self, Wanted};

/// What the tool says of itself.
pub static DEFINITION: Definition = Definition {
    name: "ssh_send",
    title: "Type into a session",
    description: "Type text and keys into a program that runs in a terminal session: answer a question, \
                  leave a pager or vim, press ctrl-c. Not for shell commands (use ssh_run), never for \
                  passwords.",
    read_only: false,
    destructive: true,
    idempotent: false,
    open_world: true,
    always_load: false,
    long_results: false,
    params: &[
        SESSION,
        TARGET,
        Param::optional("text", Kind::Text, "Before keys"),
        Param::optional("keys", Kind::Texts, "ctrl-c, f5, alt-x, shift-up"),
        Param::optional("enter", Kind::Choice(&["lf", "cr", "crlf", "none"]), "After text: cr"),
        Param::optional("expect", Kind::Text, "Regular expression to wait for"),
        WAIT,
        CHARS,
    ],
};

/// Types.
///
/// # Errors
///
/// Refuses what the arguments or the engine refuse.
pub async fn call(call: &Call, mut arguments: Arguments) -> Result<CallToolResult, Refusal> {
    let order = SendOrder {
        text: arguments.text("text").map(str::to_owned),
        keys: arguments.texts("keys"),
        enter: arguments.text("enter").and_then(enter),
        expect: arguments.pattern("expect")?,
        wait: arguments.wait(),
        key: call.key.clone(),
    };
    if order.text.is_none() && order.keys.is_empty() && order.enter.is_none() {
        return Err(Refusal::InvalidArgument {
            what: "text",
            why: "nothing to type: give text, keys or enter".to_owned(),
        });
    }
    let sent = call.hub.send(&call.caller, &arguments.which(), order).await?;
    output::sent(call, &sent, Wanted::of(&arguments)).await
}

fn enter(word: &str) -> Option<Enter> {
    match word {
        "lf" => Some(Enter::Lf),
        "cr" => Some(Enter::Cr),
        "crlf" => Some(Enter::CrLf),
        "none" => Some(Enter::None),
        _ => None,
    }
}
