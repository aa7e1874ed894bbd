//! How each kind of shell is spoken to: all that differs between shells lies below here, one file a shell.
//!
//! A dialect knows three things: the one line that makes a shell print our marks (the *hook*), the keys that
//! give it a command so that the command means what `SHELL -c` would make of it, and which marks to expect.

pub mod beside;
mod quote;
mod pieces;
mod bash;
mod zsh;
mod fish;
mod dash;
mod ash;
mod mksh;
mod ksh93;
mod tcsh;

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
    /// fish 3 and newer.
    Fish,
    /// dash: no line editor, no mark before a command.
    Dash,
    /// The shell of busybox.
    Ash,
    /// mksh, the shell of MirBSD and Android.
    Mksh,
    /// `AT&T`'s ksh of 1993 and its heirs.
    Ksh93,
    /// tcsh.
    Tcsh,
}

/// What a shell shows of a line that was typed at its prompt, before it carries that out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echoes {
    /// A mark tells where the output begins.
    Marked,
    /// The terminal shows it, as it would to any program.
    Terminal,
    /// Its line editor does, and begins a new row where one is full if `wraps`: with two carriage returns, and a
    /// single one where the line is sent.
    Editor {
        /// Whether it does.
        wraps: bool,
        /// It begins after the prompt: what is typed at once is shown by the terminal, and then by the editor.
        late: bool,
    },
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
    pub const ALL: [Self; 8] =
        [Self::Bash, Self::Zsh, Self::Fish, Self::Dash, Self::Ash, Self::Mksh, Self::Ksh93, Self::Tcsh];

    /// Finds the dialect of a program by its file name.
    #[must_use]
    pub fn of_program(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path).trim_start_matches('-');
        let without_version = name.trim_end_matches(|it: char| it.is_ascii_digit() || ".-".contains(it));
        // What is called with an `r` in front restricts itself.
        let unrestricted = name.strip_prefix('r').unwrap_or(name);
        [name, without_version, unrestricted].into_iter().find_map(Self::named)
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "busybox" => Some(Self::Ash),
            "ksh" => Some(Self::Ksh93),
            "csh" => Some(Self::Tcsh),
            name => Self::ALL.into_iter().find(|shell| shell.name() == name),
        }
    }

    /// Returns its program's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Dash => "dash",
            Self::Ash => "ash",
            Self::Mksh => "mksh",
            Self::Ksh93 => "ksh93",
            Self::Tcsh => "tcsh",
        }
    }

    /// Returns the word that a program of many names must be called with to be this shell.
    #[must_use]
    pub fn applet(program: &str) -> Option<&'static str> {
        let name = program.rsplit('/').next().unwrap_or(program);
        (name == "busybox").then_some("ash")
    }

    /// Returns whether it prints a mark when a command starts (`C`); else the echo tells where output begins.
    #[must_use]
    pub fn marks_starts(self) -> bool {
        self.echoes() == Echoes::Marked
    }

    /// Returns what it shows of a typed command.
    #[must_use]
    pub fn echoes(self) -> Echoes {
        match self {
            Self::Bash | Self::Zsh | Self::Fish | Self::Tcsh => Echoes::Marked,
            Self::Dash => Echoes::Terminal,
            Self::Ash => Echoes::Editor { wraps: true, late: false },
            Self::Mksh => Echoes::Editor { wraps: false, late: false },
            Self::Ksh93 => Echoes::Editor { wraps: false, late: true },
        }
    }

    /// Returns whether it reads through a line editor of its own, which puts the terminal into raw mode.
    #[must_use]
    pub fn edits_lines(self) -> bool {
        self != Self::Dash
    }

    /// Returns whether it shows what is typed again by itself after a program has turned that off.
    #[must_use]
    pub fn restores_echo(self) -> bool {
        !matches!(self, Self::Dash | Self::Ash)
    }

    /// Returns whether its builtin `read` edits the line too: to the kernel that looks like its prompt.
    #[must_use]
    pub fn reads_by_editor(self) -> bool {
        matches!(self, Self::Fish | Self::Ksh93)
    }

    /// Returns whether its line editor waits for several things at once, where a builtin that reads a key waits in a read
    /// (bash 5.2, whose readline has pselect).
    #[must_use]
    pub fn polls_at_prompt(self) -> bool {
        self == Self::Bash
    }

    /// Returns whether a prompt that replaces ours is signed again before it is printed. Elsewhere there is no place for
    /// that: with another prompt the session is no longer exact.
    #[must_use]
    pub fn mends_prompts(self) -> bool {
        !matches!(self, Self::Dash | Self::Ash | Self::Mksh)
    }

    /// Returns whether a quote that is left open asks for the rest of the command; else it is an error.
    #[must_use]
    pub fn continues_quotes(self) -> bool {
        self != Self::Tcsh
    }

    /// Returns whether a line that it does not understand stays in its line editor, to be mended.
    #[must_use]
    pub fn keeps_wrong_lines(self) -> bool {
        self == Self::Fish
    }

    /// Returns what the terminal answers as this shell's line editor reads it.
    #[must_use]
    pub fn readable(self, answers: Vec<u8>) -> Vec<u8> {
        if self == Self::Ash { ash::readable(&answers) } else { answers }
    }

    /// Returns whether its line editor takes a terminal's late answers for text, so that they stand in the next line.
    #[must_use]
    pub fn takes_answers_for_text(self) -> bool {
        matches!(self, Self::Fish | Self::Ash | Self::Tcsh)
    }

    /// Returns whether its hooks run once more when it ends, so that only the prompt proves that it goes on.
    #[must_use]
    pub fn signs_its_end(self) -> bool {
        self == Self::Tcsh
    }

    /// Returns whether it ever reads a whole line of its terminal. fish reads by its editor only, and polls the terminal
    /// also while it waits for a job (3.6).
    #[must_use]
    pub fn reads_whole_lines(self) -> bool {
        self != Self::Fish
    }

    /// Returns whether the pipes between its commands are sockets: without the system call of a process, one with a socket
    /// is not known to read its terminal.
    #[must_use]
    pub fn pipes_are_sockets(self) -> bool {
        self == Self::Ksh93
    }

    /// Returns whether the serial of its marks counts prompts; else it counts commands.
    #[must_use]
    pub fn counts_prompts(self) -> bool {
        match self {
            Self::Bash | Self::Zsh | Self::Fish => false,
            Self::Dash | Self::Ash | Self::Mksh | Self::Ksh93 | Self::Tcsh => true,
        }
    }

    /// Returns whether its language is that of POSIX, but for what it adds.
    #[must_use]
    pub fn is_posix(self) -> bool {
        !matches!(self, Self::Fish | Self::Tcsh)
    }

    /// Returns what the rest of the world calls a status that it leaves when a command was interrupted.
    #[must_use]
    pub fn interrupted(self, status: i32) -> i32 {
        if self == Self::Tcsh && status == 1 { 130 } else { status }
    }

    /// Returns the typed line after which this shell signs its prompts with `key`.
    #[must_use]
    pub fn hook(self, key: &Key) -> Vec<u8> {
        let key = key.as_str();
        let line = match self {
            Self::Bash => bash::hook(key),
            Self::Zsh => zsh::hook(key),
            Self::Fish => fish::hook(key),
            Self::Dash => dash::hook(key),
            Self::Ash => ash::hook(key),
            Self::Mksh => mksh::hook(key),
            Self::Ksh93 => ksh93::hook(key),
            Self::Tcsh => tcsh::hook(key),
        };
        line.into_bytes()
    }

    /// Returns what a shell inside another says of itself before it is hooked: who it runs as, and where.
    #[must_use]
    pub fn introduction(self, key: &Key) -> Vec<u8> {
        let key = key.as_str();
        let said = |program: &str| match self {
            Self::Fish => format!("({program})"),
            Self::Tcsh => format!("\"`{program}`\""),
            _ => format!("\"$({program})\""),
        };
        let (user, host) = (said("id -un"), said("uname -n"));
        format!(" printf '\\033]133;I;k={key};u=%s@%s\\007' {user} {host};").into_bytes()
    }

    /// Finds the dialect of a login shell by its path; that of any other `sh` is dash's.
    #[must_use]
    pub fn of_login(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == "sh" { Some(Self::Dash) } else { Self::of_program(path) }
    }

    /// Returns the keys that give it `command`. `paste`: its line editor takes bracketed pastes just now. `key` signs a
    /// start that the keys mark by themselves.
    #[must_use]
    pub fn submit(self, command: &str, key: &Key, paste: bool) -> Submission {
        let keys = match self {
            Self::Bash => bash::submit(command, paste),
            Self::Zsh => zsh::submit(command, paste),
            Self::Fish => fish::submit(command, paste),
            Self::Dash => dash::submit(command),
            Self::Ash => ash::submit(command, key.as_str()),
            Self::Mksh => mksh::submit(command, key.as_str()),
            Self::Ksh93 => ksh93::submit(command, key.as_str()),
            Self::Tcsh => tcsh::submit(command),
        }
        .into_bytes();
        Submission { keys, blank: is_blank(command) }
    }

    /// Returns how what is shown of these keys is told from output.
    #[must_use]
    pub fn echoes_of(self, keys: &[u8]) -> Echoes {
        let lines = keys.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
        match self.echoes() {
            // Several lines are pieces, which mark their start.
            Echoes::Editor { .. } if lines > 1 => Echoes::Marked,
            other => other,
        }
    }

    /// Returns the command by which this shell takes over what another one exports, and its umask; none where it can not.
    #[must_use]
    pub fn take_over(self, beside: Beside) -> Option<String> {
        match self {
            Self::Bash | Self::Zsh => Some(beside::by_reading(beside)),
            Self::Dash | Self::Ash | Self::Mksh | Self::Ksh93 => Some(beside::by_quoting(beside)),
            Self::Fish => Some(beside::by_splitting(beside)),
            // It has no way to read a value with a line feed, or to keep one from being read as words.
            Self::Tcsh => None,
        }
    }
}

/// Returns what the count of the shell that signs with this key is called: a prompt that was inherited goes on counting in
/// the shell inside, by another name.
fn count(key: &str) -> String {
    format!("__c{}", &key[key.len().saturating_sub(6)..])
}

/// Returns the line by which any shell tells, signed with `key`, which program it is: another one that it starts looks at
/// what started it. Where that is not to be seen the login shell is named.
#[must_use]
pub fn who_reads(key: &str) -> Vec<u8> {
    let parent = "readlink /proc/$PPID/exe 2>/dev/null||echo $SHELL";
    format!(" sh -c 'printf \"\\033]133;I;k={key};u=%s\\007\" \"`{parent}`\"'\r").into_bytes()
}

/// Returns the first character that no command needs and a line editor or a terminal obeys, and its place.
#[must_use]
pub fn control_character(text: &str) -> Option<(char, usize)> {
    let obeyed = |it: char| it.is_control() && !matches!(it, '\n' | '\t');
    text.chars().enumerate().find(|&(_, it)| obeyed(it)).map(|(place, it)| (it, place + 1))
}

/// Returns whether the text holds nothing to run: blank lines and comments only.
#[must_use]
pub fn is_blank(command: &str) -> bool {
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
        assert_eq!(Shell::of_program("/bin/ksh"), Some(Shell::Ksh93));
        assert_eq!(Shell::of_program("zsh-5.9"), Some(Shell::Zsh));
        assert_eq!(Shell::of_program("/bin/rbash"), Some(Shell::Bash));
        for other in ["/usr/bin/xonsh", "python3", "rc", "sh", ""] {
            assert_eq!(Shell::of_program(other), None, "{other}");
        }
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
