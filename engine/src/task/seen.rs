//! What is to be seen of a session and its commands.

use cotty_core::gate::Taken;
use cotty_core::names::{Offset, RunId};
use cotty_core::refusal::Refusal;
use cotty_core::run::{Run, RunState};
use cotty_core::session::Stage;

use super::Owner;
use crate::clock;
use crate::pools::stage_words;
use crate::pools::{Attempt, Outcome};
use crate::report::{
    Health, Holds, NestedShell, Proof, RunReport, ScreenView, SessionState, SessionStatus, Stretch,
};

/// What is shown of a session's output where no place is named.
const RECENT_BYTES: u64 = 256 * 1024;

impl Owner {
    pub(super) fn screen_view(&self) -> ScreenView {
        let screen = self.session.screen();
        let mut rows = screen.text();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        ScreenView {
            session: self.row.name.clone(),
            rows,
            cursor: screen.cursor(),
            size: self.session.plan().size,
            title: screen.title().map(str::to_owned),
            alternate: screen.modes().alternate,
            next_offset: self.session.end(),
        }
    }

    pub(super) fn recent(&self, from: Option<Offset>) -> Stretch {
        let end = self.session.end();
        let from = from.map_or(end.byte.saturating_sub(RECENT_BYTES), |from| {
            if from.epoch == end.epoch { from.byte.min(end.byte) } else { 0 }
        });
        self.stretch(from, end.byte)
    }

    pub(super) fn report(&self, id: RunId) -> Result<RunReport, Refusal> {
        let Some(run) = self.session.run(id) else {
            let row = self.store.run(id)?.filter(|row| row.session == self.row.id);
            let row = row.ok_or(Refusal::RunNotFound { handle: id.to_string(), expired: false })?;
            return Ok(crate::reports::of_row(&row, &self.row.name));
        };
        Ok(self.report_of(run))
    }

    pub(super) fn report_of(&self, run: &Run) -> RunReport {
        let end = self.session.end().byte;
        let from = run.from.unwrap_or(if run.state.is_settled() { run.typed_at } else { end });
        let paged = run.evidence.pager_rows();
        let output = Stretch { paged, ..self.stretch(from, run.to.unwrap_or(end)) };
        let current = self.session.current().is_some_and(|it| it.id == run.id);
        let mut notes = Vec::new();
        if current && self.session.ladder_is_over() {
            notes.push(format!(
                "it could not be ended: ssh_close id={} force=true ends its shell too; ssh_connect fork={} opens a shell \
                 beside it",
                run.id, self.row.name
            ));
        }
        if let Some(it) = self.session.multiplexer().filter(|_| current) {
            notes.push(format!(
                "what runs in {} only its screen tells; keys={} leave it with its windows alive, where nobody chose others",
                it.name(),
                it.detach().join(","),
            ));
        }
        if matches!(run.state, RunState::ShellExited { .. }) {
            let was = self.session.kept().cwd.map(|cwd| format!(" (it stood in {cwd:?})"));
            notes.push(format!(
                "the directory{}, variables and jobs of that shell are gone; a new one begins without them",
                was.unwrap_or_default()
            ));
        }
        if let Some(whose) = &run.beside {
            let over = matches!(
                run.state,
                RunState::Left { .. } | RunState::ShellExited { .. } | RunState::Lost { .. }
            );
            let becomes = if over { "is gone with its shell" } else { "is put back" };
            notes.push(format!("the unsent line of {whose} was put aside for this and {becomes}"));
        }
        if run.typed_during {
            notes.push("a person typed while this ran".to_owned());
        }
        RunReport {
            session: self.row.name.clone(),
            run: run.id,
            command: run.command.clone(),
            state: run.state.clone(),
            boundary: run.boundary,
            took: run.took.unwrap_or_else(|| clock::since(run.since)),
            cwd: run.cwd.clone(),
            output,
            survivors: self.survivors(run.id).cloned().unwrap_or_default(),
            notes,
            joined: false,
            asks: current.then(|| self.session.question()).flatten(),
            isolated: None,
        }
    }

    pub(super) fn proof(&self, id: RunId) -> Result<Proof, Refusal> {
        let report = self.report(id)?;
        let Some(run) = self.session.run(id) else {
            let row = self.store.run(id)?;
            let row = row.ok_or(Refusal::RunNotFound { handle: id.to_string(), expired: true })?;
            return Ok(crate::reports::proof(row, report));
        };
        let at = std::time::SystemTime::now() - clock::since(run.since);
        Ok(Proof { report, who: run.who.clone(), at, steps: run.evidence.steps().to_vec() })
    }

    pub(super) fn state(&self) -> SessionState {
        match self.session.stage() {
            Stage::Connecting { .. } | Stage::Waiting { .. } | Stage::Hooked { .. } => SessionState::Opening,
            Stage::Late { .. } | Stage::Unanswered => SessionState::Unknown(self.session.in_words()),
            Stage::Exited(exit) => SessionState::Exited(*exit),
            Stage::Lost(reason) => SessionState::Lost(reason.clone()),
            Stage::Ready => match self.session.current() {
                Some(run) => SessionState::Running(run.id),
                None if self.session.is_at_prompt() => SessionState::Ready,
                None => SessionState::Unknown(self.session.in_words()),
            },
        }
    }

    /// Returns the shells inside one another, where there is more than one.
    fn stack(&self) -> Vec<NestedShell> {
        let frames = if self.session.is_nested() { self.session.frames() } else { Vec::new() };
        let told = frames.into_iter().map(|it| NestedShell {
            shell: it.shell.name().to_owned(),
            who: it.who,
            cwd: it.cwd,
            run: it.run,
        });
        told.collect()
    }

    /// Says who holds the pen, where anybody does.
    pub(super) fn pen(&self) -> Option<String> {
        let gate = self.session.gate();
        if let Some(taken) = gate.taken() {
            return Some(format!("{} (taken)", taken.who.label));
        }
        if let Some(id) = gate.pen() {
            let who = self.session.run(id).map(|run| run.who.label.clone()).unwrap_or_default();
            return Some(format!("{id} ({who})"));
        }
        gate.draft().map(|draft| format!("{} (unsent line)", draft.who.label))
    }

    /// The same, in its parts.
    pub(super) fn holds(&self) -> Holds {
        let gate = self.session.gate();
        let left = |it: &Taken| it.until().saturating_duration_since(clock::now());
        Holds {
            run: gate.pen().and_then(|id| Some((id, self.session.run(id)?.who.clone()))),
            draft: gate.draft().map(|it| it.who.clone()),
            awaited_by: gate.draft().and_then(|it| it.awaited_by.clone()),
            parked: self.session.parked().map(|it| it.who.clone()),
            taken: gate.taken().map(|it| (it.who.clone(), left(it))),
        }
    }

    pub(super) fn status(&self) -> SessionStatus {
        let row = &self.row;
        let kept = self.session.kept();
        SessionStatus {
            name: row.name.clone(),
            target: row.target.clone(),
            account: row.account.clone(),
            health: self.health(),
            silent: self.silent_since().map(clock::since),
            label: row.label.clone(),
            is_default: row.is_default,
            state: self.state(),
            shell: self.session.plan().shell.name().to_owned(),
            stack: self.stack(),
            pid: kept.pid,
            cwd: kept.cwd,
            mode: row.mode,
            pen: self.pen(),
            holds: self.holds(),
            running: self.session.current().map(|run| self.report_of(run)),
            size: self.session.plan().size,
            viewers: self.viewers.labels(),
            opened_by: row.opened_by.clone(),
            opened_at: row.opened_at,
            idle: clock::since(self.session.last_active()),
            idle_timeout: row.idle_timeout,
            warnings: self.status_warnings(),
            follow: format!("cotty attach {}", row.name),
            next_offset: self.session.end(),
        }
    }

    /// Returns since when its host gives no sign of life, while one is due.
    fn silent_since(&self) -> Option<std::time::Instant> {
        self.way.as_ref()?.pulse.as_ref()?.silent_since()
    }

    /// Tells how well the session can be reached.
    pub(super) fn health(&self) -> Health {
        let (way, account) = (self.way.as_ref(), self.row.account.as_deref().unwrap_or("its host"));
        let underway = way.filter(|way| way.pulse.is_none()).and_then(|way| way.lease.attempt());
        match crate::reports::health(&self.state()) {
            Health::Healthy => {}
            ended => return ended,
        }
        if let Some(since) = self.silent_since() {
            let seconds = clock::since(since).as_secs();
            return Health::Degraded(format!("{account} has not answered for {seconds} s"));
        }
        if let Some(Attempt { stage, outcome: Outcome::UnderWay, .. }) = underway {
            return Health::Degraded(format!("{account} is being connected: {}", stage_words(stage)));
        }
        if self.session.is_without_facts() {
            let why = "shows no facts: what a command waits for is not known";
            return Health::Degraded(format!("{account} {why}"));
        }
        Health::Healthy
    }

    fn status_warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        if self.session.asks_for_a_secret() {
            warnings.push("a password prompt is waiting: a person must type it".to_owned());
        }
        if let Some(draft) = self.session.parked() {
            warnings.push(format!(
                "an unsent line of {} is put aside, and comes back at the next prompt",
                draft.who.label
            ));
        }
        if self.session.gate().draft().is_some() {
            warnings.push("a draft is on the line: agents wait until it is sent or cleared".to_owned());
        }
        let first = self.first_kept();
        if first > 0 {
            warnings
                .push(format!("the journal was trimmed: output before {}:{first} is gone", self.row.epoch.0));
        }
        warnings
    }

    fn first_kept(&self) -> u64 {
        let reader = crate::texts::reader(&self.state_dir, &self.row.id);
        reader.first_kept(self.row.epoch).ok().flatten().unwrap_or(0)
    }
}
