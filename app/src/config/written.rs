//! The config file as it is written: every word optional, every mistake with its line and its remedy.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cotty_core::target::Target;
use cotty_engine::hosts::device::{Choice, Device, Targets};
use cotty_web::door::Listen;
use toml_edit::{Document, Item, TableLike};

mod device;
pub(crate) mod draft;
pub(crate) mod project;
mod values;

use draft::Draft;
use values::{
    Fault, PROGRAMS, duration, engine, fault, inner, known, line, names, number, path, patience, search_path,
    text,
};

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// `default`
    pub default: Option<String>,
    /// `pass_env`
    pub pass_env: Vec<String>,
    /// `listen`
    pub listen: Option<Listen>,
    /// `agent_socket`
    pub agent_socket: Option<PathBuf>,
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
    /// `session.park_drafts`; `off` is never.
    pub park_drafts: Option<Option<Duration>>,
    /// `session.label`
    pub label: Option<String>,
    /// `session.startup`
    pub startup: Option<String>,
    /// `limits.sessions_max`
    pub sessions_max: Option<usize>,
    /// `limits.quota_mib`
    pub quota_mib: Option<u64>,
    /// `targets`
    pub targets: Option<Targets>,
    /// `timeouts.connect`
    pub connect: Option<Duration>,
    /// `timeouts.handshake`
    pub handshake: Option<Duration>,
    /// `timeouts.authentication`
    pub authentication: Option<Duration>,
    /// `ssh.config`
    pub ssh_config: Option<PathBuf>,
    /// `ssh.engine`
    pub engine: Option<Choice>,
    /// `ssh.path`
    pub ssh_path: Option<String>,
    /// `programs.ssh`
    pub ssh_program: Option<PathBuf>,
    /// `include`
    pub include: Vec<PathBuf>,
    /// `defaults`
    pub defaults: Draft,
    /// `groups`
    pub groups: BTreeMap<String, Draft>,
    /// `devices`
    pub drafts: BTreeMap<String, Draft>,
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

const TOP: &[&str] = &[
    "default",
    "pass_env",
    "listen",
    "agent_socket",
    "targets",
    "include",
    "session",
    "limits",
    "timeouts",
    "ssh",
    "programs",
    "defaults",
    "groups",
    "devices",
];
/// What a file may say that another one includes.
const INCLUDED: &[&str] = &["groups", "devices"];
const SESSION: &[&str] =
    &["shell", "term", "cols", "rows", "idle_timeout", "park_drafts", "label", "startup"];
const LIMITS: &[&str] = &["sessions_max", "quota_mib"];
const TIMEOUTS: &[&str] = &["connect", "handshake", "authentication"];

/// More files are nobody's wish.
const FILES_MAX: usize = 32;

impl Written {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        Self::with(text, TOP)
    }

    /// Reads the text of a file that another one includes: it says nothing but devices and groups.
    pub fn parse_included(text: &str) -> Result<Self, Wrong> {
        Self::with(text, INCLUDED)
    }

    /// Reads what the file of a project says beside what holds of itself.
    pub(crate) fn parse_project(text: &str) -> Result<Self, Wrong> {
        Self::with(text, &[project::NARROWS, INCLUDED].concat())
    }

    fn with(text: &str, keys: &[&str]) -> Result<Self, Wrong> {
        let faulty = |(span, what, remedy): Fault| Wrong { line: line(text, span.start), what, remedy };
        let document = Document::parse(text).map_err(|error| not_toml(text, &error))?;
        let mut written = Self::default();
        written.top(document.as_table(), keys).map_err(faulty)?;
        Ok(written)
    }

    /// Returns the devices, with nothing left open.
    #[must_use]
    pub fn devices(&self) -> BTreeMap<String, Device> {
        draft::devices(&self.drafts, &self.groups, &self.defaults)
    }

    /// Takes in what an included file says.
    ///
    /// # Errors
    ///
    /// Names what both say.
    pub fn take_in(&mut self, other: Self) -> Result<(), String> {
        for (name, draft) in other.groups {
            if self.groups.insert(name.clone(), draft).is_some() {
                return Err(format!("the group {name} is in another file, too"));
            }
        }
        for (name, draft) in other.drafts {
            if let Some(same) = self.drafts.keys().find(|it| it.eq_ignore_ascii_case(&name)) {
                return Err(format!("the device {name} is in another file, too, as {same}"));
            }
            self.drafts.insert(name, draft);
        }
        let mut defaults = self.drafts.iter().filter(|(_, it)| it.defaults.default == Some(true));
        match (defaults.next(), defaults.next()) {
            (Some((first, _)), Some((second, _))) => {
                Err(format!("{first} and {second} are both the default"))
            }
            _ => Ok(()),
        }
    }

    /// Names a device whose group is nowhere, where there is one.
    #[must_use]
    pub fn groupless(&self) -> Option<(&str, &str)> {
        let named = self.drafts.iter().filter_map(|(name, it)| Some((name.as_str(), it.group.as_deref()?)));
        named.into_iter().find(|(_, group)| !self.groups.contains_key(*group))
    }

    fn top(&mut self, table: &dyn TableLike, keys: &[&str]) -> Result<(), Fault> {
        for (key, item) in known(table, "", keys)? {
            match key {
                "default" => self.default = Some(target(key, item)?),
                "pass_env" => self.pass_env = names(key, item)?,
                "listen" => self.listen = Some(listen(key, item)?),
                "agent_socket" => self.agent_socket = Some(path(key, item)?),
                "targets" => self.targets = Some(targets(key, item)?),
                "session" => self.session(inner(key, item)?)?,
                "timeouts" => self.timeouts(inner(key, item)?)?,
                "ssh" => self.ssh(inner(key, item)?)?,
                "programs" => self.programs(inner(key, item)?)?,
                "include" => self.include = files(key, item)?,
                "defaults" => self.defaults = device::defaults(inner(key, item)?)?,
                "groups" => self.groups = device::groups(inner(key, item)?)?,
                "devices" => self.drafts = device::devices(inner(key, item)?)?,
                "limits" => self.limits(inner(key, item)?)?,
                // What a project says of itself is read with the project.
                _ => {}
            }
        }
        Ok(())
    }

    fn timeouts(&mut self, table: &dyn TableLike) -> Result<(), Fault> {
        for (key, item) in known(table, "timeouts.", TIMEOUTS)? {
            let limit = Some(patience(key, item)?);
            match key {
                "connect" => self.connect = limit,
                "handshake" => self.handshake = limit,
                _ => self.authentication = limit,
            }
        }
        Ok(())
    }

    fn ssh(&mut self, table: &dyn TableLike) -> Result<(), Fault> {
        for (key, item) in known(table, "ssh.", &["config", "path", "engine"])? {
            match key {
                "engine" => self.engine = Some(engine(key, item)?),
                "config" => self.ssh_config = Some(path(key, item)?),
                _ => self.ssh_path = Some(search_path(key, item)?),
            }
        }
        Ok(())
    }

    fn programs(&mut self, table: &dyn TableLike) -> Result<(), Fault> {
        for (key, item) in known(table, PROGRAMS, &["ssh"])? {
            self.ssh_program = Some(path(key, item)?);
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
                "park_drafts" => self.park_drafts = Some(duration(key, item)?),
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

fn not_toml(text: &str, error: &toml_edit::TomlError) -> Wrong {
    let what = error.message().trim().replace('\n', ", ");
    let at = error.span().map_or(0, |it| it.start);
    Wrong { line: line(text, at), what, remedy: "Write it as TOML: key = \"value\"".to_owned() }
}

fn files(key: &str, item: &Item) -> Result<Vec<PathBuf>, Fault> {
    let path = |it: &toml_edit::Value| {
        let said = it.as_str().filter(|it| !it.chars().any(char::is_control))?;
        (said.starts_with('/') || said.starts_with("~/")).then(|| PathBuf::from(said))
    };
    let found: Option<Vec<PathBuf>> = item.as_array().and_then(|list| list.iter().map(path).collect());
    let found = found.filter(|it| it.len() <= FILES_MAX);
    found.ok_or_else(|| {
        let wanted = format!("a list of at most {FILES_MAX} files from / or ~/");
        fault(item, key, &wanted, &format!("Write {key} = [\"~/.config/cotty/work.toml\"]"))
    })
}

fn target(key: &str, item: &Item) -> Result<String, Fault> {
    let said = text(key, item)?;
    match said.parse::<Target>() {
        Ok(_) => Ok(said),
        Err(error) => Err((
            item.span().unwrap_or(0..0),
            format!("{key} is no target: {error}"),
            "Write local, a device, an alias of ssh's or user@host:port".to_owned(),
        )),
    }
}

fn listen(key: &str, item: &Item) -> Result<Listen, Fault> {
    let remedy = "Write listen = \"auto\", \"off\" or \"127.0.0.1:4680\"".to_owned();
    let at = item.span().unwrap_or(0..0);
    match item.as_str().map(str::parse) {
        Some(Ok(listen)) => Ok(listen),
        Some(Err(why)) => Err((at, format!("{key}: {why}"), remedy)),
        None => Err((at, format!("{key} is not \"auto\", \"off\" or an address"), remedy)),
    }
}

fn targets(key: &str, item: &Item) -> Result<Targets, Fault> {
    let said = item.as_str().and_then(|said| Targets::ALL.into_iter().find(|it| it.word() == said));
    said.ok_or_else(|| {
        fault(
            item,
            key,
            "any, ssh_config or configured",
            &format!("Write {key} = \"any\", \"ssh_config\" or \"configured\""),
        )
    })
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
        let text = "targets = \"configured\"\nagent_socket = \"~/a.sock\"\nlisten = \"[::1]:4000\"\n[session]\nlabel = \"a \\\"b\\\"\"\nidle_timeout = \"90m\"\npark_drafts = \"45s\"\n[timeouts]\nconnect = \"3s\"\n\
                    [ssh]\nconfig = \"~/c\"\n[devices.\"db.lan\"]\nidle_timeout = \"off\"\ndefault = true\n\
                    auth = { key = \"/k\", password_env = \"P\", passphrase_file = \"~/p\" }\n[devices.web1]\nport = 3\n";
        let config = crate::config::Config::from(Written::parse(text).unwrap());
        assert_eq!(crate::config::Config::from(Written::parse(&config.to_toml()).unwrap()), config);
    }

    #[test]
    fn an_unknown_key_names_its_line_and_what_was_meant() {
        let found = wrong("# mine\n\n[session]\nshell = \"zsh\"\ncolumns = 80\n");
        assert_eq!((found.line, found.what.as_str()), (5, "there is no key session.columns"));
        assert_eq!(
            found.remedy,
            "Remove the line; the keys here are shell, term, cols, rows, idle_timeout, park_drafts, label, startup"
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
            ("listen = \"0.0.0.0:80\"", 1),
            ("\nlisten = true", 2),
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
