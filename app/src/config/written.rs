//! The config file as it is written: every word optional, every mistake with its line and its remedy.

use std::ops::Range;
use std::time::Duration;

use toml_edit::{Document, Item, TableLike};

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// `default`
    pub default: Option<String>,
    /// `pass_env`
    pub pass_env: Vec<String>,
    /// `session.shell`
    pub shell: Option<String>,
    /// `session.term`
    pub term: Option<String>,
    /// `session.cols`
    pub cols: Option<u16>,
    /// `session.rows`
    pub rows: Option<u16>,
    /// `session.idle_timeout`; `off` is none.
    pub idle_timeout: Option<Option<Duration>>,
    /// `session.label`
    pub label: Option<String>,
    /// `session.startup`
    pub startup: Option<String>,
    /// `limits.sessions_max`
    pub sessions_max: Option<usize>,
    /// `limits.quota_mib`
    pub quota_mib: Option<u64>,
}

/// A mistake in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub remedy: String,
}

/// A mistake that knows its bytes and not yet its line.
type Fault = (Range<usize>, String, String);

const TOP: &[&str] = &["default", "pass_env", "session", "limits"];
const SESSION: &[&str] = &["shell", "term", "cols", "rows", "idle_timeout", "label", "startup"];
const LIMITS: &[&str] = &["sessions_max", "quota_mib"];

impl Written {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let faulty = |(span, what, remedy): Fault| Wrong { line: line(text, span.start), what, remedy };
        let document = Document::parse(text).map_err(|error| {
            let what = error.message().trim().replace('\n', ", ");
            faulty((error.span().unwrap_or(0..0), what, "Write it as TOML: key = \"value\"".to_owned()))
        })?;
        let mut written = Self::default();
        written.top(document.as_table()).map_err(faulty)?;
        Ok(written)
    }

    fn top(&mut self, table: &dyn TableLike) -> Result<(), Fault> {
        for (key, item) in known(table, "", TOP)? {
            match key {
                "default" => self.default = Some(text(key, item)?),
                "pass_env" => self.pass_env = names(key, item)?,
                "session" => self.session(inner(key, item)?)?,
                _ => self.limits(inner(key, item)?)?,
            }
        }
        Ok(())
    }

    fn session(&mut self, table: &dyn TableLike) -> Result<(), Fault> {
        for (key, item) in known(table, "session.", SESSION)? {
            match key {
                "shell" => self.shell = Some(text(key, item)?),
                "term" => self.term = Some(text(key, item)?),
                "cols" => self.cols = Some(number(key, item, 2, 1000)?),
                "rows" => self.rows = Some(number(key, item, 1, 500)?),
                "idle_timeout" => self.idle_timeout = Some(duration(key, item)?),
                "label" => self.label = Some(text(key, item)?),
                _ => self.startup = Some(text(key, item)?),
            }
        }
        Ok(())
    }

    fn limits(&mut self, table: &dyn TableLike) -> Result<(), Fault> {
        for (key, item) in known(table, "limits.", LIMITS)? {
            match key {
                "sessions_max" => self.sessions_max = Some(number(key, item, 1, 10_000)?),
                _ => self.quota_mib = Some(number(key, item, 1, 1024 * 1024)?),
            }
        }
        Ok(())
    }
}

/// Returns the entries of a table, all of which are known.
fn known<'a>(
    table: &'a dyn TableLike,
    prefix: &str,
    keys: &[&str],
) -> Result<Vec<(&'a str, &'a Item)>, Fault> {
    let entries: Vec<_> = table.iter().collect();
    for (key, item) in &entries {
        if !keys.contains(key) {
            let span = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span()).unwrap_or(0..0);
            let remedy = match closest(key, keys) {
                Some(close) => format!("Write {prefix}{close}, or remove the line"),
                None => format!("Remove the line; the keys here are {}", keys.join(", ")),
            };
            return Err((span, format!("there is no key {prefix}{key}"), remedy));
        }
    }
    Ok(entries)
}

fn inner<'a>(key: &str, item: &'a Item) -> Result<&'a dyn TableLike, Fault> {
    item.as_table_like().ok_or_else(|| fault(item, key, "a table", &format!("Write it as [{key}]")))
}

fn text(key: &str, item: &Item) -> Result<String, Fault> {
    let said = item.as_str().filter(|it| !it.chars().any(char::is_control));
    said.map(str::to_owned).ok_or_else(|| {
        fault(item, key, "one line of text", &format!("Write {key} = \"…\", without control characters"))
    })
}

fn names(key: &str, item: &Item) -> Result<Vec<String>, Fault> {
    let wrong = || fault(item, key, "a list of names of variables", &format!("Write {key} = [\"NAME\", …]"));
    let is_name = |it: &&str| {
        !it.is_empty()
            && !it.starts_with(|c: char| c.is_ascii_digit())
            && it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let list = item.as_array().ok_or_else(wrong)?;
    list.iter().map(|it| it.as_str().filter(is_name).map(str::to_owned).ok_or_else(wrong)).collect()
}

fn number<T: TryFrom<i64>>(key: &str, item: &Item, least: i64, most: i64) -> Result<T, Fault> {
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

fn duration(key: &str, item: &Item) -> Result<Option<Duration>, Fault> {
    let wrong =
        || fault(item, key, "\"off\" or a time", &format!("Write {key} = \"off\", \"90m\" or \"12h\""));
    let said = item.as_str().ok_or_else(wrong)?;
    if said == "off" {
        return Ok(None);
    }
    let unit = match said.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86400,
        _ => return Err(wrong()),
    };
    let count: u64 = said[..said.len() - 1].parse().map_err(|_| wrong())?;
    // A year is long enough, and no sum of it overflows.
    let seconds = count.checked_mul(unit).filter(|it| (1..=366 * 86400).contains(it));
    seconds.map(|it| Some(Duration::from_secs(it))).ok_or_else(wrong)
}

fn fault(item: &Item, key: &str, wanted: &str, remedy: &str) -> Fault {
    (item.span().unwrap_or(0..0), format!("{key} is not {wanted}"), remedy.to_owned())
}

fn line(text: &str, at: usize) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Wrong {
        Written::parse(text).unwrap_err()
    }

    #[test]
    fn a_file_that_says_everything_is_understood() {
        let text = "default = \"local\"\npass_env = [\"EDITOR\", \"MY_2\"]\n[session]\nshell = \"zsh\"\nterm = \"xterm\"\n\
                    cols = 100\nrows = 30\nidle_timeout = \"12h\"\nlabel = \"mine\"\nstartup = \"cd /srv\"\n\
                    [limits]\nsessions_max = 5\nquota_mib = 1\n";
        let written = Written::parse(text).unwrap();
        assert_eq!(written.idle_timeout, Some(Some(Duration::from_secs(43200))));
        assert_eq!(written.pass_env, ["EDITOR", "MY_2"]);
        assert_eq!((written.cols, written.rows, written.quota_mib), (Some(100), Some(30), Some(1)));
        assert_eq!(Written::parse("").unwrap(), Written::default());
        assert_eq!(Written::parse("session.idle_timeout = \"off\"").unwrap().idle_timeout, Some(None));
    }

    #[test]
    fn what_is_resolved_is_written_so_that_it_is_read_again() {
        let text = "[session]\nlabel = \"a \\\"b\\\"\"\nidle_timeout = \"90m\"\n";
        let config = crate::config::Config::from(Written::parse(text).unwrap());
        assert_eq!(crate::config::Config::from(Written::parse(&config.to_toml()).unwrap()), config);
    }

    #[test]
    fn an_unknown_key_names_its_line_and_what_was_meant() {
        let found = wrong("# mine\n\n[session]\nshell = \"zsh\"\ncolumns = 80\n");
        assert_eq!((found.line, found.what.as_str()), (5, "there is no key session.columns"));
        assert_eq!(
            found.remedy,
            "Remove the line; the keys here are shell, term, cols, rows, idle_timeout, label, startup"
        );
        let found = wrong("[session]\nshel = \"zsh\"\n");
        assert_eq!((found.line, found.remedy.as_str()), (2, "Write session.shell, or remove the line"));
        let found = wrong("defualt = \"x\"\n");
        assert_eq!((found.line, found.remedy.as_str()), (1, "Write default, or remove the line"));
        assert_eq!(wrong("\n[sesion]\nrows = 3").line, 2);
    }

    #[test]
    fn a_value_that_cannot_be_meant_names_its_line() {
        for (text, line) in [
            ("\ndefault = 3", 2),
            ("[session]\ncols = 1", 2),
            ("[session]\n\nrows = 65535", 3),
            ("[session]\nidle_timeout = \"12\"", 2),
            ("[session]\nidle_timeout = \"99999999999999999999h\"", 2),
            ("[session]\nlabel = \"a\\u001bb\"", 2),
            ("session = 3", 1),
            ("pass_env = [\"A=B\"]", 1),
            ("[limits]\nsessions_max = -1", 2),
            ("a = \n", 1),
            ("[session]\nshell = \"zsh\"\nshell = \"bash\"", 3),
        ] {
            let found = wrong(text);
            assert_eq!(found.line, line, "{text}: {found:?}");
            assert!(!found.remedy.is_empty());
        }
    }
}
