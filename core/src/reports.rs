//! What a terminal says by itself, among the keys of whoever sits at it: answers to queries, focus, the mouse. None of it was
//! typed, and nothing of it begins a line.

use std::borrow::Cow;

/// Returns keys without what the terminal itself has said. What is cut off at the end counts as typed.
#[must_use]
pub fn without(keys: &[u8]) -> Cow<'_, [u8]> {
    let mut kept: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < keys.len() {
        match report(&keys[at..]) {
            Some(length) => {
                kept.get_or_insert_with(|| keys[..at].to_vec());
                at += length;
            }
            None => {
                if let Some(kept) = &mut kept {
                    kept.push(keys[at]);
                }
                at += 1;
            }
        }
    }
    kept.map_or(Cow::Borrowed(keys), Cow::Owned)
}

/// Returns the length of the report that these bytes begin with.
fn report(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0x1b, b'[', b'I' | b'O', ..] => Some(3),
        // The old report of the mouse: a button and two places, a byte each.
        [0x1b, b'[', b'M', _, _, _, ..] => Some(6),
        [0x1b, b'[', rest @ ..] => {
            let end = rest.iter().position(|it| !matches!(it, b'0'..=b'?' | b' '..=b'/'))?;
            let (inner, last) = (&rest[..end], rest[end]);
            let first = inner.first().copied();
            let said = match last {
                b'M' | b'm' => first == Some(b'<'),
                b'c' => matches!(first, Some(b'?' | b'>' | b'=')),
                b'n' => matches!(first, Some(b'0'..=b'9' | b'?')),
                // A place of the cursor has two numbers; F3 with a modifier begins with 1.
                b'R' => inner.contains(&b';') && !inner.starts_with(b"1;"),
                b'y' => inner.contains(&b'$'),
                b't' => first.is_some(),
                _ => false,
            };
            said.then_some(end + 3)
        }
        // Commands and device strings come from no key.
        [0x1b, b']' | b'P' | b'_', rest @ ..] => {
            let bell = rest.iter().position(|it| *it == 0x07).map(|it| it + 1);
            let string = rest.windows(2).position(|it| it == b"\x1b\\").map(|it| it + 2);
            [bell, string].into_iter().flatten().min().map(|it| it + 2)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_says_by_itself_is_no_key() {
        for said in [
            "\x1b[I",
            "\x1b[O",
            "\x1b[<0;12;3M",
            "\x1b[<35;12;3m",
            "\x1b[M !!",
            "\x1b[?62;4c",
            "\x1b[>0;276;0c",
            "\x1b[0n",
            "\x1b[12;40R",
            "\x1b[?2026;2$y",
            "\x1b[8;24;80t",
            "\x1b]10;rgb:00/00/00\x1b\\",
            "\x1b]52;c;eA==\x07",
            "\x1bP1$r0m\x1b\\",
        ] {
            assert_eq!(without(said.as_bytes()).as_ref(), b"", "{said:?}");
            let typed = format!("ls{said} -l{said}");
            assert_eq!(without(typed.as_bytes()).as_ref(), b"ls -l", "{said:?}");
        }
    }

    #[test]
    fn what_a_person_presses_stays() {
        for typed in [
            "ls\r",
            "\x1b",
            "\x1b[A",
            "\x1bOA",
            "\x1b[1;5C",
            "\x1b[15~",
            "\x1b[Z",
            "\x1b[200~a\x1b[201~",
            "\x1b[1;2R",
            "\x1bM",
            "\x1b[93;5u",
            "\x1b[3~",
            "ä",
            "\x1b[",
            "\x1b]0",
            "\x1b[<0;1",
        ] {
            assert_eq!(without(typed.as_bytes()).as_ref(), typed.as_bytes(), "{typed:?}");
        }
    }
}
