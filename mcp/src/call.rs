//! One call on its way: who calls, and the engine that answers.

use std::sync::Arc;

use cotty_core::names::CardId;
use cotty_engine::hub::Hub;
use cotty_engine::report::{CallKey, Caller};
use cotty_wire::address;

/// Tells where a person finds the sessions in a browser, without a secret; nothing where nobody listens for browsers.
pub type Address = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// What every tool needs beside its arguments.
#[derive(Clone)]
pub struct Call {
    /// The engine.
    pub hub: Hub,
    /// Who calls.
    pub caller: Caller,
    /// Identifies the call over restarts of the daemon.
    pub key: Option<CallKey>,
    /// Where browsers find the daemon.
    pub address: Address,
}

impl Call {
    /// Returns where a person finds a session in a browser, without a secret.
    #[must_use]
    pub fn page(&self, session: &str) -> Option<String> {
        Some(format!("{}{}", (self.address)()?, address::page(session)))
    }

    /// Returns where a person finds a card that is open.
    #[must_use]
    pub fn page_of(&self, card: CardId) -> Option<String> {
        let card = self.hub.cards().into_iter().find(|it| it.id == card)?;
        Some(format!("{}{}", (self.address)()?, address::page_at(&card.session, &card.id.to_string())))
    }
}
