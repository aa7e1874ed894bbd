//! Where escape sequences begin and end in a byte stream: the walk of a VT500 parser, without their meaning.

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// Text, and controls that stand alone.
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate byte.
    EscapeMiddle,
    /// Within a control sequence, after `ESC [`.
    Csi,
    /// Within an operating system command, after `ESC ]`.
    Osc,
    /// Within a string that carries data: DCS, SOS, PM or APC.
    Data,
}

/// What one byte of a sequence does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is a part of the sequence, which goes on.
    Part,
    /// It is no part: a control that is carried out at once, or a byte that is ignored.
    Aside,
    /// It is the last byte of the sequence.
    Last,
    /// It throws the sequence away (CAN, SUB).
    Abort,
    /// It is an ESC: the sequence ends before it, and another begins with it.
    Again,
}

pub(crate) const BEL: u8 = 0x07;
pub(crate) const CAN: u8 = 0x18;
pub(crate) const SUB: u8 = 0x1a;
pub(crate) const ESC: u8 = 0x1b;

impl Place {
    /// Takes one byte that does not stand in the ground, and tells what it does there.
    pub(crate) fn step(&mut self, byte: u8) -> Step {
        if matches!(byte, CAN | SUB) {
            *self = Self::Ground;
            return Step::Abort;
        }
        if byte == ESC {
            *self = Self::Escape;
            return Step::Again;
        }
        match self {
            Self::Ground => Step::Aside,
            Self::Escape => self.after_escape(byte),
            Self::EscapeMiddle => self.until_final(byte, 0x30),
            Self::Csi => self.until_final(byte, 0x40),
            Self::Osc if byte == BEL => self.last(),
            Self::Osc if byte < 0x20 => Step::Aside,
            Self::Osc | Self::Data => Step::Part,
        }
    }

    fn after_escape(&mut self, byte: u8) -> Step {
        *self = match byte {
            0x20..=0x2f => Self::EscapeMiddle,
            b'[' => Self::Csi,
            b']' => Self::Osc,
            b'P' | b'X' | b'^' | b'_' => Self::Data,
            0x30..=0x7e => return self.last(),
            _ => return Step::Aside,
        };
        Step::Part
    }

    fn until_final(&mut self, byte: u8, finals_from: u8) -> Step {
        match byte {
            0x20..0x7f if byte >= finals_from => self.last(),
            0x20..0x7f => Step::Part,
            _ => Step::Aside,
        }
    }

    fn last(&mut self) -> Step {
        *self = Self::Ground;
        Step::Last
    }
}

/// Returns how many bytes at the end of `bytes` are the beginning of a UTF-8 character that is not yet whole.
pub(crate) fn unfinished_character(bytes: &[u8]) -> usize {
    let lookback = bytes.len().min(3);
    for length in 1..=lookback {
        let tail = &bytes[bytes.len() - length..];
        if tail[0] & 0xc0 == 0x80 {
            continue;
        }
        let cut = std::str::from_utf8(tail)
            .err()
            .is_some_and(|it| it.valid_up_to() == 0 && it.error_len().is_none());
        return if cut { length } else { 0 };
    }
    0
}
