//! How long a file and a function may be: lines of code, without blanks, comments and tests.

use std::fs;

use crate::source::Source;
use crate::tree::{CRATES, from_root, root, rust_files};

/// Lines of code of a file. Wanted are 400.
const FILE_LINES_MAX: usize = 500;

/// Lines of code in the body of a function. Wanted are 40.
const FUNCTION_LINES_MAX: usize = 70;

/// Lists the files and functions that are too long.
#[must_use]
pub fn too_long() -> Vec<String> {
    let files = CRATES.iter().flat_map(|name| rust_files(&root().join(name).join("src")));
    files
        .flat_map(|path| too_long_in(&from_root(&path), &fs::read_to_string(&path).unwrap_or_default()))
        .collect()
}

/// What is too long in one file.
fn too_long_in(name: &str, text: &str) -> Vec<String> {
    if name.ends_with("tests.rs") || name.contains("/tests/") {
        return Vec::new();
    }
    let source = Source::of(text);
    let lines = lines_of_code(&source.code, &source.spoken);
    let mut found = Vec::new();
    if lines > FILE_LINES_MAX {
        found.push(format!("{name}: {lines} lines of code, {FILE_LINES_MAX} at most"));
    }
    for (function, lines) in functions(&source) {
        if lines > FUNCTION_LINES_MAX {
            found.push(format!("{name}: fn {function} has {lines} lines, {FUNCTION_LINES_MAX} at most"));
        }
    }
    found
}

/// Counts the lines that say something. A line of a text literal does, so `spoken` is looked at.
fn lines_of_code(code: &str, spoken: &str) -> usize {
    code.lines()
        .zip(spoken.lines())
        .filter(|(code, spoken)| !(code.trim().is_empty() && spoken.trim().is_empty()))
        .count()
}

/// Every function with a body, and the lines of code between its braces.
fn functions(source: &Source) -> Vec<(String, usize)> {
    let code = &source.code;
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let starts_a_word =
            code[..at].bytes().next_back().is_none_or(|it| !it.is_ascii_alphanumeric() && it != b'_');
        let name: String =
            code[at + 3..].chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
        if !starts_a_word || name.is_empty() {
            continue;
        }
        if let Some((start, end)) = body(code, at) {
            found.push((name, lines_of_code(&code[start..end], &source.spoken[start..end])));
        }
    }
    found
}

/// What stands between the braces of the function that begins at `from`; none where it has no body.
fn body(code: &str, from: usize) -> Option<(usize, usize)> {
    let (mut depth, mut start, mut brackets) = (0usize, None, 0usize);
    for (at, letter) in code[from..].char_indices() {
        match letter {
            ';' if start.is_none() && brackets == 0 => return None,
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '{' => {
                depth += 1;
                start = start.or(Some(from + at + 1));
            }
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some((start?, from + at));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_comments_and_tests_do_not_count() {
        let text = "fn a() {\n    // why\n\n    b();\n    let it = \"x\n    y\";\n}\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n";
        let source = Source::of(text);
        assert_eq!(lines_of_code(&source.code, &source.spoken), 5);
        assert_eq!(functions(&source), [("a".to_owned(), 3)]);
    }

    #[test]
    fn a_signature_without_a_body_has_no_length() {
        let source = Source::of("trait A { fn b(it: [u8; 2]); fn c() -> u8 { 1 } }");
        assert_eq!(functions(&source), [("c".to_owned(), 1)]);
    }

    #[test]
    fn a_long_function_and_a_long_file_are_found() {
        let text = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(71));
        assert_eq!(too_long_in("a.rs", &text), ["a.rs: fn long has 71 lines, 70 at most"]);
        let text = "const A: u8 = 1;\n".repeat(501);
        assert_eq!(too_long_in("a.rs", &text), ["a.rs: 501 lines of code, 500 at most"]);
        assert!(too_long_in("a/tests.rs", &text).is_empty());
    }
}
