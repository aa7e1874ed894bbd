//! Who follows which resource: one task each, which ends with its follower.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::model::{ErrorData, ResourceUpdatedNotificationParam};
use rmcp::service::{Peer, RoleServer, SubscriptionSink};
use tokio::task::{AbortHandle, JoinSet};

use crate::call::Call;
use crate::resources::{FOLLOWED_MAX, Thing, changed};

/// What one connection follows.
#[derive(Default)]
pub(crate) struct Following(Mutex<Tasks>);

#[derive(Default)]
struct Tasks {
    /// Dropped, it ends them all.
    all: JoinSet<()>,
    by_uri: BTreeMap<String, AbortHandle>,
}

/// Where changes are told.
pub(crate) enum Teller {
    /// To the whole connection.
    Connection(Peer<RoleServer>),
    /// On a stream of its own.
    Stream(SubscriptionSink),
}

impl Following {
    /// Begins to follow; what is followed already goes on.
    pub(crate) fn begin(
        &self,
        call: Call,
        uri: String,
        thing: Thing,
        teller: Teller,
    ) -> Result<(), ErrorData> {
        let mut tasks = self.tasks();
        while tasks.all.try_join_next().is_some() {}
        tasks.by_uri.retain(|_, it| !it.is_finished());
        if tasks.by_uri.contains_key(&uri) {
            return Ok(());
        }
        if tasks.by_uri.len() >= FOLLOWED_MAX {
            let why = format!("{FOLLOWED_MAX} resources are followed, and no more are");
            return Err(ErrorData::invalid_params(why, None));
        }
        let task = tasks.all.spawn(tell_changes(call, uri.clone(), thing, teller));
        tasks.by_uri.insert(uri, task);
        Ok(())
    }

    /// Follows no longer.
    pub(crate) fn end(&self, uri: &str) {
        if let Some(task) = self.tasks().by_uri.remove(uri) {
            task.abort();
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of each change until nobody listens.
async fn tell_changes(call: Call, uri: String, thing: Thing, teller: Teller) {
    let mut seen = None;
    loop {
        changed(&call, &thing, &mut seen).await;
        let told = match &teller {
            Teller::Connection(peer) => {
                peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(&uri)).await.is_ok()
            }
            Teller::Stream(sink) => sink.notify_resource_updated(&uri).await.is_ok(),
        };
        if !told {
            return;
        }
    }
}
