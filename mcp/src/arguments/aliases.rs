//! What other servers taught their users: their tools' names and their spellings of arguments, as tables.

use serde_json::{Map, Value, json};

use super::Param;

/// A foreign tool's name, ours, and the arguments that make ours do the same.
type Tool = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Written with underscores: a dash in a call is taken as one.
const TOOLS: &[Tool] = &[
    ("ssh_quick_connect", "ssh_connect", &[]),
    ("ssh_session_open", "ssh_connect", &[]),
    ("ssh_session_resize", "ssh_connect", &[]),
    ("ssh_session_set_active", "ssh_connect", &[("default", "true")]),
    ("ssh_set_default", "ssh_connect", &[("default", "true")]),
    ("ssh_reconnect", "ssh_connect", &[]),
    ("ssh_start_session", "ssh_connect", &[]),
    ("ssh_ensure_session", "ssh_connect", &[]),
    ("open_session", "ssh_connect", &[]),
    ("ssh_exec", "ssh_run", &[]),
    ("ssh_shell", "ssh_run", &[]),
    ("ssh_execute", "ssh_run", &[]),
    ("ssh_retry", "ssh_run", &[("retry_attempts", "3")]),
    ("execute_command", "ssh_run", &[]),
    ("execute_command_async", "ssh_run", &[("background", "true")]),
    ("run_command", "ssh_run", &[]),
    ("ssh_command_status", "ssh_wait", &[("wait_s", "0")]),
    ("get_command_status", "ssh_wait", &[("wait_s", "0")]),
    ("ssh_session_watch", "ssh_wait", &[("until", "output")]),
    ("ssh_session_read", "ssh_read", &[]),
    ("ssh_session_history", "ssh_read", &[("view", "history")]),
    ("ssh_read_session", "ssh_read", &[]),
    ("read_screen", "ssh_read", &[("view", "screen")]),
    ("get_screen", "ssh_read", &[("view", "screen")]),
    ("get_transcript", "ssh_read", &[("view", "tail")]),
    ("search_logs", "ssh_read", &[("view", "search")]),
    ("ssh_session_send", "ssh_send", &[]),
    ("ssh_session_control", "ssh_send", &[]),
    ("ssh_write_session", "ssh_send", &[]),
    ("send_input", "ssh_send", &[]),
    ("send_input_by_session", "ssh_send", &[]),
    ("send_text", "ssh_send", &[]),
    ("send_keys", "ssh_send", &[]),
    ("interrupt", "ssh_send", &[("keys", "ctrl-c")]),
    ("ssh_session_list", "ssh_list", &[]),
    ("ssh_sessions", "ssh_list", &[]),
    ("ssh_list_sessions", "ssh_list", &[]),
    ("list_sessions", "ssh_list", &[]),
    ("list_running_commands", "ssh_list", &[("kind", "commands")]),
    ("list_command_history", "ssh_list", &[("kind", "commands")]),
    ("ssh_session_diagnostics", "ssh_status", &[]),
    ("ssh_session_close", "ssh_close", &[]),
    ("ssh_disconnect", "ssh_close", &[]),
    ("ssh_stop_session", "ssh_close", &[]),
    ("close_session", "ssh_close", &[]),
    ("close_all_sessions", "ssh_close", &[("id", "all")]),
    ("interrupt_command_by_id", "ssh_close", &[]),
];

/// A foreign argument, and which of ours it may stand for: the first that the tool has.
const ARGUMENTS: &[(&str, &[&str])] = &[
    ("host", &["target"]),
    ("hostname", &["target"]),
    ("server", &["target"]),
    ("device", &["target"]),
    ("cmd", &["command"]),
    ("script", &["command"]),
    ("command_id", &["command", "id"]),
    ("commandid", &["command", "id"]),
    ("run", &["command", "id"]),
    ("command", &["id"]),
    ("handle", &["id", "command"]),
    ("id", &["command", "session"]),
    ("session", &["name", "id"]),
    ("session_id", &["session", "name", "id"]),
    ("sessionid", &["session", "name", "id"]),
    ("session_name", &["session", "name", "id"]),
    ("sessionname", &["session", "name", "id"]),
    ("name", &["session", "id"]),
    ("host_name", &["target"]),
    ("input", &["text"]),
    ("input_text", &["text"]),
    ("data", &["text"]),
    ("key", &["keys"]),
    ("control", &["keys"]),
    ("timeout", &["wait_s"]),
    ("timeout_s", &["wait_s"]),
    ("wait", &["wait_s"]),
    ("timeout_ms", &["wait_s"]),
    ("timeoutms", &["wait_s"]),
    ("wait_ms", &["wait_s"]),
    ("waitms", &["wait_s"]),
    ("columns", &["cols"]),
    ("width", &["cols"]),
    ("height", &["rows"]),
    ("working_dir", &["cwd"]),
    ("workdir", &["cwd"]),
    ("directory", &["cwd"]),
    ("query", &["pattern"]),
    ("regex", &["pattern"]),
    ("max_lines", &["lines"]),
    ("maxlines", &["lines"]),
    ("limit", &["lines"]),
    ("maxchars", &["max_chars"]),
    ("maxretries", &["retry_attempts"]),
    ("max_retries", &["retry_attempts"]),
    ("retries", &["retry_attempts"]),
    ("successpattern", &["retry_success"]),
    ("success_pattern", &["retry_success"]),
    ("failpattern", &["retry_fail"]),
    ("fail_pattern", &["retry_fail"]),
];

/// Names of a handle. Where `command` is the text to run, none of them may become it.
const HANDLES: [&str; 5] = ["command_id", "commandid", "run", "handle", "id"];

/// Returns our name of a tool and fills in what a foreign name implies.
pub(crate) fn tool(name: &str, arguments: &mut Map<String, Value>) -> String {
    let name = name.replace('-', "_");
    let Some((_, ours, implied)) = TOOLS.iter().find(|it| it.0 == name) else { return name };
    for (argument, value) in *implied {
        arguments.entry((*argument).to_owned()).or_insert_with(|| json!(value));
    }
    (*ours).to_owned()
}

/// Returns our name of an argument, with its value in our unit.
pub(crate) fn argument(params: &[Param], name: String, value: Value) -> (String, Value) {
    let has = |wanted: &str| params.iter().any(|it| it.name == wanted);
    if has(&name) {
        return (name, value);
    }
    let plain = name.to_ascii_lowercase().replace('-', "_");
    if has(&plain) {
        return (plain, value);
    }
    if HANDLES.contains(&plain.as_str()) && params.iter().any(|it| it.name == "command" && it.required) {
        return (name, value);
    }
    let Some((_, ours)) = ARGUMENTS.iter().find(|it| it.0 == plain) else { return (name, value) };
    let Some(ours) = ours.iter().find(|it| has(it)) else { return (name, value) };
    let milliseconds = plain.ends_with("ms") && *ours == "wait_s";
    let value = match value.as_f64() {
        Some(number) if milliseconds => json!(number / 1000.0),
        _ => value,
    };
    ((*ours).to_owned(), value)
}
