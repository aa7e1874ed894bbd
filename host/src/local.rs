//! Terminals of this machine, and the account they belong to.

pub mod account;
pub mod lean;
pub mod limits;
pub mod pipes;
pub mod pty;
