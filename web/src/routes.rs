//! The route table: what there is, which listeners serve it, and who may use it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, get, post};
use cotty_core::names::Role;

use crate::answer::BODY_BYTES_MAX;
pub use crate::guard::Greeting;
use crate::house::Served;
use crate::{answering, api, asking, guard, viewer};

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The unix socket of the instance.
    Unix,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Route {
    /// How it is asked for.
    pub method: Method,
    /// Where.
    pub path: &'static str,
    /// Which listeners serve it.
    pub listeners: &'static [Listener],
    /// Who may use it. What each may do to which session is the engine's to say.
    pub roles: &'static [Role],
    /// What it must say first.
    pub greeting: Greeting,
    serve: MethodRouter<Served>,
}

const EVERYONE: &[Role] = &[Role::Agent, Role::Operator];
const PERSON: &[Role] = &[Role::Operator];

/// Returns the table.
#[must_use]
pub fn table() -> Vec<Route> {
    use Greeting::{AnyProtocol, SameProtocol, Silent};
    vec![
        asked("/livez", EVERYONE, Silent, get(api::alive)),
        asked("/mcp", EVERYONE, SameProtocol, get(guard::to_agent)),
        asked("/api/v1/socket", EVERYONE, SameProtocol, get(viewer::open)),
        asked("/api/v1/open", EVERYONE, SameProtocol, get(asking::open)),
        asked("/api/v1/trust", PERSON, SameProtocol, get(asking::trust)),
        asked("/api/v1/answer", PERSON, SameProtocol, get(answering::answer)),
        asked("/api/v1/secret", PERSON, SameProtocol, get(answering::secret)),
        asked("/api/v1/secrets", PERSON, SameProtocol, get(answering::secrets)),
        told("/api/v1/secrets", PERSON, SameProtocol, post(answering::forget)),
        asked("/api/v1/cards", EVERYONE, SameProtocol, get(answering::cards)),
        asked("/api/v1/sessions", EVERYONE, SameProtocol, get(api::sessions)),
        told("/api/v1/sessions", EVERYONE, SameProtocol, post(api::connect)),
        asked("/api/v1/devices", EVERYONE, SameProtocol, get(api::devices)),
        asked("/api/v1/status", EVERYONE, SameProtocol, get(api::status)),
        told("/api/v1/close", EVERYONE, SameProtocol, post(api::close)),
        told("/api/v1/mode", EVERYONE, SameProtocol, post(api::mode)),
        told("/api/v1/run", EVERYONE, SameProtocol, post(api::run)),
        told("/api/v1/wait", EVERYONE, SameProtocol, post(api::wait)),
        told("/api/v1/send", EVERYONE, SameProtocol, post(api::send)),
        asked("/api/v1/read", EVERYONE, SameProtocol, get(api::read)),
        asked("/api/v1/screen", EVERYONE, SameProtocol, get(api::screen)),
        asked("/api/v1/history", EVERYONE, SameProtocol, get(api::history)),
        asked("/api/v1/runs", EVERYONE, SameProtocol, get(api::runs)),
        asked("/api/v1/evidence", EVERYONE, SameProtocol, get(api::evidence)),
        asked("/api/v1/daemon", EVERYONE, AnyProtocol, get(api::daemon)),
        told("/api/v1/stop", PERSON, AnyProtocol, post(api::stop)),
        told("/api/v1/restart", PERSON, AnyProtocol, post(api::restart)),
    ]
}

fn asked(
    path: &'static str,
    roles: &'static [Role],
    greeting: Greeting,
    serve: MethodRouter<Served>,
) -> Route {
    Route { method: Method::GET, path, listeners: &[Listener::Unix], roles, greeting, serve }
}

fn told(
    path: &'static str,
    roles: &'static [Role],
    greeting: Greeting,
    serve: MethodRouter<Served>,
) -> Route {
    Route { method: Method::POST, path, listeners: &[Listener::Unix], roles, greeting, serve }
}

/// Makes the router of one listener: each row behind its own guard, all else a refusal.
pub(crate) fn router(listener: Listener, served: Served) -> Router {
    let mut router = Router::new();
    for route in table().into_iter().filter(|it| it.listeners.contains(&listener)) {
        let path = route.path;
        let rule = Arc::new(guard::Rule { path, roles: route.roles, greeting: route.greeting });
        let passes = {
            let served = served.clone();
            move |request, next| guard::pass(Arc::clone(&rule), served.clone(), request, next)
        };
        router = router.route(path, route.serve.layer(from_fn(passes)));
    }
    router
        .fallback(guard::unknown)
        .method_not_allowed_fallback(guard::unknown)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(served)
}
