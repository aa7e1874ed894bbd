//! The connections of one target: opened when they are needed, shared by all that runs there.

use std::sync::{Arc, PoisonError};

use tokio::sync::Mutex;

use crate::holder::client;
use crate::native::channel::Lane;
use crate::native::connect::{ChannelError, Connection};
use crate::native::error::ConnectError;
use crate::native::exec::{self, Exec, ExecError, Outcome, Stream};
use crate::native::isolated;
use crate::native::listener;
use crate::native::pulse::Pulse;
use crate::native::secret::Asker;
use crate::native::settings::Settings;
use crate::native::shell::{self, OpenShell, ShellError};

/// The connections of one target. Each target has its own, so that a slow host delays no other.
pub struct Pool {
    // Held for the length of an expression, like the next.
    settings: std::sync::Mutex<Settings>,
    living: std::sync::Mutex<Vec<Arc<Connection>>>,
    // Held while a connection is being opened: who comes meanwhile shares it.
    opening: Mutex<()>,
}

/// A shell on one of the connections.
#[derive(Debug)]
pub struct Shell {
    /// The shell, like any other terminal.
    pub terminal: client::Terminal,
    /// Whether its connection still answers.
    pub pulse: Pulse,
}

/// Why a pool did not do it.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There are as many connections as there may be, and each has as many channels as the server gives.
    #[error("{host} gives no more channels on its {connections} connections; close a session there first")]
    Full {
        /// The host.
        host: String,
        /// How many connections there are.
        connections: usize,
    },
    /// A connection without any channel was given none.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The shell did not start.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// The command did not start, or its end is not known.
    #[error(transparent)]
    Exec(#[from] ExecError),
}

impl Pool {
    /// Knows where to connect. Nothing is opened yet.
    pub fn new(settings: Settings) -> Self {
        let settings = std::sync::Mutex::new(settings);
        Self { settings, living: std::sync::Mutex::default(), opening: Mutex::default() }
    }

    /// Returns how it connects.
    pub fn settings(&self) -> Settings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connects like this from now on: the newest caller's keys and agent are those that are there.
    pub fn renew(&self, settings: Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Opens a shell.
    pub async fn shell(&self, open: &OpenShell, ask: &Asker) -> Result<Shell, PoolError> {
        loop {
            let (connection, lane) = self.lane(ask).await?;
            let pulse = connection.pulse();
            match shell::start(connection.clone(), lane, open).await {
                Err(ShellError::Channel(ChannelError::Refused(_))) if has_no_room(&connection) => {}
                started => return Ok(Shell { terminal: started?, pulse }),
            }
        }
    }

    /// Runs a command in a channel of its own. `sink` gets what it prints, as it comes, and must not wait.
    pub async fn exec(
        &self,
        exec: &Exec,
        ask: &Asker,
        sink: impl FnMut(Stream, &[u8]) + Send,
    ) -> Result<Outcome, PoolError> {
        // What is wrong with it needs no connection.
        exec.line()?;
        let (connection, lane) = self.lane(ask).await?;
        Ok(exec::run(&connection, lane, exec, sink).await?)
    }

    /// Starts a command in a channel of its own, to be followed while it runs.
    pub async fn isolated(&self, exec: &Exec, ask: &Asker) -> Result<isolated::Command, PoolError> {
        // What is wrong with it needs no connection.
        exec.line()?;
        loop {
            let (connection, lane) = self.lane(ask).await?;
            match isolated::start(connection.clone(), lane, exec).await {
                Err(ExecError::Channel(ChannelError::Refused(_))) if has_no_room(&connection) => {}
                started => return Ok(started?),
            }
        }
    }

    /// Returns a living connection, opened if there is none.
    pub async fn connection(&self, ask: &Asker) -> Result<Arc<Connection>, PoolError> {
        if let Some(connection) = self.living().first() {
            return Ok(connection.clone());
        }
        let _opening = self.opening.lock().await;
        match self.living().first() {
            Some(connection) => Ok(connection.clone()),
            None => self.open(ask).await,
        }
    }

    /// Returns how many connections are open.
    pub fn connections(&self) -> usize {
        self.living().len()
    }

    /// Closes every connection. What runs there is hung up.
    pub async fn close(&self) {
        for connection in self.living() {
            connection.close().await;
        }
    }

    /// Opens a channel on the first connection that gives one.
    async fn lane(&self, ask: &Asker) -> Result<(Arc<Connection>, Lane), PoolError> {
        if let Some(found) = self.shared().await? {
            return Ok(found);
        }
        let _opening = self.opening.lock().await;
        // Somebody else may have opened one while we waited.
        if let Some(found) = self.shared().await? {
            return Ok(found);
        }
        let connections = self.connections();
        let Settings { host, connections_max, .. } = self.settings();
        if connections >= connections_max {
            return Err(PoolError::Full { host, connections });
        }
        let connection = self.open(ask).await?;
        let lane = connection.channel().await?;
        Ok((connection, lane))
    }

    async fn shared(&self) -> Result<Option<(Arc<Connection>, Lane)>, PoolError> {
        for connection in self.living() {
            if connection.is_full() {
                continue;
            }
            match connection.channel().await {
                Ok(lane) => return Ok(Some((connection, lane))),
                Err(ChannelError::Refused(_) | ChannelError::Lost(_)) => {}
                Err(error @ ChannelError::Timeout(_)) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    async fn open(&self, ask: &Asker) -> Result<Arc<Connection>, PoolError> {
        let settings = self.settings();
        let connection = Arc::new(Connection::open(&settings, ask).await?);
        listener::listen(&connection, settings.limits.keepalive);
        if let Ok(mut living) = self.living.lock() {
            living.push(connection.clone());
        }
        Ok(connection)
    }

    fn living(&self) -> Vec<Arc<Connection>> {
        let Ok(mut living) = self.living.lock() else { return Vec::new() };
        living.retain(|it| !it.is_closed());
        living.clone()
    }
}

/// Says whether a connection that refused a channel is full by others: then another connection may have room, and this one is
/// not asked again. A connection with nothing on it has nothing to wait for.
fn has_no_room(connection: &Connection) -> bool {
    connection.channels() > 0 && connection.is_full()
}
