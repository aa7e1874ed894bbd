//! Reaching the daemon of an instance, and starting one where there is none: once, however many callers try.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cotty_core::refusal::Refusal;
use cotty_host::local::limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use crate::config;
use crate::instance::{Instance, SOCKET, storage};

/// Held by whoever starts a daemon, until it listens.
const STARTING: &str = "daemon.starting";

/// A daemon that does not listen after this long is called a failure. Its slowest step is reading the store.
const START_WAIT_MAX: Duration = Duration::from_secs(10);

/// What a starting daemon writes to its standard output, once: the only words it ever says there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Started {
    /// It listens.
    Ready,
    /// Its config is wrong.
    Config {
        /// Where and what.
        why: String,
        /// How to mend it.
        remedy: String,
    },
    /// Its environment lacks something.
    Environment {
        /// What.
        what: String,
        /// How to mend it.
        remedy: String,
    },
    /// Its state directory would not take it.
    Storage {
        /// The system's words.
        why: String,
    },
    /// Something else stopped it.
    Failed {
        /// What.
        why: String,
    },
}

/// Connects to the daemon of an instance, and starts it first where nothing listens.
///
/// A stale socket is no daemon: the new one replaces it. Of two callers that race, one starts and both connect.
pub fn reach(instance: &Instance) -> Result<UnixStream, Refusal> {
    if let Some(stream) = connect(instance)? {
        reads_what_is_named(instance)?;
        return Ok(stream);
    }
    let _starting = instance.state.lock(STARTING).map_err(|error| storage(&error))?;
    if let Some(stream) = connect(instance)? {
        return Ok(stream);
    }
    start(instance)?;
    connect(instance)?
        .ok_or_else(|| Refusal::Internal { what: "the daemon said it listens, and does not".to_owned() })
}

/// The names of the variables that a caller says to the daemon, and what is wrong with the config where it cannot be used:
/// a daemon that runs goes on with what it said before, and so does whoever calls it.
///
/// # Errors
///
/// Says what is wrong where no daemon runs.
pub fn variables(instance: &Instance) -> Result<(Vec<String>, Option<Refusal>), Refusal> {
    match config::read(&instance.config) {
        Ok(config) => Ok((config.variables(), None)),
        Err(refusal) => match (connect(instance)?, instance.card()) {
            (Some(_), Some(card)) => Ok((card.variables, Some(refusal))),
            _ => Err(refusal),
        },
    }
}

/// A config that a flag names is the one that the daemon reads, or nothing is done.
fn reads_what_is_named(instance: &Instance) -> Result<(), Refusal> {
    let Some(card) = instance.card().filter(|it| instance.is_config_named && it.config != instance.config)
    else {
        return Ok(());
    };
    let (pid, reads, named) = (card.pid, card.config.display(), instance.config.display());
    Err(Refusal::Config {
        why: format!("the daemon that runs (pid {pid}) reads {reads}, not {named}"),
        remedy: format!("cotty restart --config {named} has it read that; or leave --config out"),
    })
}

/// Connects to the daemon of an instance if there is one.
pub fn connect(instance: &Instance) -> Result<Option<UnixStream>, Refusal> {
    match instance.state.connect(SOCKET) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Err(error) => Err(Refusal::Storage {
            why: format!("cannot connect to {}: {error}", instance.state.file(SOCKET).display()),
        }),
    }
}

impl From<Refusal> for Started {
    fn from(refusal: Refusal) -> Self {
        if let Refusal::Config { why, remedy } = refusal {
            Self::Config { why, remedy }
        } else if let Refusal::EnvironmentMissing { what, remedy } = refusal {
            Self::Environment { what, remedy }
        } else if let Refusal::Storage { why } = refusal {
            Self::Storage { why }
        } else {
            Self::Failed { why: refusal.to_string() }
        }
    }
}

impl Started {
    fn into_result(self) -> Result<(), Refusal> {
        Err(match self {
            Self::Ready => return Ok(()),
            Self::Config { why, remedy } => Refusal::Config { why, remedy },
            Self::Environment { what, remedy } => Refusal::EnvironmentMissing { what, remedy },
            Self::Storage { why } => Refusal::Storage { why },
            Self::Failed { why } => Refusal::Internal { what: format!("the daemon did not start: {why}") },
        })
    }
}

fn start(instance: &Instance) -> Result<(), Refusal> {
    let failed = |what: &str, error: io::Error| Refusal::Internal { what: format!("{what}: {error}") };
    let mut first = first_stage(instance).map_err(|error| failed("cannot start the daemon", error))?;
    let said = listen_to(&mut first).map_err(|error| failed("the daemon could not be heard", error))?;
    // The first stage ends as soon as it has started the second: nothing is waited for here, and no zombie is left.
    first.wait().map_err(|error| failed("the daemon's first stage was lost", error))?;
    match serde_json::from_slice::<Started>(&said) {
        Ok(started) => started.into_result(),
        Err(_) => Err(Refusal::Internal {
            what: format!(
                "the daemon ended or kept silent for {} s while it started; its log is {}",
                START_WAIT_MAX.as_secs(),
                instance.state.file("daemon.log").display()
            ),
        }),
    }
}

fn first_stage(instance: &Instance) -> io::Result<Child> {
    // The path outlives an upgrade better than the link does, and reads better in `ps`; the link is right when the
    // file was replaced under us.
    let path = std::env::current_exe().ok().filter(|it| it.exists());
    let mut command = Command::new(path.unwrap_or_else(|| "/proc/self/exe".into()));
    limits::start_as_we_were(&mut command)
        .args(instance.flags().arguments())
        .arg("daemon")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

fn listen_to(daemon: &mut Child) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    let Some(mut words) = daemon.stdout.take() else { return Ok(said) };
    let end = Instant::now() + START_WAIT_MAX;
    let mut buffer = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let patience = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&words.as_fd(), PollFlags::IN)], Some(&patience)) {
            Ok(0) => return Ok(said),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        match words.read(&mut buffer)? {
            0 => return Ok(said),
            count => said.extend_from_slice(&buffer[..count]),
        }
    }
}
