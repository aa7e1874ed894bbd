//! The one middleware: role, hello and version are checked here, and the caller is made, before anything else runs.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cotty_core::names::{Principal, Role};
use cotty_core::refusal::Refusal;
use cotty_engine::report::{Caller, Secret};
use cotty_wire::hello::{self, Hello, PROTOCOL, UPGRADE_MCP};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::answer::{Refused, not_understood};
use crate::house::Served;
use crate::house::{House, Judged};

/// More than this of a client's name is cut off: it stands in lists and status lines.
const LABEL_CHARACTERS_MAX: usize = 60;

/// What a request must say of its caller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// Nothing.
    Silent,
    /// A hello of any protocol: these requests stay as they are, so that every version can ask for them.
    AnyProtocol,
    /// A hello of the daemon's own protocol.
    SameProtocol,
}

/// What one row of the table asks of a request.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) path: &'static str,
    pub(crate) roles: &'static [Role],
    pub(crate) greeting: Greeting,
}

/// Lets a request pass with its caller, or refuses it.
pub(crate) async fn pass(rule: Arc<Rule>, served: Served, mut request: Request, next: Next) -> Response {
    if rule.greeting == Greeting::Silent {
        return next.run(request).await;
    }
    match admit(&rule, &*served.house, &request) {
        Ok((caller, hello)) => {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(hello);
            next.run(request).await
        }
        Err(refusal) => Refused(refusal).into_response(),
    }
}

/// Answers for what is not in the table: perhaps a newer caller knows more than we do.
pub(crate) async fn unknown(request: Request) -> Response {
    let hello = greeting(request.headers()).ok();
    let why = format!("there is no {} {} here", request.method(), request.uri().path());
    let mut response = Refused(not_understood(hello.as_ref(), "path", why)).into_response();
    if response.status() == StatusCode::BAD_REQUEST {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// Turns a request into the stream of an agent's MCP lines. Whoever comes this way is an agent, wherever it runs.
pub(crate) async fn to_agent(
    State(served): State<Served>,
    Extension(mut caller): Extension<Caller>,
    Extension(hello): Extension<Hello>,
    request: Request,
) -> Result<Response, Refused> {
    let (mut parts, _) = request.into_parts();
    let wanted = parts.headers.get(header::UPGRADE).is_some_and(|it| it.as_bytes() == UPGRADE_MCP.as_bytes());
    let upgrade = parts.extensions.remove::<OnUpgrade>().filter(|_| wanted).ok_or_else(|| {
        Refusal::InvalidArgument { what: "upgrade", why: format!("this path only upgrades to {UPGRADE_MCP}") }
    })?;
    if caller.principal.role != Role::Agent {
        caller.principal.role = Role::Agent;
        "it speaks MCP".clone_into(&mut caller.because);
    }
    let stopping = served.stopping.clone();
    served.tasks.clone().spawn(async move {
        let Ok(stream) = upgrade.await else { return };
        let work = served.house.serve_agent(Box::new(TokioIo::new(stream)), caller, hello.nonce);
        // Dropped in the middle, a call leaves its record: the shim asks the next daemon again with the same key.
        tokio::select! { () = work => {}, () = stopping.cancelled() => {} }
    });
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, UPGRADE_MCP)
        .body(Body::empty());
    answer.map_err(|error| Refusal::Internal { what: error.to_string() }.into())
}

fn admit(rule: &Rule, house: &dyn House, request: &Request) -> Result<(Caller, Hello), Refusal> {
    let judged = request
        .extensions()
        .get::<Judged>()
        .ok_or_else(|| Refusal::Internal { what: "a request came without its peer".to_owned() })?;
    let hello = greeting(request.headers())?;
    if rule.greeting == Greeting::SameProtocol && hello.protocol != PROTOCOL {
        return Err(Refusal::VersionSkew {
            ours: hello.version,
            daemon: env!("CARGO_PKG_VERSION").to_owned(),
            why: format!("protocol {} is spoken here, not {}", PROTOCOL, hello.protocol),
        });
    }
    if !rule.roles.contains(&judged.principal.role) {
        let what = rule.path.rsplit('/').next().unwrap_or(rule.path);
        return Err(Refusal::PersonOnly { what, because: judged.because.clone() });
    }
    Ok((caller(house, judged, &hello), hello))
}

fn greeting(headers: &HeaderMap) -> Result<Hello, Refusal> {
    let wrong = |why: &str| Refusal::InvalidArgument { what: hello::HEADER, why: why.to_owned() };
    let value = headers.get(hello::HEADER).ok_or_else(|| wrong("every request says hello in this header"))?;
    let json = hello::from_header(value.as_bytes()).ok_or_else(|| wrong("it is too long or not encoded"))?;
    serde_json::from_str(&json).map_err(|error| wrong(&error.to_string()))
}

fn caller(house: &dyn House, judged: &Judged, hello: &Hello) -> Caller {
    let passed = hello.env.iter().filter(|(name, _)| house.passes(name));
    let secrets = hello.env.iter().filter(|(name, _)| house.holds_a_secret(name));
    Caller {
        principal: Principal { role: judged.principal.role, label: label(judged, hello) },
        because: judged.because.clone(),
        cwd: hello.cwd.as_deref().map(Into::into),
        env: passed.map(|(name, value)| (name.into(), value.into())).collect(),
        secrets: secrets.map(|(name, value)| (name.clone(), Secret::new(value.clone()))).collect(),
        whole_env: None,
    }
}

/// A label is shown on terminals: it is cleaned of what terminals obey.
fn label(judged: &Judged, hello: &Hello) -> String {
    let said: String =
        hello.client.chars().filter(|it| !it.is_control()).take(LABEL_CHARACTERS_MAX).collect();
    match (said.is_empty(), judged.principal.label.is_empty()) {
        (true, _) => judged.principal.label.clone(),
        (false, true) => said,
        (false, false) => format!("{said} {}", judged.principal.label),
    }
}
