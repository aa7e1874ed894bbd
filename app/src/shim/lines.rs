//! Cuts a stream into lines of a bounded length.

/// A longer line is dropped and said to be too long: the daemon's own limit.
pub(super) const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a stream held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its end.
    Whole(Vec<u8>),
    /// A line that was too long, and is gone.
    TooLong,
}

/// Bytes that came and are not yet a line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// How many of them were searched for an end already.
    searched: usize,
    /// The rest of a line that was too long is being dropped.
    dropping: bool,
}

impl Lines {
    /// Takes what came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next whole line; blank ones are skipped.
    pub(super) fn next(&mut self) -> Option<Line> {
        loop {
            let Some(end) = self.bytes[self.searched..].iter().position(|it| *it == b'\n') else {
                return self.grow();
            };
            let end = self.searched + end;
            let rest = self.bytes.split_off(end + 1);
            let mut line = std::mem::replace(&mut self.bytes, rest);
            self.searched = 0;
            line.pop();
            if std::mem::take(&mut self.dropping) {
                continue;
            }
            if line.len() > LINE_BYTES_MAX {
                return Some(Line::TooLong);
            }
            if !line.trim_ascii().is_empty() {
                return Some(Line::Whole(line));
            }
        }
    }

    /// Returns what stands after the last line's end.
    pub(super) fn rest(&mut self) -> Option<Line> {
        let rest = std::mem::take(&mut self.bytes);
        self.searched = 0;
        (!self.dropping && !rest.trim_ascii().is_empty()).then_some(Line::Whole(rest))
    }

    /// Forgets what came.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn grow(&mut self) -> Option<Line> {
        self.searched = self.bytes.len();
        let too_long = self.bytes.len() > LINE_BYTES_MAX;
        if too_long || self.dropping {
            self.bytes.clear();
            self.searched = 0;
        }
        let first = too_long && !self.dropping;
        self.dropping |= too_long;
        first.then_some(Line::TooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<Line> {
        Some(Line::Whole(text.as_bytes().to_vec()))
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_are_cut() {
        let bytes = b"{\"a\":1}\n\n  \r\n{\"b\":2}\r\nrest";
        for cut in 0..bytes.len() {
            let mut lines = Lines::default();
            let mut seen = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                lines.push(part);
                seen.extend(std::iter::from_fn(|| lines.next()));
            }
            seen.extend(lines.rest());
            assert_eq!(Some(&seen[0]), whole("{\"a\":1}").as_ref(), "{cut}");
            assert_eq!(Some(&seen[1]), whole("{\"b\":2}\r").as_ref());
            assert_eq!(Some(&seen[2]), whole("rest").as_ref());
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_told_once_and_the_next_is_read() {
        let mut lines = Lines::default();
        lines.push(&vec![b'a'; LINE_BYTES_MAX + 1]);
        assert_eq!(lines.next(), Some(Line::TooLong));
        lines.push(&vec![b'a'; LINE_BYTES_MAX + 1]);
        assert_eq!(lines.next(), None);
        lines.push(b"a\nnext\n");
        assert_eq!(lines.next(), whole("next"));
    }
}
