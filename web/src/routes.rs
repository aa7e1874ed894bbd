//! The route table: what there is, which listeners serve it, and who may use it there.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, get, post};

use crate::answer::BODY_BYTES_MAX;
use crate::grant::Grant;
pub use crate::guard::{Greeting, Names, Shows};
use crate::served::Served;
use crate::{answering, api, asking, guard, login, page, probes, viewer};

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The unix socket of the instance.
    Unix,
    /// Loopback TCP, for browsers and programs.
    Tcp,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Route {
    /// How it is asked for.
    pub method: Method,
    /// Where.
    pub path: &'static str,
    /// Who may use it on the unix socket; not served there without it. What each may do to which session is the
    /// engine's to say.
    pub unix: Option<&'static [Grant]>,
    /// What it must say first there.
    pub greeting: Greeting,
    /// Who may use it by TCP; not served there without it.
    pub tcp: Option<&'static [Grant]>,
    /// What it must show first there.
    pub shows: Shows,
    /// How it names its session.
    pub names: Names,
    serve: MethodRouter<Served>,
}

impl Route {
    fn greeted(self, greeting: Greeting) -> Self {
        Self { greeting, ..self }
    }

    fn by_tcp(self, roles: &'static [Grant], names: Names) -> Self {
        Self { tcp: Some(roles), names, ..self }
    }

    fn open(self, shows: Shows) -> Self {
        Self { tcp: Some(&Grant::ALL), shows, names: Names::None, ..self }
    }

    /// Returns who may use it on a listener; nothing where that does not serve it.
    #[must_use]
    pub fn roles(&self, listener: Listener) -> Option<&'static [Grant]> {
        match listener {
            Listener::Unix => self.unix,
            Listener::Tcp => self.tcp,
        }
    }
}

const EVERYONE: &[Grant] = &[Grant::Agent, Grant::Operator];
const PERSON: &[Grant] = &[Grant::Operator];
const ADMINS: &[Grant] = &[Grant::SessionAdmin, Grant::Operator];
/// In what viewers see a session's key is not masked: an agent reads texts instead.
const WATCHERS: &[Grant] = &[Grant::ViewerRead, Grant::ViewerWrite, Grant::SessionAdmin, Grant::Operator];
const WRITERS: &[Grant] = &[Grant::Agent, Grant::SessionAdmin, Grant::Operator];

/// Returns the table.
#[must_use]
pub fn table() -> Vec<Route> {
    use Greeting::{AnyProtocol, Silent};
    use Names::{InQuery, Listed, Otherwise};
    let all = &Grant::ALL;
    vec![
        page("/", get(page::page)),
        page("/s/{*name}", get(page::page)),
        page("/d/{*name}", get(page::page)),
        page("/favicon.svg", get(page::icon)).open(Shows::Nothing),
        page("/assets/{build}/{file}", get(page::asset)).open(Shows::Nothing),
        Route { method: Method::POST, ..page("/login", post(login::login)).open(Shows::Nothing) },
        asked("/livez", EVERYONE, get(probes::alive)).greeted(Silent).open(Shows::Nothing),
        asked("/readyz", EVERYONE, get(probes::ready)).greeted(Silent).open(Shows::Nothing),
        asked("/health", EVERYONE, get(probes::ready)).greeted(Silent).open(Shows::Nothing),
        asked("/mcp", EVERYONE, get(guard::to_agent)),
        asked("/api/v1/socket", EVERYONE, get(viewer::open)).by_tcp(all, InQuery),
        asked("/api/v1/open", EVERYONE, get(asking::open)),
        asked("/api/v1/trust", PERSON, get(asking::trust)),
        asked("/api/v1/answer", PERSON, get(answering::answer)),
        asked("/api/v1/secret", PERSON, get(answering::secret)),
        asked("/api/v1/secrets", PERSON, get(answering::secrets)),
        told("/api/v1/secrets", PERSON, post(answering::forget)),
        asked("/api/v1/cards", EVERYONE, get(answering::cards)).by_tcp(all, InQuery),
        told("/api/v1/cards/{card}/answer", PERSON, post(answering::settle)).by_tcp(PERSON, InQuery),
        asked("/api/v1/sessions", EVERYONE, get(api::sessions)).by_tcp(all, Listed),
        told("/api/v1/sessions", EVERYONE, post(api::connect)).by_tcp(ADMINS, Otherwise),
        asked("/api/v1/devices", EVERYONE, get(api::devices)).by_tcp(ADMINS, Otherwise),
        asked("/api/v1/status", EVERYONE, get(api::status)).by_tcp(all, InQuery),
        told("/api/v1/close", EVERYONE, post(api::close)).by_tcp(ADMINS, Otherwise),
        told("/api/v1/mode", EVERYONE, post(api::mode)).by_tcp(ADMINS, Otherwise),
        told("/api/v1/run", EVERYONE, post(api::run)).by_tcp(WRITERS, Otherwise),
        told("/api/v1/wait", EVERYONE, post(api::wait)).by_tcp(WRITERS, Otherwise),
        told("/api/v1/send", EVERYONE, post(api::send)).by_tcp(WRITERS, Otherwise),
        asked("/api/v1/read", EVERYONE, get(api::read)).by_tcp(all, InQuery),
        asked("/api/v1/journal", PERSON, get(api::journal)).by_tcp(WATCHERS, InQuery),
        asked("/api/v1/screen", EVERYONE, get(api::screen)).by_tcp(all, InQuery),
        asked("/api/v1/history", EVERYONE, get(api::history)).by_tcp(all, InQuery),
        asked("/api/v1/runs", EVERYONE, get(api::runs)).by_tcp(all, InQuery),
        asked("/api/v1/evidence", EVERYONE, get(api::evidence)).by_tcp(all, Otherwise),
        asked("/api/v1/daemon", EVERYONE, get(api::daemon)).greeted(AnyProtocol),
        told("/api/v1/stop", PERSON, post(api::stop)).greeted(AnyProtocol),
        told("/api/v1/restart", PERSON, post(api::restart)).greeted(AnyProtocol),
        told("/api/v1/viewer-link", PERSON, post(login::link)),
        told("/api/v1/listen", PERSON, post(login::listen)),
        asked("/api/v1/tokens", PERSON, get(login::tokens)),
        told("/api/v1/tokens", PERSON, post(login::new_token)),
        told("/api/v1/revoke", PERSON, post(login::revoke)),
        Route { unix: None, ..asked("/api/v1/me", EVERYONE, get(login::me)).by_tcp(all, Names::None) },
        Route {
            unix: None,
            ..told("/api/v1/logout", EVERYONE, post(login::logout)).by_tcp(all, Names::None)
        },
    ]
}

fn asked(path: &'static str, roles: &'static [Grant], serve: MethodRouter<Served>) -> Route {
    Route {
        method: Method::GET,
        path,
        unix: Some(roles),
        greeting: Greeting::SameProtocol,
        tcp: None,
        shows: Shows::Credential,
        names: Names::Otherwise,
        serve,
    }
}

fn told(path: &'static str, roles: &'static [Grant], serve: MethodRouter<Served>) -> Route {
    Route { method: Method::POST, ..asked(path, roles, serve) }
}

fn page(path: &'static str, serve: MethodRouter<Served>) -> Route {
    Route { unix: None, ..asked(path, EVERYONE, serve).open(Shows::Page) }
}

/// Makes the router of one listener: each row behind its own guard, all else a refusal.
pub(crate) fn router(listener: Listener, served: Served) -> Router {
    let mut router = Router::new();
    for route in table() {
        let Some(roles) = route.roles(listener) else { continue };
        let Route { path, greeting, shows, names, .. } = route;
        let rule = Arc::new(guard::Rule { path, roles, greeting, shows, names });
        let served = served.clone();
        let guarded = match listener {
            Listener::Unix => route.serve.layer(from_fn(move |request, next| {
                guard::pass(Arc::clone(&rule), served.clone(), request, next)
            })),
            Listener::Tcp => route.serve.layer(from_fn(move |request, next| {
                guard::pass_tcp(Arc::clone(&rule), served.clone(), request, next)
            })),
        };
        router = router.route(path, guarded);
    }
    let router = match listener {
        Listener::Unix => router.fallback(guard::unknown).method_not_allowed_fallback(guard::unknown),
        Listener::Tcp => router.fallback(guard::unknown_tcp).method_not_allowed_fallback(guard::unknown_tcp),
    };
    router.layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(served)
}
