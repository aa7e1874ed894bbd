//! The published words: every type that leaves the process.

pub mod address;
pub mod hello;

pub mod api;

pub mod socket;
pub mod schema;
