//! JSON-RPC's two kinds of answer, as lines.

use serde_json::{Value, json};

/// Returns the line that answers a request with a result.
pub(super) fn result(id: &Value, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

/// Returns the line that answers a request, or a line that was none, with an error.
pub(super) fn error(id: Option<&Value>, code: i32, message: &str, data: Option<Value>) -> String {
    let mut error = json!({"code": code, "message": message});
    if let Some(data) = data {
        error["data"] = data;
    }
    // An unknown id is left out, not null: MCP's schema has ids of strings and numbers only.
    let id = id.map(|it| format!(r#""id":{it},"#)).unwrap_or_default();
    format!(r#"{{"jsonrpc":"2.0",{id}"error":{error}}}"#)
}
