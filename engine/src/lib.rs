//! Runs sessions: one task owns one session and its terminal, and the hub finds them.

pub mod hub;
pub mod settings;
pub mod hosts;
pub mod viewer;
pub mod seats;
pub mod report;
mod caller;
pub mod veils;
pub mod pools;
mod opening;
mod isolated;
pub mod asking;
pub mod cards;
mod attempt;
mod diary;
mod safe;
mod trusting;
mod remote;
mod task;
mod viewing;

mod request;
mod handle;
mod reports;
mod texts;
mod plain;
pub mod pattern;
mod keys;
mod store;
mod clock;
mod fail_point;
