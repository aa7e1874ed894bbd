//! What ssh says of a host, word by word.

/// Words with their values, in the order in which `ssh -G` prints them: a word in lower case and its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said(pub(super) Vec<(String, String)>);

impl Said {
    pub(super) fn first(&self, word: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == word).map(|(_, value)| value.as_str())
    }

    pub(super) fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(it, _)| it == word).map(|(_, value)| value.as_str())
    }

    /// The value, where it is more than the word for nothing.
    pub(super) fn set(&self, word: &str) -> Option<&str> {
        self.first(word).filter(|it| *it != "none")
    }

    pub(super) fn number(&self, word: &str) -> Option<u64> {
        self.first(word).and_then(|it| it.parse().ok())
    }

    pub(super) fn is_on(&self, word: &str) -> bool {
        matches!(self.first(word), Some("yes" | "true"))
    }
}
