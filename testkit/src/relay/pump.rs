//! One connection through the relay: two directions, each read at once and written when it is due.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use super::network::Network;
use super::pair::Pair;

/// What is read at once.
const PIECE_BYTES: usize = 16 << 10;

/// Pieces on the way in one direction: above them the sender is made to wait, as by a full window.
const PIECES_MAX: usize = 256;

/// Bytes on their way; none for the end of a direction.
type Piece = (Instant, Vec<u8>);

/// Carries both directions until both have ended.
pub(super) fn carry(pair: &Arc<Pair>, network: &Arc<Network>) {
    network.add(pair);
    std::thread::scope(|scope| {
        for (from, to) in [(&pair.near, &pair.far), (&pair.far, &pair.near)] {
            let (sender, receiver) = sync_channel(PIECES_MAX);
            scope.spawn(move || read(from, pair, network, &sender));
            scope.spawn(move || write(to, pair, network, &receiver));
        }
    });
    network.remove(pair);
}

fn read(mut from: &TcpStream, pair: &Pair, network: &Network, sender: &SyncSender<Piece>) {
    let mut buffer = vec![0; PIECE_BYTES];
    let (mut free, mut last) = (Instant::now(), Instant::now());
    loop {
        // One end broke: so does the other.
        let Ok(bytes) = from.read(&mut buffer) else { return pair.cut() };
        let arrival = network.arrival(bytes, free, last);
        if let Some(moments) = arrival {
            (free, last) = moments;
            if sender.send((last, buffer[..bytes].to_vec())).is_err() {
                return;
            }
        }
        if bytes == 0 {
            return;
        }
    }
}

fn write(mut to: &TcpStream, pair: &Pair, network: &Network, pieces: &Receiver<Piece>) {
    for (due, bytes) in pieces {
        if !network.wait(due, pair) {
            return;
        }
        if bytes.is_empty() {
            // The other direction may go on.
            drop(to.shutdown(Shutdown::Write));
        } else if to.write_all(&bytes).is_err() {
            // Nobody reads any more: the sender is not to wait for ever.
            return pair.cut();
        }
        network.note_carried(bytes.len());
    }
}
