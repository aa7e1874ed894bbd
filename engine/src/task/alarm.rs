//! The one timer of a session's task.

use std::pin::Pin;
use std::time::Instant;

use tokio::time::Sleep;

/// Tells when a deadline has passed.
///
/// A session's deadlines move with every command, nearly always to later ones. The timer is left as it was set then and
/// looks again when it rings too early: to set one anew costs the runtime a wake-up of its own.
#[derive(Default)]
pub(super) struct Alarm {
    set: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Alarm {
    /// Waits until a deadline has passed; for ever where there is none.
    pub(super) async fn passed(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return std::future::pending().await };
        loop {
            self.set_before(deadline);
            let Some((rings, sleep)) = &mut self.set else { return };
            sleep.as_mut().await;
            let passed = *rings >= deadline;
            self.set = None;
            if passed {
                return;
            }
        }
    }

    fn set_before(&mut self, deadline: Instant) {
        match &mut self.set {
            Some((rings, _)) if *rings <= deadline => {}
            Some((rings, sleep)) => {
                *rings = deadline;
                sleep.as_mut().reset(deadline.into());
            }
            None => self.set = Some((deadline, Box::pin(tokio::time::sleep_until(deadline.into())))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_deadline_whether_that_moved_to_later_or_to_sooner() {
        let start = tokio::time::Instant::now();
        let at = |seconds| Some((start + Duration::from_secs(seconds)).into_std());
        let mut alarm = Alarm::default();
        for (first, then) in [(10, 30), (60, 40), (50, 50)] {
            tokio::select! {
                biased;
                () = alarm.passed(at(first)) => unreachable!("nothing has passed yet"),
                () = std::future::ready(()) => {}
            }
            alarm.passed(at(then)).await;
            assert_eq!(start.elapsed(), Duration::from_secs(then));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_deadline_it_never_rings_though_it_was_set() {
        let mut alarm = Alarm::default();
        let soon = (tokio::time::Instant::now() + Duration::from_secs(1)).into_std();
        let waited = tokio::time::timeout(Duration::ZERO, alarm.passed(Some(soon))).await;
        assert!(waited.is_err());
        assert!(tokio::time::timeout(Duration::from_secs(100), alarm.passed(None)).await.is_err());
    }
}
