//! Rust source as text for the textual rules: comments, literals and tests blanked out, lines kept.

/// One source file, blanked out in two degrees. All three texts have the same length and lines.
#[derive(Debug, Clone)]
pub struct Source {
    /// Without comments, without what stands in string and character literals, without tests.
    pub code: String,
    /// Without comments and tests, literals kept.
    pub spoken: String,
    /// Modules that are declared for tests only: `#[cfg(test)] mod laws;`.
    pub test_modules: Vec<String>,
}

impl Source {
    /// Reads a file's text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let (mut code, mut spoken) = blank_out(text);
        let mut test_modules = Vec::new();
        for (start, end) in test_items(&code) {
            test_modules.extend(declared_module(&code[start..end]));
            for text in [&mut code, &mut spoken] {
                let blank = blanks(&text[start..end]);
                text.replace_range(start..end, &blank);
            }
        }
        Self { code, spoken, test_modules }
    }
}

/// As many bytes of nothing, with the line ends where they were.
fn blanks(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// What the reader stands in.
enum Piece {
    Comment,
    Literal,
}

/// Returns the text without comments and literals, and the text without comments.
fn blank_out(text: &str) -> (String, String) {
    let (mut code, mut spoken) = (String::with_capacity(text.len()), String::with_capacity(text.len()));
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let after_word =
            text[..at].bytes().next_back().is_some_and(|it| it.is_ascii_alphanumeric() || it == b'_');
        let Some((piece, length)) = piece_at(rest, after_word) else {
            let letter = rest.chars().next().map_or(1, char::len_utf8);
            code.push_str(&rest[..letter]);
            spoken.push_str(&rest[..letter]);
            at += letter;
            continue;
        };
        let taken = &rest[..length];
        code.push_str(&blanks(taken));
        spoken.push_str(&if matches!(piece, Piece::Comment) { blanks(taken) } else { taken.to_owned() });
        at += length;
    }
    (code, spoken)
}

/// The comment or literal that begins here, and its length in bytes.
fn piece_at(rest: &str, after_word: bool) -> Option<(Piece, usize)> {
    if rest.starts_with("//") {
        return Some((Piece::Comment, rest.find('\n').unwrap_or(rest.len())));
    }
    if rest.starts_with("/*") {
        return Some((Piece::Comment, block_comment(rest)));
    }
    let unprefixed = if after_word { rest } else { rest.trim_start_matches(['b', 'c']) };
    let prefix = rest.len() - unprefixed.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = unprefixed.strip_prefix('r').filter(|_| !after_word) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = raw[hashes + 1..].find(&end).map_or(raw.len(), |it| hashes + 1 + it + end.len());
            return Some((Piece::Literal, prefix + 1 + body));
        }
        return None;
    }
    match unprefixed.chars().next()? {
        '"' => Some((Piece::Literal, prefix + quoted(unprefixed, '"'))),
        '\'' if is_letter_literal(unprefixed) => Some((Piece::Literal, prefix + quoted(unprefixed, '\''))),
        _ => None,
    }
}

/// The length of a block comment, which may hold others.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a literal up to its closing quote.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// A quote that opens a character and no lifetime.
fn is_letter_literal(rest: &str) -> bool {
    let mut letters = rest.chars().skip(1);
    match letters.next() {
        Some('\\') => true,
        Some(_) => letters.next() == Some('\''),
        None => false,
    }
}

/// Where the items under `#[cfg(test)]` begin and end.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find("#[cfg(test)]").map(|it| from + it) {
        let end = item_end(code, at + "#[cfg(test)]".len());
        found.push((at, end));
        from = end;
    }
    found
}

/// The end of the item that begins at `from`: its semicolon, or the brace that closes it.
fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0usize;
    for (at, letter) in code[from..].char_indices() {
        match letter {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && letter == '}' {
                    return from + at + 1;
                }
            }
            ';' if depth == 0 => return from + at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The name in `mod NAME;`, where the item is one.
fn declared_module(item: &str) -> Option<String> {
    let words: Vec<&str> = item.trim_end_matches(';').split_whitespace().collect();
    let at = words.iter().position(|word| *word == "mod")?;
    (item.ends_with(';') && at + 2 == words.len()).then(|| words[at + 1].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = "a // x { \nb /* y /* z */ { */ c \"{ \\\" }\" d 'x' '\\'' e r#\"\"}\"# b\"}\" 'static f";
        let code = Source::of(text).code;
        assert_eq!(code.len(), text.len());
        let words: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(words, ["a", "b", "c", "d", "e", "'static", "f"]);
    }

    #[test]
    fn literals_stay_where_they_are_spoken() {
        let source = Source::of("match it { \"bash\" => 1 } // \"zsh\"");
        assert!(source.spoken.contains("\"bash\" => 1"));
        assert!(!source.spoken.contains("zsh"));
    }

    #[test]
    fn tests_are_no_code() {
        let text = "fn a() {}\n#[cfg(test)]\nmod laws;\n#[cfg(test)]\nmod tests {\n    fn b() { c(); }\n}\nfn d() {}\n";
        let source = Source::of(text);
        assert_eq!(
            source.code.split_whitespace().collect::<Vec<_>>(),
            ["fn", "a()", "{}", "fn", "d()", "{}"]
        );
        assert_eq!(source.test_modules, ["laws"]);
        assert_eq!(source.code.lines().count(), text.lines().count());
    }
}
