//! Which algorithms a connection may use: those that a person's configuration allows and we speak, in its order.

use std::borrow::Cow;

use russh::keys::{Algorithm, HashAlg};
use russh::{Preferred, cipher, kex, mac};

/// What a person allows; a list that nobody wrote is ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Algorithms {
    /// Of the host's key (`HostKeyAlgorithms`).
    pub host_key: Option<Vec<String>>,
    /// Of the keys that log in (`PubkeyAcceptedAlgorithms`).
    pub user_key: Option<Vec<String>>,
    /// Of the key exchange (`KexAlgorithms`).
    pub kex: Option<Vec<String>>,
    /// `Ciphers`.
    pub ciphers: Option<Vec<String>>,
    /// `MACs`.
    pub macs: Option<Vec<String>>,
    /// Of the authorities that sign the keys of hosts (`CASignatureAlgorithms`).
    pub authorities: Option<Vec<String>>,
    /// Old ones too, which nobody should need: SHA-1 signatures and the groups and ciphers of their time.
    pub old: Old,
}

/// Whether algorithms are used that are known to be weak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Old {
    /// No.
    #[default]
    Refused,
    /// A person allows them for this host.
    Allowed,
}

/// A list of the configuration names nothing that we speak.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ssh's configuration allows no {word} that cotty speaks; it speaks {}", ours.join(", "))]
pub struct NoneSpoken {
    /// The word of the configuration.
    pub word: &'static str,
    /// What we would speak.
    pub ours: Vec<String>,
}

/// AES-GCM has 1.6 times the speed of ChaCha20 at half the work where the processor helps.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_128_GCM,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];
const CIPHERS_OLD: &[cipher::Name] = &[cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];

/// The library's own, and the curves of NIST, which OpenSSH has too.
const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G18_SHA512,
    kex::DH_G17_SHA512,
    kex::DH_G16_SHA512,
    kex::DH_G15_SHA512,
    kex::DH_G14_SHA256,
];
const KEX_OLD: &[kex::Name] = &[kex::DH_G14_SHA1, kex::DH_GEX_SHA1, kex::DH_G1_SHA1];
/// No algorithms, but what else the two sides can do.
const KEX_EXTENSIONS: &[kex::Name] =
    &[kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT];

/// As OpenSSH has them: HMAC with SHA-1 is not broken, and comes last.
const MACS: &[mac::Name] = &[
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512,
    mac::HMAC_SHA256,
    mac::HMAC_SHA1_ETM,
    mac::HMAC_SHA1,
];

/// What signs with SHA-1.
const RSA_SHA1: Algorithm = Algorithm::Rsa { hash: None };

/// The hashes with which an rsa key signs, the best first.
const RSA_HASHES: [HashAlg; 2] = [HashAlg::Sha512, HashAlg::Sha256];

/// Those of ours that are old, in the words of ssh's configuration.
const OLD_WORDS: [(&str, &str); 4] = [
    (
        "KexAlgorithms",
        "diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1",
    ),
    ("Ciphers", "aes256-cbc,aes192-cbc,aes128-cbc"),
    ("HostKeyAlgorithms", "ssh-rsa"),
    ("PubkeyAcceptedAlgorithms", "ssh-rsa"),
];

impl Algorithms {
    /// Returns the old ones that a person allows, each with its word and the list beside which it is allowed.
    pub(super) fn old_beside(&self) -> Vec<(&'static str, Option<&[String]>, &'static str)> {
        if self.old == Old::Refused {
            return Vec::new();
        }
        let lists = [&self.kex, &self.ciphers, &self.host_key, &self.user_key];
        let beside = OLD_WORDS.into_iter().zip(lists);
        beside.map(|((word, old), list)| (word, list.as_deref(), old)).collect()
    }

    /// Returns what is offered to a host of which keys of these kinds are known, and perhaps an authority.
    pub(super) fn preferred(&self, known: &[&str], vouched: bool) -> Result<Preferred, NoneSpoken> {
        let keys = self.host_keys(known);
        let certified = if vouched { self.certified() } else { Vec::new() };
        if keys.is_empty() && certified.is_empty() {
            let ours = self.all_host_keys().iter().map(|it| it.as_str().to_owned()).collect();
            return Err(NoneSpoken { word: "HostKeyAlgorithms", ours });
        }
        let mut kex = self.chosen("KexAlgorithms", self.kex.as_ref(), KEX, KEX_OLD)?;
        kex.extend_from_slice(KEX_EXTENSIONS);
        Ok(Preferred {
            kex: Cow::Owned(kex),
            key: Cow::Owned(keys),
            host_key_certificates: Cow::Owned(certified),
            cipher: Cow::Owned(self.chosen("Ciphers", self.ciphers.as_ref(), CIPHERS, CIPHERS_OLD)?),
            mac: Cow::Owned(self.chosen("MACs", self.macs.as_ref(), MACS, &[])?),
            compression: Cow::Borrowed(&[russh::compression::NONE]),
        })
    }

    /// Says whether a key or certificate of this kind may log in: `ssh-ed25519`, `rsa-sha2-512-cert-v01@openssh.com`.
    pub(super) fn admits(&self, kind: &str) -> bool {
        match &self.user_key {
            Some(list) => {
                let sha1 = kind == "ssh-rsa" || kind == "ssh-rsa-cert-v01@openssh.com";
                list.iter().any(|it| it == kind) || (sha1 && self.old == Old::Allowed)
            }
            None => true,
        }
    }

    /// Returns the hashes with which an rsa key, or a certificate of one, may sign, the best first; nothing is SHA-1.
    pub(super) fn rsa_hashes(&self, certified: bool) -> Vec<Option<HashAlg>> {
        let named = |hash: Option<HashAlg>| {
            let algorithm = Algorithm::Rsa { hash };
            if certified { algorithm.to_certificate_type() } else { algorithm.as_str().to_owned() }
        };
        let mut hashes: Vec<_> =
            RSA_HASHES.into_iter().map(Some).filter(|it| self.admits(&named(*it))).collect();
        let sha1 = named(None);
        if self.old == Old::Allowed || self.user_key.as_ref().is_some_and(|it| it.contains(&sha1)) {
            hashes.push(None);
        }
        hashes
    }

    /// Says whether an authority may sign so.
    pub(super) fn admits_authority(&self, kind: &str) -> bool {
        match &self.authorities {
            Some(list) => list.iter().any(|it| it == kind),
            None => kind != RSA_SHA1.as_str(),
        }
    }

    fn all_host_keys(&self) -> Vec<Algorithm> {
        let is_old = |it: &Algorithm| *it == RSA_SHA1 && self.old == Old::Refused && self.host_key.is_none();
        Preferred::DEFAULT.key.iter().filter(|it| !is_old(it)).cloned().collect()
    }

    /// What is known of a host comes first, else a server with several keys would show one that nobody knows.
    fn host_keys(&self, known: &[&str]) -> Vec<Algorithm> {
        let mut wanted = self.all_host_keys();
        if let Some(list) = &self.host_key {
            let old = |it: &Algorithm| *it == RSA_SHA1 && self.old == Old::Allowed;
            let place =
                |it: &Algorithm| list.iter().position(|named| named == it.as_str()).unwrap_or(usize::MAX);
            wanted.retain(|it| place(it) != usize::MAX || old(it));
            wanted.sort_by_key(place);
        }
        let is_known = |it: &Algorithm| match it {
            Algorithm::Rsa { .. } => known.contains(&"ssh-rsa"),
            other => known.contains(&other.as_str()),
        };
        wanted.sort_by_key(|it| !is_known(it));
        wanted
    }

    fn certified(&self) -> Vec<Algorithm> {
        let mut wanted = self.all_host_keys();
        if let Some(list) = &self.host_key {
            wanted.retain(|it| list.contains(&it.to_certificate_type()));
        }
        wanted
    }

    /// Takes of a list what we speak, in its order; without one what is ours, and what is old where that is allowed.
    fn chosen<T: Copy + AsRef<str>>(
        &self,
        word: &'static str,
        list: Option<&Vec<String>>,
        ours: &[T],
        old: &[T],
    ) -> Result<Vec<T>, NoneSpoken> {
        let further = if self.old == Old::Allowed { old } else { &[] };
        let Some(list) = list else { return Ok([ours, further].concat()) };
        // What a person wrote for ssh is allowed, however old.
        let spoken = |name: &String| ours.iter().chain(old).find(|it| it.as_ref() == name).copied();
        let mut chosen: Vec<T> = list.iter().filter_map(spoken).collect();
        let is_there = |chosen: &[T], it: &T| chosen.iter().any(|there| there.as_ref() == it.as_ref());
        for it in further {
            if !is_there(&chosen, it) {
                chosen.push(*it);
            }
        }
        if chosen.is_empty() {
            let ours = ours.iter().map(|it| it.as_ref().to_owned()).collect();
            return Err(NoneSpoken { word, ours });
        }
        Ok(chosen)
    }
}

/// Says whether a server that offers these, and nothing that we took, would be spoken with where old ones are allowed.
pub(super) fn is_old(offered: &[String]) -> bool {
    let names: Vec<&str> =
        CIPHERS_OLD.iter().map(AsRef::as_ref).chain(KEX_OLD.iter().map(AsRef::as_ref)).collect();
    offered.iter().any(|it| names.contains(&it.as_str()) || it == RSA_SHA1.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|it| (*it).to_owned()).collect())
    }

    fn names<T: AsRef<str>>(list: &[T]) -> Vec<&str> {
        list.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn without_a_word_of_anybody_nothing_old_is_offered() {
        let offered = Algorithms::default().preferred(&["ssh-rsa"], false).unwrap();
        assert_eq!(offered.key[0].as_str(), "rsa-sha2-512");
        assert!(!offered.key.contains(&RSA_SHA1) && offered.host_key_certificates.is_empty());
        assert!(!names(&offered.kex).iter().any(|it| it.contains("sha1")));
        assert!(!names(&offered.cipher).iter().any(|it| it.contains("cbc")));
        let old = Algorithms { old: Old::Allowed, ..Algorithms::default() }.preferred(&[], true).unwrap();
        assert!(old.key.contains(&RSA_SHA1) && names(&old.kex).contains(&"diffie-hellman-group1-sha1"));
        assert!(!old.host_key_certificates.is_empty());
    }

    #[test]
    fn a_list_is_kept_in_its_order_and_one_without_anything_of_ours_is_refused() {
        let algorithms = Algorithms {
            kex: list(&["sntrup761x25519-sha512", "diffie-hellman-group1-sha1", "curve25519-sha256"]),
            host_key: list(&["ssh-rsa", "ssh-ed25519"]),
            ..Algorithms::default()
        };
        let offered = algorithms.preferred(&[], false).unwrap();
        assert_eq!(names(&offered.kex)[..2], ["diffie-hellman-group1-sha1", "curve25519-sha256"]);
        assert_eq!(names(&offered.key), ["ssh-rsa", "ssh-ed25519"]);
        for (algorithms, word) in [
            (Algorithms { macs: list(&["umac-64@openssh.com"]), ..Algorithms::default() }, "MACs"),
            (Algorithms { ciphers: list(&["3des-cbc"]), ..Algorithms::default() }, "Ciphers"),
            (Algorithms { host_key: list(&["ssh-dss"]), ..Algorithms::default() }, "HostKeyAlgorithms"),
            (Algorithms { kex: list(&["x"]), ..Algorithms::default() }, "KexAlgorithms"),
        ] {
            assert_eq!(algorithms.preferred(&[], false).unwrap_err().word, word);
        }
    }

    #[test]
    fn an_rsa_key_signs_as_it_may() {
        let hashes = |user_key, old| Algorithms { user_key, old, ..Algorithms::default() }.rsa_hashes(false);
        assert_eq!(hashes(None, Old::Refused), [Some(HashAlg::Sha512), Some(HashAlg::Sha256)]);
        assert_eq!(hashes(list(&["rsa-sha2-256"]), Old::Refused), [Some(HashAlg::Sha256)]);
        assert_eq!(hashes(list(&["ssh-rsa"]), Old::Refused), [None]);
        assert_eq!(hashes(list(&["ssh-ed25519"]), Old::Refused), []);
        assert_eq!(hashes(None, Old::Allowed).last(), Some(&None));
    }
}
