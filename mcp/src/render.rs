//! The only place that makes a tool's result: the order of its parts, its size, and what may stand in it.
//!
//! A reply is notes, a head line, what a program printed between two lines with a random word, and a foot.
//! Notes, head and foot are made from our own state alone; what is remote stands between the two lines.

use cotty_core::refusal::Refusal;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::Value;

pub mod words;
pub mod state;
pub mod output;
pub mod views;
pub mod sessions;
pub mod named;
pub mod hosts;
pub mod veiled;

/// What a refusal may measure: the rest of a longer one is somebody's text, not ours.
const REFUSAL_CHARS_MAX: usize = 2_000;
/// What is said of lines that were left out here, beyond what the engine left out and counted.
const DID_NOT_FIT: &str = "not all lines fit: a larger max_chars shows more";
/// What a note or a part of the foot may measure.
const LINE_CHARS_MAX: usize = 600;

/// What a program printed, as far as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The first lines.
    pub head: Vec<String>,
    /// How many lines are left out after them.
    pub hidden: u64,
    /// The last lines.
    pub tail: Vec<String>,
}

/// A reply before it is laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// What the caller should know first, one line each.
    pub notes: Vec<String>,
    /// Where things stand.
    pub head: String,
    /// Remote text; `None` where there is none to show.
    pub body: Option<Body>,
    /// Standard error, where it is kept apart and there is any.
    pub errors: Option<Body>,
    /// The words with which a program asks: the last line of the body, also where that shows something else.
    pub asks: Option<String>,
    /// What follows it, on one line.
    pub foot: Vec<String>,
}

impl Reply {
    /// Returns what is left for the body of a reply of this size.
    #[must_use]
    pub fn room(&self, chars_max: usize) -> usize {
        let line = || vec![String::new()];
        let empty = || Body { head: line(), hidden: u64::MAX, tail: line() };
        let errors = self.errors.as_ref().map(|_| empty());
        let empty = Self { body: Some(empty()), errors, ..self.clone() };
        let asks = self.asks.as_ref().map_or(0, |it| words::escaped_len(it) + 2);
        chars_max.saturating_sub(words::escaped_len(&empty.lay_out("000000")) + asks)
    }

    /// Lets the body end with what the program asks.
    pub(crate) fn show_question(&mut self) {
        let Some(asks) = self.asks.take() else { return };
        let body = self.body.get_or_insert_default();
        let last = body.tail.last().or(body.head.last()).map(|line| line.trim_end());
        if last.is_none_or(|line| !line.ends_with(asks.trim_end())) {
            body.tail.push(asks);
        }
    }

    fn lay_out(&self, word: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.notes.iter().map(|it| format!("({})", words::line(it, LINE_CHARS_MAX))));
        lines.push(words::line(&self.head, LINE_CHARS_MAX));
        for (body, mark) in [(&self.body, word.to_owned()), (&self.errors, format!("{word} stderr"))] {
            body.iter().for_each(|it| it.lay_out(&mark, &mut lines));
        }
        if !self.foot.is_empty() {
            let foot: Vec<_> =
                self.foot.iter().map(|it| format!("({})", words::line(it, LINE_CHARS_MAX))).collect();
            lines.push(foot.join(" "));
        }
        lines.join("\n")
    }

    /// Returns a word that no line of the body holds.
    fn boundary(&self) -> String {
        let holds = |word: &str| {
            let mut bodies = self.body.iter().chain(&self.errors);
            bodies.any(|it| it.head.iter().chain(&it.tail).any(|line| line.contains(word)))
        };
        // Drawn after the output was: to meet it a program would have to print all of the 16 million.
        (0..8).map(|_| words::random_word()).find(|it| !holds(it)).unwrap_or_else(words::random_word)
    }
}

impl Body {
    fn lay_out(&self, mark: &str, lines: &mut Vec<String>) {
        lines.push(format!("--- {mark} ---"));
        lines.extend(self.head.iter().map(|it| words::clean(it)));
        // Between two parts only: what is missing at an end is told by the foot.
        if self.hidden > 0 && !self.head.is_empty() && !self.tail.is_empty() {
            lines.push(format!("--- {mark}: {} lines hidden ---", self.hidden));
        }
        lines.extend(self.tail.iter().map(|it| words::clean(it)));
        lines.push(format!("--- {mark} ---"));
    }

    /// Leaves out at least `excess` characters, if there are as many; `false` where nothing is left to drop.
    fn shrink(&mut self, excess: usize) -> bool {
        let mut dropped = 0;
        while dropped < excess {
            let line =
                if self.head.len() >= self.tail.len() { self.head.pop() } else { take_first(&mut self.tail) };
            let Some(line) = line else { break };
            let length = words::escaped_len(&line) + 2;
            if dropped + length > excess + 80 && self.head.is_empty() && self.tail.is_empty() {
                // The only line: what fits of it is better than nothing.
                self.head.push(words::cut(&line, length.saturating_sub(excess - dropped + 4)));
                return true;
            }
            dropped += length;
            self.hidden += 1;
        }
        dropped > 0
    }
}

fn take_first(lines: &mut Vec<String>) -> Option<String> {
    (!lines.is_empty()).then(|| lines.remove(0))
}

/// Returns a reply as a tool's result of at most `chars_max` characters, counted as JSON escapes them.
///
/// The engine cuts the output to the room there is; here the limit is held whatever it gave.
#[must_use]
pub fn finish(mut reply: Reply, chars_max: usize) -> CallToolResult {
    let word = reply.boundary();
    let mut text = reply.lay_out(&word);
    if words::escaped_len(&text) > chars_max && (reply.body.is_some() || reply.errors.is_some()) {
        reply.foot.push(DID_NOT_FIT.to_owned());
        text = reply.lay_out(&word);
    }
    while let excess @ 1.. = words::escaped_len(&text).saturating_sub(chars_max) {
        let mut bodies = reply.body.iter_mut().chain(&mut reply.errors);
        if !bodies.any(|it| it.shrink(excess)) {
            break;
        }
        text = reply.lay_out(&word);
    }
    if words::escaped_len(&text) > chars_max {
        text = words::cut(&text, chars_max);
    }
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// Returns a result that gives the same facts as text and as data.
#[must_use]
pub fn with_facts(text: &str, facts: Value) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(words::clean_lines(text))]);
    result.structured_content = Some(facts);
    result
}

/// Returns why something was not done, and what to do next.
#[must_use]
pub fn refused(refusal: &Refusal) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(refusal_words(refusal))])
}

/// Returns the words of a refusal: its kind, what happened and why, and what to do next.
#[must_use]
pub fn refusal_words(refusal: &Refusal) -> String {
    let text = format!("{}: {refusal}. {}", refusal.kind(), refusal.next_step());
    words::line(&text, REFUSAL_CHARS_MAX)
}
