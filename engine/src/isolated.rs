//! The isolated lane: commands beside the terminals, each owned by a task of its own, with two streams kept apart.

mod task;
mod waiting;
pub(crate) mod order;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cotty_core::names::{Epoch, Offset};
use cotty_core::refusal::Refusal;
use cotty_host::holder::isolated::Stream;
use cotty_host::state_dir::StateDir;
use tokio::sync::{mpsc, oneshot};

use crate::report::{Isolated, RunReport, RunState, Stretch, WaitOrder, Waited};
use crate::request::Reply;
use crate::store::{IsolatedRow, RunRow, Store};
use crate::texts;

pub(crate) use task::{Parts, Started, Starting, run};

/// So many run at once on one target: an agent that forgets to wait must not fill a host.
const RUNNING_MAX: usize = 32;

/// So many are remembered; the oldest goes first, with its output.
const KEPT_MAX: usize = 500;

/// All output that is remembered of them, in quotas of one session.
const KEPT_QUOTAS: u64 = 4;

/// Whoever asks when as many are waiting, waits for a place.
const MAILBOX: usize = 64;

/// The only epoch of an isolated command: it has one start.
const EPOCH: Epoch = Epoch(1);

/// The widest that the terminal model takes: what has no terminal has no width.
const COLS: u16 = 1000;

/// What can be asked of the task of an isolated command.
pub(crate) enum Request {
    /// Waits for its end.
    Run {
        wait: Duration,
        joined: bool,
        reply: Reply<RunReport>,
    },
    Wait {
        order: WaitOrder,
        reply: Reply<Waited>,
    },
    Report(Reply<RunReport>),
    /// INT, TERM, KILL.
    End {
        reply: Reply<RunReport>,
    },
}

/// Those that run. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Lane(Arc<Mutex<BTreeMap<u64, Handle>>>);

#[derive(Clone)]
struct Handle {
    requests: mpsc::Sender<Request>,
    target: String,
}

impl Lane {
    /// Notes one that is about to be started, if there is room for it.
    ///
    /// # Errors
    ///
    /// Says that too many run on this target.
    pub(crate) fn begin(&self, number: u64, target: &str) -> Result<mpsc::Receiver<Request>, Refusal> {
        let (requests, mailbox) = mpsc::channel(MAILBOX);
        let mut running = self.running();
        let count = running.values().filter(|it| it.target == target).count();
        if count >= RUNNING_MAX {
            return Err(Refusal::TooMany {
                what: "isolated commands on this target",
                count,
                count_max: RUNNING_MAX,
            });
        }
        running.insert(number, Handle { requests, target: target.to_owned() });
        Ok(mailbox)
    }

    /// Notes that it has ended: the store knows all of it.
    pub(crate) fn end(&self, number: u64) {
        self.running().remove(&number);
    }

    /// Lets go of all: nobody can ask them any more, and their tasks end.
    pub(crate) fn end_all(&self) {
        self.running().clear();
    }

    /// Returns whether none runs.
    pub(crate) fn is_empty(&self) -> bool {
        self.running().is_empty()
    }

    /// Asks one that runs; nothing where it has ended, and the store knows all of it.
    pub(crate) async fn ask<T>(
        &self,
        number: u64,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Option<Result<T, Refusal>> {
        let handle = self.running().get(&number).cloned()?;
        let (reply, answer) = oneshot::channel();
        handle.requests.send(request(reply)).await.ok()?;
        answer.await.ok()
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<u64, Handle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns under which name a stream of a command is kept, as a session's output is.
pub(crate) fn place(number: u64, stream: Stream) -> String {
    let stream = match stream {
        Stream::Output => "output",
        Stream::Error => "errors",
    };
    format!("{}/{stream}", folder(number))
}

fn folder(number: u64) -> String {
    format!("{}{number}", texts::ISOLATED)
}

/// Returns a stretch of a stream, from its beginning.
pub(crate) fn stretch(number: u64, stream: Stream, to: u64) -> Stretch {
    let offset = |byte| Offset { epoch: EPOCH, byte };
    Stretch { session_id: place(number, stream), from: offset(0), to: offset(to), cols: COLS, paged: None }
}

/// Reports a command from what is kept of it.
pub(crate) fn report(run: &RunRow, row: &IsolatedRow) -> RunReport {
    let number = run.id.number;
    let errors = stretch(number, Stream::Error, row.errors_to);
    RunReport {
        session: row.name.clone(),
        run: run.id,
        command: run.command.clone(),
        state: run.state.clone(),
        boundary: run.boundary,
        took: run.took.unwrap_or_default(),
        cwd: run.cwd.clone(),
        output: stretch(number, Stream::Output, run.to.unwrap_or(0)),
        survivors: Vec::new(),
        asks: None,
        notes: row.notes.clone(),
        joined: false,
        isolated: Some(Isolated { target: row.target.clone(), errors }),
    }
}

/// Settles what an earlier life of the daemon left open: nobody saw how it ended.
pub(crate) fn write_off(store: &Store, state_dir: &StateDir) -> Result<(), Refusal> {
    for mut row in store.all_isolated()? {
        let id = cotty_core::names::RunId { kind: cotty_core::names::RunKind::Command, number: row.number };
        let Some(mut run) = store.run(id)?.filter(|run| !run.state.is_settled()) else { continue };
        let end = |stream| texts::reader(state_dir, &place(row.number, stream)).end(EPOCH).ok().flatten();
        run.state = RunState::Lost { reason: "the daemon ended while it ran".to_owned() };
        run.to = end(Stream::Output);
        run.took = Some(SystemTime::now().duration_since(run.at).unwrap_or_default());
        row.errors_to = end(Stream::Error).unwrap_or(0);
        store.keep_isolated(&run, &row)?;
    }
    Ok(())
}

/// Forgets the oldest above the limits.
pub(crate) fn forget_oldest(
    store: &Store,
    state_dir: &StateDir,
    lane: &Lane,
    quota_bytes: u64,
) -> Result<(), Refusal> {
    let (mut count, mut bytes) = (0, 0);
    for row in store.all_isolated()? {
        let kept =
            |stream| texts::reader(state_dir, &place(row.number, stream)).kept_bytes(EPOCH).unwrap_or(0);
        count += 1;
        bytes += kept(Stream::Output) + kept(Stream::Error);
        let runs = lane.running().contains_key(&row.number);
        if !runs && (count > KEPT_MAX || bytes > KEPT_QUOTAS * quota_bytes) {
            store.forget_isolated(row.number)?;
            drop(std::fs::remove_dir_all(state_dir.session(&folder(row.number))));
        }
    }
    Ok(())
}
