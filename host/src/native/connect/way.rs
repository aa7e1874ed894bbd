//! The way to a server: a socket, or a channel through the connection to another.

use std::io;

use russh::client::Msg;
use russh::{ChannelOpenFailure, ChannelStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Connection, address, refusal_words};
use crate::native::error::{ConnectError, Stage};
use crate::native::secret::Asker;
use crate::native::settings::{Jump, Settings};

/// What a server is spoken with on.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open way.
pub(super) struct Way {
    pub(super) stream: Box<dyn Stream>,
    pub(super) through: Option<Box<Connection>>,
}

/// Opens the way to a server. What is wrong on a host on the way is told as that host's.
pub(super) async fn open(settings: &Settings, ask: &Asker) -> Result<Way, ConnectError> {
    let Some(Jump { typed, settings: hop }) = settings.jump.as_deref() else {
        return Ok(Way { stream: Box::new(socket(settings).await?), through: None });
    };
    // Ways may be long, and each hop is opened like a server of its own.
    let opened = Box::pin(Connection::open(hop, ask)).await;
    let through =
        opened.map_err(|error| ConnectError::OnTheWay { hop: typed.clone(), error: Box::new(error) })?;
    let stream = channel(&through, typed, settings).await?;
    Ok(Way { stream: Box::new(stream), through: Some(Box::new(through)) })
}

async fn channel(
    through: &Connection,
    hop: &str,
    settings: &Settings,
) -> Result<ChannelStream<Msg>, ConnectError> {
    let after = settings.limits.connect;
    (settings.progress)(Stage::Connect);
    let asked =
        through.handle.channel_open_direct_tcpip(&settings.host, settings.port.into(), "127.0.0.1", 0);
    let why = match timeout(after, asked).await {
        Ok(Ok(channel)) => return Ok(channel.into_stream()),
        Ok(Err(russh::Error::ChannelOpenFailure(why))) => not_forwarded(&why),
        Ok(Err(_)) => through.ended.clone().reason().await,
        Err(_) => return Err(ConnectError::ConnectTimeout { address: address(settings), after }),
    };
    let source = io::Error::other(format!("{hop} does not get there: {why}"));
    Err(ConnectError::Unreachable { address: address(settings), source })
}

fn not_forwarded(why: &ChannelOpenFailure) -> String {
    match why {
        ChannelOpenFailure::AdministrativelyProhibited => "it does not forward connections".to_owned(),
        ChannelOpenFailure::ConnectFailed => "it could not connect".to_owned(),
        other => refusal_words(other),
    }
}

async fn socket(settings: &Settings) -> Result<TcpStream, ConnectError> {
    let after = settings.limits.connect;
    let opened = timeout(after, reached(settings)).await;
    let stream = opened.map_err(|_| ConnectError::ConnectTimeout { address: address(settings), after })??;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection waits for more before it sends");
    }
    Ok(stream)
}

async fn reached(settings: &Settings) -> Result<TcpStream, ConnectError> {
    let no_address = |source| ConnectError::NoAddress { host: settings.host.clone(), source };
    let found = tokio::net::lookup_host((settings.host.as_str(), settings.port)).await.map_err(no_address)?;
    (settings.progress)(Stage::Connect);
    let mut last = None;
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(source) => Err(ConnectError::Unreachable { address: address(settings), source }),
        None => Err(no_address(io::ErrorKind::NotFound.into())),
    }
}
