//! The task against a holder that we play, on a paused clock: time passes only when every task is idle.

mod viewing;
mod keeping;
mod patience;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use cotty_core::dialect::Shell;
use cotty_core::facts::{Blocked, Facts, Member, Program};
use cotty_core::marks::Key;
use cotty_core::names::{Epoch, Mode, Offset, Principal, Role, RunId};
use cotty_core::refusal::Refusal;
use cotty_core::session::{Kept, Plan, Session};
use cotty_host::holder::client::Terminal;
use cotty_host::holder::frame::{Applied, Event, Order, SignalTo};
use cotty_host::state_dir::StateDir;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::{Keeper, Parts, run};
use crate::handle::{Identity, SessionHandle};
use crate::report::{RunOrder, RunReport, Until, WaitOrder, Waited};
use crate::request::Request;
use crate::store::{SessionRow, Store};
use crate::viewer::Viewer;

const SHELL: u32 = 77;
/// What it is called.
const SHELL_NAME: &str = "bash";
/// What bash prints around a command.
const STARTED: &str = "\x1b]133;C;c=1;k=key;p=77\x07";
const PROMPT: &str =
    "\x1b]133;D;3;c=1;k=key;p=77\x07$ \x1b]133;D;3;c=1;k=key;p=77;n=2\x07\x1b]133;B;k=key\x07";

/// A session's task, its store, and the holder's side of it.
struct Played {
    session: SessionHandle,
    store: Arc<Store>,
    tasks: TaskTracker,
    holder: DuplexStream,
    buffer: BytesMut,
    /// Where the output ends.
    at: u64,
    next_seat: u64,
    dir: TempDir,
}

fn agent() -> Principal {
    Principal { role: Role::Agent, label: "agent".into() }
}

fn person() -> Principal {
    Principal { role: Role::Operator, label: "attach pts/3".into() }
}

/// Waits until every task is idle: a paused clock advances only then.
async fn quiet() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn row(idle_timeout: Option<Duration>) -> SessionRow {
    SessionRow {
        id: "id".into(),
        name: "s".into(),
        target: "local".into(),
        identity: None,
        account: None,
        label: None,
        program: "/bin/bash".into(),
        shell: Shell::Bash,
        key: "key".into(),
        epoch: Epoch(1),
        mode: Mode::Common,
        size: (40, 6),
        opened_at: SystemTime::now(),
        opened_by: person(),
        idle_timeout,
        is_default: false,
        ended: None,
        frames: Vec::new(),
        kept: Kept {
            ready: true,
            at_prompt: true,
            sequence: 1,
            pid: Some(SHELL),
            prompt: 1,
            ..Kept::default()
        },
    }
}

fn plan(row: &SessionRow) -> Plan {
    let (name, target, key) = (row.name.clone(), row.target.clone(), Key::new(row.key.clone()));
    Plan { name, target, shell: row.shell, key, size: row.size, mode: row.mode, epoch: row.epoch }
}

impl Played {
    /// A session whose shell stands at its first prompt.
    fn at_prompt() -> Self {
        Self::closing_after(None)
    }

    fn closing_after(idle_timeout: Option<Duration>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = StateDir::open(dir.path()).unwrap();
        let store = Arc::new(Store::open(&state_dir.file("store.db")).unwrap());
        let row = row(idle_timeout);
        store.add_session(&row).unwrap();
        store.keep(&row.id, &[], Some(&(row.kept.clone(), Vec::new()))).unwrap();
        let session = Session::resume(plan(&row), crate::clock::now(), row.kept.clone(), 0, 1, b"");
        Self::of(session, row, store, dir, 0)
    }

    fn of(session: Session, row: SessionRow, store: Arc<Store>, dir: TempDir, at: u64) -> Self {
        let state_dir = StateDir::open(dir.path()).unwrap();
        let (ours, holder) = tokio::io::duplex(64 * 1024);
        let (name, target) = (row.name.clone(), row.target.clone());
        let (handle, mailbox) = SessionHandle::new(Identity {
            id: row.id.clone(),
            name,
            target,
            place: None,
            is_nameless: true,
            key: row.key.clone(),
        });
        let terminal = Terminal::over(ours);
        let parts = Parts {
            session,
            row,
            store: Arc::clone(&store),
            state_dir,
            terminal: Keeper::There(terminal),
            way: None,
            startup: None,
        };
        let tasks = TaskTracker::new();
        tasks.spawn(run(parts, mailbox));
        tasks.close();
        Self { session: handle, store, tasks, holder, buffer: BytesMut::new(), at, next_seat: 1, dir }
    }

    /// The daemon is killed and comes back: what is left is the store and the holder, which had taken inputs up to
    /// `applied`.
    async fn restarts(self, applied: u64) -> Self {
        let Self { session, store, tasks, holder, dir, .. } = self;
        drop((session, holder));
        tasks.wait().await;
        let mut row = store.session("id").unwrap().unwrap();
        row.ended = None;
        let session = crate::opening::found(&store, &row, 0, applied, b"").unwrap();
        Self::of(session, row, store, dir, 0)
    }

    async fn says(&mut self, event: Event) {
        let mut frame = BytesMut::new();
        event.encode(&mut frame);
        self.holder.write_all(&frame).await.unwrap();
    }

    async fn prints(&mut self, text: impl AsRef<[u8]>) {
        let bytes = Bytes::copy_from_slice(text.as_ref());
        let offset = Offset { epoch: Epoch(1), byte: self.at };
        self.at += bytes.len() as u64;
        self.says(Event::Output { offset, bytes }).await;
    }

    /// The next order, or none until every task is idle.
    async fn order(&mut self) -> Option<Order> {
        loop {
            if let Some(order) = Order::take(&mut self.buffer).unwrap() {
                return Some(order);
            }
            let read = self.holder.read_buf(&mut self.buffer);
            match tokio::time::timeout(Duration::from_millis(1), read).await {
                Ok(Ok(bytes)) if bytes > 0 => {}
                _ => return None,
            }
        }
    }

    /// Everything ordered until every task is idle.
    async fn orders(&mut self) -> Vec<Order> {
        let mut orders = Vec::new();
        while let Some(order) = self.order().await {
            orders.push(order);
        }
        orders
    }

    /// What was typed since the last time, with its sequences, and applied at once.
    async fn typed(&mut self) -> Vec<(u64, String)> {
        let mut typed = Vec::new();
        for order in self.orders().await {
            if let Order::Input { sequence, bytes } = order {
                typed.push((sequence, String::from_utf8_lossy(&bytes).into_owned()));
                let applied =
                    Applied { sequence, echo: true, canonical: false, shell_reads: true, turning: false };
                self.says(Event::Applied(applied)).await;
            }
        }
        typed
    }

    fn runs(&self, command: &str, wait: Duration) -> oneshot::Receiver<Result<RunReport, Refusal>> {
        let (reply, answer) = oneshot::channel();
        let order = RunOrder { command: command.into(), wait, kill_after: None, key: None };
        self.session.tell_now(Request::Run { who: agent(), order, reply });
        answer
    }

    /// An agent's command that is not waited for.
    async fn begins(&mut self, command: &str) -> RunId {
        let report = self.runs(command, Duration::ZERO).await.unwrap().unwrap();
        report.run
    }

    fn waits(&self, until: Until, wait: Duration) -> oneshot::Receiver<Result<Waited, Refusal>> {
        let (reply, answer) = oneshot::channel();
        let order = WaitOrder { run: None, until, wait, offset: None };
        self.session.tell_now(Request::Wait { order, reply });
        answer
    }

    async fn views(&mut self) -> Viewer {
        let id = self.next_seat;
        self.next_seat += 1;
        let (seat, viewer) = Viewer::seat(self.session.clone(), "s".into(), id, person(), None, (40, 6));
        self.session.ask(|reply| Request::View { seat, reply }).await.unwrap();
        viewer
    }
}

/// Facts in which the shell itself, or a program, is in front.
fn facts(comm: &str, blocked: Blocked) -> Facts {
    let pid = if comm == SHELL_NAME { SHELL } else { 1000 };
    let program = Program { pid, executable: None, comm: comm.into() };
    let member = Member { program, state: 'S', argv: vec![comm.into()], foreign: false, blocked };
    let shell = Program { pid: SHELL, executable: None, comm: "bash".into() };
    Facts { shell, foreground: pid, echo: true, canonical: true, members: vec![member], ..Facts::default() }
}
