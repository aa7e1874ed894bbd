//! The hello: what a caller says of itself before its first request, and what of it is the caller's alone.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The version of everything that is spoken on the unix socket. A daemon refuses another one and names `cotty restart`.
pub const PROTOCOL: u32 = 1;

/// The request header that carries a [`Hello`]: its JSON, percent-encoded by [`to_header`].
pub const HEADER: &str = "Cotty-Hello";

/// The protocol that `GET /mcp` on the unix socket upgrades to: lines of JSON-RPC.
pub const UPGRADE_MCP: &str = "cotty-mcp";

/// A hello of more bytes than this, encoded, is refused.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Opens every connection. Nothing in it decides who the caller is: that is read from its process.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the caller.
    pub protocol: u32,
    /// The caller's version of cotty, for messages.
    pub version: String,
    /// Where the caller stands. None where the path is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Who it says it is (`claude-code 2.1`, `attach`). Shown to people; decides nothing.
    #[serde(default)]
    pub client: String,
    /// Random, one per process: with a request's id it names one call over restarts of the daemon.
    #[serde(default)]
    pub nonce: String,
    /// `SSH_AUTH_SOCK` and the variables that the config names, as the caller has them. Some are secrets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The terminal it speaks for, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<Terminal>,
}

/// A caller's terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminal {
    /// Its device (`/dev/pts/3`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

impl fmt::Debug for Hello {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.env.keys().collect();
        out.debug_struct("Hello").field("client", &self.client).field("env", &names).finish_non_exhaustive()
    }
}

/// Makes a header value of a hello's JSON.
#[must_use]
pub fn to_header(json: &str) -> String {
    let mut header = String::with_capacity(json.len() + 64);
    for byte in json.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => header.push(char::from(byte)),
            _ => {
                header.push('%');
                for digit in [byte >> 4, byte & 15] {
                    header.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
                }
            }
        }
    }
    header
}

/// Returns the JSON that [`to_header`] was given, or nothing where the value is not of its making.
#[must_use]
pub fn from_header(value: &[u8]) -> Option<String> {
    if value.len() > HEADER_BYTES_MAX {
        return None;
    }
    let mut json = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        json.push(match byte {
            b'%' => (digit(rest.next())? << 4) | digit(rest.next())?,
            other => *other,
        });
    }
    String::from_utf8(json).ok()
}

fn digit(byte: Option<&u8>) -> Option<u8> {
    let value = char::from(*byte?).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_gives_back_what_it_was_made_of() {
        for json in ["", "{\"cwd\":\"/home/ä 100%\"}", "\u{7f}\n\t%%25"] {
            let header = to_header(json);
            assert!(header.bytes().all(|it| (b' '..=b'~').contains(&it)), "{header}");
            assert_eq!(from_header(header.as_bytes()).as_deref(), Some(json));
        }
    }

    #[test]
    fn a_header_of_someone_elses_making_is_none() {
        assert_eq!(from_header(b"%"), None);
        assert_eq!(from_header(b"%4"), None);
        assert_eq!(from_header(b"%zz"), None);
        assert_eq!(from_header(b"%ff"), None);
        assert_eq!(from_header(&[b'a'; HEADER_BYTES_MAX + 1]), None);
    }

    #[test]
    fn what_the_variables_hold_is_not_printed() {
        let env = BTreeMap::from([("SHOP_PASS".to_owned(), "hunter2".to_owned())]);
        let words = format!("{:?}", Hello { env, ..Hello::default() });
        assert!(words.contains("SHOP_PASS") && !words.contains("hunter2"), "{words}");
    }

    #[test]
    fn an_older_hello_is_still_read() {
        let hello: Hello = serde_json::from_str(r#"{"protocol":1,"version":"0.1.0","new":true}"#).unwrap();
        assert_eq!(hello.protocol, PROTOCOL);
        assert_eq!(hello.env.len(), 0);
    }
}
