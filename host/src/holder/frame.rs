//! The holder's protocol: one ordered stream of frames, `length u32 · kind u8 · payload`, all numbers little-endian.
//!
//! A connection begins with [`Order::Hello`], serves one terminal after [`Order::Open`] or [`Order::Attach`], and could
//! as well run over an SSH channel: no descriptor is ever passed.

use bytes::{Buf, Bytes, BytesMut};
use cotty_core::facts::Facts;
use cotty_core::names::{Epoch, Offset};

use crate::holder::coding::{self, Fields};
use crate::local::pty::Spawn;

/// The version of the protocol, said in the first frame.
pub const VERSION: u8 = 1;

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
    /// All output before this byte is in good hands: the window moves on.
    Acknowledge {
        /// The first byte that is not acknowledged.
        byte: u64,
    },
    /// Asks for one look at the terminal.
    Facts,
    /// Asks for every process of the session.
    Processes,
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

impl Order {
    /// Appends the frame.
    pub fn encode(&self, out: &mut BytesMut) {
        coding::put_order(self, out);
    }

    /// Takes the next whole frame from the front of the buffer; nothing if it is not there yet.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Self>, Malformed> {
        take_frame(buffer)?.map(|(kind, payload)| coding::get_order(kind, Fields::new(payload))).transpose()
    }
}

impl Event {
    /// Appends the frame.
    pub fn encode(&self, out: &mut BytesMut) {
        coding::put_event(self, out);
    }

    /// Takes the next whole frame from the front of the buffer; nothing if it is not there yet.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Self>, Malformed> {
        take_frame(buffer)?.map(|(kind, payload)| coding::get_event(kind, Fields::new(payload))).transpose()
    }
}

fn take_frame(buffer: &mut BytesMut) -> Result<Option<(u8, Bytes)>, Malformed> {
    let Some(&[a, b, c, d, kind]) = buffer.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let bytes = u32::from_le_bytes([a, b, c, d]) as usize;
    if bytes > PAYLOAD_BYTES_MAX {
        return Err(Malformed::Oversized { bytes });
    }
    if buffer.len() < HEADER_BYTES + bytes {
        return Ok(None);
    }
    buffer.advance(HEADER_BYTES);
    Ok(Some((kind, buffer.split_to(bytes).freeze())))
}

#[cfg(test)]
mod tests {
    use cotty_core::facts::{Blocked, Inner, Member, Program};

    use super::*;

    fn orders() -> Vec<Order> {
        let spawn = Spawn {
            argv: vec!["/bin/bash".into(), "-i".into()],
            arg0: Some("-bash".into()),
            env: vec![("A".into(), "b=c".into())],
            cwd: "/tmp".into(),
            cols: 80,
            rows: 24,
        };
        vec![
            Order::Hello { version: VERSION },
            Order::Open(OpenTerminal { id: "s1".into(), term: 7, epoch: Epoch(2), quota_bytes: 9, spawn }),
            Order::Attach { id: "s1".into(), term: 8, from: Offset { epoch: Epoch(2), byte: 1 << 40 } },
            Order::Input { sequence: 3, bytes: Bytes::from_static(b"ls\r") },
            Order::Acknowledge { byte: 77 },
            Order::Facts,
            Order::Processes,
            Order::Resize { cols: 100, rows: 30 },
            Order::Signal { to: SignalTo::Foreground, signal: 2 },
            Order::Signal { to: SignalTo::Group(9), signal: 15 },
            Order::Signal { to: SignalTo::Process(10), signal: 9 },
            Order::Release { keep_files: true },
            Order::List,
            Order::Stop { force: false },
        ]
    }

    fn facts() -> Facts {
        let program = Program { pid: 4, executable: Some((1, 2)), comm: "cat".into() };
        let unseen = Blocked::Unseen { channel: "wait_woken".into(), terminal: true, socket: false };
        let member = |blocked| Member {
            program: program.clone(),
            state: 'S',
            argv: vec!["cat".into(), "-".into()],
            foreign: true,
            blocked,
        };
        let inner = Facts { inner: Inner::Opaque, ..Facts::default() };
        Facts {
            shell: program.clone(),
            foreground: 4,
            echo: true,
            canonical: true,
            members: vec![member(Blocked::OnTerminal), member(unseen), member(Blocked::Elsewhere)],
            inner: Inner::Terminal(Box::new(inner)),
        }
    }

    fn events() -> Vec<Event> {
        let offset = Offset { epoch: Epoch(1), byte: 5 };
        let state = Attached { pid: 3, tty_name: "/dev/pts/9".into(), end_byte: 4, ..Attached::default() };
        vec![
            Event::Attached(state.clone()),
            Event::Output { offset, bytes: Bytes::from_static(b"out") },
            Event::Applied(Applied { sequence: 1, echo: true, canonical: false, shell_reads: true }),
            Event::InputRefused { sequence: 2 },
            Event::Facts(Box::new(facts())),
            Event::Processes(vec![Process { pid: 1, comm: "sh".into(), argv: vec!["sh".into()] }]),
            Event::Lost { from: offset, to: offset },
            Event::Exit(Exit::Status(3)),
            Event::Exit(Exit::Signal(9)),
            Event::Exit(Exit::Unknown),
            Event::Refused { kind: RefusalKind::Fenced, text: "no".into() },
            Event::Listed(vec![Listed {
                id: "a".into(),
                term: 1,
                attached: true,
                state,
                exit: Some(Exit::Status(0)),
            }]),
            Event::Done,
        ]
    }

    #[test]
    fn every_order_and_event_comes_back_as_it_was_however_it_is_cut() {
        let mut wire = BytesMut::new();
        orders().iter().for_each(|order| order.encode(&mut wire));
        let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
        for byte in &wire {
            buffer.extend_from_slice(&[*byte]);
            taken.extend(Order::take(&mut buffer).unwrap());
        }
        assert_eq!(taken, orders());

        let mut wire = BytesMut::new();
        events().iter().for_each(|event| event.encode(&mut wire));
        let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
        for byte in &wire {
            buffer.extend_from_slice(&[*byte]);
            taken.extend(Event::take(&mut buffer).unwrap());
        }
        assert_eq!(taken, events());
    }

    #[test]
    fn an_oversized_frame_is_refused_before_it_is_read() {
        let mut buffer = BytesMut::from(&[0xff, 0xff, 0xff, 0x7f, 3][..]);
        assert_eq!(Order::take(&mut buffer), Err(Malformed::Oversized { bytes: 0x7fff_ffff }));
    }

    #[test]
    fn a_cut_or_padded_content_is_malformed() {
        let mut whole = BytesMut::new();
        Event::Facts(Box::new(facts())).encode(&mut whole);
        let payload = &whole[HEADER_BYTES..];
        for length in 0..payload.len() {
            assert!(
                coding::get_event(whole[4], Fields::new(Bytes::copy_from_slice(&payload[..length]))).is_err()
            );
        }
        let padded = [payload, &[0]].concat();
        assert!(coding::get_event(whole[4], Fields::new(Bytes::from(padded))).is_err());
        assert_eq!(
            coding::get_order(99, Fields::new(Bytes::new())),
            Err(Malformed::UnknownKind { kind: 99 })
        );
    }
}
