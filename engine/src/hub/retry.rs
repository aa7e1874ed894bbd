//! A command that is run again until it succeeds: within one call's time, and only where its failure is proven.

use std::time::Duration;

use cotty_core::refusal::Refusal;

use super::Hub;
use crate::clock;
use crate::report::{
    CallKey, Caller, IsolatedOrder, Part, Retry, RunOrder, RunReport, RunState, Stretch, Which,
};

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// One line is enough to know that a pattern matches.
const MATCH_CHARS: usize = 200;

/// What is run again.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// A command in a session.
    Shared(RunOrder),
    /// A command beside it.
    Isolated(IsolatedOrder),
}

impl Attempt {
    fn order(&mut self) -> &mut RunOrder {
        match self {
            Self::Shared(order) => order,
            Self::Isolated(order) => &mut order.run,
        }
    }
}

impl Hub {
    /// Runs a command until an attempt succeeds, is handed over, or there is neither another attempt nor time for one.
    /// Returns the last attempt; its notes tell each one's handle and exit.
    ///
    /// # Errors
    ///
    /// Says why the first attempt was not run. Of a later one that is a note.
    pub async fn run_again(
        &self,
        caller: &Caller,
        which: &Which,
        attempt: Attempt,
        retry: &Retry,
    ) -> Result<RunReport, Refusal> {
        let mut attempt = attempt;
        let (wait, key) = (attempt.order().wait, attempt.order().key.clone());
        let (ends, mut pause) = (clock::now() + wait, retry.backoff);
        let mut which = which.clone();
        let mut told: Vec<String> = Vec::new();
        let mut last: Option<RunReport> = None;
        for number in 1..=retry.attempts {
            attempt.order().wait = ends.saturating_duration_since(clock::now());
            attempt.order().key = key.as_ref().map(|key| key_of(key, number));
            let ran = match attempt.clone() {
                Attempt::Shared(order) => self.run(caller, &which, order).await,
                Attempt::Isolated(order) => self.run_isolated(caller, &which, order).await,
            };
            let report = match (ran, last.take()) {
                (Ok(report), _) => report,
                (Err(refusal), None) => return Err(refusal),
                (Err(refusal), Some(report)) => {
                    told.push(format!("attempt {number}: not run, {}: {refusal}", refusal.kind()));
                    return Ok(with_notes(report, told));
                }
            };
            if matches!(attempt, Attempt::Shared(_)) {
                which = Which { session: Some(report.session.clone()), target: None };
            }
            let RunState::Completed { exit } = report.state else {
                let how = without_failing(&report.state);
                told.push(format!("attempt {number}: {} {how}, so not tried again", report.run));
                return Ok(with_notes(report, told));
            };
            let failed = self.fails(&report, exit, retry).await?;
            let why = failed.unwrap_or("succeeded");
            told.push(format!("attempt {number}: {} exit {exit}, {why}", report.run));
            if failed.is_none() || number == retry.attempts {
                return Ok(with_notes(report, told));
            }
            if clock::now() + pause >= ends {
                told.push(format!("no time for attempt {} within wait_s", number + 1));
                return Ok(with_notes(report, told));
            }
            last = Some(report);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        last.map(|report| with_notes(report, told)).ok_or(Refusal::InvalidArgument {
            what: "retry_attempts",
            why: "at least one is needed".to_owned(),
        })
    }

    /// Returns why an attempt that ended counts as failed; nothing where it succeeded.
    async fn fails(
        &self,
        report: &RunReport,
        exit: i32,
        retry: &Retry,
    ) -> Result<Option<&'static str>, Refusal> {
        if exit != 0 {
            return Ok(Some("failed"));
        }
        if let Some(pattern) = &retry.fail
            && self.prints(report, pattern).await?
        {
            return Ok(Some("failed: retry_fail was seen"));
        }
        match &retry.success {
            Some(pattern) if !self.prints(report, pattern).await? => {
                Ok(Some("failed: retry_success was not seen"))
            }
            _ => Ok(None),
        }
    }

    async fn prints(&self, report: &RunReport, pattern: &regex::Regex) -> Result<bool, Refusal> {
        let errors = report.isolated.iter().map(|it| &it.errors);
        for stretch in std::iter::once(&report.output).chain(errors) {
            let Stretch { from, to, .. } = stretch;
            let part = Part {
                budget: MATCH_CHARS,
                lines: Some(1),
                pattern: Some(pattern.clone()),
                ..Part::default()
            };
            if from != to && !self.text(stretch, part).await?.head.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Says how a command stands that has not proven to have failed.
fn without_failing(state: &RunState) -> &'static str {
    match state {
        RunState::Running => "is handed over",
        RunState::NeedsInput { .. } => "needs input",
        RunState::Nested { .. } => "opened a shell",
        RunState::Interrupted { .. } => "was interrupted",
        RunState::Completed { .. } | RunState::Left { .. } => "has ended",
        RunState::RanNothing => "ran nothing",
        RunState::ShellExited { .. } => "ended its shell",
        RunState::Lost { .. } => "was lost",
        RunState::Unknown { .. } => "may have ended",
    }
}

/// The first attempt has the call's own key, so that a call without a retry and with one are told apart by nothing.
fn key_of(key: &CallKey, number: u32) -> CallKey {
    if number == 1 { key.clone() } else { CallKey { name: format!("{}~{number}", key.name), ..*key } }
}

fn with_notes(mut report: RunReport, told: Vec<String>) -> RunReport {
    report.notes.extend(told);
    report
}
