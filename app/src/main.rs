//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // First of all, before anything is read or parsed: clients wait for its first answer.
    if arguments.next().is_some_and(|it| it == "mcp") {
        return cotty::shim::run(arguments.collect());
    }
    ExitCode::SUCCESS
}
