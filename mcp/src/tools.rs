//! The tools: what each is called, says of itself and takes, and the one way into them.

use std::time::Duration;

use cotty_core::refusal::Refusal;
use rmcp::model::CallToolResult;
use serde_json::{Map, Value};

use crate::arguments::{Arguments, Kind, Param, aliases};
use crate::call::Call;
use crate::render;
use crate::render::veiled::veiled;

pub mod connect;
pub mod run;
pub mod wait;
pub mod read;
pub mod send;
pub mod list;
pub mod status;
pub mod close;

/// What a tool says of itself before it is called.
#[derive(Debug)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it does and when to use it: 180 to 300 characters, the words people search for first.
    pub description: &'static str,
    /// It changes nothing.
    pub read_only: bool,
    /// What it changes may be lost.
    pub destructive: bool,
    /// Called twice it does no more than once.
    pub idempotent: bool,
    /// It reaches what is not ours: hosts, programs.
    pub open_world: bool,
    /// Clients that load tools late are asked to have this one at hand.
    pub always_load: bool,
    /// It may return more text than a client expects of a tool.
    pub long_results: bool,
    /// What it takes.
    pub params: &'static [Param],
}

/// Every tool, in the order of the list.
pub static ALL: [&Definition; 8] = [
    &connect::DEFINITION,
    &run::DEFINITION,
    &wait::DEFINITION,
    &read::DEFINITION,
    &send::DEFINITION,
    &list::DEFINITION,
    &status::DEFINITION,
    &close::DEFINITION,
];

pub(crate) const SESSION: Param = Param::optional("session", Kind::Text, "Name, else the default");
pub(crate) const TARGET: Param = Param::optional("target", Kind::Text, "Or open or reuse: user@host, local");
/// For tools that change nothing: they open nothing either.
pub(crate) const FOUND: Param = Param::optional("target", Kind::Text, "Or by target");
pub(crate) const WAIT: Param = Param::optional("wait_s", Kind::Integer, "20, at most 50");
pub(crate) const CHARS: Param = Param::optional("max_chars", Kind::Integer, "Default 7500");
pub(crate) const OFFSET: Param = Param::optional("offset", Kind::Text, "From here, as 1:482");

/// A call understood: its tool, and arguments of the kinds that the tool takes.
#[derive(Clone)]
pub struct Order {
    definition: &'static Definition,
    arguments: Result<Arguments, Refusal>,
}

/// Returns what a call asks for; `None` where no tool has that name.
#[must_use]
pub fn understand(name: &str, mut arguments: Map<String, Value>) -> Option<Order> {
    let name = aliases::tool(name, &mut arguments);
    let definition = ALL.into_iter().find(|it| it.name == name)?;
    Some(Order { definition, arguments: Arguments::read(definition.name, definition.params, arguments) })
}

impl Order {
    /// Returns the tool's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.definition.name
    }

    /// Carries it out. What is refused is a result as well, so that the model reads what to do next.
    pub async fn carry_out(self, call: &Call) -> CallToolResult {
        let name = self.definition.name;
        let done = self.done(call).await;
        said(call, name, done)
    }

    /// Carries it out.
    ///
    /// # Errors
    ///
    /// Passes on why it was refused.
    pub async fn done(self, call: &Call) -> Result<CallToolResult, Refusal> {
        dispatch(self.definition.name, call, self.arguments?).await
    }
}

/// Returns what is said of a call that was carried out, or was not.
pub(crate) fn said(call: &Call, tool: &str, done: Result<CallToolResult, Refusal>) -> CallToolResult {
    veiled(&call.hub, tool, done.unwrap_or_else(|refusal| render::refused(&refusal)))
}

/// Each tool waits in a box of its own: together they would make every call as large as the largest, and the protocol's
/// machinery moves it about several times.
async fn dispatch(name: &'static str, call: &Call, arguments: Arguments) -> Result<CallToolResult, Refusal> {
    match name {
        "ssh_connect" => Box::pin(connect::call(call, arguments)).await,
        "ssh_run" => Box::pin(run::call(call, arguments)).await,
        "ssh_wait" => Box::pin(wait::call(call, arguments)).await,
        "ssh_read" => Box::pin(read::call(call, arguments)).await,
        "ssh_send" => Box::pin(send::call(call, arguments)).await,
        "ssh_list" => Box::pin(list::call(call, arguments)).await,
        "ssh_status" => Box::pin(status::call(call, arguments)).await,
        "ssh_close" => Box::pin(close::call(call, arguments)).await,
        _ => Err(Refusal::Internal { what: format!("the tool {name} is listed and not built") }),
    }
}

/// Returns seconds as a duration, at least one.
pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count.max(1))
}
