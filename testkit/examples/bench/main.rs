//! Measures the binary against its floors; started by `cargo xtask bench`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a table on standard output is what this is for"
)]
#![allow(clippy::expect_used, reason = "a row that cannot be arranged is told and left out")]
#![allow(unreachable_pub, reason = "a program: nothing in it is reached from outside")]

mod rows;
mod table;

use std::panic::catch_unwind;
use std::process::ExitCode;

use rows::ROWS;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let names = ROWS.map(|row| row.name).join(", ");
    if let Some(unknown) = wanted.iter().find(|name| ROWS.iter().all(|row| row.name != name.as_str())) {
        eprintln!("there is no row {unknown}; the rows are {names}");
        return ExitCode::FAILURE;
    }
    let mut failed = false;
    println!("{}", table::HEAD);
    for row in ROWS.iter().filter(|row| wanted.is_empty() || wanted.iter().any(|name| name == row.name)) {
        match catch_unwind(row.measure) {
            Ok(pairs) => println!("{}", table::line(row, &pairs)),
            Err(_) => {
                failed = true;
                println!("| `{}` | `{}` | not measured | | | | |", row.name, row.command);
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
