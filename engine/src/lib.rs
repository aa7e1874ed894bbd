//! Runs sessions: one task owns one session and its terminal, and the hub finds them.

pub mod report;
