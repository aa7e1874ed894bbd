//! What a verdict rests on: the marks, the looks at the kernel and the signals that were seen of a command, each with
//! its moment and its place in the output, so that another program can judge again.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use crate::facts::{Blocked, Facts, Inner, Member};
use crate::names::Boundary;
use crate::probe::{self, Front, Surroundings};
use crate::programs::SHELLS;

/// What is kept of one command.
const STEPS_MAX: usize = 32;
/// What is kept of a value.
const VALUE_CHARS_MAX: usize = 256;
/// Members of a foreground group that are named; of the others their number is told.
const MEMBERS_MAX: usize = 8;
/// What is kept of all of them: a name has 15 bytes, and a shell's options have their own limit.
const MEMBERS_CHARS_MAX: usize = 1_024;
/// What is kept of the options of a shell.
const OPTIONS_CHARS_MAX: usize = 32;

/// What kind of thing was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The command was typed.
    Typed,
    /// It was found again after a restart.
    Found,
    /// The shell signed something.
    Mark,
    /// The echo of what was typed was over.
    Echo,
    /// The kernel was asked, and two answers were equal.
    Facts,
    /// A signal was sent, or a key that asks for one.
    Signal,
    /// The terminal or its shell ended.
    End,
    /// It was settled.
    Verdict,
    /// Steps were left out here.
    Dropped,
    /// Something else, in words.
    Said,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Typed,
        Self::Found,
        Self::Mark,
        Self::Echo,
        Self::Facts,
        Self::Signal,
        Self::End,
        Self::Verdict,
        Self::Dropped,
        Self::Said,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Typed => "typed",
            Self::Found => "found",
            Self::Mark => "mark",
            Self::Echo => "echo",
            Self::Facts => "facts",
            Self::Signal => "signal",
            Self::End => "end",
            Self::Verdict => "verdict",
            Self::Dropped => "dropped",
            Self::Said => "said",
        })
    }
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Since the command was typed, in whole milliseconds.
    pub after: Duration,
    /// Where the session's output ended then.
    pub at: u64,
    /// What it was.
    pub kind: Kind,
    /// What is known of it, by name, in an order to be read in.
    pub details: Vec<(String, String)>,
}

impl Step {
    /// Makes a step of which nothing more is known. Moment and place are the run's to add.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { after: Duration::ZERO, at: 0, kind, details: Vec::new() }
    }

    /// Makes a step of words.
    #[must_use]
    pub fn said(words: impl Into<String>) -> Self {
        Self::new(Kind::Said).with("words", words.into())
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(self, name: &str, value: impl fmt::Display) -> Self {
        self.with_up_to(VALUE_CHARS_MAX, name, value)
    }

    fn with_up_to(mut self, chars_max: usize, name: &str, value: impl fmt::Display) -> Self {
        let value = value.to_string().chars().take(chars_max).collect();
        self.details.push((name.to_owned(), value));
        self
    }

    /// Adds a detail where there is one.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a verdict and how surely it is known.
    #[must_use]
    pub fn concludes(self, verdict: impl fmt::Display, grade: Boundary) -> Self {
        self.with("verdict", verdict).with("grade", grade)
    }

    /// Adds a look at the kernel: the session's terminal, and the innermost one behind what is in front of it.
    #[must_use]
    pub fn shows(self, facts: &Facts) -> Self {
        let step = self.with("shell", facts.shell.pid).terminal("", facts);
        let mut innermost = facts;
        while let Inner::Terminal(inner) = &innermost.inner {
            innermost = inner;
        }
        match innermost.inner {
            Inner::Opaque => step.with("inner", "opaque"),
            _ if std::ptr::eq(innermost, facts) => step,
            _ => step.terminal("inner-", innermost),
        }
    }

    /// Adds what a judge must know beside the facts.
    #[must_use]
    pub fn surrounded(self, around: &Surroundings, facts: &Facts) -> Self {
        let step = self.with("dialect", around.shell.name());
        let (step, front) = match around.front {
            Front::Own => (step, facts.shell.pid),
            Front::Inside(pid) => (step.with("front", pid), pid),
            Front::Beyond => (step.with("front", "beyond"), 0),
        };
        let members = &probe::innermost(facts).unwrap_or(facts).members;
        let now = members.iter().find(|it| it.program.pid == front).and_then(|it| it.program.executable);
        let replaced = now.zip(around.executable).filter(|(now, signed)| now != signed);
        let file = |(device, inode)| format!("{device}:{inode}");
        step.with("unanswered", around.unanswered)
            .with("addressed", around.addressed)
            .with("more-wanted", around.more_wanted)
            .with_some("executable-signed", replaced.map(|(_, signed)| file(signed)))
            .with_some("executable-now", replaced.map(|(now, _)| file(now)))
    }

    fn terminal(self, of: &str, facts: &Facts) -> Self {
        let mut members: Vec<String> = facts.members.iter().take(MEMBERS_MAX).map(member).collect();
        if let more @ 1.. = facts.members.len().saturating_sub(MEMBERS_MAX) {
            members.push(format!("and {more} more"));
        }
        self.with(&format!("{of}canonical"), facts.canonical)
            .with(&format!("{of}echo"), facts.echo)
            .with(&format!("{of}foreground"), facts.foreground)
            .with_up_to(MEMBERS_CHARS_MAX, &format!("{of}members"), members.join("; "))
    }

    /// Returns a detail.
    #[must_use]
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Returns its details as people read them.
    #[must_use]
    pub fn words(&self) -> String {
        if let (Kind::Said, Some(words)) = (self.kind, self.detail("words")) {
            return words.to_owned();
        }
        let words = self.details.iter().map(|(name, value)| format!("{name} {value}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// A process of the foreground group: `81 less S waits for the terminal`.
fn member(member: &Member) -> String {
    let blocked = match &member.blocked {
        Blocked::OnTerminal => "waits for the terminal".to_owned(),
        Blocked::OnTerminalByte => "reads one byte of the terminal".to_owned(),
        Blocked::Elsewhere => "does not wait for it".to_owned(),
        Blocked::Unseen { channel, terminal, socket } => {
            let has = |it: bool, what: &str| if it { format!(", has {what}") } else { String::new() };
            let channel = if channel.is_empty() { "hidden" } else { channel };
            format!("wait channel {channel}{}{}", has(*terminal, "the terminal"), has(*socket, "a socket"))
        }
    };
    let foreign = if member.foreign { ", another user's" } else { "" };
    let called = options(member).map(|it| format!(", called with {it}")).unwrap_or_default();
    // The name is the program's own choice, and a semicolon ends a member.
    let comm = member.program.comm.replace(';', "?");
    format!("{} {comm} {} {blocked}{foreign}{called}", member.program.pid, member.state)
}

/// The options that a shell was started with, and `…` for its words: whether it reads commands of its terminal hangs on
/// them. The words themselves may hold a secret.
fn options(member: &Member) -> Option<String> {
    let (_, words) = member.argv.split_first().filter(|(_, words)| !words.is_empty())?;
    SHELLS.contains(&member.program.comm.as_str()).then_some(())?;
    let options: Vec<&str> = words.iter().map(String::as_str).take_while(|it| it.starts_with('-')).collect();
    let more = if options.len() < words.len() { " …" } else { "" };
    let listed: String = options.join(" ").replace([';', ','], "?").chars().take(OPTIONS_CHARS_MAX).collect();
    Some(format!("{listed}{more}").trim_start().to_owned())
}

/// As the store keeps it: `12 4821 mark letter=D serial=3`, with what would end a value escaped.
impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.after.as_millis(), self.at, self.kind)?;
        for (name, value) in &self.details {
            write!(out, " {name}=")?;
            for letter in value.chars() {
                match letter {
                    ' ' => out.write_char('+')?,
                    '+' | '%' => write!(out, "%{:02x}", u32::from(letter))?,
                    it if it.is_control() || it.is_whitespace() => out.write_char('?')?,
                    it => out.write_char(it)?,
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Step {
    type Err = NotAStep;

    fn from_str(line: &str) -> Result<Self, NotAStep> {
        let mut words = line.split(' ');
        let mut next = || words.next().ok_or(NotAStep);
        let after = Duration::from_millis(next()?.parse().map_err(|_| NotAStep)?);
        let at = next()?.parse().map_err(|_| NotAStep)?;
        let word = next()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.to_string() == word).ok_or(NotAStep)?;
        let detail = |word: &str| {
            let (name, value) = word.split_once('=')?;
            let value = value.replace('+', " ").replace("%2b", "+").replace("%25", "%");
            Some((name.to_owned(), value))
        };
        let details = words.map(detail).collect::<Option<_>>().ok_or(NotAStep)?;
        Ok(Self { after, at, kind, details })
    }
}

/// The line is none that a step makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no step of evidence")]
pub struct NotAStep;

/// The steps of one command, oldest first; the first is kept, and of the others the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    steps: Vec<Step>,
}

impl Evidence {
    /// Adds a step.
    pub fn add(&mut self, step: Step) {
        if self.steps.len() == STEPS_MAX {
            // How it was typed and how it came to stand as it does is worth most.
            let gone = self.steps.remove(1);
            let before = match gone.kind {
                Kind::Dropped => gone.detail("steps").and_then(|it| it.parse().ok()).unwrap_or(1),
                _ => {
                    self.steps.remove(1);
                    1_u64
                }
            };
            let dropped = Step { at: gone.at, after: gone.after, ..Step::new(Kind::Dropped) };
            self.steps.insert(1, dropped.with("steps", before + 1));
            if gone.kind == Kind::Dropped {
                self.steps.remove(2);
            }
        }
        self.steps.push(step);
    }

    /// Returns the steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns the rows of the screen on which a pager showed pages, if facts ever told of one.
    #[must_use]
    pub fn pager_rows(&self) -> Option<u16> {
        let step = self.steps.iter().find(|step| step.detail("verdict") == Some("waits for pager"))?;
        step.detail("screen")?.split_once('x')?.1.parse().ok()
    }

    /// Returns them as the store keeps them, a line each.
    #[must_use]
    pub fn to_lines(&self) -> String {
        self.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Takes them from the store. A line of an earlier version is taken as words.
    #[must_use]
    pub fn of_lines(lines: &str) -> Self {
        Self { steps: lines.lines().map(|line| line.parse().unwrap_or_else(|_| Step::said(line))).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Program;

    #[test]
    fn what_the_store_keeps_comes_back() {
        let program = Program { pid: 81, executable: None, comm: "a b+c%".into() };
        let blocked = Blocked::Unseen { channel: "wait_woken".into(), terminal: true, socket: false };
        let member = Member { program, state: 'S', blocked, ..Member::default() };
        let facts = Facts { foreground: 81, canonical: true, members: vec![member], ..Facts::default() };
        let mut evidence = Evidence::default();
        evidence.add(Step::new(Kind::Typed).with("serial", 3).with("at", "1:48"));
        let seen = Step::new(Kind::Facts).concludes("waits for line", Boundary::Probed).shows(&facts);
        evidence.add(Step { after: Duration::from_millis(12), at: 4821, ..seen });
        let again = Evidence::of_lines(&evidence.to_lines());
        assert_eq!(again, evidence);
        let words = again.steps()[1].words();
        assert!(words.contains("81 a b+c% S wait channel wait_woken, has the terminal"), "{words}");
        assert_eq!(again.steps()[1].detail("grade"), Some("probed"));
        assert_eq!(Evidence::of_lines("mark D, serial 1").steps()[0].words(), "mark D, serial 1");
    }

    #[test]
    fn the_first_and_the_newest_are_kept_and_what_is_missing_is_counted() {
        let mut evidence = Evidence::default();
        for number in 0..100 {
            evidence.add(Step::new(Kind::Signal).with("number", number));
        }
        let steps = evidence.steps();
        assert_eq!(steps.len(), STEPS_MAX);
        let number = |step: &Step| step.detail("number").map(str::to_owned);
        assert_eq!((number(&steps[0]), number(&steps[STEPS_MAX - 1])), (Some("0".into()), Some("99".into())));
        // The first, the count and the newest thirty.
        assert_eq!((steps[1].kind, steps[1].detail("steps")), (Kind::Dropped, Some("69")));
        assert_eq!(number(&steps[2]), Some("70".into()));
    }

    #[test]
    fn no_value_breaks_a_line() {
        let step = Step::said("a\nb\u{2028}c");
        let line = step.to_string();
        assert_eq!(line.lines().count(), 1, "{line:?}");
        assert!(line.parse::<Step>().is_ok());
    }
}
