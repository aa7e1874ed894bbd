//! Programs in the words of each shell. What a shell has no words for is told by giving none.

use std::fmt::Write;
use std::path::Path;

use cotty_core::dialect::Shell;

use super::program::{Between, Program, Quote, Step, Word};

/// The file in a program's folder that holds marks of its session.
pub const CAPTURE: &str = "capture";

/// Who reads a program, and where its files are.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// Its shell.
    pub shell: Shell,
    /// The folder for files.
    pub folder: &'a Path,
}

/// A piece of program text.
struct Text {
    code: String,
    /// A line feed must follow.
    ends_line: bool,
    /// It has to begin a line.
    begins_line: bool,
}

impl Program {
    /// The program as the shell takes it; nothing where it has no words for a step.
    #[must_use]
    pub fn text(&self, reader: Reader<'_>) -> Option<String> {
        let separator = match self.between {
            Between::Semicolon => "; ",
            Between::Line => "\n",
            Between::Blank => "\n\n",
        };
        let code = reader.all(&self.steps, separator)?.code;
        // The status of what ran before is not the same on both sides.
        let asks = self.steps.iter().any(|it| it.any(&|it| matches!(it, Step::ShowStatus)));
        // What is told of a job is a row that a script does not have: what is placed by rows would differ.
        if has(&self.steps, |it| matches!(it, Step::Background(_))) && code.contains("\\033[") {
            return None;
        }
        if reader.shell == Shell::Ksh93 && has(&self.steps, stops_for_good) {
            return None;
        }
        if reader.shell == Shell::Tcsh && quotes_an_event(&code) {
            return None;
        }
        Some(if asks { format!("true; {code}") } else { code })
    }
}

impl Reader<'_> {
    /// Steps one after the other.
    fn all(self, steps: &[Step], separator: &str) -> Option<Text> {
        // A block of comments alone is none.
        steps.iter().find(|it| !matches!(it, Step::Comment(_)))?;
        let mut all = Text { code: String::new(), ends_line: false, begins_line: false };
        for (place, step) in steps.iter().enumerate() {
            let next = self.step(step)?;
            if place > 0 {
                all.code += if all.ends_line || next.begins_line { "\n" } else { separator };
            }
            all.begins_line |= next.begins_line;
            all.ends_line = next.ends_line;
            all.code += &next.code;
        }
        Some(all)
    }

    /// Steps between two words of the shell.
    fn within(self, before: &str, steps: &[Step], after: &str) -> Option<Text> {
        let inner = self.all(steps, "; ")?;
        if inner.begins_line && self.shell == Shell::Tcsh {
            return None;
        }
        let last = if inner.ends_line {
            "\n"
        } else if after.starts_with(')') {
            ""
        } else {
            "; "
        };
        plain(format!("{before}{}{last}{after}", inner.code))
    }

    fn posix(self) -> Option<()> {
        self.shell.is_posix().then_some(())
    }

    /// A subshell, or what comes nearest.
    fn apart(self, steps: &[Step]) -> Option<Text> {
        match self.shell {
            Shell::Fish => self.within("begin; ", steps, "end"),
            _ => self.within("( ", steps, ")"),
        }
    }

    fn step(self, step: &Step) -> Option<Text> {
        match step {
            // There it names a control character to tcsh 6.24, whatever comes after it, also behind the word.
            Step::Echo(words)
                if self.shell == Shell::Tcsh && words.iter().any(|it| it.text.contains("\\c")) =>
            {
                None
            }
            Step::Echo(words) => plain(format!("echo {}", self.words(words))),
            Step::Printf(words) => plain(format!("printf '%s\\n' {}", self.words(words))),
            Step::Format(format) => plain(format!("printf {}", self.single(format))),
            Step::Status(status) if self.shell == Shell::Fish => plain(format!("sh -c 'exit {status}'")),
            Step::Status(status) => plain(format!("(exit {status})")),
            Step::Truth(truth) => plain(truth.to_string()),
            Step::ShowStatus if self.shell.is_posix() => plain("echo \"s=$?\"".to_owned()),
            Step::ShowStatus => plain("echo \"s=$status\"".to_owned()),
            Step::Pause(millis) => plain(format!("sleep 0.{millis:03}")),
            Step::Comment(text) => ended(format!("# {text}")),
            Step::Remark(step, text) => {
                let step = self.step(step)?;
                (!step.ends_line).then(|| ended(format!("{} # {text}", step.code)))?
            }
            Step::Numbers(last) => plain(format!("seq {last}")),
            Step::Long(letters) => plain(format!("echo {}", "y".repeat(*letters))),
            Step::Directory(folder) => plain(format!("cd {folder}; pwd")),
            Step::Replay => plain(format!("cat {}/{CAPTURE}", self.folder.display())),
            Step::Names(pattern) => plain(format!("echo {pattern}")),
            Step::Continued(one, other) => plain(format!("echo {one} \\\n  {other}")),
            Step::Missing if self.shell == Shell::Tcsh => {
                plain("( no-such-program ) >& /dev/null".to_owned())
            }
            // What it says of one is printed by itself.
            Step::Missing if self.shell == Shell::Fish => self.script("sh", "no-such-program 2>/dev/null"),
            Step::Missing => plain("no-such-program 2>/dev/null".to_owned()),
            Step::Caught(signal) => self
                .script("sh", &format!("trap 'echo caught' {signal}; kill -{signal} $$; echo after; exit 3")),
            Step::Killed(signal) => {
                let script = self.script("sh", &format!("echo dying; kill -{signal} $$"))?.code;
                self.posix()?;
                plain(format!("( {script}; exit $? ) 2>/dev/null"))
            }
            Step::Script(shell, steps) => {
                let inner = Reader { shell: Shell::of_program(shell)?, ..self };
                let script = inner.all(steps, "; ")?.code;
                self.script(shell, &script)
            }
            Step::Complaint(word) => {
                let inner = Reader { shell: Shell::Dash, ..self };
                self.script("sh", &format!("echo {} >&2", inner.word(word)))
            }
            _ => self.compound(step),
        }
    }

    /// Steps that hold others.
    fn compound(self, step: &Step) -> Option<Text> {
        match step {
            Step::Subshell(steps) => self.apart(steps),
            Step::Group(steps) => match self.shell {
                Shell::Tcsh => None,
                Shell::Fish => self.within("begin; ", steps, "end"),
                _ => self.within("{ ", steps, "}"),
            },
            // Beside the pipe standard error comes at any time.
            Step::Pipe(steps, _) if has(steps, |it| matches!(it, Step::Complaint(_))) => None,
            Step::Pipe(steps, filter) => {
                let inner = self.apart(steps)?;
                plain(format!("{} | {filter}", inner.code))
            }
            Step::And(one, other) => self.both(one, "&&", other),
            Step::Or(one, other) => self.both(one, "||", other),
            Step::Not(step) => {
                let inner = self.simple(step)?;
                if self.shell == Shell::Tcsh { None } else { plain(format!("! {inner}")) }
            }
            Step::Unechoed(steps) => self.within("stty -echo; ", steps, "stty echo"),
            Step::Background(steps) if self.shell != Shell::Fish => {
                // The shell tells of its jobs in their words, on a line of its own if it is at the beginning of one.
                // A subshell within stops there in mksh, which hands it the terminal.
                let goes_on_one_line =
                    |it: &Step| matches!(it, Step::Echo(_) | Step::Format(_) | Step::Pause(_));
                if !steps.iter().all(goes_on_one_line) {
                    return None;
                }
                let mut steps = steps.clone();
                steps.push(Step::Echo(Vec::new()));
                let inner = self.apart(&steps)?.code;
                // Its words would stand on another row, if they are placed.
                if inner.contains('\n') || inner.contains("\\033[") {
                    None
                } else if self.shell == Shell::Tcsh {
                    // All that stands before it on its line goes with it.
                    let code = format!("echo\n{inner} & wait");
                    Some(Text { code, ends_line: false, begins_line: true })
                } else {
                    plain(format!("echo; {inner} & wait"))
                }
            }
            Step::File(steps) if has(steps, |it| matches!(it, Step::File(_))) => None,
            Step::File(steps) => {
                // Both sides run at the same time.
                let pid = if self.shell == Shell::Fish { "$fish_pid" } else { "$$" };
                let file = format!("{}/file-{pid}", self.folder.display());
                let inner = self.apart(steps)?.code;
                plain(format!("{inner} >{file}; cat {file}; rm {file}"))
            }
            Step::If(truth, then, otherwise) => self.choice(*truth, then, otherwise),
            Step::For(values, steps) => self.repeated(values, steps),
            Step::Variable(word) => self.variable(word),
            Step::Substitution(steps) => self.substitution(steps),
            Step::Function(steps) => match self.shell {
                Shell::Tcsh => None,
                Shell::Fish => self.within("function f1; ", steps, "end; f1"),
                _ => self.within("f1() { ", steps, "}; f1"),
            },
            _ => self.of_posix(step),
        }
    }

    /// Steps that only POSIX has words for.
    fn of_posix(self, step: &Step) -> Option<Text> {
        self.posix()?;
        match step {
            Step::While(times, steps) => {
                self.within(&format!("n=0; while [ $n -lt {times} ]; do n=$((n+1)); "), steps, "done")
            }
            Step::Case(word, steps) => {
                let inner = self.all(steps, "; ")?;
                let last = if inner.ends_line { "\n" } else { "" };
                plain(format!("case {word} in (x*) echo x;; *) {}{last};; esac", inner.code))
            }
            Step::Document(lines, is_quoted) => {
                let mark = if *is_quoted { "'E'" } else { "E" };
                ended(format!("cat <<{mark}\n{}\nE\n", lines.join("\n")))
            }
            Step::AtExit(steps) => self.within("( trap 'echo bye' EXIT; ", steps, ")"),
            // ksh93 tells of it at a prompt, and in a script not.
            Step::Strict(steps) if has(steps, |it| matches!(it, Step::Killed(_))) => None,
            Step::Strict(steps) => self.within("( set -e; ", steps, ")"),
            Step::Sum(one, other) => plain(format!("echo $(( {one} * {other} % 7 ))")),
            _ => None,
        }
    }

    /// A step that can stand before `&&` and behind `!`.
    fn simple(self, step: &Step) -> Option<String> {
        let is_list = matches!(
            step,
            Step::Directory(_)
                | Step::Variable(_)
                | Step::Function(_)
                | Step::Background(_)
                | Step::File(_)
                | Step::While(..)
                | Step::Unechoed(_)
                | Step::Not(_)
                | Step::Comment(_)
        );
        let text = self.step(step)?;
        (!is_list && !text.ends_line && !text.begins_line).then_some(text.code)
    }

    fn both(self, one: &Step, word: &str, other: &Step) -> Option<Text> {
        plain(format!("{} {word} {}", self.simple(one)?, self.simple(other)?))
    }

    fn choice(self, truth: bool, then: &[Step], otherwise: &[Step]) -> Option<Text> {
        match self.shell {
            Shell::Tcsh => {
                let (then, otherwise) = (self.all(then, "\n")?.code, self.all(otherwise, "\n")?.code);
                let truth = u8::from(truth);
                block(format!("if ({truth}) then\n{then}\nelse\n{otherwise}\nendif"))
            }
            Shell::Fish => {
                let first = self.within(&format!("if {truth}; "), then, "else; ")?.code;
                self.within(&first, otherwise, "end")
            }
            _ => {
                let first = self.within(&format!("if {truth}; then "), then, "else ")?.code;
                self.within(&first, otherwise, "fi")
            }
        }
    }

    fn repeated(self, values: &[String], steps: &[Step]) -> Option<Text> {
        let values = values.join(" ");
        match self.shell {
            Shell::Tcsh => {
                let steps = self.all(steps, "\n")?.code;
                block(format!("foreach i ({values})\necho \"i=$i\"\n{steps}\nend"))
            }
            Shell::Fish => self.within(&format!("for i in {values}; echo i=$i; "), steps, "end"),
            _ => self.within(&format!("for i in {values}; do echo i=$i; "), steps, "done"),
        }
    }

    fn variable(self, word: &Word) -> Option<Text> {
        let value = self.word(word);
        plain(match self.shell {
            Shell::Tcsh => format!("set v1 = {value}; echo \"<$v1:q>\""),
            Shell::Fish => format!("set v1 {value}; echo \"<$v1>\""),
            _ => format!("v1={value}; echo \"<$v1>\""),
        })
    }

    fn substitution(self, steps: &[Step]) -> Option<Text> {
        // bash 5.2 reads what follows a document wrongly there, and tells the line in other words at its prompt.
        if has(steps, |it| matches!(it, Step::Document(..))) {
            return None;
        }
        // What bash says of a null byte there is said at any time, and in the name of what reads.
        let is_null = |it: &Step| matches!(it, Step::Format(format) if format.contains("\\000"));
        if self.shell == Shell::Bash && has(steps, is_null) {
            return None;
        }
        // fish 3.6 takes what its builtins print there at once, and what programs print when it gets to it.
        let is_program = |it: &Step| {
            let is_one = matches!(it, Step::Numbers(_) | Step::Replay | Step::Caught(_) | Step::Script(..));
            is_one || matches!(it, Step::Pipe(..) | Step::File(_))
        };
        if self.shell == Shell::Fish && steps.len() > 1 && has(steps, is_program) {
            return None;
        }
        match self.shell {
            Shell::Tcsh => {
                let inner = self.all(steps, "; ")?;
                let is_nested = inner.code.contains(['`', '"', '\n', '\'', '\\', '!']);
                if is_nested { None } else { plain(format!("echo \"<`{}`>\"", inner.code)) }
            }
            Shell::Fish => self.within("echo \"<\"(", steps, ")\">\""),
            _ => self.within("echo \"<$( ", steps, ")>\""),
        }
    }

    fn script(self, shell: &str, script: &str) -> Option<Text> {
        let program = if shell == "ash" { "busybox sh" } else { shell };
        plain(format!("{program} -c {}", self.single(script)))
    }

    fn words(self, words: &[Word]) -> String {
        words.iter().map(|it| self.word(it)).collect::<Vec<_>>().join(" ")
    }

    /// A word with its quotes.
    fn word(self, word: &Word) -> String {
        let has_line = word.text.contains('\n');
        match word.quote {
            Quote::Single => self.single(&word.text),
            Quote::Double if self.shell == Shell::Tcsh && word.text.contains(['$', '`', '"', '\\', '\n']) => {
                self.single(&word.text)
            }
            Quote::Double => self.double(&word.text),
            Quote::Backslash if has_line || word.text.is_empty() => self.single(&word.text),
            Quote::Backslash => self.escaped(&word.text),
        }
    }

    fn single(self, text: &str) -> String {
        let text = match self.shell {
            Shell::Fish => text.replace('\\', "\\\\").replace('\'', "\\'"),
            Shell::Tcsh => text.replace('\'', r"'\''").replace('\n', "\\\n"),
            _ => text.replace('\'', r"'\''"),
        };
        format!("'{text}'")
    }

    fn double(self, text: &str) -> String {
        let special: &[char] = match self.shell {
            Shell::Fish => &['"', '$', '\\'],
            Shell::Tcsh => &[],
            _ => &['"', '$', '\\', '`'],
        };
        let mut quoted = String::from("\"");
        for letter in text.chars() {
            if special.contains(&letter) {
                quoted.push('\\');
            }
            quoted.push(letter);
        }
        quoted + "\""
    }

    fn escaped(self, text: &str) -> String {
        let mut quoted = String::new();
        for letter in text.chars() {
            let is_plain = letter.is_alphanumeric() || !letter.is_ascii() || "_-./,:+@".contains(letter);
            if letter == '\t' {
                write!(quoted, "'{letter}'").unwrap_or_default();
            } else if is_plain {
                quoted.push(letter);
            } else {
                quoted.push('\\');
                quoted.push(letter);
            }
        }
        quoted
    }
}

/// Tells whether a subshell with a trap, which sets the terminal up, stands within another one: with job control ksh93
/// 1.0.4 leaves the terminal to the outer one, and the inner one stops for good, whoever types it.
fn stops_for_good(step: &Step) -> bool {
    let is_inner = |it: &Step| matches!(it, Step::AtExit(_)) && it.any(&|it| matches!(it, Step::Unechoed(_)));
    let is_outer = matches!(step, Step::Subshell(_) | Step::Strict(_) | Step::AtExit(_) | Step::Pipe(..));
    (is_outer || matches!(step, Step::File(_))) && step.inner().into_iter().any(|it| it.any(&is_inner))
}

/// Tells whether a `!` stands behind a backslash and within quotes: tcsh leaves out that backslash in its `-c` and not in a
/// script in which a `!` means nothing.
fn quotes_an_event(code: &str) -> bool {
    let (mut quote, mut escaped) = (None, false);
    code.chars().any(|it| {
        let is_found = it == '!' && escaped && quote.is_some();
        match quote {
            Some(open) if it == open => quote = None,
            None if !escaped && matches!(it, '\'' | '"') => quote = Some(it),
            _ => {}
        }
        escaped = it == '\\' && (quote.is_some() || !escaped);
        is_found
    })
}

/// Tells whether one of these, or of those within, is such a step.
fn has(steps: &[Step], is_such: impl Fn(&Step) -> bool) -> bool {
    steps.iter().any(|it| it.any(&is_such))
}

#[expect(clippy::unnecessary_wraps, reason = "each arm says whether there are words")]
fn plain(code: String) -> Option<Text> {
    Some(Text { code, ends_line: false, begins_line: false })
}

#[expect(clippy::unnecessary_wraps, reason = "each arm says whether there are words")]
fn ended(code: String) -> Option<Text> {
    Some(Text { code, ends_line: true, begins_line: false })
}

#[expect(clippy::unnecessary_wraps, reason = "each arm says whether there are words")]
fn block(code: String) -> Option<Text> {
    Some(Text { code, ends_line: true, begins_line: true })
}
