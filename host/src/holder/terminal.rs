//! One terminal of the holder: its shell, its output and who is attached to it.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use cotty_core::names::{Epoch, Offset};
use rustix::event::epoll::EventFlags;
use rustix::process::{Signal, WaitStatus};
use rustix::termios::LocalModes;

use crate::holder::connection::Connection;
use crate::holder::facts::{Eyes, Look, pid_number};
use crate::holder::frame::{Applied, Attached, Event, Exit, Listed};
use crate::holder::kept::{Kept, WINDOW_BYTES_DISK_FULL};
use crate::holder::segments::SEGMENT_BYTES;
use crate::local::pty::{Pty, Read};

/// How far output is read, and sent, ahead of its acknowledgement. Then the program waits.
const WINDOW_BYTES: u64 = 1 << 20;

/// So much typed input may wait for the program to read it.
const INPUT_BYTES_MAX: usize = 64 << 10;

/// Above that there is room for this much more of single keys, so that Ctrl-C is never refused for a paste.
const KEYS_BYTES_MAX: usize = 64;

/// A terminal is read so often in one turn of the loop: more delays the keys of others, fewer cost throughput.
const READS_A_TURN: usize = 8;

/// A read rarely gives more than 4 kB.
const READ_BYTES: usize = 4096;

/// A read that gives less than this has taken what there was.
const SHORT_BYTES: usize = 1024;

/// What is taken from disk at once.
const REPLAY_BYTES: usize = 128 << 10;

/// A terminal that nobody has open is looked at again after this long: its shell may open it anew.
const HUNG_UP_RETRY: Duration = Duration::from_millis(250);

/// How far a terminal is read in one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// To the first piece, as long as little is printed. To ask for more than there is waits for the kernel's own worker,
    /// while epoll tells of it for nothing.
    Ready,
    /// Until there is nothing more.
    All,
}

/// A terminal.
#[derive(Debug)]
pub(super) struct Terminal {
    /// The session.
    pub(super) id: String,
    /// The number of its last attachment.
    pub(super) term: u64,
    /// The shell and its terminal.
    pub(super) pty: Pty,
    /// Who is attached.
    pub(super) attachment: Option<Attachment>,
    /// What epoll watches for.
    pub(super) watched: EventFlags,
    epoch: Epoch,
    kept: Kept,
    acknowledged: u64,
    detached_at: Instant,
    input: VecDeque<Waiting>,
    input_bytes: usize,
    input_sequence: u64,
    exit: Option<Exit>,
    hung_up: Option<Instant>,
    drained: bool,
}

/// A connection that is attached.
#[derive(Debug)]
pub(super) struct Attachment {
    /// Which.
    pub(super) connection: u64,
    sent: u64,
    // All before it was acknowledged on this connection, or was there before it.
    window_from: u64,
    lost: Option<Range<u64>>,
    exit_told: bool,
}

#[derive(Debug)]
struct Waiting {
    rest: Bytes,
    // The state of the terminal is read when the first byte is written.
    applied: Applied,
    begun: bool,
    // Not to be written while a secret is asked for.
    guarded: bool,
}

impl Terminal {
    /// Begins with a shell that was just started.
    pub(super) fn new(id: String, term: u64, epoch: Epoch, pty: Pty, kept: Kept, now: Instant) -> Self {
        Self {
            id,
            term,
            pty,
            attachment: None,
            watched: EventFlags::empty(),
            epoch,
            acknowledged: kept.end(),
            kept,
            detached_at: now,
            input: VecDeque::new(),
            input_bytes: 0,
            input_sequence: 0,
            exit: None,
            hung_up: None,
            drained: false,
        }
    }

    /// Returns its state as an attachment is told.
    pub(super) fn state(&self) -> Attached {
        Attached {
            pid: pid_number(self.pty.shell),
            epoch: self.epoch,
            acknowledged_byte: self.acknowledged,
            end_byte: self.kept.end(),
            first_kept_byte: self.kept.first_kept(),
            applied_sequence: self.input_sequence,
            tty_name: self.pty.tty_name.clone(),
        }
    }

    /// Returns its line of a list.
    pub(super) fn listed(&self) -> Listed {
        Listed {
            id: self.id.clone(),
            term: self.term,
            attached: self.attachment.is_some(),
            state: self.state(),
            exit: self.exit,
        }
    }

    /// Attaches a connection; nothing if the place is in the future. Returns the connection that was attached before.
    pub(super) fn attach(&mut self, connection: u64, term: u64, from: Offset) -> Option<Option<u64>> {
        let start = if from.epoch < self.epoch { 0 } else { from.byte };
        if from.epoch > self.epoch || start > self.kept.end() {
            return None;
        }
        self.term = term;
        self.acknowledge(start);
        let attachment =
            Attachment { connection, sent: start, window_from: start, lost: None, exit_told: false };
        Some(self.attachment.replace(attachment).map(|before| before.connection))
    }

    /// Notes that a connection is gone.
    pub(super) fn detach(&mut self, connection: u64, now: Instant) {
        if self.attachment.as_ref().is_some_and(|it| it.connection == connection) {
            self.attachment = None;
            self.detached_at = now;
        }
    }

    /// Moves the window on. An acknowledgement never goes back, and never beyond what was sent.
    pub(super) fn handle_acknowledge(&mut self, byte: u64) {
        if let Some(attachment) = &mut self.attachment {
            let byte = byte.min(attachment.sent);
            attachment.window_from = attachment.window_from.max(byte);
            self.acknowledge(byte);
        }
    }

    /// Takes input once and in order, or says no.
    pub(super) fn handle_input(
        &mut self,
        sequence: u64,
        bytes: Bytes,
        guarded: bool,
        connection: &mut Connection,
    ) {
        if sequence <= self.input_sequence {
            // One that still waits is acknowledged when it is written.
            if !self.input.iter().any(|it| it.applied.sequence == sequence) {
                connection.send(&Event::Applied(self.applied_now(sequence)));
            }
            return;
        }
        let room = if bytes.len() == 1 { INPUT_BYTES_MAX + KEYS_BYTES_MAX } else { INPUT_BYTES_MAX };
        if self.input_bytes + bytes.len() > room {
            connection.send(&Event::InputRefused { sequence });
            return;
        }
        self.input_sequence = sequence;
        self.input_bytes += bytes.len();
        let applied = Applied { sequence, ..Applied::default() };
        self.input.push_back(Waiting { rest: bytes, applied, begun: false, guarded });
    }

    /// Writes what waits, as far as the program takes it, and tells what was applied.
    pub(super) fn write_input(&mut self, mut connection: Option<&mut Connection>, now: Instant) {
        while let Some(mut waiting) = self.input.pop_front() {
            if !waiting.begun {
                waiting.applied = self.applied_now(waiting.applied.sequence);
                waiting.begun = true;
            }
            if waiting.guarded && self.asks_for_secret() {
                self.input_bytes -= waiting.rest.len();
                if let Some(connection) = &mut connection {
                    connection.send(&Event::InputWithheld { sequence: waiting.applied.sequence });
                }
                continue;
            }
            while !waiting.rest.is_empty() {
                match self.pty.write(&waiting.rest) {
                    Ok(0) => {
                        self.input.push_front(waiting);
                        return;
                    }
                    Ok(taken) => {
                        waiting.rest.advance(taken);
                        self.input_bytes -= taken;
                    }
                    // The terminal has ended: nobody will ever read this.
                    Err(_) => {
                        self.input_bytes -= waiting.rest.len();
                        waiting.rest.clear();
                    }
                }
            }
            // A line editor that begins at this very moment: before the write or after it, nobody knows.
            waiting.applied.turning = waiting.applied.canonical && !self.applied_now(0).canonical;
            if let Some(connection) = &mut connection {
                connection.send_with_next(&Event::Applied(waiting.applied), now);
            }
        }
        self.input = VecDeque::new();
    }

    /// Reads what was printed, a few times, and hands it over at once to a client that has all before it.
    pub(super) fn read_output(
        &mut self,
        mut connection: Option<&mut Connection>,
        depth: Depth,
        now: Instant,
    ) {
        let hastens = depth == Depth::Ready && connection.as_ref().is_some_and(|it| it.is_calm(now));
        let mut buffer = [0; READS_A_TURN * READ_BYTES];
        let mut filled = 0;
        for _ in 0..READS_A_TURN {
            match self.pty.read(&mut buffer[filled..filled + READ_BYTES]) {
                Ok(Read::Bytes(bytes)) => {
                    filled += bytes;
                    if hastens && bytes < SHORT_BYTES {
                        break;
                    }
                }
                Ok(Read::Nothing) => {
                    // With the shell's end the terminal is hung up: nobody can print on it any more. Not even the kernel
                    // says so, if a process that left the session still has it open.
                    self.drained = self.exit.is_some();
                    break;
                }
                Ok(Read::End) | Err(_) => {
                    self.handle_end(now);
                    break;
                }
            }
        }
        if filled == 0 {
            return;
        }
        let start = self.kept.end();
        self.kept.append(&buffer[..filled], now);
        if let (Some(attachment), Some(connection)) = (&mut self.attachment, &mut connection)
            && attachment.sent == start
            && connection.has_room()
        {
            connection.send_printed(Offset { epoch: self.epoch, byte: start }, &buffer[..filled], now);
            attachment.sent += filled as u64;
        }
        self.account_for_dropped();
    }

    /// Sends what is kept and was not sent yet, as far as window and socket allow; at the end, how the shell ended.
    pub(super) fn catch_up(&mut self, connection: &mut Connection) {
        let end = self.kept.end();
        let Some(attachment) = &mut self.attachment else { return };
        let place = |byte| Offset { epoch: self.epoch, byte };
        while attachment.sent < end
            && connection.has_room()
            && attachment.sent - attachment.window_from < WINDOW_BYTES
        {
            let (start, bytes) = match self.kept.read(attachment.sent, REPLAY_BYTES) {
                Ok(read) => read,
                // A disk that cannot be read has lost them; what comes next is told as lost up to there.
                Err(error) => {
                    tracing::warn!(%error, session = self.id, "kept output cannot be read");
                    (end, Vec::new())
                }
            };
            if start > attachment.sent {
                merge(&mut attachment.lost, attachment.sent..start);
                attachment.window_from = attachment.window_from.max(start);
                tell_lost(&mut attachment.lost, connection, self.epoch);
            }
            connection.send_output(place(start), &bytes);
            attachment.sent = start + bytes.len() as u64;
        }
        if connection.has_room() {
            tell_lost(&mut attachment.lost, connection, self.epoch);
        }
        if let (true, Some(exit)) = (self.drained && attachment.sent == end, self.exit)
            && !attachment.exit_told
        {
            attachment.exit_told = true;
            connection.send(&Event::Exit(exit));
        }
        self.acknowledged = self.acknowledged.max(self.kept.first_kept().min(end));
    }

    /// Notes how the shell ended. What it printed last is still to be read.
    pub(super) fn handle_exit(&mut self, status: WaitStatus) {
        let signal = status.terminating_signal().map(Exit::Signal);
        self.exit = status.exit_status().map(Exit::Status).or(signal).or(Some(Exit::Unknown));
        // It may have opened its terminal again and printed since it was last seen hung up.
        self.hung_up = None;
    }

    /// Does what is due: reading again after a wait, trying a full disk again.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.hung_up.is_some_and(|at| at <= now) {
            self.hung_up = None;
        }
        self.kept.retry(now);
        self.account_for_dropped();
    }

    /// Returns when `handle_timeout` is due.
    pub(super) fn timeout(&self, detached_wait: Duration) -> Option<Instant> {
        let waits = self.attachment.is_none() && !self.drained && self.is_full();
        let again = self.detached_at + detached_wait;
        let waited = waits.then_some(again).filter(|_| !self.watched.contains(EventFlags::IN));
        [waited, self.hung_up, self.kept.retry_at()].into_iter().flatten().min()
    }

    /// Returns when to forget it: its shell has ended, all is read, and nobody has come for it.
    pub(super) fn forgotten(&self, after: Duration) -> Option<Instant> {
        (self.drained && self.watched.is_empty() && self.attachment.is_none())
            .then_some(self.detached_at + after)
    }

    /// Returns what epoll should watch for.
    pub(super) fn wanted(&self, now: Instant, detached_wait: Duration) -> EventFlags {
        let mut wanted = EventFlags::empty();
        if self.drained || self.hung_up.is_some() {
            return wanted;
        }
        let lossy = self.attachment.is_none() && now >= self.detached_at + detached_wait;
        if lossy || !self.is_full() {
            wanted |= EventFlags::IN;
        }
        if !self.input.is_empty() {
            wanted |= EventFlags::OUT;
        }
        wanted
    }

    /// Says whether the shell has ended and a rest of its output may be read.
    pub(super) fn is_ending(&self, now: Instant, detached_wait: Duration) -> bool {
        self.exit.is_some() && self.wanted(now, detached_wait).contains(EventFlags::IN)
    }

    /// Hangs up the shell and what stands in the foreground. The kernel does the rest when the master side is closed.
    pub(super) fn hang_up(&self) {
        for group in [self.pty.foreground(), Some(self.pty.shell)].into_iter().flatten() {
            if self.exit.is_none() {
                rustix::process::kill_process_group(group, Signal::HUP).ok();
                rustix::process::kill_process_group(group, Signal::CONT).ok();
            }
        }
    }

    /// Returns its shell; nothing once it was reaped, for the number may be another's by then.
    pub(super) fn shell(&self) -> Option<u32> {
        self.exit.is_none().then_some(pid_number(self.pty.shell))
    }

    /// Looks at its processes, in a holder with these living shells.
    pub(super) fn look(&self, shells: Vec<u32>, eyes: Eyes) -> Look<'_> {
        Look::new(&self.pty, &self.id, self.shell(), shells, eyes)
    }

    // So much unacknowledged output that the program has to wait. While it waits nothing unacknowledged is deleted: two
    // files are left free, the one that is begun next and the one at whose middle the acknowledgement stands.
    pub(super) fn is_full(&self) -> bool {
        let unacknowledged = self.kept.end() - self.acknowledged.min(self.kept.end());
        let mut room = match self.attachment {
            Some(_) => WINDOW_BYTES,
            None => self.kept.quota_bytes() - 2 * SEGMENT_BYTES - (READS_A_TURN * READ_BYTES) as u64,
        };
        if self.kept.is_disk_full() {
            room = room.min(WINDOW_BYTES_DISK_FULL);
        }
        unacknowledged >= room
    }

    fn acknowledge(&mut self, byte: u64) {
        self.acknowledged = self.acknowledged.max(byte);
    }

    // What was dropped counts as acknowledged. Of it, what a client has seen is told as no longer kept; what it has not
    // seen is told when its turn to be sent comes.
    fn account_for_dropped(&mut self) {
        if let Some(dropped) = self.kept.take_dropped() {
            self.acknowledge(dropped.end);
            if let Some(attachment) = &mut self.attachment
                && attachment.sent > dropped.start
            {
                merge(&mut attachment.lost, dropped.start..dropped.end.min(attachment.sent));
            }
        }
        if self.attachment.is_none() {
            self.acknowledge(self.kept.first_kept());
        }
    }

    // The end is an end only when the shell is gone too: until then it may open its terminal again.
    fn handle_end(&mut self, now: Instant) {
        self.drained = self.exit.is_some();
        self.hung_up = if self.drained { None } else { Some(now + HUNG_UP_RETRY) };
        if self.drained {
            self.input.clear();
            self.input_bytes = 0;
        }
    }

    /// The terminal takes whole lines and shows none.
    fn asks_for_secret(&self) -> bool {
        let now = self.applied_now(0);
        now.canonical && !now.echo
    }

    fn applied_now(&self, sequence: u64) -> Applied {
        let modes = rustix::termios::tcgetattr(&self.pty.master).map(|it| it.local_modes);
        let modes = modes.unwrap_or(LocalModes::empty());
        Applied {
            sequence,
            echo: modes.contains(LocalModes::ECHO),
            canonical: modes.contains(LocalModes::ICANON),
            shell_reads: self.pty.foreground() == Some(self.pty.shell),
            turning: false,
        }
    }
}

fn merge(lost: &mut Option<Range<u64>>, more: Range<u64>) {
    *lost = Some(match lost.take() {
        Some(before) => before.start.min(more.start)..before.end.max(more.end),
        None => more,
    });
}

fn tell_lost(lost: &mut Option<Range<u64>>, connection: &mut Connection, epoch: Epoch) {
    if let Some(lost) = lost.take() {
        let place = |byte| Offset { epoch, byte };
        connection.send(&Event::Lost { from: place(lost.start), to: place(lost.end) });
    }
}
