//! SSH, spoken by ourselves or by the user's own ssh: from a target to shells that look like local terminals. Only this
//! folder knows the library.

pub mod secret;

mod randomart;
pub mod host_key;

mod certificate;

pub mod known_hosts;

mod revoked;

mod patterns;

pub mod algorithms;

pub mod program;

pub mod engine;

pub mod settings;

pub mod accepted;

pub mod error;

mod keyfile;

mod agent;

pub mod at_hand;

mod forwarding;

mod watcher;

mod auth;

mod heard;

mod spoken;

mod driven;

pub use driven::{joined, questions, swept};

mod channel;

pub mod connect;

mod kin;

mod probe;

mod lookout;

mod row;

mod sight;

mod finding;

mod looker;

mod outbox;

pub mod pulse;

mod listener;

pub mod start;

pub mod shell;

pub mod exec;

pub mod isolated;

pub mod pool;
