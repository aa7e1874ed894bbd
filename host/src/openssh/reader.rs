//! ssh's configuration read by ourselves, where ssh is not there or must not be asked. It runs nothing: a block whose
//! condition would have to (`Match exec`) is skipped, and named.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::glob::{self, Letters};
use crate::openssh::lines::{Line, arguments, line};
use crate::openssh::meaning::{By, answer};
use crate::openssh::names::{content, found_by};
use crate::openssh::options::{self, Kind};
use crate::openssh::said::Said;
use crate::openssh::{Answer, NoAnswer, OpenSsh, Question, SYSTEM_CONFIG};

/// ssh's own limit of files that include files.
const DEPTH_MAX: usize = 16;
/// More files than anybody has.
const FILES_MAX: usize = 1000;
/// ssh's own limit of key files.
const FILES_OF_KEYS_MAX: usize = 100;

/// What was read for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// What it says.
    pub answer: Answer,
    /// What was skipped, in our own words: a condition that would run a program, a name that would be looked up.
    pub skipped: Vec<String>,
}

/// Reads the files for a host.
///
/// # Errors
///
/// Says what ssh would not take either.
pub fn read(ssh: &OpenSsh, question: Question<'_>) -> Result<Read, NoAnswer> {
    let plain = Reader::new(ssh, question).said();
    let mut reader = Reader::new(ssh, question);
    reader.given()?;
    reader.files()?;
    if reader.wants_again {
        // ssh reads once more, for the name that it came to; what is set stays.
        let host = reader.hostname().to_lowercase();
        reader.set.insert("hostname".to_owned(), vec![host.clone()]);
        reader.again = Some(host);
        reader.files()?;
    }
    let is_on = |it: &Vec<String>| it.first().is_some_and(|it| !["no", "false"].contains(&it.as_str()));
    if reader.set.get("canonicalizehostname").is_some_and(is_on) {
        reader.skip("CanonicalizeHostname, which looks names up".to_owned());
    }
    let answer = answer(ssh, question, &reader.said(), &plain, By::Ourselves);
    Ok(Read { answer, skipped: reader.skipped })
}

struct Reader<'a> {
    ssh: &'a OpenSsh,
    question: Question<'a>,
    set: BTreeMap<String, Vec<String>>,
    skipped: Vec<String>,
    files: usize,
    wants_again: bool,
    /// The name for which it is read once more.
    again: Option<String>,
}

/// Where a line stands, and whether what it says holds.
struct Place<'a> {
    file: &'a Path,
    base: &'a Path,
    line: usize,
    depth: usize,
    /// Nothing in this file can hold: it is included from a block that does not.
    never: bool,
    active: bool,
}

impl<'a> Reader<'a> {
    fn new(ssh: &'a OpenSsh, question: Question<'a>) -> Self {
        let mut set = BTreeMap::new();
        // What is said on the command line comes first.
        let given =
            [("user", question.user.map(str::to_owned)), ("port", question.port.map(|it| it.to_string()))];
        for (word, value) in given {
            set.extend(value.map(|it| (word.to_owned(), vec![it])));
        }
        Self { ssh, question, set, skipped: Vec::new(), files: 0, wants_again: false, again: None }
    }

    /// Takes what counts before every file, as ssh takes `-o`.
    fn given(&mut self) -> Result<(), NoAnswer> {
        for (word, value) in self.question.options {
            let wrong = |why: String| NoAnswer::Refused(format!("the option {word} of the device: {why}"));
            let read = line(&format!("{word} {value}")).ok().flatten();
            let read = read.ok_or_else(|| wrong("it cannot be read".to_owned()))?;
            let kind = options::kind(&read.word).ok_or_else(|| wrong("it is not known".to_owned()))?;
            self.option(&read.word, kind, &read).map_err(wrong)?;
        }
        Ok(())
    }

    fn files(&mut self) -> Result<(), NoAnswer> {
        for (file, base) in self.ssh.configs() {
            let checked = self.ssh.config.is_none() && file != Path::new(SYSTEM_CONFIG);
            self.file(&file, &base, 0, false, checked)?;
        }
        Ok(())
    }

    fn file(
        &mut self,
        file: &Path,
        base: &Path,
        depth: usize,
        never: bool,
        checked: bool,
    ) -> Result<(), NoAnswer> {
        self.files += 1;
        if depth > DEPTH_MAX || self.files > FILES_MAX {
            return Err(NoAnswer::Refused(format!("{}: too many files include files", file.display())));
        }
        if checked && others_may_write(file) {
            return Err(NoAnswer::Refused(format!("Bad owner or permissions on {}", file.display())));
        }
        let text = content(file);
        let mut place = Place { file, base, line: 0, depth, never, active: !never };
        for (at, written) in text.lines().enumerate() {
            place.line = at + 1;
            match line(written) {
                Ok(Some(line)) => self.take(&line, &mut place)?,
                Ok(None) => {}
                Err(_) => return Err(place.wrong("a quote is not closed")),
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &Line, place: &mut Place<'_>) -> Result<(), NoAnswer> {
        if line.rest.is_empty() {
            return Err(place.wrong(&format!("no argument after keyword \"{}\"", line.word)));
        }
        match line.word.as_str() {
            "host" => {
                let host = self.again.as_deref().unwrap_or(self.question.host);
                place.active = !place.never && is_meant(&line.arguments, host, Letters::AsWritten);
            }
            "match" => {
                let holds = self.holds(line, place)?;
                place.active = holds && !place.never;
            }
            "include" => {
                for pattern in &line.arguments {
                    let pattern = place.base.join(self.ssh.expanded(Path::new(pattern)));
                    for file in found_by(&pattern) {
                        // ssh looks at whose these are, whatever file includes them.
                        self.file(&file, place.base, place.depth + 1, !place.active, true)?;
                    }
                }
            }
            word => {
                let word = options::renamed(word);
                let kind = self.kind(word, place)?;
                if let Some(kind) = kind.filter(|_| place.active) {
                    self.option(word, kind, line).map_err(|why| place.wrong(&why))?;
                }
            }
        }
        Ok(())
    }

    /// Finds what a word takes; nothing where it is unknown and may be.
    fn kind(&self, word: &str, place: &Place<'_>) -> Result<Option<Kind>, NoAnswer> {
        if let Some(kind) = options::kind(word) {
            return Ok(Some(kind));
        }
        let ignored = self.set.get("ignoreunknown").and_then(|it| it.first());
        let is_ignored =
            |list: &String| list.split(',').any(|it| matches(&it.to_lowercase(), word, Letters::OfAnyCase));
        if ignored.is_some_and(is_ignored) {
            return Ok(None);
        }
        Err(place.wrong(&format!("Bad configuration option: {word}")))
    }

    /// Takes an option: the first value that is set counts, and of lists all.
    fn option(&mut self, word: &str, kind: Kind, line: &Line) -> Result<(), String> {
        let is_set = self.set.contains_key(word);
        let first = || line.arguments.first().cloned().ok_or_else(|| "no argument".to_owned());
        let value = match kind {
            Kind::Command => vec![line.rest.clone()],
            Kind::Words => vec![line.arguments.join(" ")],
            Kind::Variables => {
                self.variables(&line.arguments);
                return Ok(());
            }
            Kind::Files => {
                let files = self.set.entry(word.to_owned()).or_default();
                let file = first()?;
                if !files.contains(&file) && files.len() < FILES_OF_KEYS_MAX {
                    files.push(file);
                }
                return Ok(());
            }
            Kind::Assignments => options::assignments(&line.arguments)?,
            Kind::One(check) => {
                if line.arguments.len() > 1 {
                    return Err(format!("keyword {word} extra arguments at end of line"));
                }
                vec![check(&first()?)?]
            }
        };
        // Of two ways the one that is named first counts.
        let other = match word {
            "proxycommand" => self.set.contains_key("proxyjump"),
            "proxyjump" => self.set.contains_key("proxycommand"),
            _ => false,
        };
        if !is_set && !other {
            self.set.insert(word.to_owned(), value);
        }
        Ok(())
    }

    fn variables(&mut self, named: &[String]) {
        let list = self.set.entry("sendenv".to_owned()).or_default();
        for name in named {
            match name.strip_prefix('-') {
                Some(pattern) => list.retain(|it| !matches(pattern, it, Letters::AsWritten)),
                None => list.push(name.clone()),
            }
        }
    }

    /// Says whether the conditions of a `Match` hold. What cannot be found out without running or asking something does not.
    fn holds(&mut self, line: &Line, place: &Place<'_>) -> Result<bool, NoAnswer> {
        let mut words = arguments(&line.rest).map_err(|_| place.wrong("a quote is not closed"))?.into_iter();
        let mut holds = true;
        while let Some(written) = words.next() {
            let (criterion, negated) = match written.strip_prefix('!') {
                Some(criterion) => (criterion.to_lowercase(), true),
                None => (written.to_lowercase(), false),
            };
            // `host=a` is `host a`.
            let (criterion, joined) = match criterion.split_once('=') {
                Some((criterion, _)) => {
                    (criterion.to_owned(), written.split_once('=').map(|it| it.1.to_owned()))
                }
                None => (criterion, None),
            };
            let found = match criterion.as_str() {
                "all" => true,
                "canonical" => self.again.is_some(),
                "final" => {
                    self.wants_again |= holds;
                    self.again.is_some()
                }
                _ => {
                    let list = joined.filter(|it| !it.is_empty()).or_else(|| words.next());
                    let list = list.ok_or_else(|| place.wrong("Match without an argument"))?;
                    match self.subject(&criterion) {
                        Some((subject, letters)) => {
                            let patterns: Vec<String> = list.split(',').map(str::to_owned).collect();
                            is_meant(&patterns, &subject, letters)
                        }
                        None if !holds => false,
                        None => {
                            let at = format!("{}:{}", place.file.display(), place.line);
                            self.skip(format!("the block of Match {criterion} at {at}"));
                            return Ok(false);
                        }
                    }
                }
            };
            holds &= found != negated;
        }
        Ok(holds)
    }

    /// Returns what a condition is about, and whether its case counts; nothing where that is not known here.
    fn subject(&self, criterion: &str) -> Option<(String, Letters)> {
        match criterion {
            "host" => Some((self.hostname(), Letters::OfAnyCase)),
            "originalhost" => Some((self.question.host.to_owned(), Letters::OfAnyCase)),
            "user" => Some((self.first("user").unwrap_or(&self.ssh.user).to_owned(), Letters::AsWritten)),
            "localuser" => Some((self.ssh.user.clone(), Letters::AsWritten)),
            _ => None,
        }
    }

    fn skip(&mut self, what: String) {
        if !self.skipped.contains(&what) {
            self.skipped.push(what);
        }
    }

    fn first(&self, word: &str) -> Option<&str> {
        self.set.get(word)?.first().map(String::as_str)
    }

    /// The name that it comes to so far.
    fn hostname(&self) -> String {
        let host = self.question.host;
        let Some(name) = self.first("hostname") else { return host.to_owned() };
        name.replace("%%", "\0").replace("%h", host).replace('\0', "%")
    }

    /// What holds, with what ssh does by itself.
    fn said(&self) -> Said {
        let mut said = vec![
            ("hostname".to_owned(), self.hostname().to_lowercase()),
            ("user".to_owned(), self.first("user").unwrap_or(&self.ssh.user).to_owned()),
        ];
        for (word, values) in &self.set {
            match word.as_str() {
                "hostname" | "user" | "ignoreunknown" => {}
                word => said.extend(values.iter().map(|it| (word.to_owned(), options::shown(word, it)))),
            }
        }
        for (word, values) in options::DEFAULTS {
            if !self.set.contains_key(*word) {
                said.extend(values.iter().map(|it| ((*word).to_owned(), (*it).to_owned())));
            }
        }
        Said(said)
    }
}

impl Place<'_> {
    fn wrong(&self, what: &str) -> NoAnswer {
        NoAnswer::Refused(format!("{}: line {}: {what}", self.file.display(), self.line))
    }
}

/// Says whether one of the patterns means a name, and none that is negated does.
fn is_meant(patterns: &[String], host: &str, letters: Letters) -> bool {
    let means = |it: &str| matches(it, host, letters);
    let mut negated = patterns.iter().filter_map(|it| it.strip_prefix('!'));
    !negated.any(means) && patterns.iter().any(|it| !it.starts_with('!') && means(it))
}

fn matches(pattern: &str, text: &str, letters: Letters) -> bool {
    glob::matches(pattern.as_bytes(), text.as_bytes(), letters)
}

/// As ssh has it: whoever may write the file says where a login goes.
fn others_may_write(file: &Path) -> bool {
    let Ok(about) = std::fs::metadata(file) else { return false };
    let own = rustix::process::getuid().as_raw();
    about.mode() & 0o022 != 0 || (about.uid() != 0 && about.uid() != own)
}
