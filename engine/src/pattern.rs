//! Regular expressions that callers give: linear in time, bounded in memory.

use cotty_core::refusal::Refusal;
use regex::{Regex, RegexBuilder};

/// What a pattern may cost, compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Returns the argument `what` as a regular expression; `^` and `$` match at every line.
///
/// # Errors
///
/// Says where the pattern is wrong, or that it is too large.
pub fn compile(what: &'static str, text: &str) -> Result<Regex, Refusal> {
    built(what, RegexBuilder::new(text).multi_line(true))
}

/// Returns what finds the text itself, without regard to case.
///
/// # Errors
///
/// Says that it is too large.
pub fn plain(what: &'static str, text: &str) -> Result<Regex, Refusal> {
    built(what, RegexBuilder::new(&regex::escape(text)).case_insensitive(true))
}

fn built(what: &'static str, builder: &mut RegexBuilder) -> Result<Regex, Refusal> {
    let pattern = builder.size_limit(PATTERN_BYTES_MAX).build();
    pattern.map_err(|it| {
        let last = it.to_string().lines().last().unwrap_or_default().trim().to_owned();
        Refusal::InvalidArgument { what, why: format!("this is no regular expression: {last}") }
    })
}
