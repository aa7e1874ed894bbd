//! The server that the official conformance suite is pointed at: its fixtures behind our own guard and our own way of
//! speaking MCP by HTTP. Only the credential is given: a fixed agent's. Prints its address and serves until it is ended.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a broken arrangement ends the run at once, and the address is printed for whoever runs the suite"
)]

mod asking;
mod fixtures;
mod known;
mod stand;
mod tasks;
mod things;
mod tools;

#[tokio::main]
async fn main() {
    let state = tempfile::tempdir().expect("a temporary directory can be made");
    let served = stand::served(state.path()).await;
    let address = served.door.open(&*served.house).await.expect("a port is free");
    println!("http://{address}/mcp");
    served.stopping.cancelled().await;
}
