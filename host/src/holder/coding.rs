//! How orders and events are written as bytes and read back.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use cotty_core::facts::{Blocked, Facts, Inner, Member, Program};
use cotty_core::names::{Epoch, Offset};
use std::time::Duration;

use crate::holder::fields::{
    Fields, Read, Unfit, put_bytes, put_frame, put_list, put_offset, put_option, put_os,
};
use crate::holder::frame::{
    Applied, Attached, Event, Exit, HEADER_BYTES, Listed, Malformed, OpenTerminal, Order, PAYLOAD_BYTES_MAX,
    Process, RefusalKind, SignalTo,
};
use crate::local::pty::Spawn;

/// Terminals behind terminals are looked at this deep; a deeper answer is no honest one.
const INNER_DEPTH_MAX: usize = 8;

impl Order {
    /// Appends the frame.
    pub fn encode(&self, out: &mut BytesMut) {
        put_order(self, out);
    }

    /// Takes the next whole frame from the front of the buffer; nothing if it is not there yet.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Self>, Malformed> {
        take_frame(buffer)?.map(|(kind, payload)| get_order(kind, Fields::new(payload))).transpose()
    }
}

impl Event {
    /// Appends the frame.
    pub fn encode(&self, out: &mut BytesMut) {
        put_event(self, out);
    }

    /// Takes the next whole frame from the front of the buffer; nothing if it is not there yet.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Self>, Malformed> {
        take_frame(buffer)?.map(|(kind, payload)| get_event(kind, Fields::new(payload))).transpose()
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

/// Appends an order.
fn put_order(order: &Order, out: &mut BytesMut) {
    match order {
        Order::Hello { version } => put_frame(out, 1, |out| out.put_u8(*version)),
        Order::Open(open) => put_frame(out, 2, |out| put_open(out, open)),
        Order::Attach { id, term, from } => put_frame(out, 3, |out| {
            put_bytes(out, id.as_bytes());
            out.put_u64_le(*term);
            put_offset(out, *from);
        }),
        Order::Input { sequence, bytes } => put_frame(out, 4, |out| {
            out.put_u64_le(*sequence);
            put_bytes(out, bytes);
        }),
        Order::InputUnlessSecret { sequence, bytes } => put_frame(out, 13, |out| {
            out.put_u64_le(*sequence);
            put_bytes(out, bytes);
        }),
        Order::Acknowledge { byte } => put_frame(out, 5, |out| out.put_u64_le(*byte)),
        Order::Facts => put_frame(out, 6, |_| ()),
        Order::Processes => put_frame(out, 7, |_| ()),
        Order::Resize { cols, rows } => put_frame(out, 8, |out| {
            out.put_u16_le(*cols);
            out.put_u16_le(*rows);
        }),
        Order::Signal { to, signal } => put_frame(out, 9, |out| {
            let (kind, number) = match to {
                SignalTo::Foreground => (0, 0),
                SignalTo::Group(group) => (1, *group),
                SignalTo::Process(pid) => (2, *pid),
                SignalTo::ForegroundButShell => (3, 0),
            };
            out.put_u8(kind);
            out.put_u32_le(number);
            out.put_i32_le(*signal);
        }),
        Order::Release { keep_files } => put_frame(out, 10, |out| out.put_u8((*keep_files).into())),
        Order::List => put_frame(out, 11, |_| ()),
        Order::RestoreEcho => put_frame(out, 14, |_| ()),
        Order::Stop { force } => put_frame(out, 12, |out| out.put_u8((*force).into())),
    }
}

/// Reads an order.
fn get_order(kind: u8, mut fields: Fields) -> Result<Order, Malformed> {
    let fields = &mut fields;
    let order = match kind {
        1 => fields.u8().map(|version| Order::Hello { version }),
        2 => get_open(fields).map(Order::Open),
        3 => get_attach(fields),
        4 => get_input(fields),
        5 => fields.u64().map(|byte| Order::Acknowledge { byte }),
        6 => Ok(Order::Facts),
        7 => Ok(Order::Processes),
        8 => fields.u16().and_then(|cols| Ok(Order::Resize { cols, rows: fields.u16()? })),
        9 => get_signal(fields),
        10 => fields.bool().map(|keep_files| Order::Release { keep_files }),
        11 => Ok(Order::List),
        12 => fields.bool().map(|force| Order::Stop { force }),
        13 => fields
            .u64()
            .and_then(|sequence| Ok(Order::InputUnlessSecret { sequence, bytes: fields.bytes()? })),
        14 => Ok(Order::RestoreEcho),
        _ => return Err(Malformed::UnknownKind { kind }),
    };
    complete(kind, fields, order)
}

fn complete<T>(kind: u8, fields: &Fields, read: Read<T>) -> Result<T, Malformed> {
    match read {
        Ok(value) if fields.is_empty() => Ok(value),
        Ok(_) | Err(Unfit) => Err(Malformed::Content { kind }),
    }
}

fn put_open(out: &mut BytesMut, open: &OpenTerminal) {
    put_bytes(out, open.id.as_bytes());
    out.put_u64_le(open.term);
    out.put_u32_le(open.epoch.0);
    out.put_u64_le(open.quota_bytes);
    put_list(out, &open.spawn.argv, |out, it| put_os(out, it));
    put_option(out, open.spawn.arg0.as_ref(), |out, it| put_os(out, it));
    put_list(out, &open.spawn.env, |out, (name, value)| {
        put_os(out, name);
        put_os(out, value);
    });
    put_os(out, open.spawn.cwd.as_os_str());
    out.put_u16_le(open.spawn.cols);
    out.put_u16_le(open.spawn.rows);
}

fn get_open(fields: &mut Fields) -> Read<OpenTerminal> {
    Ok(OpenTerminal {
        id: fields.string()?,
        term: fields.u64()?,
        epoch: Epoch(fields.u32()?),
        quota_bytes: fields.u64()?,
        spawn: Spawn {
            argv: fields.list(Fields::os)?,
            arg0: fields.option(Fields::os)?,
            env: fields.list(|fields| Ok((fields.os()?, fields.os()?)))?,
            cwd: fields.os()?.into(),
            cols: fields.u16()?,
            rows: fields.u16()?,
        },
    })
}

fn get_attach(fields: &mut Fields) -> Read<Order> {
    Ok(Order::Attach { id: fields.string()?, term: fields.u64()?, from: fields.offset()? })
}

fn get_input(fields: &mut Fields) -> Read<Order> {
    Ok(Order::Input { sequence: fields.u64()?, bytes: fields.bytes()? })
}

fn get_signal(fields: &mut Fields) -> Read<Order> {
    let (kind, number) = (fields.u8()?, fields.u32()?);
    let to = match kind {
        0 => SignalTo::Foreground,
        1 => SignalTo::Group(number),
        2 => SignalTo::Process(number),
        3 => SignalTo::ForegroundButShell,
        _ => return Err(Unfit),
    };
    Ok(Order::Signal { to, signal: fields.i32()? })
}

/// Appends output without taking it into an event first.
pub(super) fn put_output(offset: Offset, bytes: &[u8], out: &mut BytesMut) {
    put_frame(out, 2, |out| {
        put_offset(out, offset);
        put_bytes(out, bytes);
    });
}

/// Appends an event.
fn put_event(event: &Event, out: &mut BytesMut) {
    match event {
        Event::Attached(state) => put_frame(out, 1, |out| put_attached(out, state)),
        Event::Output { offset, bytes } => put_output(*offset, bytes, out),
        Event::Applied(applied) => put_frame(out, 3, |out| {
            out.put_u64_le(applied.sequence);
            out.put_u8(applied.echo.into());
            out.put_u8(applied.canonical.into());
            out.put_u8(applied.shell_reads.into());
            out.put_u8(applied.turning.into());
        }),
        Event::InputRefused { sequence } => put_frame(out, 4, |out| out.put_u64_le(*sequence)),
        Event::InputWithheld { sequence } => put_frame(out, 13, |out| out.put_u64_le(*sequence)),
        Event::Facts(facts) => put_frame(out, 5, |out| put_facts(out, facts)),
        Event::Processes(list) => put_frame(out, 6, |out| put_list(out, list, put_process)),
        Event::Lost { from, to } => put_frame(out, 7, |out| {
            put_offset(out, *from);
            put_offset(out, *to);
        }),
        Event::Exit(exit) => put_frame(out, 8, |out| put_exit(out, exit)),
        Event::Refused { kind, text } => put_frame(out, 9, |out| {
            out.put_u8(refusal_number(*kind));
            put_bytes(out, text.as_bytes());
        }),
        Event::Listed(list) => put_frame(out, 10, |out| put_list(out, list, put_listed)),
        Event::Done => put_frame(out, 11, |_| ()),
        Event::Gone { reason } => put_frame(out, 12, |out| put_bytes(out, reason.as_bytes())),
    }
}

/// Reads an event.
fn get_event(kind: u8, mut fields: Fields) -> Result<Event, Malformed> {
    let fields = &mut fields;
    let event = match kind {
        1 => get_attached(fields).map(Event::Attached),
        2 => fields.offset().and_then(|offset| Ok(Event::Output { offset, bytes: fields.bytes()? })),
        3 => get_applied(fields).map(Event::Applied),
        4 => fields.u64().map(|sequence| Event::InputRefused { sequence }),
        5 => get_facts(fields, 0).map(|facts| Event::Facts(Box::new(facts))),
        6 => fields.list(get_process).map(Event::Processes),
        7 => fields.offset().and_then(|from| Ok(Event::Lost { from, to: fields.offset()? })),
        8 => get_exit(fields).map(Event::Exit),
        9 => get_refused(fields),
        10 => fields.list(get_listed).map(Event::Listed),
        11 => Ok(Event::Done),
        13 => fields.u64().map(|sequence| Event::InputWithheld { sequence }),
        12 => fields.string().map(|reason| Event::Gone { reason }),
        _ => return Err(Malformed::UnknownKind { kind }),
    };
    complete(kind, fields, event)
}

fn put_attached(out: &mut BytesMut, state: &Attached) {
    out.put_u32_le(state.pid);
    out.put_u32_le(state.epoch.0);
    out.put_u64_le(state.acknowledged_byte);
    out.put_u64_le(state.end_byte);
    out.put_u64_le(state.first_kept_byte);
    out.put_u64_le(state.applied_sequence);
    put_bytes(out, state.tty_name.as_bytes());
}

fn get_attached(fields: &mut Fields) -> Read<Attached> {
    Ok(Attached {
        pid: fields.u32()?,
        epoch: Epoch(fields.u32()?),
        acknowledged_byte: fields.u64()?,
        end_byte: fields.u64()?,
        first_kept_byte: fields.u64()?,
        applied_sequence: fields.u64()?,
        tty_name: fields.string()?,
    })
}

fn get_applied(fields: &mut Fields) -> Read<Applied> {
    Ok(Applied {
        sequence: fields.u64()?,
        echo: fields.bool()?,
        canonical: fields.bool()?,
        shell_reads: fields.bool()?,
        turning: fields.bool()?,
    })
}

fn put_process(out: &mut BytesMut, process: &Process) {
    out.put_u32_le(process.pid);
    put_bytes(out, process.comm.as_bytes());
    put_list(out, &process.argv, |out, it| put_bytes(out, it.as_bytes()));
    out.put_u64_le(u64::try_from(process.age.as_millis()).unwrap_or(u64::MAX));
}

fn get_process(fields: &mut Fields) -> Read<Process> {
    let (pid, comm, argv) = (fields.u32()?, fields.string()?, fields.list(Fields::string)?);
    Ok(Process { pid, comm, argv, age: Duration::from_millis(fields.u64()?) })
}

fn put_exit(out: &mut BytesMut, exit: &Exit) {
    let (kind, number) = match exit {
        Exit::Status(status) => (0, *status),
        Exit::Signal(signal) => (1, *signal),
        Exit::Unknown => (2, 0),
    };
    out.put_u8(kind);
    out.put_i32_le(number);
}

fn get_exit(fields: &mut Fields) -> Read<Exit> {
    let (kind, number) = (fields.u8()?, fields.i32()?);
    match kind {
        0 => Ok(Exit::Status(number)),
        1 => Ok(Exit::Signal(number)),
        2 => Ok(Exit::Unknown),
        _ => Err(Unfit),
    }
}

fn put_listed(out: &mut BytesMut, listed: &Listed) {
    put_bytes(out, listed.id.as_bytes());
    out.put_u64_le(listed.term);
    out.put_u8(listed.attached.into());
    put_attached(out, &listed.state);
    put_option(out, listed.exit.as_ref(), put_exit);
}

fn get_listed(fields: &mut Fields) -> Read<Listed> {
    Ok(Listed {
        id: fields.string()?,
        term: fields.u64()?,
        attached: fields.bool()?,
        state: get_attached(fields)?,
        exit: fields.option(get_exit)?,
    })
}

/// In the order of their numbers on the wire.
const REFUSALS: [RefusalKind; 8] = [
    RefusalKind::Version,
    RefusalKind::NoSuchTerminal,
    RefusalKind::Exists,
    RefusalKind::Fenced,
    RefusalKind::NotStarted,
    RefusalKind::BadOrder,
    RefusalKind::Busy,
    RefusalKind::Failed,
];

fn refusal_number(kind: RefusalKind) -> u8 {
    REFUSALS.iter().position(|it| *it == kind).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn get_refused(fields: &mut Fields) -> Read<Event> {
    let kind = *REFUSALS.get(usize::from(fields.u8()?)).ok_or(Unfit)?;
    Ok(Event::Refused { kind, text: fields.string()? })
}

fn put_facts(out: &mut BytesMut, facts: &Facts) {
    put_program(out, &facts.shell);
    out.put_u32_le(facts.foreground);
    out.put_u8(facts.echo.into());
    out.put_u8(facts.canonical.into());
    put_list(out, &facts.members, put_member);
    match &facts.inner {
        Inner::None => out.put_u8(0),
        Inner::Terminal(inner) => {
            out.put_u8(1);
            put_facts(out, inner);
        }
        Inner::Opaque => out.put_u8(2),
    }
}

fn get_facts(fields: &mut Fields, depth: usize) -> Read<Facts> {
    if depth > INNER_DEPTH_MAX {
        return Err(Unfit);
    }
    Ok(Facts {
        shell: get_program(fields)?,
        foreground: fields.u32()?,
        echo: fields.bool()?,
        canonical: fields.bool()?,
        members: fields.list(get_member)?,
        inner: match fields.u8()? {
            0 => Inner::None,
            1 => Inner::Terminal(Box::new(get_facts(fields, depth + 1)?)),
            2 => Inner::Opaque,
            _ => return Err(Unfit),
        },
    })
}

fn put_program(out: &mut BytesMut, program: &Program) {
    out.put_u32_le(program.pid);
    put_option(out, program.executable.as_ref(), |out, (device, inode)| {
        out.put_u64_le(*device);
        out.put_u64_le(*inode);
    });
    put_bytes(out, program.comm.as_bytes());
}

fn get_program(fields: &mut Fields) -> Read<Program> {
    Ok(Program {
        pid: fields.u32()?,
        executable: fields.option(|fields| Ok((fields.u64()?, fields.u64()?)))?,
        comm: fields.string()?,
    })
}

fn put_member(out: &mut BytesMut, member: &Member) {
    put_program(out, &member.program);
    out.put_u32_le(member.state.into());
    put_list(out, &member.argv, |out, it| put_bytes(out, it.as_bytes()));
    out.put_u8(member.foreign.into());
    match &member.blocked {
        Blocked::OnTerminal => out.put_u8(0),
        Blocked::OnTerminalByte => out.put_u8(3),
        Blocked::Elsewhere => out.put_u8(1),
        Blocked::Unseen { channel, terminal, socket } => {
            out.put_u8(2);
            put_bytes(out, channel.as_bytes());
            out.put_u8((*terminal).into());
            out.put_u8((*socket).into());
        }
    }
}

fn get_member(fields: &mut Fields) -> Read<Member> {
    Ok(Member {
        program: get_program(fields)?,
        state: char::from_u32(fields.u32()?).ok_or(Unfit)?,
        argv: fields.list(Fields::string)?,
        foreign: fields.bool()?,
        blocked: match fields.u8()? {
            0 => Blocked::OnTerminal,
            3 => Blocked::OnTerminalByte,
            1 => Blocked::Elsewhere,
            2 => Blocked::Unseen {
                channel: fields.string()?,
                terminal: fields.bool()?,
                socket: fields.bool()?,
            },
            _ => return Err(Unfit),
        },
    })
}

#[cfg(test)]
mod tests;
