//! Programs whose name says what a wait for the terminal means.

use crate::facts::Member;

/// Shells whose prompt means that a command has opened another shell.
pub(crate) const SHELLS: [&str; 22] = [
    "bash", "rbash", "zsh", "dash", "sh", "ash", "hush", "busybox", "ksh", "ksh93", "mksh", "lksh", "fish",
    "tcsh", "csh", "yash", "osh", "xonsh", "nu", "elvish", "pwsh", "rc",
];
/// Programs that carry a terminal elsewhere.
pub(crate) const REMOTES: [&str; 5] = ["ssh", "docker", "kubectl", "telnet", "podman"];
/// Programs that show pages.
pub(crate) const PAGERS: [&str; 5] = ["less", "more", "most", "pg", "man"];
/// Programs that edit.
pub(crate) const EDITORS: [&str; 10] =
    ["vim", "vi", "nvim", "vim.basic", "vim.tiny", "nano", "emacs", "ed", "micro", "helix"];

/// Programs that hand the terminal to a server of theirs, which reads its keys and draws on it, and then wait for that
/// server: what waits in their windows is not to be seen from here. tmux calls itself `tmux: client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiplexer {
    /// tmux.
    Tmux,
    /// GNU screen.
    Screen,
}

impl Multiplexer {
    /// Finds it by the name of its client.
    #[must_use]
    pub fn of_program(name: &str) -> Option<Self> {
        match name {
            "tmux" | "tmux: client" => Some(Self::Tmux),
            "screen" => Some(Self::Screen),
            _ => None,
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tmux => "tmux",
            Self::Screen => "screen",
        }
    }

    /// Returns the keys that leave it with its windows alive, unless its person has chosen others.
    #[must_use]
    pub fn detach(self) -> [&'static str; 2] {
        match self {
            Self::Tmux => ["ctrl-b", "d"],
            Self::Screen => ["ctrl-a", "d"],
        }
    }
}

/// Returns what a program is called: of one with many names the one that it was called by.
pub(crate) fn called(member: &Member) -> &str {
    let comm = member.program.comm.as_str();
    let applet = is_of_many_names(member).then(|| member.argv.get(1)).flatten();
    applet.map_or(comm, String::as_str)
}

/// Returns the arguments that follow the name that a program was called by.
pub(crate) fn arguments(member: &Member) -> impl Iterator<Item = &String> {
    member.argv.iter().skip(if is_of_many_names(member) { 2 } else { 1 })
}

/// `busybox ash`, as against a link to it.
fn is_of_many_names(member: &Member) -> bool {
    let first = member.argv.first().map(String::as_str).unwrap_or_default();
    member.program.comm == "busybox" && first.rsplit('/').next() == Some("busybox") && member.argv.len() > 1
}
