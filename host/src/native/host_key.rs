//! A server's key, in the forms in which it is shown, stored and compared.

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};
use russh::keys::{PublicKey, PublicKeyBase64};

use crate::native::randomart;

/// A host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey {
    algorithm: String,
    blob: Vec<u8>,
}

impl HostKey {
    /// Takes the key a server showed.
    pub(crate) fn of(key: &PublicKey) -> Self {
        Self { algorithm: plain_name(key.algorithm().as_str()).to_owned(), blob: key.public_key_bytes() }
    }

    /// Reads the two words of a known_hosts line; nothing if they are no key or do not fit together.
    pub fn parse(algorithm: &str, base64: &str) -> Option<Self> {
        let blob = BASE64.decode(base64.as_bytes()).ok()?;
        let length = u32::from_be_bytes(*blob.first_chunk::<4>()?) as usize;
        let named = blob.get(4..4 + length)?;
        (named == algorithm.as_bytes() && blob.len() > 4 + length)
            .then(|| Self { algorithm: algorithm.to_owned(), blob })
    }

    /// Returns the name of its kind: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Returns the fingerprint as ssh shows it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, &self.blob);
        format!("SHA256:{}", BASE64.encode(hash.as_ref()).trim_end_matches('='))
    }

    /// Returns the key as the picture that `ssh -o VisualHostKey=yes` shows.
    pub fn picture(&self) -> Vec<String> {
        let hash = digest(&SHA256, &self.blob);
        let (kind, bits) = self.kind();
        let title = bits.map_or_else(|| format!("[{kind}]"), |bits| format!("[{kind} {bits}]"));
        randomart::drawn(hash.as_ref(), &title, "[SHA256]")
    }

    /// Its kind as people call it, and its size where that can be told.
    fn kind(&self) -> (&str, Option<usize>) {
        let curve = |name: &str| name.rsplit("nistp").next().and_then(|it| it.parse().ok());
        match self.algorithm.as_str() {
            "ssh-ed25519" => ("ED25519", Some(256)),
            "ssh-rsa" => ("RSA", self.modulus_bits()),
            "sk-ssh-ed25519@openssh.com" => ("ED25519-SK", Some(256)),
            "sk-ecdsa-sha2-nistp256@openssh.com" => ("ECDSA-SK", Some(256)),
            name if name.starts_with("ecdsa-sha2-") => ("ECDSA", curve(name)),
            name => (name, None),
        }
    }

    /// The length of the third part of an RSA key, without what leads it.
    fn modulus_bits(&self) -> Option<usize> {
        let mut rest = &self.blob[..];
        let mut part: &[u8] = &[];
        for _ in 0..3 {
            let length = u32::from_be_bytes(*rest.first_chunk::<4>()?) as usize;
            part = rest.get(4..4 + length)?;
            rest = &rest[4 + length..];
        }
        let significant = part.iter().position(|it| *it != 0)?;
        let first = part[significant];
        Some((part.len() - significant) * 8 - first.leading_zeros() as usize)
    }

    /// Returns the key as files hold it.
    pub fn line(&self) -> String {
        format!("{} {}", self.algorithm, BASE64.encode(&self.blob))
    }
}

/// An rsa key is stored under one name, with whatever hash it signs.
fn plain_name(algorithm: &str) -> &str {
    if algorithm.starts_with("rsa-sha2-") { "ssh-rsa" } else { algorithm }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_picture_is_the_one_that_ssh_keygen_draws() {
        // Made with ssh-keygen 9.2; pictures from ssh-keygen -lv.
        let base64 = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        let picture = HostKey::parse("ssh-ed25519", base64).unwrap().picture();
        assert_eq!(picture.join("\n"), PICTURE);
    }

    const PICTURE: &str = "\
+--[ED25519 256]--+
|....o.o . .o..   |
|.. . + . .E.o    |
| .  o     .=.    |
|  .      ..o+    |
| .      S =+.    |
|  .      oo+o.   |
| .        o+o+.  |
|  . .o   . =Oo+  |
|   . o*oo+*=.=.  |
+----[SHA256]-----+";

    #[test]
    fn a_key_that_says_another_name_than_the_line_is_none() {
        let base64 = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        let key = HostKey::parse("ssh-ed25519", base64).unwrap();
        assert_eq!(key.line(), format!("ssh-ed25519 {base64}"));
        assert!(key.fingerprint().starts_with("SHA256:") && !key.fingerprint().ends_with('='));
        assert!(HostKey::parse("ssh-rsa", base64).is_none());
        assert!(HostKey::parse("ssh-ed25519", "AAAA").is_none());
    }
}
