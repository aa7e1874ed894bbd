//! The torture table: what each case is in the words of each shell, what it asks for on its way, and how it ends.
//!
//! Whoever runs it demands after each case that the next command is answered exactly. Cases that are more than a command
//! (a second caller, two hundred in a row, replayed marks, prompts of one's own) are stories.

use cotty_core::dialect::Shell;

/// A case in one shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// The command; `@` stands for [`LONG`].
    Command(&'static str),
    /// There is no such thing in this shell, and why.
    Cannot(&'static str),
}

/// What stands for `@` in a command: longer than a terminal's line may be.
pub const LONG: usize = 5_000;

/// What comes before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It waits for input of this kind, or is a program of this kind. Where nothing shows that, it runs.
    Needs(&'static str),
    /// It runs on while somebody waits.
    Runs,
    /// A line is typed.
    Line(&'static str),
    /// A key is pressed.
    Key(&'static str),
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this exit code and just this output.
    Prints(i32, &'static str),
    /// With this exit code, and these words somewhere in its output.
    Says(i32, &'static str),
    /// By Ctrl-C.
    Interrupted,
    /// Nothing ran.
    Nothing,
    /// The shell ends with this.
    Leaves(i32),
}

/// A case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it is.
    pub name: &'static str,
    /// In a POSIX shell.
    pub posix: Says,
    /// In fish.
    pub fish: Says,
    /// In tcsh.
    pub tcsh: Says,
    /// Where one of the shells says it in another way.
    pub but: &'static [(Shell, Says)],
    /// The program that it needs.
    pub needs: &'static str,
    /// The shell itself reads: without an editor only the system call tells that from its prompt.
    pub shell_reads: bool,
    /// What is done on its way.
    pub turns: &'static [Turn],
    /// How it ends.
    pub end: End,
}

impl Case {
    /// Returns the case in a shell's words.
    #[must_use]
    pub fn says(&self, shell: Shell) -> Says {
        let own = self.but.iter().find(|(it, _)| *it == shell).map(|(_, says)| *says);
        own.unwrap_or(match shell {
            Shell::Fish => self.fish,
            Shell::Tcsh => self.tcsh,
            _ => self.posix,
        })
    }

    const fn each(name: &'static str, says: [Says; 3], end: End) -> Self {
        let [posix, fish, tcsh] = says;
        Self { name, posix, fish, tcsh, but: &[], needs: "sh", shell_reads: false, turns: &[], end }
    }

    const fn same(name: &'static str, command: &'static str, end: End) -> Self {
        Self::each(name, [Says::Command(command); 3], end)
    }

    const fn of_program(mut self, program: &'static str) -> Self {
        self.needs = program;
        self
    }

    const fn by_shell(mut self) -> Self {
        self.shell_reads = true;
        self
    }

    const fn with(mut self, turns: &'static [Turn]) -> Self {
        self.turns = turns;
        self
    }

    const fn but(mut self, but: &'static [(Shell, Says)]) -> Self {
        self.but = but;
        self
    }
}

use End::{Interrupted, Leaves, Nothing, Prints};
use Says::{Cannot, Command};
use Turn::{Key, Line, Needs, Runs};

/// A quote that is left open where the shell goes on reading.
const OPEN_QUOTE: [Says; 3] = [
    Command("echo \"open"),
    Command("echo \"open"),
    Cannot("an open quote is an error, not a question for more"),
];

const NO_DOCUMENTS: Says = Cannot("fish has no here-documents");
const NO_SUBSHELL: Says = Command("sh -c 'exit 3'");

/// All cases.
pub const CASES: &[Case] = &[
    Case::same("a comment", "echo hi # comment", Prints(0, "hi")),
    Case::same("a quote in a comment", "echo hi # don't", Prints(0, "hi")),
    Case::same("a comment alone", "# only a comment", Nothing),
    Case::same("an event of a history", "echo \"a!b\"", Prints(0, "a!b")),
    // fish keeps the status of what ran before.
    Case::each(
        "a job beside",
        [Command("sleep 0.1 &"), Command("true; sleep 0.1 &"), Command("sleep 0.1 &")],
        End::Says(0, ""),
    ),
    Case::each(
        "a here-document",
        [Command("cat <<E\none\n  'two\nE"), NO_DOCUMENTS, Command("cat <<E\none\n  'two\nE")],
        Prints(0, "one\n  'two"),
    ),
    Case::each(
        "several lines",
        [
            Command("for i in 1 2\ndo\n  echo \"n $i\"\ndone"),
            Command("for i in 1 2\n  echo \"n $i\"\nend"),
            Command("foreach i (1 2)\n  echo \"n $i\"\nend"),
        ],
        Prints(0, "n 1\nn 2"),
    ),
    Case::each("an open quote", OPEN_QUOTE, Interrupted).with(&[Needs("incomplete_syntax"), Key("ctrl-c")]),
    Case::same("a pager", "seq 99999 | less; echo after", End::Says(0, "after"))
        .of_program("less")
        .with(&[Needs("pager"), Key("q")]),
    Case::each(
        "a question of the shell",
        [
            Command("printf 'name: '; read -r x; echo \"got-$x\""),
            Command("read -P 'name: ' x; echo \"got-$x\""),
            Command("echo -n 'name: '; set x = \"$<\"; echo \"got-$x\""),
        ],
        End::Says(0, "got-me"),
    )
    .by_shell()
    .with(&[Needs("line"), Line("me")]),
    Case::each(
        "a question for a secret",
        [
            Command("read -s x; echo never"),
            Command("stty -echo; read x; stty echo; echo never"),
            Command("stty -echo; set x = \"$<\"; stty echo; echo never"),
        ],
        Interrupted,
    )
    .but(&[
        (Shell::Dash, Command("stty -echo; read x; stty echo; echo never")),
        (Shell::Mksh, Command("sh -c 'stty -echo; read x; stty echo; echo never'")),
        (Shell::Ksh93, Command("sh -c 'stty -echo; read x; stty echo; echo never'")),
        (Shell::Fish, Cannot("its read edits a line: no fact of the kernel tells that from its prompt")),
    ])
    .by_shell()
    .with(&[Needs("secret"), Key("ctrl-c")]),
    Case::same("a reader of lines", "cat", End::Says(0, "")).with(&[Needs("line"), Key("ctrl-d")]),
    Case::same("a question of Python", "python3 -c 'print(\"got-\" + input())'", End::Says(0, "got-me"))
        .of_program("python3")
        .with(&[Needs("line"), Line("me")]),
    Case::each("a status", [Command("(exit 3)"), NO_SUBSHELL, Command("(exit 3)")], Prints(3, "")),
    Case::each(
        "the last status wins",
        [Command("false; (exit 3); true"), Command("false; true"), Command("false; (exit 3); true")],
        Prints(0, ""),
    ),
    Case::same("400 kB", "seq 70000 | tail -c 400000", End::Says(0, "70000")),
    Case::same(
        "a line of 1 MB",
        "head -c 1000000 /dev/zero | tr '\\0' y; echo; echo end",
        End::Says(0, "end"),
    ),
    Case::same("no line feed at the end", "printf abc", Prints(0, "abc")),
    Case::same("blank lines", "printf '\\n\\nabc\\n\\n'", Prints(0, "\n\nabc\n")),
    Case::same("prompts in the output", "printf 'root@host:~# \\n$ \\n> \\nend\\n'", End::Says(0, "end")),
    Case::same("a forged end", "printf '\\033]133;D;0\\007'; sleep 0.2; sh -c 'exit 5'", Prints(5, "")),
    Case::same("silence", "sleep 1; echo late; sh -c 'exit 3'", Prints(3, "late")),
    Case::same("an editor", "vim -u NONE -i NONE -n", End::Says(0, ""))
        .of_program("vim")
        .with(&[Needs("editor"), Line(":q!")]),
    Case::same("a whole screen", "top -d 9", End::Says(0, ""))
        .of_program("top")
        .with(&[Needs("full_screen"), Key("q")]),
    Case::same("a cleared screen", "printf 'x\\033[H\\033[2J'; sh -c 'exit 2'", End::Says(2, "")),
    Case::same("bytes that are no text", "printf 'a\\000\\001\\377b\\n'; sh -c 'exit 4'", End::Says(4, "b")),
    Case::same(
        "a character in two parts",
        "printf '\\342'; sleep 0.05; printf '\\202\\254\\n'",
        Prints(0, "€"),
    ),
    Case::same("Ctrl-C", "sleep 100", Interrupted).with(&[Runs, Key("ctrl-c")]),
    Case::each(
        "variables that must be set",
        [Command("(set -u; echo \"$no_such\") 2>/dev/null || echo unset"), NO_STRICT_FISH, NO_STRICT_TCSH],
        Prints(0, "unset"),
    ),
    Case::same("a terminal without echo", "stty -echo; echo x; stty echo", Prints(0, "x")),
    Case::same("a long line", "echo @ | wc -c", Prints(0, "5001")),
    Case::same("what is not there", "sh -c 'no-such-program 2>/dev/null'", Prints(127, "")),
    Case::same("a signal", "sh -c 'kill -TERM $$'", End::Says(143, "")),
    Case::same("an end of the shell", "exit 3", Leaves(3)),
    Case::each(
        "a failure that ends the shell",
        [Command("set -e; false"), NO_STRICT_FISH, NO_STRICT_TCSH],
        Leaves(1),
    ),
];

const NO_STRICT_FISH: Says = Cannot("fish has no such option");
const NO_STRICT_TCSH: Says = Cannot("tcsh has no such option");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_cases_have_a_name_in_common_and_none_is_without_words() {
        let mut names: Vec<&str> = CASES.iter().map(|it| it.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CASES.len());
        let has_words =
            |case: &Case| [case.posix, case.fish, case.tcsh].iter().any(|it| matches!(it, Command(_)));
        assert!(CASES.iter().all(has_words));
    }
}
