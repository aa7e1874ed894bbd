//! What the status line says: the session, who may write and who does, and what runs.

use cotty_wire::socket::FromServer;

/// The facts behind the line.
#[derive(Debug, Default)]
pub(crate) struct Notice {
    session: String,
    mode: String,
    pen: Option<String>,
    running: Option<(String, String)>,
    state: Option<String>,
    others: usize,
    said: Option<String>,
    /// So many lines of a paste wait for a word.
    asks: Option<usize>,
}

impl Notice {
    /// Knows the session's name only.
    pub(crate) fn new(session: &str) -> Self {
        Self { session: session.to_owned(), ..Self::default() }
    }

    /// Takes what a message tells. What is not shown is ignored.
    pub(crate) fn hear(&mut self, message: &FromServer) {
        match message {
            FromServer::Welcome { session, .. } | FromServer::Renamed { session } => {
                self.session.clone_from(session);
            }
            FromServer::Gate { mode, pen, .. } => {
                self.mode.clone_from(mode);
                self.pen.clone_from(pen);
                self.said = None;
            }
            FromServer::Run { id, command, state } => {
                self.said = None;
                self.running = match state.state.as_str() {
                    "running" | "nested" | "unknown" => Some((id.clone(), command.clone())),
                    "needs_input" => {
                        let wants = state.input.as_deref().unwrap_or("input");
                        Some((id.clone(), format!("{command} (needs {wants})")))
                    }
                    _ => None,
                };
            }
            FromServer::State { session, .. } => {
                self.state = match session.as_str() {
                    "ready" | "running" => None,
                    // Between a command's end and the next prompt, and wherever none comes.
                    "unknown" => Some("no prompt yet".to_owned()),
                    _ => Some(session.clone()),
                };
            }
            FromServer::Presence { who } => self.others = who.len().saturating_sub(1),
            FromServer::Gap { reason, .. } => self.said = Some(format!("output is missing: {reason}")),
            FromServer::Size { .. }
            | FromServer::Echo { .. }
            | FromServer::PasteAsks { .. }
            | FromServer::Cards { .. }
            | FromServer::Wrote { .. }
            | FromServer::Refused { .. }
            | FromServer::Closed { .. }
            | FromServer::Progress { .. }
            | FromServer::Overheard { .. }
            | FromServer::Question { .. }
            | FromServer::Opened { .. }
            | FromServer::Trusted { .. }
            | FromServer::Withdrawn { .. }
            | FromServer::Answered { .. }
            | FromServer::Kept { .. }
            | FromServer::Unknown => {}
        }
    }

    /// Asks about a paste until that is answered.
    pub(crate) fn ask(&mut self, lines: Option<usize>) {
        self.asks = lines;
    }

    /// Says something until there is other news.
    pub(crate) fn say(&mut self, words: String) {
        self.said = Some(words);
    }

    /// Returns the line.
    pub(crate) fn line(&self) -> String {
        let mut parts = vec![self.session.clone()];
        parts.extend(self.state.clone());
        if let Some(lines) = self.asks {
            let lines = if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
            return format!(" paste {lines}, each of them taken at once? y pastes, any other key does not");
        }
        if let Some(said) = &self.said {
            parts.push(said.clone());
        } else {
            parts.push(self.mode.clone());
            parts.push(self.pen.as_ref().map_or_else(|| "pen free".to_owned(), |it| format!("pen: {it}")));
            parts.extend(self.running.as_ref().map(|(id, command)| format!("{id}: {command}")));
            if self.others > 0 {
                parts.push(format!("{} others here", self.others));
            }
        }
        parts.retain(|it| !it.is_empty());
        format!(" {} | Ctrl-] leaves", parts.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use cotty_wire::api::{Holds, State};

    use super::*;

    fn run(state: &str) -> FromServer {
        let state = State { state: state.to_owned(), input: Some("secret".to_owned()), ..State::default() };
        FromServer::Run { id: "c7".to_owned(), command: "make".to_owned(), state }
    }

    #[test]
    fn the_line_tells_who_writes_and_what_runs() {
        let mut notice = Notice::new("web1");
        notice.hear(&FromServer::Gate {
            mode: "human-first".to_owned(),
            pen: Some("c7 (codex)".to_owned()),
            holds: Holds::default(),
        });
        notice.hear(&run("running"));
        assert_eq!(notice.line(), " web1 | human-first | pen: c7 (codex) | c7: make | Ctrl-] leaves");
        notice.hear(&run("needs_input"));
        assert!(notice.line().contains("c7: make (needs secret)"));
        notice.hear(&run("completed"));
        notice.hear(&FromServer::Gate { mode: "human-first".to_owned(), pen: None, holds: Holds::default() });
        assert_eq!(notice.line(), " web1 | human-first | pen free | Ctrl-] leaves");
    }

    #[test]
    fn what_was_said_stands_until_there_is_other_news() {
        let mut notice = Notice::new("web1");
        notice.say("people may only interrupt".to_owned());
        assert_eq!(notice.line(), " web1 | people may only interrupt | Ctrl-] leaves");
        notice.hear(&run("running"));
        assert!(!notice.line().contains("interrupt"));
    }
}
