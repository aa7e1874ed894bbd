//! `cotty stop` and `cotty restart`: asked of the daemon, and made sure of by its process id.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cotty_wire::api::{Closed, Daemon, Failure, Query};
use rustix::process::{Pid, Signal, kill_process};

use crate::cli::client::{Client, internal};
use crate::cli::print;
use crate::daemon::processes::Process;
use crate::instance::Card;

/// A daemon that was asked has this long to end.
const END_WAIT_MAX: Duration = Duration::from_secs(5);

/// Ends the daemon and every session.
pub(crate) async fn stop(client: &Client, json: bool) -> Result<ExitCode, Failure> {
    let card = client.instance.card();
    let closed: Option<Closed> = client.post_if_there("stop").await?;
    match closed {
        None => say(json, "no daemon is running")?,
        Some(closed) => {
            gone(card.as_ref()).await?;
            if json {
                print::document(&closed)?;
            } else {
                print::line(&format!("stopped; {}", ended(&closed)));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends the daemon, of whatever version, and starts this one. Sessions live on, but for those on hosts.
pub(crate) async fn restart(client: &Client, json: bool) -> Result<ExitCode, Failure> {
    let card = client.instance.card();
    let mut ended = Vec::new();
    match client.post_if_there::<serde_json::Value>("restart").await {
        Ok(Some(about)) => {
            // One of another version may say less.
            ended = serde_json::from_value(about["ended_sessions"].clone()).unwrap_or_default();
            gone(card.as_ref()).await?;
        }
        Ok(None) => {}
        // One that cannot answer is ended by its number; one that refuses is obeyed.
        Err(failure) if failure.kind == "connection-failure" => {
            terminate(card.as_ref());
            gone(card.as_ref()).await?;
        }
        Err(failure) => return Err(failure),
    }
    let about: Daemon = client.get("daemon", &Query::default()).await?;
    let daemon = Daemon { ended_sessions: ended, ..about };
    if json {
        print::document(&daemon)?;
    } else {
        print::line(&format!("restarted: cotty {}, pid {}; {}", daemon.version, daemon.pid, became(&daemon)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what became of the sessions at a restart.
fn became(daemon: &Daemon) -> String {
    let Some(first) = daemon.ended_sessions.first() else { return "sessions were kept".to_owned() };
    format!(
        "sessions on this machine were kept; on hosts these ended: {}. cotty up {first} opens it anew, cotty read {first} shows its output",
        daemon.ended_sessions.join(", "),
    )
}

/// Says what a close did.
pub(crate) fn print_closed(closed: &Closed) {
    match &closed.run {
        Some(run) => print::line(&print::stands(run)),
        None => print::line(&ended(closed)),
    }
}

fn ended(closed: &Closed) -> String {
    if closed.sessions.is_empty() {
        return "no session was open".to_owned();
    }
    format!("closed {}", closed.sessions.join(", "))
}

fn say(json: bool, words: &str) -> Result<(), Failure> {
    if json {
        return print::document(&Closed::default());
    }
    print::line(words);
    Ok(())
}

fn lives(card: &Card) -> bool {
    Process::look(card.pid).is_some_and(|it| it.start == card.start)
}

fn terminate(card: Option<&Card>) {
    let Some(card) = card.filter(|it| lives(it)) else { return };
    if let Some(pid) = i32::try_from(card.pid).ok().and_then(Pid::from_raw) {
        // It may have ended just now, which is what we want.
        kill_process(pid, Signal::TERM).ok();
    }
}

async fn gone(card: Option<&Card>) -> Result<(), Failure> {
    let Some(card) = card else { return Ok(()) };
    let end = Instant::now() + END_WAIT_MAX;
    while lives(card) {
        if Instant::now() > end {
            return Err(internal(&format!("the daemon (pid {}) was asked to end and did not", card.pid)));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
