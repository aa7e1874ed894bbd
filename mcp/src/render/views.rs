//! Replies of `ssh_read` that show no output: the screen, the history, the evidence.

use std::time::SystemTime;

use cotty_core::names::RunId;
use cotty_engine::report::{HistoryEntry, HistoryKind, ScreenView};
use rmcp::model::CallToolResult;

use super::output::Wanted;
use super::{Body, Reply, finish, state, words};

/// Replies with the visible screen.
#[must_use]
pub fn screen(screen: &ScreenView, wanted: Wanted) -> CallToolResult {
    let (cols, rows) = screen.size;
    let (column, row) = screen.cursor;
    let kind = if screen.alternate { "alternate screen" } else { "screen" };
    let head = format!(
        "[{}] {kind} {cols}x{rows}, cursor in row {} column {}",
        words::name(&screen.session),
        u32::from(row) + 1,
        u32::from(column) + 1,
    );
    let title = screen.title.iter().map(|it| format!("title: {it}"));
    let lines: Vec<_> = title.chain(screen.rows.iter().cloned()).collect();
    let foot = vec![format!("next offset {}", screen.next_offset)];
    between(head, lines, foot, wanted)
}

/// Replies with who did what.
#[must_use]
pub fn history(session: &str, entries: &[HistoryEntry], wanted: Wanted) -> CallToolResult {
    let now = SystemTime::now();
    let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let entries_word = if count == 1 { "entry" } else { "entries" };
    let head = format!("[{}] history, {count} {entries_word}", words::name(session));
    let lines = entries.iter().map(|it| entry(it, now)).collect();
    between(head, lines, Vec::new(), wanted)
}

/// Replies with what a verdict rests on.
#[must_use]
pub fn evidence(run: RunId, evidence: &str, wanted: Wanted) -> CallToolResult {
    let lines = evidence.lines().map(str::to_owned).collect();
    between(format!("[{run}] evidence"), lines, Vec::new(), wanted)
}

/// Returns one entry of the history as a line.
#[must_use]
pub fn entry(entry: &HistoryEntry, now: SystemTime) -> String {
    let age = words::time(now.duration_since(entry.at).unwrap_or_default());
    let who = format!("{} {}", entry.who.role, words::label(&entry.who.label));
    let what = match &entry.what {
        HistoryKind::Ran { run, command, state, took } => {
            let took = took.map(|it| format!(" in {}", words::time(it))).unwrap_or_default();
            format!("{run} {}{took}: {}", state::brief(state), words::line(command, 300))
        }
        HistoryKind::Typed(keys) => format!("typed {}", words::line(keys, 300)),
        HistoryKind::Noted(note) => words::line(note, 300),
    };
    format!("{age} ago, {who}: {what}")
}

fn between(head: String, lines: Vec<String>, foot: Vec<String>, wanted: Wanted) -> CallToolResult {
    let body = (!lines.is_empty()).then(|| Body { tail: lines, ..Body::default() });
    let notes = wanted.notes;
    finish(Reply { notes, head, body, foot, ..Reply::default() }, wanted.chars_max)
}
