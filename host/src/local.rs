//! Terminals of this machine.

pub mod pty;
