//! Measures the binary against its floors; started by `cargo xtask bench`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a table on standard output is what this is for"
)]
#![allow(clippy::expect_used, reason = "a row that cannot be arranged is told and left out")]
#![allow(unreachable_pub, reason = "a program: nothing in it is reached from outside")]

mod rows;

use std::panic::catch_unwind;
use std::process::ExitCode;

use cotty_testkit::pairs::{Pairs, Quartiles};
use rows::{ROWS, Row, Unit};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let names = ROWS.map(|row| row.name).join(", ");
    if let Some(unknown) = wanted.iter().find(|name| ROWS.iter().all(|row| row.name != name.as_str())) {
        eprintln!("there is no row {unknown}; the rows are {names}");
        return ExitCode::FAILURE;
    }
    let mut failed = false;
    println!("| row | floor | ours | ratio (quartiles) | |");
    println!("|---|---|---|---|---|");
    for row in ROWS.iter().filter(|row| wanted.is_empty() || wanted.iter().any(|name| name == row.name)) {
        match catch_unwind(row.measure) {
            Ok(pairs) => println!("{}", line(row, &pairs)),
            Err(_) => {
                failed = true;
                println!("| {} | | | not measured | |", row.name);
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// One line of the table.
fn line(row: &Row, pairs: &Pairs) -> String {
    let Quartiles { low, median, high } = pairs.ratio();
    let (floor, ours) = (row.unit.say(pairs.floor().median), row.unit.say(pairs.ours().median));
    let noise = if pairs.is_noisy() { "*noisy*" } else { "" };
    format!("| {} | {floor} | {ours} | {median:.2} ({low:.2}–{high:.2}) | {noise} |", row.name)
}

impl Unit {
    /// A figure as people read it.
    fn say(self, figure: f64) -> String {
        match self {
            Self::Seconds if figure < 1e-3 => format!("{:.0} µs", figure * 1e6),
            Self::Seconds => format!("{:.2} ms", figure * 1e3),
        }
    }
}
