//! `cotty answer`: a person answers what an attempt to connect asks, at this terminal or from a program's output.

use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;

use cotty_core::refusal::Refusal;
use cotty_wire::api::{Card, Failure};
use cotty_wire::socket::{FromClient, FromServer, Hidden};
use zeroize::Zeroizing;

use crate::cli::asking::{Answers, Waited, wait_with};
use crate::cli::client::{Client, internal};
use crate::cli::print;

/// No secret is longer.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

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

/// Reads the first line of standard input. Nobody else is asked before the daemon has asked for it.
pub(crate) fn piped() -> Result<Hidden, Failure> {
    let stdin = std::io::stdin();
    let refused = |why: String| Failure::from(&Refusal::InvalidArgument { what: "standard input", why });
    // Of its full size from the start, so that nothing of it is left behind by growing.
    let mut line = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX as usize + 1));
    let read = stdin.lock().take(SECRET_BYTES_MAX + 1).read_until(b'\n', &mut line);
    read.map_err(|error| refused(error.to_string()))?;
    if line.len() as u64 > SECRET_BYTES_MAX {
        return Err(refused("its first line has more than 64 KiB".to_owned()));
    }
    let text = std::str::from_utf8(&line).map_err(|_| refused("it is not UTF-8".to_owned()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(refused("it holds no answer".to_owned()));
    }
    Ok(Hidden::new(text.to_owned()))
}
