//! The secrets that are handed out: codes of links, bearers of browsers, tokens of programs. Only hashes of them stay.

use cotty_core::refusal::Refusal;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};

/// What a bearer begins with, so that those who look for lost secrets find it.
const PREFIX: &str = "cotty_";

/// So many letters of 62 hold 256 bits.
const LETTERS: usize = 43;

/// Letters that tell a mistyped token from a wrong one.
const CHECK_LETTERS: usize = 6;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The SHA-256 of a secret.
pub(crate) type Hash = [u8; 32];

/// Returns the hash of a secret.
pub(crate) fn hash(secret: &str) -> Hash {
    hash_of(secret.as_bytes())
}

/// Returns the hash of any bytes.
pub(crate) fn hash_of(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Draws a code: 256 bits in letters.
pub(crate) fn code() -> Result<String, Refusal> {
    letters(LETTERS, ALPHABET)
}

/// Draws a bearer.
pub(crate) fn bearer() -> Result<String, Refusal> {
    let body = code()?;
    Ok(format!("{PREFIX}{body}{}", check(&body)))
}

/// Draws a name for an origin: eight small letters.
pub(crate) fn label() -> Result<String, Refusal> {
    letters(8, &ALPHABET[36..])
}

/// Returns whether a text has the form of a bearer. One that has not is not looked for.
pub(crate) fn is_a_bearer(text: &str) -> bool {
    text.strip_prefix(PREFIX)
        .filter(|it| it.len() == LETTERS + CHECK_LETTERS && it.is_ascii())
        .map(|it| it.split_at(LETTERS))
        .is_some_and(|(body, checked)| check(body) == checked)
}

/// Proves that a login is known, for a page that asks before it says its bearer. The port is part of it: what a program
/// at another port has relayed proves nothing.
pub(crate) fn proof(key: &Hash, port: u16, nonce: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("cotty proof\n{port}\n{nonce}").as_bytes());
    hex(tag.as_ref())
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

/// Reads a hash of hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

fn check(body: &str) -> String {
    let hash = hash(body);
    hash.iter()
        .take(CHECK_LETTERS)
        .map(|it| char::from(ALPHABET[usize::from(*it) % ALPHABET.len()]))
        .collect()
}

fn letters(count: usize, alphabet: &[u8]) -> Result<String, Refusal> {
    let random = SystemRandom::new();
    let mut text = String::with_capacity(count);
    // A byte beyond the last whole row of the alphabet would favour its first letters.
    let fair = 256 / alphabet.len() * alphabet.len();
    while text.len() < count {
        let mut bytes = [0; 64];
        random
            .fill(&mut bytes)
            .map_err(|_| Refusal::Internal { what: "the system gives no random bytes".to_owned() })?;
        let good = bytes.into_iter().map(usize::from).filter(|it| *it < fair);
        text.extend(good.map(|it| char::from(alphabet[it % alphabet.len()])).take(count - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_has_its_form_and_another_has_not() {
        let bearer = bearer().unwrap();
        assert!(is_a_bearer(&bearer));
        let mut wrong = bearer.clone().into_bytes();
        wrong[10] = if wrong[10] == b'x' { b'y' } else { b'x' };
        assert!(!is_a_bearer(&String::from_utf8(wrong).unwrap()));
        for text in ["", "cotty_", &bearer[6..], &bearer[..54], "cotty_ä"] {
            assert!(!is_a_bearer(text), "{text}");
        }
    }

    #[test]
    fn no_two_codes_are_alike() {
        let codes: std::collections::BTreeSet<String> = (0..100).map(|_| code().unwrap()).collect();
        assert_eq!(codes.len(), 100);
        assert!(codes.iter().all(|it| it.len() == LETTERS));
    }

    #[test]
    fn a_proof_is_of_one_key_port_and_nonce() {
        let (key, other) = (hash("a"), hash("b"));
        let right = proof(&key, 1, "n");
        assert_eq!(right, proof(&key, 1, "n"));
        for wrong in [proof(&other, 1, "n"), proof(&key, 2, "n"), proof(&key, 1, "m")] {
            assert_ne!(right, wrong);
        }
    }

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let hash = hash("x");
        assert_eq!(unhex(&hex(&hash)), Some(hash));
        assert_eq!(unhex("zz"), None);
        assert_eq!(unhex(&"é".repeat(32)), None);
    }
}
