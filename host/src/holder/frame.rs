//! The holder's protocol: one ordered stream of frames, `length u32 · kind u8 · payload`, all numbers little-endian.
//!
//! A connection begins with [`Order::Hello`], serves one terminal after [`Order::Open`] or [`Order::Attach`], and could
//! as well run over an SSH channel: no descriptor is ever passed.

use bytes::Bytes;
use cotty_core::facts::Facts;
use cotty_core::names::{Epoch, Offset};
use std::time::Duration;

use crate::local::pty::Spawn;

/// The version of the protocol, said in the first frame.
pub const VERSION: u8 = 2;

/// The largest payload. Output comes in far smaller pieces; a longer frame is a fault of the other side.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// The length and the kind before each payload.
pub const HEADER_BYTES: usize = 5;

/// What the daemon tells the holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first frame of every connection.
    Hello {
        /// The version of the protocol that is spoken from here on.
        version: u8,
    },
    /// Opens a terminal and attaches to it. Answered by `Attached` or `Refused`.
    Open(OpenTerminal),
    /// Attaches to a terminal that is there. Answered by `Attached`, then the output from `from` on, or `Refused`.
    Attach {
        /// The session.
        id: String,
        /// The number of this attachment: a smaller one than the owner's is refused.
        term: u64,
        /// Where to begin. An older epoch than the shell's means: with the first byte that is kept of it.
        from: Offset,
    },
    /// Types bytes. Each sequence is applied once: one not above the last applied is acknowledged and not written again.
    Input {
        /// Its number, rising.
        sequence: u64,
        /// What is typed; at most 64 KiB wait in the holder.
        bytes: Bytes,
    },
    /// The same, but not while the terminal takes whole lines and shows none of what is typed: what a program asks for that way
    /// is a person's to type. Answered by `InputWithheld` then.
    InputUnlessSecret {
        /// Its number, rising.
        sequence: u64,
        /// What is typed.
        bytes: Bytes,
    },
    /// All output before this byte is in good hands: the window moves on.
    Acknowledge {
        /// The first byte that is not acknowledged.
        byte: u64,
    },
    /// Asks for one look at the terminal.
    Facts,
    /// Asks for every process of the session.
    Processes,
    /// Lets the terminal show again what is typed: what was ended had turned that off.
    RestoreEcho,
    /// Changes the size.
    Resize {
        /// The width.
        cols: u16,
        /// The height.
        rows: u16,
    },
    /// Sends a signal. Answered only by `Refused`, when it could not be sent.
    Signal {
        /// To whom.
        to: SignalTo,
        /// Its number.
        signal: i32,
    },
    /// The session is over: the shell is hung up and all is forgotten. Answered by `Done`.
    Release {
        /// The output stays on disk.
        keep_files: bool,
    },
    /// Asks what terminals there are. Needs no attachment.
    List,
    /// Ends the holder if it has no terminals. Answered by `Done` or `Refused`. Needs no attachment.
    Stop {
        /// Ends it with its terminals.
        force: bool,
    },
}

/// What is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenTerminal {
    /// The session: 1 to 64 of `A-Z a-z 0-9 - _`. Its output is kept under this name.
    pub id: String,
    /// The number of this first attachment.
    pub term: u64,
    /// Counts the shells of the session; each is used once.
    pub epoch: Epoch,
    /// How much output is kept on disk for this session.
    pub quota_bytes: u64,
    /// What runs in it. `COTTY_SESSION=<id>` is added to its environment.
    pub spawn: Spawn,
}

/// Who gets a signal. Only processes of the session can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalTo {
    /// The foreground group of the terminal.
    Foreground,
    /// The same; nobody, if that is the shell's own.
    ForegroundButShell,
    /// A process group.
    Group(u32),
    /// A process.
    Process(u32),
}

/// What the holder tells the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The terminal was opened or attached.
    Attached(Attached),
    /// What the terminal printed. Pieces follow one another without a gap, except where `Lost` says so.
    Output {
        /// The place of the first byte.
        offset: Offset,
        /// The bytes.
        bytes: Bytes,
    },
    /// An input frame was written, or had been.
    Applied(Applied),
    /// An input frame was not taken and will not be written: too much waits already.
    InputRefused {
        /// Which.
        sequence: u64,
    },
    /// An input frame was not written, or not all of it, and will not be: the terminal asks for a secret.
    InputWithheld {
        /// Which.
        sequence: u64,
    },
    /// The answer to `Order::Facts`.
    Facts(Box<Facts>),
    /// The answer to `Order::Processes`.
    Processes(Vec<Process>),
    /// These bytes are not kept. Those that were not sent before will never come.
    Lost {
        /// The first of them.
        from: Offset,
        /// The first that is kept again.
        to: Offset,
    },
    /// The shell ended. Comes after the last byte.
    Exit(Exit),
    /// The order was not carried out. After a refused opening or attachment, and after `Fenced`, the connection ends.
    Refused {
        /// Why, for programs.
        kind: RefusalKind,
        /// Why, for people.
        text: String,
    },
    /// The answer to `Order::List`.
    Listed(Vec<Listed>),
    /// `Release` or `Stop` was carried out.
    Done,
    /// The terminal is out of reach, and whether its shell lives is not known. The connection ends.
    Gone {
        /// Why, for people.
        reason: String,
    },
}

/// The state of a terminal when it was attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// The shell.
    pub pid: u32,
    /// Which shell of the session it is.
    pub epoch: Epoch,
    /// All before it was acknowledged by some attachment.
    pub acknowledged_byte: u64,
    /// The end of what was printed until now.
    pub end_byte: u64,
    /// The first byte of this epoch that is still on disk.
    pub first_kept_byte: u64,
    /// The last input that was taken; 0 before the first.
    pub applied_sequence: u64,
    /// The path of the terminal.
    pub tty_name: String,
}

/// The terminal as it was when an input was written: decides whether typed keys may be stored in clear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Which input.
    pub sequence: u64,
    /// The terminal showed what is typed.
    pub echo: bool,
    /// The terminal gave whole lines.
    pub canonical: bool,
    /// The shell itself was the foreground group: its line editor shows what is typed.
    pub shell_reads: bool,
    /// It ceased to give whole lines just then: whether it showed this by itself is not known.
    pub turning: bool,
}

/// A process of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// The name in `/proc/PID/comm`.
    pub comm: String,
    /// Its argument list, capped as in `Facts`.
    pub argv: Vec<String>,
    /// How long ago it was started, in whole milliseconds.
    pub age: Duration,
}

/// How a shell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With a status.
    Status(i32),
    /// By a signal.
    Signal(i32),
    /// The kernel did not say: someone else reaped it.
    Unknown,
}

/// A terminal of a holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The session.
    pub id: String,
    /// The number of its last attachment.
    pub term: u64,
    /// A connection is attached to it.
    pub attached: bool,
    /// Its state.
    pub state: Attached,
    /// How its shell ended, if it has.
    pub exit: Option<Exit>,
}

/// Why an order was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The version is not spoken here.
    Version,
    /// There is no terminal of this name.
    NoSuchTerminal,
    /// There is one of this name, or the epoch was used.
    Exists,
    /// Another attachment with a higher term owns the terminal.
    Fenced,
    /// The shell or its directory is not there, or no terminal was to be had.
    NotStarted,
    /// The order makes no sense here.
    BadOrder,
    /// Terminals are left.
    Busy,
    /// The system would not.
    Failed,
}

/// The bytes are not this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A frame is too long.
    #[error("a frame of {bytes} bytes is above the limit of 1 MiB")]
    Oversized {
        /// Its length.
        bytes: usize,
    },
    /// A frame of no known kind.
    #[error("a frame of unknown kind {kind}")]
    UnknownKind {
        /// The kind.
        kind: u8,
    },
    /// A frame whose content is not what its kind asks for.
    #[error("a frame of kind {kind} with a content that does not fit it")]
    Content {
        /// The kind.
        kind: u8,
    },
}
