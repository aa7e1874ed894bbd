//! Text that only passes by: it scrolls off the screen before the text that comes with it is shown.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line, Point};
use memchr::{memchr_iter, memrchr_iter};

use super::emulator::Emulator;

/// Shorter text is not worth a look.
const BYTES_MIN: usize = 4 * 1024;

/// Passes over the beginning of a text without escape sequences, as far as nothing of it is left to be seen at its end,
/// and returns how many bytes that was. The model stands then as if it had drawn them.
///
/// Where a whole screen of lines scrolls up before, and another one after it, a line leaves no trace: the rows that are
/// shown at the end have all come in since. Nobody reads so fast; `cat` of a large file is eight tenths of our work.
pub(super) fn pass_over(text: &[u8], emulator: &mut Emulator) -> usize {
    let rows = emulator.term.screen_lines();
    // Where lines are kept none is lost, and within a region the rows around it stay.
    if text.len() < BYTES_MIN || emulator.roll.is_some() || emulator.region != (0, rows) {
        return 0;
    }
    let Some(end) = memrchr_iter(b'\n', text).nth(rows) else { return 0 };
    let (passed, shown) = text.split_at(end + 1);
    let is_passed = passed.ends_with(b"\r\n")
        && memchr_iter(b'\n', passed).nth(rows).is_some()
        && only_draw(passed)
        // The last character can be asked for again (REP).
        && shown.iter().any(|&byte| byte > b' ' && byte != 0x7f);
    if !is_passed {
        return 0;
    }
    let cursor = &mut emulator.term.grid_mut().cursor;
    cursor.point = Point::new(Line(rows as i32 - 1), Column(0));
    cursor.input_needs_wrap = false;
    passed.len()
}

/// Tells it of all bytes. Whole blocks without a branch on each byte become vector instructions.
fn only_draw(text: &[u8]) -> bool {
    text.chunks(64).all(|block| block.iter().fold(true, |all, &byte| all & only_draws(byte)))
}

/// Tells whether a byte of text moves and draws, and sets nothing. With 0xc2 the controls of ISO 6429 begin.
fn only_draws(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b'\t') || byte >= 0x20 && byte != 0x7f && byte != 0xc2
}
