//! `cotty answer`: a person answers what an attempt to connect asks, at this terminal or from a program's output.

use std::io::IsTerminal;
use std::process::ExitCode;

use cotty_core::refusal::{CardRefusal, Refusal};
use cotty_wire::api::{Card, Failure, Query, Sessions};
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
    if answers == Answers::Piped && id.is_none() && !deny {
        return Err(unnamed(client).await);
    }
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

/// Whoever wrote the program had one host in mind, and another's question may be open by now.
async fn unnamed(client: &Client) -> Failure {
    let list: Sessions = match client.get("sessions", &Query::default()).await {
        Ok(list) => list,
        Err(failure) => return failure,
    };
    let named = |card: &Card| {
        let account = card.account.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
        print::clean(&format!("{} (on {}{account})", card.id, card.target))
    };
    let open: Vec<String> = list.cards.iter().map(named).collect();
    let why =
        if open.is_empty() { CardRefusal::None } else { CardRefusal::Unnamed { open: open.join("; ") } };
    Failure::from(&Refusal::from(Box::new(why)))
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
