//! The head and the tail of a long output, as much as an answer has room for.

use std::collections::VecDeque;

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
    /// Each with what it takes.
    tail: VecDeque<(String, usize)>,
    tail_taken: usize,
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
            tail: VecDeque::new(),
            tail_taken: 0,
            lines: 0,
        }
    }

    /// Takes the next line.
    pub fn push(&mut self, line: &str) {
        self.lines += 1;
        let cost = escaped_len(line) + LINE_FEED;
        if let Some(room) = self.head_room {
            if cost <= room {
                self.head.push(line.to_owned());
                self.head_room = Some(room - cost);
                return;
            }
            self.head_room = None;
        }
        if cost <= self.side {
            self.push_tail(line, cost);
        } else {
            let line = shorten(line, self.side.saturating_sub(LINE_FEED));
            self.push_tail(&line, escaped_len(&line) + LINE_FEED);
        }
    }

    fn push_tail(&mut self, line: &str, cost: usize) {
        let mut text = String::new();
        while self.tail_taken + cost > self.side
            && let Some((oldest, taken)) = self.tail.pop_front()
        {
            self.tail_taken -= taken;
            text = oldest; // Its memory serves the next one.
        }
        // Not even the note that a line is hidden may have room.
        if self.tail_taken + cost <= self.side {
            text.clear();
            text.push_str(line);
            self.tail.push_back((text, cost));
            self.tail_taken += cost;
        }
    }

    /// Returns what is kept.
    pub fn finish(self) -> Cut {
        let shown = (self.head.len() + self.tail.len()) as u64;
        let from_line = self.head.len() as u64 + 1;
        let hidden = (shown < self.lines).then(|| Hidden { from_line, lines: self.lines - shown });
        Cut {
            head: self.head,
            hidden,
            tail: self.tail.into_iter().map(|(line, _)| line).collect(),
            lines: self.lines,
        }
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
