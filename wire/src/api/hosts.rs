//! What is said of hosts: the keys of theirs that a person accepts, and those that the configuration names.

use serde::{Deserialize, Serialize};

/// A key of a host that a person accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// The answer of `GET /api/v1/devices`: the hosts that the configuration names, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    /// Each of them.
    pub devices: Vec<Device>,
}

/// A host that the configuration names, as it is written there. Nobody was asked about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its host, address, or alias of ssh's.
    pub host: String,
    /// Its port; ssh's without one.
    pub port: Option<u16>,
    /// The account; ssh's without one.
    pub user: Option<String>,
    /// How to log in, where that is settled; as ssh does without it.
    pub login: Option<DeviceLogin>,
    /// Words for people.
    pub label: Option<String>,
    /// It is what is opened when nothing is said.
    pub is_default: bool,
    /// The names of the sessions that are open on it.
    pub sessions: Vec<String>,
}

/// Where a login finds what it needs. No secret is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLogin {
    /// The file of the private key.
    pub key: Option<String>,
    /// Where the key's passphrase is: `$VARIABLE` or a file.
    pub passphrase: Option<String>,
    /// Where the account's password is: `$VARIABLE` or a file.
    pub password: Option<String>,
}
