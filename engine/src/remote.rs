//! A session on another machine: what is planned of it, the way there, and what is said of that way.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cotty_core::dialect::Shell;
use cotty_core::names::Epoch;
use cotty_core::refusal::{HostRefusal, Refusal};
use cotty_host::holder::client::Terminal;
use cotty_host::native::error::Stage;
use cotty_host::native::pool::PoolError;
use cotty_host::native::pulse::Pulse;
use cotty_host::native::secret::Asker;
use cotty_host::native::shell::OpenShell;
use cotty_host::native::start::Start;
use cotty_host::state_dir::StateDir;

use crate::asking::Person;
use crate::attempt::Asks;
use crate::hosts::Resolved;
use crate::hosts::workspace::shorter;
use crate::opening::random_hex;
use crate::pools::{Lease, Outcome};
use crate::report::{Caller, Connect};
use crate::settings::SessionDefaults;
use crate::store::SessionRow;
use crate::texts;

/// A session on a host that nobody uses is closed after it, where nothing else is configured.
const IDLE_TIMEOUT: Duration = Duration::from_secs(12 * 3600);
/// Longer paths than any kernel takes.
const PATH_BYTES_MAX: usize = 4096;
/// What the daemon says of sessions whose connections ended with it.
pub(crate) const DAEMON_ENDED: &str = "the daemon ended, and its connections with it";

/// The way to a session's host, for as long as the session lives.
pub(crate) struct Way {
    pub(crate) lease: Arc<Lease>,
    /// Whether the connection still answers, once there is one.
    pub(crate) pulse: Option<Pulse>,
}

/// A terminal that is still to come.
pub(crate) type Coming = Pin<Box<dyn Future<Output = Result<(Terminal, Pulse), Refusal>> + Send>>;

/// Everything about a new session but its terminal.
pub(crate) struct Planned {
    pub(crate) row: SessionRow,
    pub(crate) open: OpenShell,
    pub(crate) startup: Option<String>,
}

/// Decides on shell, directory, environment and size of a new session on a host.
pub(crate) fn plan(
    caller: &Caller,
    order: &Connect,
    name: String,
    resolved: &Resolved,
    defaults: &SessionDefaults,
    epoch: Epoch,
    state_dir: &StateDir,
) -> Result<Planned, Refusal> {
    let id = random_hex(8)?;
    let own = &resolved.defaults;
    let mut start = start(order)?;
    if start.shell.is_none() {
        start.command = resolved.asked.command.clone();
    }
    let (cols, rows) = cotty_core::screen::clamp(
        order.cols.or(own.cols).unwrap_or(defaults.cols),
        order.rows.or(own.rows).unwrap_or(defaults.rows),
    );
    let open = OpenShell {
        directory: state_dir.session(&id),
        epoch,
        quota_bytes: defaults.quota_bytes,
        term: own.term.clone().unwrap_or_else(|| defaults.term.clone()),
        cols,
        rows,
        start,
        asked_env: resolved.asked.env.clone(),
    };
    let row = SessionRow {
        id,
        name,
        target: resolved.typed.clone(),
        identity: Some(resolved.identity.clone()),
        account: Some(resolved.target.clone()),
        label: order.label.clone().or_else(|| own.label.clone()).or_else(|| defaults.label.clone()),
        program: order.shell.clone().unwrap_or_else(|| "the login shell".to_owned()),
        shell: order.shell.as_deref().and_then(Shell::of_program).unwrap_or_default(),
        key: random_hex(16)?,
        epoch,
        mode: cotty_core::names::Mode::default(),
        size: (cols, rows),
        opened_at: SystemTime::now(),
        opened_by: caller.principal.clone(),
        idle_timeout: shorter(
            own.idle_timeout.unwrap_or(defaults.idle_timeout.or(Some(IDLE_TIMEOUT))),
            resolved.idle_max,
        ),
        is_default: order.default.or(own.default).unwrap_or(false),
        ended: None,
        frames: Vec::new(),
        kept: cotty_core::session::Kept::default(),
    };
    Ok(Planned { row, open, startup: own.startup.clone().or_else(|| defaults.startup.clone()) })
}

/// Opens the way and a shell at its end. What it takes is asked of a person by cards; if one who waits for it leaves, it
/// is not opened.
pub(crate) fn coming(
    lease: Arc<Lease>,
    resolved: Resolved,
    open: OpenShell,
    person: Option<Person>,
    asks: Asks,
) -> Coming {
    Box::pin(async move {
        let open = Arc::new(open);
        let opening = asks.until_done(&resolved, |ask| {
            let (lease, open) = (Arc::clone(&lease), Arc::clone(&open));
            Box::pin(async move { attempt(&lease, &open, &ask).await })
        });
        let Some(person) = person else { return opening.await };
        tokio::select! {
            biased;
            opened = opening => {
                // Whoever waits hears of a failure in its own words.
                if opened.is_ok() {
                    person.arrive();
                }
                opened
            }
            // What an agent began goes on without it: a person may answer yet.
            () = person.left(), if person.answers() => {
                lease.note(None, Outcome::Failed("the person who opened it gave up".to_owned()));
                Err(Box::new(HostRefusal::GivenUp { target: resolved.typed.clone() }).into())
            }
        }
    })
}

async fn attempt(lease: &Lease, open: &OpenShell, ask: &Asker) -> Result<(Terminal, Pulse), PoolError> {
    match lease.shell(open, ask).await {
        Ok(shell) => {
            lease.note(Some(Stage::Authentication), Outcome::Connected);
            Ok((shell.terminal, shell.pulse))
        }
        Err(error) => {
            lease.note(stage(&error), Outcome::Failed(error.to_string()));
            Err(error)
        }
    }
}

/// Returns what a session's name begins with, where none is given.
pub(crate) fn base_name(host: &str) -> String {
    let taken = |it: char| if it.is_ascii_alphanumeric() || "._-:".contains(it) { it } else { '-' };
    let name: String = host.chars().map(taken).collect();
    // An address may begin with a colon, and a host may be called like a command's handle.
    let begins = name.starts_with(|it: char| it.is_ascii_alphanumeric());
    let is_taken = name == "all" || name == "local" || name.parse::<cotty_core::names::RunId>().is_ok();
    if begins && !is_taken { name } else { format!("host-{name}") }
}

fn stage(error: &PoolError) -> Option<Stage> {
    if let PoolError::Connect(error) = error { Some(error.stage()) } else { None }
}

fn start(order: &Connect) -> Result<Start, Refusal> {
    let refused = |what, why: &str| Err(Refusal::InvalidArgument { what, why: why.to_owned() });
    if let Some(shell) = &order.shell {
        let sound = |it: char| it.is_ascii_alphanumeric() || "/._+-".contains(it);
        if shell.is_empty() || shell.len() > PATH_BYTES_MAX || !shell.chars().all(sound) {
            return refused("shell", "it must be a program's name or an absolute path");
        }
        if shell.starts_with('-') || (shell.contains('/') && !shell.starts_with('/')) {
            return refused("shell", "it must be a program's name or an absolute path");
        }
        let known = Shell::ALL.map(Shell::name).join(", ");
        if Shell::of_program(shell).is_none() && !shell.ends_with("/sh") && shell != "sh" {
            let why = format!("{} is not spoken yet; {known} are", texts::one_line(shell));
            return refused("shell", &why);
        }
    }
    if order.cwd.as_ref().is_some_and(|it| it.len() > PATH_BYTES_MAX || it.contains(['\0', '\n', '\r'])) {
        return refused("cwd", "it is no path");
    }
    // A home that only its host knows is left for the host to find.
    let cwd = order.cwd.clone().map(|it| it.strip_prefix("~/").map(str::to_owned).unwrap_or(it));
    let cwd = cwd.filter(|it| it != "~" && !it.is_empty());
    let start = Start {
        shell: order.shell.clone(),
        cwd,
        env: order.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        command: None,
    };
    match start.line() {
        Ok(_) => Ok(start),
        Err(error) => refused("env", &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_any_host() {
        for (host, name) in [
            ("web1.example.org", "web1.example.org"),
            ("::1", "host-::1"),
            ("c7", "host-c7"),
            ("all", "host-all"),
            ("_x", "host-_x"),
        ] {
            assert_eq!(base_name(host), name);
        }
    }

    #[test]
    fn a_shell_that_cannot_be_meant_is_refused_before_anything_is_sent() {
        let with = |shell: &str| start(&Connect { shell: Some(shell.into()), ..Connect::default() });
        for wrong in ["", "-c", "a b", "bin/zsh", "xonsh", "z'sh", "/usr/bin/xonsh"] {
            assert!(matches!(with(wrong), Err(Refusal::InvalidArgument { what: "shell", .. })), "{wrong}");
        }
        for right in ["zsh", "/bin/dash", "/bin/sh", "sh", "fish", "busybox"] {
            assert!(with(right).is_ok(), "{right}");
        }
        let order = Connect { env: [("A B".to_owned(), String::new())].into(), ..Connect::default() };
        assert!(matches!(start(&order), Err(Refusal::InvalidArgument { what: "env", .. })));
    }
}
