//! Stories of what a client reads before its first call: the lists, their size, and that they are one file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cotty_mcp::lists::{self, Answer, INSTRUCTIONS, REGENERATE};
use serde_json::Value;

fn tools() -> Vec<Value> {
    let list: Value = serde_json::from_str(Answer::Tools.text()).unwrap();
    list["tools"].as_array().unwrap().clone()
}

#[test]
fn the_generated_file_is_what_the_definitions_make() {
    for answer in Answer::ALL {
        let made = answer.made().unwrap();
        assert!(answer.text() == made, "mcp/src/lists.jsonl is stale ({answer:?}): {REGENERATE}");
    }
}

#[test]
fn the_daemon_gives_the_same_bytes_as_the_shim() {
    for (stateless, answer) in [(false, Answer::Tools), (true, Answer::ToolsStateless)] {
        let list = lists::tools(stateless).unwrap();
        assert_eq!(serde_json::to_string(&list).unwrap(), answer.text());
    }
    assert_eq!(serde_json::to_string(&lists::info()).unwrap(), lists::initialized("2025-11-25"));
    assert_eq!(serde_json::to_string(&lists::discovered()).unwrap(), Answer::Discover.text());
}

#[test]
fn the_agreed_version_is_the_wanted_one_or_the_newest_with_a_handshake() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        assert_eq!(lists::agreed(version), version);
        assert!(lists::initialized(version).starts_with(&format!(r#"{{"protocolVersion":"{version}""#)));
    }
    for version in ["1999-01-01", "2026-07-28", ""] {
        assert_eq!(lists::agreed(version), "2025-11-25");
    }
}

#[test]
fn the_list_has_room_for_what_later_tools_take() {
    let json = serde_json::to_string(&tools()).unwrap();
    assert!(json.chars().count() / 4 <= 1_900, "{} tokens", json.chars().count() / 4);
    let descriptions: usize = tools().iter().map(|it| it["description"].as_str().unwrap().len()).sum();
    assert!(descriptions / tools().len() <= 220);
}

#[test]
fn the_instructions_are_short_and_their_first_sentence_stands_alone() {
    assert!((200..=2_000).contains(&INSTRUCTIONS.len()));
    let first = INSTRUCTIONS.split(". ").next().unwrap();
    for word in ["SSH", "terminal", "servers", "run commands", "person"] {
        assert!(first.contains(word), "{word}");
    }
}

#[test]
fn every_tool_is_portable_and_says_what_it_is() {
    assert_eq!(tools().len(), 8);
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        assert!(name.len() <= 40 && name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_'), "{name}");
        assert!(tool["title"].is_string() && tool.get("outputSchema").is_none());
        let description = tool["description"].as_str().unwrap().len();
        assert!((180..=300).contains(&description), "{name}: {description}");
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name}: {hint}");
        }
        let always = tool["_meta"]["anthropic/alwaysLoad"] == true;
        assert_eq!(always, matches!(name, "ssh_connect" | "ssh_run"), "{name}");
        check_schema(name, &tool["inputSchema"]);
    }
}

fn check_schema(tool: &str, schema: &Value) {
    assert_eq!(schema["type"], "object");
    for key in schema.as_object().unwrap().keys() {
        assert!(["type", "properties", "required"].contains(&key.as_str()), "{tool}: {key}");
    }
    for (name, property) in schema["properties"].as_object().unwrap() {
        assert!(name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_'), "{tool}.{name}");
        assert!(property["description"].is_string(), "{tool}.{name}");
        let kind = property["type"].as_str().unwrap();
        let flat = match kind {
            "array" => property["items"]["type"] == "string",
            "object" => property["additionalProperties"]["type"] == "string",
            _ => ["string", "integer", "boolean"].contains(&kind),
        };
        assert!(flat && property.get("format").is_none(), "{tool}.{name}");
    }
}
