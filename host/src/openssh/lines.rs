//! Lines of ssh's configuration as ssh takes them apart: the word, its arguments, quotes and comments.

/// A line: its word in lower case, the rest as it is written, and that taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) word: String,
    pub(super) rest: String,
    pub(super) arguments: Vec<String>,
}

/// A quote is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unclosed;

/// Takes a line apart; nothing where it says nothing.
pub(super) fn line(text: &str) -> Result<Option<Line>, Unclosed> {
    let text = text.trim_matches([' ', '\t', '\r', '\n', '\u{c}']);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let end = text.find([' ', '\t', '=', '"']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let rest = rest.trim_start_matches([' ', '\t']);
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start_matches([' ', '\t']);
    let word = word.to_lowercase();
    Ok(Some(Line { word, rest: rest.to_owned(), arguments: arguments(rest)? }))
}

/// Splits arguments at blanks that no quote keeps together; a comment begins where an argument would.
pub(super) fn arguments(text: &str) -> Result<Vec<String>, Unclosed> {
    let (mut found, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let escapes = |it: &char| ['\'', '"', '\\'].contains(it) || (quote.is_none() && *it == ' ');
        match letter {
            '#' if word.is_none() => break,
            ' ' | '\t' if quote.is_none() => found.extend(word.take()),
            '\\' if next.as_ref().is_some_and(escapes) => {
                word.get_or_insert_default().extend(letters.next());
            }
            '"' | '\'' if quote.is_none() => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            letter if quote == Some(letter) => quote = None,
            letter => word.get_or_insert_default().push(letter),
        }
    }
    found.extend(word);
    if quote.is_some() { Err(Unclosed) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_as_ssh_does() {
        for (text, word, arguments) in [
            ("Host a b", "host", &["a", "b"][..]),
            ("\tHostName=10.0.0.1 # a comment", "hostname", &["10.0.0.1"]),
            ("User = \"a b\"", "user", &["a b"]),
            ("IdentityFile '~/a b'/c", "identityfile", &["~/a b/c"]),
            ("Match host a\\ b exec \"x \\\"y\\\"\"", "match", &["host", "a b", "exec", "x \"y\""]),
            ("Host a#b", "host", &["a#b"]),
            ("Port", "port", &[]),
        ] {
            let read = line(text).unwrap().unwrap();
            assert_eq!(
                (read.word.as_str(), &read.arguments[..]),
                (word, &arguments.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
        assert_eq!(line(" # Host a"), Ok(None));
        assert_eq!(line("Host \"a"), Err(Unclosed));
        assert_eq!(line("ProxyCommand a  'b' # c").unwrap().unwrap().rest, "a  'b' # c");
    }
}
