//! Terminal bytes without their escape sequences, as they come: what patterns are matched against.

use regex::Regex;

/// What a pattern is matched against: the newest part of the output.
pub(crate) const MATCHED_BYTES_MAX: usize = 64 * 1024;

/// Removes escape sequences and control bytes from a stream, however it is cut. Not a terminal: what a program
/// overwrites stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plain {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    #[default]
    Text,
    Escape,
    /// After `ESC [`.
    Control,
    /// After `ESC ]`, `ESC P`, `ESC X`, `ESC ^`, `ESC _`.
    Text2,
    /// An escape inside such a string: its end, or another sequence.
    Text2Escape,
    /// After an intermediate: one more byte.
    OneMore,
}

impl Plain {
    /// Appends the readable part of `bytes` to `out`.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::Text2 | State::Text2Escape, 0x07 | 0x18 | 0x1a) => State::Text,
                (State::Text2, 0x1b) => State::Text2Escape,
                (State::Text2, _) => State::Text2,
                (State::Text2Escape, b'\\') => State::Text,
                (_, 0x1b) => State::Escape,
                (State::Text, b'\n' | b'\t' | 0x20..=0x7e | 0x80..) => {
                    out.push(byte);
                    State::Text
                }
                (State::Text, _) => State::Text,
                (State::Escape | State::Text2Escape, b'[') => State::Control,
                (State::Escape | State::Text2Escape, b']' | b'P' | b'X' | b'^' | b'_') => State::Text2,
                (State::Escape | State::Text2Escape, 0x20..=0x2f) => State::OneMore,
                (State::Control, 0x20..=0x3f) => State::Control,
                (State::Escape | State::Text2Escape | State::Control | State::OneMore, _) => State::Text,
            };
        }
    }
}

/// Output as text, as it comes.
#[derive(Default)]
pub(crate) struct Seen {
    plain: Plain,
    text: Vec<u8>,
}

impl Seen {
    /// Takes what was printed.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.plain.feed(bytes, &mut self.text);
        let excess = self.text.len().saturating_sub(2 * MATCHED_BYTES_MAX);
        if excess > 0 {
            self.text.drain(..self.text.len() - MATCHED_BYTES_MAX);
        }
    }

    /// Returns whether the newest part of it matches.
    pub(crate) fn matches(&self, pattern: &Regex) -> bool {
        pattern.is_match(&String::from_utf8_lossy(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_vanish_at_every_cut() {
        let all = b"a\x1b[1;31mb\x1b]0;title\x07c\x1b]8;;x\x1b\\d\x1b(Be\r\nf";
        for cut in 0..all.len() {
            let (mut plain, mut out) = (Plain::default(), Vec::new());
            plain.feed(&all[..cut], &mut out);
            plain.feed(&all[cut..], &mut out);
            assert_eq!(out, b"abcde\nf", "cut at {cut}");
        }
    }
}
