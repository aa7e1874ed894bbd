//! Links and tokens: made by a person at the unix socket, used by TCP, ended in either place.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use cotty_core::refusal::Refusal;
use cotty_engine::report::{Caller, Which};
use cotty_wire::{address, api};

use crate::answer::{Answer, Order, Refused};
use crate::grant::{Grant, Only};
use crate::guard::Admitted;
use crate::logins::{CODE_LIFE, Credential, Kind, Wanted, since_1970};
use crate::page;
use crate::served::Served;

/// No token lives longer than this.
const LIFE_MAX: Duration = Duration::from_secs(366 * 86400);

/// A nonce of a page is no longer than this.
const NONCE_BYTES_MAX: usize = 128;

/// A wrong code is answered after this long.
const WRONG_WAIT: Duration = Duration::from_millis(250);

/// What the disk would not take is tried again after this long.
const SETTLE_EVERY: Duration = Duration::from_secs(1);

/// Makes a link for one browser.
pub(crate) async fn link(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    Order(order): Order<api::LinkOrder>,
) -> Answer<api::Link> {
    let fallback = if order.session.is_some() { Grant::ViewerWrite } else { Grant::Operator };
    let grant = granted(order.role.as_deref(), fallback)?;
    if grant == Grant::Agent {
        let why = "a browser is a person's; an agent gets a token: cotty token new".to_owned();
        return Err(Refusal::InvalidArgument { what: "role", why }.into());
    }
    let only = bound(&served, &caller, order.session).await?;
    let path = only.as_ref().map_or_else(String::new, |it| address::page(&it.session));
    let address = served.door.open(&*served.house).await?;
    let url = served.door.url().unwrap_or_default();
    let wanted = Wanted { grant, only, label: String::new(), expires_at: None };
    let code = served.logins.code(wanted)?;
    Ok(Json(api::Link {
        url: format!("{url}{path}#{code}"),
        plain: format!("{url}{path}"),
        address: address.to_string(),
        role: grant.to_string(),
        expires_in_s: CODE_LIFE.as_secs(),
    }))
}

/// Binds the listener, and says where.
pub(crate) async fn listen(State(served): State<Served>) -> Answer<api::Listening> {
    let address = served.door.open(&*served.house).await?;
    Ok(Json(listening(&served, address)))
}

/// Tells where the listener is.
fn listening(served: &Served, address: std::net::SocketAddr) -> api::Listening {
    api::Listening { address: address.to_string(), url: served.door.url().unwrap_or_default() }
}

/// Makes a token for a program.
pub(crate) async fn new_token(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    Order(order): Order<api::TokenOrder>,
) -> Answer<api::Token> {
    let grant = granted(order.role.as_deref(), Grant::Agent)?;
    let only = bound(&served, &caller, order.session).await?;
    let life = Duration::from_secs(order.expires_s);
    if life.is_zero() || life > LIFE_MAX {
        let why = "it is from one second to 366 days".to_owned();
        return Err(Refusal::InvalidArgument { what: "expires", why }.into());
    }
    let label: String =
        order.label.unwrap_or_default().chars().filter(|it| !it.is_control()).take(60).collect();
    let expires_at = Some(SystemTime::now() + life);
    let (token, credential) = served.logins.make(Kind::Program, Wanted { grant, only, label, expires_at })?;
    Ok(Json(api::Token { token, credential: words(&credential) }))
}

/// Lists logins and tokens.
pub(crate) async fn tokens(State(served): State<Served>) -> Json<api::Credentials> {
    Json(api::Credentials { credentials: served.logins.list().iter().map(words).collect() })
}

/// Ends one of them, or all.
pub(crate) async fn revoke(
    State(served): State<Served>,
    Order(order): Order<api::RevokeOrder>,
) -> Answer<api::Revoked> {
    let all = order.id == "all";
    let revoked = ended(&served, served.logins.revoke(all, |it| all || it.id == order.id))?;
    if revoked.is_empty() && !all {
        let why = format!("there is no login or token {:?}; cotty token list names them", order.id);
        return Err(Refusal::InvalidArgument { what: "id", why }.into());
    }
    Ok(Json(api::Revoked { revoked }))
}

/// Exchanges a code for a bearer, or proves that a login is known here.
pub(crate) async fn login(
    State(served): State<Served>,
    headers: HeaderMap,
    Order(order): Order<api::LoginOrder>,
) -> Response {
    // Browsers send an Origin with every POST; without one nobody can tell whose page this is.
    let port = served.door.address().map_or(0, |it| it.port());
    if !headers.contains_key(header::ORIGIN) {
        return failed(StatusCode::FORBIDDEN, "policy-blocked", "a login comes from the page itself");
    }
    if let Some(asked) = order.prove {
        let proof = (asked.nonce.len() <= NONCE_BYTES_MAX)
            .then(|| served.logins.proof(&asked.login, port, &asked.nonce))
            .flatten();
        return match proof {
            Some(proof) => Json(api::Proof { proof }).into_response(),
            None => failed(StatusCode::UNAUTHORIZED, "auth-failure", "this login has ended"),
        };
    }
    match served.logins.exchange(&order.code.unwrap_or_default()) {
        Ok(Some((bearer, credential))) => Json(api::LoggedIn {
            bearer,
            login: credential.id.clone(),
            port,
            role: credential.grant.to_string(),
            session: credential.only.map(|it| it.session),
        })
        .into_response(),
        Ok(None) => {
            tokio::time::sleep(WRONG_WAIT).await;
            failed(StatusCode::UNAUTHORIZED, "auth-failure", "this link is used up or older than 60 s")
        }
        Err(refusal) => Refused(refusal).into_response(),
    }
}

/// Says as what a page is here, and of which build the daemon's page is.
pub(crate) async fn me(
    State(served): State<Served>,
    Extension(caller): Extension<Caller>,
    Extension(admitted): Extension<Admitted>,
) -> Json<api::Me> {
    let only = admitted.credential.as_ref().and_then(|it| it.only.as_ref());
    Json(api::Me {
        role: admitted.grant.to_string(),
        label: caller.principal.label,
        session: only.map(|it| it.session.clone()),
        build: page::build().to_owned(),
        instance: served.house.about().instance,
        now_ms: since_1970(SystemTime::now()),
    })
}

/// Logs this browser out, or every browser.
pub(crate) async fn logout(
    State(served): State<Served>,
    Extension(admitted): Extension<Admitted>,
    Order(order): Order<api::LogoutOrder>,
) -> Answer<api::Revoked> {
    let is_bound = admitted.credential.as_ref().is_some_and(|it| it.only.is_some());
    let own = admitted.credential.map(|it| it.id).unwrap_or_default();
    if order.everywhere && (admitted.grant != Grant::Operator || is_bound) {
        let bound = if is_bound { " in one session alone" } else { "" };
        let because = format!("it is {own} with the role {}{bound}", admitted.grant);
        return Err(Refusal::PersonOnly { what: "logging everybody out", because }.into());
    }
    let everywhere = order.everywhere;
    let is_meant = |it: &Credential| it.id == own || (everywhere && it.kind == Kind::Browser);
    let revoked = ended(&served, served.logins.revoke(everywhere, is_meant))?;
    Ok(Json(api::Revoked { revoked }))
}

/// Where the disk would not take that somebody is logged out, it is tried until it does: they must not come back with the
/// next daemon.
fn ended(served: &Served, revoked: Result<Vec<String>, Refusal>) -> Result<Vec<String>, Refusal> {
    if let Err(refusal) = &revoked {
        tracing::warn!(%refusal, "that logins have ended is not written yet");
        let (logins, stopping) = (served.logins.clone(), served.stopping.clone());
        drop(served.tasks.spawn(async move {
            while logins.settle().is_err() && !stopping.is_cancelled() {
                tokio::select! {
                    () = tokio::time::sleep(SETTLE_EVERY) => {}
                    () = stopping.cancelled() => {}
                }
            }
        }));
    }
    revoked
}

fn granted(word: Option<&str>, fallback: Grant) -> Result<Grant, Refusal> {
    let Some(word) = word else { return Ok(fallback) };
    word.parse().map_err(|_| {
        let words = Grant::ALL.map(Grant::word).join(", ");
        Refusal::InvalidArgument { what: "role", why: format!("{word:?} is none of {words}") }
    })
}

async fn bound(served: &Served, caller: &Caller, session: Option<String>) -> Result<Option<Only>, Refusal> {
    let Some(session) = session else { return Ok(None) };
    let found = served.hub.status(caller, &Which { session: Some(session), target: None }).await?;
    Ok(Some(Only { session: found.name, opened_at: found.opened_at }))
}

fn words(credential: &Credential) -> api::Credential {
    api::Credential {
        id: credential.id.clone(),
        kind: if credential.kind == Kind::Browser { "browser" } else { "token" }.to_owned(),
        role: credential.grant.to_string(),
        session: credential.only.as_ref().map(|it| it.session.clone()),
        label: credential.label.clone(),
        made_at_ms: since_1970(credential.made_at),
        used_at_ms: since_1970(credential.used_at),
        expires_at_ms: credential.expires_at.map(since_1970),
    }
}

fn failed(status: StatusCode, kind: &str, what: &str) -> Response {
    let next = "Run cotty viewer link".to_owned();
    let failure = api::Failure { kind: kind.to_owned(), what: what.to_owned(), next };
    (status, Json(api::Failed { failure })).into_response()
}
