//! `cotty hold`: one single-threaded loop that owns all terminals of an instance.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal as NixSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::process::WaitOptions;

use crate::holder::connection::Connection;
use crate::holder::facts::{Eyes, pid_number};
use crate::holder::frame::RefusalKind;
use crate::holder::socket_name;
use crate::holder::terminal::{Depth, Terminal};
use crate::local::limits;
use crate::state_dir::{StateDir, StateError};

/// How a holder behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// It ends after so long without a terminal and without a connection.
    pub linger: Duration,
    /// While no client is attached and the quota is full, a program waits so long since the detachment.
    pub detached_wait: Duration,
    /// A terminal whose shell has ended is forgotten after so long without a client. Its files stay.
    pub forget_after: Duration,
    /// Which files of the kernel it reads.
    pub eyes: Eyes,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            linger: Duration::from_secs(10),
            detached_wait: Duration::from_secs(60),
            forget_after: Duration::from_secs(24 * 60 * 60),
            eyes: Eyes::from_environment(),
        }
    }
}

/// Why a holder ended otherwise than by having nothing to do.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The system would not.
    #[error("the holder cannot go on: {0}; look at ulimit -n and the memory of this machine")]
    System(#[from] io::Error),
}

/// Holds the terminals of an instance until there is nothing left to hold. Returns at once if another holder does.
pub fn run(state: &StateDir, manners: Manners) -> Result<(), HoldError> {
    let name = socket_name();
    let Some(_held) = state.try_lock(&format!("{name}.held"))? else { return Ok(()) };
    let children = become_holder()?;
    let listener = state.bind(&name)?;
    listener.set_nonblocking(true)?;
    let mut server = Server::new(state, manners, listener, children)?;
    let ended = server.serve();
    // Whoever connects from here on finds no socket and starts another holder, which waits for our lock to be free.
    drop(std::fs::remove_file(state.file(&name)));
    Ok(ended?)
}

const LISTENER: u64 = 0;
const CHILDREN: u64 = 1;

/// How many orders of one connection are carried out in a turn: a flood of them delays nobody else.
const ORDERS_A_TURN: usize = 16;

/// How many connections there may be; each is one of our own daemons'.
const CONNECTIONS_MAX: usize = 4096;

mod orders;

struct Server<'state> {
    state: &'state StateDir,
    manners: Manners,
    epoll: OwnedFd,
    listener: UnixListener,
    children: SignalFd,
    connections: BTreeMap<u64, Connection>,
    terminals: BTreeMap<u64, Terminal>,
    token: u64,
    // Terminals that something happened to in this turn; and what has something left to do from the last: connections
    // orders, terminals whose shell has ended a rest of output.
    touched: BTreeSet<u64>,
    hungry: BTreeSet<u64>,
    idle_since: Option<Instant>,
    stopping: bool,
}

/// An own session, the parent of orphans, and one descriptor that tells of dead children.
pub(super) fn become_holder() -> io::Result<SignalFd> {
    // Fails where we lead a session already, which is what we want.
    rustix::process::setsid().ok();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    limits::raise_descriptors();
    limits::leave_no_core();
    let mut blocked = SigSet::empty();
    // SIGXFSZ: a full quota is to be an error of the write, not our end. SIGHUP: nobody's terminal is ours.
    for signal in [NixSignal::SIGCHLD, NixSignal::SIGXFSZ, NixSignal::SIGPIPE, NixSignal::SIGHUP] {
        blocked.add(signal);
    }
    blocked.thread_block()?;
    let mut children = SigSet::empty();
    children.add(NixSignal::SIGCHLD);
    Ok(SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?)
}

impl<'state> Server<'state> {
    fn new(
        state: &'state StateDir,
        manners: Manners,
        listener: UnixListener,
        children: SignalFd,
    ) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        epoll::add(&epoll, &children, EventData::new_u64(CHILDREN), EventFlags::IN)?;
        Ok(Self {
            state,
            manners,
            epoll,
            listener,
            children,
            connections: BTreeMap::new(),
            terminals: BTreeMap::new(),
            token: CHILDREN,
            touched: BTreeSet::new(),
            hungry: BTreeSet::new(),
            idle_since: Some(Instant::now()),
            stopping: false,
        })
    }

    fn serve(&mut self) -> io::Result<()> {
        while !self.is_over() {
            let ready = self.wait()?;
            let now = Instant::now();
            // Clients before terminals: a key overtakes a flood of output.
            for (token, flags) in &ready {
                match *token {
                    LISTENER => self.accept(),
                    CHILDREN => self.reap(),
                    token => self.serve_connection(token, *flags, now),
                }
            }
            for token in std::mem::take(&mut self.hungry) {
                self.serve_connection(token, EventFlags::empty(), now);
                self.serve_terminal(token, EventFlags::empty(), now);
            }
            for (token, flags) in &ready {
                self.serve_terminal(*token, *flags, now);
            }
            self.serve_timeouts(now);
            for token in std::mem::take(&mut self.touched) {
                self.settle(token, now);
            }
        }
        Ok(())
    }

    fn is_over(&mut self) -> bool {
        if self.stopping {
            return self.connections.is_empty();
        }
        if !self.terminals.is_empty() || !self.connections.is_empty() {
            self.idle_since = None;
            return false;
        }
        let since = *self.idle_since.get_or_insert_with(Instant::now);
        since.elapsed() >= self.manners.linger
    }

    fn wait(&self) -> io::Result<Vec<(u64, EventFlags)>> {
        let mut events = Vec::with_capacity(64);
        let timeout = self.timeout().map(|it| Timespec {
            tv_sec: it.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: it.subsec_nanos().into(),
        });
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(events.iter().map(|it| (it.data.u64(), it.flags)).collect())
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.hungry.is_empty() {
            return Some(Duration::ZERO);
        }
        let over = self.idle_since.map(|since| since + self.manners.linger);
        let due = self.terminals.values().filter_map(|it| it.timeout(self.manners.detached_wait));
        let forgotten = self.terminals.values().filter_map(|it| it.forgotten(self.manners.forget_after));
        let held = self.connections.values().filter_map(Connection::timeout);
        let next = due.chain(forgotten).chain(held).chain(over).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.connections.len() >= CONNECTIONS_MAX || !is_of_our_user(&stream) {
                continue;
            }
            self.token += 1;
            if let Ok(connection) = Connection::new(stream) {
                self.connections.insert(self.token, connection);
                self.watch_connection(self.token);
            }
        }
    }

    fn reap(&mut self) {
        while let Ok(Some(_)) = self.children.read_signal() {}
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            for (token, terminal) in &mut self.terminals {
                if terminal.shell() == Some(pid_number(pid)) {
                    terminal.handle_exit(status);
                    self.touched.insert(*token);
                }
            }
        }
    }

    fn serve_connection(&mut self, token: u64, flags: EventFlags, now: Instant) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let open = !flags.contains(EventFlags::IN) || connection.receive();
        for _ in 0..ORDERS_A_TURN {
            let Some(connection) = self.connections.get_mut(&token) else { return };
            match connection.next_order() {
                Ok(Some(order)) => self.carry_out(token, order, now),
                Ok(None) => {
                    return self.after_orders(token, open && !flags.contains(EventFlags::ERR), now);
                }
                Err(error) => {
                    connection.refuse(RefusalKind::BadOrder, error);
                    connection.closing = true;
                }
            }
        }
        self.hungry.insert(token);
        self.after_orders(token, true, now);
    }

    fn after_orders(&mut self, token: u64, open: bool, now: Instant) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let terminal = connection.terminal.filter(|it| self.terminals.contains_key(it));
        self.touched.extend(terminal);
        if !open || (connection.terminal.is_none() && connection.flush().is_err()) {
            self.close(token, now);
        }
        if terminal.is_none() {
            self.watch_connection(token); // Else when its terminal is settled, in this very turn.
        }
    }

    fn serve_terminal(&mut self, token: u64, flags: EventFlags, now: Instant) {
        let Some(terminal) = self.terminals.get_mut(&token) else { return };
        let ready = flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR);
        if ready || terminal.is_ending(now, self.manners.detached_wait) {
            let client = terminal.attachment.as_ref().map(|it| it.connection);
            let connection = client.and_then(|it| self.connections.get_mut(&it));
            terminal.read_output(connection, Depth::Ready, now);
        }
        self.touched.insert(token);
    }

    fn serve_timeouts(&mut self, now: Instant) {
        // Nothing of such a one is watched: its shell is reaped and its terminal is read to the end.
        self.terminals.retain(|_, it| it.forgotten(self.manners.forget_after).is_none_or(|at| now < at));
        for (token, terminal) in &mut self.terminals {
            if terminal.timeout(self.manners.detached_wait).is_some_and(|at| at <= now) {
                terminal.handle_timeout(now);
                self.touched.insert(*token);
            }
        }
        for connection in self.connections.values_mut() {
            if connection.timeout().is_some_and(|at| at <= now) {
                connection.release();
                self.touched.extend(connection.terminal);
            }
        }
    }

    /// Writes, sends and watches what the events of this turn made possible for one terminal and its client.
    fn settle(&mut self, token: u64, now: Instant) {
        let Some(terminal) = self.terminals.get_mut(&token) else { return };
        let client = terminal.attachment.as_ref().map(|it| it.connection);
        let mut connection = client.and_then(|it| self.connections.get_mut(&it));
        terminal.write_input(connection.as_deref_mut(), now);
        let mut broken = false;
        if let Some(connection) = connection {
            broken = connection.flush().is_err();
            // What the socket took made room for more; what it did not take waits until it is writable.
            terminal.catch_up(connection);
            broken |= connection.flush().is_err();
        }
        if let (true, Some(client)) = (broken, client) {
            self.close(client, now);
        }
        client.into_iter().for_each(|it| self.watch_connection(it));
        self.watch_terminal(token, now);
        let ending = |it: &Terminal| it.is_ending(now, self.manners.detached_wait);
        if self.terminals.get(&token).is_some_and(ending) {
            self.hungry.insert(token);
        }
    }

    fn close(&mut self, token: u64, now: Instant) {
        let Some(connection) = self.connections.remove(&token) else { return };
        if !connection.watched.is_empty() {
            epoll::delete(&self.epoll, &connection).ok();
        }
        if let Some((of, terminal)) =
            connection.terminal.and_then(|of| Some((of, self.terminals.get_mut(&of)?)))
        {
            terminal.detach(token, now);
            self.watch_terminal(of, now);
        }
    }

    // A descriptor that is asked for nothing is not watched at all: epoll would report its hang-up for ever. One of a
    // client is the exception, for its hang-up is news.
    fn watch_connection(&mut self, token: u64) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        if connection.closing && connection.is_flushed() {
            return self.close(token, Instant::now());
        }
        let wanted = connection.wanted() | EventFlags::ERR;
        let before = std::mem::replace(&mut connection.watched, wanted);
        watch(&self.epoll, &*connection, token, before, wanted);
    }

    fn watch_terminal(&mut self, token: u64, now: Instant) {
        let Some(terminal) = self.terminals.get_mut(&token) else { return };
        let wanted = terminal.wanted(now, self.manners.detached_wait);
        let before = std::mem::replace(&mut terminal.watched, wanted);
        watch(&self.epoll, &terminal.pty.master, token, before, wanted);
    }
}

fn watch(epoll: &OwnedFd, source: impl AsFd, token: u64, before: EventFlags, wanted: EventFlags) {
    let data = EventData::new_u64(token);
    let done = match (before.is_empty(), wanted.is_empty()) {
        _ if before == wanted => Ok(()),
        (true, _) => epoll::add(epoll, source, data, wanted),
        (false, true) => epoll::delete(epoll, source),
        (false, false) => epoll::modify(epoll, source, data, wanted),
    };
    if let Err(error) = done {
        tracing::error!(%error, token, "a descriptor cannot be watched");
    }
}

fn is_of_our_user(stream: &UnixStream) -> bool {
    let peer = rustix::net::sockopt::socket_peercred(stream).map(|it| it.uid);
    peer.is_ok_and(|it| it == rustix::process::geteuid())
}
