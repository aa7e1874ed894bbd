//! A WebSocket to the daemon that speaks `cotty.1`.

use cotty_wire::api::{Failed, Failure};
use cotty_wire::hello;
use cotty_wire::socket::{FromClient, NAME};
use futures_util::SinkExt;
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::cli::client::{Client, internal};

pub(crate) type Socket = WebSocketStream<UnixStream>;

/// Opens a socket at a path. What is refused there is refused in the daemon's words.
pub(crate) async fn open(client: &Client, path: &str) -> Result<Socket, Failure> {
    let broken =
        |error: &dyn std::fmt::Display| internal(&format!("the socket could not be opened: {error}"));
    let stream = client.stream().await?;
    let mut request = format!("ws://cotty{path}").into_client_request().map_err(|error| broken(&error))?;
    let headers = request.headers_mut();
    headers.insert("Sec-WebSocket-Protocol", NAME.parse().map_err(|error| broken(&error))?);
    headers.insert(hello::HEADER, client.hello().parse().map_err(|error| broken(&error))?);
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => {
            let body = answer.body().as_deref().unwrap_or_default();
            let failed = serde_json::from_slice::<Failed>(body);
            Err(failed.map_or_else(|_| broken(&answer.status()), |it| it.failure))
        }
        Err(error) => Err(broken(&error)),
    }
}

/// Sends a message; says whether it could be sent.
pub(crate) async fn tell(socket: &mut Socket, message: &FromClient) -> bool {
    let Ok(json) = serde_json::to_string(message) else { return false };
    socket.send(Message::text(json)).await.is_ok()
}
