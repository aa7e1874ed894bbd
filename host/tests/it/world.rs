//! What the stories stand on: a holder in a scratch directory, and a client that reads until something is there.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cotty_core::facts::Facts;
use cotty_core::names::{Epoch, Offset};
use cotty_host::holder::client::{Holder, HolderError, HolderProgram, Terminal};
use cotty_host::holder::frame::{Attached, Event, Exit, OpenTerminal, Order};
use cotty_host::local::pty::Spawn;
use cotty_host::state_dir::StateDir;

/// Nothing here takes so long, also on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The shells of the first story of each session.
pub(crate) const EPOCH: Epoch = Epoch(1);

/// A holder and its state directory; both go when it is dropped.
pub(crate) struct World {
    pub(crate) state: StateDir,
    pub(crate) holder: Holder,
    scratch: Option<tempfile::TempDir>,
}

/// How the holder of a world is started.
#[derive(Default)]
pub(crate) struct Start {
    pub(crate) linger_ms: Option<u64>,
    pub(crate) detached_wait_ms: Option<u64>,
    pub(crate) forget_after_ms: Option<u64>,
    pub(crate) without_syscall: bool,
    pub(crate) directory: Option<PathBuf>,
    /// A program to run it under, such as `prlimit`.
    pub(crate) under: Vec<OsString>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::start(Start::default())
    }

    pub(crate) fn start(start: Start) -> Self {
        let scratch = start.directory.is_none().then(|| tempfile::tempdir().unwrap());
        let path = start.directory.unwrap_or_else(|| scratch.as_ref().unwrap().path().join("state"));
        let state = StateDir::open(&path).unwrap();
        let linger = start.linger_ms.unwrap_or(10_000).to_string();
        let wait = start.detached_wait_ms.unwrap_or(60_000).to_string();
        let forget = start.forget_after_ms.unwrap_or(3_600_000).to_string();
        let mut command = start.under;
        command.extend([
            hold_program().into_os_string(),
            path.into(),
            linger.into(),
            wait.into(),
            forget.into(),
        ]);
        let mut environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
        if start.without_syscall {
            environment.push(("COTTY_TEST_NO_SYSCALL".into(), "1".into()));
        }
        let executable = PathBuf::from(command.remove(0));
        let program = HolderProgram { executable, arguments: command, environment };
        Self { holder: Holder::new(state.clone(), program), state, scratch }
    }

    /// Opens a session with a shell.
    pub(crate) async fn open(&self, id: &str, argv: &[&str]) -> Client {
        let (attached, terminal) = self.holder.open(open(id, argv)).await.unwrap();
        Client::new(attached, terminal, 0)
    }

    pub(crate) async fn attach(&self, id: &str, term: u64, byte: u64) -> Client {
        self.try_attach(id, term, byte).await.unwrap()
    }

    pub(crate) async fn try_attach(&self, id: &str, term: u64, byte: u64) -> Result<Client, HolderError> {
        let (attached, terminal) = self.holder.attach(id, term, Offset { epoch: EPOCH, byte }).await?;
        Ok(Client::new(attached, terminal, byte))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let holder = self.holder.clone();
        // Not in the runtime of the story: it is being torn down.
        let stop = std::thread::spawn(move || block_on(async move { drop(holder.stop(true).await) }));
        drop(stop.join());
        drop(self.scratch.take());
    }
}

/// A story runs on one thread with a clock that passes.
pub(crate) fn block_on<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(story)
}

pub(crate) fn open(id: &str, argv: &[&str]) -> OpenTerminal {
    OpenTerminal { id: id.into(), term: 1, epoch: EPOCH, quota_bytes: 64 << 20, spawn: spawn(argv) }
}

pub(crate) fn spawn(argv: &[&str]) -> Spawn {
    let env = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("TERM", "xterm"), ("PS1", "$ "), ("HOME", "/")];
    Spawn {
        argv: argv.iter().map(OsString::from).collect(),
        arg0: None,
        env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        cwd: "/".into(),
        cols: 80,
        rows: 24,
    }
}

pub(crate) const BASH: &[&str] = &["/bin/bash", "--norc", "--noprofile", "-i"];
pub(crate) const DASH: &[&str] = &["/bin/dash", "-i"];

/// A client that keeps all it read.
pub(crate) struct Client {
    pub(crate) attached: Attached,
    pub(crate) terminal: Terminal,
    pub(crate) seen: Vec<u8>,
    /// Where the next output begins.
    pub(crate) next_byte: u64,
    pub(crate) lost: Vec<(u64, u64)>,
    pub(crate) exit: Option<Exit>,
    pub(crate) acknowledges: bool,
    sequence: u64,
}

impl Client {
    pub(crate) fn new(attached: Attached, terminal: Terminal, next_byte: u64) -> Self {
        let sequence = attached.applied_sequence;
        let (seen, lost) = (Vec::new(), Vec::new());
        Self { attached, terminal, seen, next_byte, lost, exit: None, acknowledges: true, sequence }
    }

    pub(crate) async fn tell(&mut self, order: Order) {
        self.terminal.orders.push(order);
        self.terminal.orders.flush().await.unwrap();
    }

    /// Types text as the next input.
    pub(crate) async fn send(&mut self, text: &str) -> u64 {
        self.sequence += 1;
        self.tell(Order::Input { sequence: self.sequence, bytes: Bytes::copy_from_slice(text.as_bytes()) })
            .await;
        self.sequence
    }

    /// Returns the next event; output, losses and the exit are noted.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        let next = tokio::time::timeout(PATIENCE, self.terminal.events.next()).await;
        let event = next.unwrap_or_else(|_| panic!("nothing came; seen: {}", self.tail())).unwrap()?;
        match &event {
            Event::Output { offset, bytes } => {
                assert_eq!((offset.epoch, offset.byte), (EPOCH, self.next_byte), "output has a gap");
                self.next_byte += bytes.len() as u64;
                self.seen.extend_from_slice(bytes);
                if self.acknowledges {
                    // The holder may just have closed: what it said before is still to be read.
                    self.terminal.orders.push(Order::Acknowledge { byte: self.next_byte });
                    drop(self.terminal.orders.flush().await);
                }
            }
            Event::Lost { from, to } => {
                self.lost.push((from.byte, to.byte));
                self.next_byte = self.next_byte.max(to.byte);
            }
            Event::Exit(exit) => self.exit = Some(*exit),
            _ => {}
        }
        Some(event)
    }

    /// Reads until an event fits.
    pub(crate) async fn until<T>(&mut self, fits: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let event = self.event().await.unwrap_or_else(|| panic!("closed; seen: {}", self.tail()));
            if let Some(found) = fits(&event) {
                return found;
            }
        }
    }

    /// Reads until the output since the last such call holds this text, and returns that output.
    pub(crate) async fn expect(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen.windows(text.len()).position(|it| it == text.as_bytes()) {
                let rest = self.seen.split_off(at + text.len());
                return String::from_utf8_lossy(&std::mem::replace(&mut self.seen, rest)).into_owned();
            }
            assert!(self.event().await.is_some(), "closed before {text:?}; seen: {}", self.tail());
        }
    }

    /// Reads until the shell has ended.
    pub(crate) async fn ended(&mut self) -> Exit {
        self.until(|event| if let Event::Exit(exit) = event { Some(*exit) } else { None }).await
    }

    /// Asks for facts until they fit, and returns them.
    pub(crate) async fn facts(&mut self, what: &str, fits: impl Fn(&Facts) -> bool) -> Facts {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.tell(Order::Facts).await;
            let facts =
                self.until(|it| if let Event::Facts(facts) = it { Some((**facts).clone()) } else { None });
            let facts = facts.await;
            if fits(&facts) {
                return facts;
            }
            assert!(Instant::now() < deadline, "{what}: {facts:#?}; seen: {}", self.tail());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn tail(&self) -> String {
        String::from_utf8_lossy(&self.seen[self.seen.len().saturating_sub(2_000)..]).into_owned()
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Notes that a test could not be run here, and why.
pub(crate) fn not_run(test: &str, reason: &str) {
    eprintln!("not run: {test}: {reason}");
    if let Some(path) = std::env::var_os("COTTY_NOT_RUN") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut it| writeln!(it, "{test}: {reason}")).unwrap();
    }
}

pub(crate) fn hold_program() -> PathBuf {
    // This binary lies in target/PROFILE/deps, the example beside that.
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().parent().unwrap().join("examples/hold");
    assert!(path.exists(), "{} is not built: cargo build -p cotty-host --example hold", path.display());
    path
}
