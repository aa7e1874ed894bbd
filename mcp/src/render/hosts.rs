//! Replies about hosts: the same facts as text and as data.

use std::time::SystemTime;

use cotty_engine::report::HostStatus;
use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use super::{state, with_facts, words};

/// What one fact may measure: a path and a fingerprint have room in it.
const FACT_CHARS_MAX: usize = 600;
/// So many facts of one kind are shown.
const FACTS_MAX: usize = 20;

/// Replies with how a host stands, as far as that is known without asking it.
#[must_use]
pub fn status(status: &HostStatus) -> CallToolResult {
    let now = SystemTime::now();
    let facts = facts(status, now);
    let mut lines = vec![format!(
        "[{}] {}; nothing was sent",
        words::name(&status.target),
        match status.sessions.len() as u64 {
            0 => "no session is open".to_owned(),
            count => format!("{} open", words::count(count, "session")),
        }
    )];
    for (name, value) in facts.iter().filter(|(name, _)| !matches!(name.as_str(), "target")) {
        match value {
            Value::Array(values) => lines.extend(values.iter().map(|it| format!("{name}: {}", plain(it)))),
            value => lines.push(format!("{name}: {}", plain(value))),
        }
    }
    with_facts(&lines.join("\n"), Value::Object(facts))
}

fn facts(status: &HostStatus, now: SystemTime) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            facts.insert(name.to_owned(), value);
        }
    };
    put("target", json!(words::line(&status.target, FACT_CHARS_MAX)));
    put("account", json!(words::line(&status.account, FACT_CHARS_MAX)));
    put("address", json!(words::line(&status.address, FACT_CHARS_MAX)));
    put("engine", json!(words::line(&status.engine, FACT_CHARS_MAX)));
    put("via", texts(&status.via));
    put("resolved", json!(status.resolved_at.map_or_else(|| "not yet".to_owned(), |at| ago(now, at))));
    let timeouts: Vec<String> =
        status.timeouts.iter().map(|(name, limit)| format!("{name} {}", words::time(*limit))).collect();
    put("timeouts", json!(timeouts.join(", ")));
    put("login", texts(&status.login));
    put("agent", json!(words::line(&status.agent, FACT_CHARS_MAX)));
    put("known_hosts", texts(&status.known_hosts));
    let sessions = status.sessions.iter().map(|(name, state)| format!("{name} {}", state::session(state)));
    put("sessions", texts(&sessions.collect::<Vec<_>>()));
    put("connections", json!(status.connections));
    let attempt = status.attempt.as_ref().map(|(words, at)| format!("{}, {words}", ago(now, *at)));
    put("last_attempt", json!(attempt.as_deref().map(|it| words::line(it, FACT_CHARS_MAX))));
    put("fix", texts(&status.fixes));
    put("notes", texts(&status.notes));
    facts
}

fn ago(now: SystemTime, at: SystemTime) -> String {
    format!("{} ago", words::time(now.duration_since(at).unwrap_or_default()))
}

fn texts(texts: &[String]) -> Value {
    if texts.is_empty() {
        return Value::Null;
    }
    json!(texts.iter().take(FACTS_MAX).map(|it| words::line(it, FACT_CHARS_MAX)).collect::<Vec<_>>())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
