//! Replies that show what was printed: the room that is left decides how much of it is asked for.

use cotty_core::names::{Offset, RunId};
use cotty_core::refusal::Refusal;
use cotty_engine::report::{Excerpt, Part, RunReport, RunState, Sent, Stretch, Until, Waited, Which};
use rmcp::model::CallToolResult;

use super::{Body, Reply, finish, state, words};
use crate::arguments::Arguments;
use crate::call::Call;

/// What the caller wants to see.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// How large the reply may be.
    pub chars_max: usize,
    /// Which part of the output.
    pub part: Part,
    /// What to say about how the arguments were taken.
    pub notes: Vec<String>,
}

impl Wanted {
    /// Returns what these arguments ask for: head and tail of all of it.
    #[must_use]
    pub fn of(arguments: &Arguments) -> Self {
        Self { chars_max: arguments.chars_max(), part: Part::default(), notes: arguments.notes() }
    }
}

/// Where shown output begins, for the call that reads on: lines are counted from there.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// With a command.
    Run(RunId),
    /// At a place in what the session printed.
    Offset(Offset),
}

/// Replies with a command as it stands and its output.
///
/// # Errors
///
/// Refuses where the output cannot be read.
pub async fn reported(call: &Call, report: &RunReport, wanted: Wanted) -> Result<CallToolResult, Refusal> {
    let target = target(call, report).await;
    let searched = wanted.part.pattern.is_some();
    let open = !report.state.is_settled();
    let draft = |excerpt: &Excerpt| {
        let aside = searched.then(|| matches(excerpt));
        let next = (open || excerpt.hidden.is_some()).then_some(report.output.to);
        about(report, excerpt, Origin::Run(report.run), aside.as_deref(), &target, next)
    };
    show_both(call, report, &report.output, wanted, draft).await
}

/// Replies with the standard error of a command that has it apart.
///
/// # Errors
///
/// Refuses a command of a terminal, and where the output cannot be read.
pub async fn errors(call: &Call, report: &RunReport, wanted: Wanted) -> Result<CallToolResult, Refusal> {
    let Some(isolated) = &report.isolated else {
        let why = format!(
            "{} ran in a terminal, where both streams are one; isolated=true keeps them apart",
            report.run
        );
        return Err(Refusal::InvalidArgument { what: "view", why });
    };
    let searched = wanted.part.pattern.is_some();
    let draft = |excerpt: &Excerpt| {
        let aside = if searched { matches(excerpt) } else { "its standard error".to_owned() };
        let foot = hidden_errors(report.run, excerpt).into_iter().collect();
        Reply { head: state::head(report, excerpt.lines, Some(&aside), ""), foot, ..Reply::default() }
    };
    show(call, &isolated.errors, wanted, draft).await
}

/// Replies to a wait.
///
/// # Errors
///
/// Refuses where the output cannot be read.
pub async fn waited(
    call: &Call,
    waited: &Waited,
    until: &Until,
    from_offset: bool,
    wanted: Wanted,
) -> Result<CallToolResult, Refusal> {
    let aside = met(until, waited.met);
    let Some(report) = &waited.report else {
        let draft = |excerpt: &Excerpt| Reply {
            head: joined("no command has run in this session yet", aside, "Next: ssh_run command=..."),
            foot: foot(excerpt, None, Some(waited.next_offset)),
            ..Reply::default()
        };
        return show(call, &waited.shown, wanted, draft).await;
    };
    let target = target(call, report).await;
    let next = (from_offset || !report.state.is_settled()).then_some(waited.next_offset);
    let origin = if from_offset { Origin::Offset(waited.shown.from) } else { Origin::Run(report.run) };
    let draft = |excerpt: &Excerpt| {
        let next = next.or(excerpt.hidden.map(|_| waited.next_offset));
        about(report, excerpt, origin, aside, &target, next)
    };
    show_both(call, report, &waited.shown, wanted, draft).await
}

/// Replies to what was typed.
///
/// # Errors
///
/// Refuses where the output cannot be read.
pub async fn sent(call: &Call, sent: &Sent, wanted: Wanted) -> Result<CallToolResult, Refusal> {
    let aside = sent.matched.map(|it| if it { "expect was seen" } else { "expect was not seen" });
    let origin = Origin::Offset(sent.shown.from);
    let Some(report) = &sent.report else {
        let draft = |excerpt: &Excerpt| Reply {
            head: format!("[{}] {}", words::name(&sent.session), joined("typed; nothing runs", aside, "")),
            foot: foot(excerpt, Some((&sent.session, origin)), Some(sent.next_offset)),
            ..Reply::default()
        };
        return show(call, &sent.shown, wanted, draft).await;
    };
    let target = target(call, report).await;
    let draft = |excerpt: &Excerpt| about(report, excerpt, origin, aside, &target, Some(sent.next_offset));
    show(call, &sent.shown, wanted, draft).await
}

/// Replies with what a session printed lately.
///
/// # Errors
///
/// Refuses where the output cannot be read.
pub async fn recent(
    call: &Call,
    session: &str,
    stretch: &Stretch,
    wanted: Wanted,
) -> Result<CallToolResult, Refusal> {
    let searched = wanted.part.pattern.is_some();
    let draft = |excerpt: &Excerpt| Reply {
        head: format!("[{}] output from {}: {}", words::name(session), stretch.from, {
            if searched { matches(excerpt) } else { words::count(excerpt.lines, "line") }
        }),
        foot: foot(excerpt, Some((session, Origin::Offset(stretch.from))), Some(stretch.to)),
        ..Reply::default()
    };
    show(call, stretch, wanted, draft).await
}

/// Asks for as much of a stretch as has room beside what the draft says, and lays both out.
async fn show(
    call: &Call,
    stretch: &Stretch,
    wanted: Wanted,
    draft: impl Fn(&Excerpt) -> Reply,
) -> Result<CallToolResult, Refusal> {
    if stretch.from == stretch.to {
        let mut reply = draft(&Excerpt::default());
        reply.notes.extend(wanted.notes);
        reply.show_question();
        if reply.body.is_none() {
            reply.foot.insert(0, "no output".to_owned());
        }
        return Ok(finish(reply, wanted.chars_max));
    }
    // Measured with the largest numbers that could stand in it.
    let numbers = wanted.part.pattern.iter().map(|_| 1).collect();
    let hidden = Some((9_999_999, 9_999_999));
    let widest = Excerpt { hidden, lines: 9_999_999, numbers, ..Excerpt::default() };
    let mut measured = draft(&widest);
    measured.notes.extend(wanted.notes.iter().cloned());
    let budget = measured.room(wanted.chars_max).max(1);
    let mut excerpt = call.hub.text(stretch, Part { budget, ..wanted.part.clone() }).await?;
    let (lines, numbers) = lengths(&excerpt);
    if numbers > 0 && lines + numbers > budget {
        // Numbers before lines are ours, and not in the engine's count: what was asked for shrinks by their share.
        let budget = (budget * lines / (lines + numbers)).max(1);
        excerpt = call.hub.text(stretch, Part { budget, ..wanted.part }).await?;
    }
    let mut reply = draft(&excerpt);
    reply.notes.extend(wanted.notes);
    reply.body = body(&excerpt);
    reply.show_question();
    if reply.body.is_none() {
        reply.foot.insert(0, "no output".to_owned());
    }
    Ok(finish(reply, wanted.chars_max))
}

/// The same for a command: its standard error follows, where that is kept apart and the whole of it was asked for.
async fn show_both(
    call: &Call,
    report: &RunReport,
    stretch: &Stretch,
    wanted: Wanted,
    draft: impl Fn(&Excerpt) -> Reply,
) -> Result<CallToolResult, Refusal> {
    let Part { from_line, lines, tail, pattern, raw, .. } = &wanted.part;
    let all = from_line.is_none() && lines.is_none() && !tail && pattern.is_none() && !raw;
    let errors = report.isolated.as_ref().map(|it| &it.errors).filter(|it| all && it.from != it.to);
    let Some(errors) = errors else { return show(call, stretch, wanted, draft).await };
    let hidden = Some((9_999_999, 9_999_999));
    let widest = Excerpt { hidden, lines: 9_999_999, ..Excerpt::default() };
    let mut measured = draft(&widest);
    measured.notes.extend(wanted.notes.iter().cloned());
    measured.foot.extend(hidden_errors(report.run, &widest));
    measured.errors = Some(Body::default());
    let room = measured.room(wanted.chars_max).max(2);
    let alone = stretch.from == stretch.to;
    // Errors are seldom long, and seldom what was asked for: what they leave is the output's.
    let budget = if alone { room } else { room / 3 };
    let said = call.hub.text(errors, Part { budget: budget.max(1), ..Part::default() }).await?;
    let budget = room.saturating_sub(lengths(&said).0).max(1);
    let excerpt = match alone {
        true => Excerpt::default(),
        false => call.hub.text(stretch, Part { budget, ..wanted.part }).await?,
    };
    let mut reply = draft(&excerpt);
    reply.notes.extend(wanted.notes);
    reply.body = body(&excerpt);
    reply.show_question();
    reply.errors = body(&said);
    reply.foot.extend(hidden_errors(report.run, &said));
    Ok(finish(reply, wanted.chars_max))
}

fn hidden_errors(run: RunId, excerpt: &Excerpt) -> Option<String> {
    let (first, lines) = excerpt.hidden?;
    let lines = words::count(lines, "line");
    Some(format!("{lines} of stderr hidden: ssh_read command={run} view=stderr from_line={first}"))
}

/// Returns a reply about a command, without its output.
#[must_use]
pub fn about(
    report: &RunReport,
    excerpt: &Excerpt,
    origin: Origin,
    aside: Option<&str>,
    target: &str,
    next_offset: Option<Offset>,
) -> Reply {
    let mut notes = report.notes.clone();
    if report.joined {
        notes.push("this call had begun before and was joined; nothing was typed again".to_owned());
    }
    let mut foot = foot(excerpt, Some((&report.session, origin)), next_offset);
    if !report.survivors.is_empty() {
        let names: Vec<_> = report.survivors.iter().take(20).map(|it| survivor(it)).collect();
        foot.insert(0, format!("still alive: {}", names.join(", ")));
    }
    let asks = report.asks.clone().filter(|_| excerpt.numbers.is_empty());
    Reply { notes, head: state::head(report, excerpt.lines, aside, target), asks, foot, ..Reply::default() }
}

/// Returns a process id and its name, which the process chose itself.
fn survivor(text: &str) -> String {
    match text.split_once(' ') {
        Some((pid, name)) => format!("{} {}", words::name(pid), words::name(name)),
        None => words::name(text),
    }
}

/// Returns what an excerpt shows.
#[must_use]
pub fn body(excerpt: &Excerpt) -> Option<Body> {
    if excerpt.head.is_empty() && excerpt.tail.is_empty() {
        return None;
    }
    let numbered = excerpt.numbers.len() == excerpt.head.len();
    let head = if numbered && !excerpt.numbers.is_empty() {
        let lines = excerpt.numbers.iter().zip(&excerpt.head);
        lines.map(|(number, line)| format!("{number}: {line}")).collect()
    } else {
        excerpt.head.clone()
    };
    Some(Body { head, hidden: excerpt.hidden.map_or(0, |it| it.1), tail: excerpt.tail.clone() })
}

fn foot(excerpt: &Excerpt, begun: Option<(&str, Origin)>, next_offset: Option<Offset>) -> Vec<String> {
    let mut foot = Vec::new();
    if excerpt.gone_bytes > 0 {
        foot.push(format!("{} before this are no longer kept", words::count(excerpt.gone_bytes, "byte")));
    }
    if let Some((first, lines)) = excerpt.hidden {
        let lines = words::count(lines, "line");
        foot.push(match begun {
            Some((session, origin)) => {
                let origin = match origin {
                    Origin::Run(run) => format!("command={run}"),
                    Origin::Offset(offset) => format!("offset={offset}"),
                };
                let session = words::name(session);
                let searched = if excerpt.numbers.is_empty() { "" } else { " pattern=..." };
                format!("{lines} hidden: ssh_read session={session} {origin} from_line={first}{searched}")
            }
            None => format!("{lines} hidden: a larger max_chars shows more"),
        });
    }
    foot.extend(next_offset.map(|it| format!("next offset {it}")));
    foot
}

/// Returns the characters of an excerpt's lines, and those of the numbers before them.
fn lengths(excerpt: &Excerpt) -> (usize, usize) {
    let lines = excerpt.head.iter().chain(&excerpt.tail).map(|it| words::escaped_len(it) + 2).sum();
    let numbers = excerpt.numbers.iter().map(|it| it.to_string().len() + 2).sum();
    (lines, numbers)
}

fn matches(excerpt: &Excerpt) -> String {
    let hidden = excerpt.hidden.map_or(0, |it| it.1);
    match excerpt.head.len() as u64 + hidden {
        1 => "1 line matches".to_owned(),
        lines => format!("{lines} lines match"),
    }
}

fn met(until: &Until, met: bool) -> Option<&'static str> {
    match (until, met) {
        (Until::Done, _) => None,
        (Until::Input, true) => Some("it waits for input"),
        (Until::Input, false) => Some("it asks for nothing"),
        (Until::Output, true) => Some("it printed"),
        (Until::Output, false) => Some("it printed nothing"),
        (Until::Pattern(_), true) => Some("the pattern was seen"),
        (Until::Pattern(_), false) => Some("the pattern was not seen"),
        (Until::Idle, true) => Some("idle for 2 s, which says nothing about being done"),
        (Until::Idle, false) => Some("it still prints"),
    }
}

fn joined(words: &str, aside: Option<&str>, next: &str) -> String {
    let aside = aside.map(|it| format!(", {it}")).unwrap_or_default();
    if next.is_empty() { format!("{words}{aside}") } else { format!("{words}{aside}. {next}") }
}

/// Returns what the command's session is opened on, where the reply will name it.
async fn target(call: &Call, report: &RunReport) -> String {
    if !matches!(report.state, RunState::ShellExited { .. } | RunState::Lost { .. }) {
        return String::new();
    }
    let which = Which { session: Some(report.session.clone()), target: None };
    call.hub.status(&call.caller, &which).await.map_or_else(|_| "local".to_owned(), |it| it.target)
}
