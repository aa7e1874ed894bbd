//! From what a caller wants run in isolation to what the host is told: checked before anything is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use cotty_core::names::is_variable;
use cotty_core::refusal::Refusal;
use cotty_host::holder::client::HolderError;
use cotty_host::holder::isolated::{Command, STDIN_BYTES_MAX};
use cotty_host::isolated::Isolated;
use cotty_host::local::pty::Spawn;
use cotty_host::native::exec::Exec;
use cotty_host::native::pool::PoolError;
use cotty_host::native::secret::ask_nobody;

use super::{Started, Starting};
use crate::hosts::{self, Resolved};
use crate::opening;
use crate::pools::{Lease, Outcome};
use crate::report::IsolatedOrder;
use crate::texts;

/// A command with its variables and its directory: Linux gives a program no argument of more than 128 KiB.
const COMMAND_BYTES_MAX: usize = 120 * 1024;

/// Nobody sits here who could turn a page.
const PAGERS: [&str; 3] = ["PAGER", "GIT_PAGER", "SYSTEMD_PAGER"];

/// Refuses what could not be meant, or could not be started.
pub(crate) fn check(order: &IsolatedOrder) -> Result<(), Refusal> {
    let command = &order.run.command;
    if let Some(place) = command.chars().position(|it| it == '\0') {
        return Err(Refusal::ControlCharacter { what: "command", code: 0, position: place + 1 });
    }
    let invalid = |what, why: String| Err(Refusal::InvalidArgument { what, why });
    if order.cwd.as_ref().is_some_and(|it| it.contains('\0')) {
        return invalid("cwd", "it holds NUL, which no path can".to_owned());
    }
    for (name, value) in &order.env {
        if !is_variable(name) {
            let shown = texts::one_line(name);
            return invalid(
                "env",
                format!("{shown:?} is no name of a variable: letters, digits and _, and no digit first"),
            );
        }
        if value.contains('\0') {
            return invalid("env", format!("the value of {name} holds NUL, which no variable can"));
        }
    }
    let env: usize = order.env.iter().map(|(name, value)| name.len() + value.len()).sum();
    let bytes = command.len() + order.cwd.as_ref().map_or(0, String::len) + env;
    if bytes > COMMAND_BYTES_MAX {
        return Err(Refusal::TooLong { what: "command", bytes, bytes_max: COMMAND_BYTES_MAX });
    }
    let bytes = order.stdin.as_ref().map_or(0, String::len);
    if bytes > STDIN_BYTES_MAX {
        return Err(Refusal::TooLong { what: "stdin", bytes, bytes_max: STDIN_BYTES_MAX });
    }
    Ok(())
}

/// The variables of a command here: the caller's own, and a pager that waits for nobody.
pub(crate) fn variables(order: &IsolatedOrder) -> BTreeMap<String, String> {
    let pagers = PAGERS.iter().map(|name| ((*name).to_owned(), "cat".to_owned()));
    pagers.chain(order.env.clone()).collect()
}

/// Starts a command on this machine.
pub(crate) fn here(executable: PathBuf, spawn: Spawn, stdin: Bytes) -> Starting {
    Box::pin(async move {
        let started = Command::start(&executable, spawn, stdin).await;
        let command = started.map_err(|error: HolderError| opening::refused(&error))?;
        Ok(Started { command: Isolated::Local(command), _lease: None })
    })
}

/// Starts a command on a host. Where a directory or variables are set for it anyway, pagers are too. A plain command is started as
/// it is: no program pages into a pipe unasked, a pager that is asked for passes on what it reads, and to set variables takes
/// three programs more there.
pub(crate) fn there(lease: Lease, resolved: Resolved, order: &IsolatedOrder, stdin: Bytes) -> Starting {
    let cwd = order.cwd.as_deref().and_then(beyond_home);
    let is_plain = cwd.is_none() && order.env.is_empty();
    let exec = Exec {
        command: order.run.command.clone(),
        cwd,
        env: if is_plain { Vec::new() } else { variables(order).into_iter().collect() },
        stdin,
        kill_after: None,
        asked_env: resolved.asked.env.clone(),
    };
    Box::pin(async move {
        match lease.isolated(&exec, &ask_nobody()).await {
            Ok(command) => {
                lease.note(None, Outcome::Connected);
                Ok(Started { command: Isolated::Remote(command), _lease: Some(lease) })
            }
            Err(error) => {
                let refusal = hosts::refused_by_pool(&resolved, &error);
                if let PoolError::Connect(error) = &error {
                    lease.note(Some(error.stage()), Outcome::Failed(refusal.to_string()));
                }
                Err(refusal)
            }
        }
    })
}

/// A command begins in the account's home: what is said of that need not be said.
fn beyond_home(cwd: &str) -> Option<String> {
    match cwd.strip_prefix('~') {
        Some("" | "/") => None,
        Some(rest) if rest.starts_with('/') => Some(rest.trim_start_matches('/').to_owned()),
        Some(_) | None => Some(cwd.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::RunOrder;

    fn order(command: &str) -> IsolatedOrder {
        let run = RunOrder { command: command.into(), wait: Duration::ZERO, kill_after: None, key: None };
        IsolatedOrder { run, cwd: None, env: BTreeMap::new(), stdin: None }
    }

    #[test]
    fn what_could_not_be_started_is_refused_before_it_is() {
        assert_eq!(check(&order("echo 'a\nb' \x1b[m; printf \"\\t\"")), Ok(()));
        let refused = check(&order("a\0b"));
        assert_eq!(refused, Err(Refusal::ControlCharacter { what: "command", code: 0, position: 2 }));
        for name in ["", "1A", "A=B", "A B", "A;", "É"] {
            let order = IsolatedOrder { env: [(name.to_owned(), String::new())].into(), ..order("true") };
            assert!(matches!(check(&order), Err(Refusal::InvalidArgument { what: "env", .. })), "{name}");
        }
        let long = check(&order(&"x".repeat(COMMAND_BYTES_MAX + 1)));
        assert!(matches!(long, Err(Refusal::TooLong { what: "command", .. })));
        let fed = IsolatedOrder { stdin: Some("x".repeat(STDIN_BYTES_MAX + 1)), ..order("cat") };
        assert!(matches!(check(&fed), Err(Refusal::TooLong { what: "stdin", .. })));
    }

    #[test]
    fn a_pager_of_the_callers_own_is_taken() {
        let order = IsolatedOrder { env: [("PAGER".to_owned(), "more".to_owned())].into(), ..order("true") };
        let variables = variables(&order);
        assert_eq!((variables["PAGER"].as_str(), variables["GIT_PAGER"].as_str()), ("more", "cat"));
    }

    #[test]
    fn the_home_of_an_account_is_where_a_command_begins() {
        let table =
            [("~", None), ("~/", None), ("~/a b", Some("a b")), ("/x", Some("/x")), ("~you", Some("~you"))];
        for (said, meant) in table {
            assert_eq!(beyond_home(said).as_deref(), meant, "{said}");
        }
    }
}
