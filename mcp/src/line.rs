//! The line to a client: JSON-RPC messages, one a line, as the library's own transport reads and writes them.
//!
//! Calls of tools are nearly all that comes. They are read here, in one pass and into what they are; the library reads
//! every message into a tree first, to see which of two dozen kinds it is, which takes longer than all else that is done
//! with a call before a session has it. Whatever is not plainly a call is left to the library, with its errors.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use rmcp::model::{CallToolRequest, CallToolRequestParams, ClientRequest, JsonRpcMessage, NumberOrString};
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, ReadBuf, ReadHalf, WriteHalf};

/// A longer line is handed to the library as it comes.
const CALL_BYTES_MAX: usize = 128 * 1024;

/// See the top of this file.
pub(crate) struct Line<S: AsyncWrite> {
    reader: BufReader<ReadHalf<S>>,
    /// What was read of a line.
    line: Vec<u8>,
    /// The library has the beginning of the line that is being read.
    is_in_middle: bool,
    left: Left,
    library: AsyncRwTransport<RoleServer, Left, WriteHalf<S>>,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Line<S> {
    /// Takes a connection.
    pub(crate) fn new(stream: S) -> Self {
        let (read, write) = tokio::io::split(stream);
        let left = Left::default();
        let library = AsyncRwTransport::new_server(left.clone(), write);
        Self { reader: BufReader::new(read), line: Vec::new(), is_in_middle: false, left, library }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport<RoleServer> for Line<S> {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.library.send(item)
    }

    // It is cancelled whenever there is something to be sent: what was read of a line stays.
    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let read = tokio::select! {
                biased;
                message = self.library.receive() => return message,
                read = read_line(&mut self.reader, &mut self.line) => read,
            };
            if !matches!(read, Ok(true)) {
                self.left.end(); // A client that was cut off is one that has ended.
                continue;
            }
            let call = if self.is_in_middle { None } else { call_of(&self.line) };
            if call.is_none() {
                self.left.push(&self.line);
            }
            self.is_in_middle = !self.line.ends_with(b"\n");
            self.line.clear();
            if call.is_some() {
                return call;
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.library.close().await
    }
}

/// Reads the rest of a line, or of one that is long a part; false at the end.
async fn read_line<R: AsyncRead + Unpin>(reader: &mut BufReader<R>, line: &mut Vec<u8>) -> io::Result<bool> {
    while !line.ends_with(b"\n") && line.len() < CALL_BYTES_MAX {
        let bytes = reader.fill_buf().await?;
        if bytes.is_empty() {
            return Ok(false);
        }
        let end = bytes.iter().position(|it| *it == b'\n').map_or(bytes.len(), |it| it + 1);
        line.extend_from_slice(&bytes[..end]);
        reader.consume(end);
    }
    Ok(true)
}

/// Reads a call of a tool; nothing if it is anything else, or not quite one.
fn call_of(line: &[u8]) -> Option<RxJsonRpcMessage<RoleServer>> {
    #[derive(Deserialize)]
    struct Message<'line> {
        jsonrpc: &'line str,
        id: NumberOrString,
        method: &'line str,
        params: CallToolRequestParams,
    }
    let Message { jsonrpc, id, method, mut params } = serde_json::from_slice(line).ok()?;
    if jsonrpc != "2.0" || method != "tools/call" {
        return None;
    }
    // The library keeps what a client says beside its arguments here, and nowhere else.
    let meta = params.meta.take();
    let mut request = CallToolRequest::new(params);
    if let Some(meta) = meta {
        request.extensions.insert(meta);
    }
    Some(JsonRpcMessage::request(ClientRequest::CallToolRequest(request), id))
}

/// What is left to the library: it reads this as its client.
#[derive(Clone, Default)]
struct Left(Arc<Mutex<Rest>>);

#[derive(Default)]
struct Rest {
    bytes: Vec<u8>,
    ended: bool,
}

impl Left {
    fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).bytes.extend_from_slice(bytes);
    }

    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
    }
}

impl AsyncRead for Left {
    // Nobody is to be woken: who adds to it asks the library at once.
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.bytes.is_empty() && !rest.ended {
            return Poll::Pending;
        }
        let taken = rest.bytes.len().min(to.remaining());
        to.put_slice(&rest.bytes[..taken]);
        rest.bytes.drain(..taken);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// The same message, read by the library alone.
    fn by_library(line: &[u8]) -> RxJsonRpcMessage<RoleServer> {
        serde_json::from_slice(line).unwrap()
    }

    #[test]
    fn a_call_is_read_as_the_library_reads_it() {
        for message in [
            json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
                "params": {"name": "ssh_run", "arguments": {"command": "a\n\"b\" \u{e9}"}}}),
            json!({"jsonrpc": "2.0", "id": "x", "method": "tools/call",
                "params": {"name": "ssh_list", "_meta": {"progressToken": 3, "cotty/call": 9}}}),
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "extra": [1],
                "params": {"arguments": {}, "name": "none", "requestState": "s"}}),
        ] {
            let line = format!("{message}\r\n").into_bytes();
            let call = call_of(&line).expect("it is a call");
            assert_eq!(format!("{call:?}"), format!("{:?}", by_library(&line)));
        }
    }

    #[test]
    fn what_is_no_call_is_left_alone() {
        for line in [
            &br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#[..],
            br#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}"#,
            br#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"x"}}"#,
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{}}}"#,
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}"#,
            b"\xff\n",
            b"\n",
        ] {
            assert!(call_of(line).is_none(), "{}", line.escape_ascii());
        }
    }

    #[tokio::test]
    async fn calls_and_all_else_come_in_their_order_wherever_they_are_cut() {
        let long = "x".repeat(3 * CALL_BYTES_MAX);
        let said = [
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a"}}),
            json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}),
            json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "b", "arguments": {"c": long}}}),
            json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "c"}}),
        ];
        let bytes: Vec<u8> = said.iter().flat_map(|it| format!("{it}\n").into_bytes()).collect();
        for cut in [1, 7, 8 * 1024, bytes.len()] {
            let (ours, mut theirs) = tokio::io::duplex(4096);
            let bytes = bytes.clone();
            let talking = tokio_util::task::TaskTracker::new().spawn(async move {
                for piece in bytes.chunks(cut) {
                    theirs.write_all(piece).await.unwrap();
                }
                theirs
            });
            let mut line = Line::new(ours);
            for id in 1..=4 {
                let message = serde_json::to_value(line.receive().await.expect("there is more")).unwrap();
                assert_eq!(message["id"], Value::from(id));
            }
            drop(talking.await.unwrap());
            assert!(line.receive().await.is_none());
        }
    }
}
