//! The names that ssh's configuration spells out, found by reading alone, and whether its files have changed since.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::glob::{self, Letters};
use crate::openssh::OpenSsh;

/// A longer file is no configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// ssh's own limit of files that include files.
const DEPTH_MAX: usize = 16;
/// More files than anybody has.
const FILES_MAX: usize = 1000;

/// What the files of ssh's configuration say without being carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The hosts that are named without a pattern, in lower case.
    pub literal: BTreeSet<String>,
    /// A `Match exec` is among it: what ssh says may differ from one time to the next.
    pub runs_programs: bool,
    /// What was read, and its state then.
    stamps: Vec<Stamp>,
}

/// A file or directory, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    state: Option<(SystemTime, u64)>,
}

impl Names {
    /// Reads the files. What cannot be read names nobody.
    #[must_use]
    pub fn read(ssh: &OpenSsh) -> Self {
        let mut names = Self::default();
        for (file, base) in ssh.configs() {
            names.take_file(ssh, &file, &base, 0);
        }
        names.stamps.extend(ssh.program.as_deref().map(Stamp::of));
        names
    }

    /// Says whether a host is named without a pattern.
    #[must_use]
    pub fn spells_out(&self, host: &str) -> bool {
        self.literal.contains(&host.to_lowercase())
    }

    /// Says whether every file is as it was.
    #[must_use]
    pub fn are_current(&self) -> bool {
        self.stamps.iter().all(|it| *it == Stamp::of(&it.path))
    }

    fn take_file(&mut self, ssh: &OpenSsh, file: &Path, base: &Path, depth: usize) {
        // The state is looked at before the content: a change in between is noticed the next time.
        self.stamps.push(Stamp::of(file));
        if depth > DEPTH_MAX || self.stamps.len() > FILES_MAX {
            return;
        }
        for line in content(file).lines() {
            let Some((keyword, arguments)) = words(line) else { continue };
            match keyword.as_str() {
                "host" => self.literal.extend(
                    arguments.iter().filter(|it| !it.contains(['*', '?', '!'])).map(|it| it.to_lowercase()),
                ),
                "match" => {
                    // Also `!exec` and `exec="…"`. A name with it in it costs no more than an answer that is not kept.
                    self.runs_programs |= arguments.iter().any(|it| it.to_lowercase().contains("exec"));
                }
                "include" => {
                    for pattern in &arguments {
                        let pattern = base.join(ssh.expanded(Path::new(pattern)));
                        for included in self.included(&pattern) {
                            self.take_file(ssh, &included, base, depth + 1);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Returns the files that a pattern means. Patterns in directories' names are not followed, and count as a program:
    /// what they bring is asked for each time.
    fn included(&mut self, pattern: &Path) -> Vec<PathBuf> {
        let is_pattern = |it: &Path| it.to_string_lossy().contains(['*', '?', '[']);
        let (Some(folder), Some(last)) = (pattern.parent(), pattern.file_name()) else { return Vec::new() };
        if is_pattern(folder) || last.to_string_lossy().contains('[') {
            self.runs_programs = true;
            return Vec::new();
        }
        if !is_pattern(Path::new(last)) {
            return vec![pattern.to_owned()];
        }
        self.stamps.push(Stamp::of(folder));
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(FILES_MAX);
        let wanted = last.to_string_lossy().into_owned();
        let is_wanted = |name: &str| {
            (!name.starts_with('.') || wanted.starts_with('.'))
                && glob::matches(wanted.as_bytes(), name.as_bytes(), Letters::AsWritten)
        };
        let mut found: Vec<PathBuf> =
            entries.filter(|it| it.file_name().to_str().is_some_and(is_wanted)).map(|it| it.path()).collect();
        found.sort();
        found
    }
}

impl Stamp {
    fn of(path: &Path) -> Self {
        let about = fs::metadata(path).ok();
        let state = about.and_then(|it| Some((it.modified().ok()?, it.len())));
        Self { path: path.to_owned(), state }
    }
}

/// Reads a file of the configuration; what is none says nothing.
pub(super) fn content(file: &Path) -> String {
    let mut bytes = Vec::new();
    // A pipe in its place would be waited for.
    if fs::metadata(file).is_ok_and(|it| it.is_file())
        && let Ok(opened) = File::open(file)
        && opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes).is_err()
    {
        bytes.clear();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Finds the files that a pattern means, in the order of their names. Each part of it may have stars and question marks.
pub(super) fn found_by(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let wanted = part.as_os_str().to_string_lossy().into_owned();
        if !wanted.contains(['*', '?']) {
            found.iter_mut().for_each(|it| it.push(&wanted));
            continue;
        }
        let is_wanted = |name: &str| {
            (!name.starts_with('.') || wanted.starts_with('.'))
                && glob::matches(wanted.as_bytes(), name.as_bytes(), Letters::AsWritten)
        };
        let inside = |folder: &PathBuf| {
            fs::read_dir(folder).into_iter().flatten().flatten().take(FILES_MAX).collect::<Vec<_>>()
        };
        let mut next: Vec<PathBuf> = found
            .iter()
            .flat_map(inside)
            .filter(|it| it.file_name().to_str().is_some_and(is_wanted))
            .map(|it| it.path())
            .collect();
        next.sort();
        next.truncate(FILES_MAX);
        found = next;
    }
    found.retain(|it| it.exists());
    found
}

/// Splits a line into its keyword, in lower case, and its arguments; quotes keep blanks together.
fn words(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find([' ', '\t', '=', '"']).unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let (mut arguments, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for letter in rest.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_with(String::new);
            }
            ' ' | '\t' if !quoted => arguments.extend(word.take()),
            '#' if !quoted && word.is_none() => break,
            letter => word.get_or_insert_with(String::new).push(letter),
        }
    }
    arguments.extend(word);
    Some((keyword.to_lowercase(), arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(home: &Path) -> OpenSsh {
        let config = Some(home.join(".ssh/config"));
        OpenSsh { program: None, ..OpenSsh::of(home, "me", config) }
    }

    #[test]
    fn names_without_patterns_are_found_also_in_included_files() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = home.path().join(".ssh").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("config.d/10-work", "host Work1 \"work 2\"\n");
        write("config.d/.hidden", "Host hidden\n");
        write("config.d/other.txt", "Host=other\n");
        write("more", "Host deep\nInclude more\n");
        write(
            "config",
            "# Host no\nHost web1 *.lan !x ?y # Host comment\n  HostName 10.0.0.1\nInclude config.d/1* ~/.ssh/more\nMatch host z exec \"true\"\n",
        );
        let names = Names::read(&ssh(home.path()));
        assert_eq!(
            names.literal.iter().map(String::as_str).collect::<Vec<_>>(),
            ["deep", "web1", "work 2", "work1"]
        );
        assert!(names.spells_out("WEB1") && names.runs_programs && names.are_current());
        write("config.d/11", "Host new\n");
        assert!(!names.are_current());
        let names = Names::read(&ssh(home.path()));
        assert!(names.are_current() && names.spells_out("new"));
        fs::remove_file(home.path().join(".ssh/more")).unwrap();
        assert!(!names.are_current());
    }

    #[test]
    fn a_condition_that_runs_a_program_is_found_however_it_is_written() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join(".ssh")).unwrap();
        for (line, runs) in [
            ("Match exec true", true),
            ("Match host a EXEC=\"test -e x\"", true),
            ("match host=a !exec=true", true),
            ("Match=Exec = \"true\"", true),
            ("Match host a user b", false),
            ("Host exec", false),
        ] {
            fs::write(home.path().join(".ssh/config"), format!("{line}\n User x\n")).unwrap();
            assert_eq!(Names::read(&ssh(home.path())).runs_programs, runs, "{line}");
        }
    }

    #[test]
    fn without_files_nobody_is_named() {
        let home = tempfile::tempdir().unwrap();
        let names = Names::read(&ssh(home.path()));
        assert!(names.literal.is_empty() && !names.runs_programs && names.are_current());
        fs::create_dir_all(home.path().join(".ssh/config")).unwrap();
        assert!(!names.are_current() && Names::read(&ssh(home.path())).literal.is_empty());
    }
}
