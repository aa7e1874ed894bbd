//! `cotty serve`: the daemon in the foreground, for browsers and programs that come by HTTP.

use std::ffi::OsString;
use std::process::ExitCode;

use cotty_web::door::Listen;
use cotty_wire::api::{Failure, Listening};

use crate::cli::client::unreachable_daemon;
use crate::cli::print;
use crate::daemon::reach::connect;
use crate::daemon::run::{Foreground, serve as run, serve_over};
use crate::instance::Instance;

/// Serves until it is told to end.
pub(crate) fn serve(
    instance: &Instance,
    listen: Option<Listen>,
    serving: bool,
    json: bool,
) -> Result<ExitCode, Failure> {
    if serving {
        let foreground = Foreground { listen, announce: if json { announce_json } else { announce } };
        run(instance, Some(&foreground)).map_err(unreachable_daemon)?;
        return Ok(ExitCode::SUCCESS);
    }
    if connect(instance).map_err(unreachable_daemon)?.is_some() {
        return Err(beside(instance));
    }
    let mut arguments: Vec<OsString> = match listen {
        None => Vec::new(),
        Some(Listen::Off) => vec!["--no-listen".into()],
        Some(listen) => vec!["--listen".into(), listen.to_string().into()],
    };
    if json {
        arguments.push("--json".into());
    }
    match serve_over(instance, &arguments) {
        Ok(never) => match never {},
        Err(refusal) => Err(unreachable_daemon(refusal)),
    }
}

fn beside(instance: &Instance) -> Failure {
    let pid = instance.card().map_or_else(String::new, |it| format!(", pid {}", it.pid));
    Failure {
        kind: "conflict".to_owned(),
        what: format!("a daemon of the instance {} runs already{pid}", instance.name),
        next: "cotty viewer link has it listen; cotty stop ends it".to_owned(),
    }
}

fn announce(bound: Option<(String, String)>) {
    match bound {
        Some((address, url)) => print::line(&format!("cotty serves at {address}, for browsers {url}")),
        None => print::line("cotty serves at its unix socket alone"),
    }
}

fn announce_json(bound: Option<(String, String)>) {
    let listening = bound.map(|(address, url)| Listening { address, url });
    // Nobody is left to tell where even this cannot be printed.
    drop(print::document(&serde_json::json!({ "listening": listening })));
}
