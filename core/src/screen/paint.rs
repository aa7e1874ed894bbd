//! The screen as bytes that paint it: whoever reads them and then the stream shows what the model shows.

use super::emulator::Emulator;

/// Returns the bytes.
pub(super) fn paint(_emulator: &mut Emulator) -> Vec<u8> {
    Vec::new()
}
