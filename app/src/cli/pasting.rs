//! Tells pastes from keys: while attached, the person's terminal puts what is pasted between brackets, whatever the program asks
//! for; the daemon knows what that is.

use cotty_wire::socket::PASTE_BYTES_MAX;

const BEGIN: &[u8] = b"\x1b[200~";
const END: &[u8] = b"\x1b[201~";

/// So much of a bracket is no key of any terminal: its rest comes with the next read.
const NO_KEY: usize = 3;

/// What was read from the terminal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Keys.
    Keys(Vec<u8>),
    /// A whole paste, without its brackets.
    Paste(Vec<u8>),
    /// A paste of more bytes than are taken, which was thrown away.
    TooLong,
}

/// Whether a read may have been cut where our buffer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// All that was there.
    Whole,
    /// There may be more at once.
    Filled,
}

/// What stands open of the input.
#[derive(Debug, Default)]
pub(crate) struct Pasting {
    held: Vec<u8>,
    /// What came of a paste so far, and whether it is too long already.
    paste: Option<(Vec<u8>, bool)>,
}

impl Pasting {
    /// Returns whether the end of a paste is waited for.
    pub(crate) fn is_open(&self) -> bool {
        self.paste.is_some()
    }

    /// Takes what was read, and returns what is whole, in order.
    pub(crate) fn take(&mut self, bytes: &[u8], read: Read) -> Vec<Input> {
        let mut bytes = [&std::mem::take(&mut self.held), bytes].concat();
        let mut inputs = Vec::new();
        loop {
            let wanted = if self.paste.is_some() { END } else { BEGIN };
            let found = bytes.windows(wanted.len()).position(|it| it == wanted);
            let rest = found.map(|at| bytes.split_off(at + wanted.len()));
            bytes.truncate(found.unwrap_or(bytes.len()));
            if rest.is_none() {
                self.hold(&mut bytes, wanted, read);
            }
            match (&mut self.paste, &rest) {
                (None, _) => {
                    if !bytes.is_empty() {
                        inputs.push(Input::Keys(bytes));
                    }
                    self.paste = rest.is_some().then(Default::default);
                }
                (Some((paste, is_too_long)), _) => {
                    *is_too_long |= paste.len() + bytes.len() > PASTE_BYTES_MAX;
                    if *is_too_long {
                        paste.clear();
                    } else {
                        paste.append(&mut bytes);
                    }
                    if rest.is_some() {
                        let (paste, is_too_long) = self.paste.take().unwrap_or_default();
                        inputs.push(if is_too_long { Input::TooLong } else { Input::Paste(paste) });
                    }
                }
            }
            match rest {
                Some(rest) => bytes = rest,
                None => return inputs,
            }
        }
    }

    /// Keeps the beginning of a bracket at the end of `bytes` for the next read. An Escape key alone goes on at once.
    fn hold(&mut self, bytes: &mut Vec<u8>, wanted: &[u8], read: Read) {
        let least = if self.paste.is_some() || read == Read::Filled { 1 } else { NO_KEY };
        let begun = (least..wanted.len()).rev().find(|it| bytes.ends_with(&wanted[..*it]));
        self.held = bytes.split_off(bytes.len() - begun.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Input {
        Input::Keys(text.as_bytes().to_vec())
    }

    fn paste(text: &str) -> Input {
        Input::Paste(text.as_bytes().to_vec())
    }

    #[test]
    fn keys_and_pastes_come_in_their_order_wherever_they_are_cut() {
        let all = b"ls\x1b[200~one\rtwo \x1b[31m\x1b[201~\r\x1b[200~\x1b[201~x";
        let whole = Pasting::default().take(all, Read::Whole);
        assert_eq!(whole, [keys("ls"), paste("one\rtwo \x1b[31m"), keys("\r"), paste(""), keys("x")]);
        for cut in 0..all.len() {
            let mut pasting = Pasting::default();
            let mut parts = pasting.take(&all[..cut], Read::Filled);
            parts.extend(pasting.take(&all[cut..], Read::Whole));
            // Keys may come in two parts, pastes never.
            let text = |inputs: &[Input]| {
                inputs.iter().fold(String::new(), |text, it| match it {
                    Input::Keys(keys) => text + &String::from_utf8_lossy(keys),
                    Input::Paste(paste) => format!("{text}<{}>", String::from_utf8_lossy(paste)),
                    Input::TooLong => text + "!",
                })
            };
            assert_eq!(text(&parts), text(&whole), "cut at {cut}");
        }
    }

    #[test]
    fn a_key_is_never_held_back() {
        for key in ["\x1b", "\x1b[", "\x1b[A", "\x1b[24~", "\x1bO", "\x1d"] {
            assert_eq!(Pasting::default().take(key.as_bytes(), Read::Whole), [keys(key)], "{key:?}");
        }
        let mut pasting = Pasting::default();
        assert_eq!(pasting.take(b"\x1b[20", Read::Whole), []);
        assert_eq!(pasting.take(b"~", Read::Whole), [keys("\x1b[20~")], "F9, cut in two");
    }

    #[test]
    fn a_paste_that_is_too_long_is_thrown_away_to_its_end() {
        let mut pasting = Pasting::default();
        assert_eq!(pasting.take(BEGIN, Read::Whole), []);
        let part = vec![b'x'; 64 * 1024];
        for _ in 0..=PASTE_BYTES_MAX / part.len() {
            assert_eq!(pasting.take(&part, Read::Filled), []);
        }
        assert!(pasting.is_open());
        assert_eq!(pasting.take(b"\x1b[201~ls", Read::Whole), [Input::TooLong, keys("ls")]);
        assert!(!pasting.is_open());
    }
}
