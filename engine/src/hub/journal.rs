//! What a session printed, as viewers may see it: for the scrollback of those who come late or come back.

use bytes::Bytes;
use cotty_core::filter::Filter;
use cotty_core::marks::Key;
use cotty_core::names::Offset;
use cotty_core::refusal::Refusal;

use super::Hub;
use crate::report::{Caller, Stretch, Which};
use crate::texts;

/// No more is given at once; of a longer stretch the end.
const BYTES_MAX: u64 = 1024 * 1024;

/// So much before a piece is looked at for a sequence that began there and ends in it: nothing longer is shown.
const LEAD_BYTES: u64 = 64 * 1024;

/// A stretch of what was printed, filtered.
#[derive(Clone, Debug)]
pub struct Printed {
    /// Where it begins, in raw bytes.
    pub from: Offset,
    /// One past its end.
    pub to: Offset,
    /// What may be shown of it.
    pub bytes: Bytes,
}

impl Hub {
    /// Returns what a session printed from an offset on (its newest part without one) up to another (the present
    /// without one), less where it is too much or no longer kept.
    ///
    /// # Errors
    ///
    /// Says that the session is not there, or what could not be read.
    pub async fn printed(
        &self,
        caller: &Caller,
        which: &Which,
        from: Option<Offset>,
        to: Option<Offset>,
    ) -> Result<Printed, Refusal> {
        let mut stretch = self.recent(caller, which, from).await?;
        if let Some(to) = to.filter(|it| it.epoch == stretch.to.epoch) {
            stretch.to.byte = to.byte.clamp(stretch.from.byte, stretch.to.byte);
        }
        let is_whole = from == Some(stretch.from);
        let first = stretch.to.byte.saturating_sub(BYTES_MAX);
        let is_cut = first > stretch.from.byte || !is_whole;
        stretch.from.byte = stretch.from.byte.max(first);
        let hidden = self.0.store.hidden(&stretch.session_id, stretch.from.epoch)?;
        let state_dir = self.0.state_dir.clone();
        let made = tokio::task::spawn_blocking(move || {
            let read = |stretch: &Stretch| {
                let mut raw = Vec::new();
                texts::read_shown(&state_dir, stretch, &hidden, |bytes| raw.extend_from_slice(bytes))?;
                Ok::<_, Refusal>(raw)
            };
            let lead = if is_cut { Vec::new() } else { read(&before(&stretch))? };
            Ok(printed(&stretch, &lead, &read(&stretch)?, is_cut))
        });
        made.await.map_err(|error| Refusal::Internal { what: format!("nothing was read: {error}") })?
    }
}

/// What stands right before a stretch.
fn before(stretch: &Stretch) -> Stretch {
    let mut lead = stretch.clone();
    lead.from.byte = stretch.from.byte.saturating_sub(LEAD_BYTES);
    lead.to = stretch.from;
    lead
}

/// Filters what was read. A piece that was cut out begins with a whole line: what stands before may be half a sequence. One that
/// goes on where a viewer has everything may begin within a sequence that this viewer was not shown the beginning of: the filter
/// comes through what stands before, as it came for the viewer.
fn printed(stretch: &Stretch, lead: &[u8], raw: &[u8], is_cut: bool) -> Printed {
    let skipped = if is_cut { memchr::memchr(b'\n', raw).map_or(0, |it| it + 1) } else { 0 };
    let mut shown = Vec::with_capacity(raw.len());
    let mut filter = Filter::new(Key::new(""));
    let line = memchr::memchr(b'\n', lead).map_or(0, |it| it + 1);
    filter.feed(&lead[line..], &mut shown);
    shown.clear();
    filter.feed(&raw[skipped..], &mut shown);
    Printed { from: stretch.from, to: stretch.to, bytes: shown.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_begins_with_a_whole_line_and_has_no_queries() {
        let stretch = Stretch {
            session_id: String::new(),
            from: Offset::default(),
            to: Offset { byte: 9, ..Offset::default() },
            cols: 80,
            paged: None,
        };
        let raw = b"38;5m half\r\n\x1b[31mred\x1b[c\x1b[m\r\n";
        assert_eq!(&printed(&stretch, b"", raw, true).bytes[..], b"\x1b[31mred\x1b[m\r\n");
        // Whoever goes on within a sequence gets it whole: its beginning was held back.
        let lead = b"before\r\n\x1b[";
        assert!(printed(&stretch, lead, raw, false).bytes.starts_with(b"\x1b[38;5m half"));
        assert_eq!(&printed(&stretch, b"x\n\x1b]52;c;", b"eA==\x07y", false).bytes[..], b"y");
        assert_eq!(&printed(&stretch, b"x\n\x1b[", b"6ny", false).bytes[..], b"y");
    }
}
