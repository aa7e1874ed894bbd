//! The screen that is not shown. The model has two grids at all times and lends only the shown one.

use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;

use super::Emulator;

impl Emulator {
    /// Returns the main screen, if the alternate one is shown before it.
    ///
    /// The model shows its other screen only by swapping, which clears the alternate screen and forgets the saved
    /// cursor of the main one; the first is put back, the second was forgotten when the alternate screen was entered.
    pub(in crate::screen) fn hidden_main(&mut self) -> Option<Grid<Cell>> {
        if !self.shows_alternate() {
            return None;
        }
        let alternate = self.term.grid().clone();
        self.term.swap_alt();
        self.unwrap_at_edges();
        let main = self.term.grid().clone();
        self.term.swap_alt();
        *self.term.grid_mut() = alternate;
        Some(main)
    }

    /// Folds the alternate screen to one cell while the main one is shown: it is empty then, and of all that a session
    /// holds in memory nothing else is as large. What a program saved of its cursor there is kept.
    pub(super) fn fold_alternate(&mut self) {
        if self.shows_alternate() {
            return;
        }
        // The model forgets it as it shows the other screen.
        let saved = self.term.grid().saved_cursor.clone();
        self.term.swap_alt();
        self.put_grid(Grid::new(1, 1, 0));
        self.term.swap_alt();
        self.term.grid_mut().saved_cursor = saved;
    }

    /// Gives the alternate screen, which was folded and is now shown, its size.
    pub(super) fn unfold_alternate(&mut self, rows: usize, columns: usize) {
        let grid = self.term.grid();
        if self.shows_alternate() && (grid.screen_lines(), grid.columns()) != (rows, columns) {
            self.put_grid(Grid::new(rows, columns, 0));
            // Erased with the colour of the cursor's pen, as the model does it.
            self.term.grid_mut().reset_region(..);
        }
    }

    pub(super) fn shows_alternate(&self) -> bool {
        self.term.mode().contains(TermMode::ALT_SCREEN)
    }

    /// Puts a grid in place of the shown one, under its cursors.
    fn put_grid(&mut self, mut grid: Grid<Cell>) {
        let shown = self.term.grid_mut();
        grid.cursor = std::mem::take(&mut shown.cursor);
        grid.saved_cursor = std::mem::take(&mut shown.saved_cursor);
        *shown = grid;
    }
}
