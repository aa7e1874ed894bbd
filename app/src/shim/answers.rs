//! What a client says, and the answers that need no session: the handshake, the lists, and what is not offered.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cotty_mcp::chosen::Chosen;
use cotty_mcp::lists::{self, Answer, VERSION_STATELESS, VERSIONS};
use serde_json::{Map, Value, json};

use super::calls::{Call, REPLAY_ID};
use super::lines::Line;
use super::reply::{error, result};

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
const META_CLIENT: &str = "io.modelcontextprotocol/clientInfo";

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const UNSUPPORTED_VERSION: i32 = -32022;

/// How much of a client's name is passed on.
const LABEL_CHARS_MAX: usize = 80;

/// So many resources are remembered that a client follows; the daemon follows no more.
const FOLLOWED_MAX: usize = 64;

/// What is to be done about a line.
#[derive(Debug)]
pub(super) enum Act {
    /// Nothing.
    Nothing,
    /// Answer with this line.
    Reply(String),
    /// Have the daemon do it.
    Call(Call),
    /// Give the daemon what the client answered to it.
    Answer(Vec<u8>),
    /// Have the daemon stop it: the request's id, and the line that says so.
    Cancel(Value, Vec<u8>),
}

/// What is remembered of the client.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// The tools that it is offered, where these are not all.
    chosen: Option<Chosen>,
    /// The resources that it follows, with their requests as they are replayed.
    followed: BTreeMap<String, Vec<u8>>,
    /// Its `initialize` with our own id, and `initialized` after it, as they are replayed.
    handshake: Option<[Vec<u8>; 2]>,
    label: String,
}

struct Message {
    id: Option<Value>,
    method: String,
    params: Map<String, Value>,
}

impl Client {
    /// A client that is offered these tools; all without a choice.
    pub(super) fn new(chosen: Option<Chosen>) -> Self {
        Self { chosen, ..Self::default() }
    }

    /// Returns who the client says it is.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Returns the lines that bring a new daemon to where the client is.
    pub(super) fn replay(&self) -> impl Iterator<Item = &[u8]> {
        self.handshake.iter().flatten().chain(self.followed.values()).map(Vec::as_slice)
    }

    /// Takes a line from the client.
    pub(super) fn hear(&mut self, line: Line) -> Act {
        let Line::Whole(line) = line else {
            return Act::Reply(error(None, INVALID_REQUEST, "a line of more than 16 MiB is not taken", None));
        };
        let Ok(value) = serde_json::from_slice::<Value>(&line) else {
            return Act::Reply(error(None, PARSE_ERROR, "this line is not JSON", None));
        };
        let message = match understand(value) {
            Ok(Some(message)) => message,
            // What the daemon asked of the client; one that did not ask it forgets it.
            Ok(None) => return Act::Answer(line),
            Err(reply) => return Act::Reply(reply),
        };
        match message.id.clone() {
            None => notified(&message, line),
            Some(id) => self.requested(id, message),
        }
    }

    fn requested(&mut self, id: Value, message: Message) -> Act {
        if message.method == "initialize" {
            return Act::Reply(self.initialize(&id, message));
        }
        let stateless = match self.era(&id, &message) {
            Ok(stateless) => stateless,
            Err(reply) => return Act::Reply(reply),
        };
        let reply = match (message.method.as_str(), stateless) {
            ("server/discover", _) => result(&id, Answer::Discover.text()),
            ("tools/list", false) => result(&id, &self.tools(Answer::Tools)),
            ("tools/list", true) => result(&id, &self.tools(Answer::ToolsStateless)),
            ("resources/list", false) => result(&id, Answer::Resources.text()),
            ("resources/list", true) => result(&id, Answer::ResourcesStateless.text()),
            ("resources/templates/list", false) => result(&id, Answer::Templates.text()),
            ("resources/templates/list", true) => result(&id, Answer::TemplatesStateless.text()),
            ("ping", false) => result(&id, "{}"),
            ("tools/call", _) => return self.call(id, message, stateless),
            ("resources/read", _) => {
                return Act::Call(Call::of(id, message.method, message.params, stateless));
            }
            ("resources/subscribe" | "resources/unsubscribe", false) => {
                self.follow(&message);
                return Act::Call(Call::of(id, message.method, message.params, false));
            }
            ("subscriptions/listen", true) => return listen(id, message),
            (method, _) => {
                let method: String = method.chars().take(80).collect();
                error(Some(&id), METHOD_NOT_FOUND, &format!("there is no method {method}"), None)
            }
        };
        Act::Reply(reply)
    }

    fn initialize(&mut self, id: &Value, message: Message) -> String {
        let Some(wanted) = message.params.get("protocolVersion").and_then(Value::as_str) else {
            return error(Some(id), INVALID_PARAMS, "initialize needs a protocolVersion", None);
        };
        let agreed = lists::agreed(wanted);
        self.label = label(message.params.get("clientInfo"));
        let mut params = message.params;
        params.insert("protocolVersion".to_owned(), json!(agreed));
        // What a daemon will not read without, though some clients leave it out.
        params.entry("capabilities").or_insert_with(|| json!({}));
        params.entry("clientInfo").or_insert_with(|| json!({"name": "unknown", "version": "0"}));
        let replayed = json!({"jsonrpc": "2.0", "id": REPLAY_ID, "method": "initialize", "params": params});
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        self.handshake = Some([replayed.to_string().into_bytes(), initialized.to_string().into_bytes()]);
        result(id, &lists::initialized(agreed))
    }

    /// Returns whether a request stands for itself (2026-07-28) or belongs to a handshake, or what is wrong with it.
    fn era(&self, id: &Value, message: &Message) -> Result<bool, String> {
        let meta = message.params.get("_meta").and_then(Value::as_object);
        let version = meta.and_then(|it| it.get(META_VERSION)).and_then(Value::as_str);
        if let Some(version) = version.filter(|it| !VERSIONS.contains(it)) {
            let data = json!({"requested": version, "supported": VERSIONS});
            return Err(error(Some(id), UNSUPPORTED_VERSION, "Unsupported protocol version", Some(data)));
        }
        let stateless = version.is_some_and(|it| it >= VERSION_STATELESS);
        let greeted = self.handshake.is_some() || message.method == "ping";
        if !greeted || stateless || message.method == "server/discover" {
            let capabilities = meta.and_then(|it| it.get(META_CAPABILITIES)).is_some_and(Value::is_object);
            let missing: Vec<_> = [(META_VERSION, version.is_some()), (META_CAPABILITIES, capabilities)]
                .into_iter()
                .filter_map(|(key, there)| (!there).then_some(key))
                .collect();
            if !missing.is_empty() {
                let what = format!(
                    "request _meta is missing or has malformed required fields: {}",
                    missing.join(", ")
                );
                return Err(error(Some(id), INVALID_PARAMS, &what, None));
            }
        }
        Ok(stateless)
    }

    fn tools(&self, list: Answer) -> Cow<'static, str> {
        match &self.chosen {
            Some(chosen) => Cow::Owned(chosen.list(list)),
            None => Cow::Borrowed(list.text()),
        }
    }

    /// Remembers what a new daemon is to be told; whether it is a resource is the daemon's to say.
    fn follow(&mut self, message: &Message) {
        let Some(uri) = message.params.get("uri").and_then(Value::as_str) else { return };
        if message.method == "resources/unsubscribe" {
            self.followed.remove(uri);
        } else if self.followed.len() < FOLLOWED_MAX {
            let params = json!({"uri": uri});
            let line =
                json!({"jsonrpc": "2.0", "id": REPLAY_ID, "method": "resources/subscribe", "params": params});
            self.followed.insert(uri.to_owned(), line.to_string().into_bytes());
        }
    }

    fn call(&mut self, id: Value, message: Message, stateless: bool) -> Act {
        let named = message.params.get("name").is_some_and(Value::is_string);
        let arguments = message.params.get("arguments");
        if !named || arguments.is_some_and(|it| !it.is_object() && !it.is_null()) {
            let what = "tools/call needs a name, and arguments are an object";
            return Act::Reply(error(Some(&id), INVALID_PARAMS, what, None));
        }
        let name = message.params.get("name").and_then(Value::as_str).unwrap_or_default();
        if self.chosen.as_ref().is_some_and(|it| !it.has(name, arguments.and_then(Value::as_object))) {
            let name: String = name.chars().take(60).collect();
            let what = format!("the tool {name:?} was left out when cotty mcp was set up here");
            return Act::Reply(error(Some(&id), INVALID_PARAMS, &what, None));
        }
        if self.handshake.is_none() {
            self.label = label(message.params.get("_meta").and_then(|it| it.get(META_CLIENT)));
        }
        Act::Call(Call::of(id, message.method, message.params, stateless))
    }
}

/// Follows what is asked for. Without a resource there is nothing that could change: it is acknowledged and stays open.
fn listen(id: Value, message: Message) -> Act {
    let wanted = message.params.get("notifications").and_then(|it| it.get("resourceSubscriptions"));
    if wanted.and_then(Value::as_array).is_some_and(|it| !it.is_empty()) {
        return Act::Call(Call::of(id, message.method, message.params, true));
    }
    let params = json!({"notifications": {}, "_meta": {META_SUBSCRIPTION: id}});
    let acknowledged =
        json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params});
    Act::Reply(acknowledged.to_string())
}

fn understand(value: Value) -> Result<Option<Message>, String> {
    let Value::Object(mut fields) = value else {
        return Err(error(None, INVALID_REQUEST, "one JSON-RPC message a line, an object", None));
    };
    let id = fields.remove("id");
    let known = id.clone().filter(|it| it.is_string() || it.is_i64() || it.is_u64());
    let Some(Value::String(method)) = fields.remove("method") else {
        // An answer is not for us.
        let answer = fields.contains_key("result") || fields.contains_key("error");
        let invalid = || error(known.as_ref(), INVALID_REQUEST, "this is no JSON-RPC message", None);
        return if answer { Ok(None) } else { Err(invalid()) };
    };
    if id.is_some() && known.is_none() {
        return Err(error(None, INVALID_REQUEST, "a request's id is a string or a whole number", None));
    }
    match fields.remove("params") {
        None | Some(Value::Null) => Ok(Some(Message { id: known, method, params: Map::new() })),
        Some(Value::Object(params)) => Ok(Some(Message { id: known, method, params })),
        Some(_) => Err(error(known.as_ref(), INVALID_PARAMS, "params are an object", None)),
    }
}

fn notified(message: &Message, line: Vec<u8>) -> Act {
    match (message.method.as_str(), message.params.get("requestId")) {
        ("notifications/cancelled", Some(id)) => Act::Cancel(id.clone(), line),
        _ => Act::Nothing,
    }
}

fn label(client: Option<&Value>) -> String {
    let part = |name| client.and_then(|it| it.get(name)).and_then(Value::as_str).unwrap_or_default();
    let label = format!("{} {}", part("name"), part("version"));
    label.trim().chars().filter(|it| !it.is_control()).take(LABEL_CHARS_MAX).collect()
}
