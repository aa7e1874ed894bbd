//! What things are called: ids, actors, roles, modes, verdicts. What two siblings must both say stands here.

use std::fmt;
use std::str::FromStr;

/// Counts the shells of a session. It rises only when a session gets a new shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

/// A place in what a session printed: the shell's epoch, and bytes since that shell's terminal opened.
///
/// It counts raw bytes, never characters, is never reset within an epoch, and is the number the holder counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset {
    /// Which shell of the session.
    pub epoch: Epoch,
    /// Bytes that this shell's terminal had given before this place.
    pub byte: u64,
}

impl fmt::Display for Offset {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.epoch.0, self.byte)
    }
}

impl FromStr for Offset {
    type Err = NotAnOffset;

    fn from_str(text: &str) -> Result<Self, NotAnOffset> {
        let (epoch, byte) = text.split_once(':').ok_or(NotAnOffset)?;
        let epoch = Epoch(epoch.parse().map_err(|_| NotAnOffset)?);
        Ok(Self { epoch, byte: byte.parse().map_err(|_| NotAnOffset)? })
    }
}

/// The text is not of the form `EPOCH:BYTE`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an offset is written EPOCH:BYTE, as in 1:48213")]
pub struct NotAnOffset;

/// Returns whether this may name a variable of the environment in every shell: letters, digits and `_`, no digit first.
#[must_use]
pub fn is_variable(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(sound) && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

/// Who started a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunKind {
    /// An agent, through a tool or `cotty run`. Written `c7`.
    Command,
    /// A person, at the prompt. Written `h12`.
    Human,
}

/// Names one command of an instance. The numbers are shared by both kinds and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// Whose command it is.
    pub kind: RunKind,
    /// Its number.
    pub number: u64,
}

impl fmt::Display for RunId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind {
            RunKind::Command => 'c',
            RunKind::Human => 'h',
        };
        write!(out, "{letter}{}", self.number)
    }
}

impl FromStr for RunId {
    type Err = NotARunId;

    fn from_str(text: &str) -> Result<Self, NotARunId> {
        let mut letters = text.chars();
        let kind = match letters.next() {
            Some('c') => RunKind::Command,
            Some('h') => RunKind::Human,
            _ => return Err(NotARunId),
        };
        let digits = letters.as_str();
        if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
            return Err(NotARunId);
        }
        Ok(Self { kind, number: digits.parse().map_err(|_| NotARunId)? })
    }
}

/// The text is not a command's handle.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a command's handle is written c7 or h12")]
pub struct NotARunId;

/// The number of a card: a question that waits for a person. Written `q7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardId(pub u64);

impl fmt::Display for CardId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "q{}", self.0)
    }
}

impl FromStr for CardId {
    type Err = NotACard;

    fn from_str(text: &str) -> Result<Self, NotACard> {
        let digits = text.strip_prefix('q').unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
            return Err(NotACard);
        }
        digits.parse().map(Self).map_err(|_| NotACard)
    }
}

/// The text is not a card's number.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a card is written q7")]
pub struct NotACard;

/// The operator's choice of who may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Everyone may write.
    Common,
    /// Everyone may write; agents also wait a grace time after a person's last key.
    #[default]
    HumanFirst,
    /// Only people may write.
    HumanOnly,
    /// Only agents may write, except that a person may always interrupt.
    AgentOnly,
}

impl Mode {
    /// Every mode, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Common, Self::HumanFirst, Self::HumanOnly, Self::AgentOnly];
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Common => "common",
            Self::HumanFirst => "human-first",
            Self::HumanOnly => "human-only",
            Self::AgentOnly => "agent-only",
        })
    }
}

impl FromStr for Mode {
    type Err = NotAMode;

    fn from_str(text: &str) -> Result<Self, NotAMode> {
        Self::ALL.into_iter().find(|mode| mode.to_string() == text).ok_or(NotAMode)
    }
}

/// The text names no mode.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mode is common, human-first, human-only or agent-only")]
pub struct NotAMode;

/// What a caller may do. Derived by the daemon from the peer's process, never from what the caller says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A program that acts for a model: runs, reads and sends; it loosens nothing.
    Agent,
    /// A person at a terminal of their own: all of it.
    Operator,
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Agent => "agent",
            Self::Operator => "operator",
        })
    }
}

/// Who acts: a role that the daemon derived, and a label for people to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// What this caller may do.
    pub role: Role,
    /// Who this is said to be (`claude-code`, `attach pts/3`). For display only: nothing is decided by it.
    pub label: String,
}

/// What a command waits for, when it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InputKind {
    /// A line of text.
    Line,
    /// A line that is not shown: a password.
    Secret,
    /// A key that turns pages.
    Pager,
    /// Keys of an editor.
    Editor,
    /// Keys of some other program that draws on the whole screen.
    FullScreen,
    /// The rest of a command: the shell shows its second prompt.
    IncompleteSyntax,
    /// A yes or a no.
    Confirm,
    /// Any key, or Enter.
    PressKey,
    /// One entry of a list.
    Menu,
    /// Whether the key of a host is to be trusted.
    HostKey,
}

impl InputKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Line,
        Self::Secret,
        Self::Confirm,
        Self::PressKey,
        Self::Pager,
        Self::Editor,
        Self::FullScreen,
        Self::IncompleteSyntax,
        Self::Menu,
        Self::HostKey,
    ];

    /// Returns whether the program asks in words, and not with a whole screen.
    #[must_use]
    pub fn asks_in_words(self) -> bool {
        !matches!(self, Self::Pager | Self::Editor | Self::FullScreen)
    }

    /// Returns whether only a person may answer.
    #[must_use]
    pub fn is_a_persons(self) -> bool {
        matches!(self, Self::Secret | Self::HostKey)
    }
}

impl fmt::Display for InputKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Line => "line",
            Self::Secret => "secret",
            Self::Pager => "pager",
            Self::Editor => "editor",
            Self::FullScreen => "full_screen",
            Self::IncompleteSyntax => "incomplete_syntax",
            Self::Confirm => "confirm",
            Self::PressKey => "press_key",
            Self::Menu => "menu",
            Self::HostKey => "host_key",
        })
    }
}

/// How surely a state is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Boundary {
    /// Proven: a keyed mark with the awaited serial, or the end of the terminal.
    Exact,
    /// Read from kernel facts, twice.
    Probed,
    /// Neither.
    Heuristic,
}

impl fmt::Display for Boundary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Exact => "exact",
            Self::Probed => "probed",
            Self::Heuristic => "heuristic",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_read_as_it_is_written() {
        assert_eq!("q7".parse(), Ok(CardId(7)));
        assert_eq!(CardId(7).to_string(), "q7");
        for wrong in ["", "q", "7", "Q7", "q-1", "q 7", "c7", "q99999999999999999999"] {
            assert_eq!(wrong.parse::<CardId>(), Err(NotACard), "{wrong}");
        }
    }
}
