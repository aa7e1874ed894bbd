//! The screen as bytes that paint it: whoever reads them and then the stream shows what the model shows.
//!
//! Not restored, for no sequence can: that the last row is wrapped (nothing stands below it yet), that a row goes on at
//! whose edge a cursor waits, and the character that `CSI b` repeats.

use std::fmt::Write;

use alacritty_terminal::grid::{Cursor, Dimensions, Grid};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{CharsetIndex, Color, CursorShape, NamedColor, StandardCharset};

use super::emulator::Emulator;

/// Ends whatever was unfinished and brings a terminal to its first state, but for its tab stops. A full reset (`ESC c`)
/// would also clear the scrollback of the person's own terminal.
const CLEAN: &str = "\x18\x1b[?1049l\x1b[!p\x1b[?6l\x1b[?7h\x1b[4l\x1b[20l\x1b[?1l\x1b>\x1b[?25h\x1b[?1000l\x1b[?1002l\
\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?2004l\x1b[?1007h\x1b[?1042h\x1b[?12l\x1b[0 q\x1b[r";

/// Brings the pen and the character sets to their first state.
const PLAIN: &str = "\x1b[m\x1b]8;;\x1b\\\x1b(B\x1b)B\x1b*B\x1b+B\x0f";

/// The flags of a cell that are its look.
const LOOK: Flags = Flags::INVERSE
    .union(Flags::BOLD_ITALIC)
    .union(Flags::DIM)
    .union(Flags::HIDDEN)
    .union(Flags::STRIKEOUT)
    .union(Flags::ALL_UNDERLINES);

/// The modes that are on or off, and how they are switched on and off.
const SWITCHES: [(TermMode, &str, &str); 14] = [
    (TermMode::SHOW_CURSOR, "\x1b[?25h", "\x1b[?25l"),
    (TermMode::APP_CURSOR, "\x1b[?1h", "\x1b[?1l"),
    (TermMode::APP_KEYPAD, "\x1b=", "\x1b>"),
    (TermMode::MOUSE_REPORT_CLICK, "\x1b[?1000h", ""),
    (TermMode::MOUSE_DRAG, "\x1b[?1002h", ""),
    (TermMode::MOUSE_MOTION, "\x1b[?1003h", ""),
    (TermMode::FOCUS_IN_OUT, "\x1b[?1004h", ""),
    (TermMode::UTF8_MOUSE, "\x1b[?1005h", ""),
    (TermMode::SGR_MOUSE, "\x1b[?1006h", ""),
    (TermMode::ALTERNATE_SCROLL, "", "\x1b[?1007l"),
    (TermMode::URGENCY_HINTS, "", "\x1b[?1042l"),
    (TermMode::BRACKETED_PASTE, "\x1b[?2004h", ""),
    (TermMode::LINE_WRAP, "", "\x1b[?7l"),
    (TermMode::LINE_FEED_NEW_LINE, "\x1b[20h", ""),
];

/// Returns the bytes.
pub(super) fn paint(emulator: &mut Emulator) -> Vec<u8> {
    let hidden = emulator.hidden_main();
    emulator.unwrap_at_edges();
    let mut painter = Painter { out: String::with_capacity(4 * 1024), pen: Pen::default() };
    painter.out.push_str(CLEAN);
    painter.tabs(&emulator.tabs);
    painter.colors(emulator);
    if let Some(main) = hidden {
        painter.screen(&main);
        painter.cursor(&main, &main.cursor, 0);
        painter.out.push_str("\x1b[?1049h");
    }
    let grid = emulator.term.grid();
    painter.screen(grid);
    painter.cursor(grid, &grid.saved_cursor, 0);
    painter.out.push_str("\x1b7");
    painter.end(emulator);
    painter.out.into_bytes()
}

/// Writes what a terminal is told.
struct Painter {
    out: String,
    pen: Pen,
}

/// What a terminal puts into the cells it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    look: Flags,
    underline: Option<Color>,
    link: Option<(String, String)>,
}

impl Default for Pen {
    fn default() -> Self {
        Self::of(&Cell::default())
    }
}

impl Pen {
    fn of(cell: &Cell) -> Self {
        let link = cell.hyperlink().map(|it| {
            // A link without an id has one made up by the model.
            let id = if it.id().ends_with("_alacritty") { "" } else { it.id() };
            (id.to_owned(), it.uri().to_owned())
        });
        Self { fg: cell.fg, bg: cell.bg, look: cell.flags & LOOK, underline: cell.underline_color(), link }
    }
}

impl Painter {
    /// Writes to a string, which cannot fail.
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(text);
    }

    fn go(&mut self, row: usize, column: usize) {
        self.put(format_args!("\x1b[{};{}H", row + 1, column + 1));
    }

    fn tabs(&mut self, tabs: &[bool]) {
        self.out.push_str("\x1b[3g");
        for (column, _) in tabs.iter().enumerate().filter(|(_, is_stop)| **is_stop) {
            self.go(0, column);
            self.out.push_str("\x1bH");
        }
    }

    /// Restores the colours that a program has changed.
    fn colors(&mut self, emulator: &Emulator) {
        self.out.push_str("\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\");
        for index in 0..=NamedColor::Cursor as usize {
            let Some(color) = emulator.term.colors()[index] else { continue };
            match index {
                0..256 => self.put(format_args!("\x1b]4;{index};")),
                _ => self.put(format_args!("\x1b]{};", index - NamedColor::Foreground as usize + 10)),
            }
            self.put(format_args!("rgb:{:02x}/{:02x}/{:02x}\x1b\\", color.r, color.g, color.b));
        }
    }

    /// Paints all rows on an erased screen. The whole screen scrolls, and rows are wrapped where the model wraps them.
    fn screen(&mut self, grid: &Grid<Cell>) {
        self.plain();
        // From the second row on, and then the first: a screen that is erased at once goes into the scrollback of tmux, and
        // each repaint would leave one behind.
        self.out.push_str("\x1b[2H\x1b[J\x1b[H\x1b[2K");
        let mut is_continued = false;
        for row in 0..grid.screen_lines() {
            is_continued = self.row(grid, row, is_continued);
        }
    }

    /// Paints one row; true if the next character goes to the next row by itself.
    fn row(&mut self, grid: &Grid<Cell>, row: usize, is_continued: bool) -> bool {
        let columns = grid.columns();
        let cells = &grid[Line(row as i32)];
        let wraps =
            row + 1 < grid.screen_lines() && cells[Column(columns - 1)].flags.contains(Flags::WRAPLINE);
        let used = (0..columns).rev().find(|it| !is_blank(&cells[Column(*it)])).map_or(0, |it| it + 1);
        let end = if wraps { columns } else { used.max(usize::from(is_continued)) };
        if end > 0 && !is_continued {
            self.go(row, 0);
        }
        let mut column = 0;
        while column < end {
            let cell = &cells[Column(column)];
            // The placeholder before a wide character comes by itself where the row wraps.
            let is_placeholder =
                cell.flags.contains(Flags::LEADING_WIDE_CHAR_SPACER) && column + 1 == columns;
            let next_is_wide = || grid[Line(row as i32 + 1)][Column(0)].flags.contains(Flags::WIDE_CHAR);
            if is_placeholder && wraps && next_is_wide() {
                return true;
            }
            if cell.c == '\t' {
                self.tab(cell, column, column + 1 == columns);
            } else {
                self.cell(cell);
            }
            column += if cell.flags.contains(Flags::WIDE_CHAR) { 2 } else { 1 };
        }
        wraps && cells[Column(columns - 1)].c != '\t'
    }

    fn cell(&mut self, cell: &Cell) {
        self.pen(&Pen::of(cell));
        self.out.push(cell.c);
        self.out.extend(cell.zerowidth().into_iter().flatten());
    }

    /// Stores a tab. Its look is that of the cell below it, which a tab does not change.
    fn tab(&mut self, cell: &Cell, column: usize, is_last: bool) {
        self.cell(&Cell { c: ' ', ..cell.clone() });
        let next = if is_last { column } else { column + 1 };
        self.put(format_args!("\x1b[{}G\t\x1b[{}G", column + 1, next + 1));
    }

    /// Brings a cursor to its place, with its pen and its character sets.
    fn cursor(&mut self, grid: &Grid<Cell>, cursor: &Cursor<Cell>, origin: usize) {
        self.plain();
        let row = (cursor.point.line.0.max(0) as usize).min(grid.screen_lines() - 1);
        let column = cursor.point.column.0.min(grid.columns() - 1);
        if cursor.input_needs_wrap && column + 1 == grid.columns() {
            self.at_the_edge(grid, row, row.saturating_sub(origin));
        } else {
            self.go(row.saturating_sub(origin), column);
        }
        self.pen(&Pen::of(&cursor.template));
        for (index, letter) in [
            (CharsetIndex::G0, '('),
            (CharsetIndex::G1, ')'),
            (CharsetIndex::G2, '*'),
            (CharsetIndex::G3, '+'),
        ] {
            if cursor.charsets[index] == StandardCharset::SpecialCharacterAndLineDrawing {
                self.put(format_args!("\x1b{letter}0"));
            }
        }
    }

    /// Prints the last cell of a row once more: then the cursor stands behind it, and the next character wraps.
    fn at_the_edge(&mut self, grid: &Grid<Cell>, row: usize, shown_row: usize) {
        let last = grid.columns() - 1;
        let cells = &grid[Line(row as i32)];
        let is_second = cells[Column(last)].flags.contains(Flags::WIDE_CHAR_SPACER) && last > 0;
        let column = if is_second { last - 1 } else { last };
        self.go(shown_row, column);
        let cell = &cells[Column(column)];
        if cell.c == '\t' {
            self.tab(cell, column, true);
        } else {
            self.cell(cell);
        }
    }

    /// Restores the scroll region, the cursor and the modes, in an order in which none undoes another.
    fn end(&mut self, emulator: &Emulator) {
        let grid = emulator.term.grid();
        let mode = *emulator.term.mode();
        let (top, bottom) = emulator.region;
        if (top, bottom) != (0, grid.screen_lines()) {
            self.put(format_args!("\x1b[{};{}r", top + 1, bottom));
        }
        let is_relative = mode.contains(TermMode::ORIGIN);
        if is_relative {
            self.out.push_str("\x1b[?6h");
        }
        self.cursor(grid, &grid.cursor, if is_relative { top } else { 0 });
        if emulator.active_charset == CharsetIndex::G1 {
            self.out.push('\x0e');
        }
        for (flag, on, off) in SWITCHES {
            self.out.push_str(if mode.contains(flag) { on } else { off });
        }
        if mode.contains(TermMode::INSERT) {
            self.out.push_str("\x1b[4h");
        }
        self.cursor_style(emulator);
        // The title of another session must not stay, so an unset one is set empty.
        let title = emulator.title.clone().unwrap_or_default();
        self.put(format_args!("\x1b]2;{title}\x1b\\"));
    }

    fn cursor_style(&mut self, emulator: &Emulator) {
        if !emulator.has_cursor_style {
            return;
        }
        let style = emulator.term.cursor_style();
        let steady = match style.shape {
            CursorShape::Underline => 4,
            CursorShape::Beam => 6,
            CursorShape::Block | CursorShape::HollowBlock | CursorShape::Hidden => 2,
        };
        self.put(format_args!("\x1b[{} q", steady - u8::from(style.blinking)));
    }

    fn plain(&mut self) {
        self.out.push_str(PLAIN);
        self.pen = Pen::default();
    }

    /// Changes the pen, where it differs.
    fn pen(&mut self, pen: &Pen) {
        if *pen == self.pen {
            return;
        }
        if pen.link != self.pen.link {
            match &pen.link {
                Some((id, uri)) if id.is_empty() => self.put(format_args!("\x1b]8;;{uri}\x1b\\")),
                Some((id, uri)) => self.put(format_args!("\x1b]8;id={id};{uri}\x1b\\")),
                None => self.out.push_str("\x1b]8;;\x1b\\"),
            }
        }
        self.out.push_str("\x1b[0");
        for (flag, number) in LOOKS {
            if pen.look.contains(flag) {
                self.put(format_args!(";{number}"));
            }
        }
        self.color(pen.fg, 30);
        self.color(pen.bg, 40);
        // Only the form with colons is understood by all; it stands alone, for some read no further in a list of both.
        self.out.push('m');
        match pen.underline {
            Some(Color::Indexed(index)) => self.put(format_args!("\x1b[58:5:{index}m")),
            Some(Color::Spec(rgb)) => self.put(format_args!("\x1b[58:2::{}:{}:{}m", rgb.r, rgb.g, rgb.b)),
            Some(Color::Named(_)) | None => (),
        }
        self.pen = pen.clone();
    }

    /// Adds a colour to a list of attributes; `base` is the number of its first one.
    fn color(&mut self, color: Color, base: u32) {
        match color {
            Color::Named(name) if (name as u32) < 8 => self.put(format_args!(";{}", base + name as u32)),
            Color::Named(name) if (name as u32) < 16 => {
                self.put(format_args!(";{}", base + 52 + name as u32))
            }
            Color::Named(_) => (),
            Color::Indexed(index) => self.put(format_args!(";{};5;{index}", base + 8)),
            Color::Spec(rgb) => self.put(format_args!(";{};2;{};{};{}", base + 8, rgb.r, rgb.g, rgb.b)),
        }
    }
}

/// The looks and the attributes that switch them on.
const LOOKS: [(Flags, &str); 11] = [
    (Flags::BOLD, "1"),
    (Flags::DIM, "2"),
    (Flags::ITALIC, "3"),
    (Flags::UNDERLINE, "4"),
    (Flags::DOUBLE_UNDERLINE, "4:2"),
    (Flags::UNDERCURL, "4:3"),
    (Flags::DOTTED_UNDERLINE, "4:4"),
    (Flags::DASHED_UNDERLINE, "4:5"),
    (Flags::INVERSE, "7"),
    (Flags::HIDDEN, "8"),
    (Flags::STRIKEOUT, "9"),
];

/// Tells whether a cell is as an erased screen has it.
fn is_blank(cell: &Cell) -> bool {
    cell.c == ' '
        && cell.extra.is_none()
        && !cell.flags.intersects(LOOK)
        && *cell == Cell { flags: cell.flags, ..Cell::default() }
}
