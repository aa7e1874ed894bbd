//! How the network is at present, and what stands on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pair::Pair;

/// What a TCP carries at once where the path has the usual width.
const SEGMENT_BYTES: usize = 1_448;

/// What a sender waits at least, beyond the round trip, before it takes a segment for lost.
const RETRANSMIT: Duration = Duration::from_millis(200);

/// What a test may order.
#[derive(Debug, Default)]
pub(super) struct Ways {
    pub(super) latency: Duration,
    pub(super) loss: u32,
    pub(super) bandwidth: Option<u64>,
    pub(super) frozen: bool,
    pub(super) swallows: bool,
    ended: bool,
    // The same losses in every run of a test.
    dice: u32,
}

/// The network of one relay.
#[derive(Debug, Default)]
pub(super) struct Network {
    ways: Mutex<Ways>,
    changed: Condvar,
    standing: Mutex<Vec<Arc<Pair>>>,
    carried: AtomicU64,
}

impl Network {
    pub(super) fn change(&self, act: impl FnOnce(&mut Ways)) {
        act(&mut self.ways());
        self.changed.notify_all();
    }

    pub(super) fn end(&self) {
        self.change(|it| it.ended = true);
        self.break_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ways().ended
    }

    pub(super) fn break_all(&self) {
        self.pairs().iter().for_each(|it| it.cut());
        self.changed.notify_all();
    }

    pub(super) fn standing(&self) -> usize {
        self.pairs().len()
    }

    pub(super) fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, pair: &Arc<Pair>) {
        self.pairs().push(pair.clone());
        if self.has_ended() {
            pair.cut();
        }
    }

    pub(super) fn remove(&self, pair: &Arc<Pair>) {
        self.pairs().retain(|it| !Arc::ptr_eq(it, pair));
    }

    pub(super) fn note_carried(&self, bytes: usize) {
        self.carried.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns when bytes arrive that are sent now, on a line that is free from `free` on and delivers nothing before
    /// `last`; nothing if they never do. The first of the moments is when the line is free again.
    pub(super) fn arrival(&self, bytes: usize, free: Instant, last: Instant) -> Option<(Instant, Instant)> {
        let mut ways = self.ways();
        if ways.swallows {
            return None;
        }
        let on_the_line = ways.bandwidth.map_or(Duration::ZERO, |it| {
            Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / it)
        });
        let free = free.max(Instant::now()) + on_the_line;
        let again = (ways.latency * 2 + RETRANSMIT) * ways.lost(bytes.div_ceil(SEGMENT_BYTES));
        Some((free, (free + ways.latency + again).max(last)))
    }

    /// Waits until a moment has come and the network is not frozen; false if the pair is cut meanwhile.
    pub(super) fn wait(&self, due: Instant, pair: &Pair) -> bool {
        let mut ways = self.ways();
        loop {
            if pair.is_cut() || ways.ended {
                return false;
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() && !ways.frozen {
                return true;
            }
            let patience = if left.is_zero() { Duration::from_secs(1) } else { left };
            let waited = self.changed.wait_timeout(ways, patience);
            ways = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn ways(&self) -> MutexGuard<'_, Ways> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pairs(&self) -> MutexGuard<'_, Vec<Arc<Pair>>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ways {
    /// Draws how many of some segments are lost.
    fn lost(&mut self, segments: usize) -> u32 {
        let mut lost = 0;
        for _ in 0..segments {
            self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            lost += u32::from((self.dice >> 8) % 1_000 < self.loss);
        }
        lost
    }
}
