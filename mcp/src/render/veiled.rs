//! Replies as they may be said where a host's identity is hidden.

use cotty_engine::hub::Hub;
use cotty_engine::veils;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::Value;

/// The tools whose replies are our own words alone.
const OWN_WORDS: [&str; 4] = ["ssh_connect", "ssh_list", "ssh_status", "ssh_close"];

/// Replaces what is hidden in a tool's reply.
#[must_use]
pub fn veiled(hub: &Hub, tool: &str, mut result: CallToolResult) -> CallToolResult {
    if !veils::any() {
        return result;
    }
    let is_own = result.is_error == Some(true) || OWN_WORDS.contains(&tool);
    let say = |text: &str| {
        let text = match session(text).and_then(|it| hub.target_of(it)).as_deref().and_then(veils::of_target)
        {
            Some(veil) => veil.all_in(text),
            None => text.to_owned(),
        };
        if is_own { veils::own(&text).into_owned() } else { veils::elsewhere(&text).into_owned() }
    };
    for block in &mut result.content {
        if let ContentBlock::Text(text) = block {
            text.text = say(&text.text);
        }
    }
    result.structured_content =
        result.structured_content.map(|it| strings(it, &|text| veils::own(text).into_owned()));
    result
}

/// The session that a reply's head line is about.
fn session(text: &str) -> Option<&str> {
    let head = text.lines().find_map(|it| it.strip_prefix('['))?;
    head.split([' ', ']']).next()
}

/// Replaces the texts in a value; its names stay.
pub(super) fn strings(value: Value, say: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(say(&text)),
        Value::Array(list) => list.into_iter().map(|it| strings(it, say)).collect(),
        Value::Object(map) => map.into_iter().map(|(key, it)| (key, strings(it, say))).collect(),
        other => other,
    }
}
