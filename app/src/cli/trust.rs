//! `cotty trust`: a person compares the key of a host, and accepts it.

use std::process::ExitCode;

use cotty_wire::api::{Failure, Trusted};
use cotty_wire::socket::{FromClient, FromServer};

use crate::cli::asking::{Waited, wait_for};
use crate::cli::client::{Client, internal};
use crate::cli::print;

/// Shows the key of a host, asks whether it is the host's, and has it written down.
pub(crate) async fn trust(client: &Client, target: String, json: bool) -> Result<ExitCode, Failure> {
    let trusted = match wait_for(client, "/api/v1/trust", &FromClient::Trust { target }).await? {
        Waited::GivenUp(code) => return Ok(ExitCode::from(code)),
        Waited::Done(done) => match *done {
            FromServer::Trusted { trusted } => trusted,
            _ => return Err(internal("the daemon answered another question")),
        },
    };
    if json {
        print::document(&trusted)?;
    } else {
        print::line(&words(&trusted));
    }
    Ok(ExitCode::SUCCESS)
}

fn words(trusted: &Trusted) -> String {
    let Trusted { name, fingerprint, algorithm, added, place } = trusted;
    if *added {
        format!("The key of {name}, {fingerprint} ({algorithm}), is written to {place}.")
    } else {
        format!("The key of {name}, {fingerprint} ({algorithm}), is known already: {place}.")
    }
}
