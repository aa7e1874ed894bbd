//! Certificates: what a host's is worth, and why one of a user's is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Certificate, PublicKey};

use crate::native::algorithms::Algorithms;
use crate::native::host_key::HostKey;
use crate::native::secret::one_line;

/// No certificate is longer.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// More names of a certificate are not shown.
const NAMES_MAX: usize = 8;

/// What vouches for a host's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Voucher {
    /// Who signed it.
    pub(super) authority: HostKey,
    /// Why it vouches for nothing, where that is so, whoever signed it.
    pub(super) wrong: Option<String>,
}

impl Voucher {
    /// Takes the certificate of a host that goes by this name.
    pub(super) fn of(certificate: &Certificate, host: &str, allowed: &Algorithms) -> Self {
        let authority = HostKey::of(&PublicKey::new(certificate.signature_key().clone(), ""));
        Self { authority, wrong: wrong(certificate, host, allowed) }
    }
}

/// Says why a host's certificate vouches for nothing, in the order in which ssh looks.
fn wrong(certificate: &Certificate, host: &str, allowed: &Algorithms) -> Option<String> {
    let named = certificate.valid_principals();
    if certificate.cert_type() != CertType::Host {
        return Some("it is no certificate of a host".to_owned());
    }
    if certificate.verify_signature().is_err() {
        return Some("its signature is wrong".to_owned());
    }
    if let Some(words) = out_of_time(certificate) {
        return Some(words);
    }
    // One that names nobody is for every host, as for ssh.
    if !named.is_empty() && !named.iter().any(|it| it.eq_ignore_ascii_case(host)) {
        return Some(format!("it is for {}, not for {host}", names(named)));
    }
    if !certificate.critical_options().is_empty() {
        return Some("it has conditions that nobody knows".to_owned());
    }
    let signed = certificate.signature().algorithm();
    let signed = signed.as_str();
    (!allowed.admits_authority(signed)).then(|| format!("it is signed with {signed}, which is not allowed"))
}

/// Says why a certificate does not let a user in, as far as that can be seen here.
pub(super) fn not_for(certificate: &Certificate, user: &str) -> Option<String> {
    let named = certificate.valid_principals();
    if certificate.cert_type() != CertType::User {
        return Some("it is no certificate of a user".to_owned());
    }
    if let Some(words) = out_of_time(certificate) {
        return Some(words);
    }
    if !named.is_empty() && !named.iter().any(|it| it == user) {
        return Some(format!("it is for {}, and {user} is not among them", names(named)));
    }
    None
}

/// Reads a certificate from a file; nothing if there is none.
pub(super) fn read(path: &Path) -> Option<Result<Certificate, String>> {
    let about = fs::metadata(path).ok()?;
    if !about.is_file() || about.len() > FILE_BYTES_MAX {
        return Some(Err("it is no file of a certificate's size".to_owned()));
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Some(Err(error.to_string())),
    };
    Some(Certificate::from_openssh(text.trim()).map_err(|error| error.to_string()))
}

/// Where the certificate of a key is kept.
pub(super) fn beside(key: &Path) -> PathBuf {
    let mut beside = key.as_os_str().to_owned();
    beside.push("-cert.pub");
    beside.into()
}

fn out_of_time(certificate: &Certificate) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let (from, until) = (certificate.valid_after(), certificate.valid_before());
    if now < from {
        return Some(format!("it is not valid yet, but in {}", time(from - now)));
    }
    (now >= until).then(|| format!("it expired {} ago", time(now - until)))
}

/// A length of time as people say it.
fn time(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "seconds"),
        120..7200 => (seconds / 60, "minutes"),
        7200..172_800 => (seconds / 3600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

fn names(named: &[String]) -> String {
    let shown: Vec<String> = named.iter().take(NAMES_MAX).map(|it| one_line(it)).collect();
    let more = if named.len() > NAMES_MAX { " and others" } else { "" };
    shown.join(", ") + more
}
