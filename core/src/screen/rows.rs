//! The rows of the model as text.

use alacritty_terminal::grid::{Dimensions, Grid, GridCell};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};

use super::emulator::Emulator;

/// Returns the rows of the screen, trailing blanks cut.
pub(super) fn text(emulator: &Emulator) -> Vec<String> {
    let grid = emulator.term.grid();
    let rows = 0..grid.screen_lines();
    rows.map(|row| {
        let mut text = String::new();
        push_row(grid, &emulator.tabs, row as i32, grid.columns(), &mut text);
        text.truncate(text.trim_end_matches([' ', '\t']).len());
        text
    })
    .collect()
}

/// Returns the logical line up to the cursor.
pub(super) fn line_at_cursor(emulator: &Emulator) -> String {
    let grid = emulator.term.grid();
    let cursor = &grid.cursor;
    let last = cursor.point.line.0;
    let mut first = last;
    while first > 0 && is_wrapped(grid, first - 1) {
        first -= 1;
    }
    let mut text = String::new();
    for row in first..last {
        push_row(grid, &emulator.tabs, row, grid.columns(), &mut text);
    }
    let columns = (cursor.point.column.0 + usize::from(cursor.input_needs_wrap)).min(grid.columns());
    push_row(grid, &emulator.tabs, last, columns, &mut text);
    text
}

/// Returns the cells of the cursor's row, and the column behind the last that holds anything.
pub(super) fn row_at_cursor(emulator: &Emulator) -> (Vec<char>, usize) {
    let grid = emulator.term.grid();
    let cells = &grid[grid.cursor.point.line];
    let wide = Flags::WIDE_CHAR | Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER;
    let plain = |cell: &Cell| !cell.flags.intersects(wide) && cell.zerowidth().is_none();
    let told = |cell: &Cell| if plain(cell) { cell.c } else { char::REPLACEMENT_CHARACTER };
    let columns = || (0..grid.columns()).map(Column);
    let free_from = columns().rev().find(|it| !cells[*it].is_empty()).map_or(0, |it| it.0 + 1);
    (columns().map(|it| told(&cells[it])).collect(), free_from)
}

/// Tells whether the row goes on in the next one.
pub(super) fn is_wrapped(grid: &Grid<Cell>, row: i32) -> bool {
    grid[Line(row)][Column(grid.columns() - 1)].flags.contains(Flags::WRAPLINE)
}

/// Appends the first `columns` cells of a row.
pub(super) fn push_row(grid: &Grid<Cell>, tabs: &[bool], row: i32, columns: usize, text: &mut String) {
    let cells = &grid[Line(row)];
    let next_is_wide = row + 1 < grid.screen_lines() as i32
        && grid[Line(row + 1)][Column(0)].flags.contains(Flags::WIDE_CHAR);
    let mut after_tab = false;
    for column in 0..columns {
        let cell = &cells[Column(column)];
        // A tab is stored in its first cell and leaves blanks up to the next stop.
        after_tab &= !tabs[column] && cell.c == ' ';
        // A placeholder stands for nothing only as long as the wide character that did not fit follows.
        let is_placeholder = next_is_wide && cell.flags.contains(Flags::LEADING_WIDE_CHAR_SPACER);
        if after_tab || is_placeholder || cell.flags.contains(Flags::WIDE_CHAR_SPACER) {
            continue;
        }
        after_tab = cell.c == '\t';
        text.push(cell.c);
        text.extend(cell.zerowidth().into_iter().flatten());
    }
}
