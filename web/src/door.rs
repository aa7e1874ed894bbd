//! The loopback TCP listener: where it may be, when it is bound, and which port it had before.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use cotty_core::refusal::Refusal;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::house::House;
use crate::logins::secret;

/// The first port that is tried where none was had before.
const FIRST_PORT: u16 = 4680;

/// So many are tried after it.
const PORTS_TRIED: u16 = 200;

/// So many connections that have shown no credential may be open; the oldest goes.
const STRANGERS_MAX: usize = 32;

/// So long each has to show one before another takes its place; meanwhile those that come wait.
const CHANCE: Duration = Duration::from_secs(1);

/// Whether there is room is looked at this often.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The file that remembers the port, in the state directory.
const FILE: &str = "http.json";

/// Where to listen for browsers and programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// At the first need of a person, on a port that is free and stays the same.
    #[default]
    Auto,
    /// There, at 127.0.0.1 or ::1, from the start. Port 0 is any free one.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "auto" => return Ok(Self::Auto),
            "off" => return Ok(Self::Off),
            _ => {}
        }
        let word = word.replace("localhost:", "127.0.0.1:");
        let address: SocketAddr =
            word.parse().map_err(|_| format!("{word:?} is neither auto, off nor ADDR:PORT"))?;
        let ip = address.ip();
        if !ip.is_loopback() {
            return Err(format!("{ip} is no loopback address, and without TLS others could listen along"));
        }
        if ip != Ipv4Addr::LOCALHOST && ip != Ipv6Addr::LOCALHOST {
            return Err(format!("{ip} is not where a browser finds localhost: that is 127.0.0.1 or ::1"));
        }
        Ok(Self::At(address))
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => out.write_str("auto"),
            Self::Off => out.write_str("off"),
            Self::At(address) => address.fmt(out),
        }
    }
}

/// What is remembered over restarts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    port: Option<u16>,
    /// The first part of our origin's name: another one for each instance.
    label: String,
}

/// The door for browsers and programs.
#[derive(Debug)]
pub struct Door {
    listen: Listen,
    bound: OnceLock<(SocketAddr, String)>,
    binding: tokio::sync::Mutex<()>,
    /// To the server.
    listeners: mpsc::Sender<TcpListener>,
    strangers: Mutex<VecDeque<(u64, CancellationToken, Instant)>>,
    next: std::sync::atomic::AtomicU64,
}

impl Door {
    /// Makes it, and where the server gets its listeners from. Nothing is bound yet.
    #[must_use]
    pub fn new(listen: Listen) -> (Self, mpsc::Receiver<TcpListener>) {
        // One for each loopback address.
        let (listeners, taken) = mpsc::channel(2);
        let door = Self {
            listen,
            bound: OnceLock::new(),
            binding: tokio::sync::Mutex::default(),
            listeners,
            strangers: Mutex::default(),
            next: std::sync::atomic::AtomicU64::new(1),
        };
        (door, taken)
    }

    /// Returns where it is, once it is bound.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.bound.get().map(|it| it.0)
    }

    /// Returns the address that a browser is told, without a secret.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        self.bound.get().map(|(address, label)| format!("http://{label}.localhost:{}/", address.port()))
    }

    /// Binds it where it is not bound yet, and serves from then on.
    ///
    /// # Errors
    ///
    /// Says why not: it is switched off, or another program has the port.
    pub async fn open(&self, house: &dyn House) -> Result<SocketAddr, Refusal> {
        let _one_at_a_time = self.binding.lock().await;
        if let Some((address, _)) = self.bound.get() {
            return Ok(*address);
        }
        let mut kept: Kept =
            house.kept(FILE).and_then(|it| serde_json::from_slice(&it).ok()).unwrap_or_default();
        if kept.label.is_empty() {
            kept.label = secret::label()?;
        }
        let listeners = bind(self.listen, kept.port)?;
        let address = listeners[0].local_addr().map_err(|error| failed(&error))?;
        kept.port = Some(address.port());
        house.keep(FILE, &serde_json::to_vec(&kept).unwrap_or_default())?;
        for listener in listeners {
            // A daemon that ends takes no more.
            self.listeners.send(listener).await.ok();
        }
        tracing::info!(%address, "listening for browsers");
        // Nobody else was here: the lock is held.
        drop(self.bound.set((address, kept.label)));
        Ok(address)
    }

    /// Waits until one more may come: whoever came just now is not sent away before it could say a word.
    pub(crate) async fn room(&self) {
        let is_full = || {
            let strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
            strangers.len() >= STRANGERS_MAX && strangers.front().is_some_and(|it| it.2.elapsed() < CHANCE)
        };
        while is_full() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Takes note of a connection that has shown no credential. Its token is cancelled when too many came after it.
    pub(crate) fn stranger(&self) -> (u64, CancellationToken) {
        let number = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let sent_away = CancellationToken::new();
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.push_back((number, sent_away.clone(), Instant::now()));
        while strangers.len() > STRANGERS_MAX {
            if let Some((_, oldest, _)) = strangers.pop_front() {
                oldest.cancel();
            }
        }
        (number, sent_away)
    }

    /// A connection has shown a credential, or is gone.
    pub(crate) fn no_stranger(&self, number: u64) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.retain(|it| it.0 != number);
    }
}

fn bind(listen: Listen, before: Option<u16>) -> Result<Vec<TcpListener>, Refusal> {
    let four = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match listen {
        Listen::Off => Err(Refusal::Config {
            why: "listen is off: no browser can reach this daemon".to_owned(),
            remedy: "Write listen = \"auto\" in the config, or remove the line; then run: cotty restart"
                .to_owned(),
        }),
        Listen::At(address) => {
            let port = if address.port() == 0 { before.unwrap_or(0) } else { address.port() };
            both(SocketAddr::new(address.ip(), port)).map_err(|error| taken(port, &error))
        }
        Listen::Auto => match before {
            Some(port) => both(four(port)).map_err(|error| taken(port, &error)),
            None => {
                let ports = FIRST_PORT..FIRST_PORT + PORTS_TRIED;
                let found = ports.clone().find_map(|port| both(four(port)).ok());
                found.map_or_else(|| both(four(0)).map_err(|error| failed(&error)), Ok)
            }
        },
    }
}

/// Binds a port on both loopback addresses: a browser may try either, and nobody else is to answer on the other.
fn both(address: SocketAddr) -> io::Result<Vec<TcpListener>> {
    let first = listener(address)?;
    let other = match address.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => return Ok(vec![first]),
    };
    match listener(SocketAddr::new(other, first.local_addr()?.port())) {
        Ok(second) => Ok(vec![first, second]),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // A machine without that family: nobody else answers there either.
        Err(_) => Ok(vec![first]),
    }
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn failed(error: &io::Error) -> Refusal {
    Refusal::Internal { what: format!("no port could be bound: {error}") }
}

fn taken(port: u16, error: &io::Error) -> Refusal {
    Refusal::Config {
        why: format!("port {port} cannot be bound ({error}), and browsers know this daemon by it"),
        remedy: "End the program that has it, or write another port: listen = \"127.0.0.1:PORT\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_listened_on() {
        for good in ["127.0.0.1:80", "[::1]:4000", "localhost:4000"] {
            assert!(matches!(good.parse(), Ok(Listen::At(_))), "{good}");
        }
        assert_eq!("auto".parse(), Ok(Listen::Auto));
        assert_eq!("off".parse(), Ok(Listen::Off));
        for bad in [
            "0.0.0.0:80",
            "[::]:80",
            "10.0.0.1:80",
            "example.org:80",
            "80",
            "127.0.0.1",
            "127.9.9.9:0",
            "[::ffff:127.0.0.1]:0",
            "",
        ] {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
    }

    #[test]
    fn of_too_many_strangers_the_oldest_goes() {
        let (door, _listeners) = Door::new(Listen::Auto);
        let (first, oldest) = door.stranger();
        let others: Vec<_> = (1..STRANGERS_MAX).map(|_| door.stranger()).collect();
        assert!(!oldest.is_cancelled());
        door.no_stranger(others[0].0);
        drop(door.stranger());
        assert!(!oldest.is_cancelled(), "one has shown who it is");
        drop(door.stranger());
        assert!(oldest.is_cancelled());
        assert!(others.iter().all(|it| !it.1.is_cancelled()));
        assert_eq!(first, 1);
    }

    #[tokio::test]
    async fn a_port_that_browsers_know_is_not_changed_behind_their_back() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let refused = bind(Listen::Auto, Some(port)).unwrap_err().to_string();
        assert!(refused.contains(&port.to_string()), "{refused}");
        drop(other);
        let bound = bind(Listen::Auto, Some(port)).unwrap();
        assert_eq!(bound[0].local_addr().unwrap().port(), port);
    }
}
