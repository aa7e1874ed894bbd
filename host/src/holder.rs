//! The holder: one small process that owns the terminals of an instance, so that nothing else has to live.

pub mod frame;

mod fields;

mod coding;

pub mod segments;

pub mod kept;

pub mod facts;

mod blocked;

pub(crate) mod kernel;

mod signals;

mod connection;

mod terminal;

pub mod server;

mod line;

pub mod client;

pub mod isolated;

/// The name of the socket in the state directory. A newer protocol has another, so that its holder runs beside this one.
pub fn socket_name() -> String {
    format!("holder-{}.sock", frame::VERSION)
}
