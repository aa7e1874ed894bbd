//! The terminal model and what it does not tell: it stands between the parser and the model and notes what a repaint needs.

mod hidden;
mod told;

use std::sync::{Arc, Mutex};

use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::term::{Config, Osc52, Term, TermMode};
use alacritty_terminal::vte::ansi::{CharsetIndex, ClearMode, Handler, NamedPrivateMode, PrivateMode};

/// The most zero-width characters in one cell. Text of people has up to about eight.
const ZERO_WIDTH_MAX: usize = 16;

/// The most bytes of answers kept until they are taken. An answer has about ten.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// The columns between tab stops at first.
const TAB_WIDTH: usize = 8;

/// The rows of history that are moved away at once.
pub(super) const HISTORY_ROWS: usize = 500;

/// What the model answers to queries, shared with the model because its listener cannot be reached again.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<Vec<u8>>>);

impl Answers {
    /// Takes all answers so far.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().map(|mut it| std::mem::take(&mut *it)).unwrap_or_default()
    }
}

impl EventListener for Answers {
    fn send_event(&self, event: Event) {
        // Only what the model itself answers is sent: no clipboard, no colours.
        let Event::PtyWrite(answer) = event else { return };
        let Ok(mut answers) = self.0.lock() else { return };
        if answers.len() + answer.len() <= ANSWER_BYTES_MAX {
            answers.extend_from_slice(answer.as_bytes());
        }
    }
}

/// The size of the model.
struct Size(usize, usize);

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.1
    }
    fn screen_lines(&self) -> usize {
        self.1
    }
    fn columns(&self) -> usize {
        self.0
    }
}

/// The model, with notes.
pub(super) struct Emulator {
    pub(super) term: Term<Answers>,
    pub(super) answers: Answers,
    pub(super) tabs: Vec<bool>,
    /// The first row of the scroll region and the one past its last.
    pub(super) region: (usize, usize),
    pub(super) active_charset: CharsetIndex,
    /// A program has chosen the cursor's shape.
    pub(super) has_cursor_style: bool,
    pub(super) title: Option<String>,
    titles: Vec<Option<String>>,
    pub(super) addressed: bool,
    /// An operating system command that is thrown away is being ended: it does nothing.
    pub(super) ignores_commands: bool,
    /// What has scrolled away, where it is kept.
    pub(super) roll: Option<Roll>,
}

/// The lines that have scrolled away.
#[derive(Default)]
pub(super) struct Roll {
    /// Whole lines, each with a line feed after it. No cell holds a line feed.
    pub(super) lines: String,
    /// The rows so far of a line that goes on.
    pub(super) line: String,
    /// The alternate screen is not told apart: what a pager shows there is text like any other.
    pub(super) flat: bool,
}

impl Emulator {
    /// Makes an empty model with a history of `history` rows.
    pub(super) fn new(cols: u16, rows: u16, history: usize) -> Self {
        let answers = Answers::default();
        let config = Config { scrolling_history: history, osc52: Osc52::Disabled, ..Config::default() };
        let (cols, rows) = (usize::from(cols), usize::from(rows));
        let mut emulator = Self {
            term: Term::new(config, &Size(cols, rows), answers.clone()),
            answers,
            tabs: first_tabs(0, cols).collect(),
            region: (0, rows),
            active_charset: CharsetIndex::G0,
            has_cursor_style: false,
            title: None,
            titles: Vec::new(),
            addressed: false,
            ignores_commands: false,
            roll: None,
        };
        emulator.fold_alternate();
        emulator
    }

    /// Changes the size. The model resets its scroll region then.
    pub(super) fn resize(&mut self, cols: u16, rows: u16) {
        let (cols, rows) = (usize::from(cols), usize::from(rows));
        if (cols, rows) == (self.term.columns(), self.term.screen_lines()) {
            return;
        }
        self.term.resize(Size(cols, rows));
        self.region = (0, rows);
        let more = first_tabs(self.tabs.len(), cols);
        self.tabs.extend(more);
        self.tabs.truncate(cols);
        // Makes what is saved of the hidden screen the same as after a repaint.
        drop(self.hidden_main());
        self.fold_alternate();
        self.mend_all();
    }

    /// Forgets that a row goes on at whose edge the cursor, or the saved one, waits: no sequence restores both, for
    /// what brings the cursor there begins the row's end anew. The next character wraps it again.
    pub(super) fn unwrap_at_edges(&mut self) {
        let grid = self.term.grid_mut();
        let last = Column(grid.columns() - 1);
        let lines = [&grid.cursor, &grid.saved_cursor].map(|it| it.input_needs_wrap.then_some(it.point.line));
        for line in lines.into_iter().flatten() {
            grid[line][last].flags.remove(Flags::WRAPLINE | Flags::LEADING_WIDE_CHAR_SPACER);
        }
    }

    fn mend_all(&mut self) {
        for line in 0..self.term.screen_lines() {
            self.mend(Line(line as i32));
        }
    }

    /// Blanks halves of wide characters, which shifting and erasing leave in the model.
    fn mend(&mut self, line: Line) {
        let columns = self.term.columns();
        let row = &mut self.term.grid_mut()[line];
        for column in 0..columns {
            let flags = row[Column(column)].flags;
            let is_first = flags.contains(Flags::WIDE_CHAR);
            let is_second = flags.contains(Flags::WIDE_CHAR_SPACER);
            let next_is_second =
                column + 1 < columns && row[Column(column + 1)].flags.contains(Flags::WIDE_CHAR_SPACER);
            let follows_first = column > 0 && row[Column(column - 1)].flags.contains(Flags::WIDE_CHAR);
            if is_first && !next_is_second {
                row[Column(column)].clear_wide();
            }
            if is_second && !follows_first {
                row[Column(column)].flags.remove(Flags::WIDE_CHAR_SPACER);
            }
        }
    }

    fn mend_at_cursor(&mut self) {
        let line = self.term.grid().cursor.point.line;
        self.mend(line);
    }

    /// Tells whether the cell that a zero-width character would join has its fill.
    fn cell_is_full(&self) -> bool {
        let cursor = &self.term.grid().cursor;
        let row = &self.term.grid()[cursor.point.line];
        let mut column = cursor.point.column;
        if !cursor.input_needs_wrap {
            column.0 = column.0.saturating_sub(1);
        }
        if row[column].flags.contains(Flags::WIDE_CHAR_SPACER) {
            column.0 = column.0.saturating_sub(1);
        }
        row[column].zerowidth().is_some_and(|it| it.len() >= ZERO_WIDTH_MAX)
    }
}

fn first_tabs(from: usize, to: usize) -> impl Iterator<Item = bool> {
    (from..to).map(|it| it % TAB_WIDTH == 0)
}

impl Emulator {
    /// Moves the history to the roll before the model would drop any of it. One step adds at most a screen.
    #[inline]
    fn make_room(&mut self) {
        if self.roll.is_some() && self.term.history_size() >= HISTORY_ROWS {
            self.drain();
        }
    }

    /// Clears as asked, but loses no line of a roll: what is erased from the home position on is scrolled away, as the
    /// model does where the whole screen is cleared. (`clear` is `CSI H CSI J` on some terminals.)
    fn clear_rolled(&mut self, mode: ClearMode) {
        self.make_room();
        let is_home = self.term.grid().cursor.point == Point::new(Line(0), Column(0));
        match mode {
            ClearMode::Saved => (),
            ClearMode::Below if is_home => self.term.clear_screen(ClearMode::All),
            ClearMode::Below | ClearMode::Above | ClearMode::All => self.term.clear_screen(mode),
        }
    }

    /// Moves the cursor by rows, and to a column. The model itself would take the row it stands on for one that is
    /// counted from the scroll region, in origin mode.
    fn step(&mut self, lines: i32, col: Option<usize>) {
        let (last, rows) = (self.term.columns() - 1, self.term.screen_lines() as i32);
        let cursor = &mut self.term.grid_mut().cursor;
        cursor.point.line = Line((cursor.point.line.0 + lines).clamp(0, rows - 1));
        cursor.point.column = Column(col.unwrap_or(cursor.point.column.0).min(last));
        cursor.input_needs_wrap = false;
        self.stay_in_region();
    }

    /// In origin mode the cursor never leaves the scroll region, also where it comes back to a saved place.
    fn stay_in_region(&mut self) {
        if self.term.mode().contains(TermMode::ORIGIN) {
            let (top, bottom) = (self.region.0 as i32, self.region.1 as i32);
            let line = &mut self.term.grid_mut().cursor.point.line;
            *line = Line(line.0.clamp(top, bottom - 1));
        }
    }

    fn note_private_mode(&mut self, mode: PrivateMode) {
        match mode {
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => self.region = (0, self.term.screen_lines()),
            PrivateMode::Named(NamedPrivateMode::BlinkingCursor) => self.has_cursor_style = true,
            PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor)
            | PrivateMode::Unknown(47 | 1047) => self.addressed = true,
            PrivateMode::Named(_) | PrivateMode::Unknown(_) => (),
        }
    }
}
