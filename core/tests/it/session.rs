//! Stories of the session: a terminal that we play, byte by byte, on a clock that we hold.

mod played;
mod boundaries;
mod echoes;
mod opening;
mod writing;
mod recovery;
mod laws;
