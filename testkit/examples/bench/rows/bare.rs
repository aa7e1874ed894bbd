//! The SSH library alone: one connection, commands in channels, nothing kept and nothing told.

use std::sync::Arc;

use cotty_testkit::Sshd;
use russh::ChannelMsg;
use russh::client::{self, Handle, Handler};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use tokio::runtime::{Builder, Runtime};

/// A connection.
pub struct Bare {
    runtime: Runtime,
    handle: Handle<Anyone>,
}

/// A row measures on loopback, against the server that it has just started.
struct Anyone;

impl Handler for Anyone {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

impl Bare {
    /// Connects and logs in.
    pub fn connect(server: &Sshd) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let handle = runtime.block_on(connected(server));
        Self { runtime, handle }
    }

    /// Runs a command that ends with 0, and waits until its channel is closed.
    pub fn exec(&mut self, command: &str) {
        self.runtime.block_on(async {
            let mut channel = self.handle.channel_open_session().await.expect("a channel");
            channel.exec(true, command).await.expect("a command");
            let mut status = None;
            while let Some(message) = channel.wait().await {
                match message {
                    ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
                    ChannelMsg::Close => break,
                    _ => {}
                }
            }
            assert_eq!(status, Some(0));
        });
    }
}

async fn connected(server: &Sshd) -> Handle<Anyone> {
    let key = load_secret_key(server.file("user_ed25519"), None).expect("the key");
    let config = Arc::new(client::Config { nodelay: true, ..client::Config::default() });
    let address = ("127.0.0.1", server.port());
    let mut handle = client::connect(config, address, Anyone).await.expect("a connection");
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    let result = handle.authenticate_publickey(server.user(), key).await.expect("an answer");
    assert!(result.success());
    handle
}
