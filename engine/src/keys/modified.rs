//! Ctrl, Alt and Shift: how they are written before a key, and what they make of its bytes.

/// What is held down with a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Modifiers {
    pub(super) ctrl: bool,
    pub(super) alt: bool,
    pub(super) shift: bool,
}

/// How each is written, in lower case, before `-` or `+`.
const WORDS: [(&str, Modifiers); 8] = [
    ("ctrl", CTRL),
    ("control", CTRL),
    ("c", CTRL),
    ("alt", ALT),
    ("meta", ALT),
    ("m", ALT),
    ("shift", SHIFT),
    ("s", SHIFT),
];
const NONE: Modifiers = Modifiers { ctrl: false, alt: false, shift: false };
const CTRL: Modifiers = Modifiers { ctrl: true, ..NONE };
const ALT: Modifiers = Modifiers { alt: true, ..NONE };
const SHIFT: Modifiers = Modifiers { shift: true, ..NONE };

impl Modifiers {
    /// Takes the modifiers off a written key. `^x` is Ctrl as well; what is left is as it was written.
    pub(super) fn split(written: &str) -> (Self, &str) {
        if let Some(rest) = written.strip_prefix('^').filter(|rest| rest.chars().count() == 1) {
            return (CTRL, rest);
        }
        for (word, held) in WORDS {
            let Some((before, rest)) = written.split_at_checked(word.len()) else { continue };
            let rest = rest.strip_prefix(['-', '+']).filter(|rest| !rest.is_empty());
            if let (true, Some(rest)) = (before.eq_ignore_ascii_case(word), rest) {
                let (more, rest) = Self::split(rest);
                let (ctrl, alt) = (held.ctrl || more.ctrl, held.alt || more.alt);
                return (Self { ctrl, alt, shift: held.shift || more.shift }, rest);
            }
        }
        (Self::default(), written)
    }

    /// Returns xterm's number for them; 1 is none.
    pub(super) fn parameter(self) -> u8 {
        1 + u8::from(self.shift) + 2 * u8::from(self.alt) + 4 * u8::from(self.ctrl)
    }

    /// Returns what a key with bytes of its own sends; nothing where a terminal cannot tell it from the key alone.
    pub(super) fn around_plain(self, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let is_told = (!self.ctrl || bytes == b"\x08") && (!self.shift || bytes == b"\x1b[Z");
        is_told.then(|| self.with_escape(bytes))
    }

    /// Returns what a character sends.
    pub(super) fn around_character(self, letter: char) -> Option<Vec<u8>> {
        let bytes = match (self.ctrl, self.shift) {
            (true, false) => vec![control(letter)?],
            (true, true) => return None,
            (false, true) if letter.is_alphabetic() => letter.to_uppercase().collect::<String>().into_bytes(),
            (false, true) => return None,
            (false, false) => letter.to_string().into_bytes(),
        };
        Some(self.with_escape(bytes))
    }

    fn with_escape(self, bytes: Vec<u8>) -> Vec<u8> {
        if self.alt { [b"\x1b".as_slice(), &bytes].concat() } else { bytes }
    }
}

/// Returns the control character that Ctrl makes of a character on a keyboard, as xterm does.
fn control(letter: char) -> Option<u8> {
    match letter.to_ascii_uppercase() {
        it @ '@'..='_' => Some(it as u8 & 0x1f),
        ' ' | '2' => Some(0),
        '3' => Some(0x1b),
        '4' => Some(0x1c),
        '5' => Some(0x1d),
        '6' => Some(0x1e),
        '7' | '/' => Some(0x1f),
        '8' | '?' => Some(0x7f),
        _ => None,
    }
}
