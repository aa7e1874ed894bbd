//! A command over SSH in a channel of its own, followed while it runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::holder::frame::{Exit, Process};
use crate::holder::isolated::{News, Stream};
use crate::native::channel::{Heard, Lane};
use crate::native::connect::Connection;
use crate::native::exec::{self, Exec, ExecError};
use crate::native::finding::{RUNNING, find};
use crate::native::kin::Birth;
use crate::native::probe::{Probe, Question};
use crate::native::sight;

/// Answers of the probe that nobody has taken yet: one for each rung of the ladder, one look, one sounding.
const ANSWERS_MAX: usize = 16;

/// More processes are not followed.
const LEFT_MAX: usize = 16;

/// So much older may a process be that is the same: the host tells the age to the hundredth of a second.
const AGE_BLUR: Duration = Duration::from_millis(50);

/// A command under way. When it is dropped its channel is closed, and what is not stopped by that runs on.
pub struct Command {
    lane: Lane,
    reach: Arc<Reach>,
    exited: bool,
    closed: bool,
    told_all: bool,
    answers: mpsc::Receiver<News>,
    answer: mpsc::Sender<News>,
    feeding: JoinHandle<()>,
}

/// The way to the command beside its channel.
struct Reach {
    connection: Arc<Connection>,
    birth: Birth,
    /// All of it, as it was when the first signal was sent. Orphans are nobody's children that could be found later.
    kin: Mutex<Vec<Process>>,
}

/// Starts a command in a channel.
pub(super) async fn start(
    connection: Arc<Connection>,
    mut lane: Lane,
    exec: &Exec,
) -> Result<Command, ExecError> {
    let line = exec.line()?;
    let birth = connection.exec(&mut lane, &line, &exec.asked_env).await.map_err(exec::not_started)?;
    let feeding = tokio::spawn(exec::feed(lane.writer(), exec.stdin.clone()));
    let (answer, answers) = mpsc::channel(ANSWERS_MAX);
    let reach = Arc::new(Reach { connection, birth, kin: Mutex::default() });
    Ok(Command { lane, reach, exited: false, closed: false, told_all: false, answers, answer, feeding })
}

impl Command {
    /// Waits for what happens next. After the last news only answers to questions that were asked before it follow.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> News {
        if self.told_all {
            // We hold a sender ourselves: there is no end.
            return self.answers.recv().await.unwrap_or(News::OutOfReach);
        }
        if self.closed {
            self.finish();
            return News::Over;
        }
        // What is printed comes first: the answer to a sounding is behind all that was there before it.
        tokio::select! {
            biased;
            heard = self.lane.next() => self.understand(heard).await,
            Some(news) = self.answers.recv() => news,
        }
    }

    async fn understand(&mut self, heard: Option<Heard>) -> News {
        match heard {
            Some(Heard::Output(bytes)) => News::Printed(Stream::Output, bytes),
            Some(Heard::Error(bytes)) => News::Printed(Stream::Error, bytes),
            // Nobody asked for one.
            Some(Heard::NoTerminal) => News::Printed(Stream::Error, bytes::Bytes::new()),
            Some(Heard::Exit(exit)) => {
                self.exited = true;
                News::Exited(exit)
            }
            Some(Heard::Closed) if self.exited => {
                self.finish();
                News::Over
            }
            // It said neither a status nor a signal before it closed.
            Some(Heard::Closed) => {
                (self.exited, self.closed) = (true, true);
                News::Exited(Exit::Unknown)
            }
            None => {
                self.finish();
                News::Lost(self.reach.connection.ended().reason().await)
            }
        }
    }

    fn finish(&mut self) {
        self.told_all = true;
        self.reach.birth.end();
    }

    /// Sends a signal to all of it. `OutOfReach` follows where that is not possible.
    ///
    /// Not by the channel: sshd sends none for an account that is root, and does not say so.
    pub fn signal(&mut self, signal: i32) {
        let (reach, answer) = (self.reach.clone(), self.answer.clone());
        tokio::spawn(async move {
            if !reach.signal(signal).await {
                drop(answer.send(News::OutOfReach).await);
            }
        });
    }

    /// Looks what is left of it. `Left` follows.
    pub fn look(&mut self) {
        let (reach, answer) = (self.reach.clone(), self.answer.clone());
        tokio::spawn(async move { drop(answer.send(News::Left(reach.left().await)).await) });
    }

    /// Asks whether anything that was printed is still on its way. `Still` follows what is; where the host has no probe
    /// it never comes.
    pub fn sound(&mut self) {
        let (reach, answer) = (self.reach.clone(), self.answer.clone());
        tokio::spawn(async move {
            if let Some(probe) = reach.connection.probe().await
                && probe.ask(Question::Kin).await.is_some()
            {
                drop(answer.send(News::Still).await);
            }
        });
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        self.feeding.abort();
    }
}

impl Reach {
    async fn signal(&self, signal: i32) -> bool {
        let Some((probe, pid)) = self.found().await else { return false };
        if self.kin().is_empty() {
            let lines = probe.everything(pid, Vec::new()).await;
            *self.kin() = sight::processes(&lines, 0, |_, _| false).into_iter().take(LEFT_MAX).collect();
        }
        // The server makes it the first of a group of its own.
        let killed = probe.ask(Question::Kill { signal, to: -i64::from(pid) }).await;
        killed.is_some_and(|lines| lines.iter().any(|it| it == "done"))
    }

    async fn found(&self) -> Option<(Probe, u32)> {
        let probe = self.connection.probe().await?;
        let pid = find(&probe, &self.birth, RUNNING).await;
        Some((probe, pid.filter(|it| *it > 1)?))
    }

    async fn left(&self) -> Vec<Process> {
        let Some(probe) = self.connection.probe().await else { return Vec::new() };
        let (kin, mut left) = (self.kin().clone(), Vec::new());
        for before in kin {
            let lines = probe.ask(Question::Processes(before.pid, Vec::new())).await.unwrap_or_default();
            let found = sight::processes(&lines, 0, |_, _| false).into_iter().find(|it| it.pid == before.pid);
            // A number that was given to another since is younger than the one before it was.
            left.extend(found.filter(|it| it.age + AGE_BLUR >= before.age));
        }
        left.extend(self.strays(&probe, &left).await);
        left
    }

    /// Returns what it started after the first signal, or what nobody had seen, if that is still of its session. While its
    /// number is in use for that no other process gets it.
    async fn strays(&self, probe: &Probe, known: &[Process]) -> Vec<Process> {
        let Some(pid) = self.kin().first().map(|it| it.pid) else { return Vec::new() };
        let lines = probe.ask(Question::Processes(pid, Vec::new())).await.unwrap_or_default();
        if sight::processes(&lines, 0, |_, _| false).iter().any(|it| it.pid == pid) {
            return Vec::new();
        }
        let lines = probe.ask(Question::Strays(pid)).await.unwrap_or_default();
        let found = sight::processes(&lines, 0, |_, _| false);
        let is_new = |it: &Process| known.iter().all(|known| known.pid != it.pid);
        found.into_iter().filter(is_new).take(LEFT_MAX).collect()
    }

    fn kin(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.kin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Command").field("connection", &self.reach.connection).finish_non_exhaustive()
    }
}
