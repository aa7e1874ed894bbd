//! What a row of the route table asks of a request.

use crate::grant::Grant;

/// What a request must say of its caller first, on the unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// Nothing.
    Silent,
    /// A hello of any protocol: these requests stay as they are, so that every version can ask for them.
    AnyProtocol,
    /// A hello of the daemon's own protocol.
    SameProtocol,
}

/// What a request by TCP must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Nothing: it is the page, which names no session, or what is needed to log in.
    Nothing,
    /// Nothing, and a page may be opened from anywhere.
    Page,
    /// A credential.
    Credential,
}

/// How a route names its session: so is a credential of one session kept to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// It names none and concerns none.
    None,
    /// It lists them; only the one is shown.
    Listed,
    /// In the query; only the one may be named.
    InQuery,
    /// In other ways: closed to a credential of one session.
    Otherwise,
}

/// What one row of the table asks of a request.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) path: &'static str,
    pub(crate) roles: &'static [Grant],
    pub(crate) greeting: Greeting,
    pub(crate) shows: Shows,
    pub(crate) names: Names,
}
