//! What the holder does when it is told: one function an order.

use std::io;
use std::time::Instant;

use cotty_core::names::Offset;
use rustix::event::epoll;

use super::Server;
use crate::holder::facts::SESSION_VARIABLE;
use crate::holder::frame::{Event, OpenTerminal, Order, RefusalKind, VERSION};
use crate::holder::kept::Kept;
use crate::holder::segments::SegmentReader;
use crate::holder::signals;
use crate::holder::terminal::{Depth, Terminal};
use crate::local::pty::Pty;

impl Server<'_> {
    /// Carries out one order of a connection.
    pub(super) fn carry_out(&mut self, token: u64, order: Order, now: Instant) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        match (connection.greeted, order) {
            (false, Order::Hello { version: VERSION }) => connection.greeted = true,
            (false, _) => {
                connection.refuse(
                    RefusalKind::Version,
                    format!("this holder speaks version {VERSION} and is told so first"),
                );
                connection.closing = true;
            }
            (true, Order::Open(open)) => self.open(token, open, now),
            (true, Order::Attach { id, term, from }) => self.attach(token, &id, term, from, now),
            (true, Order::List) => {
                let list = self.terminals.values().map(Terminal::listed).collect();
                connection.send(&Event::Listed(list));
            }
            (true, Order::Stop { force }) => self.stop(token, force),
            (true, Order::Release { keep_files }) => self.release(token, keep_files),
            (true, order) => self.carry_out_on_terminal(token, order, now),
        }
    }

    fn carry_out_on_terminal(&mut self, token: u64, order: Order, now: Instant) {
        let looks = matches!(order, Order::Facts | Order::Processes | Order::Signal { .. });
        let shells = self.terminals.values().filter(|_| looks).filter_map(Terminal::shell).collect();
        let eyes = self.manners.eyes;
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let Some(terminal) = connection.terminal.and_then(|it| self.terminals.get_mut(&it)) else {
            return connection.refuse(RefusalKind::BadOrder, "no terminal is attached to this connection");
        };
        match order {
            Order::Input { sequence, bytes } => terminal.handle_input(sequence, bytes, false, connection),
            Order::InputUnlessSecret { sequence, bytes } => {
                terminal.handle_input(sequence, bytes, true, connection);
            }
            Order::Acknowledge { byte } => terminal.handle_acknowledge(byte),
            Order::Facts => {
                let facts = terminal.look(shells, eyes).facts();
                // What was printed before that look is told before it: a question, and then that it is being asked.
                if !terminal.is_full() {
                    terminal.read_output(Some(&mut *connection), Depth::All, now);
                }
                connection.send(&Event::Facts(Box::new(facts)));
            }
            Order::Processes => {
                let look = terminal.look(shells, eyes);
                connection.send(&Event::Processes(look.processes()));
            }
            Order::RestoreEcho => {
                if let Err(error) = terminal.pty.show_typed() {
                    connection.refuse(RefusalKind::Failed, format!("cannot turn the echo on: {error}"));
                }
            }
            Order::Resize { cols, rows } => {
                if let Err(error) = terminal.pty.resize(cols, rows) {
                    connection.refuse(RefusalKind::Failed, format!("cannot resize: {error}"));
                }
            }
            Order::Signal { to, signal } => {
                let look = terminal.look(shells, eyes);
                if let Err(error) = signals::send(&look, to, signal) {
                    connection.refuse(RefusalKind::Failed, error);
                }
            }
            Order::Hello { .. }
            | Order::Open(_)
            | Order::Attach { .. }
            | Order::Release { .. }
            | Order::List
            | Order::Stop { .. } => {
                connection.refuse(RefusalKind::BadOrder, "this order makes no sense here");
            }
        }
    }

    fn open(&mut self, token: u64, open: OpenTerminal, now: Instant) {
        let started = self.start(open, now);
        let Some(connection) = self.connections.get_mut(&token) else { return };
        match started {
            Ok(mut terminal) if connection.terminal.is_none() => {
                self.token += 1;
                let start = Offset { epoch: terminal.state().epoch, byte: 0 };
                terminal.attach(token, terminal.term, start);
                connection.terminal = Some(self.token);
                connection.send(&Event::Attached(terminal.state()));
                self.terminals.insert(self.token, terminal);
                self.touched.insert(self.token);
            }
            Ok(_) => connection.refuse(RefusalKind::BadOrder, "this connection serves a terminal already"),
            Err((kind, text)) => {
                connection.refuse(kind, text);
                connection.closing = true;
            }
        }
    }

    fn start(&self, open: OpenTerminal, now: Instant) -> Result<Terminal, (RefusalKind, String)> {
        if !is_name(&open.id) {
            let text = "a session is named by 1 to 64 of A-Z a-z 0-9 - and _";
            return Err((RefusalKind::BadOrder, text.to_owned()));
        }
        if self.terminals.values().any(|it| it.id == open.id) {
            return Err((RefusalKind::Exists, format!("{} is open already; attach to it", open.id)));
        }
        let failed = |error: io::Error| (RefusalKind::Failed, format!("cannot keep output: {error}"));
        let directory = self.state.session(&open.id);
        if SegmentReader::open(&directory).end(open.epoch).map_err(failed)?.is_some() {
            let text = format!("epoch {} of {} was used; take the next", open.epoch.0, open.id);
            return Err((RefusalKind::Exists, text));
        }
        let kept = Kept::open(directory, open.epoch, open.quota_bytes).map_err(failed)?;
        let mut spawn = open.spawn;
        spawn.env.retain(|(name, _)| name != SESSION_VARIABLE);
        spawn.env.push((SESSION_VARIABLE.into(), open.id.clone().into()));
        let pty = Pty::open(&spawn).map_err(|error| (RefusalKind::NotStarted, error.to_string()))?;
        Ok(Terminal::new(open.id, open.term, open.epoch, pty, kept, now))
    }

    fn attach(&mut self, token: u64, id: &str, term: u64, from: Offset, now: Instant) {
        let found = self.terminals.iter_mut().find(|(_, it)| it.id == id);
        let Some(connection) = self.connections.get_mut(&token) else { return };
        connection.closing = true;
        let Some((of, terminal)) = found else {
            return connection.refuse(RefusalKind::NoSuchTerminal, format!("no terminal {id} is held here"));
        };
        if term < terminal.term {
            let text = format!("attachment {term} of {id} is older than its owner's, {}", terminal.term);
            return connection.refuse(RefusalKind::Fenced, text);
        }
        if connection.terminal.is_some() {
            return connection.refuse(RefusalKind::BadOrder, "this connection serves a terminal already");
        }
        let Some(before) = terminal.attach(token, term, from) else {
            return connection.refuse(RefusalKind::BadOrder, format!("{from} is beyond the end of {id}"));
        };
        connection.closing = false;
        connection.terminal = Some(*of);
        connection.send(&Event::Attached(terminal.state()));
        self.touched.insert(*of);
        if let Some(former) = before.and_then(|it| self.connections.get_mut(&it)) {
            former.terminal = None;
            former.refuse(RefusalKind::Fenced, format!("attachment {term} of {id} has taken over"));
            former.closing = true;
            if former.flush().is_err() || former.is_flushed() {
                before.into_iter().for_each(|it| self.close(it, now));
            }
        }
    }

    fn release(&mut self, token: u64, keep_files: bool) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let Some(terminal) = connection.terminal.take().and_then(|it| self.terminals.remove(&it)) else {
            return connection.refuse(RefusalKind::BadOrder, "no terminal is attached to this connection");
        };
        terminal.hang_up();
        if !terminal.watched.is_empty() {
            epoll::delete(&self.epoll, &terminal.pty.master).ok();
        }
        let removed =
            if keep_files { Ok(()) } else { std::fs::remove_dir_all(self.state.session(&terminal.id)) };
        match removed {
            Ok(()) => connection.send(&Event::Done),
            Err(error) => {
                connection.refuse(RefusalKind::Failed, format!("cannot delete its output: {error}"))
            }
        }
        connection.closing = true;
    }

    fn stop(&mut self, token: u64, force: bool) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        if !self.terminals.is_empty() && !force {
            let text = format!("{} terminals are open; release them or force it", self.terminals.len());
            return connection.refuse(RefusalKind::Busy, text);
        }
        connection.send(&Event::Done);
        self.terminals.values().for_each(Terminal::hang_up);
        self.terminals.clear();
        for connection in self.connections.values_mut() {
            connection.terminal = None;
            connection.closing = true;
            drop(connection.flush());
        }
        self.connections.clear();
        self.stopping = true;
    }
}

fn is_name(id: &str) -> bool {
    let allowed = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
    (1..=64).contains(&id.len()) && id.bytes().all(allowed)
}
