//! How a host stands, as far as that is known without asking it.

use std::time::{Duration, SystemTime};

/// The answer to a question about a host: nothing of it was asked of the host. The sentences are our own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostStatus {
    /// As it was named.
    pub target: String,
    /// The account, as people read it.
    pub account: String,
    /// Host and port.
    pub address: String,
    /// When its name was resolved; nothing where that was not done yet.
    pub resolved_at: Option<SystemTime>,
    /// Which engine connects, and why.
    pub engine: String,
    /// The hosts on the way, the first one first.
    pub via: Vec<String>,
    /// The limits in time, by their names in the config.
    pub timeouts: Vec<(&'static str, Duration)>,
    /// The keys and other secrets that a login would use, in the order of their use.
    pub login: Vec<String>,
    /// The agent.
    pub agent: String,
    /// What the known hosts say of it, and of the hosts on the way.
    pub known_hosts: Vec<String>,
    /// The open sessions, each with where it stands.
    pub sessions: Vec<(String, super::SessionState)>,
    /// How many connections are open.
    pub connections: usize,
    /// What became of the last attempt to connect, and when.
    pub attempt: Option<(String, SystemTime)>,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// Commands to copy that would help, as far as that is known.
    pub fixes: Vec<String>,
}

impl HostStatus {
    /// Returns the same, with the words that name the host as they may be said.
    pub(crate) fn said(self, say: impl Fn(&str) -> String) -> Self {
        let all = |texts: Vec<String>| texts.iter().map(|it| say(it)).collect();
        Self {
            account: say(&self.account),
            address: say(&self.address),
            engine: say(&self.engine),
            known_hosts: all(self.known_hosts),
            notes: all(self.notes),
            fixes: all(self.fixes),
            ..self
        }
    }
}

/// The answer to a question about a target.
#[derive(Clone, Debug)]
pub enum Standing {
    /// A session stands so.
    Session(Box<super::SessionStatus>),
    /// A host does.
    Host(Box<HostStatus>),
}
