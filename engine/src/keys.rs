//! Named keys (`ctrl-c`, `f5`, `alt-x`, `shift-left`, `pgdn`) and the bytes that a terminal sends for them.
//!
//! The sequences are those of xterm in its default keyboard mode (XTerm Control Sequences, "PC-Style Function Keys"),
//! which is what the terminal description of the sessions says. Arrows, Home and End follow the cursor-key mode that
//! the screen is in, the keys of the number pad its keypad mode. F13 to F24 are Shift with F1 to F12, as there.

mod modified;

use cotty_core::refusal::Refusal;

use modified::Modifiers;

/// More is no set of keys, it is a text.
const KEYS_MAX: usize = 256;

/// What the screen says about the keyboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keyboard {
    /// Arrows, Home and End send their application sequences (DECCKM).
    pub(crate) application_cursor: bool,
    /// The number pad sends its application sequences (DECKPAM).
    pub(crate) application_keypad: bool,
}

/// What a key sends without modifiers, and what carries them.
enum Key {
    /// Bytes that take no modifier but Alt.
    Plain(Vec<u8>),
    /// `CSI X`, or `SS3 X` in application mode; `CSI 1;m X` with modifiers.
    Cursor(u8),
    /// `SS3 X`; `CSI 1;m X` with modifiers.
    Function(u8),
    /// `CSI n ~`; `CSI n;m ~` with modifiers.
    Numbered(u8),
    /// F13 to F24: as the key twelve below with Shift.
    Shifted(Box<Key>),
    /// A character, which Ctrl, Shift and Alt change.
    Character(char),
}

/// Returns the bytes of several keys.
///
/// # Errors
///
/// Names the first key that is not known.
pub(crate) fn encode(keys: &[String], keyboard: Keyboard) -> Result<Vec<u8>, Refusal> {
    if keys.len() > KEYS_MAX {
        return Err(Refusal::TooMany { what: "keys", count: keys.len(), count_max: KEYS_MAX });
    }
    let mut bytes = Vec::new();
    for key in keys {
        bytes.extend(one(key, keyboard).ok_or_else(|| unknown(key))?);
    }
    Ok(bytes)
}

fn unknown(key: &str) -> Refusal {
    let shown: String = key.chars().filter(|it| !it.is_control()).take(32).collect();
    let known = "enter, lf, tab, backtab, esc, backspace, delete, insert, space, up, down, left, right, home, end, \
                 pgup, pgdn, f1 to f24, kp0 to kp9, kp-enter, kp-plus, kp-minus, kp-star, kp-slash, kp-dot, or one \
                 character; before it ctrl-, alt-, shift-, where a terminal has such a key";
    Refusal::InvalidArgument { what: "keys", why: format!("there is no key {shown:?}; known are {known}") }
}

fn one(written: &str, keyboard: Keyboard) -> Option<Vec<u8>> {
    let (modifiers, name) = Modifiers::split(written);
    if let Some(key) = named(&name.to_ascii_lowercase(), modifiers, keyboard) {
        return send(key, modifiers, keyboard);
    }
    let mut letters = name.chars();
    let letter = letters.next().filter(|it| !it.is_control())?;
    letters.next().is_none().then(|| send(Key::Character(letter), modifiers, keyboard))?
}

fn named(name: &str, modifiers: Modifiers, keyboard: Keyboard) -> Option<Key> {
    let plain = |bytes: &[u8]| Some(Key::Plain(bytes.to_vec()));
    match name {
        "enter" | "return" | "cr" => plain(b"\r"),
        "lf" => plain(b"\n"),
        "tab" if modifiers.shift => plain(b"\x1b[Z"),
        "tab" => plain(b"\t"),
        "backtab" => plain(b"\x1b[Z"),
        "esc" | "escape" => plain(b"\x1b"),
        "backspace" | "bs" if modifiers.ctrl => plain(b"\x08"),
        "backspace" | "bs" => plain(b"\x7f"),
        "space" => Some(Key::Character(' ')),
        "up" => Some(Key::Cursor(b'A')),
        "down" => Some(Key::Cursor(b'B')),
        "right" => Some(Key::Cursor(b'C')),
        "left" => Some(Key::Cursor(b'D')),
        "home" => Some(Key::Cursor(b'H')),
        "end" => Some(Key::Cursor(b'F')),
        "insert" | "ins" => Some(Key::Numbered(2)),
        "delete" | "del" => Some(Key::Numbered(3)),
        "pgup" | "pageup" => Some(Key::Numbered(5)),
        "pgdn" | "pagedown" => Some(Key::Numbered(6)),
        _ => match name.strip_prefix("kp") {
            Some(rest) => keypad(rest.trim_start_matches('-'), keyboard.application_keypad),
            None => name.strip_prefix('f').and_then(|number| function(number.parse().ok()?)),
        },
    }
}

fn function(number: u8) -> Option<Key> {
    match number {
        1..=4 => Some(Key::Function(b'O' + number)),
        5 => Some(Key::Numbered(15)),
        6..=10 => Some(Key::Numbered(11 + number)),
        11 | 12 => Some(Key::Numbered(12 + number)),
        13..=24 => Some(Key::Shifted(Box::new(function(number - 12)?))),
        _ => None,
    }
}

/// A key of the number pad, with Num Lock: the character, or `SS3 X` in application mode.
fn keypad(name: &str, application: bool) -> Option<Key> {
    let (letter, sent) = match name {
        "enter" => ('\r', b'M'),
        "plus" => ('+', b'k'),
        "minus" => ('-', b'm'),
        "star" => ('*', b'j'),
        "slash" => ('/', b'o'),
        "dot" => ('.', b'n'),
        _ => match name.as_bytes() {
            [digit @ b'0'..=b'9'] => (char::from(*digit), digit + (b'p' - b'0')),
            _ => return None,
        },
    };
    let bytes = if application { vec![0x1b, b'O', sent] } else { letter.to_string().into_bytes() };
    Some(Key::Plain(bytes))
}

fn send(key: Key, modifiers: Modifiers, keyboard: Keyboard) -> Option<Vec<u8>> {
    let parameter = modifiers.parameter();
    match key {
        Key::Plain(bytes) => modifiers.around_plain(bytes),
        Key::Character(letter) => modifiers.around_character(letter),
        Key::Shifted(key) => send(*key, Modifiers { shift: true, ..modifiers }, keyboard),
        Key::Cursor(letter) | Key::Function(letter) if parameter > 1 => {
            Some(format!("\x1b[1;{parameter}{}", char::from(letter)).into_bytes())
        }
        Key::Cursor(letter) if keyboard.application_cursor => Some(vec![0x1b, b'O', letter]),
        Key::Cursor(letter) => Some(vec![0x1b, b'[', letter]),
        Key::Function(letter) => Some(vec![0x1b, b'O', letter]),
        Key::Numbered(number) if parameter > 1 => Some(format!("\x1b[{number};{parameter}~").into_bytes()),
        Key::Numbered(number) => Some(format!("\x1b[{number}~").into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(key: &str) -> Option<Vec<u8>> {
        encode(&[key.to_owned()], Keyboard::default()).ok()
    }

    #[test]
    fn keys_send_what_xterm_sends() {
        for (key, sent) in [
            ("ctrl-c", "\x03"),
            ("Ctrl-C", "\x03"),
            ("^D", "\x04"),
            ("^", "^"),
            ("ctrl-[", "\x1b"),
            ("ctrl-space", "\0"),
            ("ctrl-2", "\0"),
            ("ctrl-/", "\x1f"),
            ("ctrl-8", "\x7f"),
            ("alt-x", "\x1bx"),
            ("alt-X", "\x1bX"),
            ("alt-ctrl-x", "\x1b\x18"),
            ("m-c-x", "\x1b\x18"),
            ("shift-a", "A"),
            ("shift-tab", "\x1b[Z"),
            ("backtab", "\x1b[Z"),
            ("alt-enter", "\x1b\r"),
            ("alt--", "\x1b-"),
            ("-", "-"),
            ("+", "+"),
            ("ctrl-backspace", "\x08"),
            ("f1", "\x1bOP"),
            ("f4", "\x1bOS"),
            ("f5", "\x1b[15~"),
            ("f10", "\x1b[21~"),
            ("f11", "\x1b[23~"),
            ("f12", "\x1b[24~"),
            ("f13", "\x1b[1;2P"),
            ("f17", "\x1b[15;2~"),
            ("f24", "\x1b[24;2~"),
            ("ctrl-f13", "\x1b[1;6P"),
            ("shift-f5", "\x1b[15;2~"),
            ("alt-f4", "\x1b[1;3S"),
            ("ctrl-shift-left", "\x1b[1;6D"),
            ("ctrl-pgup", "\x1b[5;5~"),
            ("alt+delete", "\x1b[3;3~"),
            ("pgdn", "\x1b[6~"),
            ("up", "\x1b[A"),
            ("home", "\x1b[H"),
            ("kp5", "5"),
            ("kp-enter", "\r"),
            ("q", "q"),
            ("Q", "Q"),
            ("f", "f"),
            ("é", "é"),
        ] {
            assert_eq!(bytes(key).map(|it| String::from_utf8(it).unwrap()).as_deref(), Some(sent), "{key}");
        }
    }

    #[test]
    fn cursor_keys_and_the_number_pad_follow_the_screen() {
        let keyboard = Keyboard { application_cursor: true, application_keypad: true };
        let sent = |key: &str| encode(&[key.to_owned()], keyboard).unwrap();
        assert_eq!((sent("up"), sent("end")), (b"\x1bOA".to_vec(), b"\x1bOF".to_vec()));
        assert_eq!(
            (sent("kp0"), sent("kp9"), sent("kp-enter")),
            (b"\x1bOp".to_vec(), b"\x1bOy".to_vec(), b"\x1bOM".to_vec())
        );
        // With a modifier there is one way only.
        assert_eq!(sent("shift-up"), b"\x1b[1;2A");
        assert_eq!(sent("f5"), b"\x1b[15~");
    }

    #[test]
    fn a_key_that_no_terminal_has_is_named() {
        let refused = |key: &str| encode(&[key.to_owned()], Keyboard::default()).unwrap_err().to_string();
        assert!(refused("hyper-q").contains("hyper-q") && refused("hyper-q").contains("f1 to f24"));
        for key in [
            "ctrl-é",
            "",
            "ctrl-",
            "f0",
            "f25",
            "kp10",
            "ctrl-enter",
            "shift-é-x",
            "ctrl-shift-c",
            "shift-\n",
        ] {
            assert_eq!(bytes(key), None, "{key}");
        }
    }
}
