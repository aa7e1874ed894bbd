//! Stories and laws of the core.

mod session;
mod marks;
mod filter;
mod screen;
mod oracle;
mod text;
mod excerpt;
mod streams;
mod laws;
mod target;
