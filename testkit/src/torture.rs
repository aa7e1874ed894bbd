//! The torture bench: programs made by chance, each run in a session and by the same shell's `-c`, and compared.
//!
//! The same terminal model renders both sides, so what differs is an answer of ours that is wrong. What is found is made
//! smaller until nothing can be left out, and told with the seed that makes it again; what was mended stays in [`found`]. What chance does not ask for, such as
//! programs that want input, stands in a [`table`].

pub mod chance;
pub mod program;
pub mod words;
pub mod making;
pub mod shrinking;
pub mod reference;
pub mod seat;
pub mod recording;
pub mod bench;
pub mod found;
pub mod table;

pub use bench::{Order, Places, Tally, bench};
pub use program::Program;
