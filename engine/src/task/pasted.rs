//! What a paste becomes: keys in brackets, keys as they are, or a question to the person.

use bytes::Bytes;
use cotty_core::refusal::Refusal;

use crate::viewer::How;

/// What is done with a paste.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pasted {
    /// These keys are typed.
    Keys(Bytes),
    /// A person is asked first.
    Asks { lines: usize },
}

/// Judges a paste by what the program asks for at this very moment.
pub(super) fn pasted(text: &Bytes, bracketed: bool, how: How) -> Result<Pasted, Refusal> {
    // An ESC would end the brackets, and every other control is a key of its own.
    let control = String::from_utf8_lossy(text)
        .chars()
        .enumerate()
        .find(|(_, it)| it.is_control() && !matches!(it, '\t' | '\n' | '\r'));
    if let Some((place, it)) = control {
        return Err(Refusal::ControlCharacter { what: "paste", code: it.into(), position: place + 1 });
    }
    if bracketed {
        return Ok(Pasted::Keys([b"\x1b[200~", text.as_ref(), b"\x1b[201~"].concat().into()));
    }
    let ends_line = |it: &u8| matches!(it, b'\r' | b'\n');
    if how == How::Confirmed || !text.iter().any(ends_line) {
        return Ok(Pasted::Keys(text.clone()));
    }
    let lines = text.split(ends_line).filter(|it| !it.is_empty()).count();
    Ok(Pasted::Asks { lines: lines.max(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str, bracketed: bool, how: How) -> Pasted {
        pasted(&Bytes::copy_from_slice(text.as_bytes()), bracketed, how).unwrap()
    }

    #[test]
    fn lines_that_would_be_taken_at_once_are_asked_about_and_all_else_is_typed() {
        for how in [How::Pasted, How::Confirmed] {
            assert_eq!(judged("a\rb", true, how), Pasted::Keys("\x1b[200~a\rb\x1b[201~".into()));
            assert_eq!(judged("a\tb", false, how), Pasted::Keys("a\tb".into()));
        }
        assert_eq!(judged("a\rb\r", false, How::Pasted), Pasted::Asks { lines: 2 });
        assert_eq!(judged("rm -r x\r", false, How::Pasted), Pasted::Asks { lines: 1 });
        assert_eq!(judged("\n", false, How::Pasted), Pasted::Asks { lines: 1 });
        assert_eq!(judged("a\rb\r", false, How::Confirmed), Pasted::Keys("a\rb\r".into()));
    }

    #[test]
    fn a_control_byte_is_in_no_paste() {
        for text in ["x\u{1b}[201~rm", "\u{3}", "\u{9b}201~", "\0"] {
            for bracketed in [false, true] {
                let refused =
                    pasted(&Bytes::copy_from_slice(text.as_bytes()), bracketed, How::Confirmed).unwrap_err();
                assert_eq!(refused.kind().to_string(), "invalid-argument", "{text:?}");
            }
        }
    }
}
