//! What a mouse says to a program, in the encoding that the program has asked for, and nothing where it has asked for none.

use crate::screen::{Modes, Wanted};

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The button as xterm numbers it: 0 to 2, 3 for none, 64 and more for wheels; plus 4, 8, 16 for Shift, Alt and Ctrl,
    /// plus 32 for a movement.
    pub button: u8,
    /// The column, from 0.
    pub col: u16,
    /// The row, from 0.
    pub row: u16,
    /// The button went up.
    pub up: bool,
}

/// The bit of a movement.
const MOVES: u8 = 32;

/// Returns what the program is told, where it wants to be told of it and its encoding can say it.
#[must_use]
pub fn encode(event: Event, modes: Modes, (cols, rows): (u16, u16)) -> Option<Vec<u8>> {
    let Event { button, col, row, up } = event;
    let needed = match (button & MOVES != 0, button & 3 == 3) {
        (false, _) => Wanted::Clicks,
        (true, false) => Wanted::Drags,
        (true, true) => Wanted::Motion,
    };
    if modes.mouse < needed || col >= cols || row >= rows {
        return None;
    }
    if modes.mouse_sgr {
        let end = if up { 'm' } else { 'M' };
        return Some(format!("\x1b[<{button};{};{}{end}", col + 1, row + 1).into_bytes());
    }
    // Here a button that goes up has no name.
    let button = if up { button | 3 } else { button };
    let mut out = b"\x1b[M".to_vec();
    out.push(button.checked_add(32)?);
    for place in [col, row] {
        let place = u32::from(place) + 33;
        if modes.mouse_utf8 && place < 2048 {
            out.extend_from_slice(char::from_u32(place)?.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.push(u8::try_from(place).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Screen;

    fn said(modes: &str, button: u8, (col, row): (u16, u16), up: bool) -> Option<String> {
        let mut screen = Screen::new(300, 40);
        screen.feed(modes.as_bytes());
        let told = encode(Event { button, col, row, up }, screen.modes(), screen.size())?;
        Some(told.iter().map(|it| char::from(*it)).collect())
    }

    #[test]
    fn a_program_is_told_what_it_has_asked_for_in_its_own_encoding() {
        let told = |it: &str| Some(it.to_owned());
        assert_eq!(said("", 0, (4, 2), false), None);
        assert_eq!(said("\x1b[?1000h", 0, (4, 2), false), told("\x1b[M %#"));
        assert_eq!(said("\x1b[?1000h", 0, (4, 2), true), told("\x1b[M#%#"));
        assert_eq!(said("\x1b[?1000h", 32, (4, 2), false), None, "a drag");
        assert_eq!(said("\x1b[?1002h\x1b[?1006h", 32, (4, 2), false), told("\x1b[<32;5;3M"));
        assert_eq!(said("\x1b[?1002h\x1b[?1006h", 35, (4, 2), false), None, "a movement");
        assert_eq!(said("\x1b[?1003h\x1b[?1006h", 35, (4, 2), false), told("\x1b[<35;5;3M"));
        assert_eq!(said("\x1b[?1000h\x1b[?1006h", 64, (299, 39), true), told("\x1b[<64;300;40m"));
        assert_eq!(said("\x1b[?1000h\x1b[?1000l", 0, (4, 2), false), None, "it has ended");
    }

    #[test]
    fn what_an_encoding_cannot_say_and_what_is_outside_is_not_said() {
        assert_eq!(said("\x1b[?1000h", 0, (250, 2), false), None);
        assert_eq!(said("\x1b[?1000h\x1b[?1005h", 0, (250, 2), false).map(|it| it.chars().count()), Some(7));
        assert_eq!(said("\x1b[?1000h\x1b[?1006h", 0, (300, 2), false), None);
        assert_eq!(said("\x1b[?1000h", 240, (1, 1), false), None);
    }
}
