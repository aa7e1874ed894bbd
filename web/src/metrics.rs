//! What a watcher of many daemons collects, as Prometheus reads it: numbers alone, no name of anything and no secret.

use std::collections::BTreeMap;
use std::fmt::Display;

use axum::Extension;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use cotty_engine::report::Caller;

use crate::answer::Refused;
use crate::listener::Listener;
use crate::logins::Kind;
use crate::served::Served;
use crate::words;

/// What a session can be. Each is told, also where none is.
const STATES: [&str; 7] = ["opening", "ready", "running", "unknown", "exited", "closed", "lost"];

/// Tells all numbers.
pub(crate) async fn metrics(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    let mut text = Text::default();
    sessions(&mut text, &served, &caller).await?;
    callers(&mut text, &served);
    house(&mut text, &served);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text.0).into_response())
}

async fn sessions(text: &mut Text, served: &Served, caller: &Caller) -> Result<(), Refused> {
    let list = served.hub.list(caller).await?;
    let mut states: BTreeMap<&str, u64> = STATES.into_iter().map(|it| (it, 0)).collect();
    for session in &list {
        *states.entry(words::session_state(&session.state).0).or_default() += 1;
    }
    text.head("cotty_sessions", "gauge", "Sessions by state; those that ended while their output is kept");
    for (state, count) in states {
        text.row("cotty_sessions", &format!("state=\"{state}\""), count);
    }
    let living = || list.iter().filter(|it| words::lives(&it.state));
    text.number(
        "cotty_viewers",
        "gauge",
        "Terminals and pages that watch",
        living().map(|it| it.viewers.len()).sum::<usize>(),
    );
    let bytes = living().map(|it| it.next_offset.byte).sum::<u64>();
    text.number("cotty_output_bytes", "gauge", "Bytes that the living sessions have printed", bytes);
    let running = living().filter(|it| it.running.is_some()).count();
    text.number("cotty_commands_running", "gauge", "Commands that run in sessions", running);
    text.number(
        "cotty_commands_total",
        "counter",
        "Handles given, in this instance's life",
        served.hub.commands(),
    );
    text.number("cotty_cards_open", "gauge", "Questions that wait for a person", served.hub.cards().len());
    Ok(())
}

fn callers(text: &mut Text, served: &Served) {
    let list = served.logins.list();
    text.head("cotty_logins", "gauge", "Credentials that are good");
    for (kind, name) in [(Kind::Browser, "browser"), (Kind::Program, "token")] {
        text.row(
            "cotty_logins",
            &format!("kind=\"{name}\""),
            list.iter().filter(|it| it.kind == kind).count(),
        );
    }
    text.head("cotty_http_responses_total", "counter", "Answers by listener and status");
    for (listener, name) in [(Listener::Unix, "unix"), (Listener::Tcp, "tcp")] {
        for (outcome, count) in served.counts.answers(listener) {
            let labels = format!("listener=\"{name}\",status=\"{outcome}\"");
            text.row("cotty_http_responses_total", &labels, count);
        }
    }
    text.head("cotty_http_refusals_total", "counter", "Requests by TCP that the guard shut out");
    for (reason, count) in served.counts.shuts() {
        text.row("cotty_http_refusals_total", &format!("reason=\"{reason}\""), count);
    }
}

fn house(text: &mut Text, served: &Served) {
    if let Some(bytes) = served.house.memory_bytes() {
        text.number("process_resident_memory_bytes", "gauge", "Memory of the daemon", bytes);
    }
    text.head("cotty_build_info", "gauge", "The daemon's version");
    text.row("cotty_build_info", concat!("version=\"", env!("CARGO_PKG_VERSION"), "\""), 1);
}

/// The text that grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.0 += &format!("# HELP {name} {help}.\n# TYPE {name} {kind}\n");
    }

    fn row(&mut self, name: &str, labels: &str, value: impl Display) {
        self.0 += &format!("{name}{{{labels}}} {value}\n");
    }

    fn number(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.0 += &format!("{name} {value}\n");
    }
}
