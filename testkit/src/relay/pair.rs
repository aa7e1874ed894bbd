//! The two ends of one connection through the relay.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

/// The two ends of a connection.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) near: TcpStream,
    pub(super) far: TcpStream,
    is_cut: AtomicBool,
}

impl Pair {
    /// Connects the far end; nothing if nobody is there.
    pub(super) fn new(near: TcpStream, target: SocketAddr) -> Option<Self> {
        let far = TcpStream::connect(target).ok()?;
        for stream in [&near, &far] {
            stream.set_nodelay(true).ok()?;
        }
        Some(Self { near, far, is_cut: AtomicBool::new(false) })
    }

    /// Breaks it: whoever is at either end sees a reset.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        for stream in [&self.near, &self.far] {
            // To dissolve the association resets it at once, whatever is still to be read or sent.
            let _gone_already = rustix::net::connect_unspec(stream);
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }
}
