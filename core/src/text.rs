//! What a command printed, as lines of clean text.

/// Renders the raw bytes of one command.
pub struct Lines {
    held: Vec<u8>,
}

/// How the last line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLine {
    /// With a line feed, or nothing was printed.
    Whole,
    /// Without one: it may be a question, or the program goes on.
    Open,
}

impl Lines {
    /// Begins with an empty terminal of this many columns.
    pub fn new(_cols: u16) -> Self {
        Self { held: Vec::new() }
    }

    /// Takes the next bytes and gives each line that can no longer change to `sink`.
    pub fn feed(&mut self, bytes: &[u8], _sink: &mut dyn FnMut(&str)) {
        self.held.extend_from_slice(bytes);
    }

    /// Gives the lines that are left, and tells how the last one ended.
    pub fn finish(self, sink: &mut dyn FnMut(&str)) -> LastLine {
        let text = String::from_utf8_lossy(&self.held);
        for line in text.lines() {
            sink(line);
        }
        if text.is_empty() || text.ends_with('\n') { LastLine::Whole } else { LastLine::Open }
    }
}
