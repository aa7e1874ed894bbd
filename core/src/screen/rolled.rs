//! A terminal that keeps what scrolls away: the text of a command is read from it.

use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::vte::ansi::{Handler, StandardCharset};

use super::clamp;
use super::emulator::{Emulator, HISTORY_ROWS, Roll};
use super::gate::Gate;
use super::rows::{is_wrapped, push_row};

/// The rows of the terminal: more than most screens, so that a program that redraws many lines finds them.
pub(crate) const ROWS: u16 = 100;

/// The terminal, and the lines that can no longer change.
pub(crate) struct Rolled {
    gate: Gate,
    emulator: Emulator,
}

impl Rolled {
    /// Makes an empty terminal.
    pub(crate) fn new(cols: u16, rows: u16) -> Self {
        let (cols, rows) = clamp(cols, rows);
        let mut emulator = Emulator::new(cols, rows, HISTORY_ROWS + usize::from(rows));
        emulator.roll = Some(Roll::default());
        Self { gate: Gate::default(), emulator }
    }

    /// Takes what a pager shows on the alternate screen for lines like any other.
    pub(crate) fn flatten(&mut self) {
        if let Some(roll) = &mut self.emulator.roll {
            roll.flat = true;
        }
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.gate.feed(bytes, &mut self.emulator);
        drop(self.emulator.answers.take());
    }

    /// Tells whether lines have scrolled away, enough to be worth taking.
    pub(crate) fn holds_lines(&self) -> bool {
        self.emulator.roll.as_ref().is_some_and(|it| !it.lines.is_empty())
    }

    /// Takes the lines that have scrolled away, each with a line feed after it.
    pub(crate) fn take_lines(&mut self) -> String {
        self.emulator.drain();
        self.emulator.roll.as_mut().map(|it| std::mem::take(&mut it.lines)).unwrap_or_default()
    }

    /// Tells whether plain text that comes next stands on empty lines, as it comes, and changes nothing above it.
    pub(crate) fn is_at_fresh_line(&self) -> bool {
        let term = &self.emulator.term;
        let (grid, mode) = (term.grid(), *term.mode());
        let cursor = &grid.cursor;
        let row = cursor.point.line.0;
        let is_first_of_line = if row > 0 || term.history_size() > 0 {
            !is_wrapped(grid, row - 1)
        } else {
            self.emulator.roll.as_ref().is_none_or(|it| it.line.is_empty())
        };
        cursor.point.column.0 == 0
            && is_first_of_line
            && self.gate.is_between()
            && mode.contains(TermMode::LINE_WRAP)
            && !mode.intersects(TermMode::ALT_SCREEN | TermMode::INSERT | TermMode::ORIGIN)
            && self.emulator.region == (0, grid.screen_lines())
            && cursor.charsets[self.emulator.active_charset] == StandardCharset::Ascii
            && (row..grid.screen_lines() as i32).all(|it| is_empty(grid, it))
    }

    /// Moves what stands above the cursor to the lines, and empties the screen: as many lines as it has rows follow.
    pub(crate) fn flush(&mut self) {
        self.emulator.take_screen();
        self.emulator.term.goto(0, 0);
    }

    /// Takes all lines that are left; true if the last one is open, that is, the cursor stands in or behind its text.
    pub(crate) fn finish(mut self) -> (String, bool) {
        if self.emulator.term.mode().contains(TermMode::ALT_SCREEN) {
            self.emulator.term.swap_alt();
        }
        let grid = self.emulator.term.grid();
        let cursor = &grid.cursor;
        let row = cursor.point.line.0;
        let is_last = (row + 1..grid.screen_lines() as i32).all(|it| is_empty(grid, it));
        let is_open = is_last && (cursor.point.column.0 > 0 || !is_empty(grid, row));
        self.emulator.take_screen();
        (self.take_lines(), is_open)
    }
}

fn is_empty(grid: &Grid<Cell>, row: i32) -> bool {
    let row = &grid[Line(row)];
    (0..grid.columns()).all(|column| row[Column(column)].c == ' ')
}

impl Emulator {
    /// Moves the history to the lines of the roll.
    pub(super) fn drain(&mut self) {
        let Some(roll) = &mut self.roll else { return };
        let rows = self.term.history_size() as i32;
        for row in -rows..0 {
            roll.push(self.term.grid(), &self.tabs, row);
        }
        self.term.grid_mut().clear_history();
    }

    /// Moves the history and the rows of the screen to the lines, and empties the screen. A last line in which the
    /// cursor stands counts, whether anything is in it or not; empty rows below do not.
    pub(super) fn take_screen(&mut self) {
        self.drain();
        let Some(roll) = &mut self.roll else { return };
        let grid = self.term.grid();
        let point = grid.cursor.point;
        let rows = grid.screen_lines() as i32;
        let last_used = (0..rows).rev().find(|it| !is_empty(grid, *it)).unwrap_or(-1);
        let at_cursor = if point.column.0 > 0 { point.line.0 } else { point.line.0 - 1 };
        for row in 0..=last_used.max(at_cursor) {
            roll.push(grid, &self.tabs, row);
        }
        if !roll.line.is_empty() {
            roll.end_line();
        }
        self.term.grid_mut().reset_region(..);
    }
}

impl Roll {
    fn push(&mut self, grid: &Grid<Cell>, tabs: &[bool], row: i32) {
        push_row(grid, tabs, row, grid.columns(), &mut self.line);
        if !is_wrapped(grid, row) {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        // What was printed and what is merely blank look alike here.
        self.line.truncate(self.line.trim_end_matches(' ').len());
        self.lines.push_str(&self.line);
        self.lines.push('\n');
        self.line.clear();
    }
}
