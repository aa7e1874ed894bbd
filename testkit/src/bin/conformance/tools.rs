//! The plain tools: their list, and what each answers.
#![expect(deprecated, reason = "the suite tests what older revisions have")]

use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ContentBlock, CreateMessageRequestParams,
    ElicitRequestParams, ElicitationAction, ErrorData, LoggingLevel, LoggingMessageNotificationParam,
    ProgressNotificationParam, SamplingMessage, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};

use crate::known::{Fixtures, complete, made, said};
use crate::things::{IMAGE, SOUND};

/// Tools that take nothing.
const BARE: [&str; 14] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_tool_with_logging",
    "test_error_handling",
    "test_tool_with_progress",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_reconnection",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_missing_capability",
];

/// Tools that ask for something before they answer.
const ASKING: [&str; 10] = [
    "test_streaming_elicitation",
    "test_logging_tool",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
];

/// One step of a tool that works a while.
const STEP: Duration = Duration::from_millis(50);

/// Returns the list of all tools.
pub(crate) fn list() -> Value {
    let nothing = json!({"type": "object", "properties": {}});
    let bare = BARE.iter().chain(&ASKING).chain(&crate::tasks::NAMES);
    let bare = bare.map(|name| json!({"name": name, "description": name, "inputSchema": nothing}));
    let tools: Vec<Value> = bare.chain(with_parameters()).collect();
    json!({"tools": tools, "ttlMs": 60_000, "cacheScope": "public"})
}

fn with_parameters() -> [Value; 4] {
    let text =
        |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]});
    let mirrored = json!({"type": "object", "required": ["value"],
        "properties": {"value": {"type": "string", "x-mcp-header": "Value"}}});
    let modern = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {"$anchor": "address", "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
        "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
        "allOf": [{"anyOf": [{"required": ["name"]}, {"required": ["address"]}]}],
        "if": {"required": ["address"]},
        "then": {"properties": {"address": {"required": ["street"]}}},
        "else": {"required": ["name"]},
        "additionalProperties": false,
    });
    let tool = |name: &str, schema: Value| json!({"name": name, "description": name, "inputSchema": schema});
    [
        tool("test_sampling", text("prompt")),
        tool("test_elicitation", text("message")),
        tool("test_custom_header", mirrored),
        tool("json_schema_2020_12_tool", modern),
    ]
}

/// Finds a tool whose schema the transport looks at.
pub(crate) fn find(name: &str) -> Option<Tool> {
    let tool = with_parameters().into_iter().find(|it| it["name"] == name)?;
    serde_json::from_value(tool).ok()
}

type Asked = RequestContext<RoleServer>;

/// Answers a call of one of them.
pub(crate) async fn call(
    fixtures: &Fixtures,
    call: CallToolRequestParams,
    asked: Asked,
) -> Result<CallToolResult, ErrorData> {
    let arguments = call.arguments.unwrap_or_default();
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(answer) = fixed(&call.name) {
        return complete(answer);
    }
    match &*call.name {
        "test_tool_with_logging" => log(&asked).await,
        "test_tool_with_progress" => progress(&asked).await,
        "test_custom_header" => Ok(said(&text("value"))),
        "test_sampling" => sample(&asked, &text("prompt")).await,
        "test_elicitation" => elicit(&asked, &text("message"), account()).await,
        "test_elicitation_sep1034_defaults" => elicit(&asked, "All of these have defaults", defaults()).await,
        "test_elicitation_sep1330_enums" => elicit(&asked, "All of these are choices", choices()).await,
        "test_reconnection" => {
            tokio::time::sleep(STEP * 2).await;
            Ok(said("still there"))
        }
        "test_trigger_tool_change" => {
            for sink in fixtures.listening() {
                drop(sink.notify_tool_list_changed().await);
            }
            Ok(said("told"))
        }
        "test_trigger_prompt_change" => {
            for sink in fixtures.listening() {
                drop(sink.notify_prompt_list_changed().await);
            }
            Ok(said("told"))
        }
        "test_missing_capability" => match asked.meta.client_capabilities().and_then(|it| it.sampling) {
            Some(_) => Ok(said("it samples")),
            None => Err(ErrorData::missing_required_client_capability(
                ClientCapabilities::builder().enable_sampling().build(),
            )),
        },
        "test_logging_tool" => {
            if let Some(level) = asked.meta.log_level() {
                let message = LoggingMessageNotificationParam::new(level, json!("it was asked for"));
                drop(asked.peer.notify_logging_message(message).await);
            }
            Ok(said("logged"))
        }
        name => Err(ErrorData::invalid_params(format!("there is no tool {name}"), None)),
    }
}

/// The answers that are always the same.
fn fixed(name: &str) -> Option<Value> {
    let resource = |uri: &str, kind: &str, text: &str| json!({"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": text}});
    let image = json!({"type": "image", "data": IMAGE, "mimeType": "image/png"});
    let text = |text: &str| json!({"type": "text", "text": text});
    Some(match name {
        "test_simple_text" => json!({"content": [text("This is a simple text response for testing.")]}),
        "test_image_content" => json!({"content": [image]}),
        "test_audio_content" => {
            json!({"content": [{"type": "audio", "data": SOUND, "mimeType": "audio/wav"}]})
        }
        "test_embedded_resource" => {
            let within =
                resource("test://embedded-resource", "text/plain", "This is an embedded resource content.");
            json!({"content": [within]})
        }
        "test_multiple_content_types" => {
            let data = resource(
                "test://mixed-content-resource",
                "application/json",
                "{\"test\":\"data\",\"value\":123}",
            );
            json!({"content": [text("Multiple content types test:"), image, data]})
        }
        "test_error_handling" => {
            json!({"isError": true, "content": [text("This tool intentionally returns an error for testing")]})
        }
        "json_schema_2020_12_tool" => json!({"content": [text("It was read.")]}),
        _ => return None,
    })
}

async fn log(asked: &Asked) -> Result<CallToolResult, ErrorData> {
    for words in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(words));
        drop(asked.peer.notify_logging_message(message).await);
        tokio::time::sleep(STEP).await;
    }
    Ok(said("logged"))
}

async fn progress(asked: &Asked) -> Result<CallToolResult, ErrorData> {
    for done in [0.0, 50.0, 100.0] {
        if let Some(token) = asked.meta.get_progress_token() {
            let progress =
                ProgressNotificationParam::new(token, done).with_total(100.0).with_message("going on");
            drop(asked.peer.notify_progress(progress).await);
        }
        tokio::time::sleep(STEP).await;
    }
    Ok(said("done"))
}

async fn sample(asked: &Asked, prompt: &str) -> Result<CallToolResult, ErrorData> {
    let wanted = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
    Ok(match asked.peer.create_message(wanted).await {
        Ok(result) => {
            let first = result.message.content.first().and_then(|it| it.as_text());
            said(&format!("LLM response: {}", first.map_or("none", |it| it.text.as_str())))
        }
        Err(error) => CallToolResult::error(vec![ContentBlock::text(error.to_string())]),
    })
}

async fn elicit(asked: &Asked, message: &str, properties: Value) -> Result<CallToolResult, ErrorData> {
    let schema = made(json!({"type": "object", "properties": properties}))?;
    let form = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema: schema,
    };
    Ok(match asked.peer.create_elicitation(form).await {
        Ok(result) => {
            let action = match result.action {
                ElicitationAction::Accept => "accept",
                ElicitationAction::Decline => "decline",
                _ => "cancel",
            };
            said(&format!("Elicitation completed: action={action}, content={:?}", result.content))
        }
        Err(error) => CallToolResult::error(vec![ContentBlock::text(error.to_string())]),
    })
}

fn account() -> Value {
    json!({"username": {"type": "string", "description": "Your name"}, "email": {"type": "string", "description": "Your address"}})
}

fn defaults() -> Value {
    json!({
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": true},
    })
}

fn choices() -> Value {
    let titled = |word: &str| -> Vec<Value> {
        let title = |(at, it): (usize, &&str)| json!({"const": format!("value{}", at + 1), "title": format!("{it} {word}")});
        ["First", "Second", "Third"].iter().enumerate().map(title).collect()
    };
    let plain = ["option1", "option2", "option3"];
    json!({
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled("Option")},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled("Choice")}},
    })
}
