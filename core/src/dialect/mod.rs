//! How each kind of shell is spoken to: all that differs between shells lies below here, one file a shell.
//!
//! A dialect knows three things: the one line that makes a shell print our marks (the *hook*), the keys that
//! give it a command so that the command means what `SHELL -c` would make of it, and which marks to expect.

pub mod beside;
mod quote;
mod bash;
mod zsh;
mod dash;

use crate::marks::Key;

use beside::Beside;

/// Longer commands are refused: a file or the isolated lane is the way.
pub const COMMAND_BYTES_MAX: usize = 64 * 1024;

/// A kind of shell that we can speak to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shell {
    /// GNU bash, 5.1 or newer.
    #[default]
    Bash,
    /// zsh 5.
    Zsh,
    /// dash: no line editor, no mark before a command.
    Dash,
}

/// What is typed to give a shell one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The bytes to type.
    pub keys: Vec<u8>,
    /// The command holds nothing to run: a new prompt carries the status of what ran before.
    pub blank: bool,
}

impl Shell {
    /// Every shell we speak, in the order in which they are named to people.
    pub const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Dash];

    /// Finds the dialect of a program by its file name.
    #[must_use]
    pub fn of_program(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path).trim_start_matches('-');
        Self::ALL.into_iter().find(|shell| shell.name() == name)
    }

    /// Returns its program's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Dash => "dash",
        }
    }

    /// Returns whether it prints a mark when a command starts (`C`); else the echo tells where output begins.
    #[must_use]
    pub fn marks_starts(self) -> bool {
        match self {
            Self::Bash | Self::Zsh => true,
            Self::Dash => false,
        }
    }

    /// Returns whether it reads through a line editor of its own, which puts the terminal into raw mode.
    #[must_use]
    pub fn edits_lines(self) -> bool {
        match self {
            Self::Bash | Self::Zsh => true,
            Self::Dash => false,
        }
    }

    /// Returns the typed line after which this shell signs its prompts with `key`.
    #[must_use]
    pub fn hook(self, key: &Key) -> Vec<u8> {
        let line = match self {
            Self::Bash => bash::hook(key.as_str()),
            Self::Zsh => zsh::hook(key.as_str()),
            Self::Dash => dash::hook(key.as_str()),
        };
        line.into_bytes()
    }

    /// Returns what a shell inside another says of itself before it is hooked: who it runs as, and where.
    #[must_use]
    pub fn introduction(self, key: &Key) -> Vec<u8> {
        let key = key.as_str();
        format!(" printf '\\033]133;I;k={key};u=%s@%s\\007' \"$(id -un)\" \"$(uname -n)\";").into_bytes()
    }

    /// Finds the dialect of a login shell by its path; that of any other `sh` is dash's.
    #[must_use]
    pub fn of_login(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == "sh" { Some(Self::Dash) } else { Self::of_program(path) }
    }

    /// Returns the keys that give it `command`. `paste`: its line editor takes bracketed pastes just now.
    #[must_use]
    pub fn submit(self, command: &str, paste: bool) -> Submission {
        let keys = match self {
            Self::Bash => bash::submit(command, paste),
            Self::Zsh => zsh::submit(command, paste),
            Self::Dash => dash::submit(command),
        }
        .into_bytes();
        Submission { keys, blank: is_blank(command) }
    }

    /// Returns the command by which this shell takes over what another one exports, and its umask.
    #[must_use]
    pub fn take_over(self, beside: Beside) -> String {
        match self {
            Self::Bash | Self::Zsh => beside::by_reading(beside),
            Self::Dash => beside::by_quoting(beside),
        }
    }
}

/// Returns the first character that no command needs and a line editor or a terminal obeys, and its place.
#[must_use]
pub fn control_character(text: &str) -> Option<(char, usize)> {
    let obeyed = |it: char| it.is_control() && !matches!(it, '\n' | '\t');
    text.chars().enumerate().find(|&(_, it)| obeyed(it)).map(|(place, it)| (it, place + 1))
}

/// Returns whether the text holds nothing to run: blank lines and comments only.
fn is_blank(command: &str) -> bool {
    command.lines().all(|line| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with('#')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_shell_is_known_by_its_name() {
        assert_eq!(Shell::of_program("-bash"), Some(Shell::Bash));
        assert_eq!(Shell::of_program("/usr/bin/zsh"), Some(Shell::Zsh));
        assert_eq!(Shell::of_program("/usr/bin/fish"), None);
    }

    #[test]
    fn control_characters_are_found_with_their_place() {
        assert_eq!(control_character("ls\t-l\nid"), None);
        assert_eq!(control_character("ls\u{1b}[A"), Some(('\u{1b}', 3)));
        assert_eq!(control_character("a\u{7f}"), Some(('\u{7f}', 2)));
        assert_eq!(control_character("\0"), Some(('\0', 1)));
    }

    #[test]
    fn comments_and_empty_lines_run_nothing() {
        assert!(is_blank("") && is_blank("  # foo") && is_blank("\n\n# a\n"));
        assert!(!is_blank("# a\ntrue"));
    }
}
