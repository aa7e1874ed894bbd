//! Programs made by chance, in sessions and by the same shells' `-c`: started by `cargo xtask torture`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the result is what this is for")]

use std::path::PathBuf;
use std::process::ExitCode;

use cotty_testkit::torture::bench::SHELLS;
use cotty_testkit::torture::{Order, Places, bench};

const USAGE: &str = "\
torture [--count N] [--seed S] [--shell SHELL]… [--over local|ssh|both] [--record DIR]
1,000 programs of seed 1 in all shells, three of four here and one over SSH, where nothing else is said";

fn main() -> ExitCode {
    let order = match order(std::env::args().skip(1)) {
        Ok(order) => order,
        Err(reason) => {
            eprintln!("{reason}\n{USAGE}");
            return ExitCode::from(64);
        }
    };
    let tally = bench("torture", &order);
    println!("{tally}");
    if tally.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn order(mut words: impl Iterator<Item = String>) -> Result<Order, String> {
    let mut order = Order { count: 1_000, seed: 1, shells: Vec::new(), places: Places::Both, record: None };
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} wants a value"))?;
        let wrong = |_| format!("{word} {value}: a number belongs here");
        match word.as_str() {
            "--count" => order.count = value.parse().map_err(wrong)?,
            "--seed" => order.seed = value.parse().map_err(wrong)?,
            "--shell" => order.shells.push(shell(&value)?),
            "--over" => order.places = places(&value)?,
            "--record" => order.record = Some(PathBuf::from(value)),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    if order.shells.is_empty() {
        order.shells = SHELLS.to_vec();
    }
    if let Some(folder) = &order.record {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(order)
}

fn shell(name: &str) -> Result<&'static str, String> {
    SHELLS.into_iter().find(|it| *it == name).ok_or(format!("{name} is none of {}", SHELLS.join(", ")))
}

fn places(name: &str) -> Result<Places, String> {
    match name {
        "local" => Ok(Places::Here),
        "ssh" => Ok(Places::There),
        "both" => Ok(Places::Both),
        other => Err(format!("--over {other}: local, ssh or both belong here")),
    }
}
