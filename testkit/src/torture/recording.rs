//! A run kept for another program to judge: the evidence as `cotty why --json` gives it, and the bytes it speaks of.

use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::seat::Seat;
use crate::home::Home;

/// Writes `HANDLE.json` into a folder.
pub fn record(home: &Home, seat: &Seat, handle: &str, folder: &Path) {
    let output = home.run(&["why", handle, "--json"]);
    let why: Value = serde_json::from_slice(&output.stdout).expect("evidence of a command that has ended");
    let places = places(&why);
    // The first step is that it was typed; the last mark is what proves its end.
    let typed = why["evidence"][0]["at"].as_str().and_then(place).expect("where it was typed");
    let end = places.into_iter().filter(|it| it.0 == typed.0).map(|it| it.1).max().unwrap_or(typed.1);
    let mut raw = seat.printed_from(typed.0, typed.1);
    raw.truncate(usize::try_from(end.saturating_sub(typed.1)).unwrap_or(usize::MAX));
    let from = format!("{}:{}", typed.0, typed.1);
    let recording = json!({"why": why, "raw": BASE64.encode(&raw), "from": from});
    fs::write(folder.join(format!("{handle}.json")), recording.to_string()).expect("a recording");
}

/// All places in the output that the evidence names.
fn places(why: &Value) -> Vec<(u64, u64)> {
    let steps = why["evidence"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = steps.iter().flat_map(|step| [&step["at"], &step["details"]["from"], &step["details"]["to"]]);
    named.chain([&why["run"]["from"], &why["run"]["to"]]).filter_map(|it| place(it.as_str()?)).collect()
}

/// Reads `EPOCH:BYTE`.
fn place(text: &str) -> Option<(u64, u64)> {
    let (epoch, byte) = text.split_once(':')?;
    Some((epoch.parse().ok()?, byte.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_epoch_and_a_byte() {
        assert_eq!(place("2:17"), Some((2, 17)));
        assert_eq!(place("17"), None);
    }
}
