//! Files that a program writes and that stand in the repository: writing them again must change nothing.

use std::fs;

use crate::run::{cargo, quiet};
use crate::tree::root;

/// One generated file.
struct Generated {
    /// Where it stands, from the root.
    file: &'static str,
    /// The arguments for cargo that print it.
    printed_by: &'static [&'static str],
}

/// All of them.
const GENERATED: &[Generated] = &[Generated {
    file: "mcp/src/lists.jsonl",
    printed_by: &["run", "--quiet", "--package", "cotty-mcp", "--example", "lists"],
}];

/// Lists the files that are not what their program prints.
///
/// # Errors
/// Where such a program cannot be run.
pub fn changed() -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for Generated { file, printed_by } in GENERATED {
        let printed = quiet(&mut cargo(printed_by))?.stdout;
        if fs::read(root().join(file)).unwrap_or_default() != printed {
            found.push(format!("{file} is not what `cargo {}` prints", printed_by.join(" ")));
        }
    }
    Ok(found)
}
