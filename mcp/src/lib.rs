//! The face that agents see: MCP tools over the engine.
//!
//! A call comes in by `server` on a `line`, is understood by `arguments`, with what other servers taught,
//! carried out by one file of `tools`, and answered by `render`, which alone makes a tool's result. What is
//! the same for every caller (the handshake and the lists) stands in `lists` and in one generated file.

pub mod lists;
pub mod server;
pub mod http;
pub mod tools;
pub mod arguments;
pub mod render;
pub mod call;
pub mod chosen;
mod resources;
mod following;
mod asking;
mod line;

pub use server::serve;
