//! How much of a line its editor has drawn, where the editor draws each character once and wraps the line by itself.

/// A line that is being drawn.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    line: Vec<u8>,
    /// What is left of it, last byte first; nothing is known of a line that is drawn in another way.
    left: Option<Vec<u8>>,
    sequence: Sequence,
}

/// Where in a control sequence a byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sequence {
    Outside,
    Begun,
    Within,
}

impl Drawn {
    /// Nothing of the line is drawn yet; its last byte stands first.
    pub(super) fn new(line: Vec<u8>) -> Self {
        Self { left: Some(line.clone()), line, sequence: Sequence::Outside }
    }

    /// The editor has printed its prompt once more, and draws from the beginning.
    pub(super) fn begin_again(&mut self) {
        self.left = Some(self.line.clone());
    }

    /// Takes in a byte.
    pub(super) fn feed(&mut self, byte: u8) {
        match (self.sequence, byte) {
            (_, 0x1b) => self.sequence = Sequence::Begun,
            (Sequence::Begun, b'[') => self.sequence = Sequence::Within,
            (Sequence::Begun, _) | (Sequence::Within, b'@'..=b'~') => self.sequence = Sequence::Outside,
            (Sequence::Within, _) | (Sequence::Outside, b'\r' | b'\n') => {}
            (Sequence::Outside, byte) => self.draw(byte),
        }
    }

    /// What its font may not have is drawn as a question mark.
    fn draw(&mut self, byte: u8) {
        let Some(left) = &mut self.left else { return };
        match left.pop() {
            Some(next) if next == byte => {}
            Some(next) if !next.is_ascii() && byte == b'?' => {
                while left.pop_if(|it| *it & 0xc0 == 0x80).is_some() {}
            }
            _ => self.left = None,
        }
    }

    /// Returns whether the line is known to be drawn to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.left.as_ref().is_some_and(Vec::is_empty)
    }
}
