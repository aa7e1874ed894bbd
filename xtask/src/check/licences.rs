//! What we may build on: licences, where packages come from, and packages we do without.

use serde_json::Value;

/// Licences that ask for no more than we can give.
const LICENCES: [&str; 9] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
];

/// Packages that must not come in, not even through others, and why.
const BANNED: [(&str, &str); 4] = [
    ("openssl-sys", "ring is the one provider of cryptography"),
    ("native-tls", "ring is the one provider of cryptography"),
    ("aws-lc-sys", "ring is the one provider of cryptography"),
    ("aws-lc-rs", "ring is the one provider of cryptography"),
];

/// Lists what is wrong with the packages of the workspace and with those they stand on.
#[must_use]
pub fn broken(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    packages.iter().flat_map(broken_package).collect()
}

/// What is wrong with one package.
fn broken_package(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let mut found = Vec::new();
    match package["license"].as_str() {
        None => found.push(format!("{name} names no licence")),
        Some(licence) if !is_allowed(licence) => found.push(format!("{name}: {licence} is not on the list")),
        Some(_) => {}
    }
    // None is a package of the workspace itself.
    if let Some(source) = package["source"].as_str()
        && !(source.starts_with("registry+") && source.ends_with("/crates.io-index"))
    {
        found.push(format!("{name} comes from {source}, not from crates.io"));
    }
    if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| *banned == name) {
        found.push(format!("{name} is banned: {reason}"));
    }
    found
}

/// Whether an SPDX expression can be met with the licences of the list.
fn is_allowed(expression: &str) -> bool {
    // `MIT/Apache-2.0` is the way in which OR was written once.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words };
    reader.any() && reader.words.is_empty()
}

/// Reads an expression: OR binds weaker than AND.
struct Reader<'a> {
    words: &'a [&'a str],
}

impl<'a> Reader<'a> {
    fn any(&mut self) -> bool {
        let mut allowed = self.all();
        while self.take("OR") {
            allowed |= self.all();
        }
        allowed
    }

    fn all(&mut self) -> bool {
        let mut allowed = self.one();
        while self.take("AND") {
            allowed &= self.one();
        }
        allowed
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let allowed = self.any();
            return self.take(")") && allowed;
        }
        let Some(licence) = self.next() else { return false };
        if self.take("WITH") {
            let exception = self.next().unwrap_or_default();
            return LICENCES.contains(&format!("{licence} WITH {exception}").as_str());
        }
        LICENCES.contains(&licence)
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let here = self.words.first() == Some(&word);
        if here {
            self.words = &self.words[1..];
        }
        here
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions_are_read_as_they_bind() {
        for allowed in [
            "MIT",
            "MIT/Apache-2.0",
            "Unlicense OR MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "GPL-3.0 AND MIT OR ISC",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in
            ["GPL-3.0", "MIT AND GPL-3.0", "(MIT", "", "MIT AND (GPL-3.0 OR MPL-2.0)", "MIT Apache-2.0"]
        {
            assert!(!is_allowed(refused), "{refused}");
        }
    }

    #[test]
    fn strangers_are_named() {
        let metadata = json!({"packages": [
            {"name": "ours", "license": "Apache-2.0", "source": null},
            {"name": "good", "license": "MIT", "source": "registry+https://github.com/rust-lang/crates.io-index"},
            {"name": "forked", "license": "MIT", "source": "git+https://example.org/forked"},
            {"name": "openssl-sys", "license": "MIT", "source": null},
            {"name": "mute", "license": null, "source": null},
        ]});
        let found = broken(&metadata).join("\n");
        assert_eq!(found.lines().count(), 3, "{found}");
        assert!(
            found.contains("forked comes from")
                && found.contains("is banned")
                && found.contains("mute names")
        );
    }
}
