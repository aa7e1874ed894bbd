//! What the user's ssh complains of, in its own words, and what that is in ours.

use std::io;
use std::net::IpAddr;

use crate::native::error::{ConnectError, Denied, Stage};
use crate::native::secret::one_line;
use crate::native::settings::Settings;

/// What ssh puts before the lines that only tell how far it is.
const TELLING: &str = "debug1: ";

/// How it says that a key is not to be trusted.
const UNTRUSTED: [&str; 3] = ["Host key verification failed", "host key is known for ", "Host key for "];

/// So many of its complaints are looked at.
const LINES_MAX: usize = 64;

/// The methods of a login as ssh names them.
const METHODS: [&str; 5] = ["publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic"];

/// What ssh said until now.
#[derive(Debug, Default)]
pub(super) struct Heard {
    complaints: Vec<String>,
    /// The fingerprint that the last server showed.
    pub(super) key: Option<String>,
    /// How far it came.
    pub(super) stage: Option<Stage>,
    /// The last name that it connected to, with its address.
    pub(super) address: Option<(String, IpAddr)>,
}

/// One line, as far as it says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// How far it is.
    Stage(Stage),
    /// A connection stands, this one or one on the way.
    Entered,
    /// Nothing that matters here.
    Nothing,
}

/// Why there is no master.
#[derive(Debug)]
pub(in crate::native) enum NoMaster {
    /// A server's key is not to be trusted: the one with this fingerprint, as far as ssh said it.
    HostKey { shown: Option<String>, said: String },
    /// Anything else.
    Other(ConnectError),
}

impl Heard {
    /// Takes a line.
    pub(super) fn take(&mut self, line: &str) -> Line {
        let Some(told) = line.strip_prefix(TELLING) else {
            let line = one_line(line);
            if !line.is_empty() && self.complaints.len() < LINES_MAX {
                self.complaints.push(line);
            }
            return Line::Nothing;
        };
        if told.starts_with("Entering interactive session") {
            return Line::Entered;
        }
        if let Some(key) = told.strip_prefix("Server host key: ") {
            self.key = key.split(' ').nth(1).map(str::to_owned);
        }
        if let Some(said) = told.strip_prefix("Connecting to ") {
            self.address = named_address(said).or(self.address.take());
        }
        let stage = [
            ("Connecting to ", Stage::Connect),
            ("Executing proxy command", Stage::Connect),
            ("Connection established", Stage::Handshake),
            ("Server host key: ", Stage::HostKey),
            ("SSH2_MSG_SERVICE_ACCEPT", Stage::Authentication),
            ("Next authentication method: ", Stage::Authentication),
            ("Offering public key: ", Stage::Authentication),
            ("Server accepts key: ", Stage::Authentication),
        ]
        .into_iter()
        .find_map(|(words, stage)| told.starts_with(words).then_some(stage));
        if let Some(stage) = stage {
            self.stage = Some(stage);
        }
        stage.map_or(Line::Nothing, Line::Stage)
    }

    /// Returns the last words, where there are any.
    pub(super) fn last(&self) -> Option<&str> {
        self.complaints.last().map(String::as_str)
    }

    /// Says in our words why there is no connection.
    pub(super) fn why(&self, settings: &Settings) -> NoMaster {
        // What is wrong on the way is said before what follows from it.
        let found = self.complaints.iter().find_map(|line| self.meaning(line, settings));
        found.unwrap_or_else(|| {
            let why = self.last().unwrap_or("ssh ended without a word").to_owned();
            NoMaster::Other(self.other(settings, why))
        })
    }

    /// What has no words of its own is told as ssh's, at the stage that it came to.
    fn other(&self, settings: &Settings, why: String) -> ConnectError {
        let (address, user) = (address(settings), settings.user.clone());
        match self.stage {
            Some(Stage::Authentication) => ConnectError::Lost { user, why },
            Some(Stage::Handshake | Stage::HostKey) => ConnectError::Handshake { address, why },
            Some(Stage::Address | Stage::Connect) | None => {
                ConnectError::Unreachable { address, source: io::Error::other(why) }
            }
        }
    }

    fn meaning(&self, line: &str, settings: &Settings) -> Option<NoMaster> {
        let address = address(settings);
        let error = if let Some(said) = line.strip_prefix("ssh: Could not resolve hostname ") {
            let (host, why) = said.split_once(": ").unwrap_or((&settings.host, said));
            ConnectError::NoAddress { host: host.to_owned(), source: io::Error::other(why.to_owned()) }
        } else if let Some(said) = line.strip_prefix("ssh: connect to host ") {
            let (to, why) = said.split_once(": ").unwrap_or((said, ""));
            if why.ends_with("timed out") && to == address {
                ConnectError::ConnectTimeout { address, after: settings.limits.connect }
            } else {
                ConnectError::Unreachable { address: to.to_owned(), source: io::Error::other(why.to_owned()) }
            }
        } else if line.ends_with("timed out during banner exchange") {
            ConnectError::HandshakeTimeout { address, after: settings.limits.handshake }
        } else if UNTRUSTED.iter().any(|it| line.contains(it)) {
            return Some(NoMaster::HostKey { shown: self.key.clone(), said: line.to_owned() });
        } else if let Some((user, methods)) = denied(line) {
            let offered = METHODS.into_iter().filter(|it| methods.contains(it)).collect();
            let refused = vec!["what ssh has and was given".to_owned()];
            let denied = Denied { user: user.to_owned(), refused, offered, ..Denied::default() };
            ConnectError::Denied(Box::new(denied))
        } else if line.contains("Too many authentication failures") {
            let refused =
                vec!["more keys than the server takes: name the right one with IdentityFile".to_owned()];
            let denied = Denied { user: settings.user.clone(), refused, ..Denied::default() };
            ConnectError::Denied(Box::new(denied))
        } else if line.starts_with("Unable to negotiate with ")
            || line.starts_with("kex_exchange_identification")
        {
            ConnectError::Handshake { address, why: line.to_owned() }
        } else {
            return None;
        };
        Some(NoMaster::Other(error))
    }
}

/// How ssh begins to say why a connection that stood is gone.
const ENDS: [&str; 6] = [
    "client_loop: ",
    "Read from remote host ",
    "Received disconnect from ",
    "Disconnected from ",
    "ssh_dispatch_run_fatal: ",
    "packet_write_wait: ",
];

/// Says why a connection that stood is gone. Of what else ssh tells, lines of commands are a part: they are nobody's reason.
pub(super) fn end_words(last: Option<&str>) -> String {
    match last {
        Some(line) if line.starts_with("Timeout, server") => "it gave no sign of life".to_owned(),
        Some(line)
            if line.ends_with("closed by remote host.") || line.starts_with("Connection closed by") =>
        {
            "the server closed it".to_owned()
        }
        Some(line) if ENDS.iter().any(|it| line.starts_with(it)) => format!("ssh said: {line}"),
        _ => "the ssh that held it ended".to_owned(),
    }
}

/// `web1 [10.0.0.5] port 22.`
fn named_address(said: &str) -> Option<(String, IpAddr)> {
    let (name, rest) = said.split_once(" [")?;
    let (address, _) = rest.split_once(']')?;
    // Of an address of one link only the address itself is of use.
    let address = address.split('%').next().unwrap_or_default();
    Some((name.to_owned(), address.parse().ok()?))
}

/// `me@web1: Permission denied (publickey,password).`
fn denied(line: &str) -> Option<(&str, Vec<&str>)> {
    let (account, rest) = line.split_once(": Permission denied (")?;
    let methods = rest.split(')').next().unwrap_or_default();
    Some((account.split('@').next().unwrap_or(account), methods.split(',').collect()))
}

pub(super) fn address(settings: &Settings) -> String {
    format!("{} port {}", settings.host, settings.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(lines: &[&str]) -> NoMaster {
        let mut heard = Heard::default();
        for line in lines {
            heard.take(line);
        }
        heard.why(&Settings::new("10.0.0.5", 22, "me"))
    }

    #[test]
    fn each_complaint_of_ssh_is_a_failure_of_ours() {
        let other = |lines: &[&str]| match why(lines) {
            NoMaster::Other(error) => error,
            key => panic!("{key:?}"),
        };
        assert!(matches!(
            other(&["ssh: Could not resolve hostname nowhere.invalid: Name or service not known"]),
            ConnectError::NoAddress { host, .. } if host == "nowhere.invalid"
        ));
        let refused = "ssh: connect to host 10.0.0.5 port 22: Connection refused";
        assert!(matches!(other(&[refused]), ConnectError::Unreachable { .. }));
        let late = "ssh: connect to host 10.0.0.5 port 22: Connection timed out";
        assert!(matches!(other(&[late]), ConnectError::ConnectTimeout { .. }));
        let found = other(&[
            "me@gate: Permission denied (publickey,password).",
            "kex_exchange_identification: Connection closed by remote host",
        ]);
        let ConnectError::Denied(denied) = found else { panic!("{found}") };
        assert_eq!((denied.user.as_str(), denied.offered), ("me", vec!["publickey", "password"]));
        let odd = other(&["debug1: Connection established.", "Bad packet length 1."]);
        assert!(
            matches!(odd, ConnectError::Handshake { ref why, .. } if why.contains("Bad packet")),
            "{odd}"
        );
    }

    #[test]
    fn the_address_of_a_name_is_what_ssh_connects_to() {
        let mut heard = Heard::default();
        heard.take("debug1: Connecting to db1.internal [10.0.0.5] port 22.");
        let found = |heard: &Heard| heard.address.clone().map(|(name, address)| format!("{name} {address}"));
        assert_eq!(found(&heard).as_deref(), Some("db1.internal 10.0.0.5"));
        heard.take("debug1: Connecting to db1.internal [fe80::1%eth0] port 22.");
        assert_eq!(found(&heard).as_deref(), Some("db1.internal fe80::1"));
        // What names none changes nothing.
        heard.take("debug1: Connecting to nowhere port 22.");
        assert_eq!(found(&heard).as_deref(), Some("db1.internal fe80::1"));
    }

    #[test]
    fn a_line_of_a_command_is_no_reason_of_an_end() {
        let words = |line| end_words(Some(line));
        assert_eq!(words("Timeout, server 10.0.0.5 not responding."), "it gave no sign of life");
        assert_eq!(words("Connection to 10.0.0.5 closed by remote host."), "the server closed it");
        assert_eq!(
            words("client_loop: send disconnect: Broken pipe"),
            "ssh said: client_loop: send disconnect: Broken pipe"
        );
        assert_eq!(words("exec bash -l"), end_words(None));
    }

    #[test]
    fn a_key_that_is_not_trusted_is_told_with_what_was_shown() {
        let key = "debug1: Server host key: ssh-ed25519 SHA256:abc";
        let unknown = "No ED25519 host key is known for 10.0.0.5 and you have requested strict checking.";
        for lines in [[key, unknown], [key, "Host key verification failed."]] {
            assert!(matches!(why(&lines), NoMaster::HostKey { shown: Some(it), .. } if it == "SHA256:abc"));
        }
    }
}
