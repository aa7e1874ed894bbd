//! Named keys (`ctrl-c`, `f5`, `alt-x`, `pgdn`) and the bytes that a terminal sends for them.
//!
//! The sequences are those of xterm in its default keyboard mode (XTerm Control Sequences, "PC-Style Function
//! Keys"); arrows, Home and End follow the application cursor mode of the screen.

use cotty_core::refusal::Refusal;

/// More is no set of keys, it is a text.
const KEYS_MAX: usize = 256;

/// Returns the bytes of several keys.
///
/// # Errors
///
/// Names the first key that is not known.
pub(crate) fn encode(keys: &[String], application_cursor: bool) -> Result<Vec<u8>, Refusal> {
    if keys.len() > KEYS_MAX {
        return Err(Refusal::TooMany { what: "keys", count: keys.len(), count_max: KEYS_MAX });
    }
    let mut bytes = Vec::new();
    for key in keys {
        let known = one(&key.to_ascii_lowercase(), key, application_cursor);
        bytes.extend(known.ok_or_else(|| unknown(key))?);
    }
    Ok(bytes)
}

fn unknown(key: &str) -> Refusal {
    let shown: String = key.chars().filter(|it| !it.is_control()).take(32).collect();
    let known = "enter, tab, esc, backspace, delete, insert, space, up, down, left, right, home, end, pgup, pgdn, \
                 f1 to f12, ctrl-LETTER, alt-KEY, shift-tab, or one character";
    Refusal::InvalidArgument { what: "keys", why: format!("there is no key {shown:?}; known are {known}") }
}

fn one(key: &str, as_written: &str, application: bool) -> Option<Vec<u8>> {
    if let Some(rest) = key.strip_prefix("alt-").or_else(|| key.strip_prefix("m-")) {
        let written = &as_written[as_written.len() - rest.len()..];
        return one(rest, written, application).map(|bytes| [&[0x1b], bytes.as_slice()].concat());
    }
    if let Some(rest) = ["ctrl-", "ctrl+", "c-", "^"].iter().find_map(|prefix| key.strip_prefix(prefix)) {
        return control(rest);
    }
    let arrow = |letter: u8| vec![0x1b, if application { b'O' } else { b'[' }, letter];
    let fixed: &[u8] = match key {
        "enter" | "return" | "cr" => b"\r",
        "lf" => b"\n",
        "tab" => b"\t",
        "shift-tab" | "backtab" => b"\x1b[Z",
        "esc" | "escape" => b"\x1b",
        "backspace" | "bs" => b"\x7f",
        "space" => b" ",
        "up" => return Some(arrow(b'A')),
        "down" => return Some(arrow(b'B')),
        "right" => return Some(arrow(b'C')),
        "left" => return Some(arrow(b'D')),
        "home" => return Some(arrow(b'H')),
        "end" => return Some(arrow(b'F')),
        "insert" | "ins" => b"\x1b[2~",
        "delete" | "del" => b"\x1b[3~",
        "pgup" | "pageup" => b"\x1b[5~",
        "pgdn" | "pagedown" => b"\x1b[6~",
        "f1" => b"\x1bOP",
        "f2" => b"\x1bOQ",
        "f3" => b"\x1bOR",
        "f4" => b"\x1bOS",
        "f5" => b"\x1b[15~",
        "f6" => b"\x1b[17~",
        "f7" => b"\x1b[18~",
        "f8" => b"\x1b[19~",
        "f9" => b"\x1b[20~",
        "f10" => b"\x1b[21~",
        "f11" => b"\x1b[23~",
        "f12" => b"\x1b[24~",
        _ => return single(as_written),
    };
    Some(fixed.to_vec())
}

fn control(rest: &str) -> Option<Vec<u8>> {
    let mut letters = rest.chars();
    let (letter, None) = (letters.next()?, letters.next()) else {
        return (rest == "space").then(|| vec![0]);
    };
    match letter.to_ascii_uppercase() {
        it @ '@'..='_' => Some(vec![it as u8 & 0x1f]),
        '?' => Some(vec![0x7f]),
        ' ' => Some(vec![0]),
        _ => None,
    }
}

fn single(key: &str) -> Option<Vec<u8>> {
    let mut letters = key.chars();
    let letter = letters.next().filter(|it| !it.is_control())?;
    letters.next().is_none().then(|| letter.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(key: &str) -> Option<Vec<u8>> {
        encode(&[key.to_owned()], false).ok()
    }

    #[test]
    fn keys_send_what_xterm_sends() {
        for (key, sent) in [
            ("ctrl-c", &b"\x03"[..]),
            ("Ctrl-C", b"\x03"),
            ("^D", b"\x04"),
            ("ctrl-[", b"\x1b"),
            ("alt-x", b"\x1bx"),
            ("alt-X", b"\x1bX"),
            ("f5", b"\x1b[15~"),
            ("pgdn", b"\x1b[6~"),
            ("up", b"\x1b[A"),
            ("q", b"q"),
            ("Q", b"Q"),
            ("é", "é".as_bytes()),
        ] {
            assert_eq!(bytes(key).as_deref(), Some(sent), "{key}");
        }
        assert_eq!(encode(&["up".into()], true).unwrap(), b"\x1bOA");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let refusal = encode(&["hyper-q".into()], false).unwrap_err().to_string();
        assert!(refusal.contains("hyper-q") && refusal.contains("ctrl-LETTER"), "{refusal}");
        assert_eq!(bytes("ctrl-é"), None);
        assert_eq!(bytes(""), None);
    }
}
