//! `cargo xtask check`: what a reader would otherwise have to remark in every review.

mod edges;
mod circles;
mod sizes;
mod shells;
mod generated;
mod licences;

use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::run::{cargo, quiet};
use crate::tree::from_root;

/// What a rule found: nothing, or one line for each place where it is broken.
type Findings = Vec<String>;

/// One rule of the house.
struct Rule {
    name: &'static str,
    look: fn() -> Result<Findings, String>,
}

/// The rules, in the order in which they are looked at: what is quick and says most comes first.
const RULES: &[Rule] = &[
    Rule { name: "fmt", look: fmt },
    Rule { name: "crate edges", look: || Ok(edges::broken(&metadata()?)) },
    Rule { name: "module circles", look: || Ok(circles::in_all_crates()) },
    Rule { name: "file and function length", look: || Ok(sizes::too_long()) },
    Rule { name: "shells only in core/dialect", look: || Ok(shells::outside_dialect()) },
    Rule { name: "licences, sources, banned crates", look: || Ok(licences::broken(&metadata()?)) },
    Rule {
        name: "clippy",
        look: || tool(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    },
    Rule { name: "docs", look: docs },
    Rule { name: "generated files", look: generated::changed },
    // The whole suite is `cargo xtask test`. Here, so that nobody waits twice: what it leaves out, and the
    // heart, which takes seconds. That all other tests compile, clippy has told already.
    Rule { name: "doc tests", look: || tool(&["test", "--workspace", "--doc", "--quiet"]) },
    Rule {
        name: "core's own tests",
        look: || tool(&["test", "--package", "cotty-core", "--lib", "--quiet"]),
    },
];

/// Looks at every rule and lists all that is broken at the end.
///
/// # Errors
/// The list.
pub fn check() -> Result<(), String> {
    let mut broken = String::new();
    for rule in RULES {
        let start = Instant::now();
        let findings = (rule.look)().unwrap_or_else(|reason| vec![reason]);
        let seconds = start.elapsed().as_secs_f32();
        if findings.is_empty() {
            println!("ok      {:<36}{seconds:6.1} s", rule.name);
        } else {
            println!("BROKEN  {:<36}{seconds:6.1} s  ({})", rule.name, findings.len());
            broken += &format!("\n{}\n", rule.name);
            findings.iter().for_each(|finding| broken += &format!("  {}\n", finding.replace('\n', "\n  ")));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// A tool that says by its exit code whether all is well.
fn tool(arguments: &[&str]) -> Result<Findings, String> {
    quiet(&mut cargo(arguments)).map(|_| Findings::new())
}

/// Lists the files that `cargo fmt` would change.
fn fmt() -> Result<Findings, String> {
    let output =
        cargo(&["fmt", "--all", "--", "--check", "-l"]).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(Findings::new());
    }
    let files = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let named = files.lines().map(|file| from_root(Path::new(file)));
    Ok(named.chain((!complaint.is_empty()).then_some(complaint)).collect())
}

/// Everything is documented, private items too, and every link leads somewhere.
fn docs() -> Result<Findings, String> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"]);
    quiet(command.env("RUSTDOCFLAGS", "-D warnings")).map(|_| Findings::new())
}

/// What cargo knows about our packages and those they stand on, on the platforms we build for.
fn metadata() -> Result<Value, String> {
    let platforms = ["x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];
    let mut command = cargo(&["metadata", "--format-version", "1", "--locked"]);
    for platform in platforms {
        command.args(["--filter-platform", platform]);
    }
    let output = quiet(&mut command)?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}
