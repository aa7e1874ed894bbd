//! The probe of one connection, kept: started when it is first wanted, and anew after it fell silent.

use std::future::Future;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::native::probe::{NoProbe, Probe};

/// So long after one was started or refused no other is tried, doubled each time …
const PAUSE_FIRST: Duration = Duration::from_secs(5);
/// … up to this. One that served for longer is forgiven.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Where the probe of a connection stands.
#[derive(Default)]
pub(super) struct Lookout(Mutex<State>);

struct State {
    probe: Option<Probe>,
    /// The host has nothing that a probe could look with.
    blind: bool,
    not_before: Option<Instant>,
    pause: Duration,
}

impl Lookout {
    /// Returns the probe if it answers, or what `start` brings if it is time for another.
    pub(super) async fn probe<Started>(&self, start: impl FnOnce() -> Started) -> Option<Probe>
    where
        Started: Future<Output = Result<Probe, NoProbe>>,
    {
        let mut state = self.0.lock().await;
        state.probe = state.probe.take().filter(Probe::answers);
        if state.probe.is_none() && state.is_time(Instant::now()) {
            let started = start().await;
            state.note(Instant::now(), started.as_ref().err());
            state.probe = started.ok();
        }
        state.probe.clone()
    }
}

impl State {
    fn is_time(&self, now: Instant) -> bool {
        !self.blind && self.not_before.is_none_or(|it| it <= now)
    }

    /// Notes that one was started, or why not.
    fn note(&mut self, now: Instant, why_not: Option<&NoProbe>) {
        if self.not_before.is_some_and(|it| it + PAUSE_MAX < now) {
            self.pause = PAUSE_FIRST;
        }
        (self.not_before, self.pause) = (Some(now + self.pause), (self.pause * 2).min(PAUSE_MAX));
        self.blind = why_not == Some(&NoProbe::Blind);
    }
}

impl Default for State {
    fn default() -> Self {
        Self { probe: None, blind: false, not_before: None, pause: PAUSE_FIRST }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_start_is_tried_again_after_a_pause_that_grows_and_what_cannot_never() {
        let (mut state, begin) = (State::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        for (seconds, pause) in [(0, 5), (5, 10), (15, 20), (40, 40)] {
            assert!(state.is_time(at(seconds)));
            state.note(at(seconds), Some(&NoProbe::Silent));
            assert!(!state.is_time(at(seconds + pause - 1)), "{pause}");
            assert!(state.is_time(at(seconds + pause)), "{pause}");
        }
        // One that served for long, and then fell silent.
        state.note(at(1_000), None);
        assert!(state.is_time(at(1_005)));
        state.note(at(1_005), Some(&NoProbe::Blind));
        assert!(!state.is_time(at(1_000_000)));
    }
}
