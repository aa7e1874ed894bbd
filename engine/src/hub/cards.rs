//! Cards, from the outside: which are open, and how a person answers one.

use std::convert::Infallible;

use cotty_core::names::CardId;
use cotty_core::refusal::{CardRefusal, Refusal};

use tokio::sync::watch;

use super::Hub;
use crate::asking::Person;
use crate::cards::{Card, Ended};
use crate::report::{Caller, Secret, SessionStatus};

/// What a person does about a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They answer what it asks.
    Answer,
    /// They say no.
    Deny,
}

impl Hub {
    /// Returns the open cards, the oldest first. What is in them is for people.
    #[must_use]
    pub fn cards(&self) -> Vec<Card> {
        self.0.cards.list()
    }

    /// Returns what became of the last cards, the oldest first.
    #[must_use]
    pub fn cards_ended(&self) -> Vec<Ended> {
        self.0.cards.ended()
    }

    /// Returns what changes whenever a card comes, changes or goes.
    #[must_use]
    pub fn cards_change(&self) -> watch::Receiver<()> {
        self.0.cards.watch()
    }

    /// Answers a card for a person who has it before their eyes, or denies it: nothing is asked.
    ///
    /// # Errors
    ///
    /// Refuses agents. Says that the card is not open any more, or that this is no answer to it.
    pub fn settle(&self, caller: &Caller, id: CardId, answer: Option<Secret>) -> Result<Card, Refusal> {
        caller.is_person_for("answer")?;
        let (cards, who) = (&self.0.cards, &caller.principal);
        match answer {
            Some(answer) => cards.answer(id, answer, who),
            None => cards.deny(id, who),
        }
    }

    /// Puts a card to a person at a terminal; without a number the only one that is open.
    ///
    /// # Errors
    ///
    /// Refuses agents. Says that it is not open, or was not answered.
    pub async fn answer(
        &self,
        caller: &Caller,
        id: Option<CardId>,
        verdict: Verdict,
        person: &Person,
    ) -> Result<Card, Refusal> {
        caller.is_person_for("answer")?;
        let (cards, who) = (&self.0.cards, &caller.principal);
        let card = cards.find(id)?;
        match verdict {
            Verdict::Deny => cards.deny(card.id, who),
            Verdict::Answer => {
                let text = card.heading() + &card.question.text();
                person.answer_card(cards, &card, text, who).await
            }
        }
    }

    /// Says what a session waits for, where its attempt asks a person.
    pub(super) fn carded(&self, mut status: SessionStatus) -> SessionStatus {
        if let Some(card) = self.0.cards.of_session(&status.name) {
            let (id, wants) = (card.id, card.question.wants());
            status.warnings.push(format!("{id} asks a person for {wants}: cotty answer {id}"));
        }
        status
    }

    /// Returns what a call is refused with whose session asks a person; waits until it does.
    pub(super) async fn asks_a_person(&self, session: &str) -> Refusal {
        waits(&self.0.cards.asked(session).await, session)
    }

    /// The same for a session that may ask at this moment.
    pub(super) fn asks_now(&self, session: &str) -> Option<Refusal> {
        self.0.cards.of_session(session).map(|card| waits(&card, session))
    }

    /// Puts what a session's attempt asks to the person who waits for it; with nobody at a terminal, nothing happens.
    pub(super) async fn attended(
        &self,
        caller: &Caller,
        session: &str,
        person: Option<&Person>,
    ) -> Infallible {
        match person.filter(|it| it.answers()) {
            Some(person) => person.attend(&self.0.cards, session, &caller.principal).await,
            None => std::future::pending().await,
        }
    }
}

fn waits(card: &Card, session: &str) -> Refusal {
    let (target, wants, why) = (card.target_of(session).to_owned(), card.question.wants(), card.why.clone());
    Box::new(CardRefusal::Waits { target, card: card.id, kind: card.question.wanted(), wants, why }).into()
}
