//! `cotty send`: text and keys for what runs in a session.

use std::process::ExitCode;

use cotty_wire::api::{Failure, Output, SendOrder};

use crate::cli::arguments::{Enter, Order};
use crate::cli::client::{self, Client};
use crate::cli::{exit, print};

/// What the terminal says within this time is shown.
const WAIT_MS: u64 = 300;

/// Types, and shows what follows. What was expected and not seen is told by the exit code.
pub(crate) async fn send(client: &Client, order: Order, json: bool) -> Result<ExitCode, Failure> {
    let Order::Send { name, text, keys, enter, no_enter, expect, wait } = order else {
        return Ok(ExitCode::SUCCESS);
    };
    let enter = enter.or(no_enter.then_some(Enter::None)).map(|it| {
        match it {
            Enter::Lf => "lf",
            Enter::Cr => "cr",
            Enter::Crlf => "crlf",
            Enter::None => "none",
        }
        .to_owned()
    });
    let wait_ms = if expect.is_some() { wait.saturating_mul(1000) } else { WAIT_MS };
    let order =
        SendOrder { session: Some(name), text, keys, enter, expect, wait_ms, key: Some(client::key()) };
    let output: Output = client.post("send", &order).await?;
    if json {
        print::document(&output)?;
    } else {
        print::output(&output);
    }
    let unseen = output.met == Some(false);
    Ok(if unseen { ExitCode::from(exit::STILL_RUNNING) } else { ExitCode::SUCCESS })
}
