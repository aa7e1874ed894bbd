//! What a tool takes: one table per tool, from which its schema is made and its arguments are understood.

use std::collections::BTreeMap;
use std::time::Duration;

use cotty_core::names::{Offset, RunId};
use cotty_core::refusal::Refusal;
use cotty_engine::report::Which;
use regex::Regex;
use serde_json::{Map, Value, json};

pub(crate) mod aliases;

/// The longest that a call may wait.
///
/// The shortest time-out among clients that cannot be extended by progress is 60 s; half a second of these 50
/// is left for the answer itself.
pub const WAIT_MAX: Duration = Duration::from_millis(49_500);
/// How long a call waits where it does not say.
pub const WAIT_DEFAULT: Duration = Duration::from_secs(20);
/// A reply's size where the caller does not say: one client cuts at 8,192 characters of JSON.
pub const CHARS_DEFAULT: usize = 7_500;
/// The sizes that a caller may ask for.
pub const CHARS_RANGE: std::ops::RangeInclusive<usize> = 200..=2_000_000;
/// Arguments that some clients add to every call by themselves.
const IGNORED: [&str; 1] = ["wait_for_previous"];
/// Names under which a secret might be handed over.
const SECRETS: [&str; 7] =
    ["password", "passwd", "passphrase", "sudo_password", "sudopassword", "enable_password", "private_key"];

/// What kind of value a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number, not negative.
    Integer,
    /// True or false.
    Boolean,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of strings; one string is taken as a list of words.
    Texts,
    /// Strings by name, one level deep.
    Map,
}

/// One parameter of a tool.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is for, in a few words.
    pub about: &'static str,
    /// The call makes no sense without it.
    pub required: bool,
}

impl Param {
    /// Returns a parameter that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, about, required: false }
    }

    /// Returns a parameter that the call needs.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, about, required: true }
    }

    fn schema(&self) -> Value {
        let mut schema = match self.kind {
            Kind::Text => json!({"type": "string"}),
            Kind::Integer => json!({"type": "integer"}),
            Kind::Boolean => json!({"type": "boolean"}),
            Kind::Choice(words) => json!({"type": "string", "enum": words}),
            Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
            Kind::Map => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        };
        schema["description"] = json!(self.about);
        schema
    }

    fn refuse(&self, why: impl Into<String>) -> Refusal {
        Refusal::InvalidArgument { what: self.name, why: why.into() }
    }
}

/// Returns the JSON schema of a tool that takes these.
#[must_use]
pub fn schema(params: &[Param]) -> Map<String, Value> {
    let properties: Map<_, _> = params.iter().map(|it| (it.name.to_owned(), it.schema())).collect();
    let required: Vec<_> = params.iter().filter(|it| it.required).map(|it| it.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

#[derive(Clone, Debug, PartialEq)]
enum Given {
    Text(String),
    Integer(u64),
    Boolean(bool),
    Texts(Vec<String>),
    Map(BTreeMap<String, String>),
}

/// A call's arguments, each of the kind that its parameter takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    given: BTreeMap<&'static str, Given>,
    notes: Vec<String>,
}

impl Arguments {
    /// Returns the arguments of a call of `tool`, which takes `params`.
    ///
    /// Other servers' spellings are understood, a number may be written as text, and null is as good as absent.
    /// What is left over is refused with what the tool does take, since to ignore an argument might change what
    /// a call means.
    ///
    /// # Errors
    ///
    /// Names the argument that is missing, unknown or of the wrong kind, and what belongs there.
    pub fn read(
        tool: &'static str,
        params: &'static [Param],
        given: Map<String, Value>,
    ) -> Result<Self, Refusal> {
        let mut arguments = Self::default();
        for (name, value) in given {
            if value.is_null() || name.starts_with('_') || IGNORED.contains(&name.as_str()) {
                continue;
            }
            refuse_secret(&name)?;
            let (name, value) = aliases::argument(params, name, value);
            let Some(param) = params.iter().find(|it| it.name == name) else {
                return Err(unknown(tool, params, &name));
            };
            arguments.given.insert(param.name, understand(param, value)?);
        }
        match params.iter().find(|it| it.required && !arguments.given.contains_key(it.name)) {
            Some(missing) => Err(missing.refuse(format!("{tool} needs it: {}", missing.about))),
            None => Ok(arguments),
        }
    }

    /// Returns a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.given.get(name) {
            Some(Given::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns a number.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.given.get(name) {
            Some(Given::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// Returns true or false.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.given.get(name) {
            Some(Given::Boolean(truth)) => Some(*truth),
            _ => None,
        }
    }

    /// Returns a list, empty where it was not given.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.given.get(name) {
            Some(Given::Texts(texts)) => texts.clone(),
            _ => Vec::new(),
        }
    }

    /// Returns strings by name, empty where they were not given.
    #[must_use]
    pub fn map(&self, name: &str) -> BTreeMap<String, String> {
        match self.given.get(name) {
            Some(Given::Map(map)) => map.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// Returns a string as what it stands for.
    ///
    /// # Errors
    ///
    /// Says how such a thing is written.
    pub fn parsed<T>(&self, name: &'static str) -> Result<Option<T>, Refusal>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        let parsed = text.trim().parse::<T>();
        parsed.map(Some).map_err(|it| Refusal::InvalidArgument { what: name, why: it.to_string() })
    }

    /// Returns the handle of a command.
    ///
    /// # Errors
    ///
    /// Says how a handle is written.
    pub fn run(&self) -> Result<Option<RunId>, Refusal> {
        self.parsed("command")
    }

    /// Returns the place from which output is wanted.
    ///
    /// # Errors
    ///
    /// Says how an offset is written.
    pub fn offset(&self) -> Result<Option<Offset>, Refusal> {
        self.parsed("offset")
    }

    /// Returns a regular expression, compiled.
    ///
    /// # Errors
    ///
    /// Says where the pattern is wrong, or that it is too large.
    pub fn pattern(&self, name: &'static str) -> Result<Option<Regex>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        cotty_engine::pattern::compile(name, text).map(Some)
    }

    /// Returns which session is meant.
    #[must_use]
    pub fn which(&self) -> Which {
        Which {
            session: self.text("session").map(str::to_owned),
            target: self.text("target").map(str::to_owned),
        }
    }

    /// Returns how long to wait, cut to what a call may last.
    #[must_use]
    pub fn wait(&mut self) -> Duration {
        let Some(seconds) = self.integer("wait_s") else { return WAIT_DEFAULT };
        if seconds > 50 {
            self.notes.push(format!("wait_s {seconds} was cut to 50: no call lasts longer"));
        }
        Duration::from_secs(seconds.min(50)).min(WAIT_MAX)
    }

    /// Returns how many characters the reply may have, cut to what is allowed.
    #[must_use]
    pub fn chars_max(&self) -> usize {
        self.integer("max_chars").map_or(CHARS_DEFAULT, within_chars)
    }

    /// Returns what the caller should know about how its arguments were taken.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let wanted = self.integer("max_chars").unwrap_or(CHARS_DEFAULT as u64);
        let (taken, least, most) = (within_chars(wanted), CHARS_RANGE.start(), CHARS_RANGE.end());
        let changed = (taken as u64 != wanted).then(|| {
            format!("max_chars {wanted} was taken for {taken}: from {least} to {most} are possible")
        });
        self.notes.iter().cloned().chain(changed).collect()
    }
}

/// Cuts a number of characters to what is allowed.
fn within_chars(wanted: u64) -> usize {
    usize::try_from(wanted).unwrap_or(usize::MAX).clamp(*CHARS_RANGE.start(), *CHARS_RANGE.end())
}

fn refuse_secret(name: &str) -> Result<(), Refusal> {
    let plain = name.to_ascii_lowercase().replace('-', "_");
    if !SECRETS.iter().any(|it| plain == *it || plain == it.replace('_', "")) {
        return Ok(());
    }
    Err(Refusal::InvalidArgument {
        what: "password",
        why: "cotty takes no secret as an argument, for it would stay in transcripts and logs; \
              run the command without it, and when it asks, a person types it: cotty attach SESSION"
            .to_owned(),
    })
}

fn unknown(tool: &'static str, params: &[Param], name: &str) -> Refusal {
    let takes = params.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
    let name: String = name.chars().take(60).collect();
    Refusal::InvalidArgument { what: "arguments", why: format!("{tool} has no {name:?}; it takes {takes}") }
}

fn understand(param: &Param, value: Value) -> Result<Given, Refusal> {
    match param.kind {
        Kind::Text => scalar(&value).map(Given::Text).ok_or_else(|| param.refuse("a string belongs here")),
        Kind::Integer => integer(&value)
            .map(Given::Integer)
            .ok_or_else(|| param.refuse("a whole number belongs here, 0 or more")),
        Kind::Boolean => {
            boolean(&value).map(Given::Boolean).ok_or_else(|| param.refuse("true or false belongs here"))
        }
        Kind::Choice(words) => choice(words, &value)
            .map(Given::Text)
            .ok_or_else(|| param.refuse(format!("one of these belongs here: {}", words.join(", ")))),
        Kind::Texts => {
            texts(&value).map(Given::Texts).ok_or_else(|| param.refuse("a list of strings belongs here"))
        }
        Kind::Map => {
            map(&value).map(Given::Map).ok_or_else(|| param.refuse("an object of strings belongs here"))
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            // 20.0 and 1.5 are both written by models where seconds are meant: up to the next whole one.
            let wanted = number.as_f64().filter(|it| (0.0..1e15).contains(it))?.ceil();
            format!("{wanted:.0}").parse().ok()
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn choice(words: &[&str], value: &Value) -> Option<String> {
    let wanted = value.as_str()?.trim().to_ascii_lowercase();
    words.contains(&wanted.as_str()).then_some(wanted)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) => values.iter().map(scalar).collect(),
        Value::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn map(value: &Value) -> Option<BTreeMap<String, String>> {
    value.as_object()?.iter().map(|(name, value)| Some((name.clone(), scalar(value)?))).collect()
}
