//! What a program should have come to: the same shell's `-c` (a script for tcsh), on a terminal of the same size.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cotty_core::text::Lines;

use crate::home::Home;
use crate::tty::Tty;

/// A program that takes longer waits for something.
const LIMIT: Duration = Duration::from_secs(20);

/// How a program ended and what it showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Its exit code; 128 + n for signal n.
    pub exit: i32,
    /// Its output, rendered.
    pub output: String,
}

impl End {
    /// Tells whether the other is the same but for blanks at the ends of lines. What an interactive shell tells of a job may
    /// hold what is drawn by a terminal's rules, and then these are not told from none.
    #[must_use]
    pub fn is_but_for_blanks(&self, other: &Self) -> bool {
        let lines = |it: &Self| it.output.lines().map(|it| it.trim_end().to_owned()).collect::<Vec<_>>();
        self.exit == other.exit && lines(self) == lines(other)
    }
}

/// The program that is started for a shell, and what comes before its own arguments.
#[must_use]
pub fn program(shell: &str) -> (&str, &[&str]) {
    if shell == "ash" { ("busybox", &["sh"]) } else { (shell, &[]) }
}

/// Runs a program; nothing where it does not end.
#[must_use]
pub fn run(home: &Home, shell: &str, text: &str, folder: &Path, size: (u16, u16)) -> Option<End> {
    let (name, first) = program(shell);
    let mut command: Command = home.program(name);
    command.args(first).current_dir(folder);
    if shell == "tcsh" {
        // Its `-c` knows no loops, and in a script as there a `!` names what ran before.
        let script = folder.join("script");
        fs::write(&script, format!("set histchars=''\n{text}\n")).ok()?;
        command.arg(script);
    } else {
        command.args(["-c", text]);
    }
    let (printed, status) = Tty::whole(&command, size, LIMIT)?;
    let exit = status.code().or_else(|| status.signal().map(|it| it + 128))?;
    Some(End { exit, output: rendered(&printed, size.0) })
}

/// What a terminal shows of these bytes, line by line.
#[must_use]
pub fn rendered(printed: &[u8], cols: u16) -> String {
    let mut shown: Vec<String> = Vec::new();
    let mut keep = |line: &str| shown.push(line.to_owned());
    let mut lines = Lines::new(cols);
    lines.feed(printed, &mut keep);
    lines.finish(&mut keep);
    without_notices(&shown.join("\n"))
}

/// Leaves out what an interactive shell says of its jobs, as `[1] 4711` and `[1]+  Done`, and a script does not. mksh 59
/// may have a word for itself there.
#[must_use]
pub fn without_notices(output: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in output.split('\n') {
        if line.starts_with("fish: Job ") {
            // It stands below an empty line.
            lines.pop_if(|it| it.is_empty());
        } else if let Some(line) = without_notice(line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Leaves out such words with all that follows, and `[1] 4711` at a line's end: no shell but zsh looks where it stands.
fn without_notice(line: &str) -> Option<&str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let job = line.strip_prefix('[').and_then(|it| it.split_once(']'));
    if line.starts_with("internal warning: j_async: ") || job.is_some_and(|(number, _)| is_number(number)) {
        return None;
    }
    let is_done = |it: &str| {
        let words = it.trim_start_matches([' ', '+', '-']);
        words.len() < it.len() && words.starts_with("Done  ")
    };
    let done = line.match_indices(']').find_map(|(place, _)| {
        let (before, job) = line[..place].rsplit_once('[')?;
        (is_number(job) && is_done(&line[place + 1..])).then_some(before)
    });
    if done.is_some() {
        return done;
    }
    let told = line.rsplit_once("] ").filter(|(_, pid)| is_number(pid));
    let begun = told.and_then(|(before, _)| before.rsplit_once('[')).filter(|(_, job)| is_number(job));
    Some(begun.map_or(line, |(before, _)| before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_run_to_its_end_on_a_terminal() {
        let home = Home::new();
        let end = run(&home, "dash", "tty >/dev/null && printf 'a\\nb'; exit 3", &home.work(), (80, 24));
        assert_eq!(end, Some(End { exit: 3, output: "a\nb".to_owned() }));
        let end = run(&home, "dash", "kill -9 $$", &home.work(), (80, 24)).expect("an end");
        assert_eq!(end.exit, 137);
    }

    #[test]
    fn notices_of_jobs_are_no_output() {
        assert_eq!(without_notices("a\n[1] 4711\n[x] b\n[1]+  Done   sleep 1\nc"), "a\n[x] b\nc");
        assert_eq!(without_notices("no end[2] 4711\n[3]"), "no end");
        assert_eq!(without_notices("$ [1] + Done                 ( \\echo )"), "$ ");
        assert_eq!(without_notices("> [1]+  Done                       (sleep 1)"), "> ");
        assert_eq!(without_notices("a [1] Done b"), "a [1] Done b");
        assert_eq!(without_notices("a\n\nfish: Job 1, 'sleep 1 &' has ended"), "a");
    }
}
