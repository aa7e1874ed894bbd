//! The project's own checks, tests and benchmarks.
fn main() {}
