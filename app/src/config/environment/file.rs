//! The file that `--env-file` names: lines of `NAME=VALUE`, as container programs write them.

use std::collections::BTreeMap;
use std::path::Path;

use cotty_core::names::is_variable;
use cotty_core::refusal::Refusal;
use cotty_host::native::secret::Secret;

use super::{is_about_hosts, is_expanded};
use crate::config::owned::{self, Links, Taken, Untaken};

/// No such file is longer.
const BYTES_MAX: u64 = 256 * 1024;

/// What says where cotty itself is: everybody who looks for the daemon must find the same, whoever reads such a file.
const NOT_HERE: [&str; 3] = ["COTTY_CONFIG", "COTTY_STATE_DIR", "COTTY_INSTANCE"];

/// Reads the variables about hosts. What else is in the file is somebody else's.
///
/// # Errors
///
/// Says what is wrong with the file, with the number of the line and nothing of what stands there.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Secret>, Refusal> {
    let shown = path.display();
    let refused = |why: String, remedy: &str| Refusal::Config { why, remedy: remedy.to_owned() };
    let taken = owned::take(path, BYTES_MAX, Links::Followed, owned::by_others);
    let Taken { bytes, about } = taken.map_err(|untaken| match untaken {
        Untaken::NotThere => refused(format!("--env-file {shown} is not there"), "Name a file that is there"),
        Untaken::Failed(error) => {
            refused(format!("--env-file {shown} cannot be read: {error}"), "Mend its permissions")
        }
        Untaken::NoFile | Untaken::Link => {
            refused(format!("{shown} is no file of at most 256 KiB"), "Name another with --env-file")
        }
        Untaken::Others(why) => refused(format!("{shown} {why}"), "Make it yours alone: chown, chmod 600"),
    })?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| refused(format!("{shown} is not UTF-8"), "Save it as UTF-8"))?;
    let found = parsed(text).map_err(|(line, why)| {
        refused(format!("{shown}:{line}: {why}"), "Write NAME=VALUE, one a line; # begins a comment")
    })?;
    if owned::readable_by_others(&about) && found.keys().any(|it| it.ends_with("PASSWORD")) {
        return Err(refused(
            format!("{shown} holds a password, and may be read by others"),
            &format!("chmod 600 {shown}"),
        ));
    }
    Ok(found)
}

fn parsed(text: &str) -> Result<BTreeMap<String, Secret>, (usize, String)> {
    let mut found = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            return Err((at + 1, "there is no = in it".to_owned()));
        };
        let name = name.trim();
        if !is_variable(name) {
            return Err((at + 1, "what stands before = is no variable's name".to_owned()));
        }
        if NOT_HERE.contains(&name) {
            let why = format!("{name} does not belong in such a file: set it in the environment");
            return Err((at + 1, why));
        }
        let value = unquoted(value.trim()).ok_or_else(|| (at + 1, "a quote is not closed".to_owned()))?;
        if is_about_hosts(name) && !value.is_empty() && is_expanded(value) {
            found.insert(name.to_owned(), Secret::new(value.to_owned()));
        }
    }
    Ok(found)
}

/// Takes one pair of quotes off. Nothing in between means anything.
fn unquoted(value: &str) -> Option<&str> {
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].strip_suffix(quote),
        _ => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_container_programs_write_them_and_the_rest_is_passed_over() {
        let text = "# mine\n\nCOTTY_HOST=web1\nexport COTTY_DEVICE_DB_USER = 'me'\nCOTTY_DEVICE_DB_PASSWORD=\"a=b #c\"\n\
                    OTHER=x\nCOTTY_PORT=${PORT}\nCOTTY_USER=\n";
        let found = parsed(text).unwrap();
        let found: Vec<(&str, &str)> = found.iter().map(|(name, it)| (name.as_str(), it.reveal())).collect();
        assert_eq!(
            found,
            [("COTTY_DEVICE_DB_PASSWORD", "a=b #c"), ("COTTY_DEVICE_DB_USER", "me"), ("COTTY_HOST", "web1")]
        );
    }

    #[test]
    fn a_line_that_cannot_be_meant_is_named_and_not_repeated() {
        for (text, at) in
            [("\nhunter2\n", 2), ("A=1\nhun ter2=x", 2), ("COTTY_HOST=\"hunter2", 1), ("COTTY_CONFIG=/x", 1)]
        {
            let (line, why) = parsed(text).unwrap_err();
            assert!(line == at && !why.contains("hunter2"), "{text}: {why}");
        }
    }
}
