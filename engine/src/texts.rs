//! The text of what was printed: made when it is asked for, from the segments on disk.

use cotty_core::excerpt::{self, escaped_len};
use cotty_core::names::Offset;
use cotty_core::refusal::Refusal;
use cotty_core::text::{Lines, Sink};
use cotty_core::veil::Veil;
use cotty_host::holder::segments::SegmentReader;
use cotty_host::state_dir::StateDir;
use memchr::memmem;

use crate::report::{Excerpt, Part, Stretch};

/// What is read and rendered at once.
const READ_BYTES: usize = 256 * 1024;
/// What a place begins with where the output of an isolated command is kept, instead of a session's.
pub(crate) const ISOLATED: &str = "isolated-";
/// What stands for the session's key in a text: a model must not learn to forge marks.
const MASK: &str = "<key>";

/// Returns the reader of a session's segments.
pub(crate) fn reader(state_dir: &StateDir, session_id: &str) -> SegmentReader {
    SegmentReader::open(state_dir.session(session_id))
}

/// Returns the name of the file that keeps a session's screen, relative to the state directory.
pub(crate) fn snapshot_name(id: &str) -> String {
    format!("sessions/{id}/screen")
}

/// What stands for a hidden stretch: the line on which our own was typed is wiped, as it was for viewers.
const WIPE: &[u8] = b"\r\x1b[J";

/// Reads a stretch without what is hidden; returns how many of its bytes are no longer there.
pub(crate) fn read_shown(
    state_dir: &StateDir,
    stretch: &Stretch,
    hidden: &[(u64, u64)],
    mut take: impl FnMut(&[u8]),
) -> Result<u64, Refusal> {
    let (mut at, mut gone) = (stretch.from.byte, 0);
    let piece = |from: u64, to: u64| Stretch {
        from: Offset { byte: from, ..stretch.from },
        to: Offset { byte: to, ..stretch.to },
        ..stretch.clone()
    };
    for &(from, to) in hidden.iter().filter(|(from, to)| *to > stretch.from.byte && *from < stretch.to.byte) {
        gone += read(state_dir, &piece(at, from.max(at)), &mut take)?;
        take(WIPE);
        at = at.max(to).min(stretch.to.byte);
    }
    Ok(gone + read(state_dir, &piece(at, stretch.to.byte), &mut take)?)
}

/// Reads the last bytes of a stretch; less where they are gone.
pub(crate) fn read_tail(state_dir: &StateDir, stretch: &Stretch, bytes_max: usize) -> Vec<u8> {
    let from = stretch.from.byte.max(stretch.to.byte.saturating_sub(bytes_max as u64));
    let mut tail = Vec::new();
    let stretch = Stretch { from: Offset { byte: from, ..stretch.from }, ..stretch.clone() };
    // What cannot be read is not matched; whoever asks for the text is told why.
    drop(read(state_dir, &stretch, &mut |bytes| tail.extend_from_slice(bytes)));
    tail
}

/// Reads a stretch in pieces; returns how many of its bytes are no longer there.
fn read(state_dir: &StateDir, stretch: &Stretch, take: &mut impl FnMut(&[u8])) -> Result<u64, Refusal> {
    let reader = reader(state_dir, &stretch.session_id);
    let (mut at, mut gone) = (stretch.from, 0);
    while at.byte < stretch.to.byte {
        let left = usize::try_from(stretch.to.byte - at.byte).unwrap_or(READ_BYTES);
        let piece = reader.read(at, left.min(READ_BYTES));
        let (from, mut bytes) = piece.map_err(|error| Refusal::Storage { why: error.to_string() })?;
        if from.epoch != at.epoch || from.byte >= stretch.to.byte || bytes.is_empty() {
            gone += stretch.to.byte - at.byte;
            break;
        }
        gone += from.byte - at.byte;
        bytes.truncate(usize::try_from(stretch.to.byte - from.byte).unwrap_or(usize::MAX));
        take(&bytes);
        at.byte = from.byte + bytes.len() as u64;
    }
    Ok(gone)
}

/// Makes text of a stretch, but for what is hidden, with the session's keys masked. Blocking: it reads the disk and renders up to the quota.
pub(crate) fn excerpt(
    state_dir: &StateDir,
    masks: &Masks,
    stretch: &Stretch,
    hidden: &[(u64, u64)],
    part: &Part,
) -> Result<Excerpt, Refusal> {
    let mut chosen = Masked { chosen: Chosen::new(part), masks };
    let gone_bytes = if part.raw {
        let mut escaped = Escaped::default();
        let gone = read_shown(state_dir, stretch, hidden, |bytes| escaped.feed(bytes, &mut chosen))?;
        escaped.finish(&mut chosen);
        gone
    } else {
        let mut lines = Lines::new(stretch.cols).of_a_pager(stretch.paged);
        // No terminal has made two of each line's end.
        let bare = stretch.session_id.starts_with(ISOLATED);
        let gone = read_shown(state_dir, stretch, hidden, |bytes| match bare {
            true => lines.feed(&with_returns(bytes), &mut chosen),
            false => lines.feed(bytes, &mut chosen),
        })?;
        lines.finish(&mut chosen);
        gone
    };
    Ok(Excerpt { gone_bytes, ..chosen.chosen.finish() })
}

fn with_returns(bytes: &[u8]) -> Vec<u8> {
    let mut ended = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (line, end): (&[u8], &[u8]) =
            line.strip_suffix(b"\n").map_or((line, b""), |line| (line, b"\r\n"));
        ended.extend_from_slice(line);
        ended.extend_from_slice(end);
    }
    ended
}

/// Returns a name from the world (a path, a program) as one harmless line for our own texts.
pub(crate) fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 256;
    let harmless = |it: char| if it.is_control() || is_invisible(it) { '?' } else { it };
    let mut line: String = text.chars().take(CHARS_MAX).map(harmless).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        line.push('…');
    }
    line
}

fn is_invisible(it: char) -> bool {
    matches!(it, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// What a text does not show.
#[derive(Clone, Debug, Default)]
pub(crate) struct Masks {
    /// What the session's shells sign with.
    pub(crate) key: Option<String>,
    /// Who the host is, where that is hidden.
    pub(crate) veil: Option<Veil>,
}

/// Masks that in lines before they are chosen from.
struct Masked<'a> {
    chosen: Chosen<'a>,
    masks: &'a Masks,
}

impl Sink for Masked<'_> {
    fn line(&mut self, line: &str) {
        let veiled = self.masks.veil.as_ref().map(|it| it.all_in(line));
        let line = veiled.as_deref().unwrap_or(line);
        match self.masks.key.as_deref().filter(|key| line.contains(key)) {
            Some(key) => self.chosen.take(&masked(line, key)),
            None => self.chosen.take(line),
        }
    }

    fn plain_lines(&mut self, lines: &str) {
        let has_no = |key: &String| memmem::find(lines.as_bytes(), key.as_bytes()).is_none();
        let is_clean = self.masks.veil.is_none() && self.masks.key.as_ref().is_none_or(has_no);
        match &mut self.chosen.whole {
            Some(whole) if is_clean => whole.plain_lines(lines),
            _ => lines.split_terminator("\r\n").for_each(|line| self.line(line)),
        }
    }
}

/// Masks every key that begins like this, to its end.
fn masked(line: &str, family: &str) -> String {
    let mut parts = line.split(family);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(MASK);
        out.push_str(part.trim_start_matches(|it: char| it.is_ascii_hexdigit()));
    }
    out
}

/// The lines that a caller wants, within its budget.
struct Chosen<'a> {
    part: &'a Part,
    whole: Option<excerpt::Excerpt>,
    lines: u64,
    used: usize,
    kept: std::collections::VecDeque<(u64, String)>,
    missed: Option<(u64, u64)>,
}

impl<'a> Chosen<'a> {
    fn new(part: &'a Part) -> Self {
        let is_whole =
            part.from_line.is_none() && part.pattern.is_none() && !part.tail && part.lines.is_none();
        let whole = is_whole.then(|| excerpt::Excerpt::new(part.budget));
        Self { part, whole, lines: 0, used: 0, kept: std::collections::VecDeque::new(), missed: None }
    }

    fn take(&mut self, text: &str) {
        self.lines += 1;
        if let Some(whole) = &mut self.whole {
            return whole.line(text);
        }
        let number = self.lines;
        let first = self.part.from_line.unwrap_or(1);
        let matches = self.part.pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
        if number < first || !matches {
            return;
        }
        if self.part.tail {
            return self.keep_last(number, text);
        }
        let enough = self.part.lines.is_some_and(|lines| self.kept.len() as u64 >= lines);
        let cost = escaped_len(text) + 2;
        if enough || (self.used + cost > self.part.budget && !self.kept.is_empty()) {
            let (_, count) = self.missed.get_or_insert((number, 0));
            *count += 1;
            return;
        }
        self.keep(number, text);
    }

    fn keep_last(&mut self, number: u64, text: &str) {
        self.keep(number, text);
        let lines_max = self.part.lines.unwrap_or(u64::MAX);
        while self.kept.len() > 1 && (self.kept.len() as u64 > lines_max || self.used > self.part.budget) {
            if let Some((number, gone)) = self.kept.pop_front() {
                self.used -= escaped_len(&gone) + 2;
                let first = self.missed.map_or(number, |(first, _)| first);
                self.missed = Some((first, number + 1 - first));
            }
        }
    }

    /// Keeps a line; one that is longer than the whole budget keeps its beginning.
    fn keep(&mut self, number: u64, text: &str) {
        let text = if escaped_len(text) > self.part.budget {
            text.chars().take(self.part.budget / 2).chain("…".chars()).collect()
        } else {
            text.to_owned()
        };
        self.used += escaped_len(&text) + 2;
        self.kept.push_back((number, text));
    }

    fn finish(self) -> Excerpt {
        if let Some(whole) = self.whole {
            let cut = whole.finish();
            let hidden = cut.hidden.map(|hidden| (hidden.from_line, hidden.lines));
            let (head, tail, lines) = (cut.head, cut.tail, cut.lines);
            return Excerpt { head, hidden, tail, lines, ..Excerpt::default() };
        }
        let (numbers, lines): (Vec<u64>, Vec<String>) = self.kept.into_iter().unzip();
        let (head, tail) = if self.part.tail { (Vec::new(), lines) } else { (lines, Vec::new()) };
        let numbers = if self.part.pattern.is_some() { numbers } else { Vec::new() };
        Excerpt { head, hidden: self.missed, tail, lines: self.lines, numbers, gone_bytes: 0 }
    }
}

/// Raw bytes as text: what is not printable ASCII or UTF-8 is escaped.
#[derive(Default)]
struct Escaped {
    line: Vec<u8>,
}

impl Escaped {
    /// A line without an end is given in pieces of this length.
    const LINE_BYTES_MAX: usize = 64 * 1024;

    fn feed(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        for &byte in bytes {
            if byte == b'\n' || self.line.len() == Self::LINE_BYTES_MAX {
                self.give(sink);
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
    }

    fn finish(mut self, sink: &mut dyn Sink) {
        if !self.line.is_empty() {
            self.give(sink);
        }
    }

    fn give(&mut self, sink: &mut dyn Sink) {
        let mut text = String::with_capacity(self.line.len());
        for chunk in self.line.utf8_chunks() {
            for it in chunk.valid().chars() {
                match it {
                    '\t' => text.push(it),
                    it if it.is_ascii_control() => text.push_str(&format!("\\x{:02x}", it as u32)),
                    it if it.is_control() || is_invisible(it) => {
                        text.push_str(&format!("\\u{{{:x}}}", it as u32))
                    }
                    it => text.push(it),
                }
            }
            chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
        }
        self.line.clear();
        sink.line(&text);
    }
}
