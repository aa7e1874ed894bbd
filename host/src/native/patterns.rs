//! Names as known_hosts writes them: patterns, negation, hashes.

use data_encoding::BASE64;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::glob::{self, Letters};

/// The length of SHA-1, and of the salt that goes with it.
const SHA1_BYTES: usize = 20;

/// Says whether the names of a line mean this host: `None` if the names cannot be read.
pub(super) fn names_match(names: &str, host: &str) -> Option<bool> {
    match names.strip_prefix("|1|") {
        Some(hashed) => is_hash_of(hashed, host),
        None if names.starts_with('|') => None,
        None => Some(list_matches(names, host)),
    }
}

/// Hashes a name with a fresh salt; nothing if the system has no random bytes.
pub(super) fn hashed(host: &str) -> Option<String> {
    let mut salt = [0; SHA1_BYTES];
    SystemRandom::new().fill(&mut salt).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    let tag = hmac::sign(&key, host.as_bytes());
    Some(format!("|1|{}|{}", BASE64.encode(&salt), BASE64.encode(tag.as_ref())))
}

fn is_hash_of(salt_and_hash: &str, host: &str) -> Option<bool> {
    let (salt, hash) = salt_and_hash.split_once('|')?;
    let (salt, hash) = (BASE64.decode(salt.as_bytes()).ok()?, BASE64.decode(hash.as_bytes()).ok()?);
    if salt.len() != SHA1_BYTES || hash.len() != SHA1_BYTES {
        return None;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, host.as_bytes(), &hash).is_ok())
}

/// A name that is negated and matches settles it, whatever else matches.
fn list_matches(names: &str, host: &str) -> bool {
    let mut found = false;
    for pattern in names.split(',') {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(negated, host) => return false,
            Some(_) => {}
            None => found |= matches(pattern, host),
        }
    }
    found
}

fn matches(pattern: &str, host: &str) -> bool {
    glob::matches(pattern.as_bytes(), host.as_bytes(), Letters::OfAnyCase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_question_marks_and_negation() {
        for (names, host, expected) in [
            ("web1", "web1", true),
            ("WEB1", "web1", true),
            ("web?", "web12", false),
            ("*.lan,db", "a.lan", true),
            ("*,!db*", "db1", false),
            ("!db*,*", "db1", false),
            ("!db*", "web", false),
            ("[*]:22", "[web]:22", true),
            ("a*b*c", "aXbXXc", true),
            ("a*b*c", "aXbXX", false),
            ("", "web", false),
        ] {
            assert_eq!(names_match(names, host), Some(expected), "{names} {host}");
        }
    }

    #[test]
    fn a_hashed_name_is_found_again() {
        let line = hashed("[web]:2222").unwrap();
        assert_eq!(names_match(&line, "[web]:2222"), Some(true));
        assert_eq!(names_match(&line, "web"), Some(false));
        assert_eq!(names_match("|1|AAAA|AAAA", "web"), None);
        assert_eq!(names_match("|2|x|y", "web"), None);
    }
}
