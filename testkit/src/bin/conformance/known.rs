//! What all fixtures know, and the two ways in which an answer is made.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{CallToolResult, ContentBlock, ErrorData, RequestStateCodec};
use rmcp::service::{SubscriptionContext, SubscriptionSink};
use rmcp::task_manager::TaskManager;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Whoever has the key could forge what was sealed: here it is nobody's secret.
const KEY: &[u8] = b"the fixtures of a conformance run have no secret";

/// What is listened to by streams of their own.
type Listening = Arc<Mutex<BTreeMap<u64, SubscriptionSink>>>;

/// All fixtures. Copies share what they know.
#[derive(Clone)]
pub(crate) struct Fixtures {
    /// Seals what a client carries for us.
    pub(crate) codec: RequestStateCodec,
    /// What goes on by itself.
    pub(crate) tasks: TaskManager,
    listening: Listening,
    next: Arc<AtomicU64>,
}

impl Default for Fixtures {
    fn default() -> Self {
        let codec = RequestStateCodec::new_unchecked(KEY);
        Self { codec, tasks: TaskManager::new(), listening: Listening::default(), next: Arc::default() }
    }
}

/// Makes a result of what is written down as it goes over the wire.
pub(crate) fn complete<T: DeserializeOwned>(mut value: Value) -> Result<T, ErrorData> {
    value["resultType"] = json!("complete");
    made(value)
}

/// Makes anything of what is written down as it goes over the wire.
pub(crate) fn made<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

impl Fixtures {
    /// Returns the streams that are open.
    pub(crate) fn listening(&self) -> Vec<SubscriptionSink> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Keeps a stream open until it is given up.
    pub(crate) async fn keep(&self, context: SubscriptionContext) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let all = || self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        all().insert(number, context.sink().clone());
        context.cancelled().await;
        all().remove(&number);
    }
}

/// A text as an answer.
pub(crate) fn said(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}
