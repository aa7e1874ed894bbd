//! The one middleware: listener, credential, role, hello and version are checked here, and the caller is made, before
//! anything else runs.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cotty_core::names::Principal;
use cotty_core::refusal::Refusal;
use cotty_engine::report::{Caller, Opens, Secret, Which};
use cotty_wire::api;
use cotty_wire::hello::{self, Hello, PROTOCOL};
use tokio::sync::OwnedSemaphorePermit;

use crate::answer::{Refused, not_understood};
use crate::grant::{Grant, Only};
use crate::house::{House, Judged};
use crate::listener::Listener;
use crate::logins::{Credential, SOCKETS_MAX, Shown, since_1970};
use crate::rule::{Greeting, Names, Rule, Shows};
use crate::served::Served;
use crate::words::Eyes;
use page::{Loads, Shut};

pub(crate) mod headers;

mod page;

/// More than this of a client's name is cut off: it stands in lists and status lines.
const LABEL_CHARACTERS_MAX: usize = 60;

/// A wrong credential is answered after this long.
const WRONG_WAIT: Duration = Duration::from_millis(250);

/// As what somebody was let in.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// What they may do.
    pub(crate) grant: Grant,
    /// By what they came; nothing on the unix socket.
    pub(crate) credential: Option<Credential>,
}

impl Admitted {
    /// Returns whether a session may be seen.
    pub(crate) fn sees(&self, session: &str, opened_at_ms: u64) -> bool {
        let only = self.credential.as_ref().and_then(|it| it.only.as_ref());
        only.is_none_or(|it| it.session == session && since_1970(it.opened_at) == opened_at_ms)
    }

    /// Returns whose eyes they see cards with.
    pub(crate) fn eyes(&self) -> Eyes<'_> {
        let only = self.credential.as_ref().and_then(|it| it.only.as_ref());
        Eyes { grant: self.grant, only: only.map(|it| it.session.as_str()) }
    }

    /// Returns when they are no longer let in; never on the unix socket.
    pub(crate) async fn over(&self, served: &Served) {
        match &self.credential {
            Some(credential) => served.logins.over(credential).await,
            None => std::future::pending().await,
        }
    }

    /// Takes a place for one more socket, until it is dropped. On the unix socket there is always one.
    pub(crate) fn place(&self) -> Result<Option<OwnedSemaphorePermit>, api::Failure> {
        let Some(credential) = &self.credential else { return Ok(None) };
        credential.place().map(Some).ok_or_else(|| api::Failure {
            kind: "limit".to_owned(),
            what: format!("{} has {SOCKETS_MAX} viewers open, and no more are let in", credential.id),
            next: "Close one of them first".to_owned(),
        })
    }

    /// Takes a place for one request of MCP, until it is dropped; nothing where all are taken.
    pub(crate) fn call(&self) -> Option<Option<OwnedSemaphorePermit>> {
        match &self.credential {
            Some(credential) => credential.call().map(Some),
            None => Some(None),
        }
    }

    /// Notes that they are there.
    pub(crate) fn is_here(&self, served: &Served) {
        if let Some(credential) = &self.credential {
            served.logins.used(credential);
        }
    }
}

/// Lets a request on the unix socket pass with its caller, or refuses it.
pub(crate) async fn pass(rule: Arc<Rule>, served: Served, request: Request, next: Next) -> Response {
    let counts = served.counts.clone();
    let response = passed(rule, served, request, next).await;
    counts.answered(Listener::Unix, response.status());
    response
}

async fn passed(rule: Arc<Rule>, served: Served, mut request: Request, next: Next) -> Response {
    if rule.greeting == Greeting::Silent {
        return next.run(request).await;
    }
    match admit(&rule, &*served.house, &request) {
        Ok((caller, hello)) => {
            let grant = caller.principal.role.into();
            request.extensions_mut().insert(Admitted { grant, credential: None });
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(hello);
            next.run(request).await
        }
        Err(refusal) => Refused(refusal).into_response(),
    }
}

/// Lets a request that came by TCP pass with its caller, or refuses it. It ends with the credential.
pub(crate) async fn pass_tcp(rule: Arc<Rule>, served: Served, request: Request, next: Next) -> Response {
    let mut response = match admit_tcp(&rule, &served, request).await {
        Ok((request, admitted)) => {
            let over = async {
                match &admitted {
                    Some(admitted) => admitted.over(&served).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                answer = next.run(request) => answer,
                () = over => shut(Shut::WrongCredential),
            }
        }
        Err(Shut::WrongCredential) => {
            served.counts.shut(Shut::WrongCredential as usize);
            if let Some(times) = served.logins.shown_wrong() {
                tracing::info!(path = rule.path, times, "a wrong credential was shown");
            }
            tokio::time::sleep(WRONG_WAIT).await;
            shut(Shut::WrongCredential)
        }
        Err(why) => {
            served.counts.shut(why as usize);
            shut(why)
        }
    };
    served.counts.answered(Listener::Tcp, response.status());
    headers::put(response.headers_mut());
    response
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

/// The same by TCP, where nobody learns from it what there is.
pub(crate) async fn unknown_tcp(request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut response = match page::check(&parts, Loads::Other) {
        Err(why @ (Shut::Host | Shut::Foreign | Shut::ServiceWorker)) => shut(why),
        _ => Refused(Refusal::InvalidArgument { what: "path", why: "there is nothing here".to_owned() })
            .into_response(),
    };
    if response.status() == StatusCode::BAD_REQUEST {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    headers::put(response.headers_mut());
    response
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
    if !rule.roles.contains(&Grant::from(judged.principal.role)) {
        let what = rule.path.rsplit('/').next().unwrap_or(rule.path);
        return Err(Refusal::PersonOnly { what, because: judged.because.clone() });
    }
    Ok((caller(house, judged, &hello), hello))
}

async fn admit_tcp(
    rule: &Rule,
    served: &Served,
    request: Request,
) -> Result<(Request, Option<Admitted>), Shut> {
    let (mut parts, body) = request.into_parts();
    page::check(&parts, if rule.shows == Shows::Page { Loads::Page } else { Loads::Other })?;
    if rule.shows != Shows::Credential {
        return Ok((Request::from_parts(parts, body), None));
    }
    let credential = served.logins.shown(page::bearer(&parts.headers)).map_err(|it| match it {
        Shown::Nothing => Shut::NoCredential,
        Shown::Wrong => Shut::WrongCredential,
    })?;
    if let Some(Stranger(number)) = parts.extensions.get() {
        served.door.no_stranger(*number);
    }
    if !rule.roles.contains(&credential.grant) {
        return Err(Shut::Role);
    }
    let caller = Caller {
        principal: Principal { role: credential.grant.role(), label: credential.label.clone() },
        because: format!("it is {} with the role {}", credential.id, credential.grant),
        cwd: None,
        env: served.house.agent_socket().map(|it| ("SSH_AUTH_SOCK".into(), it.into())).into_iter().collect(),
        secrets: Vec::new(),
        whole_env: None,
        opens: if credential.grant.governs() { Opens::Everywhere } else { Opens::HostsOnly },
    };
    if let Some(only) = &credential.only {
        keep_to(rule, served, &caller, only, parts.uri.query().unwrap_or_default()).await?;
    }
    let admitted = Admitted { grant: credential.grant, credential: Some(credential) };
    parts.extensions.insert(caller);
    parts.extensions.insert(admitted.clone());
    Ok((Request::from_parts(parts, body), Some(admitted)))
}

/// Keeps a credential of one session to it.
async fn keep_to(
    rule: &Rule,
    served: &Served,
    caller: &Caller,
    only: &Only,
    query: &str,
) -> Result<(), Shut> {
    match rule.names {
        Names::None | Names::Listed => Ok(()),
        Names::Otherwise => Err(Shut::Role),
        Names::InQuery => {
            let asked: api::Query =
                axum::extract::Query::try_from_uri(&format!("/?{query}").parse().map_err(|_| Shut::Role)?)
                    .map_err(|_| Shut::Role)?
                    .0;
            if asked.command.is_some() || asked.session.as_deref() != Some(&only.session) {
                return Err(Shut::Role);
            }
            let which = Which { session: asked.session, target: None };
            let found = served.hub.status(caller, &which).await.map_err(|_| Shut::Role)?;
            let same = since_1970(found.opened_at) == since_1970(only.opened_at);
            if same { Ok(()) } else { Err(Shut::Role) }
        }
    }
}

/// The number of a connection that has shown no credential yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stranger(pub(crate) u64);

fn shut(why: Shut) -> Response {
    let (status, kind, what, next) = why.words();
    let failure = api::Failure { kind: kind.to_owned(), what: what.to_owned(), next: next.to_owned() };
    let mut response = (status, Json(api::Failed { failure })).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"cotty\""));
    }
    response
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
        opens: Opens::Everywhere,
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
