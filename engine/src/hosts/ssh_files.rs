//! Where ssh keeps its own files: in the account's home, whatever HOME says.

use std::path::{Path, PathBuf};

/// The keys that ssh tries by itself, in its order, as far as we can use them.
const IDENTITIES: [&str; 3] = ["id_rsa", "id_ecdsa", "id_ed25519"];

/// Where ssh's own files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshFiles {
    /// The account's home directory.
    pub home: PathBuf,
}

impl SshFiles {
    /// Finds them for an account.
    #[must_use]
    pub fn of_home(home: &Path) -> Self {
        Self { home: home.to_owned() }
    }

    /// Returns the files of known hosts where nothing else is configured. The first is the one that is written.
    pub(super) fn known_hosts(&self) -> Vec<PathBuf> {
        let own = ["known_hosts", "known_hosts2"].map(|it| self.of_user(it));
        let global = ["ssh_known_hosts", "ssh_known_hosts2"].map(|it| Path::new("/etc/ssh").join(it));
        own.into_iter().chain(global).collect()
    }

    /// Returns the key files where nothing else is configured.
    pub(super) fn identities(&self) -> Vec<PathBuf> {
        IDENTITIES.map(|it| self.of_user(it)).to_vec()
    }

    /// Returns a path with the home directory in place of `~`.
    pub(super) fn expanded(&self, path: &Path) -> PathBuf {
        path.strip_prefix("~").map_or_else(|_| path.to_owned(), |rest| self.home.join(rest))
    }

    fn of_user(&self, name: &str) -> PathBuf {
        self.home.join(".ssh").join(name)
    }
}
