//! Serves MCP: one connection, either era, tools and resources.

use std::io;
use std::time::{Duration, Instant};

use cotty_core::refusal::Refusal;
use cotty_engine::hub::Hub;
use cotty_engine::report::{CallKey, Caller};
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, DiscoverResult, ErrorData, InitializeResult,
    ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, SubscribeRequestParams, SubscriptionFilter,
    UnsubscribeRequestParams,
};
use rmcp::service::{
    QuitReason, RequestContext, RoleServer, ServerInitializeError, ServiceExt, SubscriptionContext,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::MissedTickBehavior;

use crate::asking::Question;
use crate::call::{Address, Call};
use crate::following::{Following, Teller};
use crate::line::Line;
use crate::resources::{self, Thing};
use crate::tools::{self, Order};
use crate::{lists, render};

/// The `_meta` key under which the shim numbers its calls.
///
/// A JSON-RPC id alone would not do: a client that uses one twice would be given its first call's result.
pub const CALL_KEY: &str = "cotty/call";
/// The `_meta` key by which the shim says that it sends a call for the first time: nothing can be known of it yet.
pub const CALL_IS_NEW: &str = "cotty/new";
/// No call lasts longer: the shortest time-out among clients is 60 s.
const CALL_MAX: Duration = Duration::from_secs(50);
/// A client of the older revisions has this long to say that its person was shown an address; the call goes on after it.
const SHOWN_WAIT: Duration = Duration::from_secs(25);
/// After this long a caller who wants to know is told that we are at it.
const PROGRESS_FIRST: Duration = Duration::from_secs(2);
/// And then this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Serves one connection until its client ends it.
///
/// `nonce` names the connecting shim: with a call's number it makes the key by which a call that is sent again
/// after a break is known.
///
/// # Errors
///
/// Passes on that the stream broke; an end in order is none.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    hub: Hub,
    caller: Caller,
    nonce: String,
    address: Address,
) -> io::Result<()> {
    let server = Server { hub, from: From::Shim { caller, nonce }, address, following: Following::default() };
    let running = match server.serve(Line::new(stream)).await {
        Ok(running) => running,
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(io::Error::other(error)),
    };
    match running.waiting().await {
        Ok(QuitReason::JoinError(error)) | Err(error) => Err(io::Error::other(error)),
        Ok(_) => Ok(()),
    }
}

/// Answers one connection.
pub struct Server {
    hub: Hub,
    from: From,
    address: Address,
    following: Following,
}

/// Where requests come from.
enum From {
    /// From a shim, which tells who calls once, and asks again after a break.
    Shim { caller: Caller, nonce: String },
    /// By HTTP, where each request says by itself who calls.
    Http,
}

impl Server {
    /// Makes what answers those who come by HTTP: each request carries its [`Caller`] among its extensions.
    #[must_use]
    pub fn by_http(hub: Hub, address: Address) -> Self {
        Self { hub, from: From::Http, address, following: Following::default() }
    }

    /// Carries a call out; where it waits for a person, and the client can show that person an address, it is asked to.
    async fn answered(
        &self,
        order: Order,
        call: &Call,
        context: &RequestContext<RoleServer>,
        is_first: bool,
    ) -> CallToolResponse {
        let (again, name, began) = (order.clone(), order.name(), Instant::now());
        let mut done = carried_out(order, call, context, CALL_MAX).await;
        // A client that comes again has shown it.
        if is_first && let Some(question) = Question::of(&done, call, context) {
            if is_stateless(context) {
                return question.required();
            }
            let shown = tokio::time::timeout(SHOWN_WAIT, question.show(context)).await;
            if shown.unwrap_or(false) {
                let left = CALL_MAX.saturating_sub(began.elapsed());
                done = carried_out(again, call, context, left).await;
            }
        }
        tools::said(call, name, done).into()
    }

    fn call(&self, context: &RequestContext<RoleServer>) -> Result<Call, ErrorData> {
        let (hub, address) = (self.hub.clone(), self.address.clone());
        let (caller, nonce) = match &self.from {
            From::Shim { caller, nonce } => (caller, nonce),
            From::Http => {
                let parts = context.extensions.get::<http::request::Parts>();
                let caller = parts.and_then(|it| it.extensions.get::<Caller>()).cloned();
                let unknown = || ErrorData::internal_error("a request came without its caller", None);
                return Ok(Call { hub, caller: caller.ok_or_else(unknown)?, key: None, address });
            }
        };
        let number = match context.meta.get(CALL_KEY) {
            Some(number) => number.to_string(),
            None => context.id.clone().into_json_value().to_string(),
        };
        let is_new = context.meta.get(CALL_IS_NEW).is_some_and(|it| it == true);
        let key = Some(CallKey { name: format!("{nonce}:{number}"), is_new });
        Ok(Call { hub, caller: caller.clone(), key, address })
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> InitializeResult {
        lists::info()
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        Ok(lists::discovered())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        lists::tools(is_stateless(&context)).map_err(|it| ErrorData::internal_error(it.to_string(), None))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(order) = tools::understand(&request.name, request.arguments.unwrap_or_default()) else {
            let name: String = request.name.chars().take(60).collect();
            return Err(ErrorData::invalid_params(format!("there is no tool {name:?}"), None));
        };
        let call = self.call(&context)?;
        let is_first = request.input_responses.is_none();
        // A cancelled call's reply is dropped by the protocol's machinery; dropping the work is ours to do, and
        // what it has typed stays typed: the command has a handle.
        let result = tokio::select! {
            biased;
            // A daemon that ends cancels too, and then any reply would be taken for the answer: none is given, and
            // the client's shim asks the next daemon.
            () = context.ct.cancelled() => std::future::pending().await,
            result = self.answered(order, &call, &context, is_first) => result,
        };
        self.hub.before_reply();
        Ok(result)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(lists::resources(is_stateless(&context)))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(lists::templates(is_stateless(&context)))
    }

    async fn read_resource(
        &self,
        asked: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let call = self.call(&context)?;
        let read = resources::read(&call, &asked.uri, is_stateless(&context)).await;
        self.hub.before_reply();
        read.map(Into::into)
    }

    async fn subscribe(
        &self,
        asked: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let thing = Thing::of(&asked.uri)
            .ok_or_else(|| resources::unknown(&asked.uri, "there is no such resource"))?;
        let teller = Teller::Connection(context.peer.clone());
        self.following.begin(self.call(&context)?, asked.uri, thing, teller)
    }

    async fn unsubscribe(
        &self,
        asked: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.following.end(&asked.uri);
        Ok(())
    }

    fn accepted_subscription_filter(&self, wanted: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let mut accepted = wanted.supported_by(&self.get_info().capabilities);
        if let Some(uris) = &mut accepted.resource_subscriptions {
            uris.retain(|it| Thing::of(it).is_some());
            uris.truncate(resources::FOLLOWED_MAX);
        }
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let call = self.call(context.request_context())?;
        let following = Following::default();
        for uri in context.accepted().resource_subscriptions.clone().unwrap_or_default() {
            if let Some(thing) = Thing::of(&uri) {
                following.begin(call.clone(), uri, thing, Teller::Stream(context.sink().clone()))?;
            }
        }
        context.cancelled().await;
        Ok(())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }
}

/// Whether a request stands for itself, as since 2026-07-28.
fn is_stateless(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|it| it >= ProtocolVersion::V_2026_07_28)
}

/// Carries a call out within its time, and tells a caller who asked for it that it goes on.
async fn carried_out(
    order: Order,
    call: &Call,
    context: &RequestContext<RoleServer>,
    limit: Duration,
) -> Result<CallToolResult, Refusal> {
    let name = order.name();
    let began = Instant::now();
    let work = tokio::time::timeout(limit, order.done(call));
    tokio::pin!(work);
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + PROGRESS_FIRST, PROGRESS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // A tick that is cancelled is lost at no cost; the work is not cancelled by it, only waited for again.
        tokio::select! {
            biased;
            done = &mut work => return done.unwrap_or_else(|_| Err(overdue(name))),
            _ = ticks.tick() => tell(name, began.elapsed(), context).await,
        }
    }
}

fn overdue(name: &str) -> Refusal {
    Refusal::Internal { what: format!("{name} was not answered within {} s", CALL_MAX.as_secs()) }
}

async fn tell(name: &str, elapsed: Duration, context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else { return };
    let message = format!("{name}: {}", render::words::time(elapsed));
    let progress = ProgressNotificationParam::new(token, elapsed.as_secs_f64()).with_message(message);
    // A client that is gone is noticed by the connection's own loop.
    drop(context.peer.notify_progress(progress).await);
}
