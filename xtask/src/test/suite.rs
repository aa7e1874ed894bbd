//! Starting the test runner and reading from its words what became of each test.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};

use crate::run::cargo;

/// How the tests are run.
pub struct Suite {
    /// By nextest, a process a test; else by cargo's own runner.
    pub nextest: bool,
    /// What the tests find in their environment.
    pub environment: Vec<(&'static str, PathBuf)>,
}

/// What became of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The runner's own verdict.
    pub success: bool,
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed or did not end.
    pub failed: usize,
    /// Each test, and whether it passed.
    pub tests: Vec<(String, bool)>,
}

impl Suite {
    /// Runs the tests, showing what the runner says.
    ///
    /// # Errors
    /// Where the runner cannot be started.
    pub fn run(&self, arguments: &[String]) -> Result<Outcome, String> {
        let mut command = if self.nextest {
            // A test of a fresh clone may find nothing: that is told by our own verdict.
            cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests=pass"])
        } else {
            cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"])
        };
        command.args(arguments).envs(self.environment.iter().cloned());
        let (success, lines) = told(&mut command)?;
        Ok(if self.nextest { nextest_outcome(success, &lines) } else { cargo_outcome(success, &lines) })
    }
}

/// Runs a command, showing every line that it says on either output, and returns them.
fn told(command: &mut Command) -> Result<(bool, Vec<String>), String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("the test runner: {error}"))?;
    let (lines, heard) = channel();
    let out = child.stdout.take().map(|it| pass_on(it, lines.clone()));
    let err = child.stderr.take().map(|it| pass_on(it, lines));
    let said = heard.iter().inspect(|line| println!("{line}")).collect();
    for reader in [out, err].into_iter().flatten() {
        drop(reader.join());
    }
    let status = child.wait().map_err(|error| format!("the test runner: {error}"))?;
    Ok((status.success(), said))
}

/// Sends the lines of one output on.
fn pass_on(output: impl Read + Send + 'static, lines: Sender<String>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    })
}

/// Reads nextest's lines: `PASS [   0.009s] ( 1/13) crate module::test`, and its summary.
fn nextest_outcome(success: bool, lines: &[String]) -> Outcome {
    let mut outcome = Outcome { success, ..Outcome::default() };
    let mut summed_up = false;
    for line in lines {
        // A failure is listed once more after the summary.
        if let Some(counts) = line.trim_start().strip_prefix("Summary [") {
            outcome.passed = count(counts, "passed");
            outcome.failed =
                ["failed", "timed out", "exec failed"].iter().map(|word| count(counts, word)).sum();
            summed_up = true;
        } else if !summed_up && let Some(test) = nextest_test(line) {
            outcome.tests.push(test);
        }
    }
    outcome
}

/// Reads the line of one test.
fn nextest_test(line: &str) -> Option<(String, bool)> {
    let (word, rest) = line.trim_start().split_once(' ')?;
    let passed = match word {
        "PASS" | "LEAK" | "FLAKY" => true,
        "FAIL" | "TIMEOUT" | "ABORT" | "SIGSEGV" | "SIGABRT" | "SIGKILL" | "SIGTERM" => false,
        _ => return None,
    };
    let (_, name) = rest.trim_start().strip_prefix('[')?.split_once("] ")?;
    let name = if let Some(numbered) = name.trim_start().strip_prefix('(') {
        numbered.split_once(") ")?.1
    } else {
        name
    };
    Some((name.trim().to_owned(), passed))
}

/// The number before a word, in `13 tests run: 12 passed (1 slow), 1 failed, 0 skipped`.
fn count(counts: &str, word: &str) -> usize {
    let told = counts.split_once("run:").map_or("", |(_, told)| told);
    let parts = told.split(',').map(str::trim);
    parts.filter_map(|part| part.split_once(' ')).find(|(_, rest)| rest.starts_with(word)).map_or(0, number)
}

fn number((digits, _): (&str, &str)) -> usize {
    digits.parse().unwrap_or(0)
}

/// Reads the lines of cargo's own runner: `test module::test ... ok`, and one result a test program.
fn cargo_outcome(success: bool, lines: &[String]) -> Outcome {
    let mut outcome = Outcome { success, ..Outcome::default() };
    for line in lines {
        if let Some(result) = line.strip_prefix("test result: ") {
            let counts: Vec<usize> =
                result.split([' ', ';']).filter_map(|word| word.parse().ok()).take(2).collect();
            outcome.passed += counts.first().unwrap_or(&0);
            outcome.failed += counts.get(1).unwrap_or(&0);
        } else if let Some((name, end)) =
            line.strip_prefix("test ").and_then(|test| test.rsplit_once(" ... "))
        {
            outcome.tests.push((name.to_owned(), end == "ok"));
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn nextests_words_are_understood() {
        let said = lines(
            "    Starting 4 tests across 1 binary\n\
             \x20       PASS [   0.009s] (1/4) cotty-testkit home::tests::one\n\
             \x20       FAIL [   0.021s] (2/4) cotty-testkit home::tests::two\n\
             \x20    TIMEOUT [  60.021s] (3/4) cotty::attach three\n\
             \x20       LEAK [   0.021s] (4/4) cotty::attach four\n\
             \x20    Summary [  60.220s] 4 tests run: 2 passed (1 leaky), 1 failed, 1 timed out, 0 skipped\n\
             \x20       FAIL [   0.021s] (2/4) cotty-testkit home::tests::two\n",
        );
        let outcome = nextest_outcome(false, &said);
        assert_eq!((outcome.passed, outcome.failed), (2, 2));
        let names: Vec<&str> = outcome.tests.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "cotty-testkit home::tests::one",
                "cotty-testkit home::tests::two",
                "cotty::attach three",
                "cotty::attach four"
            ]
        );
        assert_eq!(outcome.tests.iter().filter(|(_, passed)| *passed).count(), 2);
    }

    #[test]
    fn cargos_words_are_understood() {
        let said = lines(
            "test a::one ... ok\ntest a::two ... FAILED\n\
             test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.02s\n\
             test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        let outcome = cargo_outcome(false, &said);
        assert_eq!((outcome.passed, outcome.failed), (6, 1));
        assert_eq!(outcome.tests, [("a::one".to_owned(), true), ("a::two".to_owned(), false)]);
    }
}
