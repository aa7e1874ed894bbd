//! The requests that the daemon has not answered: sent again, with the same key, when it comes back.

use std::collections::BTreeMap;

use cotty_core::refusal::Refusal;
use cotty_mcp::render;
use cotty_mcp::server::{CALL_IS_NEW, CALL_KEY};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::reply::{error, result};

/// The id of the `initialize` that the daemon is sent on the client's behalf; its answer is kept from the client.
pub(super) const REPLAY_ID: &str = "cotty-replayed-initialize";
/// A call during which the daemon ended this often is given up: it is likely what ends it.
const BREAKS_MAX: u32 = 3;

/// What JSON-RPC calls a failure of ours.
const INTERNAL_ERROR: i32 = -32603;

/// A call that needs the daemon.
#[derive(Debug)]
pub(super) struct Call {
    /// The client's id for it.
    pub(super) id: Value,
    /// What it asks for: `tools/call`, mostly.
    method: String,
    /// Its parameters.
    pub(super) params: Map<String, Value>,
    /// It stands for itself, and its result names its type.
    pub(super) stateless: bool,
}

impl Call {
    /// Takes a request as its client sent it.
    pub(super) fn of(id: Value, method: String, params: Map<String, Value>, stateless: bool) -> Self {
        Self { id, method, params, stateless }
    }
}

#[derive(Debug)]
struct Open {
    id: Value,
    is_tool: bool,
    line: Vec<u8>,
    stateless: bool,
    breaks: u32,
}

/// The open calls, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: BTreeMap<u64, Open>,
    count: u64,
}

/// As much of a message as tells what it is.
#[derive(Deserialize)]
struct Shape {
    id: Option<Value>,
    method: Option<IgnoredAny>,
}

impl Calls {
    /// Returns whether nothing is waited for.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Notes a call, and returns the line that asks the daemon for it for the first time.
    ///
    /// It carries its number in this shim, which with our nonce names it for good: a client may use an id twice.
    pub(super) fn open(&mut self, call: Call) -> Vec<u8> {
        let Call { id, method, mut params, stateless } = call;
        self.count += 1;
        let meta = params.entry("_meta").or_insert_with(|| json!({}));
        if !meta.is_object() {
            *meta = json!({});
        }
        meta[CALL_KEY] = json!(self.count);
        meta[CALL_IS_NEW] = json!(true);
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let line = request.to_string().into_bytes();
        let is_tool = method == "tools/call";
        self.open.insert(self.count, Open { id, is_tool, line: line.clone(), stateless, breaks: 0 });
        line
    }

    /// Returns the lines that ask for the open calls once more.
    pub(super) fn lines(&self) -> impl Iterator<Item = Vec<u8>> {
        self.open.values().map(|it| once_more(&it.line))
    }

    /// Forgets a call; `false` where there is none of that id.
    pub(super) fn close(&mut self, id: &Value) -> bool {
        let number = self.open.iter().find(|(_, it)| it.id == *id).map(|(number, _)| *number);
        number.is_some_and(|it| self.open.remove(&it).is_some())
    }

    /// Returns whether a line from the daemon is for the client: no answer is that nobody waits for.
    pub(super) fn admit(&mut self, line: &[u8]) -> bool {
        match serde_json::from_slice::<Shape>(line) {
            Ok(Shape { method: Some(_), .. }) => true,
            Ok(Shape { id: Some(id), method: None }) => id != REPLAY_ID && self.close(&id),
            Ok(Shape { id: None, method: None }) | Err(_) => false,
        }
    }

    /// Notes that the daemon ended, and gives up calls during which it did so too often.
    pub(super) fn count_break(&mut self) -> Vec<String> {
        self.open.values_mut().for_each(|it| it.breaks += 1);
        let (given_up, open) =
            std::mem::take(&mut self.open).into_iter().partition(|(_, it)| it.breaks >= BREAKS_MAX);
        self.open = open;
        answered(given_up, &render::refusal_words(&Refusal::NoRecord))
    }

    /// Gives up every call, for these reasons.
    pub(super) fn refuse(&mut self, words: &str) -> Vec<String> {
        answered(std::mem::take(&mut self.open), words)
    }
}

/// Returns the line of a call that may have been sent before.
fn once_more(line: &[u8]) -> Vec<u8> {
    let mut request: Value = serde_json::from_slice(line).unwrap_or_default();
    request["params"]["_meta"][CALL_IS_NEW] = json!(false);
    request.to_string().into_bytes()
}

fn answered(calls: BTreeMap<u64, Open>, words: &str) -> Vec<String> {
    let answer = |it: Open| {
        if !it.is_tool {
            return error(Some(&it.id), INTERNAL_ERROR, words, None);
        }
        let mut refused = json!({"content": [{"type": "text", "text": words}], "isError": true});
        if it.stateless {
            refused["resultType"] = json!("complete");
        }
        result(&it.id, &refused.to_string())
    };
    calls.into_values().map(answer).collect()
}
