//! What may stand before the first text of an output and changes none of it: titles, colours, a return to where the line
//! begins. fish prints all of these before a command's own output.
//!
//! Without it most outputs are plain lines, and keep the blanks at their ends.

/// A title that is longer goes through the terminal.
const BYTES_MAX: usize = 1024;

/// Takes the beginning of an output until its text begins.
#[derive(Debug, Default)]
pub(super) struct Lead {
    /// What may become one of these sequences.
    begun: Vec<u8>,
    is_over: bool,
}

/// How a sequence at the beginning of some bytes ends.
enum Taken {
    /// After so many bytes, and it changes nothing.
    Whole(usize),
    /// It needs more bytes.
    Open,
    /// It is something else.
    Other,
}

impl Lead {
    /// Takes the next bytes, and gives those that belong to the text.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.is_over {
            return None;
        }
        self.begun.extend_from_slice(bytes);
        loop {
            match taken(&self.begun) {
                Taken::Whole(length) if length <= BYTES_MAX => drop(self.begun.drain(..length)),
                Taken::Open if self.begun.len() <= BYTES_MAX => return Some(Vec::new()),
                _ => return Some(self.end()),
            }
        }
    }

    /// Gives what did not become a sequence.
    pub(super) fn end(&mut self) -> Vec<u8> {
        self.is_over = true;
        std::mem::take(&mut self.begun)
    }
}

fn taken(bytes: &[u8]) -> Taken {
    match bytes {
        [] | [0x1b] | [b'\r'] | [0x1b, b'('] => Taken::Open,
        [b'\r', b'\n', ..] => Taken::Other,
        [b'\r', ..] => Taken::Whole(1),
        [0x1b, b'(', b'B', ..] => Taken::Whole(3),
        [0x1b, b'[', rest @ ..] => match rest.iter().position(|it| !matches!(it, b'0'..=b';')) {
            None => Taken::Open,
            Some(place) if rest[place] == b'm' => Taken::Whole(place + 3),
            Some(_) => Taken::Other,
        },
        [0x1b, b']', rest @ ..] => match rest.iter().position(|it| matches!(it, 0x00..0x20 | 0x7f..)) {
            None => Taken::Open,
            Some(place) if rest[place] == 0x07 => Taken::Whole(place + 3),
            Some(place) if rest[place..] == [0x1b] => Taken::Open,
            Some(place) if rest[place..].starts_with(b"\x1b\\") => Taken::Whole(place + 4),
            Some(_) => Taken::Other,
        },
        _ => Taken::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of these bytes, however they are cut.
    fn left(bytes: &[u8]) -> Vec<u8> {
        let cut = |size: usize| {
            let mut lead = Lead::default();
            let mut left: Vec<u8> =
                bytes.chunks(size).flat_map(|it| lead.feed(it).unwrap_or(it.to_vec())).collect();
            left.extend(lead.end());
            left
        };
        let whole = cut(bytes.len().max(1));
        (1..8).for_each(|size| assert_eq!(cut(size), whole));
        whole
    }

    #[test]
    fn what_changes_no_text_is_left_out_before_the_first_text_only() {
        assert_eq!(left(b"\x1b]0;a title\x07\x1b[30m\x1b(B\x1b[m\r% \r\n\x1b[m"), b"% \r\n\x1b[m");
        assert_eq!(left(b"\x1b]0;t\x1b\\\r\r\n\rx"), b"\r\n\rx");
        assert_eq!(left(b"\x1b[2Jx"), b"\x1b[2Jx");
        assert_eq!(left(b"\x1b[1;31"), b"\x1b[1;31");
        assert_eq!(left(b"\x1b(0x"), b"\x1b(0x");
        let long = [b"\x1b]0;".as_slice(), &[b'x'; 2 * BYTES_MAX], b"\x07y"].concat();
        assert!(left(&long) == long);
    }
}
