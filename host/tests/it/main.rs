//! Stories of the holder with real shells. Each has a state directory and a holder process of its own.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests are tests"
)]

mod world;

mod opening;

mod facts;

mod survival;

mod manners;

mod isolated;

mod ssh;

mod openssh;
mod reader;
