//! What stands before the terminal model: bounds what it would collect without end, and knows where the stream was cut.

use alacritty_terminal::vte::ansi::{Processor, Timeout};
use memchr::memchr;

use super::emulator::Emulator;
use super::passing::pass_over;
use crate::sequence::{BEL, CAN, ESC, Place, Step, unfinished_character};

/// The longest sequence that reaches the model. It would keep an operating system command of any length; a link or a
/// title has at most a few KiB.
const SEQUENCE_BYTES_MAX: usize = 64 * 1024;

/// The number of a command that no terminal knows: what is left of one that was too long means nothing to a reader.
const NO_COMMAND: &[u8] = b"65535;";

/// How a mark of a shell begins, after its ESC.
const MARK: &[u8] = b"]133;";

/// Never withholds anything: a synchronised update would hide up to 2 MiB, and its end would need a clock.
#[derive(Default)]
pub(super) struct NoTimeout;

impl Timeout for NoTimeout {
    fn set_timeout(&mut self, _: std::time::Duration) {}
    fn clear_timeout(&mut self) {}
    fn pending_timeout(&self) -> bool {
        false
    }
}

/// Feeds a stream to the model, piece by piece.
#[derive(Default)]
pub(super) struct Gate {
    parser: Processor<NoTimeout>,
    place: Place,
    /// The sequence at the end of what was fed, from its ESC on; or the beginning of a character, which is kept from
    /// the parser: where one is cut, vte 0.15.0 loses the byte after it if an invalid one follows that.
    tail: Vec<u8>,
    /// The sequence is kept from the model: it carries data that nobody shows, or is too long.
    swallows: bool,
}

impl Gate {
    /// Takes the next bytes of the stream.
    pub(super) fn feed(&mut self, bytes: &[u8], emulator: &mut Emulator) {
        let mut next = 0;
        while next < bytes.len() {
            let rest = &bytes[next..];
            next += match self.place {
                Place::Ground => self.text(rest, emulator),
                Place::Escape | Place::EscapeMiddle | Place::Csi | Place::Osc | Place::Data => {
                    self.sequence(rest, emulator)
                }
            };
        }
    }

    /// Returns the bytes since the last whole character or sequence.
    pub(super) fn unfinished(&self) -> &[u8] {
        &self.tail
    }

    /// Tells whether the stream stands between two whole characters or sequences.
    pub(super) fn is_between(&self) -> bool {
        self.place == Place::Ground && self.unfinished().is_empty()
    }

    /// Feeds text up to and with the next ESC, and returns how many bytes that was.
    fn text(&mut self, bytes: &[u8], emulator: &mut Emulator) -> usize {
        if !self.tail.is_empty() {
            self.character(bytes[0], emulator);
            return 1;
        }
        let escape = memchr(ESC, bytes);
        let end = escape.map_or(bytes.len(), |it| it + 1);
        let cut = unfinished_character(&bytes[..end]);
        let passed = pass_over(&bytes[..escape.unwrap_or(end - cut)], emulator);
        self.parser.advance(&mut *emulator, &bytes[passed..end - cut]);
        self.tail.extend_from_slice(&bytes[end - cut..end]);
        if escape.is_some() {
            self.begin();
        }
        end
    }

    /// Takes the next byte of a character that was cut.
    fn character(&mut self, byte: u8, emulator: &mut Emulator) {
        self.tail.push(byte);
        let whole = self.tail.len() - unfinished_character(&self.tail);
        self.parser.advance(&mut *emulator, &self.tail[..whole]);
        self.tail.drain(..whole);
        if byte == ESC {
            self.begin();
        }
    }

    fn begin(&mut self) {
        self.place = Place::Escape;
        self.tail.clear();
        self.tail.push(ESC);
    }

    /// Feeds bytes of a sequence, at most up to its end, and returns how many that was.
    fn sequence(&mut self, bytes: &[u8], emulator: &mut Emulator) -> usize {
        if self.place == Place::Escape
            && !self.swallows
            && let Some(length) = mark_length(bytes)
        {
            // The model knows no marks and would put each into words for a log; the end of a string does nothing to it.
            self.parser.advance(&mut *emulator, b"\\");
            (self.place, self.tail) = (Place::Ground, Vec::new());
            return length;
        }
        for (index, &byte) in bytes.iter().enumerate() {
            let step = self.place.step(byte);
            match step {
                Step::Part if !self.swallows => self.tail.push(byte),
                Step::Part | Step::Aside => (),
                Step::Last | Step::Abort => self.tail.clear(),
                Step::Again => self.tail = vec![ESC],
            }
            if self.swallows {
                return self.swallow(index, bytes, step, emulator);
            }
            if self.place == Place::Data || self.tail.len() > SEQUENCE_BYTES_MAX {
                self.begin_to_swallow(&bytes[..index], emulator);
                return index + 1;
            }
            if self.place == Place::Ground {
                self.parser.advance(&mut *emulator, &bytes[..=index]);
                return index + 1;
            }
        }
        self.parser.advance(&mut *emulator, bytes);
        bytes.len()
    }

    /// Feeds what came before, and makes the model forget the sequence.
    fn begin_to_swallow(&mut self, before: &[u8], emulator: &mut Emulator) {
        self.parser.advance(&mut *emulator, before);
        // CAN ends an operating system command as if it were whole.
        emulator.ignores_commands = true;
        self.parser.advance(&mut *emulator, &[CAN]);
        emulator.ignores_commands = false;
        self.swallows = true;
        self.tail.truncate(2);
        if self.place == Place::Osc {
            self.tail.extend_from_slice(NO_COMMAND);
        }
    }

    /// Passes over one byte of what is kept from the model, but for an ESC, with which the next sequence begins.
    fn swallow(&mut self, index: usize, bytes: &[u8], step: Step, emulator: &mut Emulator) -> usize {
        self.swallows = matches!(step, Step::Part | Step::Aside);
        if step == Step::Again {
            self.parser.advance(&mut *emulator, &bytes[index..=index]);
        }
        index + 1
    }
}

/// Returns the length of a whole mark, without its ESC; none where it is cut or broken by a control.
fn mark_length(bytes: &[u8]) -> Option<usize> {
    let body = bytes.strip_prefix(MARK)?;
    let end = MARK.len() + body.iter().position(|byte| !matches!(byte, b' '..=b'~'))?;
    match bytes[end..] {
        [BEL, ..] => Some(end + 1),
        [ESC, b'\\', ..] => Some(end + 2),
        _ => None,
    }
}
