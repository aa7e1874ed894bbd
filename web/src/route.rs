//! One row of the route table: how it is asked for, by whom, and what it takes and gives.

use axum::http::Method;
use axum::routing::MethodRouter;
use cotty_wire::schema::{self, JsonSchema, Schema, SchemaGenerator};

use crate::grant::Grant;
use crate::listener::Listener;
use crate::rule::{Greeting, Names, Shows};
use crate::served::Served;

/// How a published type is described.
pub type Described = fn(&mut SchemaGenerator) -> Schema;

/// What a route is sent.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// What it is about, in the query.
    Query,
    /// A document.
    Document(Described),
}

/// What a route answers with where all is well.
#[derive(Clone, Copy, Debug)]
pub enum Gives {
    /// Something of its own kind, which is described elsewhere.
    Other,
    /// Nothing more than that it is done.
    Nothing,
    /// Text.
    Text,
    /// JSON that describes itself.
    Json,
    /// Bytes: one frame of the socket's kind.
    Bytes,
    /// A WebSocket.
    Socket,
    /// A document.
    Document(Described),
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
    /// What it is sent.
    pub takes: Takes,
    /// What it answers with.
    pub gives: Gives,
    /// Who serves it.
    pub(crate) serve: MethodRouter<Served>,
}

impl Route {
    /// The same, with another greeting.
    pub(crate) fn greeted(self, greeting: Greeting) -> Self {
        Self { greeting, ..self }
    }

    /// The same, by TCP for these roles.
    pub(crate) fn by_tcp(self, roles: &'static [Grant], names: Names) -> Self {
        Self { tcp: Some(roles), names, ..self }
    }

    /// The same, by TCP for everybody.
    pub(crate) fn open(self, shows: Shows) -> Self {
        Self { tcp: Some(&Grant::ALL), shows, names: Names::None, ..self }
    }

    /// The same, asked by a query.
    pub(crate) fn queried(self) -> Self {
        Self { takes: Takes::Query, ..self }
    }

    /// The same, sent this document.
    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        Self { takes: Takes::Document(schema::of::<T>), ..self }
    }

    /// The same, answered with this document.
    pub(crate) fn answers<T: JsonSchema>(self) -> Self {
        self.gives(Gives::Document(schema::of::<T>))
    }

    /// The same, answered with that.
    pub(crate) fn gives(self, gives: Gives) -> Self {
        Self { gives, ..self }
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
