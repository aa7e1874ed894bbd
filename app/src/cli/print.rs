//! What commands print: one JSON document, or lines for people.

use std::io::{self, IsTerminal, Write};

use cotty_core::target::host_port;
use cotty_wire::api::{Device, Failure, Found, History, Output, Run, Runs, Text};
use serde::Serialize;

use crate::cli::client::internal;

/// Prints a line on standard output. A reader that has left is no failure.
pub(crate) fn line(text: &str) {
    drop(writeln!(io::stdout(), "{text}"));
}

/// Prints a line on standard error.
pub(crate) fn aside(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}

/// Prints one document.
pub(crate) fn document(document: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(document).map_err(|error| internal(&error.to_string()))?;
    line(&json);
    Ok(())
}

/// Prints text as it was printed.
pub(crate) fn text(text: &Text) {
    let mut out = io::stdout().lock();
    if text.gone_bytes > 0 {
        aside(&format!("[{} bytes before this are no longer kept]", text.gone_bytes));
    }
    for line in &text.head {
        drop(writeln!(out, "{line}"));
    }
    if text.hidden_lines > 0 {
        aside(&format!("[{} lines are left out here]", text.hidden_lines));
    }
    for line in &text.tail {
        drop(writeln!(out, "{line}"));
    }
}

/// Prints what a command left, with its state aside where it did not simply end.
pub(crate) fn output(output: &Output) {
    text(&output.text);
    if let Some(run) = output.run.as_ref().filter(|it| it.state.state != "completed") {
        aside(&format!("[{}]", stands(run)));
    }
}

/// Prints what was found.
pub(crate) fn found(found: &Found) {
    for it in &found.found {
        line(&format!("{}: {}", it.line, it.text));
    }
    match (found.found.is_empty(), found.more) {
        (true, _) => aside(&format!("None of the {} lines that are kept holds it", found.lines)),
        (false, true) => aside("Earlier lines hold it, too"),
        (false, false) => {}
    }
}

/// Says in one line how a command stands.
pub(crate) fn stands(run: &Run) -> String {
    let state = &run.state;
    let how = match (state.state.as_str(), &state.input, &state.shell, &state.reason) {
        ("needs_input", Some(input), _, _) => format!("needs input ({input}): cotty attach {}", run.session),
        ("running", ..) => format!("still runs: cotty read --run {}", run.id),
        ("nested", _, Some(shell), _) => format!("runs a {shell} that waits at its prompt"),
        ("ran_nothing", ..) => "held no command".to_owned(),
        ("shell_exited", ..) => "ended the session's shell".to_owned(),
        (name, _, _, Some(reason)) => format!("{name}: {reason}"),
        (name, ..) => match state.exit {
            Some(exit) => format!("{name}, exit {exit}"),
            None => name.to_owned(),
        },
    };
    format!("{} {how}", run.id)
}

/// Prints the list of devices.
pub(crate) fn devices(devices: &[Device]) {
    if devices.is_empty() {
        aside("The config names no device. cotty config path says where it is: [devices.NAME]");
        return;
    }
    let mut rows = vec![["NAME", "ACCOUNT", "LOGIN", "SESSIONS", "ABOUT"].map(str::to_owned)];
    for device in devices {
        let name = if device.is_default { format!("{}*", device.name) } else { device.name.clone() };
        let user = device.user.as_ref().map(|it| format!("{it}@")).unwrap_or_default();
        let host = match device.port {
            Some(port) => host_port(&device.host, port),
            None => device.host.clone(),
        };
        let sessions = if device.sessions.is_empty() { "-".to_owned() } else { device.sessions.join(", ") };
        let tags = device.tags.iter().map(|it| format!("#{it}"));
        let words: Vec<String> = device.label.clone().into_iter().chain(tags).collect();
        let about = if words.is_empty() { "-".to_owned() } else { words.join(" ") };
        rows.push([name, format!("{user}{host}"), login(device), sessions, about]);
    }
    table(&rows);
}

/// Says what a login to a device uses; never a secret.
fn login(device: &Device) -> String {
    let Some(login) = &device.login else { return "as ssh does".to_owned() };
    let said = [("key", &login.key), ("passphrase", &login.passphrase), ("password", &login.password)];
    let said = said.into_iter().filter_map(|(what, from)| Some(format!("{what} {}", from.as_ref()?)));
    let words = said.collect::<Vec<_>>().join(", ");
    if words.is_empty() { "nothing".to_owned() } else { words }
}

/// Prints who typed what.
pub(crate) fn history(history: &History) {
    for entry in &history.history {
        let run = entry.run.as_deref().unwrap_or("-");
        let end = entry.state.as_ref().map_or_else(String::new, |it| match it.exit {
            Some(exit) => format!(" [{}, exit {exit}]", it.state),
            None => format!(" [{}]", it.state),
        });
        line(&format!("{:9} {:20} {run:6} {}{end}", entry.what, clean(&entry.who.label), clean(&entry.text)));
    }
}

/// Prints the newest commands.
pub(crate) fn runs(runs: &Runs) {
    for run in &runs.runs {
        let exit = run.state.exit.map(|it| format!(" {it}")).unwrap_or_default();
        line(&format!(
            "{:6} {:12} {}{exit}  {}",
            run.id,
            clean(&run.session),
            run.state.state,
            clean(&run.command)
        ));
    }
}

pub(super) fn table<const N: usize>(rows: &[[String; N]]) {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|it| clean(it)).collect()).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(it, width)| format!("{it:width$}")).collect();
        line(cells.join("  ").trim_end());
    }
}

/// Takes out what terminals obey: these words may come from a program or an agent.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

pub(super) fn coloured(code: &str, text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
    if plain || !io::stdout().is_terminal() { text.to_owned() } else { format!("\x1b[{code}m{text}\x1b[m") }
}
