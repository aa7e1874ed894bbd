//! Draws what is predicted on the person's terminal: underlined behind the cursor, and taken back before anything else is written.
//!
//! What stands there is known from a model that is fed the same bytes. It is drawn where the cursor is, never by address, on cells
//! that hold nothing: taken back, they hold nothing again.

use std::time::Instant;

use cotty_core::screen::Screen;

use crate::cli::last_row::LastRow;
use crate::cli::predict::{Predictor, Sight};

/// The terminal behind the session, as far as it is known here.
pub(crate) struct Predicting {
    it: Predictor,
    screen: Screen,
    /// So many cells hold what is predicted.
    drawn: usize,
    /// The terminal is known to show what the model shows: nothing was wrapped anew since it was painted.
    is_certain: bool,
}

impl Predicting {
    /// Knows nothing yet.
    pub(crate) fn new() -> Self {
        Self { it: Predictor::default(), screen: Screen::new(80, 24), drawn: 0, is_certain: false }
    }

    /// A connection begins: what was sent by then is over.
    pub(crate) fn begin(&mut self, seq: u64) {
        self.it.begin(seq);
        self.is_certain = false;
    }

    /// Takes the session's size.
    pub(crate) fn resize(&mut self, cols: u16, rows: u16) {
        self.it.drop_place();
        self.is_certain = false;
        self.screen.resize(cols, rows);
    }

    /// Keys were sent.
    pub(crate) fn typed(&mut self, seq: u64, keys: &[u8], now: Instant) {
        self.seeing(|it, sight| it.typed(seq, keys, sight, now));
    }

    /// A paste was sent, or its question answered: what may come of it is not followed.
    pub(crate) fn pasted(&mut self, seq: u64, now: Instant) {
        self.typed(seq, b"\r", now);
    }

    /// Keys up to this number were applied; whether they are known not to show.
    pub(crate) fn applied(&mut self, seq: u64, shows: bool) {
        self.it.applied(seq, shows);
    }

    /// The daemon says whether the shell stands at its prompt.
    pub(crate) fn stands(&mut self, at_prompt: bool) {
        self.it.stands(at_prompt);
    }

    /// Somebody else has typed.
    pub(crate) fn wrote(&mut self, now: Instant) {
        self.it.wrote(now);
    }

    /// The terminal was given this.
    pub(crate) fn printed(&mut self, bytes: &[u8], now: Instant) {
        self.screen.feed(bytes);
        // What it would answer, the daemon's terminal has answered.
        drop(self.screen.take_answers());
        self.seeing(|it, sight| it.printed(sight, now));
    }

    /// The terminal was painted anew.
    pub(crate) fn painted(&mut self, bytes: &[u8], now: Instant) {
        self.is_certain = true;
        self.printed(bytes, now);
    }

    /// Returns what takes back what is drawn: before anything else goes to the terminal.
    pub(crate) fn take_back(&mut self) -> Vec<u8> {
        match std::mem::take(&mut self.drawn) {
            0 => Vec::new(),
            cells => format!("\x1b8\x1b[0m{}\x1b8", " ".repeat(cells)).into_bytes(),
        }
    }

    /// Returns what draws what is predicted now. Nothing is drawn.
    pub(crate) fn draw(&mut self, row: &LastRow, now: Instant) -> Vec<u8> {
        let (cols, rows) = self.screen.size();
        let is_known = self.is_certain && row.is_plain() && row.inner_size() == (cols, rows);
        if !is_known || self.screen.modes().alternate {
            return Vec::new();
        }
        let Some(text) = self.it.shown(now) else { return Vec::new() };
        self.drawn = text.len();
        format!("\x1b7\x0f\x1b(B\x1b[0;4m{text}\x1b[0m").into_bytes()
    }

    /// Waits until what is drawn is to be looked at again; for ever where nothing is.
    pub(crate) async fn over(&self) {
        match self.it.until().filter(|_| self.drawn > 0) {
            Some(until) => tokio::time::sleep_until(until.into()).await,
            None => std::future::pending().await,
        }
    }

    fn seeing(&mut self, act: impl FnOnce(&mut Predictor, &Sight<'_>)) {
        let (cells, free_from) = self.screen.row_at_cursor();
        let (col, row) = self.screen.cursor();
        let cursor = (usize::from(col), usize::from(row));
        act(&mut self.it, &Sight { cursor, cells: &cells, free_from });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A terminal of one row that does what was written to it.
    fn row(written: &[u8]) -> (String, (u16, u16)) {
        let mut screen = Screen::new(80, 23);
        screen.feed(written);
        (screen.text().remove(0), screen.cursor())
    }

    #[test]
    fn what_is_drawn_is_taken_back_without_a_trace() {
        let mut it = Predicting::new();
        it.screen.resize(80, 23);
        let mut last_row = LastRow::new(80, 24);
        let mut written = Vec::new();
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_millis(200));
        let paint = b"\x1b[H\x1b[2J\x1b[31m$ ";
        written.extend(last_row.pass_repaint(paint));
        it.painted(paint, now);
        it.begin(0);
        it.is_certain = true;
        it.stands(true);
        it.typed(1, b"l", now);
        written.extend(last_row.pass(b"l"));
        it.printed(b"l", later);
        it.typed(2, b"s -la", later);
        let drawn = it.draw(&last_row, later);
        assert_eq!(row(&[&written[..], &drawn].concat()), ("$ ls -la".to_owned(), (8, 0)));
        let back = it.take_back();
        assert_eq!(row(&[&written[..], &drawn, &back].concat()), ("$ l".to_owned(), (3, 0)));
        assert_eq!(it.take_back(), b"");
        // The echo has the colour that the program had set.
        written.extend([drawn, back].concat());
        written.extend(last_row.pass(b"s -l"));
        let mut screen = Screen::new(80, 23);
        screen.feed(&written);
        let mut other = Screen::new(80, 23);
        other.feed(b"\x1b[H\x1b[2J\x1b[31m$ ls -l");
        assert_eq!((screen.text()[0].clone(), screen.cursor()), (other.text()[0].clone(), other.cursor()));
        // On another screen, in the middle of a sequence or at another size nothing is drawn.
        for stands_open in [&b"\x1b[?1049h"[..], b"\x1b[3", b"\x1b7", b"\x1b[?6h"] {
            let mut last_row = LastRow::new(80, 24);
            drop(last_row.pass(stands_open));
            assert_eq!(it.draw(&last_row, later), b"", "{stands_open:?}");
        }
        assert_eq!(it.draw(&LastRow::new(81, 24), later), b"");
    }
}
