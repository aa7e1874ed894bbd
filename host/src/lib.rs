//! The outside world: where an instance keeps its files, how a shell gets a terminal, and the holder that keeps it alive.

pub mod state_dir;

pub mod glob;

pub mod local;

pub mod holder;

pub mod native;

pub mod openssh;

pub mod isolated;
