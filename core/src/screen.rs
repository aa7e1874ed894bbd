//! What the terminal shows: a model of the screen behind a session, which answers queries and repaints itself.

mod gate;
mod emulator;
mod paint;
mod passing;
mod rows;
mod rolled;

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::term::TermMode;

use emulator::Emulator;
use gate::Gate;
pub(crate) use rolled::{ROWS, Rolled};

/// The fewest columns. A wide character on a terminal of one column makes the model allocate without end.
const COLUMNS_MIN: u16 = 2;

/// The most columns: wider than any screen, and 500 rows of it are 12 MB.
const COLUMNS_MAX: u16 = 1000;

/// The most rows.
const ROWS_MAX: u16 = 500;

/// Brings a size into what the model of the terminal can hold. Nothing else decides this.
pub fn clamp(cols: u16, rows: u16) -> (u16, u16) {
    (cols.clamp(COLUMNS_MIN, COLUMNS_MAX), rows.clamp(1, ROWS_MAX))
}

/// Which movements a program wants to hear of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// None.
    #[default]
    Nothing,
    /// Buttons that go down and up, and the wheel.
    Clicks,
    /// That, and movements while a button is down.
    Drags,
    /// Every movement.
    Motion,
}

/// What a program has set on the terminal, as far as somebody decides by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// The alternate screen is shown.
    pub alternate: bool,
    /// Pasted text is to stand between brackets.
    pub bracketed_paste: bool,
    /// The cursor keys send `ESC O` in place of `ESC [`.
    pub application_cursor: bool,
    /// The keys of the number pad send `ESC O` sequences in place of characters.
    pub application_keypad: bool,
    /// What is to be told of the mouse.
    pub mouse: Wanted,
    /// In numbers, at any place.
    pub mouse_sgr: bool,
    /// In characters of UTF-8.
    pub mouse_utf8: bool,
    /// The screen is drawn by address: the alternate screen is shown, or the cursor went to an absolute place or the
    /// screen was cleared since [`Screen::forget_addressed`]. (`top` draws on the main screen.)
    pub addressed: bool,
}

/// The screen of one terminal. It has no history: what scrolled away is in the journal.
pub struct Screen {
    gate: Gate,
    emulator: Emulator,
}

impl Screen {
    /// Makes an empty screen of this size, clamped by [`clamp`].
    pub fn new(cols: u16, rows: u16) -> Self {
        let (cols, rows) = clamp(cols, rows);
        Self { gate: Gate::default(), emulator: Emulator::new(cols, rows, 0) }
    }

    /// Takes the next bytes that the terminal printed. The same stream gives the same screen, wherever it is cut.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.gate.feed(bytes, &mut self.emulator);
    }

    /// Changes the size, clamped by [`clamp`]; lines of the main screen are wrapped anew.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        let (cols, rows) = clamp(cols, rows);
        self.emulator.resize(cols, rows);
    }

    /// Returns the columns and rows.
    pub fn size(&self) -> (u16, u16) {
        (self.emulator.term.columns() as u16, self.emulator.term.screen_lines() as u16)
    }

    /// Takes out what the terminal answers to the queries fed so far, at most 4 KiB; more is dropped by whole answers.
    pub fn take_answers(&mut self) -> Vec<u8> {
        self.emulator.answers.take()
    }

    /// Returns bytes that paint this screen on a fresh or dirty terminal of its size and restore its state, the
    /// unfinished sequence at the cut included: a reader that follows the raw stream from here on shows the same.
    pub fn repaint(&mut self) -> Vec<u8> {
        let mut out = self.repaint_for_filtered();
        out.extend_from_slice(self.gate.unfinished());
        out
    }

    /// Returns the same without the unfinished sequence, for a reader that follows what the filter lets through: the
    /// filter holds an unfinished sequence back and gives it whole.
    pub fn repaint_for_filtered(&mut self) -> Vec<u8> {
        paint::paint(&mut self.emulator)
    }

    /// Returns the rows as text, trailing blanks cut.
    pub fn text(&self) -> Vec<String> {
        rows::text(&self.emulator)
    }

    /// Returns the column and row of the cursor, from 0.
    pub fn cursor(&self) -> (u16, u16) {
        let point = self.emulator.term.grid().cursor.point;
        (point.column.0 as u16, point.line.0 as u16)
    }

    /// Returns the logical line up to the cursor, wrapped rows joined: the words with which a program asks.
    pub fn line_at_cursor(&self) -> String {
        rows::line_at_cursor(&self.emulator)
    }

    /// Returns the row of the cursor, one character a cell, and the column from which on nothing was ever put into it. A cell
    /// of anything but one plain character is told as `U+FFFD`.
    pub fn row_at_cursor(&self) -> (Vec<char>, usize) {
        rows::row_at_cursor(&self.emulator)
    }

    /// Returns the title that a program has set, free of controls and at most 256 characters.
    pub fn title(&self) -> Option<&str> {
        self.emulator.title.as_deref()
    }

    /// Returns what is set on the terminal.
    pub fn modes(&self) -> Modes {
        let mode = self.emulator.term.mode();
        let alternate = mode.contains(TermMode::ALT_SCREEN);
        Modes {
            alternate,
            bracketed_paste: mode.contains(TermMode::BRACKETED_PASTE),
            application_cursor: mode.contains(TermMode::APP_CURSOR),
            application_keypad: mode.contains(TermMode::APP_KEYPAD),
            mouse: match () {
                () if mode.contains(TermMode::MOUSE_MOTION) => Wanted::Motion,
                () if mode.contains(TermMode::MOUSE_DRAG) => Wanted::Drags,
                () if mode.contains(TermMode::MOUSE_REPORT_CLICK) => Wanted::Clicks,
                () => Wanted::Nothing,
            },
            mouse_sgr: mode.contains(TermMode::SGR_MOUSE),
            mouse_utf8: mode.contains(TermMode::UTF8_MOUSE),
            addressed: alternate || self.emulator.addressed,
        }
    }

    /// Forgets that the screen was drawn by address: a new command begins.
    pub fn forget_addressed(&mut self) {
        self.emulator.addressed = false;
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (size, cursor, modes) = (self.size(), self.cursor(), self.modes());
        out.debug_struct("Screen")
            .field("size", &size)
            .field("cursor", &cursor)
            .field("modes", &modes)
            .finish()
    }
}
