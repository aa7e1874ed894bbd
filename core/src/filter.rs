//! The stream as viewers may see it: without our marks, and without what makes a terminal answer or act.

use memchr::memchr2;

use crate::marks::Key;
use crate::sequence::{ESC, Place, Step, unfinished_character};

/// The most characters of a title.
const TITLE_CHARS_MAX: usize = 256;

/// The longest sequence that is held back until it is whole. A longer one is swallowed to its end.
const SEQUENCE_BYTES_MAX: usize = 64 * 1024;

/// ENQ: a terminal answers with its answerback message.
const ENQ: u8 = 0x05;

/// The first byte of C1 controls as UTF-8, U+0080 to U+009F.
const C1_LEAD: u8 = 0xc2;

/// Takes out what viewers must not get. Safe wherever the stream is cut: what it lets through is whole.
#[derive(Debug)]
pub struct Filter {
    place: Place,
    /// The sequence so far, from its ESC on, or the beginning of a character. Bounded by the longest sequence.
    held: Vec<u8>,
    /// The sequence is thrown away, whatever it turns out to be.
    swallows: bool,
}

impl Filter {
    /// Begins outside of any sequence.
    ///
    /// The key is taken because marks are what must not get through first of all; those of others are removed too.
    pub fn new(_key: Key) -> Self {
        Self { place: Place::Ground, held: Vec::new(), swallows: false }
    }

    /// Takes the next bytes and appends what may be shown. An unfinished sequence is held back until it is whole.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut next = 0;
        while next < bytes.len() {
            let rest = &bytes[next..];
            next += if self.place != Place::Ground {
                self.sequence(rest[0], out);
                1
            } else if self.held.is_empty() {
                self.text(rest, out)
            } else {
                self.character(rest[0], out);
                1
            };
        }
    }

    /// Passes text up to and with the next ESC, and returns how many bytes that was.
    fn text(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let escape = memchr::memchr(ESC, bytes);
        let end = escape.unwrap_or(bytes.len());
        let cut = if escape.is_some() { 0 } else { unfinished_character(&bytes[..end]) };
        push_text(&bytes[..end - cut], out);
        self.held.extend_from_slice(&bytes[end - cut..end]);
        if escape.is_none() {
            return end;
        }
        self.begin();
        end + 1
    }

    /// Takes the next byte of a character that was cut.
    fn character(&mut self, byte: u8, out: &mut Vec<u8>) {
        if byte == ESC {
            push_text(&self.held, out);
            self.begin();
            return;
        }
        self.held.push(byte);
        let cut = unfinished_character(&self.held);
        let whole = self.held.len() - cut;
        push_text(&self.held[..whole], out);
        self.held.drain(..whole);
    }

    fn begin(&mut self) {
        self.place = Place::Escape;
        self.swallows = false;
        self.held.clear();
        self.held.push(ESC);
    }

    /// Takes a byte of a sequence.
    fn sequence(&mut self, byte: u8, out: &mut Vec<u8>) {
        let was = self.place;
        match self.place.step(byte) {
            Step::Part => {
                self.held.push(byte);
                self.swallows |= self.place == Place::Data || self.held.len() > SEQUENCE_BYTES_MAX;
                if self.swallows {
                    self.held.truncate(2);
                }
            }
            // A control within a sequence is carried out at once; within a command or data it is nothing.
            Step::Aside if byte >= 0x20 || matches!(was, Place::Osc | Place::Data) => (),
            Step::Aside => push_text(&[byte], out),
            Step::Last => {
                self.held.push(byte);
                self.end(was, out);
                self.held.clear();
            }
            Step::Abort => self.held.clear(),
            Step::Again => {
                if was == Place::Osc {
                    self.held.extend_from_slice(b"\x1b\\");
                    self.end(was, out);
                }
                self.begin();
            }
        }
    }

    /// Passes the whole sequence in `held`, if it may be shown.
    fn end(&mut self, was: Place, out: &mut Vec<u8>) {
        if self.swallows {
            return;
        }
        match was {
            Place::Osc => push_command(&self.held, out),
            Place::Csi if is_query(&self.held) => (),
            // What ends a string has nothing left to end, and ESC Z is the old way to ask who is there.
            Place::Escape if matches!(self.held.as_slice(), b"\x1b\\" | b"\x1bZ") => (),
            Place::Ground | Place::Escape | Place::EscapeMiddle | Place::Csi | Place::Data => {
                out.extend_from_slice(&self.held);
            }
        }
    }
}

/// Appends text without ENQ and without C1 controls. Its end cuts no character.
fn push_text(mut bytes: &[u8], out: &mut Vec<u8>) {
    while let Some(place) = memchr2(ENQ, C1_LEAD, bytes) {
        out.extend_from_slice(&bytes[..place]);
        let length = match bytes[place..] {
            [C1_LEAD, 0x80..=0x9f, ..] => 2,
            [C1_LEAD, 0xa0..=0xbf, ..] => {
                out.extend_from_slice(&bytes[place..place + 2]);
                2
            }
            [C1_LEAD, ..] => {
                // Alone it could meet the rest of a control once what stands between is removed.
                out.extend_from_slice("\u{fffd}".as_bytes());
                1
            }
            _ => 1,
        };
        bytes = &bytes[place + length..];
    }
    out.extend_from_slice(bytes);
}

/// Tells whether a control sequence asks for an answer or acts outside of the screen.
fn is_query(sequence: &[u8]) -> bool {
    let [_, _, middle @ .., last] = sequence else { return false };
    let first_number = || middle.split(|it| !it.is_ascii_digit()).next().unwrap_or_default();
    match last {
        // DA1 to DA3, DSR, media copy, REQTPARM.
        b'c' | b'n' | b'i' | b'x' => true,
        // XTVERSION is `CSI > q`; `CSI SP q` is the shape of the cursor.
        b'q' => middle.first() == Some(&b'>'),
        // DECRQM is `CSI … $ p`; `CSI ! p` is a soft reset.
        b'p' => middle.contains(&b'$'),
        // The keyboard protocol's question is `CSI ? u`.
        b'u' => middle.first() == Some(&b'?'),
        // Window operations: only the stack of titles may be used.
        b't' => !matches!(first_number(), b"22" | b"23"),
        // DECRQPSR, DECRQTSR and checksums.
        b'w' | b'y' => middle.contains(&b'$') || middle.contains(&b'*'),
        _ => false,
    }
}

/// Appends an operating system command, if it is a title, a link to the web or a colour. The rest acts or asks.
fn push_command(sequence: &[u8], out: &mut Vec<u8>) {
    let (body, terminator) = match sequence.strip_suffix(b"\x1b\\") {
        Some(body) => (body, "\x1b\\"),
        None => (&sequence[..sequence.len() - 1], "\x07"),
    };
    let body = &body[2..];
    let split = memchr::memchr(b';', body).unwrap_or(body.len());
    let (number, rest) = (&body[..split], body.get(split + 1..).unwrap_or_default());
    match number {
        b"0" | b"1" | b"2" => {
            let title = tidy_title(&String::from_utf8_lossy(rest));
            out.extend_from_slice(&sequence[..2 + number.len()]);
            out.push(b';');
            out.extend_from_slice(title.as_bytes());
            out.extend_from_slice(terminator.as_bytes());
        }
        b"8" if is_link(rest) => out.extend_from_slice(sequence),
        b"4" | b"10" | b"11" | b"12" if !rest.contains(&b'?') => out.extend_from_slice(sequence),
        b"104" | b"110" | b"111" | b"112" => out.extend_from_slice(sequence),
        _ => (),
    }
}

/// Tells whether the parameters of a link begin one to the web, or end one.
fn is_link(rest: &[u8]) -> bool {
    let Ok(rest) = std::str::from_utf8(rest) else { return false };
    let Some((_, uri)) = rest.split_once(';') else { return false };
    uri.is_empty() || is_web_link(uri)
}

/// Returns a title without controls, at most 256 characters of it.
pub(crate) fn tidy_title(title: &str) -> String {
    title.chars().filter(|it| !it.is_control()).take(TITLE_CHARS_MAX).collect()
}

/// Tells whether a link may be offered: http or https, and nothing in it that could end the sequence it travels in.
pub(crate) fn is_web_link(uri: &str) -> bool {
    let is_scheme = |scheme: &&str| uri.get(..scheme.len()).is_some_and(|it| it.eq_ignore_ascii_case(scheme));
    let is_web = ["http://", "https://"].iter().any(is_scheme);
    is_web && !uri.chars().any(char::is_control)
}
