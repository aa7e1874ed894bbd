//! Resources: the sessions, and of each its screen and what it printed, as the tools say it; and word of their changes.

use std::time::Duration;

use cotty_engine::report::Which;
use rmcp::model::{
    CacheScope, ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate, ResultType,
};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::render::state;
use crate::tools;

/// So many one client may follow.
pub(crate) const FOLLOWED_MAX: usize = 64;
/// Whoever follows is told of changes this often at most, and looked for them this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The address of the list of sessions.
const SESSIONS: &str = "cotty://sessions";
/// What the addresses of one session's begin with.
const SESSION: &str = "cotty://session/";
/// How much of what was printed is given.
const TRANSCRIPT_LINES: u64 = 1_000;
/// And in how many characters.
const TRANSCRIPT_CHARS: u64 = 100_000;

/// What an address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// The list of sessions.
    Sessions,
    /// What stands on a session's screen.
    Screen(String),
    /// The end of what a session printed.
    Transcript(String),
}

impl Thing {
    /// Reads an address.
    pub(crate) fn of(uri: &str) -> Option<Self> {
        if uri == SESSIONS {
            return Some(Self::Sessions);
        }
        let (name, part) = uri.strip_prefix(SESSION)?.split_once('/')?;
        // The second of a name: `web1#2`, where an address means something else by that sign.
        let name = name.replace("%23", "#");
        match part {
            "screen" => Some(Self::Screen(name)),
            "transcript" => Some(Self::Transcript(name)),
            _ => None,
        }
    }

    fn order(&self) -> (&'static str, Value) {
        match self {
            Self::Sessions => ("ssh_list", json!({"detail": true})),
            Self::Screen(name) => ("ssh_read", json!({"session": name, "view": "screen"})),
            Self::Transcript(name) => (
                "ssh_read",
                json!({"session": name, "view": "tail", "lines": TRANSCRIPT_LINES, "max_chars": TRANSCRIPT_CHARS}),
            ),
        }
    }
}

/// Makes the list of resources.
pub(crate) fn listed() -> ListResourcesResult {
    let sessions = Resource::new(SESSIONS, "sessions")
        .with_title("Sessions")
        .with_description("The terminal sessions, with their state")
        .with_mime_type("application/json");
    ListResourcesResult::with_all_items(vec![sessions])
}

/// Makes the list of their templates.
pub(crate) fn templates() -> ListResourceTemplatesResult {
    let template = |part: &str, title: &str, description: &str| {
        ResourceTemplate::new(format!("{SESSION}{{name}}/{part}"), part)
            .with_title(title)
            .with_description(description)
            .with_mime_type("text/plain")
    };
    ListResourceTemplatesResult::with_all_items(vec![
        template("screen", "Screen", "What stands on a session's screen"),
        template("transcript", "Transcript", "The end of what a session printed"),
    ])
}

/// Reads one.
pub(crate) async fn read(call: &Call, uri: &str, stateless: bool) -> Result<ReadResourceResult, ErrorData> {
    let thing = Thing::of(uri).ok_or_else(|| unknown(uri, "there is no such resource"))?;
    let (tool, arguments) = thing.order();
    let arguments: Map<String, Value> = arguments.as_object().cloned().unwrap_or_default();
    let order = tools::understand(tool, arguments).ok_or_else(|| unknown(uri, "there is no such tool"))?;
    let said = order.carry_out(call).await;
    let text = said.content.first().and_then(|it| it.as_text()).map(|it| it.text.clone()).unwrap_or_default();
    if said.is_error == Some(true) {
        return Err(unknown(uri, &text));
    }
    let (text, kind) = match said.structured_content {
        Some(facts) => (facts.to_string(), "application/json"),
        None => (text, "text/plain"),
    };
    let mut result = ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(kind)]);
    result.result_type = stateless.then_some(ResultType::COMPLETE);
    result.ttl_ms = stateless.then_some(0);
    result.cache_scope = stateless.then_some(CacheScope::Private);
    Ok(result)
}

/// Refuses an address that leads nowhere.
pub(crate) fn unknown(uri: &str, why: &str) -> ErrorData {
    let uri: String = uri.chars().take(200).collect();
    ErrorData::resource_not_found(why.to_owned(), Some(json!({"uri": uri})))
}

/// Returns when a thing is another than it was; `seen` is what was seen of it last.
pub(crate) async fn changed(call: &Call, thing: &Thing, seen: &mut Option<String>) {
    loop {
        let now = glance(call, thing).await;
        if seen.as_ref().is_some_and(|it| *it != now) {
            *seen = Some(now);
            return;
        }
        *seen = Some(now);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What tells a thing from what it was: where the output ends, and how its session stands.
async fn glance(call: &Call, thing: &Thing) -> String {
    let told = match thing {
        Thing::Sessions => call.hub.list(&call.caller).await,
        Thing::Screen(name) | Thing::Transcript(name) => {
            let which = Which { session: Some(name.clone()), target: None };
            call.hub.status(&call.caller, &which).await.map(|it| vec![it])
        }
    };
    let with_output = *thing != Thing::Sessions;
    match told {
        Ok(all) => all
            .iter()
            .map(|it| {
                let printed = if with_output { it.next_offset.to_string() } else { String::new() };
                let (state, mode, pen) =
                    (state::session(&it.state), it.mode, it.pen.as_deref().unwrap_or_default());
                format!("{} {printed} {state} {mode} {pen} {:?} {:?}\n", it.name, it.size, it.viewers)
            })
            .collect(),
        Err(refusal) => refusal.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_the_sessions_or_of_one() {
        let web = || "web1".to_owned();
        assert_eq!(Thing::of("cotty://sessions"), Some(Thing::Sessions));
        assert_eq!(Thing::of("cotty://session/web1/screen"), Some(Thing::Screen(web())));
        assert_eq!(
            Thing::of("cotty://session/web1%232/transcript"),
            Some(Thing::Transcript("web1#2".to_owned()))
        );
        for wrong in
            ["", "cotty://", "cotty://session/web1", "cotty://session/web1/screen/x", "http://sessions"]
        {
            assert_eq!(Thing::of(wrong), None, "{wrong}");
        }
    }
}
