//! A secret that a program prints: `op read …`, `pass show …`, `secret-tool lookup …`. It runs within a time limit, in an
//! environment of our making, without a terminal, and all that it started ends with it.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use super::{Secret, one_line};

/// No secret is longer.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Of its complaints only the first are kept.
const COMPLAINT_BYTES_MAX: usize = 4 << 10;
/// A program that has closed its output is looked at this often until it has ended.
const GLANCE: Duration = Duration::from_millis(5);

/// A program whose first line is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teller {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Where it runs.
    pub directory: PathBuf,
    /// How long it may take.
    pub limit: Duration,
}

/// Why a program told no secret. None of it repeats what it printed, but for [`NoLine::Failed`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLine {
    /// It could not be started.
    #[error("{program} cannot be started: {why}")]
    NotStarted {
        /// Its name.
        program: String,
        /// What the system said.
        why: String,
    },
    /// It took too long.
    #[error("{program} did not end within {} s and was ended", limit.as_secs_f32())]
    Hangs {
        /// Its name.
        program: String,
        /// The limit.
        limit: Duration,
    },
    /// It said that it failed.
    #[error("{program} failed: {how}")]
    Failed {
        /// Its name.
        program: String,
        /// Its exit code or signal.
        how: String,
        /// What it complained of, as one line. It may hold anything: it is for people.
        complaint: String,
    },
    /// It printed nothing.
    #[error("{program} printed nothing in its first line")]
    Nothing {
        /// Its name.
        program: String,
    },
    /// The first line is too long.
    #[error("{program} printed more than 64 KiB in its first line")]
    TooLong {
        /// Its name.
        program: String,
    },
    /// It is no text.
    #[error("what {program} printed is not UTF-8")]
    NotText {
        /// Its name.
        program: String,
    },
}

/// What a program has printed so far.
struct Heard {
    line: Zeroizing<Vec<u8>>,
    is_whole: bool,
    complaint: Vec<u8>,
}

impl Secret {
    /// Runs a program, and takes its first line. Waits for it: not for a thread that others wait for.
    ///
    /// # Errors
    ///
    /// Says why there is none.
    pub fn of_program(teller: &Teller) -> Result<Self, NoLine> {
        let program = teller.argv.first().cloned().unwrap_or_default();
        let not_started = |why: String| NoLine::NotStarted { program: program.clone(), why };
        let mut child = spawn(teller).map_err(|error| not_started(error.to_string()))?;
        let end = Instant::now() + teller.limit;
        let heard = hear(&mut child, end);
        let ended = heard.as_ref().ok().and_then(|_| wait(&mut child, end));
        // What it left behind goes with it.
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            kill_process_group(group, Signal::KILL).ok();
        }
        drop(child.wait());
        let heard = match heard {
            Ok(heard) => heard,
            Err(Stop::TooLong) => return Err(NoLine::TooLong { program }),
            Err(Stop::Late) => return Err(NoLine::Hangs { program, limit: teller.limit }),
            Err(Stop::Broken(error)) => return Err(not_started(error.to_string())),
        };
        let Some(status) = ended else { return Err(NoLine::Hangs { program, limit: teller.limit }) };
        if !status.success() {
            let complaint = one_line(&String::from_utf8_lossy(&heard.complaint));
            return Err(NoLine::Failed { program, how: status.to_string(), complaint });
        }
        let text = std::str::from_utf8(&heard.line);
        match text.map(|it| it.trim_end_matches('\r')) {
            Ok("") => Err(NoLine::Nothing { program }),
            Ok(secret) => Ok(Self::new(secret.to_owned())),
            Err(_) => Err(NoLine::NotText { program }),
        }
    }
}

/// Why nothing more is heard.
enum Stop {
    TooLong,
    Late,
    Broken(io::Error),
}

fn spawn(teller: &Teller) -> io::Result<Child> {
    let (program, arguments) =
        teller.argv.split_first().ok_or_else(|| io::Error::other("no program is named"))?;
    Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(teller.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&teller.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// Reads until both outputs are closed.
fn hear(child: &mut Child, end: Instant) -> Result<Heard, Stop> {
    // Of its full size from the start: growing leaves copies.
    let line = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX + 1));
    let mut heard = Heard { line, is_whole: false, complaint: Vec::new() };
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let mut buffer = Zeroizing::new([0; 4096]);
    while out.is_some() || err.is_some() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Stop::Late);
        }
        let (has_out, has_err) = ready(out.as_ref(), err.as_ref(), left).map_err(Stop::Broken)?;
        if has_out && let Some(pipe) = out.as_mut() {
            match pipe.read(&mut *buffer) {
                Ok(0) => out = None,
                Ok(count) => heard.take(&buffer[..count])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Stop::Broken(error)),
            }
        }
        if has_err && let Some(pipe) = err.as_mut() {
            match pipe.read(&mut *buffer) {
                Ok(0) => err = None,
                Ok(count) => {
                    let room = COMPLAINT_BYTES_MAX - heard.complaint.len();
                    heard.complaint.extend_from_slice(&buffer[..count.min(room)]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Stop::Broken(error)),
            }
        }
    }
    Ok(heard)
}

/// Waits until one of them can be read, and says which.
fn ready(
    out: Option<&std::process::ChildStdout>,
    err: Option<&std::process::ChildStderr>,
    left: Duration,
) -> io::Result<(bool, bool)> {
    let patience = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
    let out = out.map(|it| PollFd::new(it, PollFlags::IN));
    let has_out = usize::from(out.is_some());
    let err = err.map(|it| PollFd::new(it, PollFlags::IN));
    let has_err = err.is_some();
    let mut wanted: Vec<PollFd<'_>> = out.into_iter().chain(err).collect();
    match poll(&mut wanted, Some(&patience)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let is_ready = |at: usize| wanted.get(at).is_some_and(|it| !it.revents().is_empty());
    Ok((has_out == 1 && is_ready(0), has_err && is_ready(has_out)))
}

/// Waits for its end.
fn wait(child: &mut Child, end: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < end => std::thread::sleep(GLANCE),
            Ok(None) | Err(_) => return None,
        }
    }
}

impl Heard {
    /// Takes what belongs to the first line; the rest is read and dropped.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if self.is_whole {
            return Ok(());
        }
        let end = bytes.iter().position(|it| *it == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        if self.line.len() + part.len() > LINE_BYTES_MAX {
            return Err(Stop::TooLong);
        }
        self.line.extend_from_slice(part);
        self.is_whole = end.is_some();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(script: &str, limit: Duration) -> Result<String, NoLine> {
        let teller = Teller {
            argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into()), ("WORD".into(), "sesame".into())],
            directory: "/".into(),
            limit,
        };
        Secret::of_program(&teller).map(|it| it.reveal().to_owned())
    }

    fn soon(script: &str) -> Result<String, NoLine> {
        told(script, Duration::from_secs(20))
    }

    #[test]
    fn the_first_line_is_the_secret_and_nothing_else_of_ours_is_there() {
        assert_eq!(soon("printf '%s two \\r\\nmore\\n' $WORD; echo aside >&2").unwrap(), "sesame two ");
        assert_eq!(soon("printf bare").unwrap(), "bare");
        assert_eq!(soon("env | grep -c -v -e PATH -e WORD -e PWD -e SHLVL -e ^_=; true").unwrap(), "0");
        assert_eq!(soon("echo first; head -c 1000000 /dev/zero").unwrap(), "first");
    }

    #[test]
    fn each_way_to_tell_none_has_its_words_and_repeats_nothing() {
        let why = |script: &str| soon(script).unwrap_err();
        assert!(matches!(why("true"), NoLine::Nothing { .. }));
        assert!(matches!(why("echo; echo canary"), NoLine::Nothing { .. }));
        assert!(matches!(why("head -c 1000000 /dev/zero | tr '\\0' x"), NoLine::TooLong { .. }));
        assert!(matches!(why("printf '\\377\\n'"), NoLine::NotText { .. }));
        let failed = why("echo canary; echo no such item >&2; exit 3");
        assert!(
            matches!(&failed, NoLine::Failed { complaint, .. } if complaint == "no such item"),
            "{failed:?}"
        );
        assert_eq!(failed.to_string(), "/bin/sh failed: exit status: 3");
        let missing = Teller {
            argv: vec!["/no/such".to_owned()],
            env: Vec::new(),
            directory: "/".into(),
            limit: GLANCE,
        };
        assert!(matches!(Secret::of_program(&missing), Err(NoLine::NotStarted { .. })));
    }

    #[test]
    fn what_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        for script in ["echo canary; sleep 1000", "exec >&- 2>&-; sleep 1000"] {
            let script = format!("(sleep 1000 & echo $! >{}); {script}", file.display());
            let start = Instant::now();
            let hung = told(&script, Duration::from_millis(500)).unwrap_err();
            assert!(matches!(hung, NoLine::Hangs { .. }), "{hung}");
            assert!(start.elapsed() < Duration::from_secs(10));
            let pid = std::fs::read_to_string(&file).unwrap();
            let stat = format!("/proc/{}/stat", pid.trim());
            let lives = || std::fs::read_to_string(&stat).is_ok_and(|it| !it.contains(") Z "));
            while lives() {
                assert!(start.elapsed() < Duration::from_secs(20));
                std::thread::sleep(GLANCE);
            }
        }
    }
}
