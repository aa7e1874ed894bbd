//! The line to a holder, in two halves that wake the daemon for news only.
//!
//! A socket as the runtime has it is woken also when the other side has read something, so at every order: half of the
//! daemon's wakings were for that. Here only what can be read wakes; room to write is waited for where there was none.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// What the holder says.
#[derive(Debug)]
pub(super) struct Hearing {
    stream: AsyncFd<Arc<UnixStream>>,
}

/// What the holder is told.
#[derive(Debug)]
pub(super) struct Telling {
    stream: Arc<UnixStream>,
    /// Another descriptor of the same socket, while there is no room in it.
    full: Option<AsyncFd<OwnedFd>>,
}

/// Splits a stream that does not block.
pub(super) fn halves(stream: UnixStream) -> io::Result<(Hearing, Telling)> {
    let stream = Arc::new(stream);
    let hearing = watched(stream.clone(), Interest::READABLE)?;
    Ok((Hearing { stream: hearing }, Telling { stream, full: None }))
}

#[expect(deprecated, reason = "sound for what owns its descriptor; its successor is an unsafe function")]
fn watched<T: std::os::fd::AsRawFd + std::os::fd::AsFd>(
    owner: T,
    interest: Interest,
) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(owner, interest)
}

impl AsyncRead for Hearing {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.stream.poll_read_ready(context))?;
            let room = buffer.initialize_unfilled();
            match ready.try_io(|it| Ok(rustix::io::read(it.get_ref(), &mut *room)?)) {
                Ok(read) => {
                    buffer.advance(read?);
                    return Poll::Ready(Ok(()));
                }
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Telling {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, full } = self.get_mut();
        loop {
            if let Some(room) = full {
                ready!(room.poll_write_ready(context))?.clear_ready();
            }
            match rustix::io::write(&*stream, bytes) {
                Err(Errno::AGAIN) if full.is_none() => {
                    let again = OwnedFd::from(stream.try_clone()?);
                    *full = Some(watched(again, Interest::WRITABLE)?);
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                done => {
                    *full = None;
                    return Poll::Ready(Ok(done?));
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(rustix::net::shutdown(&*self.stream, rustix::net::Shutdown::Write)?))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn pair() -> ((Hearing, Telling), (Hearing, Telling)) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        (halves(ours).unwrap(), halves(theirs).unwrap())
    }

    #[tokio::test]
    async fn what_is_more_than_the_socket_holds_arrives_whole() {
        let ((_hearing, mut telling), (mut hearing, _telling)) = pair();
        let sent: Vec<u8> = (0..3_000_000_u32).map(|it| it.to_le_bytes()[it as usize % 4]).collect();
        let expected = sent.clone();
        let telling = tokio::spawn(async move {
            telling.write_all(&sent).await.unwrap();
            assert!(telling.full.is_none());
        });
        let mut got = vec![0; expected.len()];
        hearing.read_exact(&mut got).await.unwrap();
        telling.await.unwrap();
        assert!(got == expected);
    }

    #[tokio::test]
    async fn the_end_is_told_to_whoever_reads_and_to_whoever_waits_for_room() {
        let ((mut hearing, mut telling), theirs) = pair();
        let waiting = tokio::spawn(async move { telling.write_all(&vec![0; 8 << 20]).await });
        tokio::task::yield_now().await;
        drop(theirs);
        assert!(waiting.await.unwrap().is_err());
        let mut rest = Vec::new();
        // What it had not read makes an end a reset.
        drop(hearing.read_to_end(&mut rest).await);
        assert!(rest.is_empty());
    }
}
