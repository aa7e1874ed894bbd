//! Whose a file is: whoever may write what we are configured by decides what we do.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// Says why a file is not this account's alone to write; nothing where it is, or where it is root's.
pub(crate) fn by_others(about: &Metadata) -> Option<String> {
    let own = rustix::process::geteuid().as_raw();
    let owner = about.uid();
    if owner != own && owner != 0 {
        return Some(format!("belongs to another account (uid {owner})"));
    }
    // A group of the account's own number is its own alone, as most systems make it: with that, umask 002 is usual.
    let own_group = about.gid() == own && about.gid() == rustix::process::getegid().as_raw();
    let others = if own_group { 0o002 } else { 0o022 };
    (about.mode() & others != 0)
        .then(|| format!("may be written by others (mode {:o})", about.mode() & 0o777))
}

/// Says why a file is not this account's own, or is another's to write; root's is not its own either.
pub(crate) fn not_ours(about: &Metadata) -> Option<String> {
    let owner = about.uid();
    if owner != rustix::process::geteuid().as_raw() {
        return Some(format!("belongs to another account (uid {owner})"));
    }
    by_others(about)
}

/// Says whether others may read it. What root gives a container is root's business.
pub(crate) fn readable_by_others(about: &Metadata) -> bool {
    about.mode() & 0o077 != 0 && about.uid() == rustix::process::geteuid().as_raw()
}
