//! A program of the torture bench: steps that every kind of shell knows in words of its own.

/// What is submitted as one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What it does, one after the other.
    pub steps: Vec<Step>,
    /// What stands between them where a shell leaves the choice.
    pub between: Between,
}

/// What stands between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// `; `
    Semicolon,
    /// A line feed.
    Line,
    /// An empty line.
    Blank,
}

/// How a word is kept from meaning anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// A backslash before each character.
    Backslash,
}

/// A word that is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What it says.
    pub text: String,
    /// How it is written.
    pub quote: Quote,
}

/// What a pipe ends in.
pub const FILTERS: [&str; 8] =
    ["cat", "tr a-z A-Z", "sed 's/^/> /'", "wc -l", "grep -c a", "tail -n 2", "sort -r", "cat -v"];

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `echo` and words.
    Echo(Vec<Word>),
    /// `printf '%s\n'` and words.
    Printf(Vec<Word>),
    /// `printf` and a format without a quote.
    Format(String),
    /// Ends a shell of its own with this status.
    Status(u8),
    /// `true` or `false`.
    Truth(bool),
    /// Prints the status so far.
    ShowStatus,
    /// `( … )`
    Subshell(Vec<Step>),
    /// `{ …; }`
    Group(Vec<Step>),
    /// Through one of [`FILTERS`].
    Pipe(Vec<Step>, &'static str),
    /// `… && …`
    And(Box<Step>, Box<Step>),
    /// `… || …`
    Or(Box<Step>, Box<Step>),
    /// `! …`
    Not(Box<Step>),
    /// `if true` or `if false`, and what is done then and else.
    If(bool, Vec<Step>, Vec<Step>),
    /// For each of these words, which are printed.
    For(Vec<String>, Vec<Step>),
    /// As often as this.
    While(u8, Vec<Step>),
    /// Defined, then called.
    Function(Vec<Step>),
    /// A word, of which some pattern knows it.
    Case(String, Vec<Step>),
    /// Lines for `cat`; quoted or not.
    Document(Vec<String>, bool),
    /// Goes there and says where it is.
    Directory(&'static str),
    /// Sets a variable and prints it.
    Variable(Word),
    /// Prints what these print.
    Substitution(Vec<Step>),
    /// Beside the shell, and waited for.
    Background(Vec<Step>),
    /// In a subshell that says so when it ends.
    AtExit(Vec<Step>),
    /// A script that catches a signal of its own.
    Caught(&'static str),
    /// A subshell that ends with the first failure.
    Strict(Vec<Step>),
    /// So many milliseconds of nothing.
    Pause(u16),
    /// A comment alone.
    Comment(String),
    /// A comment behind it.
    Remark(Box<Step>, String),
    /// A script of another shell, with these steps in its words.
    Script(&'static str, Vec<Step>),
    /// Numbers up to this.
    Numbers(u32),
    /// A word of so many letters.
    Long(usize),
    /// On standard error.
    Complaint(Word),
    /// A program that is not there, in silence.
    Missing,
    /// With the terminal's echo off.
    Unechoed(Vec<Step>),
    /// Prints marks of this very session again.
    Replay,
    /// A script that a signal ends, in silence.
    Killed(&'static str),
    /// Written to a file, read and removed.
    File(Vec<Step>),
    /// Goes on in the next line.
    Continued(String, String),
    /// A sum.
    Sum(u16, u16),
    /// Names that are found.
    Names(&'static str),
}

impl Program {
    /// How many steps there are, those within others included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.steps.iter().map(Step::size).sum()
    }
}

impl Step {
    /// What stands within.
    #[must_use]
    pub fn inner(&self) -> Vec<&Step> {
        match self {
            Self::Subshell(steps)
            | Self::Group(steps)
            | Self::Pipe(steps, _)
            | Self::For(_, steps)
            | Self::While(_, steps)
            | Self::Function(steps)
            | Self::Case(_, steps)
            | Self::Substitution(steps)
            | Self::Background(steps)
            | Self::AtExit(steps)
            | Self::Strict(steps)
            | Self::Script(_, steps)
            | Self::Unechoed(steps)
            | Self::File(steps) => steps.iter().collect(),
            Self::And(one, other) | Self::Or(one, other) => vec![one, other],
            Self::Not(step) | Self::Remark(step, _) => vec![step],
            Self::If(_, then, otherwise) => then.iter().chain(otherwise).collect(),
            _ => Vec::new(),
        }
    }

    /// How many steps it is.
    #[must_use]
    pub fn size(&self) -> usize {
        1 + self.inner().into_iter().map(Self::size).sum::<usize>()
    }

    /// Tells whether this, or one within, is such a step.
    #[must_use]
    pub fn any(&self, is_such: &impl Fn(&Step) -> bool) -> bool {
        is_such(self) || self.inner().into_iter().any(|it| it.any(is_such))
    }
}
