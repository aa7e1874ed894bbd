//! A person's unsent line is put aside for an agent's command and put back after it, where that can be done for
//! certain.
//!
//! Certain means: every key of it was a plain character and stands on the screen right behind the prompt, nobody has
//! typed for the time that the person allowed, and after as many Backspaces the cursor stands where the prompt ended.
//! What cannot be put back at once, for something was typed ahead, waits for the next empty line.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Effect, Session};
use crate::gate::Draft;

/// A longer line is no draft to be typed again.
const DRAFT_BYTES_MAX: usize = 200;
/// A shell that has not taken the line back by then is left alone.
const TAKEN_BACK: Duration = Duration::from_secs(1);

/// What became of a draft.
#[derive(Clone, Debug, Default)]
pub(super) enum Parking {
    /// There is none.
    #[default]
    None,
    /// Its characters are being taken back.
    Begun { draft: Draft, until: Instant },
    /// It is kept here.
    Parked { draft: Draft },
    /// It was typed again, and is about to be shown.
    Back { until: Instant },
}

impl Session {
    /// Allows drafts to be put aside after so much quiet; never without it.
    pub fn set_park_after(&mut self, quiet: Option<Duration>) {
        self.park_after = quiet;
    }

    /// Begins to put the unsent line aside, if it may and can be; says whether that is under way.
    pub fn park_draft(&mut self, now: Instant) -> bool {
        if let Parking::Begun { until, .. } = &self.parking {
            return now < *until;
        }
        let Some(draft) = self.draft_to_park(now).cloned() else {
            return matches!(&self.parking, Parking::Back { until } if now < *until);
        };
        let backspaces = vec![0x7f; draft.text().map_or(0, str::len)];
        self.parking = Parking::Begun { draft, until: now + TAKEN_BACK };
        self.write(Bytes::from(backspaces), false);
        true
    }

    /// Returns whose line is put aside, while it is.
    #[must_use]
    pub fn parked(&self) -> Option<&Draft> {
        match &self.parking {
            Parking::Parked { draft } => Some(draft),
            Parking::None | Parking::Begun { .. } | Parking::Back { .. } => None,
        }
    }

    fn draft_to_park(&self, now: Instant) -> Option<&Draft> {
        let (quiet, draft) = (self.park_after?, self.gate.draft()?);
        let text = draft.text().filter(|text| (1..=DRAFT_BYTES_MAX).contains(&text.len()))?;
        let is_quiet = now.saturating_duration_since(draft.last) >= quiet;
        let is_free = matches!(self.parking, Parking::None | Parking::Back { .. })
            && self.run.is_none()
            && !self.typed_ahead;
        let (begins, ends) = (self.prompt_cursor, self.screen.cursor());
        let stands = usize::from(begins.0) + text.len() == usize::from(ends.0) && begins.1 == ends.1;
        let is_shown = stands && self.screen.line_at_cursor().ends_with(text);
        (is_quiet && is_free && self.is_at_prompt() && self.doubt.is_none() && is_shown).then_some(draft)
    }

    /// Notes that something was printed: the line may be empty now.
    pub(super) fn follow_parking(&mut self) {
        if let Parking::Begun { draft, .. } = &self.parking
            && self.is_at_prompt()
            && self.screen.cursor() == self.prompt_cursor
        {
            self.parking = Parking::Parked { draft: draft.clone() };
            self.gate.begin_line(false);
            self.line.begin(self.prompt_cursor.0);
            self.effects.push_back(Effect::Changed);
        }
    }

    /// Types a parked draft again where its line is empty: at a prompt with nothing typed ahead, when nobody waits for
    /// that prompt any more, or before the next key.
    pub fn put_draft_back(&mut self, now: Instant) {
        if !matches!(self.parking, Parking::Parked { .. })
            || !self.is_at_prompt()
            || self.run.is_some()
            || self.typed_ahead
            || self.gate.draft().is_some()
        {
            return;
        }
        if let Parking::Parked { draft } = std::mem::take(&mut self.parking)
            && let Some(text) = draft.text()
        {
            self.write(Bytes::copy_from_slice(text.as_bytes()), false);
            self.parking = Parking::Back { until: now + TAKEN_BACK };
            self.gate.restore_draft(draft);
            self.effects.push_back(Effect::Changed);
        }
    }

    /// The shell has ended at whose prompt a line was put aside: nobody can put it back.
    pub(super) fn lose_draft(&mut self, parking: &Parking) {
        if let Parking::Parked { draft } = parking {
            self.effects.push_back(Effect::DraftGone(draft.who.label.clone()));
        }
    }

    /// Somebody types at the prompt: what is being taken back, or was, is typed again first.
    pub(super) fn put_draft_back_before_keys(&mut self, now: Instant) {
        if let Parking::Begun { draft, .. } = &self.parking {
            self.parking = Parking::Parked { draft: draft.clone() };
            self.gate.begin_line(false);
        }
        self.put_draft_back(now);
    }
}
