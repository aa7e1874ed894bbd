//! What an MCP client starts: it answers the handshake and the lists by itself, and is a pipe to the daemon after.
//!
//! Plain blocking calls and one `poll`, so that nothing is loaded that the first answer does not need. It holds no
//! session: when it dies nothing is lost, and when the daemon dies it starts another within the same call.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, getppid, pidfd_open};

mod answers;
mod calls;
mod door;
mod lines;
mod options;
mod pipe;
mod reply;

use answers::{Act, Client};
use calls::Calls;
use lines::{Line, Lines};
use options::Options;
use pipe::{Pipe, Seen};

/// How long replies are waited for after the client has closed our input: it wants us gone within 0.4 s.
const LINGER: Duration = Duration::from_millis(250);
/// How often the parent is looked at where the kernel cannot tell of its end.
const PARENT_LOOK: Duration = Duration::from_millis(250);
/// Read from the client at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// The client's input is not read while more than this waits for the daemon.
const WAITING_BYTES_MAX: usize = 1024 * 1024;

/// Serves one MCP client on standard input and output until it ends the connection.
///
/// `arguments` are those after `mcp`.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let options = match options::read(arguments, |name| env::var(name).ok()) {
        Ok(options) => options,
        Err(why) => {
            // Before the first message nobody listens on standard output for words.
            drop(writeln!(io::stderr(), "cotty mcp: {why}"));
            return ExitCode::from(2);
        }
    };
    match Shim::new(options).serve() {
        Ok(()) => ExitCode::SUCCESS,
        // The client no longer reads: there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

struct Shim {
    client: Client,
    calls: Calls,
    pipe: Pipe,
    lines: Lines,
    parent: Parent,
    /// The client has closed our input; at this moment we end.
    until: Option<Instant>,
}

impl Shim {
    fn new(options: Options) -> Self {
        let Options { flags, chosen } = options;
        Self {
            client: Client::new(chosen),
            calls: Calls::default(),
            pipe: Pipe::new(flags),
            lines: Lines::default(),
            parent: Parent::watch(),
            until: None,
        }
    }

    fn serve(mut self) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK_BYTES];
        while !self.is_over() {
            let ready = self.wait()?;
            if ready.parent {
                return Ok(());
            }
            if ready.client {
                match rustix::io::read(io::stdin(), &mut buffer) {
                    Ok(0) => self.close_input()?,
                    Ok(count) => self.take(&buffer[..count])?,
                    Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            self.serve_pipe()?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|it| self.calls.is_empty() || Instant::now() >= it)
    }

    /// Waits until the client, the daemon or the parent has something for us.
    fn wait(&self) -> io::Result<Ready> {
        let input = io::stdin();
        let reads = self.until.is_none() && self.pipe.waiting_bytes() < WAITING_BYTES_MAX;
        let mut watched = Vec::with_capacity(3);
        if reads {
            watched.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN));
        }
        if let Some((descriptor, flags)) = self.pipe.watched() {
            watched.push(PollFd::from_borrowed_fd(descriptor, flags));
        }
        if let Some(descriptor) = self.parent.descriptor() {
            watched.push(PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
        }
        let patience = self.patience();
        let patience = patience
            .map(|it| Timespec { tv_sec: it.as_secs().cast_signed(), tv_nsec: it.subsec_nanos().into() });
        match poll(&mut watched, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let client = reads && watched.first().is_some_and(|it| !it.revents().is_empty());
        Ok(Ready { client, parent: self.parent.is_gone() })
    }

    fn patience(&self) -> Option<Duration> {
        let left = self.until.map(|it| it.saturating_duration_since(Instant::now()));
        let look = self.parent.descriptor().is_none().then_some(PARENT_LOOK);
        left.into_iter().chain(look).min()
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lines.push(bytes);
        while let Some(line) = self.lines.next() {
            self.obey(line)?;
        }
        Ok(())
    }

    fn close_input(&mut self) -> io::Result<()> {
        self.until = Some(Instant::now() + LINGER);
        match self.lines.rest() {
            Some(line) => self.obey(line),
            None => Ok(()),
        }
    }

    fn obey(&mut self, line: Line) -> io::Result<()> {
        match self.client.hear(line) {
            Act::Nothing => Ok(()),
            Act::Reply(reply) => write_line(reply.as_bytes()),
            Act::Call(call) => {
                let line = self.calls.open(call);
                self.pipe.send_if_up(&line);
                Ok(())
            }
            Act::Answer(line) => {
                self.pipe.send_if_up(&line);
                Ok(())
            }
            Act::Cancel(id, line) => {
                if self.calls.close(&id) {
                    self.pipe.send_if_up(&line);
                }
                Ok(())
            }
        }
    }

    fn serve_pipe(&mut self) -> io::Result<()> {
        let seen = self.pipe.serve();
        // What the daemon said before it ended counts.
        while let Some(line) = self.pipe.next_line() {
            if self.calls.admit(&line) {
                write_line(&line)?;
            }
        }
        let replies = match seen {
            Seen::Nothing | Seen::Lines => Vec::new(),
            Seen::Up => {
                self.client.replay().for_each(|line| self.pipe.send_if_up(line));
                self.calls.lines().for_each(|line| self.pipe.send_if_up(&line));
                Vec::new()
            }
            Seen::Broken => self.calls.count_break(),
            Seen::Refused(words) => self.calls.refuse(&words),
        };
        for reply in replies {
            write_line(reply.as_bytes())?;
        }
        if !self.calls.is_empty() {
            self.pipe.reach_if_down(&self.client);
        }
        Ok(())
    }
}

struct Ready {
    client: bool,
    parent: bool,
}

/// Whoever started us. When it is gone nobody reads what we write.
struct Parent {
    pid: Option<Pid>,
    /// Readable when it ends; `None` where the kernel has no such thing.
    end: Option<OwnedFd>,
}

impl Parent {
    fn watch() -> Self {
        let pid = getppid();
        // A process in another namespace has no number here, and cannot be watched.
        let end = pid.and_then(|it| pidfd_open(it, PidfdFlags::empty()).ok());
        Self { pid, end }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.end.as_ref().map(AsFd::as_fd)
    }

    fn is_gone(&self) -> bool {
        getppid() != self.pid
    }
}

fn write_line(line: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(line)?;
    output.write_all(b"\n")?;
    output.flush()
}

/// Returns where the caller stands, as the hello tells it.
fn cwd() -> Option<String> {
    env::current_dir().ok()?.into_os_string().into_string().ok()
}
