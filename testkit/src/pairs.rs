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

    /// The floor's own figures.
    #[must_use]
    pub fn floor(&self) -> Quartiles {
        Quartiles::of(self.floor.clone())
    }

    /// Our own figures.
    #[must_use]
    pub fn ours(&self) -> Quartiles {
        Quartiles::of(self.ours.clone())
    }

    /// Ours in parts of the floor of the same pair.
    #[must_use]
    pub fn ratio(&self) -> Quartiles {
        Quartiles::of(self.floor.iter().zip(&self.ours).map(|(floor, ours)| ours / floor).collect())
    }

    /// The floor itself was so unsteady that the ratios say little.
    #[must_use]
    pub fn is_noisy(&self) -> bool {
        let floor = self.floor();
        floor.high - floor.low > NOISE_MAX * floor.median
    }
}

impl Quartiles {
    /// The quartiles of at least one figure, between neighbours in proportion.
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "a handful of figures")]
        let last = (figures.len() - 1) as f64;
        let at = |part: f64| {
            let place = part * last;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            figures[below] + (figures[above] - figures[below]) * place.fract()
        };
        Self { low: at(0.25), median: at(0.5), high: at(0.75) }
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
        assert_eq!(pairs.ratio(), Quartiles { low: 1.5, median: 1.5, high: 1.5 });
        assert!(!pairs.is_noisy());
    }

    #[test]
    fn an_unsteady_floor_is_told() {
        let pairs = Pairs { floor: vec![1.0, 1.0, 1.2, 1.4, 1.4], ours: vec![1.0; 5] };
        assert!(pairs.is_noisy());
        assert_eq!(pairs.floor(), Quartiles { low: 1.0, median: 1.2, high: 1.4 });
    }
}
