//! A person's unsent line is put aside for an agent's command and put back after it, where that can be done for
//! certain.
//!
//! Certain means: every key of it was a plain character and stands on the screen right behind the prompt, and after as many
//! Backspaces the cursor stands where the prompt ended. It is done for an agent that waits, when nobody has typed for the
//! time that the person allowed; or as soon as its person says so, and then it comes back after the next command.
//! What cannot be put back at once, for something was typed ahead, waits for the next empty line.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Effect, Session};
use crate::gate::Draft;
use crate::names::Principal;
use crate::refusal::Refusal;

/// A longer line is no draft to be typed again.
const DRAFT_BYTES_MAX: usize = 200;
/// A shell that has not taken the line back by then is left alone.
const TAKEN_BACK: Duration = Duration::from_secs(1);

/// When a line that was put aside is typed again, once its place is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// As soon as nobody waits for the prompt.
    WhenFree,
    /// After a command: its person has made room for one that is still to come.
    AfterACommand,
    /// At once, whoever waits: its person wants it back.
    AtOnce,
}

/// What became of a draft.
#[derive(Clone, Debug, Default)]
pub(super) enum Parking {
    /// There is none.
    #[default]
    None,
    /// Its characters are being taken back.
    Begun { draft: Draft, until: Instant, due: Due },
    /// It is kept here.
    Parked { draft: Draft, due: Due },
    /// It was typed again, and is about to be shown.
    Back { until: Instant },
}

impl Parking {
    /// Another moment is due for what is put aside.
    fn is_due(&mut self, wanted: Due) {
        if let Self::Begun { due, .. } | Self::Parked { due, .. } = self {
            *due = wanted;
        }
    }
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
        let quiet = self.park_after;
        let is_quiet =
            |it: &Draft| quiet.is_some_and(|quiet| now.saturating_duration_since(it.last) >= quiet);
        if !self.gate.draft().is_some_and(is_quiet) || !self.may_park() {
            return matches!(&self.parking, Parking::Back { until } if now < *until);
        }
        self.begin_parking(now, Due::WhenFree);
        true
    }

    /// Puts a person's unsent line aside since they say so, for a command that is still to come.
    ///
    /// # Errors
    ///
    /// Says that it is not theirs, or cannot be put aside for certain.
    pub fn put_aside(&mut self, now: Instant, who: &Principal) -> Result<(), Refusal> {
        if !self.gate.draft().is_some_and(|it| it.who == *who) {
            return Err(refused("there is none of yours"));
        }
        if !self.may_park() {
            return Err(refused("it cannot be put aside for certain; end it, or take it back"));
        }
        self.begin_parking(now, Due::AfterACommand);
        Ok(())
    }

    /// A person wants their line back as soon as there is a place for it.
    ///
    /// # Errors
    ///
    /// Says that no line of theirs is put aside.
    pub fn want_back(&mut self, now: Instant, who: &Principal) -> Result<(), Refusal> {
        if !self.parked().is_some_and(|it| it.who == *who) {
            return Err(refused("none of yours is put aside"));
        }
        self.parking.is_due(Due::AtOnce);
        self.put_draft_back(now);
        Ok(())
    }

    /// Returns whether a line is wanted back whoever waits for the prompt.
    #[must_use]
    pub fn is_draft_wanted(&self) -> bool {
        matches!(self.parking, Parking::Parked { due: Due::AtOnce, .. })
    }

    /// Notes that an agent was refused for the unsent line.
    pub fn note_awaited(&mut self, who: &Principal) {
        if self.gate.note_awaited(who) {
            self.effects.push_back(Effect::DraftChanged);
        }
    }

    /// Returns whose line is put aside, while it is.
    #[must_use]
    pub fn parked(&self) -> Option<&Draft> {
        match &self.parking {
            Parking::Parked { draft, .. } => Some(draft),
            Parking::None | Parking::Begun { .. } | Parking::Back { .. } => None,
        }
    }

    /// Returns whether the line can be put aside for certain.
    fn may_park(&self) -> bool {
        let Some(text) = self.gate.draft().and_then(Draft::text) else { return false };
        let is_free = matches!(self.parking, Parking::None | Parking::Back { .. })
            && self.run.is_none()
            && !self.typed_ahead;
        let (begins, ends) = (self.prompt_cursor, self.screen.cursor());
        let stands = usize::from(begins.0) + text.len() == usize::from(ends.0) && begins.1 == ends.1;
        let is_shown = stands && self.screen.line_at_cursor().ends_with(text);
        let has_length = (1..=DRAFT_BYTES_MAX).contains(&text.len());
        has_length && is_free && self.is_at_prompt() && self.doubt.is_none() && is_shown
    }

    fn begin_parking(&mut self, now: Instant, due: Due) {
        let Some(draft) = self.gate.draft().cloned() else { return };
        let backspaces = vec![0x7f; draft.text().map_or(0, str::len)];
        self.parking = Parking::Begun { draft, until: now + TAKEN_BACK, due };
        self.write(Bytes::from(backspaces), false);
    }

    /// A command begins: whose line has made room for it, and comes back after it.
    pub(super) fn stand_aside(&mut self) -> Option<String> {
        self.parking.is_due(Due::WhenFree);
        self.parked().map(|draft| draft.who.label.clone())
    }

    /// Notes that something was printed: the line may be empty now.
    pub(super) fn follow_parking(&mut self) {
        if let Parking::Begun { draft, due, .. } = &self.parking
            && self.is_at_prompt()
            && self.screen.cursor() == self.prompt_cursor
        {
            self.parking = Parking::Parked { draft: draft.clone(), due: *due };
            self.gate.begin_line(false);
            self.line.begin(self.prompt_cursor.0);
            self.effects.push_back(Effect::Changed);
        }
    }

    /// Types a parked draft again where its line is empty: at a prompt with nothing typed ahead, when nobody waits for
    /// that prompt any more and no command is still to come, or before the next key.
    pub fn put_draft_back(&mut self, now: Instant) {
        if !matches!(self.parking, Parking::Parked { due: Due::AfterACommand, .. }) {
            self.type_draft_again(now);
        }
    }

    fn type_draft_again(&mut self, now: Instant) {
        if !matches!(self.parking, Parking::Parked { .. })
            || !self.is_at_prompt()
            || self.run.is_some()
            || self.typed_ahead
            || self.gate.draft().is_some()
        {
            return;
        }
        if let Parking::Parked { mut draft, due } = std::mem::take(&mut self.parking)
            && let Some(text) = draft.text()
        {
            self.write(Bytes::copy_from_slice(text.as_bytes()), false);
            self.parking = Parking::Back { until: now + TAKEN_BACK };
            if due == Due::AtOnce {
                // Their quiet begins anew, or it would be put aside again for whoever waits.
                draft.last = now;
            }
            draft.awaited_by = None;
            self.gate.restore_draft(draft);
            self.effects.push_back(Effect::Changed);
        }
    }

    /// The shell has ended at whose prompt a line was put aside: nobody can put it back.
    pub(super) fn lose_draft(&mut self, parking: &Parking) {
        if let Parking::Parked { draft, .. } = parking {
            self.effects.push_back(Effect::DraftGone(draft.who.label.clone()));
        }
    }

    /// Somebody types at the prompt: what is being taken back, or was, is typed again first.
    pub(super) fn put_draft_back_before_keys(&mut self, now: Instant) {
        if let Parking::Begun { draft, due, .. } = &self.parking {
            self.parking = Parking::Parked { draft: draft.clone(), due: *due };
            self.gate.begin_line(false);
        }
        self.type_draft_again(now);
    }
}

fn refused(why: &str) -> Refusal {
    Refusal::InvalidArgument { what: "the unsent line", why: why.to_owned() }
}
