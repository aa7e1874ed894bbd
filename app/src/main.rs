//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let all: Vec<_> = std::env::args_os().skip(1).collect();
    if cotty::askpass::is_called(&all) {
        return cotty::askpass::run(&all);
    }
    // First of all, before anything is read or parsed: clients wait for the first answer of `mcp`, and `hold` stays small.
    match arguments.next() {
        Some(it) if it == "mcp" => cotty::shim::run(arguments.collect()),
        Some(it) if it == "hold" && arguments.len() == 1 => cotty::hold::run(&arguments.collect::<Vec<_>>()),
        _ => cotty::cli::run(),
    }
}
