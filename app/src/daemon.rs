//! The daemon: how it is reached, how it runs, and how it knows who calls.

pub mod reach;

pub mod run;

mod house;

mod reload;

pub mod principal;

pub mod processes;

mod log;
pub(crate) mod projects;
