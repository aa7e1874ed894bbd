//! Recordings of runs, for the verifier (`verifier/verify.py`, which says what they are): raw bytes and evidence.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::home::Home;
use crate::wait::until;

/// What a D mark begins with.
const DONE: &[u8] = b"\x1b]133;D;";

/// The output of one shell of a session, as it lies in the segments.
struct Output {
    /// The offset of its first byte.
    first: u64,
    bytes: Vec<u8>,
}

/// Records a run of this home: what `cotty why` says of it, the raw bytes from where it was typed to the end of the
/// session's output, and the key of the shell that it was typed into. Waits until the session is at rest.
///
/// # Panics
/// Panics where there is no such run, or where its output is no longer kept.
#[must_use]
pub fn record(home: &Home, run: &str) -> Value {
    until("the session is at rest", || {
        let before = why(home, run);
        let typed = &before["evidence"][0]["details"];
        let (epoch, at) = typed_at(&before["evidence"][0]);
        let pid = typed["pid"].as_str().unwrap_or_default();
        let serial: u64 =
            typed["awaited"].as_str().and_then(|it| it.parse().ok()).expect("the awaited serial");
        let (output, key) = outputs(home, epoch)
            .into_iter()
            .find_map(|it| key_at(&it, at, pid, serial.saturating_sub(1)).map(|key| (it, key)))
            .unwrap_or_else(|| panic!("no output of {run} is kept: {before}"));
        let after = why(home, run);
        let same = before["evidence"] == after["evidence"] && before["run"]["state"] == after["run"]["state"];
        let raw = &output.bytes[usize::try_from(at - output.first).expect("it is in memory")..];
        same.then(|| json!({"why": before, "raw": encode(raw), "from": format!("{epoch}:{at}"), "key": key}))
    })
}

/// Writes the recording of a run into a folder, and returns its file.
///
/// # Panics
/// As [`record`], and where the file cannot be written.
pub fn write(home: &Home, run: &str, folder: &Path) -> PathBuf {
    let name = home.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = folder.join(format!("{name}-{run}.json"));
    fs::write(&file, record(home, run).to_string()).expect("the recording");
    file
}

/// Has the verifier judge recordings; returns whether it agrees with all of them, and what it said, a line each.
///
/// # Panics
/// Panics where there is no Python.
#[must_use]
pub fn verify(files: &[PathBuf]) -> (bool, String) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("verifier/verify.py");
    let output = Command::new("python3").arg(program).args(files).output().expect("python3");
    let said = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    (output.status.success(), said.concat())
}

fn why(home: &Home, run: &str) -> Value {
    let output = home.run(&["why", run, "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Where a run was typed: its first step tells, that of a person's by where its output begins.
fn typed_at(step: &Value) -> (u32, u64) {
    let number = |it: &str| it.parse().unwrap_or_else(|_| panic!("no place in {step}"));
    let said = |name: &str| step["details"][name].as_str();
    let (epoch, _) = step["at"].as_str().and_then(|it| it.split_once(':')).expect("a place");
    let byte = said("typed-at").or(said("begins"));
    let byte = byte.or_else(|| Some(said("from")?.split_once(':')?.1)).expect("a place");
    (epoch.parse().expect("an epoch"), number(byte))
}

/// The output of every session of this home.
fn outputs(home: &Home, epoch: u32) -> Vec<Output> {
    let sessions = fs::read_dir(home.state().join("sessions")).into_iter().flatten().flatten();
    sessions.filter_map(|session| output(&session.path(), epoch)).collect()
}

/// Joins the segments of one, which are named by epoch and offset.
fn output(session: &Path, epoch: u32) -> Option<Output> {
    let files = fs::read_dir(session).ok()?.flatten().map(|it| it.path());
    let begins = format!("{epoch:08x}-");
    let name = |path: &Path| path.file_name()?.to_str().map(str::to_owned);
    let is_its =
        |path: &PathBuf| name(path).is_some_and(|it| it.starts_with(&begins) && it.ends_with(".out"));
    let mut files: Vec<PathBuf> = files.filter(is_its).collect();
    files.sort();
    let first = name(files.first()?)?;
    let first = u64::from_str_radix(first.strip_prefix(&begins)?.strip_suffix(".out")?, 16).ok()?;
    Some(Output { first, bytes: files.iter().flat_map(|it| fs::read(it).unwrap_or_default()).collect() })
}

/// Returns the key with which this process signed the last end before a place, if that had this serial.
fn key_at(output: &Output, at: u64, pid: &str, serial: u64) -> Option<String> {
    let before = output.bytes.get(..usize::try_from(at.checked_sub(output.first)?).ok()?)?;
    let ends = before.windows(DONE.len()).enumerate().rev().filter(|(_, it)| *it == DONE);
    let signed = ends.filter_map(|(place, _)| {
        let mark = &before[place + DONE.len()..];
        let end = mark.iter().position(|it| it.is_ascii_control())?;
        let mark = std::str::from_utf8(&mark[..end]).ok()?;
        let field = |name: &str| mark.split(';').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        (field("p") == Some(pid)).then(|| (field("c").map(str::to_owned), field("k").map(str::to_owned)))
    });
    let (number, key) = { signed }.next()?;
    (number? == serial.to_string()).then_some(key?)
}

/// The bytes in base64.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let joined =
            (0..3).fold(0_usize, |all, place| all << 8 | usize::from(*three.get(place).unwrap_or(&0)));
        for place in 0..4 {
            let letter = char::from(LETTERS[joined >> (18 - 6 * place) & 63]);
            text.push(if place <= three.len() { letter } else { '=' });
        }
    }
    text
}

/// What stands in base64.
///
/// # Panics
/// Panics where it is none.
#[must_use]
pub fn decode(text: &str) -> Vec<u8> {
    let value = |letter: u8| LETTERS.iter().position(|it| *it == letter).expect("a letter of base64");
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let joined = (0..4).fold(0_usize, |all, place| all << 6 | four.get(place).map_or(0, |it| value(*it)));
        bytes.extend((1..four.len()).map(|place| (joined >> (24 - 8 * place) & 0xff) as u8));
    }
    bytes
}

/// The letters of base64, in their order.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_others_read() {
        for (bytes, text) in [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("\u{1b}]1", "G10x")]
        {
            assert_eq!((encode(bytes.as_bytes()).as_str(), decode(text)), (text, bytes.as_bytes().to_vec()));
        }
    }
}
