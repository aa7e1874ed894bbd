//! Messages of `cotty.1` on a WebSocket: read, written, and the end of a connection.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use cotty_wire::socket::{FromClient, FromServer, close};

use crate::veiled;

/// A peer that takes nothing for this long is sent away; it finds the session again when it comes back.
const SEND_WAIT_MAX: Duration = Duration::from_secs(60);

/// A peer has this long to hear why it was sent away.
const PART_WAIT_MAX: Duration = Duration::from_secs(1);

/// How a connection ends: a close code, and a word for logs.
pub(crate) type End = (u16, &'static str);

/// Says why, then reads what is still under way: a socket that is closed with unread bytes takes the reason with it.
pub(crate) async fn part(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let goodbye = async {
        // A peer that is gone cannot be told; one that closed first is answered by the next read.
        socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await.ok();
        while let Some(Ok(_)) = socket.recv().await {}
    };
    tokio::time::timeout(PART_WAIT_MAX, goodbye).await.ok();
}

/// Reads a message; nothing where it is the protocol's own (ping, pong).
pub(crate) fn understood(message: Result<Message, axum::Error>) -> Result<Option<FromClient>, End> {
    match message {
        Ok(Message::Text(text)) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|_| (close::MALFORMED, "not a message of this protocol")),
        Ok(Message::Binary(_)) => Err((close::MALFORMED, "viewers send text")),
        Ok(Message::Ping(_) | Message::Pong(_)) => Ok(None),
        Ok(Message::Close(_)) => Err((close::SESSION_ENDED, "the viewer left")),
        // What is too long cannot be told from what is broken without the library's own type: both end here.
        Err(error) if error.to_string().contains("too l") => Err((close::TOO_LARGE, "a message is too long")),
        Err(_) => Err((close::MALFORMED, "not a WebSocket frame")),
    }
}

pub(crate) async fn say(socket: &mut WebSocket, message: &FromServer) -> Result<(), End> {
    let json =
        serde_json::to_string(message).map_err(|_| (close::MALFORMED, "a message cannot be written"))?;
    send(socket, Message::Text(veiled::message(json).into())).await
}

pub(crate) async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match tokio::time::timeout(SEND_WAIT_MAX, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err((close::SESSION_ENDED, "the viewer left")),
        Err(_) => Err((close::TOO_SLOW, "the viewer takes nothing")),
    }
}
