//! What is said of hosts: the keys of theirs that a person accepts, and those that the configuration names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Failure, Who};

/// A key of a host that a person accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trusted {
    /// The name under which it is kept: `web1`, `[web1]:2222`, or ssh's alias of it.
    pub name: String,
    /// `SHA256:...`
    pub fingerprint: String,
    /// `ssh-ed25519`
    pub algorithm: String,
    /// It was written down just now.
    pub added: bool,
    /// The file in which it stands, with the line where it was known before.
    pub place: String,
}

/// Lets the file of a project say more than it may of itself: `POST /api/v1/allow`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowOrder {
    /// The file.
    pub path: String,
    /// Its content, as it was seen; without it nothing of the file is allowed any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What is allowed now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Allowed {
    /// The file.
    pub path: String,
    /// The content that is allowed; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The answer of `GET /api/v1/devices`: the hosts that the configuration names, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Devices {
    /// Each of them.
    pub devices: Vec<Device>,
}

/// A host that the configuration names, as it is written there. Nobody was asked about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its host, address, or alias of ssh's.
    pub host: String,
    /// Its port; ssh's without one.
    pub port: Option<u16>,
    /// The account; ssh's without one.
    pub user: Option<String>,
    /// The group to which it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How to log in, where that is settled; as ssh does without it.
    pub login: Option<DeviceLogin>,
    /// Words for people.
    pub label: Option<String>,
    /// Words by which it is found with others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// It is what is opened when nothing is said.
    pub is_default: bool,
    /// The names of the sessions that are open on it.
    pub sessions: Vec<String>,
}

/// Where a login finds what it needs. No secret is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceLogin {
    /// The file of the private key.
    pub key: Option<String>,
    /// Where the key's passphrase is: `$VARIABLE` or a file.
    pub passphrase: Option<String>,
    /// Where the account's password is: `$VARIABLE` or a file.
    pub password: Option<String>,
}

/// Tries a host: `POST /api/v1/device-test`. It is connected to until it shows its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TestOrder {
    /// A device, or a host as it may be named anywhere.
    pub target: String,
    /// Log in, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub login: bool,
}

/// What a host that was tried came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceTest {
    /// As it was named.
    pub target: String,
    /// The account, as people read it.
    pub account: String,
    /// Host and port.
    pub address: String,
    /// The hosts on the way, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
    /// The steps that were begun, in their order; only the last one may have failed.
    pub steps: Vec<TestStep>,
    /// Whether a login was let in; nothing where none was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_in: Option<bool>,
    /// Why it came no further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What a login has at hand, in the order of its use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub login: Vec<String>,
    /// The agent.
    pub agent: String,
    /// What the known hosts say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_hosts: Vec<String>,
    /// Commands to copy that would help, the most certain first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<String>,
    /// What else is to be known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A step on the way to a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestStep {
    /// The host, as it is named.
    pub host: String,
    /// What is done there, in words.
    pub step: String,
    /// It came to its end.
    pub done: bool,
}

/// The answer of `GET /api/v1/cards`: what waits for a person, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cards {
    /// Each of them.
    pub cards: Vec<Card>,
    /// What became of the last ones that are none any more, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<EndedCard>,
}

/// A card that is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndedCard {
    /// `q7`
    pub id: String,
    /// How it ended.
    pub how: String,
}

/// The body of `POST /api/v1/cards/ID/answer`. It is read into one buffer of its size, which is wiped.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CardAnswer<'a> {
    /// The answer's bytes, two digits a byte: so there is nothing to unescape, and no copy that nobody wipes.
    #[serde(borrow, default)]
    pub answer_hex: Option<&'a str>,
    /// A no, in place of an answer.
    #[serde(default)]
    pub deny: bool,
}

/// A question of an attempt to connect that only a person may answer. What stands on it is an operator's to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Card {
    /// `q7`
    pub id: String,
    /// `host-key`, `passphrase`, `password` or `challenge`.
    pub kind: String,
    /// The session that is to be opened.
    pub session: String,
    /// What was named to open it.
    pub target: String,
    /// What it asks for, in a few words.
    pub wants: String,
    /// The account and the host that ask, as `me@web1:22`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The fingerprint of the key that the host shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The question, with the server's words where it is one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The algorithm of a key that is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// The name under which that key would be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The file that it would be written to; of a passphrase, the key's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The server's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// What helps to judge a key, a line each: its picture, and under which other names it is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub helps: Vec<String>,
    /// What was tried before, and what could not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What is typed may be shown.
    pub echo: bool,
    /// Who wants the session.
    pub asked_by: Who,
    /// The how manieth time it is asked, from 1.
    pub attempt: u32,
    /// When it was asked, in milliseconds since 1970.
    pub opened_at_ms: u64,
    /// When it ends by itself.
    pub ends_at_ms: u64,
    /// After how long, in milliseconds: on no clock that somebody sets.
    #[serde(default)]
    pub left_ms: u64,
}

/// The answer of `GET /api/v1/secrets`: what people gave and what is kept of it in memory. No secret is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Secrets {
    /// Each of them.
    pub secrets: Vec<KeptSecret>,
}

/// That a secret is kept, and for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptSecret {
    /// What was named when it was given.
    pub target: String,
    /// The account, as `me@web1:22`.
    pub account: String,
    /// The fingerprint of the host's key: another one does not get it.
    pub key: String,
    /// `password`, `passphrase FILE`, `sudo` or `enable`.
    pub purpose: String,
    /// The session with whose closing it is forgotten; until somebody has it forgotten, or the daemon ends, without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Since when, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Forgets secrets: `POST /api/v1/secrets`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ForgetOrder {
    /// Those of one target; all of them without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// How many were forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forgotten {
    /// So many.
    pub count: usize,
}
