//! The route table: what there is, which listeners serve it, and who may use it there.

use std::sync::{Arc, OnceLock};

use axum::http::Method;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Json, Router};
use cotty_wire::api as wire;
use serde_json::Value;

use crate::grant::Grant;
pub use crate::listener::Listener;
pub use crate::route::{Described, Gives, Route, Takes};
pub use crate::rule::{Greeting, Names, Shows};
use crate::served::Served;
use crate::{
    agents, allowing, answering, api, asking, guard, login, metrics, openapi, page, probes, rule, searching,
    veiled, viewer,
};

const EVERYONE: &[Grant] = &[Grant::Agent, Grant::Operator];
const PERSON: &[Grant] = &[Grant::Operator];
const ADMINS: &[Grant] = &[Grant::SessionAdmin, Grant::Operator];
/// In what viewers see a session's key is not masked: an agent reads texts instead.
const WATCHERS: &[Grant] = &[Grant::ViewerRead, Grant::ViewerWrite, Grant::SessionAdmin, Grant::Operator];
const WRITERS: &[Grant] = &[Grant::Agent, Grant::SessionAdmin, Grant::Operator];

/// Returns the table.
#[must_use]
pub fn table() -> Vec<Route> {
    [of_pages(), of_programs(), of_agents(), of_sessions(), of_the_house(), of_logins()].concat()
}

/// Returns the description of all of it.
#[must_use]
pub fn described() -> Value {
    openapi::made(&table())
}

async fn description() -> Json<&'static Value> {
    static MADE: OnceLock<Value> = OnceLock::new();
    std::future::ready(Json(MADE.get_or_init(described))).await
}

/// What a browser loads.
fn of_pages() -> Vec<Route> {
    vec![
        page("/", get(page::page)),
        page("/s/{*name}", get(page::page)),
        page("/d/{*name}", get(page::page)),
        page("/favicon.svg", get(page::icon)).open(Shows::Nothing),
        page("/assets/{build}/{file}", get(page::asset)).open(Shows::Nothing),
        Route { method: Method::POST, ..page("/login", post(login::login)).open(Shows::Nothing) },
    ]
}

/// What programs ask that watch a daemon, or want to know how to speak with it.
fn of_programs() -> Vec<Route> {
    let probe = |path, serve| asked(path, EVERYONE, serve).greeted(Greeting::Silent).open(Shows::Nothing);
    let all = &Grant::ALL;
    vec![
        probe("/livez", get(probes::alive)).gives(Gives::Text),
        probe("/readyz", get(probes::ready)).gives(Gives::Text),
        probe("/health", get(probes::ready)).gives(Gives::Text),
        asked("/metrics", EVERYONE, get(metrics::metrics)).by_tcp(all, Names::Otherwise).gives(Gives::Text),
        asked("/openapi.json", EVERYONE, get(description)).by_tcp(all, Names::None).gives(Gives::Json),
    ]
}

/// How agents speak.
fn of_agents() -> Vec<Route> {
    vec![
        asked("/mcp", EVERYONE, get(agents::by_shim)),
        by_agents(Method::POST, "/mcp", post(agents::by_http)),
        by_agents(Method::GET, "/mcp", get(agents::by_http)),
        by_agents(Method::DELETE, "/mcp", delete(agents::by_http)),
        by_agents(Method::GET, "/sse", get(agents::by_old_transport)),
        by_agents(Method::POST, "/sse", post(agents::by_old_transport)),
    ]
}

/// The sessions: what they are, what runs in them and what they printed.
fn of_sessions() -> Vec<Route> {
    use Names::{InQuery, Listed, Otherwise};
    let all = &Grant::ALL;
    let look = |path, serve| asked(path, EVERYONE, serve).by_tcp(all, InQuery).queried();
    let order = |path, roles, serve| told(path, EVERYONE, serve).by_tcp(roles, Otherwise);
    vec![
        look("/api/v1/socket", get(viewer::open)).gives(Gives::Socket),
        asked("/api/v1/sessions", EVERYONE, get(api::sessions))
            .by_tcp(all, Listed)
            .answers::<wire::Sessions>(),
        order("/api/v1/sessions", ADMINS, post(api::connect))
            .takes::<wire::Connect>()
            .answers::<wire::Connected>(),
        look("/api/v1/status", get(api::status)).answers::<wire::Session>(),
        order("/api/v1/close", ADMINS, post(api::close))
            .takes::<wire::CloseOrder>()
            .answers::<wire::Closed>(),
        order("/api/v1/mode", ADMINS, post(api::mode)).takes::<wire::ModeOrder>().answers::<wire::Session>(),
        order("/api/v1/rename", ADMINS, post(api::rename))
            .takes::<wire::RenameOrder>()
            .answers::<wire::Session>(),
        order("/api/v1/run", WRITERS, post(api::run)).takes::<wire::RunOrder>().answers::<wire::Output>(),
        order("/api/v1/wait", WRITERS, post(api::wait)).takes::<wire::WaitOrder>().answers::<wire::Output>(),
        order("/api/v1/send", WRITERS, post(api::send)).takes::<wire::SendOrder>().answers::<wire::Output>(),
        look("/api/v1/read", get(api::read)).answers::<wire::Output>(),
        look("/api/v1/search", get(searching::search)).answers::<wire::Found>(),
        asked("/api/v1/journal", PERSON, get(api::journal))
            .by_tcp(WATCHERS, InQuery)
            .queried()
            .gives(Gives::Bytes),
        look("/api/v1/screen", get(api::screen)).answers::<wire::Screen>(),
        look("/api/v1/history", get(api::history)).answers::<wire::History>(),
        look("/api/v1/runs", get(api::runs)).answers::<wire::Runs>(),
        asked("/api/v1/evidence", EVERYONE, get(api::evidence))
            .by_tcp(all, Otherwise)
            .queried()
            .answers::<wire::Evidence>(),
    ]
}

/// The daemon, its hosts, and what a person answers.
fn of_the_house() -> Vec<Route> {
    use Greeting::AnyProtocol;
    let ends = |path, serve| told(path, PERSON, serve).greeted(AnyProtocol);
    vec![
        asked("/api/v1/open", EVERYONE, get(asking::open)).gives(Gives::Socket),
        asked("/api/v1/trust", PERSON, get(asking::trust)).gives(Gives::Socket),
        asked("/api/v1/answer", PERSON, get(answering::answer)).gives(Gives::Socket),
        asked("/api/v1/secret", PERSON, get(answering::secret)).gives(Gives::Socket),
        asked("/api/v1/secrets", PERSON, get(answering::secrets)).answers::<wire::Secrets>(),
        told("/api/v1/secrets", PERSON, post(answering::forget))
            .takes::<wire::ForgetOrder>()
            .answers::<wire::Forgotten>(),
        asked("/api/v1/cards", EVERYONE, get(answering::cards))
            .by_tcp(&Grant::ALL, Names::InQuery)
            .queried()
            .answers::<wire::Cards>(),
        told("/api/v1/cards/{card}/answer", PERSON, post(answering::settle))
            .by_tcp(PERSON, Names::InQuery)
            .takes::<wire::CardAnswer>()
            .gives(Gives::Nothing),
        asked("/api/v1/devices", EVERYONE, get(api::devices))
            .by_tcp(ADMINS, Names::Otherwise)
            .answers::<wire::Devices>(),
        told("/api/v1/device-test", EVERYONE, post(api::test))
            .takes::<wire::TestOrder>()
            .answers::<wire::DeviceTest>(),
        told("/api/v1/allow", PERSON, post(allowing::allow))
            .takes::<wire::AllowOrder>()
            .answers::<wire::Allowed>(),
        asked("/api/v1/daemon", EVERYONE, get(api::daemon)).greeted(AnyProtocol).answers::<wire::Daemon>(),
        ends("/api/v1/stop", post(api::stop)).answers::<wire::Closed>(),
        ends("/api/v1/restart", post(api::restart)).answers::<wire::Daemon>(),
    ]
}

/// Links, tokens and logins.
fn of_logins() -> Vec<Route> {
    let all = &Grant::ALL;
    let own = |route: Route| Route { unix: None, ..route.by_tcp(all, Names::None) };
    vec![
        told("/api/v1/viewer-link", PERSON, post(login::link))
            .takes::<wire::LinkOrder>()
            .answers::<wire::Link>(),
        told("/api/v1/listen", PERSON, post(login::listen)).answers::<wire::Listening>(),
        asked("/api/v1/tokens", PERSON, get(login::tokens)).answers::<wire::Credentials>(),
        told("/api/v1/tokens", PERSON, post(login::new_token))
            .takes::<wire::TokenOrder>()
            .answers::<wire::Token>(),
        told("/api/v1/revoke", PERSON, post(login::revoke))
            .takes::<wire::RevokeOrder>()
            .answers::<wire::Revoked>(),
        own(asked("/api/v1/me", EVERYONE, get(login::me))).answers::<wire::Me>(),
        own(told("/api/v1/logout", EVERYONE, post(login::logout)))
            .takes::<wire::LogoutOrder>()
            .answers::<wire::Revoked>(),
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
        takes: Takes::Nothing,
        gives: Gives::Other,
        serve,
    }
}

fn told(path: &'static str, roles: &'static [Grant], serve: MethodRouter<Served>) -> Route {
    Route { method: Method::POST, ..asked(path, roles, serve) }
}

/// By TCP alone: a program of this machine has its shim.
fn by_agents(method: Method, path: &'static str, serve: MethodRouter<Served>) -> Route {
    Route { method, unix: None, ..asked(path, EVERYONE, serve).by_tcp(WRITERS, Names::Otherwise) }
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
        let rule = Arc::new(rule::Rule { path, roles, greeting, shows, names });
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
    let router = router.layer(from_fn(veiled::veiled));
    router.with_state(served)
}
