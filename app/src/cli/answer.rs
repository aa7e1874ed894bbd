//! `cotty answer`: a person answers what an attempt to connect asks, at this terminal or from a program's output.

use std::io::IsTerminal;
use std::process::ExitCode;

use cotty_wire::api::{Card, Failure};
use cotty_wire::socket::{FromClient, FromServer};

use crate::cli::asking::{Answers, Waited, wait_with};
use crate::cli::client::{Client, internal};
use crate::cli::print;

/// Answers a card, or denies it.
pub(crate) async fn answer(
    client: &Client,
    id: Option<String>,
    deny: bool,
    json: bool,
) -> Result<ExitCode, Failure> {
    let answers = if std::io::stdin().is_terminal() { Answers::Typed } else { Answers::Piped };
    let order = FromClient::Card { id, deny };
    let (card, how) = match wait_with(client, "/api/v1/answer", &order, answers).await? {
        Waited::GivenUp(code) => return Ok(ExitCode::from(code)),
        Waited::Done(done) => match *done {
            FromServer::Answered { card, how } => (card, how),
            _ => return Err(internal("the daemon answered another question")),
        },
    };
    if json {
        print::document(&card)?;
    } else {
        print::line(&format!("{} is {how}. cotty status {} tells what becomes of it", card.id, card.session));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the cards that are open, below a list.
pub(crate) fn cards(cards: &[Card]) {
    for card in cards {
        let Card { id, wants, session, target, asked_by, .. } = card;
        let who = format!("{} {}", asked_by.role, asked_by.label);
        let words =
            format!("{id} asks a person for {wants} ({who} opens {session} on {target}): cotty answer {id}");
        print::line(&print::clean(&words));
    }
}
