//! `cargo xtask test`: install what the tests need, run them, list what could not run.

mod needs;
mod suite;

use std::collections::BTreeMap;
use std::fs;

use crate::run::{cargo, on_path, shown, target_folder};
use suite::{Outcome, Suite};

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    strict: bool,
    repeat: Option<(usize, String)>,
    /// Passed on to the runner.
    rest: Vec<String>,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Says which argument cannot be read.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--strict" => options.strict = true,
                "--repeat" => {
                    let times = words.next().and_then(|it| it.parse().ok()).filter(|times| *times > 0);
                    let name = words.next().cloned();
                    options.repeat =
                        Some(times.zip(name).ok_or("write --repeat N NAME, as in --repeat 20 attach")?);
                }
                "--" => options.rest = words.by_ref().cloned().collect(),
                other => {
                    return Err(format!("unknown argument {other}; the runner's own options go after --"));
                }
            }
        }
        Ok(options)
    }
}

/// Runs the tests.
///
/// # Errors
/// Says why nothing could run, that a test failed, or under `--strict` that some could not run.
pub fn test(options: &Options) -> Result<(), String> {
    let target = target_folder()?;
    let missing = needs::provide(&target);
    let not_run = target.join("tests-not-run");
    drop(fs::remove_file(&not_run));
    fs::write(&not_run, "").map_err(|error| format!("{}: {error}", not_run.display()))?;

    println!("building the binary and the tests");
    shown(&mut cargo(&["build", "--package", "cotty"]))?;
    let suite = Suite {
        nextest: on_path("cargo-nextest"),
        // What a test asks for: the file to report in, the clients, the binary.
        environment: vec![
            ("COTTY_NOT_RUN", not_run.clone()),
            ("COTTY_TEST_CLIENTS", target.join(needs::CLIENTS)),
            ("COTTY_BIN", target.join("debug/cotty")),
        ],
    };
    let outcome = match &options.repeat {
        None => suite.run(&options.rest)?,
        Some((times, name)) => repeat(&suite, *times, name, &options.rest)?,
    };

    let mut silent = missing;
    silent.extend(fs::read_to_string(&not_run).unwrap_or_default().lines().map(str::to_owned));
    silent.sort();
    silent.dedup();
    if !silent.is_empty() {
        println!("\nNot run here:");
        silent.iter().for_each(|line| println!("  {line}"));
    }
    println!("\nNot run anywhere: {NOWHERE}");
    let verdict = verdict(&outcome, options.strict && !silent.is_empty());
    // The last line on standard output, alone, whatever the runner wrote.
    println!("\n{} passed, {} failed", outcome.passed, outcome.failed);
    verdict
}

/// What no machine of ours has, and no program stands in for.
const NOWHERE: &str = "a login by a key in a FIDO device (no such device); keyrings of macOS and Windows";

/// Whether the whole is a success.
fn verdict(outcome: &Outcome, forbidden_silence: bool) -> Result<(), String> {
    if outcome.failed > 0 || !outcome.success {
        return Err("the tests failed".to_owned());
    }
    if outcome.passed == 0 {
        return Err("no test ran".to_owned());
    }
    if forbidden_silence { Err("--strict: some tests could not run".to_owned()) } else { Ok(()) }
}

/// Runs some tests again and again, and tells how often each failed.
fn repeat(suite: &Suite, times: usize, name: &str, rest: &[String]) -> Result<Outcome, String> {
    let mut arguments = vec![name.to_owned()];
    arguments.extend_from_slice(rest);
    let mut sum = Outcome { success: true, ..Outcome::default() };
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for _ in 0..times {
        let outcome = suite.run(&arguments)?;
        sum.passed += outcome.passed;
        sum.failed += outcome.failed;
        sum.success &= outcome.success;
        for (test, passed) in outcome.tests {
            let (runs, failures) = counts.entry(test).or_default();
            *runs += 1;
            *failures += usize::from(!passed);
        }
    }
    println!("\nfailed  of  test");
    for (test, (runs, failures)) in &counts {
        println!("{failures:6} {runs:3}  {test}");
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, String> {
        Options::parse(&words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        let options =
            parse(&["--strict", "--repeat", "3", "attach", "--", "-p", "cotty"]).expect("they can be read");
        assert!(options.strict);
        assert_eq!(options.repeat, Some((3, "attach".to_owned())));
        assert_eq!(options.rest, ["-p", "cotty"]);
    }

    #[test]
    fn silence_is_a_failure_only_under_strict() {
        let mut outcome = Outcome { success: true, passed: 1, ..Outcome::default() };
        assert!(verdict(&outcome, false).is_ok());
        assert!(verdict(&outcome, true).is_err());
        outcome.failed = 1;
        assert!(verdict(&outcome, false).is_err());
        assert!(verdict(&Outcome { success: true, ..Outcome::default() }, false).is_err());
    }

    #[test]
    fn a_repeat_without_a_name_is_refused() {
        assert!(parse(&["--repeat", "3"]).is_err());
        assert!(parse(&["--repeat", "0", "attach"]).is_err());
        assert!(parse(&["attach"]).is_err());
    }
}
