//! A master of the user's own: joined only where nobody else could have put it there.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::lane::Place;
use super::talk::Talk;

/// A master that lives says so in this time.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// What was found where a master of the user's would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// One that lives.
    Living,
    /// None.
    Nothing,
    /// Something that is not joined, and why.
    Unsafe(String),
}

/// Looks whether a master lives there that may be joined.
pub async fn look(socket: &Path) -> Found {
    match at(socket).await {
        Ok(Some(_)) => Found::Living,
        Ok(None) => Found::Nothing,
        Err(why) => Found::Unsafe(why),
    }
}

/// Finds it; nothing where none lives.
pub(super) async fn at(socket: &Path) -> Result<Option<(Place, Talk)>, String> {
    if !examine(socket)? {
        return Ok(None);
    }
    let own = rustix::process::geteuid().as_raw();
    match UnixStream::connect(socket).await.and_then(|it| it.peer_cred()) {
        Ok(peer) if peer.uid() == own => {}
        Ok(peer) => {
            return Err(format!("{} is answered by another account ({})", socket.display(), peer.uid()));
        }
        Err(_) => return Ok(None),
    }
    let asked = async {
        let mut talk = Talk::with(socket).await?;
        let pid = talk.alive().await?;
        Ok::<_, io::Error>((talk, pid))
    };
    let Ok(Ok((talk, pid))) = timeout(ANSWER_LIMIT, asked).await else { return Ok(None) };
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    Ok(pid.map(|pid| (Place { socket: socket.to_owned(), pid, is_shared: true }, talk)))
}

/// Says whether there is a socket, whose directory and itself nobody else may write.
fn examine(socket: &Path) -> Result<bool, String> {
    let Ok(about) = fs::symlink_metadata(socket) else { return Ok(false) };
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let own = rustix::process::geteuid().as_raw();
    let shown = socket.display();
    if !about.file_type().is_socket() {
        return Err(format!("{shown} is no socket"));
    }
    let above = fs::metadata(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (about, what) in [(&above, folder.display()), (&about, socket.display())] {
        if about.uid() != own {
            return Err(format!("{what} belongs to another account ({})", about.uid()));
        }
        if about.mode() & 0o022 != 0 {
            return Err(format!("{what} may be written by others; chmod go-w it"));
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn where_others_may_write_no_master_is_joined() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("m");
        assert_eq!(look(&socket).await, Found::Nothing);
        let listener = UnixListener::bind(&socket).unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(&socket, 0o600);
        for (path, wrong, right) in [(folder.path(), 0o777, 0o700), (&*socket, 0o666, 0o600)] {
            mode(path, wrong);
            assert!(matches!(look(&socket).await, Found::Unsafe(why) if why.contains("written by others")));
            mode(path, right);
        }
        drop(listener);
        // Nobody listens.
        assert_eq!(look(&socket).await, Found::Nothing);
        fs::remove_file(&socket).unwrap();
        fs::write(&socket, "").unwrap();
        assert!(matches!(look(&socket).await, Found::Unsafe(why) if why.contains("no socket")));
    }
}
