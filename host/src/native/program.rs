//! A program as the way to a server (`ProxyCommand`): what it reads and prints is the connection, and it ends with it.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Join, join};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::native::secret::one_line;

/// Who hears what a program on the way complains of: a person who waits, and nobody else. It must not wait.
pub type Overheard = Arc<dyn Fn(&str) + Send + Sync>;

/// A program that is told to end has this long.
const GRACE: Duration = Duration::from_secs(1);

/// How it ended is known this soon after its output has, or never.
const STATUS_LIMIT: Duration = Duration::from_millis(500);

/// What it complains of is shown up to this line; the rest is read and dropped.
const LINES_MAX: usize = 100;

/// A line of it is cut there.
const LINE_BYTES_MAX: u64 = 4096;

/// What is started, and with what.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// The shell that reads the line.
    pub shell: PathBuf,
    /// The line, with nothing left to be put in.
    pub line: String,
    /// All of its environment.
    pub env: Vec<(OsString, OsString)>,
}

/// A program under way. With this it ends, and so does all that it started.
pub(super) struct Running {
    child: Option<Child>,
    overhearing: Option<JoinHandle<()>>,
}

/// What it reads and prints.
pub(super) type Pipes = Join<ChildStdout, ChildStdin>;

impl Program {
    /// Starts it, in a process group of its own. Every line of its complaints goes to `overheard`.
    pub(super) fn start(&self, overheard: Overheard) -> io::Result<(Running, Pipes)> {
        let mut command = Command::new(&self.shell);
        // As ssh has it: the shell makes room for the program.
        command.arg("-c").arg(format!("exec {}", self.line));
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.current_dir("/").process_group(0);
        let mut child = command.spawn()?;
        let pipes = child.stdout.take().zip(child.stdin.take());
        let (stdout, stdin) = pipes.ok_or_else(|| io::Error::other("it has no pipes"))?;
        let overhearing = child.stderr.take().map(|it| tokio::spawn(overhear(it, overheard)));
        Ok((Running { child: Some(child), overhearing }, join(stdout, stdin)))
    }
}

impl Running {
    /// Says how it ended, if it has just done so.
    pub(super) async fn ended(&mut self) -> Option<String> {
        let waited = timeout(STATUS_LIMIT, self.child.as_mut()?.wait()).await;
        let status = waited.ok()?.ok()?;
        // It is nobody's process any more: no signal goes there.
        self.child = None;
        if let Some(overhearing) = self.overhearing.take() {
            drop(timeout(STATUS_LIMIT, overhearing).await);
        }
        Some(end_words(status))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let group = child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw);
        // Nobody has fetched its status, so the number is still its own.
        let tell = move |signal| group.map(|it| kill_process_group(it, signal));
        tell(Signal::HUP);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tell(Signal::KILL);
            return;
        };
        runtime.spawn(async move {
            tokio::time::sleep(GRACE).await;
            tell(Signal::KILL);
            drop(child.wait().await);
        });
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Program").field("line", &self.line).finish_non_exhaustive()
    }
}

async fn overhear(stderr: ChildStderr, overheard: Overheard) {
    let mut reader = BufReader::new(stderr);
    for _ in 0..LINES_MAX {
        let mut line = Vec::new();
        match (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(1..) => overheard(&one_line(&String::from_utf8_lossy(&line))),
            Ok(0) | Err(_) => return,
        }
    }
    // It must not wait for us to read.
    drop(tokio::io::copy(&mut reader, &mut tokio::io::sink()).await);
}

fn end_words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(127), _) => "the ProxyCommand ended with 127: there is no such program in its PATH".to_owned(),
        (Some(code), _) => format!("the ProxyCommand ended with {code}"),
        (None, signal) => format!("the ProxyCommand was ended by signal {}", signal.unwrap_or_default()),
    }
}
