//! Which engine carries a connection: our own, or the user's ssh.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::state_dir::StateDir;

/// Which engine carries a connection.
#[derive(Clone, Debug, Default)]
pub enum Engine {
    /// SSH, spoken by ourselves.
    #[default]
    Native,
    /// The user's own ssh, driven by us.
    OpenSsh(Box<UsersSsh>),
}

/// The user's own ssh, for one host.
#[derive(Clone)]
pub struct UsersSsh {
    /// The program.
    pub program: PathBuf,
    /// The file that its configuration is read from, where it is another than its own.
    pub config: Option<PathBuf>,
    /// The host as its configuration knows it. The grammar of targets has passed it.
    pub alias: String,
    /// All of its environment.
    pub env: Vec<(OsString, OsString)>,
    /// Where the sockets of its connections lie.
    pub state: StateDir,
    /// The program that brings its questions to us: it is given the words of one, and prints the answer.
    pub askpass: PathBuf,
    /// A key that no file knows is taken and written down.
    pub takes_new_keys: bool,
    /// The user's own master, alive, which is joined in the place of a connection of our own.
    pub master: Option<PathBuf>,
    /// Words of ssh's configuration that count before its files, each with its value: those that it was asked with.
    pub options: Vec<(String, String)>,
    /// The words that its configuration has it pass over, as it lists them.
    pub ignored: Option<String>,
}

impl fmt::Debug for UsersSsh {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("UsersSsh").field("alias", &self.alias).finish_non_exhaustive()
    }
}
