//! Patterns of file and host names, as ssh's own files write them.

/// Whether letters of both cases are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letters {
    /// `A` is not `a`: names of files.
    AsWritten,
    /// `A` is `a`: names of hosts.
    OfAnyCase,
}

/// Says whether a text fits: `*` is any text, `?` any one character, and there is no other magic. Linear but for one step
/// back.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], letters: Letters) -> bool {
    let is_same = |one: u8, other: u8| match letters {
        Letters::AsWritten => one == other,
        Letters::OfAnyCase => one.eq_ignore_ascii_case(&other),
    };
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&it) if it == b'?' || is_same(it, text[seen]) => (at, seen) = (at + 1, seen + 1),
            _ => {
                let Some((back, from)) = star else { return false };
                star = Some((back, from + 1));
                (at, seen) = (back + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|it| *it == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        for (pattern, text, expected) in [
            ("a*b*c", "aXbXXc", true),
            ("a*b*c", "aXbXX", false),
            ("?", "", false),
            ("**", "", true),
            ("", "x", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes(), Letters::AsWritten),
                expected,
                "{pattern}"
            );
        }
        assert!(matches(b"WEB*", b"web1", Letters::OfAnyCase));
        assert!(!matches(b"WEB*", b"web1", Letters::AsWritten));
    }
}
