//! How a row looks when it was measured.

use cotty_testkit::pairs::{Pairs, Quartiles};

use crate::rows::{Promise, Row, Unit};

/// What stands above the rows.
pub const HEAD: &str = "\
| row | command | floor | ours (quartiles) | ours to floor (quartiles) | promised | |
|---|---|---|---|---|---|---|";

/// One line of the table.
pub fn line(row: &Row, pairs: &Pairs) -> String {
    let unit = row.unit;
    let floor = pairs.floor().map_or_else(|| "–".to_owned(), |floor| unit.say(floor.median));
    let beside = match row.promise {
        Promise::Difference(_) => pairs.difference().map(|it| spread(it, |figure| unit.say_more(figure))),
        _ => pairs.ratio().map(|it| spread(it, |figure| format!("{figure:.2}"))),
    };
    let kept = match (row.promise.figure(pairs), row.promise.most()) {
        (Some(figure), Some(most)) if figure <= most => "kept",
        (Some(_), Some(_)) => "**missed**",
        _ => "",
    };
    format!(
        "| `{}` | `{}` | {floor} | {} | {} | {} | {kept}{} |",
        row.name,
        row.command,
        spread(pairs.ours(), |figure| unit.say(figure)),
        beside.unwrap_or_else(|| "–".to_owned()),
        row.promise.say(unit),
        if pairs.is_noisy() { " *noisy*" } else { "" },
    )
}

/// A median and its quartiles.
fn spread(of: Quartiles, say: impl Fn(f64) -> String) -> String {
    format!("{} ({} – {})", say(of.median), say(of.low), say(of.high))
}

impl Promise {
    /// What is promised about, as it was measured.
    fn figure(self, pairs: &Pairs) -> Option<f64> {
        match self {
            Self::Nothing => None,
            Self::Ratio(_) => pairs.ratio().map(|it| it.median),
            Self::Difference(_) => pairs.difference().map(|it| it.median),
            Self::Figure(_) => Some(pairs.ours().median),
        }
    }

    /// What it may be at most.
    fn most(self) -> Option<f64> {
        match self {
            Self::Nothing => None,
            Self::Ratio(most) | Self::Difference(most) | Self::Figure(most) => Some(most),
        }
    }

    /// The promise in words.
    fn say(self, unit: Unit) -> String {
        match self {
            Self::Nothing => "–".to_owned(),
            Self::Ratio(most) => format!("≤ {most} × floor"),
            Self::Difference(most) => format!("≤ floor + {}", unit.say(most)),
            Self::Figure(most) => format!("≤ {}", unit.say(most)),
        }
    }
}

impl Unit {
    /// A figure as people read it.
    fn say(self, figure: f64) -> String {
        match self {
            Self::Seconds if figure.abs() < 1e-3 => format!("{:.0} µs", figure * 1e6),
            Self::Seconds => format!("{:.2} ms", figure * 1e3),
            Self::Bytes => format!("{:.2} MiB", figure / f64::from(1 << 20)),
            Self::Characters => format!("{figure:.0} characters"),
            Self::Tokens => format!("{figure:.0} tokens"),
        }
    }

    /// A difference, with its sign.
    fn say_more(self, figure: f64) -> String {
        format!("{}{}", if figure < 0.0 { "" } else { "+" }, self.say(figure))
    }
}
