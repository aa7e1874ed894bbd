//! `cotty secret`: what people give for later, kept in the daemon's memory. Values come from a terminal or standard input.

use std::io::IsTerminal;
use std::process::ExitCode;

use cotty_wire::api::{Failure, ForgetOrder, Forgotten, KeptSecret, Query, Secrets};
use cotty_wire::socket::{FromClient, FromServer};

use crate::cli::arguments::SecretOrder;
use crate::cli::asking::{Answers, Waited, wait_with};
use crate::cli::client::{Client, internal};
use crate::cli::print;

/// Carries out what is wanted of secrets.
pub(crate) async fn secret(client: &Client, what: SecretOrder, json: bool) -> Result<ExitCode, Failure> {
    match what {
        SecretOrder::Set { target, purpose } => return set(client, target, purpose.word(), json).await,
        SecretOrder::List => {
            let list: Secrets = client.get("secrets", &Query::default()).await?;
            if json {
                print::document(&list)?;
            } else if list.secrets.is_empty() {
                print::aside("No secret is kept.");
            } else {
                table(&list.secrets);
            }
        }
        SecretOrder::Forget { target } => {
            let forgotten: Forgotten = client.post("secrets", &ForgetOrder { target }).await?;
            if json {
                print::document(&forgotten)?;
            } else {
                print::line(&format!("{} forgotten.", forgotten.count));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(client: &Client, target: String, purpose: &str, json: bool) -> Result<ExitCode, Failure> {
    let answers = if std::io::stdin().is_terminal() { Answers::Typed } else { Answers::Piped };
    let order = FromClient::Secret { target, purpose: purpose.to_owned() };
    let secrets = match wait_with(client, "/api/v1/secret", &order, answers).await? {
        Waited::GivenUp(code) => return Ok(ExitCode::from(code)),
        Waited::Done(done) => match *done {
            FromServer::Kept { secrets } => secrets,
            _ => return Err(internal("the daemon answered another question")),
        },
    };
    if json {
        print::document(&Secrets { secrets })?;
    } else {
        print::line("It is kept in memory, until cotty secret forget or the end of the daemon.");
        table(&secrets);
    }
    Ok(ExitCode::SUCCESS)
}

fn table(secrets: &[KeptSecret]) {
    let mut rows = vec![["TARGET", "ACCOUNT", "KEY", "FOR", "UNTIL"].map(str::to_owned)];
    for it in secrets {
        let until = match &it.session {
            Some(session) => format!("{session} is closed"),
            None => "forgotten".to_owned(),
        };
        rows.push([it.target.clone(), it.account.clone(), it.key.clone(), it.purpose.clone(), until]);
    }
    print::table(&rows);
}
