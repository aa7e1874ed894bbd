//! What a command printed, as lines of clean text.
//!
//! Plain lines are taken as they come. All else goes through a terminal, for only that knows what a carriage return or
//! a cursor movement leaves. Which way a line takes depends on the stream alone, never on how it was cut.

mod lead;

use memchr::{memchr, memchr_iter, memrchr, memrchr_iter};

use lead::Lead;

use crate::screen::{ROWS, Rolled};

/// How the last line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLine {
    /// With a line feed, or nothing was printed.
    Whole,
    /// Without one: it may be a question, or the program was about to go on.
    Open,
}

/// Takes lines of clean text. Every `FnMut(&str)` does, line by line.
pub trait Sink {
    /// Takes a line, without its end.
    fn line(&mut self, line: &str);

    /// Takes lines of printable ASCII and tabs at once, each with a carriage return and a line feed after it.
    fn plain_lines(&mut self, lines: &str) {
        lines.split_terminator("\r\n").for_each(|line| self.line(line));
    }
}

impl<F: FnMut(&str)> Sink for F {
    fn line(&mut self, line: &str) {
        self(line);
    }
}

/// How much plain text is collected before its lines are given on.
const WINDOW_BYTES: usize = 64 * 1024;

/// How much plain text is looked at where plain and other lines alternate.
const STRIDE_BYTES: usize = 1024;

/// How much goes through the terminal at once. Ten bytes can repeat a character 65,535 times, so this bounds memory.
const PIECE_BYTES: usize = 2 * 1024;

/// Renders the raw bytes of one command to lines.
pub struct Lines {
    cols: u16,
    /// The rows of the screen on which a pager showed pages.
    paged: Option<u16>,
    /// The beginning, before any text.
    lead: Lead,
    /// Made when something has to go through it: most commands print plain lines only.
    terminal: Option<Rolled>,
    /// Plain bytes that the terminal has not seen: the last lines at least, for a cursor movement may go back to them.
    window: Vec<u8>,
    /// How much of the window is known to be plain lines.
    looked_at: usize,
    /// How much plain text is looked at next. It grows while all is plain.
    stride: usize,
    /// The terminal stands at a fresh line and plain text goes to the window.
    is_plain: bool,
}

impl Lines {
    /// Begins with an empty terminal of this many columns.
    pub fn new(cols: u16) -> Self {
        Self {
            cols,
            paged: None,
            lead: Lead::default(),
            terminal: None,
            window: Vec::new(),
            looked_at: 0,
            stride: STRIDE_BYTES,
            is_plain: true,
        }
    }

    /// Keeps what a pager shows on a screen of so many rows: the alternate screen is not left out.
    #[must_use]
    pub fn of_a_pager(self, rows: Option<u16>) -> Self {
        Self { paged: rows, ..self }
    }

    /// Takes the next bytes and gives each line that can no longer change to `sink`.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        match self.lead.feed(bytes) {
            Some(text) => self.feed_text(&text, sink),
            None => self.feed_text(bytes, sink),
        }
    }

    fn feed_text(&mut self, mut bytes: &[u8], sink: &mut dyn Sink) {
        while !bytes.is_empty() {
            let taken =
                if self.is_plain { self.feed_plain(bytes, sink) } else { self.feed_line(bytes, sink) };
            bytes = &bytes[taken..];
        }
    }

    /// Gives the lines that are left, and tells how the last one ended.
    pub fn finish(mut self, sink: &mut dyn Sink) -> LastLine {
        let begun = self.lead.end();
        self.feed_text(&begun, sink);
        let end = line_start(&self.window);
        if end > 0 {
            self.give_terminal(sink);
            give_plain(&self.window[..end], sink);
        }
        // What is left is an open line, perhaps with a carriage return that returned to nothing.
        let open = self.window.split_off(end);
        if open.is_empty() && self.terminal.is_none() {
            return LastLine::Whole;
        }
        self.terminal().feed(&open);
        let Some(terminal) = self.terminal else { return LastLine::Whole };
        let (lines, is_open) = terminal.finish();
        give(&lines, sink);
        if is_open { LastLine::Open } else { LastLine::Whole }
    }

    fn terminal(&mut self) -> &mut Rolled {
        let (cols, paged) = (self.cols, self.paged);
        self.terminal.get_or_insert_with(|| {
            let mut terminal = Rolled::new(cols, paged.unwrap_or(ROWS));
            if paged.is_some() {
                terminal.flatten();
            }
            terminal
        })
    }

    /// Gives the lines that the terminal still holds.
    fn give_terminal(&mut self, sink: &mut dyn Sink) {
        if let Some(terminal) = &mut self.terminal {
            terminal.flush();
            give(&terminal.take_lines(), sink);
        }
    }

    /// Collects plain text, and returns how many bytes it took.
    fn feed_plain(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> usize {
        let piece = &bytes[..bytes.len().min(self.stride)];
        self.stride = WINDOW_BYTES.min(self.stride * 2);
        let before = self.window.len();
        let length = plain_length(piece);
        self.window.extend_from_slice(&piece[..length]);
        let irregular = self.irregular_line();
        if irregular.is_none() && length == piece.len() {
            // Without a line feed there is no new line to give, however long the last one grows.
            if self.window.len() >= WINDOW_BYTES && piece.contains(&b'\n') {
                self.give_window(sink);
            }
            return length;
        }
        // The line that is not plain goes to the terminal from its beginning on.
        let start = irregular.unwrap_or_else(|| line_start(&self.window));
        let begun = self.window.get(start..before).unwrap_or_default().to_vec();
        self.window.truncate(start);
        self.leave_plain(sink);
        self.terminal().feed(&begun);
        start.saturating_sub(before)
    }

    /// Looks at the new part of the window, and returns where a line begins whose carriage returns do not stand before
    /// its line feed alone.
    fn irregular_line(&mut self) -> Option<usize> {
        let window = &self.window;
        let follows_return = |place: usize| place > 0 && window[place - 1] == b'\r';
        let precedes_other = |place: usize| window.get(place + 1).is_some_and(|it| *it != b'\n');
        let new = &window[self.looked_at..];
        let feed = memchr_iter(b'\n', new).map(|it| self.looked_at + it).find(|it| !follows_return(*it));
        let back = memchr_iter(b'\r', new).map(|it| self.looked_at + it).find(|it| precedes_other(*it));
        if let Some(place) = feed.into_iter().chain(back).min() {
            return Some(line_start(&window[..place]));
        }
        // What follows a carriage return at the end is not known yet.
        self.looked_at = window.len() - usize::from(window.ends_with(b"\r"));
        None
    }

    /// Hands the last lines to the terminal.
    fn leave_plain(&mut self, sink: &mut dyn Sink) {
        self.give_window(sink);
        let window = std::mem::take(&mut self.window);
        self.terminal().feed(&window);
        self.looked_at = 0;
        self.stride = STRIDE_BYTES;
        self.is_plain = false;
    }

    /// Gives all lines of the window but the last ones, which a cursor movement may still reach.
    fn give_window(&mut self, sink: &mut dyn Sink) {
        let feed_before = memrchr_iter(b'\n', &self.window).nth(usize::from(ROWS));
        let Some(end) = feed_before.map(|it| it + 1) else { return };
        self.give_terminal(sink);
        give_plain(&self.window[..end], sink);
        self.window.drain(..end);
        self.looked_at = self.looked_at.saturating_sub(end);
    }

    /// Feeds the terminal up to a line feed at most, and returns how many bytes that was.
    fn feed_line(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> usize {
        let piece = &bytes[..bytes.len().min(PIECE_BYTES)];
        let feed = memchr(b'\n', piece);
        let end = feed.map_or(piece.len(), |it| it + 1);
        let terminal = self.terminal();
        terminal.feed(&piece[..end]);
        let is_fresh = terminal.is_at_fresh_line();
        if terminal.holds_lines() {
            give(&terminal.take_lines(), sink);
        }
        self.is_plain |= feed.is_some() && is_fresh;
        end
    }
}

/// Returns where the last line of a text begins, that is, what follows its last line feed.
fn line_start(text: &[u8]) -> usize {
    memrchr(b'\n', text).map_or(0, |it| it + 1)
}

/// Returns how many bytes at the beginning are printable ASCII, tabs, carriage returns and line feeds.
fn plain_length(bytes: &[u8]) -> usize {
    let is_plain = |byte: &u8| matches!(byte, 0x20..0x7f | b'\t' | b'\r' | b'\n');
    // Whole blocks without a branch on each byte become vector instructions.
    let blocks =
        bytes.chunks_exact(64).take_while(|it| it.iter().fold(true, |all, byte| all & is_plain(byte)));
    let start = blocks.count() * 64;
    start + bytes[start..].iter().take_while(|it| is_plain(it)).count()
}

/// Gives lines of plain ASCII, each with a carriage return and a line feed after it.
fn give_plain(lines: &[u8], sink: &mut dyn Sink) {
    if !lines.is_empty() {
        // It is ASCII: looked at when it was collected.
        sink.plain_lines(std::str::from_utf8(lines).unwrap_or_default());
    }
}

/// Gives lines of the terminal, each with a line feed after it.
fn give(lines: &str, sink: &mut dyn Sink) {
    for line in lines.split_terminator('\n') {
        if line.is_ascii() {
            sink.line(line);
        } else {
            sink.line(&clean(line));
        }
    }
}

/// Takes out of a line what does not show, or changes the order in which the rest is read.
fn clean(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    for c in line.chars() {
        let joins_symbols = matches!(c, '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
        let after_symbol = clean.chars().next_back().is_some_and(|it| it >= '\u{203c}');
        if !is_hidden(c) && (!joins_symbols || after_symbol) {
            clean.push(c);
        }
    }
    clean
}

/// Tells whether a character is a control, has no width though it joins nothing, or turns the order of reading.
fn is_hidden(c: char) -> bool {
    let is_control = c.is_control() && c != '\t';
    is_control
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{feff}'
        )
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
}
