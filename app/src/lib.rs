//! The binary's rooms: which instance is meant, the command line, the config, and the daemon.

pub mod cli;

pub mod config;

pub mod instance;

pub mod daemon;

pub mod shim;

pub mod hold;

pub mod askpass;
