//! How the rest of the program speaks to a session.

use std::sync::Arc;

use cotty_core::refusal::Refusal;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::request::{Reply, Request};

/// Whoever asks when as many are waiting, waits for a place.
const MAILBOX: usize = 64;

/// A session, from the outside. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SessionHandle {
    requests: mpsc::Sender<Request>,
    identity: Arc<Identity>,
}

/// What is known of a session without asking it. Only a name changes, and then there is a new handle.
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) target: String,
    /// The account on a host; none on this machine.
    pub(crate) place: Option<String>,
    /// Its name was made from what it is opened on: who names that means this one.
    pub(crate) is_nameless: bool,
    /// What its shell signs with; masked in every text.
    pub(crate) key: String,
}

impl SessionHandle {
    pub(crate) fn new(identity: Identity) -> (Self, mpsc::Receiver<Request>) {
        let (requests, mailbox) = mpsc::channel(MAILBOX);
        (Self { requests, identity: Arc::new(identity) }, mailbox)
    }

    /// The same session by another name: it is no longer the one that its target alone means.
    pub(crate) fn renamed(&self, name: &str) -> Self {
        let Identity { id, target, place, key, .. } = &*self.identity;
        let identity = Identity {
            id: id.clone(),
            name: name.to_owned(),
            target: target.clone(),
            place: place.clone(),
            is_nameless: false,
            key: key.clone(),
        };
        Self { requests: self.requests.clone(), identity: Arc::new(identity) }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.tell(request(reply)).await?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Tells without waiting for an answer.
    pub(crate) async fn tell(&self, request: Request) -> Result<(), Refusal> {
        self.requests.send(request).await.map_err(|_| self.gone())
    }

    /// Tells a task that has only begun, or is played: there is room.
    pub(crate) fn tell_now(&self, request: Request) {
        drop(self.requests.try_send(request));
    }

    /// Tells that a viewer has left, where nobody can wait. Many may leave at once: who finds no room is told of later, for
    /// nobody else would say it.
    pub(crate) fn tell_left(&self, seat: u64) {
        let Err(TrySendError::Full(leave)) = self.requests.try_send(Request::Leave { seat }) else { return };
        let (session, runtime) = (self.requests.clone(), tokio::runtime::Handle::try_current());
        if let Ok(runtime) = runtime {
            // It ends with the task at the latest.
            runtime.spawn(async move { session.send(leave).await.ok() });
        }
    }

    /// Returns whether its task has ended.
    pub(crate) fn is_gone(&self) -> bool {
        self.requests.is_closed()
    }

    /// Waits until its task has ended, and its name is free.
    pub(crate) async fn until_gone(&self) {
        self.requests.closed().await;
    }

    /// The task has ended: the session has.
    pub(crate) fn gone(&self) -> Refusal {
        let Identity { name, target, .. } = &*self.identity;
        Refusal::SessionClosed {
            session: name.clone(),
            target: target.clone(),
            reason: "it has ended".into(),
        }
    }
}
