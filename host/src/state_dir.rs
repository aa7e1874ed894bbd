//! The state directory of an instance: private, refused where someone else could have planted it, written atomically.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::FlockOperation;

/// The state directory of one instance.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
    // Open for as long as we live: sockets are reached through it, and it stays the directory that was examined.
    directory: Arc<File>,
}

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A relative path would name another directory for each caller.
    #[error("the state directory {0} is not an absolute path; set COTTY_STATE_DIR to one that begins with /")]
    Relative(PathBuf),
    /// A symlink of another user stands in the way.
    #[error("{path} is a symlink made by user {owner}; remove it or choose another COTTY_STATE_DIR")]
    ForeignLink {
        /// The link.
        path: PathBuf,
        /// Who made it.
        owner: u32,
    },
    /// A directory of another user stands in the way: its owner could exchange what is below.
    #[error("{path} belongs to user {owner}; choose a COTTY_STATE_DIR below a directory of your own")]
    ForeignDirectory {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Everyone may exchange what is below.
    #[error(
        "{0} may be written by everyone and is not sticky; chmod o-w it or choose another COTTY_STATE_DIR"
    )]
    Open(PathBuf),
    /// The last entry is a symlink or a file.
    #[error("{0} is not a directory; remove it or choose another COTTY_STATE_DIR")]
    NotADirectory(PathBuf),
    /// A link stands among our files: what we write would go elsewhere.
    #[error("{0} is a symlink, and cotty makes none there: remove it")]
    PlantedLink(PathBuf),
    /// The system would not.
    #[error("cannot {what} {path}: {source}; check its permissions and the free space")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An advisory lock, held until it is dropped or its process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl StateDir {
    /// Opens the directory, and makes it and its parents if they are missing.
    ///
    /// Every entry of the path is looked at: it belongs to us or to root, and where everyone may write it is sticky.
    /// Nothing in it may be a link: it may have been open to others before it was ours alone.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StateError> {
        let path = path.as_ref();
        if !path.is_absolute() {
            return Err(StateError::Relative(path.to_owned()));
        }
        make_directories(path)?;
        examine_parents(path, 0)?;
        let failed = |what, source| StateError::Io { what, path: path.to_owned(), source };
        let seen = path.symlink_metadata().map_err(|error| failed("look at", error))?;
        if !seen.is_dir() {
            return Err(StateError::NotADirectory(path.to_owned()));
        }
        let directory = File::open(path).map_err(|error| failed("open", error))?;
        let opened = directory.metadata().map_err(|error| failed("look at", error))?;
        if opened.uid() != own_uid() {
            return Err(StateError::ForeignDirectory { path: path.to_owned(), owner: opened.uid() });
        }
        if (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
            return Err(StateError::NotADirectory(path.to_owned()));
        }
        if opened.mode() & 0o777 != 0o700 {
            directory
                .set_permissions(std::fs::Permissions::from_mode(0o700))
                .map_err(|error| failed("chmod 0700", error))?;
        }
        refuse_links(path)?;
        Ok(Self { path: path.to_owned(), directory: Arc::new(directory) })
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of an entry.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns where the output of a session is kept.
    pub fn session(&self, id: &str) -> PathBuf {
        self.path.join("sessions").join(id)
    }

    /// Makes a directory below, 0700, with what is missing above it, and returns its path.
    pub fn make(&self, name: impl AsRef<Path>) -> Result<PathBuf, StateError> {
        let path = self.path.join(name);
        make_directories(&path)?;
        for folder in path.ancestors().take_while(|it| *it != self.path) {
            if folder.is_symlink() {
                return Err(StateError::PlantedLink(folder.to_owned()));
            }
        }
        Ok(path)
    }

    /// Writes a whole file, 0600: a reader sees the old content or the new one, also when the writer is killed.
    ///
    /// The disk is not waited for. What these files tell of, a daemon or a shell's screen, does not outlive the
    /// machine, and a session's task that waits for a disk keeps everybody waiting.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), StateError> {
        let path = self.file(name);
        // The count tells apart two writers of this process.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Beside it: a name may have folders in it.
        let last = path.file_name().unwrap_or_default().to_string_lossy();
        let unfinished = path.with_file_name(format!(".{last}.{}.{count}", std::process::id()));
        let written = write_whole(&unfinished, content).and_then(|()| std::fs::rename(&unfinished, &path));
        written.map_err(|source| {
            // What is left over is of no use to anyone; the first error is the one to tell.
            drop(std::fs::remove_file(&unfinished));
            StateError::Io { what: "write", path, source }
        })
    }

    /// Reads a whole file; nothing if there is none.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        match std::fs::read(self.file(name)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StateError::Io { what: "read", path: self.file(name), source }),
        }
    }

    /// Waits for the lock of this name.
    pub fn lock(&self, name: &str) -> Result<Lock, StateError> {
        self.flock(name, FlockOperation::LockExclusive)?.ok_or_else(|| StateError::Io {
            what: "lock",
            path: self.file(name),
            source: io::ErrorKind::WouldBlock.into(),
        })
    }

    /// Takes the lock of this name; nothing if another has it.
    pub fn try_lock(&self, name: &str) -> Result<Option<Lock>, StateError> {
        self.flock(name, FlockOperation::NonBlockingLockExclusive)
    }

    /// Listens on a socket of this name, 0600. A stale one is replaced: hold a lock that says whose it is.
    pub fn bind(&self, name: &str) -> Result<UnixListener, StateError> {
        let failed = |source| StateError::Io { what: "listen on", path: self.file(name), source };
        match std::fs::remove_file(self.file(name)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let listener = UnixListener::bind(self.socket(name)).map_err(failed)?;
        std::fs::set_permissions(self.file(name), PermissionsExt::from_mode(0o600)).map_err(failed)?;
        Ok(listener)
    }

    /// Connects to the socket of this name.
    pub fn connect(&self, name: &str) -> io::Result<UnixStream> {
        UnixStream::connect(self.socket(name))
    }

    /// Returns a path of a socket that fits into the 108 bytes of `sun_path`, however long ours is.
    ///
    /// It is good in this process and for as long as this value lives.
    pub fn socket(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.directory.as_raw_fd()))
    }

    fn flock(&self, name: &str, how: FlockOperation) -> Result<Option<Lock>, StateError> {
        let failed = |source| StateError::Io { what: "lock", path: self.file(name), source };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.file(name))
            .map_err(failed)?;
        loop {
            match rustix::fs::flock(&file, how) {
                Ok(()) => return Ok(Some(Lock { _file: file })),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(failed(error.into())),
            }
        }
    }
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn make_directories(path: &Path) -> Result<(), StateError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| {
        if source.kind() == io::ErrorKind::AlreadyExists {
            StateError::NotADirectory(path.to_owned())
        } else {
            StateError::Io { what: "make", path: path.to_owned(), source }
        }
    })
}

/// Looks at what a directory holds, not at what that holds.
fn refuse_links(directory: &Path) -> Result<(), StateError> {
    let failed = |source| StateError::Io { what: "look into", path: directory.to_owned(), source };
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // An entry that is gone meanwhile is none.
        if entry.file_type().is_ok_and(|it| it.is_symlink()) {
            return Err(StateError::PlantedLink(entry.path()));
        }
    }
    Ok(())
}

fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)
}

/// Links may point to links; more than this many is a circle, as for the kernel.
const LINKS_MAX: usize = 40;

fn examine_parents(path: &Path, links: usize) -> Result<(), StateError> {
    let mut walked = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => walked.push(name),
            Component::ParentDir => {
                walked.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
        examine(&walked, links)?;
    }
    Ok(())
}

fn examine(path: &Path, links: usize) -> Result<(), StateError> {
    let failed = |source| StateError::Io { what: "look at", path: path.to_owned(), source };
    let found = path.symlink_metadata().map_err(failed)?;
    let ours = found.uid() == own_uid() || found.uid() == 0;
    if found.is_symlink() {
        if !ours || links >= LINKS_MAX {
            return Err(StateError::ForeignLink { path: path.to_owned(), owner: found.uid() });
        }
        let target = std::fs::read_link(path).map_err(failed)?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        return examine_parents(&parent.join(target), links + 1);
    }
    if !ours {
        return Err(StateError::ForeignDirectory { path: path.to_owned(), owner: found.uid() });
    }
    if found.is_dir() && found.mode() & 0o002 != 0 && found.mode() & 0o1000 == 0 {
        return Err(StateError::Open(path.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn it_is_made_private_with_what_is_missing_above() {
        let scratch = scratch();
        let state = StateDir::open(scratch.path().join("a/b")).unwrap();
        assert_eq!(state.path().metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(scratch.path().join("a").metadata().unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_that_others_could_read_is_closed() {
        let scratch = scratch();
        let path = scratch.path().join("a");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        let state = StateDir::open(&path).unwrap();
        assert_eq!(state.path().metadata().unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_symlink_in_the_last_place_is_refused() {
        let scratch = scratch();
        std::fs::create_dir(scratch.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", scratch.path().join("link")).unwrap();
        let error = StateDir::open(scratch.path().join("link")).unwrap_err();
        assert!(matches!(error, StateError::NotADirectory(_)), "{error}");
    }

    #[test]
    fn a_symlink_among_our_files_is_refused() {
        let scratch = scratch();
        let state = StateDir::open(scratch.path().join("a")).unwrap();
        let elsewhere = scratch.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        state.make("sessions/one").unwrap();
        std::os::unix::fs::symlink(&elsewhere, state.path().join("sessions/two")).unwrap();
        let error = state.make("sessions/two").unwrap_err();
        assert!(matches!(error, StateError::PlantedLink(_)), "{error}");
        for name in ["daemon.log", "sessions-of-old"] {
            let link = state.path().join(name);
            std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
            let error = StateDir::open(state.path()).unwrap_err();
            assert!(matches!(&error, StateError::PlantedLink(path) if *path == link), "{error}");
            std::fs::remove_file(&link).unwrap();
        }
        StateDir::open(state.path()).unwrap();
    }

    #[test]
    fn a_parent_that_everyone_may_write_is_refused() {
        let scratch = scratch();
        let open = scratch.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
        assert!(matches!(StateDir::open(open.join("a")).unwrap_err(), StateError::Open(_)));
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o1777)).unwrap();
        StateDir::open(open.join("a")).unwrap();
    }

    #[test]
    fn what_another_user_planted_is_refused() {
        if own_uid() != 0 {
            return; // Only root can give a file away.
        }
        let scratch = scratch();
        let theirs = scratch.path().join("theirs");
        std::fs::create_dir(&theirs).unwrap();
        std::os::unix::fs::chown(&theirs, Some(65534), None).unwrap();
        assert!(matches!(StateDir::open(&theirs).unwrap_err(), StateError::ForeignDirectory { .. }));
        assert!(matches!(StateDir::open(theirs.join("a")).unwrap_err(), StateError::ForeignDirectory { .. }));
        std::fs::create_dir(scratch.path().join("mine")).unwrap();
        let link = scratch.path().join("link");
        std::os::unix::fs::symlink("mine", &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
        assert!(matches!(StateDir::open(link.join("a")).unwrap_err(), StateError::ForeignLink { .. }));
    }

    #[test]
    fn a_name_may_have_folders_in_it() {
        let scratch = scratch();
        let state = StateDir::open(scratch.path().join("s")).unwrap();
        std::fs::create_dir(state.path().join("folder")).unwrap();
        state.write("folder/note", b"one").unwrap();
        assert_eq!(state.read("folder/note").unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(std::fs::read_dir(state.path().join("folder")).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_written_whole_and_private() {
        let scratch = scratch();
        let state = StateDir::open(scratch.path().join("s")).unwrap();
        assert_eq!(state.read("note").unwrap(), None);
        state.write("note", b"one").unwrap();
        state.write("note", b"two").unwrap();
        assert_eq!(state.read("note").unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(state.file("note").metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_lock_is_held_by_one() {
        let scratch = scratch();
        let state = StateDir::open(scratch.path().join("s")).unwrap();
        let held = state.try_lock("lock").unwrap();
        assert!(held.is_some());
        assert!(state.try_lock("lock").unwrap().is_none());
        drop(held);
        assert!(state.try_lock("lock").unwrap().is_some());
    }

    #[test]
    fn a_socket_may_lie_deeper_than_its_address_is_long() {
        let scratch = scratch();
        let state = StateDir::open(scratch.path().join("d".repeat(150)).join("e".repeat(150))).unwrap();
        let listener = state.bind("a.sock").unwrap();
        let _client = state.connect("a.sock").unwrap();
        listener.accept().unwrap();
        assert_eq!(state.file("a.sock").symlink_metadata().unwrap().mode() & 0o777, 0o600);
        drop(listener);
        state.bind("a.sock").unwrap();
    }
}
