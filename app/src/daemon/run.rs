//! The daemon itself: a clean start, the sessions, the socket, and an orderly end.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cotty_core::refusal::Refusal;
use cotty_engine::hosts::engines::Driving;
use cotty_engine::hosts::{HostsSettings, Look, OpenSsh};
use cotty_engine::hub::Hub;
use cotty_engine::settings::{HubSettings, SessionDefaults};
use cotty_host::holder::client::HolderProgram;
use cotty_host::local::account::Account;
use cotty_host::local::{lean, limits};
use cotty_host::native::settings::Limits;
use cotty_host::native::swept;
use cotty_host::state_dir::Lock;
use cotty_web::door::{Door, Listen};
use cotty_web::house::House;
use cotty_web::logins::Logins;
use cotty_web::served::Served;
use cotty_web::server;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::askpass;
use crate::config::environment::{self, Surroundings};
use crate::config::{self, Config, Timeouts};
use crate::daemon::house::{Family, own_card};
use crate::daemon::reach::Started;
use crate::daemon::reload;
use crate::daemon::{log, projects};
use crate::instance::{CARD, Instance, SOCKET, storage};

/// The argument of the second stage.
pub const SERVING: &str = "--serving";

/// Held by the daemon of an instance for as long as it lives.
const LIVING: &str = "daemon.living";

/// The daemon before us has this long to end.
const PREDECESSOR_WAIT_MAX: Duration = Duration::from_secs(8);

/// Requests that are under way at the end have this long.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// Without sessions and viewers it ends itself after this long.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// When no agent was answered for this long, what only its calls needed is given back.
const REST: Duration = Duration::from_secs(2);

/// Deep enough for every parser below us.
const STACK_BYTES: usize = 4 * 1024 * 1024;

/// Starts the daemon proper with a clean environment and ends.
///
/// `/proc/PID/environ` shows the first block of a process for ever, so what the caller's environment holds must never
/// have been ours; and whoever started us is left without a child to wait for.
///
/// What is wrong with the variables that name a host is said here: what might be a secret goes no further.
pub fn start_over(instance: &Instance) -> io::Result<()> {
    let surroundings = match checked(instance) {
        Ok(surroundings) => surroundings,
        Err(refusal) => {
            tell(&Started::from(refusal));
            return Ok(());
        }
    };
    let path = std::env::current_exe()?;
    Command::new(if path.exists() { path } else { "/proc/self/exe".into() })
        .args(instance.flags().arguments())
        .args(["daemon", SERVING])
        .env_clear()
        .envs(clean_environment())
        .current_dir("/")
        .stdin(surroundings.handed_over()?)
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

/// Becomes the daemon, with a clean environment, in the process that a person or a container started.
///
/// # Errors
/// Says what is wrong with the config or the environment, or why it could not be started. It does not return otherwise.
pub fn serve_over(instance: &Instance, arguments: &[OsString]) -> Result<Infallible, Refusal> {
    let surroundings = checked(instance)?;
    let failed = |error: io::Error| Refusal::Internal { what: format!("the daemon did not start: {error}") };
    let path = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(if path.exists() { path } else { "/proc/self/exe".into() });
    command.args(instance.flags().arguments()).args(["serve", SERVING]).args(arguments);
    command.env_clear().envs(clean_environment()).current_dir("/");
    command.stdin(surroundings.handed_over().map_err(failed)?);
    Err(failed(std::os::unix::process::CommandExt::exec(&mut command)))
}

/// Looks whether the config and what the environment says of hosts are right, and returns the latter.
fn checked(instance: &Instance) -> Result<Surroundings, Refusal> {
    let surroundings = Surroundings::collect(instance.env_file.as_deref())?;
    surroundings.add_to(&mut config::read(&instance.config)?)?;
    Ok(surroundings)
}

/// How a daemon in the foreground differs.
pub struct Foreground {
    /// Where it listens, instead of what the config says.
    pub listen: Option<Listen>,
    /// Says that it serves, and at which address and under which name.
    pub announce: fn(Option<(String, String)>),
}

/// Runs the daemon until it has a reason to end.
pub fn run(instance: &Instance) -> ExitCode {
    match serve(instance, None) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            tracing::error!(%refusal, "the daemon stopped");
            tell(&Started::from(refusal));
            ExitCode::FAILURE
        }
    }
}

/// Runs the daemon, in the foreground where it is said how.
///
/// # Errors
/// Says why it could not begin.
pub fn serve(instance: &Instance, foreground: Option<&Foreground>) -> Result<(), Refusal> {
    let (_living, config, look) = begin(instance, foreground)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Refusal::Internal { what: error.to_string() })?;
    runtime.block_on(live(instance, &config, look, foreground))
}

fn begin(instance: &Instance, foreground: Option<&Foreground>) -> Result<(Lock, Config, Look), Refusal> {
    if foreground.is_none() {
        // Only a leader of its group is refused, and that one has no terminal to lose either.
        rustix::process::setsid().ok();
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // Typed passwords pass through our memory: no copy of it is ever written.
    limits::leave_no_core();
    // Nor does another process of this account look into it, where the account is not root's.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok();
    log::begin(instance, foreground.is_some())?;
    let surroundings =
        Surroundings::taken_over().map_err(|error| Refusal::Internal { what: error.to_string() })?;
    let look = reload::look(instance.config.clone(), surroundings.clone());
    let mut config = config::read(&instance.config)?;
    surroundings.add_to(&mut config)?;
    if let Some(listen) = foreground.and_then(|it| it.listen) {
        config.listen = listen;
    }
    Ok((succeed(instance)?, config, look))
}

/// Waits until the daemon before us has ended.
fn succeed(instance: &Instance) -> Result<Lock, Refusal> {
    let end = Instant::now() + PREDECESSOR_WAIT_MAX;
    loop {
        if let Some(lock) = instance.state.try_lock(LIVING).map_err(|error| storage(&error))? {
            return Ok(lock);
        }
        if Instant::now() > end {
            let pid =
                instance.card().map_or_else(|| "unknown pid".to_owned(), |it| format!("pid {}", it.pid));
            return Err(Refusal::Internal { what: format!("another daemon ({pid}) does not end") });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

async fn live(
    instance: &Instance,
    config: &Config,
    look: Look,
    foreground: Option<&Foreground>,
) -> Result<(), Refusal> {
    let internal = |error: io::Error| Refusal::Internal { what: error.to_string() };
    // A daemon that was killed could not end the connections that programs held for it.
    swept::sweep(&instance.state).await;
    let hub = Hub::open(settings(instance, config, look)?).await?;
    let listener = instance.state.bind(SOCKET).map_err(|error| storage(&error))?;
    listener.set_nonblocking(true).map_err(internal)?;
    let listener = UnixListener::from_std(listener).map_err(internal)?;
    let card = own_card(instance, config);
    let json =
        serde_json::to_vec_pretty(&card).map_err(|error| Refusal::Internal { what: error.to_string() })?;
    instance.state.write(CARD, &json).map_err(|error| storage(&error))?;
    let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
    let ends = (tasks.clone(), stopping.clone());
    let (house, ending) = Family::new(instance.clone(), card, hub.clone(), config, ends);
    let logins = Arc::new(Logins::open(house.clone() as Arc<dyn House>));
    let (door, listeners) = Door::new(config.listen);
    let door = Arc::new(door);
    house.show_door(door.clone());
    let served = Served { hub, house, logins, counts: Arc::default(), door, tasks, stopping };
    drop(served.tasks.spawn(server::serve_tcp(listeners, served.clone())));
    let mut terminated = signal(SignalKind::terminate()).map_err(internal)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(internal)?;
    open_door(config.listen, &served, foreground).await?;
    match foreground {
        None => tell(&Started::Ready),
        Some(foreground) => {
            let address = served.door.address().map(|it| it.to_string());
            (foreground.announce)(address.zip(served.door.url()));
        }
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "listening");
    let serving = served.tasks.spawn(server::serve(listener, served.clone()));
    let reason = tokio::select! {
        _ = terminated.recv() => "SIGTERM",
        _ = interrupted.recv() => "SIGINT",
        () = ending.cancelled() => "asked to",
        () = idle(&served.hub), if foreground.is_none() => "idle",
        never = keep_lean(&served.hub) => match never {},
    };
    drop(serving);
    tracing::info!(reason, "ending");
    farewell(instance, &served).await;
    Ok(())
}

/// Binds the port where it is wanted from the start: by a person's choice, or because a page may be waiting.
async fn open_door(listen: Listen, served: &Served, foreground: Option<&Foreground>) -> Result<(), Refusal> {
    let wanted = match listen {
        Listen::Off => false,
        Listen::At(_) => true,
        Listen::Auto => foreground.is_some() || !served.logins.is_empty(),
    };
    if !wanted {
        return Ok(());
    }
    match served.door.open(&*served.house).await {
        Err(refusal) if foreground.is_none() => {
            // Sessions need no port. Whoever asks for a link is told the same.
            tracing::warn!(%refusal, "browsers cannot come in");
            Ok(())
        }
        opened => opened.map(drop),
    }
}

/// Ends in this order: nobody new, those who are there, the sessions' owners. The sessions live on with their holder.
async fn farewell(instance: &Instance, served: &Served) {
    for name in [SOCKET, CARD] {
        // What is left behind is stale, and known to be: nothing answers.
        drop(std::fs::remove_file(instance.state.file(name)));
    }
    served.stopping.cancel();
    served.tasks.close();
    if tokio::time::timeout(FAREWELL_MAX, served.tasks.wait()).await.is_err() {
        tracing::info!(left = served.tasks.len(), "requests were left unanswered");
    }
    served.hub.shut_down().await;
}

/// Holds little memory while nobody asks for anything.
async fn keep_lean(hub: &Hub) -> Infallible {
    loop {
        hub.rest(REST).await;
        lean::give_back_code();
    }
}

/// Returns when nothing has lived for [`IDLE_MAX`].
async fn idle(hub: &Hub) {
    loop {
        let idle = hub.idle_since().map_or(Duration::ZERO, |it| it.elapsed());
        match IDLE_MAX.checked_sub(idle) {
            Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
            _ => return,
        }
    }
}

fn settings(instance: &Instance, config: &Config, look: Look) -> Result<HubSettings, Refusal> {
    let executable =
        std::env::current_exe().map_err(|error| Refusal::Internal { what: error.to_string() })?;
    let session = &config.session;
    Ok(HubSettings {
        state_dir: instance.state.clone(),
        holder: HolderProgram {
            executable: if executable.exists() { executable } else { "/proc/self/exe".into() },
            arguments: vec!["hold".into(), instance.state.path().into()],
            environment: clean_environment(),
        },
        defaults: SessionDefaults {
            default_target: config.default.clone(),
            shell: session.shell.clone(),
            term: session.term.clone(),
            cols: session.cols,
            rows: session.rows,
            idle_timeout: session.idle_timeout,
            park_drafts: session.park_drafts,
            label: session.label.clone(),
            startup: session.startup.clone(),
            quota_bytes: config.limits.quota_bytes,
            sessions_max: config.limits.sessions_max,
        },
        hosts: hosts(instance, config),
        look,
        workspaces: projects::workspaces(instance.state.clone()),
    })
}

fn hosts(instance: &Instance, config: &Config) -> HostsSettings {
    // A number without a name, as in some containers, has no files of ssh's either.
    let account = Account::of_this_user().ok();
    let home = account.as_ref().map_or_else(|| "/".into(), |it| it.home.clone());
    let user = account.as_ref().map(|it| it.name.clone());
    let ssh_config = config.ssh_config.clone();
    // Tests have no account of their own: neither its home nor its configuration of ssh is theirs.
    #[cfg(debug_assertions)]
    let (home, ssh_config) = match std::env::var_os("COTTY_ACCOUNT_HOME").map(std::path::PathBuf::from) {
        Some(home) => {
            let own = Some(home.join(".ssh/config")).filter(|it| it.is_file());
            (home, ssh_config.or(own).or_else(|| Some("/dev/null".into())))
        }
        None => (home, ssh_config),
    };
    let program = config
        .ssh_program
        .as_ref()
        .map(|it| it.strip_prefix("~").map_or_else(|_| it.clone(), |rest| home.join(rest)));
    let Timeouts { connect, handshake, authentication } = config.timeouts;
    let ssh = OpenSsh {
        program: program.or_else(|| OpenSsh::found(&config.ssh_path, "ssh")),
        shell: account.map_or_else(|| "/bin/sh".into(), |it| it.shell),
        path: config.ssh_path.clone(),
        ..OpenSsh::of(&home, user.as_deref().unwrap_or_default(), ssh_config)
    };
    HostsSettings {
        ssh,
        user,
        limits: Limits { connect, handshake, authentication, ..Limits::default() },
        devices: config.devices.clone(),
        targets: config.targets,
        engine: config.engine,
        driving: askpass::program().map(|askpass| Driving { state: instance.state.clone(), askpass }),
        wrong: None,
        idle_max: None,
        notes: Vec::new(),
    }
}

fn clean_environment() -> Vec<(OsString, OsString)> {
    let is_ours = |name: &OsString| {
        let name = name.to_string_lossy();
        matches!(&*name, "HOME" | "PATH" | "LANG")
            || (name.starts_with("COTTY_")
                && !name.starts_with(environment::DEVICE)
                && !may_be_a_secret(&name))
    };
    std::env::vars_os().filter(|(name, _)| is_ours(name)).collect()
}

/// What is called so may hold a secret, whether or not we read it; a variable that names a file does not.
fn may_be_a_secret(name: &str) -> bool {
    let words = ["PASSWORD", "PASSPHRASE", "SECRET", "TOKEN"];
    words.iter().any(|it| name.contains(it)) && !name.ends_with("_FILE")
}

/// Says the one word that the starter waits for, and closes the pipe: from here on nothing is said there.
fn tell(started: &Started) {
    let word = serde_json::to_vec(started).unwrap_or_default();
    // The starter may have given up; we serve whoever comes all the same.
    drop(io::stdout().write_all(&word).and_then(|()| io::stdout().flush()));
    if let Ok(nothing) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        rustix::stdio::dup2_stdout(nothing).ok();
    }
}
