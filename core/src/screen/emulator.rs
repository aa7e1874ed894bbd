//! The terminal model and what it does not tell: it stands between the parser and the model and notes what a repaint needs.

use std::sync::{Arc, Mutex};

use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::{Config, Osc52, Term, TermMode};
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, Hyperlink, LineClearMode, Mode,
    NamedPrivateMode, PrivateMode, Rgb, StandardCharset, TabulationClearMode,
};
use unicode_width::UnicodeWidthChar;

use crate::filter::{is_web_link, tidy_title};

/// The most zero-width characters in one cell. Text of people has up to about eight.
const ZERO_WIDTH_MAX: usize = 16;

/// The most bytes of answers kept until they are taken. An answer has about ten.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// The most titles that a program may put aside.
const TITLES_MAX: usize = 16;

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
}

impl Emulator {
    /// Makes an empty model with a history of `history` rows.
    pub(super) fn new(cols: u16, rows: u16, history: usize) -> Self {
        let answers = Answers::default();
        let config = Config { scrolling_history: history, osc52: Osc52::Disabled, ..Config::default() };
        let (cols, rows) = (usize::from(cols), usize::from(rows));
        Self {
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
        }
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
        self.mend_all();
    }

    /// Returns the main screen, if the alternate one is shown before it.
    ///
    /// The model shows its other screen only by swapping, which clears the alternate screen and forgets the saved
    /// cursor of the main one; the first is put back, the second was forgotten when the alternate screen was entered.
    pub(super) fn hidden_main(&mut self) -> Option<Grid<Cell>> {
        if !self.term.mode().contains(TermMode::ALT_SCREEN) {
            return None;
        }
        let alternate = self.term.grid().clone();
        self.term.swap_alt();
        self.unwrap_at_edge();
        let main = self.term.grid().clone();
        self.term.swap_alt();
        *self.term.grid_mut() = alternate;
        Some(main)
    }

    /// Forgets that the row goes on at whose edge the cursor waits: no sequence restores both, for what brings the
    /// cursor there begins the row's end anew. The next character wraps it again.
    pub(super) fn unwrap_at_edge(&mut self) {
        let grid = self.term.grid_mut();
        if grid.cursor.input_needs_wrap {
            let (line, last) = (grid.cursor.point.line, Column(grid.columns() - 1));
            grid[line][last].flags.remove(Flags::WRAPLINE);
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

/// No terminal has more rows than this.
fn distance(lines: usize) -> i32 {
    i32::try_from(lines).unwrap_or(i32::MAX / 2).min(i32::MAX / 2)
}

/// Programs of before 1995 switch screens by 47 and 1047, which the model does not know.
fn private_mode(mode: PrivateMode) -> PrivateMode {
    match mode {
        PrivateMode::Unknown(47 | 1047) => {
            PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor)
        }
        PrivateMode::Named(_) | PrivateMode::Unknown(_) => mode,
    }
}

/// Methods that only pass on.
macro_rules! pass_on {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        $(#[inline] fn $name(&mut self, $($arg: $type),*) { Handler::$name(&mut self.term, $($arg),*); })*
    };
}

impl Handler for Emulator {
    pass_on! {
        identify_terminal(intermediate: Option<char>); device_status(arg: usize); move_forward(cols: usize);
        move_backward(cols: usize);
        backspace(); carriage_return(); substitute();
        scroll_down(lines: usize); insert_blank_lines(lines: usize);
         move_forward_tabs(count: u16);
        save_cursor_position(); reverse_index(); terminal_attribute(attr: Attr);
        set_mode(mode: Mode); unset_mode(mode: Mode); report_mode(mode: Mode);
        report_private_mode(mode: PrivateMode); set_keypad_application_mode(); unset_keypad_application_mode();
        configure_charset(index: CharsetIndex, charset: StandardCharset); decaln(); text_area_size_chars();
    }

    #[inline]
    fn input(&mut self, c: char) {
        // Below U+0300 nothing has zero width but the soft hyphen, which the model counts as one column.
        if c >= '\u{300}' && c.width() == Some(0) && self.cell_is_full() {
            return;
        }
        if self.roll.is_some() && self.term.grid().cursor.input_needs_wrap {
            self.make_room();
        }
        self.term.input(c);
        if self.term.mode().contains(TermMode::INSERT) {
            self.mend_at_cursor(); // What was pushed over the edge may have been half of a wide character.
        }
    }

    #[inline]
    fn linefeed(&mut self) {
        self.make_room();
        self.term.linefeed();
    }

    #[inline]
    fn newline(&mut self) {
        self.make_room();
        self.term.newline();
    }

    fn put_tab(&mut self, count: u16) {
        self.make_room();
        self.term.put_tab(count);
    }

    fn move_backward_tabs(&mut self, count: u16) {
        self.term.move_backward_tabs(count);
        // The model would still wrap, though the cursor has left the edge.
        self.term.grid_mut().cursor.input_needs_wrap = false;
    }

    fn scroll_up(&mut self, lines: usize) {
        self.make_room();
        self.term.scroll_up(lines);
    }

    fn delete_lines(&mut self, lines: usize) {
        self.make_room();
        self.term.delete_lines(lines);
    }

    fn goto_col(&mut self, col: usize) {
        self.step(0, Some(col));
    }

    fn move_up(&mut self, lines: usize) {
        self.step(-distance(lines), None);
    }

    fn move_down(&mut self, lines: usize) {
        self.step(distance(lines), None);
    }

    fn move_up_and_cr(&mut self, lines: usize) {
        self.step(-distance(lines), Some(0));
    }

    fn move_down_and_cr(&mut self, lines: usize) {
        self.step(distance(lines), Some(0));
    }

    fn restore_cursor_position(&mut self) {
        self.term.restore_cursor_position();
        self.stay_in_region();
    }

    fn goto(&mut self, line: i32, col: usize) {
        self.addressed = true;
        self.term.goto(line, col);
    }

    fn goto_line(&mut self, line: i32) {
        self.addressed = true;
        self.term.goto_line(line);
    }

    fn clear_screen(&mut self, mode: ClearMode) {
        self.addressed |= matches!(mode, ClearMode::All);
        if self.roll.is_some() {
            self.clear_rolled(mode);
        } else {
            self.term.clear_screen(mode);
        }
        self.mend_at_cursor();
    }

    fn clear_line(&mut self, mode: LineClearMode) {
        self.term.clear_line(mode);
        self.mend_at_cursor();
    }

    fn insert_blank(&mut self, count: usize) {
        self.term.insert_blank(count);
        self.mend_at_cursor();
    }

    fn erase_chars(&mut self, count: usize) {
        self.term.erase_chars(count);
        self.mend_at_cursor();
    }

    fn delete_chars(&mut self, count: usize) {
        self.term.delete_chars(count);
        self.mend_at_cursor();
    }

    fn set_horizontal_tabstop(&mut self) {
        let column = self.term.grid().cursor.point.column.0;
        self.tabs[column] = true;
        self.term.set_horizontal_tabstop();
    }

    fn clear_tabs(&mut self, mode: TabulationClearMode) {
        let column = self.term.grid().cursor.point.column.0;
        match mode {
            TabulationClearMode::Current => self.tabs[column] = false,
            TabulationClearMode::All => self.tabs.fill(false),
        }
        self.term.clear_tabs(mode);
    }

    fn set_scrolling_region(&mut self, top: usize, bottom: Option<usize>) {
        let rows = self.term.screen_lines();
        let bottom = bottom.unwrap_or(rows);
        // The model would take a region that begins below the screen, and then scroll outside of it.
        if top == 0 || top >= bottom || top >= rows.max(2) {
            return;
        }
        self.region = (top - 1, bottom.min(rows));
        self.term.set_scrolling_region(top, Some(bottom));
    }

    fn reset_state(&mut self) {
        if self.roll.is_some() {
            self.term.unset_private_mode(NamedPrivateMode::SwapScreenAndSetRestoreCursor.into());
            self.take_screen();
            self.drain();
        }
        self.term.reset_state();
        self.tabs = first_tabs(0, self.term.columns()).collect();
        self.region = (0, self.term.screen_lines());
        self.active_charset = CharsetIndex::G0;
        self.has_cursor_style = false;
        self.title = None;
        self.titles.clear();
        self.addressed = true;
    }

    fn set_private_mode(&mut self, mode: PrivateMode) {
        self.note_private_mode(mode);
        self.term.set_private_mode(private_mode(mode));
        self.stay_in_region();
    }

    fn unset_private_mode(&mut self, mode: PrivateMode) {
        self.note_private_mode(mode);
        self.term.unset_private_mode(private_mode(mode));
        self.stay_in_region();
    }

    fn set_active_charset(&mut self, index: CharsetIndex) {
        self.active_charset = index;
        self.term.set_active_charset(index);
    }

    fn set_cursor_style(&mut self, style: Option<CursorStyle>) {
        self.has_cursor_style = style.is_some();
        self.term.set_cursor_style(style);
    }

    fn set_cursor_shape(&mut self, shape: CursorShape) {
        self.has_cursor_style = true;
        self.term.set_cursor_shape(shape);
    }

    fn set_title(&mut self, title: Option<String>) {
        if !self.ignores_commands {
            self.title = title.map(|it| tidy_title(&it));
        }
    }

    fn push_title(&mut self) {
        if self.titles.len() < TITLES_MAX {
            self.titles.push(self.title.clone());
        }
    }

    fn pop_title(&mut self) {
        if let Some(title) = self.titles.pop() {
            self.title = title;
        }
    }

    fn set_hyperlink(&mut self, link: Option<Hyperlink>) {
        if !self.ignores_commands {
            self.term.set_hyperlink(link.filter(|it| is_web_link(&it.uri)));
        }
    }

    fn set_color(&mut self, index: usize, color: Rgb) {
        if !self.ignores_commands {
            self.term.set_color(index, color);
        }
    }

    fn reset_color(&mut self, index: usize) {
        if !self.ignores_commands {
            self.term.reset_color(index);
        }
    }
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
