//! Prints the answers that need no session: the file that both the daemon and the shim read.

use std::io::{self, Write};

use cotty_mcp::lists::Answer;

fn main() -> io::Result<()> {
    let mut lines = String::new();
    for answer in Answer::ALL {
        lines.push_str(&answer.made()?);
        lines.push('\n');
    }
    io::stdout().write_all(lines.as_bytes())
}
