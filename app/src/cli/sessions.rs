//! How sessions are shown to people: the list, and everything about one of them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cotty_core::sieve::{Field, Sieve};
use cotty_core::target::Target;
use cotty_wire::api::{Device, Session};

use crate::cli::print::{aside, clean, coloured, line, stands, table};

/// Prints the list of sessions.
pub(crate) fn list(sessions: &[Session]) {
    if sessions.is_empty() {
        aside("No session is open. cotty up opens one");
        return;
    }
    let heads = ["NAME", "ON", "STATE", "SHELL", "MODE", "PEN", "HERE", "IDLE", "DIRECTORY", "ABOUT"];
    let mut rows = vec![heads.map(str::to_owned)];
    for session in sessions {
        let name = if session.is_default { format!("{}*", session.name) } else { session.name.clone() };
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let here = if session.viewers.is_empty() { "-".to_owned() } else { session.viewers.join(", ") };
        rows.push([
            name,
            session.account.clone().unwrap_or_else(|| session.target.clone()),
            if is_over(session) { session.state.clone() } else { state(session) },
            session.shell.clone(),
            session.mode.clone(),
            or_none(&session.pen),
            here,
            if is_over(session) { "-".to_owned() } else { time(Duration::from_millis(session.idle_ms)) },
            or_none(&session.cwd),
            about(session),
        ]);
    }
    table(&rows);
}

/// Says whether a session is meant by a filter: by what is told of it, or a tag of its device.
pub(crate) fn is_meant(session: &Session, devices: &[Device], filter: &str) -> bool {
    let Session { name, target, account, state, label, .. } = session;
    let mut facts = vec![(Field::Name, name), (Field::Device, target), (Field::State, state)];
    facts.extend(account.iter().map(|it| (Field::Device, it)));
    facts.extend(label.iter().map(|it| (Field::Label, it)));
    let host = match target.parse::<Target>() {
        Ok(Target::Remote(remote)) => Some(remote.name().to_owned()),
        Ok(Target::Local) | Err(_) => None,
    };
    let on = devices.iter().find(|it| Some(&it.name) == host.as_ref());
    facts.extend(on.into_iter().flat_map(tags));
    admits(filter, &facts)
}

/// The same of a device.
pub(crate) fn is_device(device: &Device, filter: Option<&str>) -> bool {
    let Device { name, host, user, label, .. } = device;
    let mut facts = vec![(Field::Name, name), (Field::Device, name), (Field::Device, host)];
    facts.extend(user.iter().map(|it| (Field::Device, it)));
    facts.extend(label.iter().map(|it| (Field::Label, it)));
    facts.extend(tags(device));
    filter.is_none_or(|filter| admits(filter, &facts))
}

fn tags(device: &Device) -> impl Iterator<Item = (Field, &String)> {
    device.tags.iter().chain(&device.group).map(|it| (Field::Tag, it))
}

fn admits(filter: &str, facts: &[(Field, &String)]) -> bool {
    let facts: Vec<(Field, &str)> = facts.iter().map(|(field, text)| (*field, text.as_str())).collect();
    Sieve::of(filter).admits(&facts)
}

/// Prints everything about one session.
pub(crate) fn one(session: &Session) {
    let said = |what: &str, words: &str| line(&format!("{what:9} {}", clean(words)));
    said("session", &format!("{}{}", session.name, if session.is_default { " (default)" } else { "" }));
    said("target", &target(session));
    session.label.iter().for_each(|label| said("label", label));
    said("state", &state(session));
    if let (false, Some(why)) = (session.health.is_empty(), &session.health_why) {
        said("health", &format!("{}: {why}", session.health));
    }
    let pid = session.pid.map(|it| format!(", pid {it}")).unwrap_or_default();
    said("shell", &format!("{}{pid}", session.shell));
    said("directory", session.cwd.as_deref().unwrap_or("-"));
    said("mode", &session.mode);
    said("pen", session.pen.as_deref().unwrap_or("free"));
    said("size", &format!("{}x{}", session.cols, session.rows));
    if let Some(run) = &session.running {
        said("command", &format!("{}: {}", stands(run), run.command));
    }
    session.viewers.iter().for_each(|viewer| said("here", viewer));
    let opened = UNIX_EPOCH + Duration::from_millis(session.opened_at_ms);
    let age = SystemTime::now().duration_since(opened).unwrap_or_default();
    let who = &session.opened_by;
    said("opened", &format!("{} ago by {} {}", time(age), who.role, who.label));
    let closes = session.idle_timeout_ms.map(Duration::from_millis);
    let closes = closes.map(|it| format!(", closes after {} of it", time(it))).unwrap_or_default();
    said("idle", &format!("{}{closes}", time(Duration::from_millis(session.idle_ms))));
    for warning in &session.warnings {
        line(&format!("{}   {}", coloured("33", "warning"), clean(warning)));
    }
    said("follow", &session.follow);
}

/// Says what a session is called now.
pub(crate) fn renamed(before: &str, session: &Session) {
    let name = &session.name;
    line(&match &session.label {
        _ if name != before => format!("{before} is {name} now"),
        Some(label) => format!("{name} is labelled {}", clean(label)),
        None => format!("{name} has no label"),
    });
}

/// What it is opened on, with the account that this is.
fn target(session: &Session) -> String {
    match session.account.as_ref().filter(|it| **it != session.target) {
        Some(account) => format!("{} ({account})", session.target),
        None => session.target.clone(),
    }
}

fn state(session: &Session) -> String {
    match &session.detail {
        Some(detail) if is_over(session) => format!("{}: {detail}", session.state),
        Some(detail) => format!("{} {detail}", session.state),
        None => session.state.clone(),
    }
}

/// Its label, and how it came to its end.
fn about(session: &Session) -> String {
    let end = session.detail.clone().filter(|_| is_over(session));
    let words: Vec<String> = session.label.clone().into_iter().chain(end).collect();
    if words.is_empty() { "-".to_owned() } else { words.join("; ") }
}

fn is_over(session: &Session) -> bool {
    matches!(session.state.as_str(), "exited" | "closed" | "lost")
}

/// Says a time as roughly as people do.
fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_as_roughly_as_people_do() {
        let said = |seconds| time(Duration::from_secs(seconds));
        assert_eq!(
            [said(0), said(61), said(3_660), said(90_000)],
            ["0 s", "1 min", "1 h 1 min", "1 d 1 h"].map(str::to_owned)
        );
    }
}
