//! What a shared terminal session *is*, without any I/O.
//!
//! Nothing here reads a clock, rolls dice, opens a file, or awaits. Callers hand in bytes and the present
//! moment; they take out effects and carry them out. The modules stand in reading order.

pub mod session;
pub mod run;
pub mod ladder;
pub mod gate;
pub mod reports;
pub mod mouse;
pub mod probe;
pub mod programs;
pub mod kinds;
pub mod dialect;
pub mod screen;
pub mod filter;
pub mod marks;
mod echo;
mod sequence;
pub mod text;
pub mod excerpt;
pub mod target;
pub mod veil;
pub mod sieve;
pub mod refusal;
pub mod question;
pub mod evidence;
pub mod facts;
pub mod names;
