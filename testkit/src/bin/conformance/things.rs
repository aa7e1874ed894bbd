//! The resources, prompts and completions.

use rmcp::model::{
    ErrorData, GetPromptRequestParams, GetPromptResponse, GetPromptResult, ReadResourceResponse,
    ReadResourceResult,
};
use serde_json::{Value, json};

use crate::known::complete;

/// One red point.
pub(crate) const IMAGE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==";
/// A sound without a sample.
pub(crate) const SOUND: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

/// Returns the list of resources.
pub(crate) fn resources() -> Value {
    cached(json!({"resources": [
        {"uri": "test://static-text", "name": "A text", "mimeType": "text/plain"},
        {"uri": "test://static-binary", "name": "A picture", "mimeType": "image/png"},
    ]}))
}

/// Returns the list of templates.
pub(crate) fn templates() -> Value {
    cached(json!({"resourceTemplates": [
        {"uriTemplate": "test://template/{id}/data", "name": "By number", "mimeType": "application/json"},
    ]}))
}

/// Reads a resource.
pub(crate) fn read(uri: &str) -> Result<ReadResourceResponse, ErrorData> {
    let number = uri.strip_prefix("test://template/").and_then(|it| it.strip_suffix("/data"));
    let content = match (uri, number) {
        ("test://static-text", _) => {
            json!({"uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource."})
        }
        ("test://static-binary", _) => json!({"uri": uri, "mimeType": "image/png", "blob": IMAGE}),
        (_, Some(id)) => {
            let text =
                json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")}).to_string();
            json!({"uri": uri, "mimeType": "application/json", "text": text})
        }
        _ => {
            return Err(ErrorData::resource_not_found(
                "there is no such resource",
                Some(json!({"uri": uri})),
            ));
        }
    };
    complete::<ReadResourceResult>(cached(json!({"contents": [content]}))).map(Into::into)
}

/// Returns the list of prompts.
pub(crate) fn prompts() -> Value {
    let argument =
        |name: &str, is_required: bool| json!({"name": name, "description": name, "required": is_required});
    let bare = [
        "test_simple_prompt",
        "test_prompt_with_embedded_resource",
        "test_prompt_with_image",
        "test_input_required_result_prompt",
    ];
    let mut prompts: Vec<Value> =
        bare.iter().map(|name| json!({"name": name, "description": name})).collect();
    prompts.push(json!({"name": "test_prompt_with_arguments", "description": "It repeats them",
        "arguments": [argument("arg1", true), argument("arg2", false)]}));
    cached(json!({ "prompts": prompts }))
}

/// Makes a prompt.
pub(crate) fn prompt(wanted: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let user = |content: Value| json!({"role": "user", "content": content});
    let text = |text: &str| user(json!({"type": "text", "text": text}));
    let given = |name: &str| {
        let given = wanted.arguments.as_ref().and_then(|it| it.get(name));
        given.and_then(|it| it.as_str()).unwrap_or_default().to_owned()
    };
    let messages = match wanted.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            vec![text(&format!("Prompt with arguments: arg1='{}', arg2='{}'", given("arg1"), given("arg2")))]
        }
        "test_prompt_with_embedded_resource" => {
            let uri = Some(given("resourceUri")).filter(|it| !it.is_empty());
            let uri = uri.unwrap_or_else(|| "test://static-text".to_owned());
            let within = json!({"uri": uri, "mimeType": "text/plain", "text": "Embedded resource content for testing."});
            vec![
                user(json!({"type": "resource", "resource": within})),
                text("Please process the resource above."),
            ]
        }
        "test_prompt_with_image" => {
            vec![
                user(json!({"type": "image", "data": IMAGE, "mimeType": "image/png"})),
                text("What is this?"),
            ]
        }
        name => return Err(ErrorData::invalid_params(format!("there is no prompt {name}"), None)),
    };
    complete::<GetPromptResult>(json!({"description": wanted.name, "messages": messages})).map(Into::into)
}

/// Returns what an argument may be.
pub(crate) fn completions() -> Value {
    json!({"completion": {"values": ["one", "two"], "total": 2, "hasMore": false}})
}

fn cached(mut list: Value) -> Value {
    list["ttlMs"] = json!(60_000);
    list["cacheScope"] = json!("public");
    list
}
