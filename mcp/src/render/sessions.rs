//! Replies about sessions and lists: the same facts as text and as data.

use std::time::SystemTime;

use cotty_engine::report::{
    ClosedSession, Connected, GivenUp, Health, How, RunSummary, SessionState, SessionStatus,
};
use cotty_engine::veils;
use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use super::{Reply, finish, state, veiled, with_facts, words};
use crate::arguments::CHARS_DEFAULT;

/// How many characters of a command's text stand in a list.
const COMMAND_CHARS_MAX: usize = 120;
/// How many characters of somebody's words (a label, a warning) stand in a list.
const WORDS_CHARS_MAX: usize = 200;
/// So many sessions are named that were closed at once.
const SESSIONS_SHOWN: usize = 50;
/// What is kept free in a list for its first and last line and the frame of its data.
const FRAME_CHARS: usize = 300;

/// Replies to a session that was opened or found.
#[must_use]
pub fn connected(connected: &Connected, page: Option<String>) -> CallToolResult {
    let status = &connected.status;
    let session = words::name(&status.name);
    let how = match &connected.how {
        How::Created => "opened".to_owned(),
        How::Reused(by) => format!("open already (same {by})"),
    };
    let (cols, rows) = status.size;
    let mut head = format!(
        "[{session}] {how}: {}, {} on {}, {cols}x{rows}",
        state::session(&status.state),
        words::name(&status.shell),
        on(status),
    );
    if let Some(cwd) = &status.cwd {
        head.push_str(&format!(", cwd {}", words::name(cwd)));
    }
    head.push_str(&match &status.state {
        SessionState::Opening => format!(". Next: ssh_status session={session}"),
        SessionState::Ready => format!(". Next: ssh_run session={session} command=..."),
        SessionState::Running(run) => format!(". Next: ssh_wait command={run}"),
        SessionState::Unknown(_) => format!(". Next: ssh_read session={session} view=screen"),
        SessionState::Exited(_) | SessionState::Closed(_) | SessionState::Lost(_) => {
            format!(". Next: ssh_connect target={} name={session}", words::name(&status.target))
        }
    });
    let page = page.map(|it| format!(", or in a browser at {it} (show the person this address)"));
    let foot = vec![format!("a person follows it with: {}{}", status.follow, page.unwrap_or_default())];
    let unwell = matches!(status.health, Health::Degraded(_)).then(|| plain(&health(status)));
    let told = connected.instead.iter().chain(&connected.notes).chain(&status.warnings);
    let notes = told.cloned().chain(unwell).collect();
    finish(Reply { notes, head, foot, ..Reply::default() }, CHARS_DEFAULT)
}

/// What a session is opened on, with the account that this is.
fn on(status: &SessionStatus) -> String {
    let target = words::name(&status.target);
    match status.account.as_deref().filter(|it| *it != status.target) {
        Some(account) => format!("{target} ({})", words::name(account)),
        None => target,
    }
}

/// Replies with the sessions there are.
#[must_use]
pub fn listed(all: &[SessionStatus], detail: bool) -> CallToolResult {
    let now = SystemTime::now();
    let entries = all.iter().map(|it| {
        let facts = facts(it, detail, now);
        let text = if detail { paragraph(&facts) } else { sentence(&facts) };
        (text, Value::Object(facts))
    });
    let first = match all.len() {
        0 => "no session is open. Next: ssh_connect target=local".to_owned(),
        count => words::count(count as u64, "session"),
    };
    list("sessions", first, entries, "filter=... narrows it")
}

/// Replies with commands that ran.
#[must_use]
pub fn commands(runs: &[RunSummary]) -> CallToolResult {
    let now = SystemTime::now();
    let entries = runs.iter().map(|it| {
        let command = words::line(&it.command, COMMAND_CHARS_MAX);
        let state = state::brief(&it.state);
        let who = format!("{} {}", it.who.role, words::label(&it.who.label));
        let age = now.duration_since(it.at).unwrap_or_default();
        let took = words::time(it.took);
        let text = format!(
            "{} {}: {state} in {took}, {} ago, {who}: {command}",
            it.run,
            words::name(&it.session),
            words::time(age),
        );
        let facts = json!({
            "command": it.run.to_string(), "session": it.session, "state": state, "took": took,
            "age_s": age.as_secs(), "who": who, "text": command,
        });
        (text, facts)
    });
    let first = match runs.len() {
        0 => "no command has run. Next: ssh_run command=...".to_owned(),
        count => format!("{}, newest first", words::count(count as u64, "command")),
    };
    list("commands", first, entries, "filter=... narrows it")
}

/// Replies with how one session stands.
#[must_use]
pub fn status(status: &SessionStatus) -> CallToolResult {
    let facts = facts(status, true, SystemTime::now());
    with_facts(&paragraph(&facts), Value::Object(facts))
}

/// Replies to a close.
#[must_use]
pub fn closed(closed: &[ClosedSession]) -> CallToolResult {
    let shown: Vec<_> = closed.iter().take(SESSIONS_SHOWN).map(|it| words::name(&it.name)).collect();
    let mut head = match (closed.len(), shown.first()) {
        (1, Some(name)) => format!("[{name}] closed; ssh_read session={name} still reads its output"),
        (0, _) => "no session was open".to_owned(),
        (count, _) => format!("{count} sessions closed: {}", shown.join(", ")),
    };
    if let [ClosedSession { name, given_up: Some(given_up) }] = closed {
        head.push_str(&format!(". Next: {} begins a new shell in its place", again(name, given_up)));
    }
    let given_up = closed.iter().filter_map(|it| Some((&it.name, it.given_up.as_ref()?)));
    let foot = given_up.take(SESSIONS_SHOWN).map(|(name, given_up)| {
        format!("lost with the shell of {}: {}", words::name(name), given_up.lost.join(", "))
    });
    finish(Reply { head, foot: foot.collect(), ..Reply::default() }, CHARS_DEFAULT)
}

/// The call that begins a new shell in the place of one that was given up.
fn again(name: &str, given_up: &GivenUp) -> String {
    let mut call = format!("ssh_connect target={} name={}", words::name(&given_up.target), words::name(name));
    for (what, value) in [("shell", &given_up.shell), ("cwd", &given_up.cwd)] {
        if let Some(value) = value {
            call.push_str(&format!(" {what}={}", words::name(value)));
        }
    }
    call
}

/// Replies that there is no command to read.
#[must_use]
pub fn no_commands() -> CallToolResult {
    let head = "no command has run in this session yet. Next: ssh_run command=...".to_owned();
    finish(Reply { head, ..Reply::default() }, CHARS_DEFAULT)
}

/// Lays a list out until its text and its data together fill a reply, and says how many are left.
pub(super) fn list(
    key: &str,
    first: String,
    entries: impl Iterator<Item = (String, Value)>,
    remedy: &str,
) -> CallToolResult {
    let mut room = CHARS_DEFAULT - FRAME_CHARS;
    let mut text = vec![first];
    let (mut shown, mut left) = (Vec::new(), 0_u64);
    for (line, facts) in entries {
        let size = words::escaped_len(&line) + facts.to_string().chars().count() + 4;
        if size > room || left > 0 {
            left += 1;
            continue;
        }
        room -= size;
        text.push(line);
        shown.push(facts);
    }
    let mut facts = Map::new();
    facts.insert(key.to_owned(), Value::Array(shown));
    if left > 0 {
        text.push(format!("({left} more; {remedy})"));
        facts.insert("more".to_owned(), json!(format!("{left}; {remedy}")));
    }
    with_facts(&text.join("\n"), Value::Object(facts))
}

/// Returns the shells inside one another, the session's own first.
fn stack(status: &SessionStatus) -> Value {
    let told = status.stack.iter().map(|it| {
        let mut said = words::name(&it.shell);
        if let Some(who) = &it.who {
            said.push_str(&format!(" of {}", words::name(who)));
        }
        if let Some(cwd) = &it.cwd {
            said.push_str(&format!(" in {}", words::name(cwd)));
        }
        if let Some(run) = it.run {
            said.push_str(&format!(", where {run} opened"));
        }
        said
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { Value::Null } else { json!(told) }
}

/// Returns what is known of a session, name first as JSON orders it; what is absent is left out.
fn facts(status: &SessionStatus, detail: bool, now: SystemTime) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            facts.insert(name.to_owned(), value);
        }
    };
    put("session", json!(status.name));
    put("state", json!(words::line(&state::session(&status.state), WORDS_CHARS_MAX)));
    put("target", json!(words::name(&status.target)));
    put("account", json!(status.account.as_deref().filter(|it| *it != status.target).map(words::name)));
    put("health", health(status));
    put("shell", json!(words::name(&status.shell)));
    put("cwd", json!(status.cwd.as_deref().map(words::name)));
    put("mode", json!(status.mode.to_string()));
    put("idle_s", json!(status.idle.as_secs()));
    put("label", json!(status.label.as_deref().map(|it| words::line(it, WORDS_CHARS_MAX))));
    put("default", if status.is_default { json!(true) } else { Value::Null });
    put("warnings", texts(&status.warnings));
    put("viewers", texts(&status.viewers));
    if detail {
        let (cols, rows) = status.size;
        put("pid", json!(status.pid));
        put("size", json!(format!("{cols}x{rows}")));
        put("pen", json!(status.pen.as_deref().map(|it| words::line(it, WORDS_CHARS_MAX))));
        put("running", running(status));
        put("shells", stack(status));
        put(
            "opened_by",
            json!(format!("{} {}", status.opened_by.role, words::label(&status.opened_by.label))),
        );
        put("uptime_s", json!(now.duration_since(status.opened_at).unwrap_or_default().as_secs()));
        put("idle_timeout_s", json!(status.idle_timeout.map(|it| it.as_secs())));
        put("follow", json!(status.follow));
        put("next_offset", json!(status.next_offset.to_string()));
    }
    // Each by its own name: a list has sessions on several hosts.
    match veils::of_target(&status.target) {
        Some(veil) => {
            let said = |it| veiled::strings(it, &|text| veil.all_in(text));
            facts.into_iter().map(|(name, value)| (name, said(value))).collect()
        }
        None => facts,
    }
}

fn health(status: &SessionStatus) -> Value {
    // How it ended is its state.
    match status.health.words() {
        (word @ "degraded", Some(why)) => json!(words::line(&format!("{word}: {why}"), WORDS_CHARS_MAX)),
        (word, _) => json!(word),
    }
}

fn texts(texts: &[String]) -> Value {
    if texts.is_empty() {
        return Value::Null;
    }
    json!(texts.iter().map(|it| words::line(it, WORDS_CHARS_MAX)).collect::<Vec<_>>())
}

fn running(status: &SessionStatus) -> Value {
    let Some(report) = &status.running else { return Value::Null };
    let command = words::line(&report.command, COMMAND_CHARS_MAX);
    json!(format!(
        "{} {} for {}: {command}",
        report.run,
        state::brief(&report.state),
        words::time(report.took)
    ))
}

fn sentence(facts: &Map<String, Value>) -> String {
    let rest = facts.iter().filter(|(name, _)| !matches!(name.as_str(), "session" | "state"));
    let rest: Vec<_> = rest.map(|(name, value)| format!("{name} {}", plain(value))).collect();
    let get = |name: &str| facts.get(name).map(plain).unwrap_or_default();
    format!("{}: {}, {}", get("session"), get("state"), rest.join(", "))
}

fn paragraph(facts: &Map<String, Value>) -> String {
    let get = |name: &str| facts.get(name).map(plain).unwrap_or_default();
    let mut lines = vec![format!("[{}] {}", get("session"), get("state"))];
    let rest = facts.iter().filter(|(name, _)| !matches!(name.as_str(), "session" | "state"));
    lines.extend(rest.map(|(name, value)| format!("{name}: {}", plain(value))));
    lines.join("\n")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join("; "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}
