//! Search through all that is kept of a session's output, far beyond what a page or a terminal has scrolled back to.

use axum::extract::State;
use axum::{Extension, Json};
use cotty_core::names::Offset;
use cotty_core::refusal::Refusal;
use cotty_engine::pattern;
use cotty_engine::report::{Caller, Part, Which};
use cotty_wire::api;
use tokio::sync::Semaphore;

use crate::answer::{Answer, Asked};
use crate::served::Served;

/// How many lines are found when nobody says.
const LINES: usize = 100;

/// More are not given.
const LINES_MAX: usize = 1000;

/// They have so many characters together at most.
const CHARACTERS_MAX: usize = 512 * 1024;

/// Nobody looks for a longer text.
const TEXT_CHARACTERS_MAX: usize = 500;

/// So many searches are under way at once, for each may read a whole journal; the others wait.
static SEARCHES: Semaphore = Semaphore::const_new(2);

/// Finds the newest lines that hold a text, without regard to case.
pub(crate) async fn search(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
) -> Answer<api::Found> {
    let wanted = asked.0.find.unwrap_or_default();
    let invalid = |why: &str| Refusal::InvalidArgument { what: "find", why: why.to_owned() };
    if wanted.is_empty() || wanted.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(invalid("it has 1 to 500 characters").into());
    }
    if wanted.chars().any(|it| matches!(it, '\n' | '\r')) {
        return Err(invalid("it is looked for within a line").into());
    }
    let which = Which { session: asked.0.session, target: None };
    let status = served.hub.status(&caller, &which).await?;
    let start = Offset { epoch: status.next_offset.epoch, byte: 0 };
    let stretch = served.hub.recent(&caller, &which, Some(start)).await?;
    let limit = asked.0.limit.unwrap_or(LINES).clamp(1, LINES_MAX);
    let part = Part {
        budget: CHARACTERS_MAX,
        lines: Some(limit as u64),
        tail: true,
        pattern: Some(pattern::plain("find", &wanted)?),
        ..Part::default()
    };
    let permit = SEARCHES.acquire().await.ok();
    let found = served.hub.text(&stretch, part).await?;
    drop(permit);
    let lines = found.numbers.into_iter().zip(found.tail);
    Ok(Json(api::Found {
        session: status.name,
        found: lines.map(|(line, text)| api::FoundLine { line, text }).collect(),
        more: found.hidden.is_some(),
        lines: found.lines,
        gone_bytes: found.gone_bytes,
        to: stretch.to.to_string(),
    }))
}
