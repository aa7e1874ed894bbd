//! Waiting for a fact.

use std::time::{Duration, Instant};

/// How long a fact may let itself be waited for. Far above what any of them needs on a loaded small
/// machine: who reaches it has found a defect, not a slow day.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How often a fact is looked at that cannot tell us when it changes.
const GLANCE: Duration = Duration::from_millis(5);

/// Returns what `look` finds, looking again until it does.
///
/// # Panics
/// Panics with `what` when [`DEADLINE`] passes first.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(DEADLINE, what, look)
}

/// Like [`until`], with a deadline of its own: for promises that name a time.
///
/// # Panics
/// Panics with `what` when `limit` passes first.
pub fn until_within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain until {what}");
        std::thread::sleep(GLANCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_comes_late_is_found() {
        let mut looks = 0;
        let found = until("the third look", || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, 3);
    }

    #[test]
    #[should_panic(expected = "until pigs fly")]
    fn a_fact_that_never_comes_is_named() {
        until_within(Duration::from_millis(20), "pigs fly", || None::<()>);
    }
}
