//! What a server opens that nobody asked it for: nothing of it comes in, but the agent where it was lent.

use std::sync::Arc;

use cotty_host::native::connect::Connection;
use cotty_host::native::secret::ask_nobody;
use cotty_host::native::settings::Settings;
use russh::Error;
use russh::server::{self, Auth, Handle, Session};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;

use super::hostile::{key, target};
use crate::world::block_on;

/// Lets everybody in, and then opens one channel of each kind.
struct Opens {
    told: mpsc::Sender<(&'static str, bool)>,
}

impl server::Handler for Opens {
    type Error = Error;

    async fn auth_password(&mut self, _: &str, _: &str) -> Result<Auth, Error> {
        Ok(Auth::Accept)
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), Error> {
        let (handle, told) = (session.handle(), self.told.clone());
        tokio::spawn(async move { opens_all(&handle, &told).await });
        Ok(())
    }
}

async fn opens_all(handle: &Handle, told: &mpsc::Sender<(&'static str, bool)>) {
    let opened = [
        ("agent", handle.channel_open_agent().await),
        ("session", handle.channel_open_session().await),
        ("direct", handle.channel_open_direct_tcpip("127.0.0.1", 22, "127.0.0.1", 1).await),
        ("direct local", handle.channel_open_direct_streamlocal("/run/user/0/bus").await),
        ("forwarded", handle.channel_open_forwarded_tcpip("127.0.0.1", 80, "127.0.0.1", 1).await),
        ("forwarded local", handle.channel_open_forwarded_streamlocal("/tmp/x").await),
        ("x11", handle.channel_open_x11("127.0.0.1", 6000).await),
    ];
    for (kind, opened) in opened {
        // Any other error would be a connection that broke, and would tell nothing.
        let taken = match opened {
            Ok(_) => true,
            Err(Error::ChannelOpenFailure(_)) => false,
            Err(error) => panic!("{kind}: {error}"),
        };
        told.send((kind, taken)).await.unwrap();
    }
}

#[test]
fn of_what_a_server_opens_unasked_nothing_is_taken_but_the_agent_that_was_lent() {
    let folder = tempfile::tempdir().unwrap();
    let host_key = key(&folder, "known");
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::new(server::Config { keys: vec![host_key], ..server::Config::default() });
        let (told, mut hears) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let opens = Opens { told: told.clone() };
                let session = server::run_stream(config.clone(), stream, opens).await;
                tokio::spawn(async move { drop(session.unwrap().await) });
            }
        });
        let socket = folder.path().join("agent");
        let _agent = UnixListener::bind(&socket).unwrap();
        for forwarded_agent in [None, Some(socket)] {
            let lent = forwarded_agent.is_some();
            let known = target(&folder, address, "known");
            let settings = Settings { identity_files: Vec::new(), forwarded_agent, ..known };
            let connection = Connection::open(&settings, &ask_nobody()).await.unwrap();
            for _ in 0..7 {
                let (kind, taken) = hears.recv().await.unwrap();
                assert_eq!(taken, lent && kind == "agent", "{kind}, lent: {lent}");
            }
            drop(connection);
        }
    });
}
