//! Stories with the real binary: real processes, real terminals, a home of their own each.

mod attach;
mod command_line;
mod config;
mod daemon;
mod principal;
mod socket;
