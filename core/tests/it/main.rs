//! Stories and laws of the core.

mod marks;
mod filter;
mod screen;
mod oracle;
mod text;
mod excerpt;
mod streams;
mod laws;
