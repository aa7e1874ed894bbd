//! What a terminal printed, as plain text: good enough to wait for a word, no terminal model.

/// Returns the text of `bytes` without escape sequences, carriage returns and other control characters.
///
/// A backspace takes the character before it back. Cursor movement is not followed: what a program draws
/// twice stands here twice.
#[must_use]
pub fn plain_text(bytes: &[u8]) -> String {
    let decoded = String::from_utf8_lossy(bytes);
    let mut text = String::with_capacity(decoded.len());
    let mut letters = decoded.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\x1b' => skip_sequence(&mut letters),
            '\n' | '\t' => text.push(letter),
            '\x08' => drop(text.pop()),
            _ if letter.is_control() => {}
            _ => text.push(letter),
        }
    }
    text
}

/// Takes the rest of a sequence after its escape.
fn skip_sequence(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match letters.next() {
        Some('[') => drop(letters.find(|it| ('@'..='~').contains(it))),
        Some(']' | 'P' | '_' | '^' | 'X') => skip_string(letters),
        Some('(' | ')' | '*' | '+' | '#' | ' ') => drop(letters.next()),
        _ => {}
    }
}

/// Takes the body of an OSC, DCS, APC, PM or SOS with its end, which is BEL or `ESC \`.
fn skip_string(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(letter) = letters.next() {
        match letter {
            '\x07' => return,
            '\x1b' => {
                letters.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_leave_no_trace() {
        let printed = b"\x1b]0;title\x07\x1b]133;A\x1b\\\x1b[1;31mred\x1b[0m\r\n\x1b(B\x1b=done";
        assert_eq!(plain_text(printed), "red\ndone");
    }

    #[test]
    fn a_backspace_takes_back_what_was_typed() {
        assert_eq!(plain_text(b"lx\x08s -l"), "ls -l");
    }

    #[test]
    fn an_unfinished_sequence_at_the_end_is_no_text() {
        assert_eq!(plain_text(b"ok\x1b[3"), "ok");
    }
}
