//! Keeps the last row of a terminal for a status line, whatever the programs above it print.
//!
//! The session is one row shorter than the terminal, so no program means the last row. What could reach it all the same
//! is rewritten (scroll regions, cursor addresses) or answered by drawing the line again (erasing, resets, screen switches).

/// A longer control sequence is passed on unread: no program means anything by it.
const PARAMETERS_MAX: usize = 64;

/// A cursor that was saved and not restored within so much output was not meant to be: the line is drawn again.
const SAVED_BYTES_MAX: usize = 4096;

/// What is pasted comes between brackets, whatever the programs ask for: else it could not be told from what is typed.
const BRACKETS: &[u8] = b"\x1b[?2004h";

/// A stream of output on its way to a terminal of so many rows.
#[derive(Debug)]
pub(crate) struct LastRow {
    rows: u16,
    cols: u16,
    state: State,
    held: Vec<u8>,
    line: String,
    drawn: bool,
    // Between a program's own save and restore our save would take its place. Counts what was printed since.
    saved: Option<usize>,
    origin: bool,
    alternate: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    /// So many bytes of a character are still to come.
    Character(u8),
    Escape,
    EscapeIntermediate,
    Control,
    /// An OSC, DCS or the like: ends with ST, or BEL.
    Text,
    TextEscape,
}

impl LastRow {
    /// Takes a terminal of this size.
    pub(crate) fn new(cols: u16, rows: u16) -> Self {
        Self {
            rows,
            cols,
            state: State::Ground,
            held: Vec::new(),
            line: String::new(),
            drawn: false,
            saved: None,
            origin: false,
            alternate: false,
        }
    }

    /// Returns the size that is left for the session.
    pub(crate) fn inner_size(&self) -> (u16, u16) {
        (self.cols, if self.has_room() { self.rows - 1 } else { self.rows })
    }

    /// Returns whether there is a line at all.
    pub(crate) fn has_room(&self) -> bool {
        self.rows >= 4 && self.cols >= 20
    }

    /// Returns whether something may be drawn behind the cursor and taken back: no sequence, character or saved cursor stands
    /// open, and it is the shell's screen.
    pub(crate) fn is_plain(&self) -> bool {
        let is_open = self.saved.is_some() || self.origin || self.alternate;
        self.state == State::Ground && !is_open && self.has_room()
    }

    /// Moves what the screen holds into the scrollback and takes the region above the last row.
    pub(crate) fn begin(&mut self) -> Vec<u8> {
        self.drawn = false;
        let mut out = vec![b'\n'; usize::from(self.rows)];
        out.extend_from_slice(self.region().as_bytes());
        out.extend_from_slice(b"\x1b[H");
        out.extend_from_slice(BRACKETS);
        self.draw(&mut out);
        out
    }

    /// Takes another size.
    pub(crate) fn resize(&mut self, cols: u16, rows: u16) -> Vec<u8> {
        (self.cols, self.rows) = (cols, rows);
        self.drawn = false;
        let mut out = format!("\x1b7{}\x1b8", self.region()).into_bytes();
        self.draw(&mut out);
        out
    }

    /// Gives the row back, and leaves every mode that a program may have set.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        // A sequence that was cut off is cancelled, or it would swallow what follows.
        let mut out = b"\x18\x1b[?6l\x1b[r\x1b[!p\x1b[?1000;1002;1003;1004;1005;1006;1015;2004;2026l\x1b[?1l\x1b>\x1b[?7h\x1b[?25h\x1b[0 q\x1b(B\x0f\x1b[m".to_vec();
        if self.alternate {
            out.extend_from_slice(b"\x1b[?1049l");
        }
        out.extend_from_slice(format!("\x1b[{};1H\x1b[K", self.rows).as_bytes());
        out
    }

    /// Says what the line shows from now on, and draws it as soon as that does no harm.
    pub(crate) fn set_line(&mut self, line: String) -> Vec<u8> {
        let mut out = Vec::new();
        if self.line != line {
            self.line = line;
            self.drawn = false;
            self.draw(&mut out);
        }
        out
    }

    /// Passes output on.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 256);
        for byte in bytes {
            self.step(*byte, &mut out);
        }
        self.saved = self.saved.map(|it| it + bytes.len()).filter(|it| *it <= SAVED_BYTES_MAX);
        self.draw(&mut out);
        out
    }

    /// Passes a repaint on. It ends with the cursor that the program saved, which is not waited for.
    pub(crate) fn pass_repaint(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = self.pass(bytes);
        self.saved = None;
        self.drawn = false;
        self.draw(&mut out);
        out
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.state, byte) {
            // They end whatever sequence stands open.
            (_, 0x18 | 0x1a) => {
                self.release(out);
                out.push(byte);
                self.state = State::Ground;
            }
            (State::Text, 0x1b) => {
                out.push(byte);
                self.state = State::TextEscape;
            }
            (State::TextEscape, b'\\') | (State::Text, 0x07) => {
                out.push(byte);
                self.state = State::Ground;
            }
            (State::Text, _) => out.push(byte),
            (_, 0x1b) => {
                if self.state == State::TextEscape {
                    out.push(byte);
                    return;
                }
                self.release(out);
                self.held.push(byte);
                self.state = State::Escape;
            }
            (State::TextEscape, _) => {
                // ESC ends a text as well; what follows is an escape sequence whose ESC has left already.
                self.state = State::Ground;
                out.push(byte);
            }
            (State::Ground | State::Character(_), _) => {
                out.push(byte);
                self.state = after_plain(self.state, byte);
            }
            (State::Escape | State::EscapeIntermediate, _) => self.escape(byte, out),
            (State::Control, _) => self.control(byte, out),
        }
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        if byte < 0x20 {
            out.push(byte); // Controls are obeyed in the middle of a sequence.
            return;
        }
        self.held.push(byte);
        match (self.state, byte) {
            (State::Escape, b'[') => self.state = State::Control,
            (State::Escape, b']' | b'P' | b'_' | b'^' | b'X') => {
                self.release(out);
                self.state = State::Text;
            }
            (_, 0x20..=0x2f) => self.state = State::EscapeIntermediate,
            _ => {
                let first = self.state == State::Escape;
                self.release(out);
                self.state = State::Ground;
                match byte {
                    b'7' if first => self.saved = Some(0),
                    b'8' if first => self.saved = None,
                    b'c' if first => self.start_afresh(out),
                    b'8' => self.drawn = false, // ESC # 8 fills the screen.
                    _ => {}
                }
            }
        }
    }

    fn control(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            0..=0x1f => out.push(byte),
            0x40..=0x7e => {
                self.held.push(byte);
                self.state = State::Ground;
                self.finish_control(byte, out);
            }
            _ if self.held.len() >= PARAMETERS_MAX => {
                self.held.push(byte);
                self.release(out);
                self.state = State::Ground;
            }
            _ => self.held.push(byte),
        }
    }

    fn finish_control(&mut self, last: u8, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let body = &held[2..held.len() - 1];
        let rewritten = match without_brackets(last, body) {
            Some(other) => Some(other),
            None => self.has_room().then(|| self.rewritten(last, body)).flatten(),
        };
        match rewritten {
            Some(other) => out.extend_from_slice(other.as_bytes()),
            None => out.extend_from_slice(&held),
        }
        match (last, body) {
            (b'J', _) => self.drawn = false,
            (b's', b"") => self.saved = Some(0),
            (b'u', b"") => self.saved = None,
            (b'p', b"!") => self.start_afresh(out),
            (b'h' | b'l', [b'?', modes @ ..]) => self.modes(last == b'h', modes, out),
            _ => {}
        }
    }

    /// Returns what is said instead of a sequence that would reach the last row.
    fn rewritten(&self, last: u8, body: &[u8]) -> Option<String> {
        let most = self.rows - 1;
        let numbers = parameters(body)?;
        let at = |index: usize| numbers.get(index).copied().flatten();
        match last {
            b'r' => {
                let bottom = at(1).filter(|it| *it > 0).map_or(most, |it| it.min(most));
                Some(format!("\x1b[{};{bottom}r", at(0).unwrap_or(1).max(1)))
            }
            b'H' | b'f' if at(0).is_some_and(|it| it > most) => {
                Some(format!("\x1b[{most};{}{}", at(1).unwrap_or(1), char::from(last)))
            }
            b'd' if at(0).is_some_and(|it| it > most) => Some(format!("\x1b[{most}d")),
            _ => None,
        }
    }

    fn modes(&mut self, on: bool, modes: &[u8], out: &mut Vec<u8>) {
        for mode in parameters(modes).unwrap_or_default().into_iter().flatten() {
            match mode {
                6 => self.origin = on,
                47 | 1047 | 1049 => {
                    self.alternate = on;
                    self.saved = None;
                    // Some terminals have a region for each screen.
                    out.extend_from_slice(format!("\x1b7{}\x1b8", self.region()).as_bytes());
                    self.drawn = false;
                }
                3 => self.start_afresh(out), // A change of the width resets the region.
                _ => {}
            }
        }
    }

    /// After a reset: the region is gone, and so is what was saved.
    fn start_afresh(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("\x1b7{}\x1b8", self.region()).as_bytes());
        out.extend_from_slice(BRACKETS);
        (self.saved, self.origin, self.drawn) = (None, false, false);
    }

    fn region(&self) -> String {
        if self.has_room() { format!("\x1b[1;{}r", self.rows - 1) } else { "\x1b[r".to_owned() }
    }

    fn draw(&mut self, out: &mut Vec<u8>) {
        if self.drawn
            || self.saved.is_some()
            || self.origin
            || self.state != State::Ground
            || !self.has_room()
        {
            return;
        }
        // One column stays free: nothing is ever written where the terminal might wrap.
        let width = usize::from(self.cols) - 1;
        let line = fitted(&self.line, width);
        out.extend_from_slice(
            format!("\x1b7\x1b[{};1H\x0f\x1b(B\x1b[0;7m{line}\x1b[0m\x1b[K\x1b8", self.rows).as_bytes(),
        );
        self.drawn = true;
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
    }
}

/// Returns what is said instead of a change of modes that pastes are among; nothing where they are not.
fn without_brackets(last: u8, body: &[u8]) -> Option<String> {
    let modes = body.strip_prefix(b"?").filter(|_| matches!(last, b'h' | b'l'))?;
    let modes: Vec<&[u8]> = modes.split(|it| *it == b';').collect();
    let others: Vec<&[u8]> = modes.iter().copied().filter(|it| *it != b"2004").collect();
    let others =
        (others.len() < modes.len()).then(|| String::from_utf8_lossy(&others.join(&b';')).into_owned())?;
    Some(if others.is_empty() { others } else { format!("\x1b[?{others}{}", char::from(last)) })
}

fn after_plain(state: State, byte: u8) -> State {
    match (state, byte) {
        (State::Character(left), 0x80..=0xbf) if left > 1 => State::Character(left - 1),
        (_, 0xc2..=0xdf) => State::Character(1),
        (_, 0xe0..=0xef) => State::Character(2),
        (_, 0xf0..=0xf4) => State::Character(3),
        _ => State::Ground,
    }
}

/// Reads `1;2`; nothing where there is anything but numbers.
fn parameters(body: &[u8]) -> Option<Vec<Option<u16>>> {
    let text = std::str::from_utf8(body).ok()?;
    let number = |it: &str| if it.is_empty() { Some(None) } else { it.parse::<u32>().ok().map(Some) };
    let small = |it: Option<u32>| it.map(|it| u16::try_from(it).unwrap_or(u16::MAX));
    text.split(';').map(|it| number(it).map(small)).collect()
}

/// Cuts or pads a line to a width. What is not ASCII is counted double: too short is better than wrapped.
fn fitted(line: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for letter in line.chars() {
        let letter = if letter.is_control() { ' ' } else { letter };
        let wide = if letter.is_ascii() { 1 } else { 2 };
        if used + wide > width {
            break;
        }
        out.push(letter);
        used += wide;
    }
    out.push_str(&" ".repeat(width - used));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(parts: &[&[u8]]) -> String {
        let mut row = LastRow::new(80, 24);
        row.drawn = true;
        let out: Vec<u8> = parts.iter().flat_map(|it| row.pass(it)).collect();
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn plain_output_is_passed_as_it_is() {
        let text = "hello \u{1f600}\r\n\x1b[1;31mred\x1b[m\x1b]0;title\x07\x1bP1$r\x1b\\";
        assert_eq!(passed(&[text.as_bytes()]), text);
    }

    #[test]
    fn a_region_or_an_address_never_reaches_the_last_row() {
        assert_eq!(passed(&[b"\x1b[r"]), "\x1b[1;23r");
        assert_eq!(passed(&[b"\x1b[5;24r"]), "\x1b[5;23r");
        assert_eq!(passed(&[b"\x1b[5;10r"]), "\x1b[5;10r");
        assert_eq!(passed(&[b"\x1b[999;999H"]), "\x1b[23;999H");
        assert_eq!(passed(&[b"\x1b[24d"]), "\x1b[23d");
        assert_eq!(passed(&[b"\x1b[3;4H"]), "\x1b[3;4H");
    }

    #[test]
    fn pastes_stay_between_brackets_whatever_a_program_asks_for() {
        assert_eq!(passed(&[b"a\x1b[?2004lb\x1b[?2004hc"]), "abc");
        assert_eq!(passed(&[b"\x1b[?1;2004;25h"]), "\x1b[?1;25h");
        assert_eq!(passed(&[b"\x1b[2004h\x1b[?20040h"]), "\x1b[2004h\x1b[?20040h");
        assert!(passed(&[b"\x1bc"]).contains("\x1b[?2004h"));
        let mut row = LastRow::new(80, 3);
        assert!(row.begin().ends_with(BRACKETS));
        assert_eq!(row.pass(b"\x1b[?2004l"), b"");
        assert!(String::from_utf8_lossy(&row.end()).contains("2004"));
    }

    #[test]
    fn what_erases_the_line_draws_it_again() {
        for erases in ["\x1b[2J", "\x1b[J", "\x1bc", "\x1b[?1049h", "\x1b[!p", "\x1b#8"] {
            assert!(passed(&[erases.as_bytes()]).contains("\x1b[24;1H"), "{erases:?}");
        }
        assert!(!passed(&[b"\x1b[K\x1b[3;4Hx"]).contains("\x1b[24;1H"));
    }

    #[test]
    fn the_line_waits_while_a_sequence_a_character_or_a_saved_cursor_stands_open() {
        for open in [
            &b"\x1b[2J\x1b["[..],
            b"\x1b[2J\xf0\x9f",
            b"\x1b[2J\x1b7",
            b"\x1b[2J\x1b]0;x",
            b"\x1b[2J\x1b[?6h",
        ] {
            assert!(!passed(&[open]).contains("\x1b[24;1H"), "{open:?}");
        }
        assert!(passed(&[b"\x1b[2J\x1b7", b"x\x1b8"]).contains("\x1b[24;1H"));
    }

    #[test]
    fn bytes_may_be_cut_anywhere() {
        let text = b"\x1b[2Jab\x1b[5;24r\x1b]0;t\x1b\\\x1b7x\x1b8\xf0\x9f\x98\x80\x1b[?1049h\x1b[99H\x1b(0q\x1b[?6h\x1b[?6lz";
        let whole = |parts: &[&[u8]]| {
            let mut row = LastRow::new(80, 24);
            let out: Vec<u8> = parts.iter().flat_map(|it| row.pass(it)).collect();
            let line = format!("\x1b7\x1b[24;1H\x0f\x1b(B\x1b[0;7m{}\x1b[0m\x1b[K\x1b8", " ".repeat(79));
            String::from_utf8_lossy(&out).replace(&line, "")
        };
        let expected = whole(&[text]);
        for cut in 0..text.len() {
            assert_eq!(whole(&[&text[..cut], &text[cut..]]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_terminal_too_small_for_a_line_has_none() {
        let mut row = LastRow::new(80, 3);
        assert_eq!(row.inner_size(), (80, 3));
        assert_eq!(row.pass(b"\x1b[2J\x1b[r"), b"\x1b[2J\x1b[r");
        assert_eq!(LastRow::new(80, 24).inner_size(), (80, 23));
        for (cols, rows) in [(0, 0), (1, 1), (65535, 65535)] {
            let mut row = LastRow::new(cols, rows);
            drop((row.begin(), row.set_line("x".to_owned()), row.pass(b"\x1b[r"), row.end()));
        }
    }

    #[test]
    fn the_line_is_as_wide_as_the_terminal_and_no_wider() {
        assert_eq!(fitted("abc", 5), "abc  ");
        assert_eq!(fitted("abcdef", 5), "abcde");
        assert_eq!(fitted("a\x1bü漢", 5), "a ü ", "a wide letter is not halved");
    }
}
