//! A call that waits for a person: a client that can open an address is asked to open ours, where the person answers. What is
//! asked there is never asked of the client, for it answers as the agent.

use cotty_core::refusal::{CardRefusal, Refusal};
use cotty_engine::veils;
use rmcp::model::{
    CallToolResponse, CallToolResult, ElicitRequest, ElicitRequestParams, ElicitationAction, InputRequest,
    InputRequests, InputRequiredResult,
};
use rmcp::service::{RequestContext, RoleServer};

use crate::call::Call;

/// What a client is asked to show its person.
pub(crate) struct Question {
    card: String,
    message: String,
    url: String,
}

impl Question {
    /// Returns it where a call was refused since it waits for a person, the client can open addresses, and there is one.
    pub(crate) fn of(
        done: &Result<CallToolResult, Refusal>,
        call: &Call,
        context: &RequestContext<RoleServer>,
    ) -> Option<Self> {
        let Err(Refusal::Card(card)) = done else { return None };
        let CardRefusal::Waits { card, target, .. } = &**card else { return None };
        context.client_capabilities()?.elicitation?.url?;
        let url = call.page_of(*card)?;
        let card = card.to_string();
        // Its name as it was typed by the agent, so that no host has a word in it.
        let message = format!(
            "{target:?} waits for you: answer the card {card} on this page of cotty, or run: cotty answer {card}"
        );
        let message = veils::own(&message).into_owned();
        Some(Self { card, message, url })
    }

    /// The answer of a call that a client makes again when its person was shown that.
    pub(crate) fn required(self) -> CallToolResponse {
        let key = self.card.clone();
        let request = InputRequest::Elicitation(ElicitRequest::new(self.params()));
        InputRequiredResult::from_input_requests(InputRequests::from([(key, request)])).into()
    }

    /// Asks a client of the older revisions; whether its person was shown that.
    pub(crate) async fn show(self, context: &RequestContext<RoleServer>) -> bool {
        let asked = context.peer.create_elicitation(self.params()).await;
        asked.is_ok_and(|it| it.action == ElicitationAction::Accept)
    }

    fn params(self) -> ElicitRequestParams {
        let Self { card, message, url } = self;
        ElicitRequestParams::UrlElicitationParams { meta: None, message, url, elicitation_id: card }
    }
}
