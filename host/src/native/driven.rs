//! The user's own ssh as an engine: one master process for a connection, whose channels we ask for by its socket.
//!
//! We speak the protocol of that socket ourselves (PROTOCOL.mux of OpenSSH) in the place of a further ssh for each channel: so an
//! end by 255, an end without a status and a connection that broke are three things, and no process stands in between that
//! takes what is typed for orders of its own.

pub(super) mod arguments;

mod mux;

mod streams;

mod birth;

pub(super) mod lane;

mod talk;

pub(super) mod complaint;

pub mod questions;

pub mod joined;

pub(super) mod master;

pub mod swept;
