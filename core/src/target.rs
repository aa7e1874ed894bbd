//! What may be typed as a target: a strict grammar, and which character is wrong where it is not kept.
//!
//! A target is `local`, or `[user@]host[:port]` with a name, an IPv4 address, an IPv6 address in brackets, or a device's name with
//! that of one of its connections behind a stroke (`shop/admin`). Nothing
//! that passes here can be taken for an option, hold a blank, or mean something to a shell.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::refusal::Refusal;

/// The word for a shell on this machine.
pub const LOCAL: &str = "local";

/// The longest name that DNS carries.
const NAME_BYTES_MAX: usize = 253;
/// The longest part of a name between two dots.
const LABEL_BYTES_MAX: usize = 63;
/// Longer than any system's user names.
const USER_BYTES_MAX: usize = 64;
/// More of a wrong target is not shown again.
const SHOWN_CHARS_MAX: usize = 60;

/// What a session is opened on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// This machine.
    Local,
    /// Another one.
    Remote(Remote),
}

/// Another machine, as it was named: by a device's name, an alias of ssh's, a host name or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Remote {
    user: Option<String>,
    name: String,
    port: Option<u16>,
}

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{shown}\": {why}")]
pub struct NotATarget {
    shown: String,
    why: String,
}

impl Remote {
    /// Returns the account, where one was named.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Returns the device (with its connection), alias, host or address. An IPv6 address stands without brackets.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the port, where one was named.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Adds an account and a port that were named apart.
    ///
    /// # Errors
    ///
    /// Says what is no account, or was named twice and differs.
    pub fn with(self, user: Option<&str>, port: Option<u16>) -> Result<Self, NotATarget> {
        let text = self.to_string();
        let typed = Typed { text: &text };
        let user = user.map(self::user).transpose()?;
        if self.user.is_some() && user.is_some() && self.user != user {
            return Err(typed.wrong("another user is named beside it"));
        }
        if self.port.is_some() && port.is_some() && self.port != port {
            return Err(typed.wrong("another port is named beside it"));
        }
        if port == Some(0) {
            return Err(typed.wrong("a port is a number from 1 to 65535"));
        }
        Ok(Self { user: self.user.or(user), port: self.port.or(port), ..self })
    }

    /// Says whether it is a name alone, as devices and aliases are.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.user.is_none() && self.port.is_none()
    }
}

impl FromStr for Target {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        if text == LOCAL {
            return Ok(Self::Local);
        }
        let typed = Typed { text };
        let (user, host) = match text.rfind('@') {
            Some(at) => {
                let user = typed.user(Part { text: &text[..at], at: 0 })?;
                (Some(user), Part { text: &text[at + 1..], at: at + 1 })
            }
            None => (None, Part { text, at: 0 }),
        };
        let (name, port) = match host.split('/') {
            Some((device, connection)) => typed.connection(device, connection)?,
            None => typed.host_and_port(host)?,
        };
        Ok(Self::Remote(Remote { user, name, port }))
    }
}

/// Reads a host alone, as a config names it: a name or an address, with or without brackets.
///
/// # Errors
///
/// Says which character is wrong.
pub fn host(text: &str) -> Result<String, NotATarget> {
    let typed = Typed { text };
    match typed.host_and_port(Part { text, at: 0 })? {
        (name, None) => Ok(name),
        (_, Some(_)) => Err(typed.wrong("a port does not belong here")),
    }
}

/// Reads a user alone, as a config names it.
///
/// # Errors
///
/// Says which character is wrong.
pub fn user(text: &str) -> Result<String, NotATarget> {
    Typed { text }.user(Part { text, at: 0 })
}

/// Writes a host and its port the way they are typed.
#[must_use]
pub fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A text, of which parts are judged.
struct Typed<'a> {
    text: &'a str,
}

/// A part of it, and the byte at which it begins.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Part<'a> {
    /// Splits at the first such character, which neither half keeps.
    fn split(self, at: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(at)?;
        let at = self.at + before.len() + at.len_utf8();
        Some((Self { text: before, at: self.at }, Self { text: after, at }))
    }
}

impl Typed<'_> {
    fn host_and_port(&self, part: Part) -> Result<(String, Option<u16>), NotATarget> {
        if let Some(inner) = part.text.strip_prefix('[') {
            let inner = Part { text: inner, at: part.at + 1 };
            let (address, after) = inner.split(']').ok_or_else(|| self.wrong("the bracket is not closed"))?;
            let name = self.v6(address.text)?;
            return match after.split(':') {
                Some((Part { text: "", .. }, port)) => Ok((name, Some(self.port(port)?))),
                _ if after.text.is_empty() => Ok((name, None)),
                _ => Err(self.character(after, "stands after the bracket, where only :PORT may")),
            };
        }
        let address = part.text.split('%').next().unwrap_or_default();
        if address.matches(':').count() > 1
            && address.bytes().all(|it| it.is_ascii_hexdigit() || b":.".contains(&it))
        {
            return Ok((self.v6(part.text)?, None));
        }
        match part.split(':') {
            Some((name, port)) => Ok((self.name(name)?, Some(self.port(port)?))),
            None => Ok((self.name(part)?, None)),
        }
    }

    /// A connection of a device: both are names.
    fn connection(&self, device: Part, connection: Part) -> Result<(String, Option<u16>), NotATarget> {
        let (connection, port) = match connection.split(':') {
            Some((connection, port)) => (connection, Some(self.port(port)?)),
            None => (connection, None),
        };
        let name = format!("{}/{}", self.name(device)?, self.name(connection)?);
        Ok((name, port))
    }

    fn v6(&self, address: &str) -> Result<String, NotATarget> {
        if address.contains('%') {
            return Err(
                self.wrong("an address with a scope (%) is not taken; give it a name in ~/.ssh/config")
            );
        }
        let parsed: Result<Ipv6Addr, _> = address.parse();
        parsed.map(|it| it.to_string()).map_err(|_| self.wrong("this is no IPv6 address"))
    }

    fn name(&self, part: Part) -> Result<String, NotATarget> {
        self.word(part, "host", "._-", NAME_BYTES_MAX)?;
        if part.text.split('.').any(|it| it.is_empty() || it.len() > LABEL_BYTES_MAX) {
            return Err(self.wrong(&format!("between its dots a host has 1 to {LABEL_BYTES_MAX} characters")));
        }
        Ok(part.text.to_owned())
    }

    fn user(&self, part: Part) -> Result<String, NotATarget> {
        self.word(part, "user", "._+-", USER_BYTES_MAX)?;
        Ok(part.text.to_owned())
    }

    fn port(&self, part: Part) -> Result<u16, NotATarget> {
        self.only(part, "is in no port; digits are", |it| it.is_ascii_digit())?;
        let number = part.text.parse().ok().filter(|it| *it != 0 && !part.text.starts_with('0'));
        number.ok_or_else(|| self.wrong("a port is a number from 1 to 65535"))
    }

    /// Letters, digits and some signs, beginning with a letter, a digit or `_`.
    fn word(&self, part: Part, what: &str, signs: &str, bytes_max: usize) -> Result<(), NotATarget> {
        let first = part.text.chars().next().ok_or_else(|| self.wrong(&format!("the {what} is missing")))?;
        if signs.contains(first) && first != '_' {
            return Err(self.character(part, &format!("cannot begin a {what}; a letter or a digit does")));
        }
        let why = format!("is in no {what}; letters, digits and {signs} are");
        self.only(part, &why, |it| it.is_ascii_alphanumeric() || signs.contains(it))?;
        if part.text.len() > bytes_max {
            return Err(self.wrong(&format!("a {what} has at most {bytes_max} characters")));
        }
        Ok(())
    }

    fn only(&self, part: Part, why: &str, may: impl Fn(char) -> bool) -> Result<(), NotATarget> {
        match part.text.char_indices().find(|(_, it)| !may(*it)) {
            Some((at, _)) => Err(self.character(Part { text: &part.text[at..], at: part.at + at }, why)),
            None => Ok(()),
        }
    }

    /// Names the first character of a part, and its place in the whole.
    fn character(&self, part: Part, why: &str) -> NotATarget {
        let position = self.text.get(..part.at).map_or(0, |it| it.chars().count()) + 1;
        let shown = match part.text.chars().next() {
            Some(' ') => "a blank".to_owned(),
            Some(it) if it.is_ascii_graphic() => format!("`{it}`"),
            it => format!("U+{:04X}", it.map_or(0, u32::from)),
        };
        self.wrong(&format!("character {position} is {shown}, which {why}"))
    }

    fn wrong(&self, why: &str) -> NotATarget {
        let first = self.text.chars().take(SHOWN_CHARS_MAX);
        let mut shown: String = first.flat_map(char::escape_default).collect();
        if self.text.chars().nth(SHOWN_CHARS_MAX).is_some() {
            shown.push_str("...");
        }
        NotATarget { shown, why: why.to_owned() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => out.write_str(LOCAL),
            Self::Remote(remote) => remote.fmt(out),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(out, "{user}@")?;
        }
        match self.port {
            Some(port) => out.write_str(&host_port(&self.name, port)),
            None if self.name.contains(':') => write!(out, "[{}]", self.name),
            None => out.write_str(&self.name),
        }
    }
}

impl From<NotATarget> for Refusal {
    fn from(it: NotATarget) -> Self {
        Self::InvalidArgument { what: "target", why: it.to_string() }
    }
}
