//! Characters, numbers and names as they stand in a reply.

use std::time::Duration;

/// Returns whether a character may not stand in any text: it moves, hides or reorders what is around it.
#[must_use]
pub fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns a line of output without what may not stand in it; a tab stays a tab.
#[must_use]
pub fn clean(line: &str) -> String {
    line.chars().filter(|it| *it == '\t' || !is_unseen(*it)).collect()
}

/// Returns a text of several lines without what may not stand in it.
#[must_use]
pub fn clean_lines(text: &str) -> String {
    text.chars().filter(|it| matches!(it, '\t' | '\n') || !is_unseen(*it)).collect()
}

/// Returns one line of our own words: what may not stand in it is written out, and its length has an end.
#[must_use]
pub fn line(text: &str, chars_max: usize) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_unseen(letter) {
            line.extend(letter.escape_unicode());
        } else {
            line.push(letter);
        }
    }
    cut(&line, chars_max)
}

/// Returns a name or a path that a program may have chosen, so that it cannot pass for our words.
///
/// What is plain stays as it is; all else is quoted and escaped, and the middle of a long one is left out.
#[must_use]
pub fn name(text: &str) -> String {
    const CHARS_MAX: usize = 160;
    let count = text.chars().count();
    let short = if count > CHARS_MAX {
        let head: String = text.chars().take(CHARS_MAX / 2).collect();
        let tail: String = text.chars().skip(count - CHARS_MAX / 2).collect();
        format!("{head}…{tail}")
    } else {
        text.to_owned()
    };
    let plain = |it: char| it.is_ascii_alphanumeric() || "/._-+@:,=%~#…".contains(it);
    if !short.is_empty() && short.chars().all(plain) {
        return short;
    }
    let mut quoted = String::from("\"");
    for letter in short.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if is_unseen(letter) => quoted.extend(letter.escape_unicode()),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns how a caller calls itself. It is no program's output, and may hold blanks.
#[must_use]
pub fn label(text: &str) -> String {
    line(text, 80)
}

/// Returns how many characters a text has as JSON writes it.
#[must_use]
pub fn escaped_len(text: &str) -> usize {
    text.chars().map(escaped_char_len).sum()
}

fn escaped_char_len(letter: char) -> usize {
    match letter {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\u{0}'..='\u{1f}' => 6,
        _ => 1,
    }
}

/// Returns as much of a text as fits, with a mark where it was cut.
#[must_use]
pub fn cut(text: &str, chars_max: usize) -> String {
    if escaped_len(text) <= chars_max {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut length = 1;
    for letter in text.chars() {
        length += escaped_char_len(letter);
        if length > chars_max {
            break;
        }
        kept.push(letter);
    }
    kept.push('…');
    kept
}

/// Returns a length of time in the words of a head line: `5 ms`, `1.3 s`, `20 s`, `2 min 5 s`, `3 h 2 min`.
#[must_use]
pub fn time(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0 => format!("{} ms", length.as_millis()),
        1..60 => {
            let tenths = length.subsec_millis() / 100;
            if tenths == 0 { format!("{seconds} s") } else { format!("{seconds}.{tenths} s") }
        }
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Returns a count and its noun: `1 line`, `3 lines`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Returns a signal's name.
#[must_use]
pub fn signal(number: i32) -> String {
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return format!("signal {number}"),
    };
    name.to_owned()
}

/// Returns six hexadecimal digits that nobody could know before.
#[must_use]
pub fn random_word() -> String {
    let mut bytes = [0_u8; 3];
    if getrandom::fill(&mut bytes).is_err() {
        // Without the system's dice the clock's lowest digits are what a program can guess least.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        bytes.copy_from_slice(&now.subsec_nanos().to_le_bytes()[..3]);
    }
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
