//! What a list is narrowed by: words that have to be in it, each anywhere or in one field (`state:lost tag:eu`).

/// What of a row a word may be looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Its name.
    Name,
    /// The device, host or account that it is on.
    Device,
    /// How it stands.
    State,
    /// A tag or the group of its device.
    Tag,
    /// Words for people.
    Label,
}

impl Field {
    const ALL: [(&str, Self); 5] = [
        ("name", Self::Name),
        ("device", Self::Device),
        ("state", Self::State),
        ("tag", Self::Tag),
        ("label", Self::Label),
    ];
}

/// Words that all have to be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sieve(Vec<(Option<Field>, String)>);

impl Sieve {
    /// Reads the words of a filter. What stands before a colon and is no field belongs to the word.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let word = |word: &str| {
            let field = |(name, rest): (&str, &str)| {
                let (_, field) = Field::ALL.into_iter().find(|(it, _)| it.eq_ignore_ascii_case(name))?;
                Some((Some(field), rest.to_lowercase()))
            };
            word.split_once(':').and_then(field).unwrap_or_else(|| (None, word.to_lowercase()))
        };
        Self(text.split_whitespace().map(word).collect())
    }

    /// Says whether a row of these facts is meant.
    #[must_use]
    pub fn admits(&self, facts: &[(Field, &str)]) -> bool {
        self.0.iter().all(|(wanted, word)| {
            let looked_at = |it: &&(Field, &str)| wanted.is_none_or(|wanted| it.0 == wanted);
            facts.iter().filter(looked_at).any(|(_, text)| text.to_lowercase().contains(word.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_anywhere_or_in_its_field() {
        let row = [
            (Field::Name, "build"),
            (Field::Device, "me@10.0.0.5:22"),
            (Field::State, "lost: the daemon ended"),
            (Field::Tag, "EU"),
            (Field::Label, "already nightly"),
        ];
        for filter in
            ["", "BUILD", "10.0.0.5:22", "state:lost", "tag:eu name:build", "nightly lost", "already"]
        {
            assert!(Sieve::of(filter).admits(&row), "{filter}");
        }
        for filter in
            ["state:ready", "tag:build", "name:eu", "build closed", "label:lost", "device:me@10.0.0.6"]
        {
            assert!(!Sieve::of(filter).admits(&row), "{filter}");
        }
    }
}
