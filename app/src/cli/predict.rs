//! What of the keys just typed may be shown before its echo has come. Pure: facts in, at most one stretch behind the cursor out.
//!
//! The rules are the page's (`web/viewer/src/predict.ts`): nothing before the shell's signed prompt stands there and a key of this
//! very line was seen in its cell, and nothing of all that after a key that may send the line. How far the echo is tells the echo
//! itself here: over SSH the daemon is near, and the shell is not.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So long after somebody else has typed nothing is shown.
const OTHERS: Duration = Duration::from_secs(1);
/// A key whose echo has not come by then was no text.
const WAIT: Duration = Duration::from_secs(2);
/// Where the echo comes this soon, nothing is gained.
const NEAR: Duration = Duration::from_millis(30);
/// More keys than these are not followed at once.
const KEYS_MAX: usize = 256;
/// Where the width of what stands in the row is another terminal's to say, so much of its end is left alone.
const MARGIN: usize = 16;

/// The row of the cursor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight<'a> {
    /// Column and row of the cursor.
    pub(crate) cursor: (usize, usize),
    /// What stands in the row, one character a cell.
    pub(crate) cells: &'a [char],
    /// From here on nothing stands in it.
    pub(crate) free_from: usize,
}

impl Sight<'_> {
    /// Returns where keys of the line may stand at most: the last column is where lines are wrapped.
    fn end(&self) -> usize {
        let margin = if self.cells.iter().all(char::is_ascii) { 1 } else { MARGIN };
        self.cells.len().saturating_sub(margin)
    }

    /// Returns whether what stands before the cursor ends with these.
    fn ends_with(&self, keys: &[Key]) -> bool {
        let from = self.cursor.0.checked_sub(keys.len());
        from.and_then(|from| self.cells.get(from..self.cursor.0))
            .is_some_and(|cells| cells.iter().zip(keys).all(|(cell, key)| *cell == key.char))
    }
}

#[derive(Clone, Copy, Debug)]
struct Key {
    char: char,
    typed_at: Instant,
}

/// Follows what is typed.
#[derive(Debug, Default)]
pub(crate) struct Predictor {
    /// Those whose place is known, and the place of the first: column and row.
    placed: VecDeque<Key>,
    from: (usize, usize),
    /// Typed while it was not known where they would stand.
    unplaced: Vec<Key>,
    /// The shell's prompt stands there, and nothing that was sent since may have left it.
    at_prompt: bool,
    /// A key of this line was seen in its cell.
    confirmed: bool,
    /// Something was sent whose echo may still come, nobody knows where.
    unknown: bool,
    last_seq: u64,
    last_typed: Option<Instant>,
    /// What may send the line; only what the daemon says after it counts.
    sent_line: u64,
    applied: u64,
    others: Option<Instant>,
    round: Option<Duration>,
}

impl Predictor {
    /// Keys were sent, with the cursor where it is seen.
    pub(crate) fn typed(&mut self, seq: u64, keys: &[u8], sight: &Sight<'_>, now: Instant) {
        let is_quiet = self.is_quiet(now);
        (self.last_seq, self.last_typed) = (seq, Some(now));
        if !keys.iter().all(|it| (b' '..=b'~').contains(it)) {
            self.forget();
            if !stays_within(keys) {
                (self.sent_line, self.at_prompt) = (seq, false);
            }
            return;
        }
        if !self.at_prompt {
            return self.forget();
        }
        let keys = keys.iter().map(|it| Key { char: char::from(*it), typed_at: now });
        if self.placed.is_empty() && !is_quiet {
            self.unplaced.extend(keys);
        } else {
            if self.placed.is_empty() {
                (self.from, self.unknown) = (sight.cursor, false);
                self.unplaced.clear();
            }
            self.placed.extend(keys);
        }
        let is_beyond = !self.placed.is_empty() && self.from.0 + self.placed.len() > sight.end();
        if is_beyond || sight.cursor.0 < sight.free_from || self.placed.len() + self.unplaced.len() > KEYS_MAX
        {
            self.forget();
        }
    }

    /// Returns whether nothing is on its way whose echo could still move the cursor.
    fn is_quiet(&self, now: Instant) -> bool {
        let pause = self.round.map_or(OTHERS, |it| it * 3).max(NEAR * 3);
        let rested = self.last_typed.is_none_or(|it| now.saturating_duration_since(it) > pause);
        !self.unknown || (rested && self.applied >= self.last_seq)
    }

    /// Keys up to this number were applied; it is known that they did not show.
    pub(crate) fn applied(&mut self, seq: u64, shows: bool) {
        self.applied = self.applied.max(seq);
        if !shows {
            self.forget();
        }
    }

    /// The daemon says how the session stands. Of what it said before the last line was sent nothing holds.
    pub(crate) fn stands(&mut self, at_prompt: bool) {
        if !at_prompt {
            self.forget();
            self.at_prompt = false;
        } else if !self.at_prompt && self.applied >= self.sent_line {
            self.at_prompt = true;
            // The prompt came before this word, and before that the echo of the line; what was typed since is still to come.
            self.unknown = self.last_seq > self.sent_line;
        }
    }

    /// Somebody else has typed.
    pub(crate) fn wrote(&mut self, now: Instant) {
        self.others = Some(now);
        self.forget();
    }

    /// Something was printed: looks which keys stand in their cells.
    pub(crate) fn printed(&mut self, sight: &Sight<'_>, now: Instant) {
        if !self.unplaced.is_empty() {
            self.find(sight);
        }
        while let Some(key) = self.placed.front().copied() {
            let (col, row) = self.from;
            let is_here = sight.cursor.1 == row;
            if is_here && sight.cursor.0 > col && sight.cells.get(col) == Some(&key.char) {
                self.placed.pop_front();
                (self.from.0, self.confirmed) = (col + 1, true);
                let took = now.saturating_duration_since(key.typed_at);
                self.round = Some(self.round.map_or(took, |it| (it * 3 + took) / 4));
                continue;
            }
            if !is_here || sight.cursor.0 != col || sight.cursor.0 < sight.free_from {
                self.forget();
            }
            return;
        }
    }

    /// What was typed first stands before the cursor: where it can be told how much of it that is, the rest stands behind it.
    fn find(&mut self, sight: &Sight<'_>) {
        let mut fitting = (1..=self.unplaced.len()).filter(|it| sight.ends_with(&self.unplaced[..*it]));
        let (Some(count), None) = (fitting.next(), fitting.next()) else { return };
        self.placed = self.unplaced.drain(..).skip(count).collect();
        (self.from, self.unknown) = (sight.cursor, false);
        if self.from.0 + self.placed.len() > sight.end() {
            self.forget();
        }
    }

    /// The terminal has another size: nobody knows where anything stands.
    pub(crate) fn drop_place(&mut self) {
        self.forget();
    }

    /// A connection begins, of which these numbers are the past.
    pub(crate) fn begin(&mut self, seq: u64) {
        self.forget();
        (self.at_prompt, self.sent_line) = (false, seq);
        (self.applied, self.last_seq, self.last_typed) = (seq, seq, None);
    }

    /// Returns what is shown behind the cursor at this moment.
    pub(crate) fn shown(&mut self, now: Instant) -> Option<String> {
        let first = self.placed.front()?;
        let is_near = self.round.is_none_or(|it| it < NEAR);
        let is_ours = self.others.is_none_or(|it| now.saturating_duration_since(it) >= OTHERS);
        if now.saturating_duration_since(first.typed_at) > WAIT {
            self.forget();
            return None;
        }
        let may = self.confirmed && self.at_prompt && !is_near && is_ours;
        may.then(|| self.placed.iter().map(|it| it.char).collect())
    }

    /// Returns when what is shown now is shown no longer.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.placed.front().map(|it| it.typed_at + WAIT + NEAR)
    }

    fn forget(&mut self) {
        self.placed.clear();
        self.unplaced.clear();
        (self.confirmed, self.unknown) = (false, true);
    }
}

/// Keys that move or take back within the line, and cannot send it.
fn stays_within(keys: &[u8]) -> bool {
    match keys {
        [byte] => matches!(byte, 0x7f | 0x08 | 0x01 | 0x05 | 0x02 | 0x06 | 0x0b | 0x15 | 0x17),
        [0x1b, b'[' | b'O', last] => matches!(last, b'C' | b'D' | b'H' | b'F'),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
