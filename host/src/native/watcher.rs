//! Beside a connection while it lives: judges the server's key, refuses what the server opens, keeps the reason of the end.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::client::{self, ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelOpenFailure};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::native::certificate::Voucher;
use crate::native::forwarding::Lender;
use crate::native::host_key::HostKey;
use crate::native::known_hosts::{KnownHosts, Verdict, host_name};
use crate::native::secret::one_line;
use crate::native::settings::{Settings, ShownKey, Stage};

/// How a connection ended, for all who ask.
#[derive(Clone)]
pub(super) struct Ended {
    told: watch::Receiver<Option<String>>,
}

/// Watches a connection: judges its key, refuses what the server opens, keeps the reason of its end.
pub(super) struct Watcher {
    name: String,
    known: KnownHosts,
    settings: Settings,
    shown: Arc<Mutex<Option<ShownKey>>>,
    ended: watch::Sender<Option<String>>,
    lender: Option<Lender>,
}

impl Watcher {
    /// Watches a connection to this target, of which this is known. The key that is shown is left in `shown`.
    pub(super) fn new(
        settings: &Settings,
        known: KnownHosts,
        shown: Arc<Mutex<Option<ShownKey>>>,
    ) -> (Self, Ended) {
        let (ended, told) = watch::channel(None);
        let name = host_name(&settings.host, settings.port, settings.host_key_alias.as_deref());
        let lender = settings.forwarded_agent.clone().map(Lender::new);
        (Self { name, known, settings: settings.clone(), shown, ended, lender }, Ended { told })
    }
}

impl Ended {
    /// Listens where it is told.
    pub(super) fn told(told: watch::Receiver<Option<String>>) -> Self {
        Self { told }
    }

    /// Says whether it has come.
    pub(super) fn has_come(&self) -> bool {
        self.told.borrow().is_some()
    }

    /// Waits for the end.
    pub(super) async fn wait(&mut self) {
        drop(self.told.wait_for(Option::is_some).await);
    }

    /// Returns the reason of an end that has come or is just coming.
    pub(super) async fn reason(&mut self) -> String {
        // The library closes the connection before it tells why.
        drop(timeout(REASON_LIMIT, self.wait()).await);
        self.told.borrow().clone().unwrap_or_else(|| "the server closed it".to_owned())
    }
}

/// The reason of an end comes right after it, or never.
const REASON_LIMIT: Duration = Duration::from_millis(500);

impl client::Handler for Watcher {
    type Error = russh::Error;

    // Runs before any credential leaves, at the first key exchange only: a key that changes later is not shown to us.
    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        (self.settings.progress)(Stage::HostKey);
        let host = self.settings.host_key_alias.as_deref().unwrap_or(&self.settings.host);
        let voucher = key.certificate().map(|it| Voucher::of(it, host, &self.settings.algorithms));
        let key = HostKey::of(&key.public_key());
        let verdict = self.known.verdict_of(&key, voucher.as_ref());
        let bad_lines = self.known.bad_lines().to_vec();
        let shown = ShownKey { name: self.name.clone(), key, verdict, bad_lines, elsewhere: Vec::new() };
        let accepted = match shown.verdict {
            Verdict::Known(_) | Verdict::Certified(_) => true,
            Verdict::Unknown => (self.settings.unknown_keys)(&shown),
            Verdict::Changed { .. } | Verdict::Revoked(_) | Verdict::Authority { .. } => false,
        };
        if let Ok(mut place) = self.shown.lock() {
            *place = Some(shown);
        }
        Ok(accepted)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        let words = match &reason {
            DisconnectReason::ReceivedDisconnect(said) => {
                format!("the server said: {}", one_line(&said.message))
            }
            DisconnectReason::Error(error) => lost_words(error),
        };
        self.ended.send_replace(Some(words));
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(error) => Err(error),
        }
    }

    // The library's defaults accept every one of these.
    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        asked: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(asked).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        asked: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(asked).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        channel: Channel<Msg>,
        asked: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        match &self.lender {
            Some(lender) => lender.lend(channel, asked).await,
            None => refuse(asked).await?,
        }
        Ok(())
    }

    async fn server_channel_open_unknown(
        &mut self,
        _: Channel<Msg>,
        asked: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(asked).await
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        asked: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(asked).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        asked: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(asked).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        asked: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(asked).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        asked: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(asked).await
    }
}

async fn refuse(asked: ChannelOpenHandle) -> Result<(), russh::Error> {
    asked.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    Ok(())
}

fn lost_words(error: &russh::Error) -> String {
    match error {
        russh::Error::KeepaliveTimeout => "it gave no sign of life".to_owned(),
        russh::Error::InactivityTimeout => "nothing came for too long".to_owned(),
        russh::Error::Disconnect | russh::Error::HUP => "the server closed it".to_owned(),
        russh::Error::IO(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed it".to_owned()
        }
        other => one_line(&other.to_string()),
    }
}
