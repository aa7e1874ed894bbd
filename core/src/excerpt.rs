//! The head and the tail of a long output, as much as an answer has room for.

use std::collections::VecDeque;

use memchr::{memchr, memchr_iter, memrchr};

use crate::text::Sink;

/// Returns how many bytes a text takes within a JSON string, without the quotes.
pub fn escaped_len(text: &str) -> usize {
    // Every byte of a long output comes by here. So many of them add up within a byte, and are added many at once.
    const AT_ONCE: usize = 48;
    let added = |bytes: &[u8]| usize::from(bytes.iter().map(|&byte| escape_adds(byte)).sum::<u8>());
    text.len() + text.as_bytes().chunks(AT_ONCE).map(added).sum::<usize>()
}

/// JSON escapes the quote, the backslash and five controls by two bytes and other controls by six.
fn escape_adds(byte: u8) -> u8 {
    match byte {
        b'"' | b'\\' | 0x08 | b'\t' | b'\n' | 0x0c | b'\r' => 1,
        0x00..0x20 => 5,
        _ => 0,
    }
}

/// What is left of an output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// The first lines.
    pub head: Vec<String>,
    /// What stands between head and tail, if anything.
    pub hidden: Option<Hidden>,
    /// The last lines.
    pub tail: Vec<String>,
    /// How many lines there were.
    pub lines: u64,
}

/// Lines that are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The number of the first of them; lines are numbered from 1.
    pub from_line: u64,
    /// How many they are.
    pub lines: u64,
}

/// Collects lines and keeps head and tail of them within a budget. Its memory is bounded by the budget.
#[derive(Debug)]
pub struct Excerpt {
    /// What one side may take.
    side: usize,
    head: Vec<String>,
    head_room: Option<usize>,
    /// The last lines, a few more than fit: what each takes is measured at the end, for most are gone by then.
    last: VecDeque<String>,
    /// What they take at least: nothing gets shorter by being escaped.
    last_takes: usize,
    lines: u64,
}

/// What the line feed after a line takes: it is escaped too.
const LINE_FEED: usize = 2;

impl Excerpt {
    /// Begins with room for `budget` bytes, counted as JSON escapes them, line feeds included.
    pub fn new(budget: usize) -> Self {
        let side = budget / 2;
        Self {
            side,
            head: Vec::new(),
            head_room: Some(budget - side),
            last: VecDeque::new(),
            last_takes: 0,
            lines: 0,
        }
    }

    /// Returns where those lines begin that may be among the last ones, if that can be told without reading the others.
    fn start_of_last(&self, lines: &str) -> Option<usize> {
        let from = lines.len().checked_sub(self.side).filter(|_| self.head_room.is_none())?;
        // The line before has no room any more, unless it is so long that it is shortened.
        let start = memrchr(b'\n', &lines.as_bytes()[..from]).map_or(0, |it| it + 1);
        let end = memchr(b'\n', &lines.as_bytes()[from..]).map_or(lines.len(), |it| from + it + 1);
        (end - start <= self.side).then_some(start)
    }

    fn push_last(&mut self, line: &str) {
        let mut text = String::new();
        self.last_takes += line.len() + LINE_FEED;
        // The oldest goes where those after it leave no room for it.
        while let Some(oldest) = self.last.front().map(|it| it.len() + LINE_FEED)
            && self.last_takes > self.side
        {
            self.last_takes -= oldest;
            text = self.last.pop_front().unwrap_or_default(); // Its memory serves the next one.
        }
        text.clear();
        text.push_str(line);
        self.last.push_back(text);
    }

    /// Returns what is kept.
    pub fn finish(mut self) -> Cut {
        let tail = self.tail();
        let shown = (self.head.len() + tail.len()) as u64;
        let from_line = self.head.len() as u64 + 1;
        let hidden = (shown < self.lines).then(|| Hidden { from_line, lines: self.lines - shown });
        Cut { head: self.head, hidden, tail, lines: self.lines }
    }

    /// Returns as many of the last lines as there is room for.
    fn tail(&mut self) -> Vec<String> {
        let (mut tail, mut room) = (Vec::new(), self.side);
        while let Some(line) = self.last.pop_back() {
            let line = shorten(&line, self.side.saturating_sub(LINE_FEED));
            let cost = escaped_len(&line) + LINE_FEED;
            // Not even the note that a line is hidden may have room.
            if cost > room {
                break;
            }
            room -= cost;
            tail.push(line);
        }
        tail.reverse();
        tail
    }
}

impl Sink for Excerpt {
    fn line(&mut self, line: &str) {
        self.lines += 1;
        if let Some(room) = self.head_room {
            let cost = escaped_len(line) + LINE_FEED;
            if cost <= room {
                self.head.push(line.to_owned());
                self.head_room = Some(room - cost);
                return;
            }
            self.head_room = None;
        }
        if line.len() + LINE_FEED <= self.side {
            self.push_last(line);
        } else {
            self.push_last(&shorten(line, self.side.saturating_sub(LINE_FEED)));
        }
    }

    fn plain_lines(&mut self, lines: &str) {
        // Every byte of a long output comes by here.
        let start = self.start_of_last(lines).unwrap_or(0);
        let (passed, last) = lines.split_at(start);
        self.lines += memchr_iter(b'\n', passed.as_bytes()).count() as u64;
        last.split_terminator("\r\n").for_each(|line| self.line(line));
    }
}

/// Cuts a line in its middle so that it takes at most `room`, and says how much is hidden.
fn shorten(line: &str, room: usize) -> String {
    if escaped_len(line) <= room {
        return line.to_owned();
    }
    let characters = line.chars().count();
    // The note is longest when all is hidden.
    let note = format!("… {characters} characters hidden …");
    let side = room.saturating_sub(note.len()) / 2;
    let head = fitting(line.chars(), side);
    let tail = fitting(line.chars().rev(), side);
    let hidden = characters - head.chars().count() - tail.chars().count();
    let tail: String = tail.chars().rev().collect();
    format!("{head}… {hidden} characters hidden …{tail}")
}

fn fitting(characters: impl Iterator<Item = char>, mut room: usize) -> String {
    characters
        .take_while(|it| {
            let cost = escaped_len(it.encode_utf8(&mut [0; 4]));
            let fits = cost <= room;
            room = room.saturating_sub(cost);
            fits
        })
        .collect()
}
