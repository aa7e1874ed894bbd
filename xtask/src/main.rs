//! The project's own checks: `cargo xtask check`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what these commands are for")]
#![allow(unreachable_pub, reason = "a binary: nothing in it is reached from outside")]

mod tree;
mod source;
mod run;
mod check;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask check                    hold the house rules; exit code 1 and a list if one is broken";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) =
        arguments.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let done = match command {
        "check" if rest.is_empty() => check::check(),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
