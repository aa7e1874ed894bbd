//! The daemon: how it is reached.

pub mod reach;
