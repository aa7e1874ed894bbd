//! Links, logins and tokens: who may come in by TCP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Makes a link for one browser: `POST /api/v1/viewer-link`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinkOrder {
    /// The only session that it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// `viewer_read`, `viewer_write`, `session_admin` or `operator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// The answer to [`LinkOrder`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// What a browser opens, with a code that is good once.
    pub url: String,
    /// The same without the code: it may be written down.
    pub plain: String,
    /// Where the daemon listens.
    pub address: String,
    /// What it will be allowed to do.
    pub role: String,
    /// The code is good for so many seconds.
    pub expires_in_s: u64,
}

/// Where the daemon listens for browsers and programs: the answer to `POST /api/v1/listen`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listening {
    /// The address and port.
    pub address: String,
    /// What a browser is told.
    pub url: String,
}

/// Makes a token for a program: `POST /api/v1/tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenOrder {
    /// What it may do; `agent` without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The only session that it may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// It ends after so many seconds.
    pub expires_s: u64,
    /// Words for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The answer to [`TokenOrder`]: the only time that the token is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// The token.
    pub token: String,
    /// What it is good for.
    pub credential: Credential,
}

/// A login or a token, without its secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Credential {
    /// By which it is named: `b3`, `t4`.
    pub id: String,
    /// `browser` or `token`.
    pub kind: String,
    /// What it may do.
    pub role: String,
    /// The only session that it may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Words for people.
    pub label: String,
    /// Since when it is there, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// When it was last used.
    pub used_at_ms: u64,
    /// When it ends whatever happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
}

/// Logins and tokens: `GET /api/v1/tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Credentials {
    /// The oldest first.
    pub credentials: Vec<Credential>,
}

/// Ends a login or a token: `POST /api/v1/revoke`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RevokeOrder {
    /// Which, or `all`.
    pub id: String,
}

/// Those that were ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revoked {
    /// Their names.
    pub revoked: Vec<String>,
}

/// What a page says to come in, or before it comes back: `POST /login`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoginOrder {
    /// The code of a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Or a question: does this daemon know the login?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prove: Option<Prove>,
}

/// Asks for a proof that a login is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prove {
    /// The login's name.
    pub login: String,
    /// Random, from the page.
    pub nonce: String,
}

/// HMAC-SHA-256 in hexadecimal digits: its key is the SHA-256 of the bearer, its text `cotty proof`, the port and the
/// nonce, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// The digits.
    pub proof: String,
}

/// A browser is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoggedIn {
    /// Its secret. The daemon keeps a hash of it.
    pub bearer: String,
    /// Its name.
    pub login: String,
    /// The port at which the daemon listens.
    pub port: u16,
    /// What it may do.
    pub role: String,
    /// The only session that it may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// As what a caller by TCP is here: `GET /api/v1/me`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Me {
    /// What it may do.
    pub role: String,
    /// How others see it.
    pub label: String,
    /// The only session that it may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Of which build the daemon's page is.
    pub build: String,
    /// The daemon's instance.
    pub instance: String,
    /// The daemon's clock, in milliseconds since 1970.
    pub now_ms: u64,
}

/// Logs a browser out: `POST /api/v1/logout`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogoutOrder {
    /// And every other one.
    pub everywhere: bool,
}
