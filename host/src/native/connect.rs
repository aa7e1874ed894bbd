//! One connection: opened, judged by the server's key, logged in.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use russh::client::{self, Handle};
use russh::{ChannelOpenFailure, Disconnect};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::native::accepted::{self, NotKept};
use crate::native::algorithms::{self, NoneSpoken};
use crate::native::auth;
use crate::native::channel::{By, Lane, RequestError, Terminal};
use crate::native::driven::complaint::NoMaster;
use crate::native::driven::master::Master;
use crate::native::engine::Engine;
use crate::native::error::{ConnectError, Stage};
use crate::native::kin::{Birth, Kin, With};
use crate::native::known_hosts::{KnownHosts, Unreadable, Verdict, elsewhere};
use crate::native::lookout::Lookout;
use crate::native::probe::{NoProbe, Probe};
use crate::native::pulse::{Beat, Pulse};
use crate::native::revoked;
use crate::native::secret::{Asker, ask_nobody, one_line};
use crate::native::settings::{Jump, Settings, ShownKey, UnknownKeys};
use crate::native::spoken::Spoken;
use crate::native::watcher::{Ended, Watcher};

mod way;

use way::{Through, Way};

/// A connection on which somebody has logged in.
pub struct Connection {
    link: Link,
    ended: Ended,
    channel_limit: Duration,
    open: Arc<AtomicUsize>,
    full_at: AtomicUsize,
    lookout: Lookout,
    // A shell may use the opener's agent.
    lends: bool,
    kin: Kin,
    turn: Mutex<()>,
    beat: Beat,
}

/// What carries a connection.
enum Link {
    /// We speak it ourselves. What it goes through lives as long.
    Spoken(Box<(Handle<Watcher>, Through)>),
    /// The user's ssh does.
    Driven(Master),
}

/// A server whose key was accepted, before anybody logs in.
struct Met {
    handle: Handle<Watcher>,
    ended: Ended,
    shown: ShownKey,
    way: Through,
}

/// Why a channel was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The server wants no more of them on this connection, or none at all.
    #[error("the server refuses another channel: {0}")]
    Refused(String),
    /// The server does not answer.
    #[error("the server did not open a channel within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The connection is gone.
    #[error("the connection is lost: {0}")]
    Lost(String),
}

impl Connection {
    /// Connects and logs in. No credential leaves before the server's key is accepted.
    pub async fn open(settings: &Settings, ask: &Asker) -> Result<Self, ConnectError> {
        if let Engine::OpenSsh(ssh) = &settings.engine {
            let master = match Master::open(ssh, settings, ask).await {
                Ok(master) => master,
                Err(NoMaster::Other(error)) => return Err(error),
                Err(NoMaster::HostKey { shown, said }) => {
                    return Err(looked_at(settings, shown.as_deref(), said).await);
                }
            };
            let (ended, is_shared) = (master.ended(), master.is_shared());
            let kin = if is_shared { Kin::shared() } else { Kin::default() };
            return Ok(Self { kin, ..Self::of(Link::Driven(master), ended, settings) });
        }
        let Met { mut handle, mut ended, shown, way } = meet(settings, ask).await?;
        let settings = &kept(settings, &shown).await?;
        (settings.progress)(Stage::Authentication);
        auth::log_in(&mut handle, settings, &shown.key, ask, &mut ended).await?;
        Ok(Self::of(Link::Spoken(Box::new((handle, way))), ended, settings))
    }

    fn of(link: Link, ended: Ended, settings: &Settings) -> Self {
        Self {
            link,
            ended,
            channel_limit: settings.limits.channel,
            open: Arc::default(),
            full_at: AtomicUsize::new(usize::MAX),
            lookout: Lookout::default(),
            lends: settings.forwarded_agent.is_some(),
            kin: Kin::default(),
            turn: Mutex::new(()),
            beat: Beat::default(),
        }
    }

    /// Returns the key that a server shows, and what is known of it. Nobody logs in there, only on the way.
    pub async fn show_key(settings: &Settings, ask: &Asker) -> Result<ShownKey, ConnectError> {
        match meet(settings, ask).await {
            Ok(met) => {
                let goodbye = met.handle.disconnect(Disconnect::ByApplication, "closed", "en");
                drop(timeout(Duration::from_secs(1), goodbye).await);
                Ok(met.shown)
            }
            Err(ConnectError::HostKey(shown)) => Ok(*shown),
            Err(error) => Err(error),
        }
    }

    /// Tells whether it still answers.
    pub fn pulse(&self) -> Pulse {
        self.beat.pulse()
    }

    pub(super) fn beat(&self) -> &Beat {
        &self.beat
    }

    /// Waits for a sign of life, or for the end.
    pub(super) async fn ping(&self) {
        match &self.link {
            Link::Spoken(spoken) => drop(spoken.0.send_ping().await),
            // There is no such question to it: ssh looks after its connection itself, and ends with it.
            Link::Driven(_) => {}
        }
    }

    /// Says whether it is gone.
    pub fn is_closed(&self) -> bool {
        match &self.link {
            Link::Spoken(spoken) => spoken.0.is_closed(),
            Link::Driven(_) => self.ended.has_come(),
        }
    }

    /// Returns how many channels are open.
    pub fn channels(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Says goodbye. What still runs in its channels is hung up by the server.
    pub async fn close(&self) {
        match &self.link {
            Link::Spoken(spoken) => {
                let goodbye = spoken.0.disconnect(Disconnect::ByApplication, "closed", "en");
                drop(timeout(Duration::from_secs(1), goodbye).await);
            }
            Link::Driven(master) => master.close().await,
        }
    }

    /// Opens a channel for a program. What the user's ssh carries is opened with what is started in it.
    pub(super) async fn channel(&self) -> Result<Lane, ChannelError> {
        let handle = match &self.link {
            Link::Spoken(spoken) => &spoken.0,
            Link::Driven(_) if self.is_closed() => {
                return Err(ChannelError::Lost(self.ended.clone().reason().await));
            }
            Link::Driven(master) => return Ok(Lane::new(By::Driven(Box::new(master.channel())), &self.open)),
        };
        match timeout(self.channel_limit, handle.channel_open_session()).await {
            Ok(Ok(channel)) => Ok(Lane::new(By::Spoken(Spoken::new(channel)), &self.open)),
            Ok(Err(russh::Error::ChannelOpenFailure(why))) => {
                self.note_full(self.channels());
                Err(ChannelError::Refused(refusal_words(&why)))
            }
            Ok(Err(_)) => Err(ChannelError::Lost(self.ended.clone().reason().await)),
            Err(_) => Err(ChannelError::Timeout(self.channel_limit)),
        }
    }

    /// Starts a shell in a channel. One after the other, so that each can be told from the others.
    pub(super) async fn shell(&self, lane: &mut Lane, terminal: &Terminal) -> Result<Birth, RequestError> {
        let _turn = self.turn.lock().await;
        if self.lends {
            lane.lend_agent().await?;
        }
        self.noting(lane.shell(terminal, self.channel_limit).await)?;
        Ok(self.kin.known(With::Terminal, lane.told()))
    }

    /// Starts a command in a channel, in its turn too.
    pub(super) async fn exec(
        &self,
        lane: &mut Lane,
        line: &str,
        env: &[(String, String)],
    ) -> Result<Birth, RequestError> {
        let _turn = self.turn.lock().await;
        lane.ask_for(env).await?;
        self.noting(lane.exec(line, self.channel_limit).await)?;
        Ok(self.kin.known(With::Pipes, lane.told()))
    }

    /// Says whether the server gave no channel when there were as many as now.
    pub(super) fn is_full(&self) -> bool {
        self.channels() >= self.full_at.load(Ordering::Relaxed)
    }

    /// Returns the probe, started when it is first wanted and anew after a silence; nothing where there is none.
    pub(super) async fn probe(&self) -> Option<Probe> {
        let start = || async {
            let lane = self.channel().await.map_err(|_| NoProbe::Silent)?;
            let probe = Probe::start(lane, self.channel_limit).await?;
            self.kin.note_probe(probe.pid);
            Ok(probe)
        };
        self.lookout.probe(start).await
    }

    /// Notes where a server gave no channel for what was to be started; that one was counted.
    fn noting<T>(&self, started: Result<T, RequestError>) -> Result<T, RequestError> {
        if let Err(RequestError::Full(_)) = started {
            self.note_full(self.channels().saturating_sub(1));
        }
        started
    }

    // A server is a moment late in noticing what we have closed: the highest number that it ever gave counts.
    fn note_full(&self, channels: usize) {
        let here = channels.max(1);
        let known = self.full_at.load(Ordering::Relaxed);
        self.full_at.store(if known == usize::MAX { here } else { known.max(here) }, Ordering::Relaxed);
    }

    /// Returns how it ends.
    pub(super) fn ended(&self) -> Ended {
        self.ended.clone()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Connection").field("channels", &self.channels()).finish_non_exhaustive()
    }
}

/// Looks at a key that ssh does not trust, by ourselves: what is shown to a person is the key, not what ssh said of it, and
/// it has to be the one that ssh saw.
async fn looked_at(settings: &Settings, seen: Option<&str>, said: String) -> ConnectError {
    let looked = meet(&looking(settings.clone()), &ask_nobody()).await.map(|_| ());
    match looked {
        Err(error) if is_about_the_key(&error, seen) => error,
        _ => {
            let seen = seen.map(|it| format!(" (it showed {it})")).unwrap_or_default();
            ConnectError::Handshake { address: address(settings), why: format!("ssh said: {said}{seen}") }
        }
    }
}

fn is_about_the_key(error: &ConnectError, seen: Option<&str>) -> bool {
    match error {
        ConnectError::OnTheWay { error, .. } => is_about_the_key(error, seen),
        ConnectError::HostKey(shown) => seen.is_none_or(|it| shown.key.fingerprint() == it),
        // The files that say which are trusted cannot be read.
        ConnectError::KnownHosts(_) => true,
        _ => false,
    }
}

/// The same by ourselves, where no new key is taken.
fn looking(settings: Settings) -> Settings {
    let jump = settings.jump.map(|jump| {
        let Jump { typed, settings } = *jump;
        Box::new(Jump { typed, settings: looking(settings) })
    });
    let unknown_keys: UnknownKeys = Arc::new(|_| false);
    Settings { engine: Engine::Native, jump, unknown_keys, ..settings }
}

/// Connects up to the server's key, and judges it.
async fn meet(settings: &Settings, ask: &Asker) -> Result<Met, ConnectError> {
    let known = known_hosts(settings).await?;
    let address = address(settings);
    let none = |none: NoneSpoken| ConnectError::Handshake { address: address.clone(), why: none.to_string() };
    let config = Arc::new(config(settings, &known).map_err(none)?);
    (settings.progress)(Stage::Address);
    let Way { stream, mut through } = way::open(settings, ask).await?;
    (settings.progress)(Stage::Handshake);
    let shown = Arc::new(std::sync::Mutex::new(None));
    let (watcher, ended) = Watcher::new(settings, known, shown.clone());
    let after = settings.limits.handshake;
    let connected = timeout(after, client::connect_stream(config, stream, watcher)).await;
    let connected =
        connected.map_err(|_| ConnectError::HandshakeTimeout { address: address.clone(), after })?;
    let shown = shown.lock().ok().and_then(|mut it| it.take());
    match (connected, shown) {
        (Ok(handle), Some(shown)) => Ok(Met { handle, ended, shown, way: through }),
        (Err(russh::Error::UnknownKey), Some(shown)) => {
            Err(ConnectError::HostKey(Box::new(with_elsewhere(settings, shown).await)))
        }
        (Err(error), _) => Err(not_met(address, &error, &mut through).await),
        (Ok(_), None) => Err(ConnectError::Handshake { address, why: "it showed no key".to_owned() }),
    }
}

/// A person who judges a key that is not known is helped by the names under which it is.
async fn with_elsewhere(settings: &Settings, shown: ShownKey) -> ShownKey {
    if shown.verdict != Verdict::Unknown {
        return shown;
    }
    let (files, key) = (settings.known_hosts.clone(), shown.key.clone());
    // Files may lie on a slow disk.
    let found = tokio::task::spawn_blocking(move || elsewhere(&files, &key)).await;
    ShownKey { elsewhere: found.unwrap_or_default(), ..shown }
}

/// Writes a key down that was taken unasked, before anything else leaves. Where it cannot be kept the next may be
/// another's: no stored password goes there.
async fn kept(settings: &Settings, shown: &ShownKey) -> Result<Settings, ConnectError> {
    if shown.verdict != Verdict::Unknown {
        return Ok(settings.clone());
    }
    let (of, key) = (settings.clone(), shown.clone());
    // Files may lie on a slow disk.
    let kept = tokio::task::spawn_blocking(move || accepted::keep(&of, &key)).await;
    match kept {
        Ok(Ok(())) => Ok(settings.clone()),
        // Another came in between.
        Ok(Err(NotKept::Other(shown))) => Err(ConnectError::HostKey(shown)),
        Ok(Err(NotKept::Unreadable(error))) => Err(ConnectError::KnownHosts(error)),
        Ok(Err(NotKept::Nowhere | NotKept::Unwritten { .. })) | Err(_) => {
            Ok(Settings { password: None, ..settings.clone() })
        }
    }
}

/// Says why nobody was met: the program on the way may have ended for reasons of its own.
async fn not_met(address: String, error: &russh::Error, through: &mut Through) -> ConnectError {
    if let Some(running) = &mut through.program
        && is_hung_up(error)
        && let Some(why) = running.ended().await
    {
        return ConnectError::ProxyCommand { address, why };
    }
    ConnectError::Handshake { address, why: handshake_words(error) }
}

async fn known_hosts(settings: &Settings) -> Result<KnownHosts, ConnectError> {
    let of = settings.clone();
    // Files may lie on a slow disk.
    let read = move || {
        let Settings { host, port, known_hosts, host_key_alias, revoked_keys, .. } = of;
        let mut known = KnownHosts::read(&known_hosts, &host, port, host_key_alias.as_deref())?;
        known.revoke(revoked_keys.map(|it| revoked::read(&it)).transpose()?.unwrap_or_default());
        Ok::<_, Unreadable>(known)
    };
    let read = tokio::task::spawn_blocking(read).await;
    let failed = |error| ConnectError::Handshake { address: address(settings), why: format!("{error}") };
    Ok(read.map_err(failed)??)
}

fn config(settings: &Settings, known: &KnownHosts) -> Result<client::Config, NoneSpoken> {
    let preferred = settings.algorithms.preferred(&known.algorithms(), known.has_authority())?;
    let keepalive = settings.limits.keepalive;
    Ok(client::Config {
        client_id: russh::SshId::Standard(Cow::Borrowed(CLIENT_ID)),
        preferred,
        keepalive_interval: Some(keepalive),
        keepalive_max: settings.limits.keepalives_max,
        // A server that answers keeps it open: the keepalive sees to that. This ends what stalls while logging in.
        inactivity_timeout: Some(keepalive * INACTIVE_KEEPALIVES),
        nodelay: true,
        ..client::Config::default()
    })
}

/// What a server sees of us before it knows us: no version, for it is nobody's business.
const CLIENT_ID: &str = "SSH-2.0-cotty";

/// Long enough for a person to find a password.
const INACTIVE_KEEPALIVES: u32 = 60;

fn address(settings: &Settings) -> String {
    format!("{} port {}", settings.host, settings.port)
}

fn handshake_words(error: &russh::Error) -> String {
    match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => {
            let old = if algorithms::is_old(theirs) { OLD } else { "" };
            format!("no {kind:?} in common; it has {}{old}", one_line(&theirs.join(", ")))
        }
        russh::Error::Version => "what it sent is no SSH banner".to_owned(),
        error if is_hung_up(error) => hung_up(),
        other => one_line(&other.to_string()),
    }
}

/// What is said of a server that has nothing but what is too old.
const OLD: &str =
    ". These are too old to be safe: where you accept that, say legacy = true in its [devices.NAME]";

fn is_hung_up(error: &russh::Error) -> bool {
    match error {
        russh::Error::IO(error) => {
            matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe)
        }
        russh::Error::Disconnect | russh::Error::HUP => true,
        _ => false,
    }
}

fn hung_up() -> String {
    "it closed the connection; it may have too many of them at present".to_owned()
}

fn refusal_words(why: &ChannelOpenFailure) -> String {
    match why {
        ChannelOpenFailure::AdministrativelyProhibited => "it is not allowed".to_owned(),
        ChannelOpenFailure::ConnectFailed => "it has as many as it takes".to_owned(),
        ChannelOpenFailure::UnknownChannelType => "it has no sessions".to_owned(),
        ChannelOpenFailure::ResourceShortage => "it is short of resources".to_owned(),
        ChannelOpenFailure::Other { reason, .. } => one_line(reason),
    }
}
