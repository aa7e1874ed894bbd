//! The values of the config file: what each may be, and the words for one that may not.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use cotty_core::names::is_variable;
use cotty_engine::hosts::device::Choice;
use toml_edit::{Item, TableLike};

/// A mistake that knows its bytes and not yet its line: what is wrong, and the remedy.
pub(super) type Fault = (Range<usize>, String, String);

/// What begins the keys that say where programs are.
pub(super) const PROGRAMS: &str = "programs.";

/// Words for what is to come. Whoever writes one relies on it, so that it is not passed over.
const LATER: [&str; 4] = ["policy", "rules", "approvals", "audit"];

/// Programs that nothing starts yet, each at the end of its key.
const NOT_STARTED: [&str; 3] = ["scp", "rsync", "tmux"];

/// Returns the entries of a table, all of which are known.
pub(super) fn known<'a>(
    table: &'a dyn TableLike,
    prefix: &str,
    keys: &[&str],
) -> Result<Vec<(&'a str, &'a Item)>, Fault> {
    let entries: Vec<_> = table.iter().collect();
    for (key, item) in &entries {
        if !keys.contains(key) {
            if LATER.contains(key) {
                let span =
                    table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span()).unwrap_or(0..0);
                let remedy = "Remove it: what is not enforced must not look as if it were".to_owned();
                return Err((span, format!("{prefix}{key} is known and not enforced yet"), remedy));
            }
            let span = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span()).unwrap_or(0..0);
            if prefix == PROGRAMS && NOT_STARTED.contains(key) {
                let remedy =
                    "Remove it: a path that nobody takes must not look as if it were taken".to_owned();
                return Err((span, format!("{prefix}{key} is known, and nothing starts {key} yet"), remedy));
            }
            let remedy = match closest(key, keys) {
                Some(close) => format!("Write {prefix}{close}, or remove the line"),
                None => format!("Remove the line; the keys here are {}", keys.join(", ")),
            };
            return Err((span, format!("there is no key {prefix}{key}"), remedy));
        }
    }
    Ok(entries)
}

pub(super) fn inner<'a>(key: &str, item: &'a Item) -> Result<&'a dyn TableLike, Fault> {
    item.as_table_like().ok_or_else(|| fault(item, key, "a table", &format!("Write it as [{key}]")))
}

pub(super) fn engine(key: &str, item: &Item) -> Result<Choice, Fault> {
    let said = item.as_str().and_then(|said| Choice::ALL.into_iter().find(|it| it.word() == said));
    let remedy = format!("Write {key} = \"auto\", \"native\" or \"openssh\"");
    said.ok_or_else(|| fault(item, key, "auto, native or openssh", &remedy))
}

pub(super) fn text(key: &str, item: &Item) -> Result<String, Fault> {
    let said = item.as_str().filter(|it| !it.chars().any(char::is_control));
    said.map(str::to_owned).ok_or_else(|| {
        fault(item, key, "one line of text", &format!("Write {key} = \"…\", without control characters"))
    })
}

pub(super) fn names(key: &str, item: &Item) -> Result<Vec<String>, Fault> {
    let wrong = || fault(item, key, "a list of names of variables", &format!("Write {key} = [\"NAME\", …]"));
    let list = item.as_array().ok_or_else(wrong)?;
    list.iter()
        .map(|it| it.as_str().filter(|it| is_variable(it)).map(str::to_owned).ok_or_else(wrong))
        .collect()
}

/// The name of one variable. What stands there instead may be a secret: it is not repeated.
pub(super) fn variable(key: &str, item: &Item) -> Result<String, Fault> {
    let said = item.as_str().filter(|it| is_variable(it));
    said.map(str::to_owned).ok_or_else(|| {
        fault(
            item,
            key,
            "the name of a variable",
            &format!("Write {key} = \"NAME\": the variable's name, not its value"),
        )
    })
}

/// A path that means the same wherever it is read from.
pub(super) fn path(key: &str, item: &Item) -> Result<PathBuf, Fault> {
    let said = text(key, item)?;
    if said.starts_with('/') || said.starts_with("~/") {
        return Ok(PathBuf::from(said));
    }
    Err(fault(item, key, "a path from / or ~/", &format!("Write {key} = \"~/...\" or \"/...\"")))
}

/// Where programs are looked for: folders that mean the same wherever they are read from.
pub(super) fn search_path(key: &str, item: &Item) -> Result<String, Fault> {
    let said = text(key, item)?;
    if !said.is_empty() && said.split(':').all(|it| it.starts_with('/')) {
        return Ok(said);
    }
    Err(fault(
        item,
        key,
        "a list of folders from /",
        &format!("Write {key} = \"/usr/local/bin:/usr/bin:/bin\""),
    ))
}

pub(super) fn boolean(key: &str, item: &Item) -> Result<bool, Fault> {
    item.as_bool().ok_or_else(|| fault(item, key, "true or false", &format!("Write {key} = true")))
}

pub(super) fn number<T: TryFrom<i64>>(key: &str, item: &Item, least: i64, most: i64) -> Result<T, Fault> {
    let said = item.as_integer().filter(|it| (least..=most).contains(it));
    said.and_then(|it| T::try_from(it).ok()).ok_or_else(|| {
        fault(
            item,
            key,
            &format!("a number from {least} to {most}"),
            &format!("Write {key} = {least} or more"),
        )
    })
}

/// `off`, or a time of up to a year.
pub(super) fn duration(key: &str, item: &Item) -> Result<Option<Duration>, Fault> {
    let wrong =
        || fault(item, key, "\"off\" or a time", &format!("Write {key} = \"off\", \"90m\" or \"12h\""));
    let said = item.as_str().ok_or_else(wrong)?;
    if said == "off" {
        return Ok(None);
    }
    // A year is long enough, and no sum of it overflows.
    time(said).filter(|it| it.as_secs() <= 366 * 86400).map(Some).ok_or_else(wrong)
}

/// A time that somebody waits for a server.
pub(super) fn patience(key: &str, item: &Item) -> Result<Duration, Fault> {
    const MOST: Duration = Duration::from_secs(600);
    let said = item.as_str().and_then(time).filter(|it| *it <= MOST);
    said.ok_or_else(|| fault(item, key, "a time from 1s to 10m", &format!("Write {key} = \"10s\" or \"2m\"")))
}

/// A number with a unit.
fn time(said: &str) -> Option<Duration> {
    let unit = match said.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86400,
        _ => return None,
    };
    let count: u64 = said[..said.len() - 1].parse().ok()?;
    count.checked_mul(unit).filter(|it| *it > 0).map(Duration::from_secs)
}

pub(super) fn fault(item: &Item, key: &str, wanted: &str, remedy: &str) -> Fault {
    (item.span().unwrap_or(0..0), format!("{key} is not {wanted}"), remedy.to_owned())
}

pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|it| *it == b'\n').count() + 1
}

/// Returns the key that was probably meant: the nearest, if it is near.
fn closest<'a>(key: &str, keys: &[&'a str]) -> Option<&'a str> {
    // A key of 1 MB is no slip of the finger.
    let near = keys.iter().filter(|_| key.len() <= 40).map(|it| (distance(key, it), *it));
    near.min().filter(|(steps, it)| *steps <= 2.max(it.len() / 3)).map(|(_, it)| it)
}

/// Counts the letters to insert, remove or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let change = corner + usize::from(letter != *other);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
