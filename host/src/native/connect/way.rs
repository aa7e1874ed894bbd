//! The way to a server: a socket, a program, or a channel through the connection to another server.

use std::io;
use std::net::SocketAddr;

use russh::client::Msg;
use russh::{ChannelOpenFailure, ChannelStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::{Connection, Link, address, refusal_words};
use crate::native::error::{ConnectError, Stage};
use crate::native::program::{Program, Running};
use crate::native::secret::Asker;
use crate::native::settings::{Family, Jump, Settings};

/// What a server is spoken with on.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open way.
pub(super) struct Way {
    pub(super) stream: Box<dyn Stream>,
    pub(super) through: Through,
}

/// What a connection goes through, and what has to live as long.
#[derive(Default)]
pub(super) struct Through {
    /// The connection to another server.
    pub(super) _server: Option<Box<Connection>>,
    /// A program.
    pub(super) program: Option<Running>,
}

/// Opens the way to a server. What is wrong on a host on the way is told as that host's.
pub(super) async fn open(settings: &Settings, ask: &Asker) -> Result<Way, ConnectError> {
    if let Some(program) = &settings.program {
        return started(settings, program);
    }
    let Some(Jump { typed, settings: hop }) = settings.jump.as_deref() else {
        return Ok(Way { stream: Box::new(socket(settings).await?), through: Through::default() });
    };
    // Ways may be long, and each hop is opened like a server of its own.
    let opened = Box::pin(Connection::open(hop, ask)).await;
    let through =
        opened.map_err(|error| ConnectError::OnTheWay { hop: typed.clone(), error: Box::new(error) })?;
    let stream = channel(&through, typed, settings).await?;
    Ok(Way { stream: Box::new(stream), through: Through { _server: Some(Box::new(through)), program: None } })
}

fn started(settings: &Settings, program: &Program) -> Result<Way, ConnectError> {
    (settings.progress)(Stage::Connect);
    let failed = |error: io::Error| ConnectError::ProxyCommand {
        address: address(settings),
        why: format!("{} could not be started: {error}", program.shell.display()),
    };
    let (running, pipes) = program.start(settings.overheard.clone()).map_err(failed)?;
    Ok(Way { stream: Box::new(pipes), through: Through { program: Some(running), _server: None } })
}

async fn channel(
    through: &Connection,
    hop: &str,
    settings: &Settings,
) -> Result<ChannelStream<Msg>, ConnectError> {
    let after = settings.limits.connect;
    (settings.progress)(Stage::Connect);
    let Link::Spoken(spoken) = &through.link else {
        let source = io::Error::other(format!("{hop} is on the way of our own engine only"));
        return Err(ConnectError::Unreachable { address: address(settings), source });
    };
    let asked = spoken.0.channel_open_direct_tcpip(&settings.host, settings.port.into(), "127.0.0.1", 0);
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
    let found: Vec<SocketAddr> = found.filter(|it| settings.family.admits(*it)).collect();
    if let Ok(mut met) = settings.met.lock() {
        met.extend(found.iter().map(SocketAddr::ip));
    }
    if found.is_empty() && settings.family != Family::Any {
        let words = format!("none of the family that ssh's configuration asks for ({})", settings.family);
        return Err(no_address(io::Error::other(words)));
    }
    let bind = bind_addresses(settings).await?;
    (settings.progress)(Stage::Connect);
    let mut last = None;
    for address in found {
        match connected(address, bind.as_deref()).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(source) => Err(ConnectError::Unreachable { address: address(settings), source }),
        None => Err(no_address(io::ErrorKind::NotFound.into())),
    }
}

/// Finds the addresses of this machine from which it is connected, where some are named.
async fn bind_addresses(settings: &Settings) -> Result<Option<Vec<SocketAddr>>, ConnectError> {
    let Some(name) = &settings.bind_address else { return Ok(None) };
    let found = tokio::net::lookup_host((name.as_str(), 0)).await;
    let found = found.map_err(|error| ConnectError::Unreachable {
        address: address(settings),
        source: io::Error::other(format!("BindAddress {name} has no address: {error}")),
    })?;
    Ok(Some(found.collect()))
}

async fn connected(to: SocketAddr, from: Option<&[SocketAddr]>) -> io::Result<TcpStream> {
    let Some(from) = from else { return TcpStream::connect(to).await };
    let own = from.iter().find(|it| it.is_ipv4() == to.is_ipv4());
    let own =
        own.ok_or_else(|| io::Error::other(format!("BindAddress has no address to reach {to} from")))?;
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(*own).map_err(|error| io::Error::other(format!("BindAddress {}: {error}", own.ip())))?;
    socket.connect(to).await
}
