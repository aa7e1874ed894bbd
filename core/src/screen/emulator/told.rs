//! What a program tells the terminal: passed on to the model, noted where the model does not tell it again, and
//! mended where the model is wrong.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, Hyperlink, LineClearMode, Mode,
    NamedPrivateMode, PrivateMode, Rgb, StandardCharset, TabulationClearMode,
};
use unicode_width::UnicodeWidthChar;

use super::{Emulator, first_tabs};
use crate::filter::{is_web_link, tidy_title};

/// The most titles that a program may put aside.
const TITLES_MAX: usize = 16;

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

impl Emulator {
    /// Returns whether this would switch screens where there is one only.
    fn is_flat(&self, mode: PrivateMode) -> bool {
        let switch = PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor);
        self.roll.as_ref().is_some_and(|roll| roll.flat) && private_mode(mode) == switch
    }
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
        let shown = self.shows_alternate();
        self.term.reset_state();
        if shown {
            self.fold_alternate();
        }
        self.tabs = first_tabs(0, self.term.columns()).collect();
        self.region = (0, self.term.screen_lines());
        self.active_charset = CharsetIndex::G0;
        self.has_cursor_style = false;
        self.title = None;
        self.titles.clear();
        self.addressed = true;
    }

    fn set_private_mode(&mut self, mode: PrivateMode) {
        if self.is_flat(mode) {
            return;
        }
        self.note_private_mode(mode);
        let (rows, columns) = (self.term.screen_lines(), self.term.columns());
        self.term.set_private_mode(private_mode(mode));
        self.unfold_alternate(rows, columns);
        self.stay_in_region();
    }

    fn unset_private_mode(&mut self, mode: PrivateMode) {
        if self.is_flat(mode) {
            return;
        }
        self.note_private_mode(mode);
        let shown = self.shows_alternate();
        self.term.unset_private_mode(private_mode(mode));
        if shown {
            self.fold_alternate();
        }
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
