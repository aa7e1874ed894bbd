//! Where ssh keeps its own files: in the account's home, whatever HOME says.

use std::path::{Path, PathBuf};

use cotty_host::openssh::OpenSsh;

/// The keys that ssh tries by itself, in its order, as far as we can use them.
const IDENTITIES: [&str; 3] = ["id_rsa", "id_ecdsa", "id_ed25519"];

/// Returns the files of known hosts where nothing else is configured. The first is the one that is written.
pub(super) fn known_hosts(ssh: &OpenSsh) -> Vec<PathBuf> {
    let own = ["known_hosts", "known_hosts2"].map(|it| of_user(ssh, it));
    let global = ["ssh_known_hosts", "ssh_known_hosts2"].map(|it| Path::new("/etc/ssh").join(it));
    own.into_iter().chain(global).collect()
}

/// Returns the key files where nothing else is configured.
pub(super) fn identities(ssh: &OpenSsh) -> Vec<PathBuf> {
    IDENTITIES.map(|it| of_user(ssh, it)).to_vec()
}

fn of_user(ssh: &OpenSsh, name: &str) -> PathBuf {
    ssh.home.join(".ssh").join(name)
}
