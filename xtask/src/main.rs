//! The project's own checks, tests and benchmarks: `cargo xtask check`, `test`, `bench`, `torture`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what these commands are for")]
#![allow(unreachable_pub, reason = "a binary: nothing in it is reached from outside")]

mod tree;
mod source;
mod run;
mod check;
mod test;
mod bench;
mod torture;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask check                    hold the house rules; exit code 1 and a list if one is broken
cargo xtask test [--strict] [-- …]   install what the tests need, run them, list what could not run
                                     (--strict: fail if anything could not); after -- the runner's own options
cargo xtask test --repeat N NAME     run the tests whose name contains NAME N times, count the failures
cargo xtask bench [ROW…]             measure against the floors; a Markdown table on standard output
cargo xtask torture [--count N] [--seed S] [--shell SHELL]… [--over local|ssh|both] [--record DIR]
                                     programs made by chance, in sessions and by the same shells' -c, compared";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) =
        arguments.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let done = match command {
        "check" if rest.is_empty() => check::check(),
        "test" => test::Options::parse(rest).and_then(|options| test::test(&options)),
        "bench" => bench::bench(rest),
        "torture" => torture::torture(rest),
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
