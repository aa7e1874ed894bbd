//! What can be asked of a session's task.

use std::time::Duration;

use bytes::Bytes;
use cotty_core::mouse;
use cotty_core::names::{Mode, Offset, Principal, RunId};
use cotty_core::refusal::Refusal;
use tokio::sync::oneshot;

use crate::report::{
    Connect, Proof, RunOrder, RunReport, ScreenView, SendOrder, Sent, SessionStatus, Stretch, WaitOrder,
    Waited,
};
use crate::seats::Seat;
use crate::viewing::{How, PenOrder, Typed};

/// Where an answer goes. A dropped receiver is a caller that has gone.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

pub(crate) enum Request {
    Run {
        who: Principal,
        order: RunOrder,
        reply: Reply<RunReport>,
    },
    /// The command of an earlier call with the same key.
    Join {
        run: RunId,
        wait: Duration,
        reply: Reply<RunReport>,
    },
    Wait {
        order: WaitOrder,
        reply: Reply<Waited>,
    },
    Send {
        who: Principal,
        order: SendOrder,
        reply: Reply<Sent>,
    },
    Screen(Reply<ScreenView>),
    Report {
        run: RunId,
        reply: Reply<RunReport>,
    },
    Recent {
        from: Option<Offset>,
        reply: Reply<Stretch>,
    },
    Evidence {
        run: RunId,
        reply: Reply<Proof>,
    },
    Status(Reply<SessionStatus>),
    /// Waits until the session is ready, or for so long.
    Ready {
        wait: Duration,
        reply: Reply<SessionStatus>,
    },
    /// Size, label, default: what may change on a living session.
    Adjust {
        order: Box<Connect>,
        reply: Reply<Vec<String>>,
    },
    /// Whether a command of this caller may run beside the session.
    MayRun {
        who: Principal,
        reply: Reply<()>,
    },
    EndRun {
        who: Principal,
        run: RunId,
        force: bool,
        reply: Reply<RunReport>,
    },
    Close {
        who: Principal,
        reason: String,
        reply: Reply<()>,
    },
    SetMode {
        who: Principal,
        mode: Mode,
        reply: Reply<()>,
    },
    /// The name, if there is a new one, and the label.
    Rename {
        who: Principal,
        name: Option<String>,
        label: Option<String>,
        reply: Reply<()>,
    },
    NotDefault,
    /// The daemon ends: the shell lives on in the holder.
    LetGo,
    View {
        seat: Seat,
        reply: Reply<()>,
    },
    Repaint {
        seat: u64,
    },
    Keys {
        seat: u64,
        sequence: u64,
        bytes: Bytes,
        how: How,
        reply: Reply<Typed>,
    },
    /// A person's mouse.
    Mouse {
        who: Principal,
        event: mouse::Event,
        reply: Reply<()>,
    },
    /// A person takes the pen for themselves, from another person too where that is theirs to do, or puts it down.
    Pen {
        who: Principal,
        order: PenOrder,
        reply: Reply<()>,
    },
    SeatSize {
        seat: u64,
        cols: u16,
        rows: u16,
    },
    Leave {
        seat: u64,
    },
}
