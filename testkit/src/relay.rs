//! A bad network in front of one port: late, lossy, narrow, frozen, cut. In user space, ordered by the test.
//!
//! What runs through it is TCP, so a segment that is lost is not missing: it comes again later, and holds up all behind it.

mod network;
mod pump;
mod pair;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use network::Network;
use pair::Pair;
use pump::carry;

/// A port on 127.0.0.1 that leads to another one. It and all that runs through it end with this value.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    network: Arc<Network>,
    accepting: Option<JoinHandle<()>>,
}

impl Relay {
    /// Opens a port that leads to `port`. At first the network is as good as none.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let own = listener.local_addr().expect("its number").port();
        let network = Arc::new(Network::default());
        let accepting = std::thread::spawn({
            let network = network.clone();
            move || accept(&listener, port, &network)
        });
        Self { port: own, network, accepting: Some(accepting) }
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Each byte takes so long, in either direction: half of a round trip.
    pub fn latency(&self, one_way: Duration) {
        self.network.change(|it| it.latency = one_way);
    }

    /// So many of a thousand segments are lost, and sent again a round trip and 200 ms later.
    pub fn loss(&self, of_a_thousand: u32) {
        self.network.change(|it| it.loss = of_a_thousand.min(1_000));
    }

    /// No more than this passes, in each direction; nothing for as much as comes.
    pub fn bandwidth(&self, bytes_a_second: Option<u64>) {
        self.network.change(|it| it.bandwidth = bytes_a_second.map(|it| it.max(1)));
    }

    /// From now on nothing arrives, and nobody is told.
    pub fn freeze(&self) {
        self.network.change(|it| it.frozen = true);
    }

    /// What was held up by [`Relay::freeze`] goes on.
    pub fn thaw(&self) {
        self.network.change(|it| it.frozen = false);
    }

    /// From now on all that is sent vanishes for good, on connections that stand and on new ones.
    pub fn black_hole(&self) {
        self.network.change(|it| it.swallows = true);
    }

    /// Breaks every connection that stands, on both sides and without a goodbye.
    pub fn reset(&self) {
        self.network.break_all();
    }

    /// How many connections stand.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.network.standing()
    }

    /// How many bytes have arrived, in both directions together.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.network.carried()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.network.end();
        // Who waits for a connection gets one and sees that it is over.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        // No panic here: the test may be ending in one already.
        drop(self.accepting.take().map(JoinHandle::join));
    }
}

fn accept(listener: &TcpListener, port: u16, network: &Arc<Network>) {
    let mut carrying: Vec<JoinHandle<()>> = Vec::new();
    while let Ok((near, _)) = listener.accept() {
        if network.has_ended() {
            break;
        }
        carrying.retain(|it| !it.is_finished());
        let (target, network) = (SocketAddr::from((Ipv4Addr::LOCALHOST, port)), network.clone());
        carrying.push(std::thread::spawn(move || {
            // A target that is not there is seen as one that hangs up.
            if let Some(pair) = Pair::new(near, target) {
                carry(&Arc::new(pair), &network);
            }
        }));
    }
    carrying.into_iter().for_each(|it| drop(it.join()));
}

#[cfg(test)]
mod tests;
