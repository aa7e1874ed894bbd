//! What the integration tests stand on: a home of their own, terminals with a person at them, MCP clients.
//!
//! A wait here is always a wait for a fact, with one deadline for all of them ([`DEADLINE`]); nothing
//! sleeps and hopes. The modules stand in reading order.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a broken arrangement ends the test at once, and what it was is printed for the reader"
)]

pub mod wait;
pub mod home;
pub mod tty;
pub mod plain;
pub mod mcp;
pub mod said;
pub mod not_run;
pub mod pairs;
pub mod switches;
pub mod sshd;
pub mod account;
pub mod peer;
pub mod agent;
pub mod relay;
pub mod prompts;
pub mod recording;
pub mod torture;
pub mod browser;

pub use account::Account;
pub use agent::Agent;
pub use browser::Browser;
pub use home::{Home, binary};
pub use mcp::{Mcp, Ticket, ToolReply};
pub use not_run::{have, not_run};
pub use peer::{Make, Peer};
pub use relay::Relay;
pub use said::Said;
pub use sshd::Sshd;
pub use tty::Tty;
pub use wait::{DEADLINE, until, until_within};
