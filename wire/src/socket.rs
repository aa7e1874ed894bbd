//! The socket protocol `cotty.1`: what a viewer and the daemon say to each other about one live terminal.

use std::borrow::Cow;
use std::fmt;

use cotty_core::names::{Epoch, Offset};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::api::{Card, Cards, Connect, Connected, Failure, Holds, KeptSecret, State, Trusted, Who};

/// The subprotocol's name, asked for at the upgrade.
pub const NAME: &str = "cotty.1";

/// A client's message of more bytes than this ends the connection.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// One `key` message carries at most this many bytes.
pub const KEY_BYTES_MAX: usize = 4 * 1024;

/// The first message at `/api/v1/open` has at most this many bytes: a person's whole environment may be in it.
pub const OPEN_BYTES_MAX: usize = 1024 * 1024;

/// All parts of one paste together have at most this many bytes.
pub const PASTE_BYTES_MAX: usize = 1024 * 1024;

/// Why a connection was closed, as WebSocket close codes.
pub mod close {
    /// The session ended; `closed` said why.
    pub const SESSION_ENDED: u16 = 1000;
    /// The daemon goes away; sessions live on: connect again.
    pub const GOING_AWAY: u16 = 1001;
    /// A message or a paste is too large.
    pub const TOO_LARGE: u16 = 1009;
    /// A message that is no message of this protocol, or came out of turn.
    pub const MALFORMED: u16 = 4400;
    /// The login or token has ended: revoked, logged out, expired.
    pub const ACCESS_ENDED: u16 = 4401;
    /// The role does not reach what was sent.
    pub const NOT_ALLOWED: u16 = 4405;
    /// No `join` came in time.
    pub const NO_JOIN: u16 = 4408;
    /// What was asked for was refused; `refused` said why.
    pub const REFUSED: u16 = 4403;
    /// The viewer took nothing for too long.
    pub const TOO_SLOW: u16 = 4429;
}

/// Bytes as a JSON string: one character a byte, U+0000 to U+00FF.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(&self.0.iter().map(|it| char::from(*it)).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let bytes = text.chars().map(|it| u8::try_from(u32::from(it)));
        let wrong = |_| serde::de::Error::custom("bytes are written as characters up to U+00FF");
        bytes.collect::<Result<_, _>>().map(Self).map_err(wrong)
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "Bytes, one character each."})
    }
}

/// What a person typed as an answer. Wiped when it is dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// Takes a text over. Let it have its exact size from the start: one that grew has left copies behind.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Lends the text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Hidden(..)")
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input).map(Self::new)
    }
}

impl JsonSchema for Hidden {
    fn schema_name() -> Cow<'static, str> {
        "Hidden".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "What a person typed as an answer."})
    }
}

/// What a viewer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromClient {
    /// The first message, once.
    Join {
        /// The offset up to which it has everything, `EPOCH:BYTE`, from an earlier connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        have: Option<String>,
        /// Columns of its terminal; without a size it watches and never resizes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cols: Option<u16>,
        /// Rows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<u16>,
        /// Its build, for messages.
        #[serde(default)]
        build: String,
    },
    /// Keys of a person.
    Key {
        /// Its number; rises within a connection.
        seq: u64,
        /// The keys, as the terminal sends them.
        bytes: Bytes,
    },
    /// A part of a paste.
    Paste {
        /// The paste's number, in one row with those of keys.
        seq: u64,
        /// The next part.
        part: Bytes,
        /// It is the last one.
        last: bool,
    },
    /// A person's answer to `paste_asks`.
    Confirm {
        /// Its number, in one row with those of keys; the paste has this one from here on.
        seq: u64,
        /// The number of the paste that was asked about.
        paste: u64,
        /// It is to be typed; else it is forgotten.
        yes: bool,
    },
    /// The viewer's terminal has another size.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// The viewer has shown everything before this offset.
    Seen {
        /// `EPOCH:BYTE`.
        offset: String,
    },
    /// The mouse. The daemon says it to the program as that has asked for it, or not at all.
    Mouse {
        /// As xterm numbers buttons, with the bits of modifiers (4, 8, 16) and of a movement (32).
        button: u8,
        /// The column, from 0.
        col: u16,
        /// The row, from 0.
        row: u16,
        /// The button went up.
        #[serde(default)]
        up: bool,
    },
    /// Takes the pen, or puts it down. A person's.
    Pen {
        /// They take it.
        take: bool,
    },
    /// Puts the person's own unsent line aside for an agent's command, or wants it back.
    Park {
        /// It is put aside.
        aside: bool,
    },
    /// Chooses who may write. A person's.
    Control {
        /// `common`, `human-first`, `human-only` or `agent-only`.
        mode: String,
    },
    /// The first message at `/api/v1/open`: opens or finds a session, for somebody who waits for it.
    Open {
        /// What is opened.
        order: Box<Connect>,
    },
    /// The first message at `/api/v1/trust`: shows the key of a host, and asks whether it is the host's.
    Trust {
        /// The host, or a device.
        target: String,
    },
    /// The first message at `/api/v1/answer`: a person answers a card, or denies it.
    Card {
        /// Which (`q7`); the only one that is open without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// They say no.
        #[serde(default)]
        deny: bool,
    },
    /// The first message at `/api/v1/secret`: a person gives a secret for later.
    Secret {
        /// The host, or a device.
        target: String,
        /// `password`, `passphrase`, `sudo` or `enable`.
        purpose: String,
    },
    /// The answer to a `question`.
    Answer {
        /// Its number.
        id: u64,
        /// What was typed; nothing where nobody answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Hidden>,
    },
}

/// Whether the terminal showed a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Echo {
    /// It did.
    On,
    /// It did not: a password, perhaps.
    Off,
    /// That is not known.
    Unknown,
}

/// What the daemon says. A viewer ignores what it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromServer {
    /// The answer to `join`.
    Welcome {
        /// The protocol's name.
        protocol: String,
        /// The daemon's version.
        build: String,
        /// Who the viewer is taken for.
        you: Who,
        /// The session's name.
        session: String,
        /// Columns of the session.
        cols: u16,
        /// Rows of the session.
        rows: u16,
    },
    /// Output that cannot be shown any more.
    Gap {
        /// The first missing byte.
        from: String,
        /// One past the last.
        to: String,
        /// Why.
        reason: String,
    },
    /// A key or a paste was applied.
    Echo {
        /// Its number.
        seq: u64,
        /// Whether the terminal showed it.
        echo: Echo,
    },
    /// Nothing of a paste was typed: the program takes each of its lines at once. It waits for `confirm`; another paste
    /// takes its place.
    PasteAsks {
        /// The paste's number.
        seq: u64,
        /// How many lines it has.
        lines: usize,
    },
    /// What waits for a person, as far as this viewer may see it; after `welcome`, and whenever it changes.
    Cards {
        /// All of it.
        #[serde(flatten)]
        cards: Cards,
    },
    /// Who is here.
    Presence {
        /// Labels of the attached terminals.
        who: Vec<String>,
    },
    /// A command began, or stands otherwise now.
    Run {
        /// Its handle.
        id: String,
        /// Its text.
        command: String,
        /// Where it stands.
        #[serde(flatten)]
        state: State,
    },
    /// Who may write, and who does.
    Gate {
        /// The mode.
        mode: String,
        /// Who holds the pen.
        pen: Option<String>,
        /// The same, in its parts.
        #[serde(default)]
        holds: Holds,
    },
    /// Somebody else has typed a moment ago; told a few times a second at most.
    Wrote {
        /// Who.
        who: Who,
    },
    /// The session has another size.
    Size {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// The session has another name from here on.
    Renamed {
        /// Which.
        session: String,
    },
    /// The session stands otherwise now, in the words of the session list.
    State {
        /// `opening`, `ready`, `running`, `unknown`, `exited`, `closed` or `lost`.
        session: String,
        /// What goes with it.
        detail: Option<String>,
    },
    /// What the viewer asked for was not done.
    Refused {
        /// The key's or paste's number, where it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// Why.
        failure: Failure,
    },
    /// The session ended. The last message.
    Closed {
        /// The close code that follows.
        code: u16,
        /// Why.
        reason: String,
    },
    /// How far something is that is waited for.
    Progress {
        /// The host that it is about.
        host: String,
        /// What is being done there, in words.
        stage: String,
    },
    /// What a program on the way to a host complains of, a line.
    Overheard {
        /// The host that it leads to.
        host: String,
        /// The line, without control characters.
        text: String,
    },
    /// What only a person can answer.
    Question {
        /// Its number.
        id: u64,
        /// `host-key`, `passphrase`, `password` or `challenge`.
        kind: String,
        /// The words, up to where the answer is typed. Without control characters, but for line feeds.
        text: String,
        /// What is typed may be shown.
        echo: bool,
    },
    /// A question is none any more: somebody else has answered it, or its time is over.
    Withdrawn {
        /// Its number.
        id: u64,
    },
    /// The card of `card` is closed. The last message.
    Answered {
        /// Which it was.
        card: Card,
        /// `answered` or `denied`.
        how: String,
    },
    /// The secret of `secret` is kept. The last message.
    Kept {
        /// For whom: one for each key under which the host is known.
        secrets: Vec<KeptSecret>,
    },
    /// The session of `open` is there. The last message.
    Opened {
        /// How it stands.
        connected: Box<Connected>,
    },
    /// The key of `trust` is known. The last message.
    Trusted {
        /// Which, and where it stands.
        trusted: Trusted,
    },
    /// A message of a newer daemon.
    #[serde(other)]
    Unknown,
}

/// What a binary frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the terminal printed, filtered.
    Output,
    /// Everything that draws the present screen on an empty terminal.
    Repaint,
}

/// A binary frame: terminal bytes and the stretch of raw output that they stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it carries.
    pub kind: Kind,
    /// The first raw byte it stands for; of a repaint, the same as `to`.
    pub from: Offset,
    /// One past the last: the next `have`.
    pub to: u64,
    /// The bytes after the filter.
    pub bytes: &'a [u8],
}

/// Bytes before the terminal bytes: kind 1, epoch 4, from 8, to 8, all big-endian.
pub const FRAME_HEAD: usize = 21;

impl<'a> Frame<'a> {
    /// Writes a frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FRAME_HEAD + self.bytes.len());
        out.push(match self.kind {
            Kind::Output => 1,
            Kind::Repaint => 2,
        });
        out.extend_from_slice(&self.from.epoch.0.to_be_bytes());
        out.extend_from_slice(&self.from.byte.to_be_bytes());
        out.extend_from_slice(&self.to.to_be_bytes());
        out.extend_from_slice(self.bytes);
        out
    }

    /// Reads a frame; nothing where it is too short, of an unknown kind, or ends before it begins.
    #[must_use]
    pub fn decode(frame: &'a [u8]) -> Option<Self> {
        let (kind, rest) = frame.split_first()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let (from, rest) = rest.split_first_chunk::<8>()?;
        let (to, bytes) = rest.split_first_chunk::<8>()?;
        let kind = match kind {
            1 => Kind::Output,
            2 => Kind::Repaint,
            _ => return None,
        };
        let from = Offset { epoch: Epoch(u32::from_be_bytes(*epoch)), byte: u64::from_be_bytes(*from) };
        let to = u64::from_be_bytes(*to);
        (from.byte <= to).then_some(Self { kind, from, to, bytes })
    }

    /// Returns the offset after this frame.
    #[must_use]
    pub fn end(&self) -> Offset {
        Offset { epoch: self.from.epoch, byte: self.to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let from = Offset { epoch: Epoch(3), byte: 1 << 40 };
        for kind in [Kind::Output, Kind::Repaint] {
            let frame = Frame { kind, from, to: (1 << 40) + 5, bytes: b"\x1b[mhi" };
            assert_eq!(Frame::decode(&frame.encode()), Some(frame));
        }
    }

    #[test]
    fn a_frame_that_cannot_be_is_none() {
        let frame = Frame { kind: Kind::Output, from: Offset::default(), to: 1, bytes: b"x" }.encode();
        for cut in 0..FRAME_HEAD {
            assert_eq!(Frame::decode(&frame[..cut]), None);
        }
        assert_eq!(Frame::decode(&[3; 30]), None);
        let backwards =
            Frame { kind: Kind::Output, from: Offset { byte: 2, ..Offset::default() }, to: 1, bytes: b"" };
        assert_eq!(Frame::decode(&backwards.encode()), None);
    }

    #[test]
    fn an_answer_is_not_printed() {
        let answer = FromClient::Answer { id: 1, text: Some(Hidden::new("hunter2".to_owned())) };
        assert!(!format!("{answer:?}").contains("hunter2"));
        assert!(serde_json::to_string(&answer).unwrap().contains("hunter2"));
    }

    #[test]
    fn any_byte_may_be_typed() {
        let all = FromClient::Key { seq: 1, bytes: Bytes((0..=255).collect()) };
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<FromClient>(&json).unwrap(), all);
        assert!(serde_json::from_str::<FromClient>(r#"{"type":"key","seq":1,"bytes":"€"}"#).is_err());
    }

    #[test]
    fn what_is_unknown_is_ignored_from_the_server_and_refused_from_a_client() {
        let unknown = r#"{"type":"sparkle","n":1}"#;
        assert_eq!(serde_json::from_str::<FromServer>(unknown).unwrap(), FromServer::Unknown);
        assert!(serde_json::from_str::<FromClient>(unknown).is_err());
        assert!(serde_json::from_str::<FromClient>(r#"{"type":"seen","offset":"1:2","x":1}"#).is_err());
    }
}
