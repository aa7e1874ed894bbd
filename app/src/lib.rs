//! The binary's rooms: which instance is meant, and how its daemon is reached.

pub mod instance;

pub mod daemon;

pub mod shim;
