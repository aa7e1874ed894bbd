//! What is the same for every caller: the answers to the handshake and to `tools/list`, from one generated file.
//!
//! The shim answers with these bytes and loads nothing else; the daemon reads its lists out of the same bytes.

use rmcp::model::{
    CacheScope, DiscoverResult, Implementation, InitializeResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, MetaObject, ProtocolVersion, ResultType, ServerCapabilities, Tool,
    ToolAnnotations,
};
use serde_json::{Map, Value, json};

use crate::arguments;
use crate::resources;
use crate::tools::{self, Definition};

/// The command that writes the file anew.
pub const REGENERATE: &str = "cargo run -q -p cotty-mcp --example lists > mcp/src/lists.jsonl";
/// What a client is told about all tools. The first sentence stands alone: one client shows no more.
pub const INSTRUCTIONS: &str = include_str!("instructions.txt");
/// The versions that are spoken, oldest first.
pub const VERSIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];
/// The newest of them that begins with `initialize`.
pub const VERSION_INITIALIZED: &str = "2025-11-25";
/// The first of them that does not, and has its facts in every request.
pub const VERSION_STATELESS: &str = "2026-07-28";

/// One answer a line, in the order of [`Answer`].
static GENERATED: &str = include_str!("lists.jsonl");
/// The lists change with the binary only.
const TTL_MS: u64 = 3_600_000;

/// An answer that needs no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To `initialize`, for [`VERSION_INITIALIZED`].
    Initialize,
    /// To `server/discover`.
    Discover,
    /// To `tools/list` before 2026-07-28.
    Tools,
    /// To `tools/list` since then.
    ToolsStateless,
    /// To `resources/list` before 2026-07-28.
    Resources,
    /// To `resources/list` since then.
    ResourcesStateless,
    /// To `resources/templates/list` before 2026-07-28.
    Templates,
    /// To `resources/templates/list` since then.
    TemplatesStateless,
}

impl Answer {
    /// Every answer, in the order of the file.
    pub const ALL: [Self; 8] = [
        Self::Initialize,
        Self::Discover,
        Self::Tools,
        Self::ToolsStateless,
        Self::Resources,
        Self::ResourcesStateless,
        Self::Templates,
        Self::TemplatesStateless,
    ];

    /// Returns the answer as it goes over the wire: the value of `result`.
    #[must_use]
    pub fn text(self) -> &'static str {
        GENERATED.lines().nth(self as usize).unwrap_or("{}")
    }

    /// Returns the answer made anew from the tools' definitions.
    ///
    /// # Errors
    ///
    /// Passes on that it is no JSON, which cannot be.
    pub fn made(self) -> serde_json::Result<String> {
        match self {
            Self::Initialize => serde_json::to_string(&info()),
            Self::Discover => serde_json::to_string(&discovered()),
            Self::Tools => serde_json::to_string(&listed(false)),
            Self::ToolsStateless => serde_json::to_string(&listed(true)),
            Self::Resources => serde_json::to_string(&resources(false)),
            Self::ResourcesStateless => serde_json::to_string(&resources(true)),
            Self::Templates => serde_json::to_string(&templates(false)),
            Self::TemplatesStateless => serde_json::to_string(&templates(true)),
        }
    }
}

/// Returns the answer to `initialize` with the version that was agreed on.
#[must_use]
pub fn initialized(version: &str) -> String {
    Answer::Initialize.text().replacen(VERSION_INITIALIZED, version, 1)
}

/// Returns the version to answer a client with that asked for this one by `initialize`.
#[must_use]
pub fn agreed(wanted: &str) -> &'static str {
    let known = VERSIONS.into_iter().find(|it| *it == wanted && *it != VERSION_STATELESS);
    known.unwrap_or(VERSION_INITIALIZED)
}

/// Returns the generated list as the daemon's server gives it.
///
/// # Errors
///
/// Passes on that the file is stale beyond reading, which a test excludes.
pub fn tools(stateless: bool) -> serde_json::Result<ListToolsResult> {
    let answer = if stateless { Answer::ToolsStateless } else { Answer::Tools };
    serde_json::from_str(answer.text())
}

/// Returns who we are and what we offer.
#[must_use]
pub fn info() -> InitializeResult {
    let capabilities =
        ServerCapabilities::builder().enable_tools().enable_resources().enable_resources_subscribe().build();
    let server = Implementation::new("cotty", env!("CARGO_PKG_VERSION")).with_title("cotty");
    InitializeResult::new(capabilities)
        .with_protocol_version(ProtocolVersion::V_2025_11_25)
        .with_server_info(server)
        .with_instructions(INSTRUCTIONS.trim_end())
}

/// Returns the answer to `server/discover`.
#[must_use]
pub fn discovered() -> DiscoverResult {
    let mut discovered = DiscoverResult::from_server_info(ProtocolVersion::KNOWN_VERSIONS.to_vec(), info());
    discovered.ttl_ms = TTL_MS;
    discovered
}

/// Returns the list of resources.
pub(crate) fn resources(stateless: bool) -> ListResourcesResult {
    let mut list = resources::listed();
    list.result_type = stateless.then_some(ResultType::COMPLETE);
    list.ttl_ms = stateless.then_some(TTL_MS);
    list.cache_scope = stateless.then_some(CacheScope::Private);
    list
}

/// Returns the list of their templates.
pub(crate) fn templates(stateless: bool) -> ListResourceTemplatesResult {
    let mut list = resources::templates();
    list.result_type = stateless.then_some(ResultType::COMPLETE);
    list.ttl_ms = stateless.then_some(TTL_MS);
    list.cache_scope = stateless.then_some(CacheScope::Private);
    list
}

fn listed(stateless: bool) -> ListToolsResult {
    let mut list = ListToolsResult::with_all_items(tools::ALL.into_iter().map(tool).collect());
    list.result_type = stateless.then_some(ResultType::COMPLETE);
    list.ttl_ms = stateless.then_some(TTL_MS);
    list.cache_scope = stateless.then_some(CacheScope::Private);
    list
}

fn tool(definition: &Definition) -> Tool {
    let hints = ToolAnnotations::from_raw(
        None,
        Some(definition.read_only),
        Some(definition.destructive),
        Some(definition.idempotent),
        Some(definition.open_world),
    );
    let schema = arguments::schema(definition.params);
    let tool = Tool::new(definition.name, definition.description, schema)
        .with_title(definition.title)
        .with_annotations(hints);
    let meta = meta(definition);
    if meta.is_empty() { tool } else { tool.with_meta(MetaObject(meta)) }
}

fn meta(definition: &Definition) -> Map<String, Value> {
    let mut meta = Map::new();
    if definition.always_load {
        meta.insert("anthropic/alwaysLoad".to_owned(), json!(true));
    }
    if definition.long_results {
        meta.insert("anthropic/maxResultSizeChars".to_owned(), json!(120_000));
    }
    meta
}
