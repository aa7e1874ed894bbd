//! Replies of `ssh_read` that show no output: the screen, the history, the evidence.

use std::time::SystemTime;

use cotty_core::names::Offset;
use cotty_engine::report::{HistoryEntry, HistoryKind, Proof, ScreenView, Step};
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

/// Replies with what a verdict rests on: each step with its moment after the command was typed, and its place.
#[must_use]
pub fn evidence(proof: &Proof, wanted: Wanted) -> CallToolResult {
    let Proof { report, who, at, steps } = proof;
    let age = words::time(SystemTime::now().duration_since(*at).unwrap_or_default());
    let head = format!(
        "[{} {}] evidence: {} ({}), typed {age} ago by {} {}",
        words::name(&report.session),
        report.run,
        state::brief(&report.state),
        report.boundary,
        who.role,
        words::label(&who.label),
    );
    let epoch = report.output.from.epoch;
    let line = |step: &Step| {
        let at = Offset { epoch, byte: step.at };
        format!("+{} at {at} {}: {}", words::time(step.after), step.kind, words::line(&step.words(), 600))
    };
    between(head, steps.iter().map(line).collect(), Vec::new(), wanted)
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
