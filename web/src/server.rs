//! The servers: on the unix socket each peer is judged as it connects, on loopback TCP each request shows who it is.

use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::guard::Stranger;
use crate::house::{House, Judged, Peer};
use crate::listener::Listener;
use crate::routes::router;
use crate::served::Served;

/// A request's head that is not there after this long ends its connection.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(30);

/// Takes connections until `stopping`. Those that are there end by themselves; `tasks` says when.
pub async fn serve(listener: UnixListener, served: Served) {
    let router = router(Listener::Unix, served.clone());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = served.stopping.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => drop(served.tasks.spawn(converse(stream, served.clone(), router.clone()))),
            // Out of descriptors, mostly: those that end make room.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The same for browsers and programs, at each listener that the door binds.
pub async fn serve_tcp(mut listeners: mpsc::Receiver<TcpListener>, served: Served) {
    let router = router(Listener::Tcp, served.clone());
    loop {
        tokio::select! {
            bound = listeners.recv() => match bound {
                Some(listener) => drop(served.tasks.spawn(take(listener, served.clone(), router.clone()))),
                None => return,
            },
            () = served.stopping.cancelled() => return,
        }
    }
}

async fn take(listener: TcpListener, served: Served, router: Router) {
    loop {
        let taken = async {
            served.door.room().await;
            listener.accept().await
        };
        let accepted = tokio::select! {
            accepted = taken => accepted,
            () = served.stopping.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let stranger = served.door.stranger();
                drop(served.tasks.spawn(converse_tcp(stream, stranger, served.clone(), router.clone())));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, served: Served, router: Router) {
    let Some(judged) = judge(&stream, &*served.house) else { return };
    speak(stream, &served, router, judged).await;
}

/// A connection that shows no credential makes room for those that come after it.
async fn converse_tcp(
    stream: TcpStream,
    (number, sent_away): (u64, CancellationToken),
    served: Served,
    router: Router,
) {
    // A key is a packet of its own.
    stream.set_nodelay(true).ok();
    tokio::select! {
        () = speak(stream, &served, router, Stranger(number)) => {}
        () = sent_away.cancelled() => {}
    }
    served.door.no_stranger(number);
}

/// Serves HTTP on a stream; each request carries who it is from.
async fn speak<S, W>(stream: S, served: &Served, router: Router, from: W)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    W: Clone + Send + Sync + 'static,
{
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(from.clone());
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = served.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended in disorder");
    }
}

fn judge(stream: &UnixStream, house: &dyn House) -> Option<Judged> {
    let credentials = stream.peer_cred().ok()?;
    let pid = credentials.pid().and_then(|it| u32::try_from(it).ok()).filter(|it| *it > 0);
    let judged = house.judge(Peer { pid, uid: credentials.uid() });
    if judged.is_none() {
        tracing::warn!(uid = credentials.uid(), "a peer was turned away");
    }
    judged
}
