//! Measuring in pairs: floor and ours in turn, so that what else the machine does meets both.

/// Pairs that count; one more is measured before them and thrown away.
pub const PAIRS_MIN: usize = 9;

/// The floor's quartiles may lie this far apart, in parts of its median, before a row is called noisy.
const NOISE_MAX: f64 = 0.25;

/// What was measured, pair by pair, in seconds or bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    floor: Vec<f64>,
    ours: Vec<f64>,
}

/// The median and what lies a quarter of the way from either end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quartiles {
    /// A quarter of all lies below.
    pub low: f64,
    /// Half of all lies below.
    pub median: f64,
    /// A quarter of all lies above.
    pub high: f64,
}

impl Pairs {
    /// Measures `count` pairs, [`PAIRS_MIN`] at least, after one that is thrown away.
    pub fn measure(count: usize, mut floor: impl FnMut() -> f64, mut ours: impl FnMut() -> f64) -> Self {
        floor();
        ours();
        let mut pairs = Self { floor: Vec::new(), ours: Vec::new() };
        for _ in 0..count.max(PAIRS_MIN) {
            pairs.floor.push(floor());
            pairs.ours.push(ours());
        }
        pairs
    }

    /// Measures `count` times, once at least, what has no floor: bytes that another program would not hold at all.
    pub fn without_floor(count: usize, ours: impl FnMut() -> f64) -> Self {
        Self { floor: Vec::new(), ours: std::iter::repeat_with(ours).take(count.max(1)).collect() }
    }

    /// The floor's own figures.
    #[must_use]
    pub fn floor(&self) -> Option<Quartiles> {
        Quartiles::of(self.floor.clone())
    }

    /// Our own figures.
    ///
    /// # Panics
    /// Never: there is at least one.
    #[must_use]
    pub fn ours(&self) -> Quartiles {
        Quartiles::of(self.ours.clone()).expect("measured once at least")
    }

    /// Ours in parts of the floor of the same pair.
    #[must_use]
    pub fn ratio(&self) -> Option<Quartiles> {
        Quartiles::of(self.floor.iter().zip(&self.ours).map(|(floor, ours)| ours / floor).collect())
    }

    /// Ours less the floor of the same pair.
    #[must_use]
    pub fn difference(&self) -> Option<Quartiles> {
        Quartiles::of(self.floor.iter().zip(&self.ours).map(|(floor, ours)| ours - floor).collect())
    }

    /// The floor itself, or ours where there is none, was so unsteady that the figures say little.
    #[must_use]
    pub fn is_noisy(&self) -> bool {
        let steady = self.floor().unwrap_or_else(|| self.ours());
        steady.high - steady.low > NOISE_MAX * steady.median.abs()
    }
}

impl Quartiles {
    /// The quartiles of the figures, between neighbours in proportion; nothing of nothing.
    fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "a handful of figures")]
        let last = figures.len().checked_sub(1)? as f64;
        let at = |part: f64| {
            let place = part * last;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            figures[below] + (figures[above] - figures[below]) * place.fract()
        };
        Some(Self { low: at(0.25), median: at(0.5), high: at(0.75) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pair_does_not_count_and_sides_take_turns() {
        let turns = std::cell::RefCell::new(String::new());
        let mut cold = 100.0;
        let side = |letter: char| turns.borrow_mut().push(letter);
        let pairs = Pairs::measure(
            0,
            || {
                side('f');
                std::mem::replace(&mut cold, 2.0)
            },
            || {
                side('o');
                3.0
            },
        );
        assert_eq!(*turns.borrow(), "fo".repeat(PAIRS_MIN + 1));
        assert_eq!(pairs.ratio(), Some(Quartiles { low: 1.5, median: 1.5, high: 1.5 }));
        assert_eq!(pairs.difference(), Some(Quartiles { low: 1.0, median: 1.0, high: 1.0 }));
        assert!(!pairs.is_noisy());
    }

    #[test]
    fn an_unsteady_floor_is_told() {
        let pairs = Pairs { floor: vec![1.0, 1.0, 1.2, 1.4, 1.4], ours: vec![1.0; 5] };
        assert!(pairs.is_noisy());
        assert_eq!(pairs.floor(), Some(Quartiles { low: 1.0, median: 1.2, high: 1.4 }));
    }

    #[test]
    fn what_has_no_floor_is_judged_by_its_own_spread() {
        let mut figures = [10.0, 10.0, 11.0].into_iter().cycle();
        let pairs = Pairs::without_floor(3, || figures.next().unwrap());
        assert_eq!((pairs.floor(), pairs.ratio(), pairs.difference()), (None, None, None));
        assert_eq!(pairs.ours().median, 10.0);
        assert!(!pairs.is_noisy());
    }
}
