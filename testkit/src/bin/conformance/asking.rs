//! Tools that answer with a question, and go on when the call comes again with what was asked for.

use std::collections::BTreeMap;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorData, GetPromptRequestParams, GetPromptResponse,
    GetPromptResult, InputRequiredResult, InputResponses,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Map, Value, json};

use crate::known::{Fixtures, complete, made, said};

type Answer = Result<CallToolResponse, ErrorData>;

/// A form with one field.
pub(crate) fn form(message: &str, field: &str, kind: &str) -> Value {
    json!({"method": "elicitation/create", "params": {"mode": "form", "message": message,
        "requestedSchema": {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}}})
}

fn sampling(prompt: &str) -> Value {
    let message = json!({"role": "user", "content": {"type": "text", "text": prompt}});
    json!({"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": 100}})
}

fn roots() -> Value {
    json!({"method": "roots/list", "params": {}})
}

/// Asks for these, with what a client is to carry for us.
pub(crate) fn asks(
    requests: &[(&str, Value)],
    state: Option<String>,
) -> Result<InputRequiredResult, ErrorData> {
    let requests: BTreeMap<_, _> = requests.iter().cloned().collect();
    let mut result = json!({"resultType": "input_required", "inputRequests": requests});
    if let Some(state) = state {
        result["requestState"] = json!(state);
    }
    made(result)
}

/// Returns an answer that was given; one that is no object counts as none.
pub(crate) fn given<'a>(responses: Option<&'a InputResponses>, key: &str) -> Option<&'a Map<String, Value>> {
    responses?.get(key)?.as_object()
}

fn word<'a>(given: &'a Map<String, Value>, path: &[&str]) -> &'a str {
    let mut at = given.get(path[0]);
    for step in &path[1..] {
        at = at.and_then(|it| it.get(*step));
    }
    at.and_then(Value::as_str).unwrap_or("nothing")
}

/// Answers a call.
pub(crate) fn call(
    fixtures: &Fixtures,
    call: &CallToolRequestParams,
    asked: &RequestContext<RoleServer>,
) -> Answer {
    let responses = call.input_responses.as_ref();
    let name = ("user_name", form("What is your name?", "name", "string"));
    match &*call.name {
        "test_streaming_elicitation" => {
            Ok(asks(&[("streaming_elicitation", form("A value?", "value", "string"))], None)?.into())
        }
        "test_input_required_result_elicitation" => match given(responses, "user_name") {
            Some(given) => Ok(said(&format!("Hello, {}!", word(given, &["content", "name"]))).into()),
            None => Ok(asks(&[name], None)?.into()),
        },
        "test_input_required_result_sampling" => match given(responses, "capital_question") {
            Some(given) => Ok(said(word(given, &["content", "text"])).into()),
            None => {
                Ok(asks(&[("capital_question", sampling("What is the capital of France?"))], None)?.into())
            }
        },
        "test_input_required_result_list_roots" => match given(responses, "client_roots") {
            Some(given) => Ok(said(&format!("Roots: {:?}", given.get("roots"))).into()),
            None => Ok(asks(&[("client_roots", roots())], None)?.into()),
        },
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            match opened(fixtures, call)? {
                Some(_) => Ok(said("state-ok").into()),
                None => {
                    let state = sealed(fixtures, json!({"asked": 1}))?;
                    Ok(asks(&[("confirm", form("Is it so?", "ok", "boolean"))], Some(state))?.into())
                }
            }
        }
        "test_input_required_result_multiple_inputs" => several(fixtures, call),
        "test_input_required_result_multi_round" => rounds(fixtures, call),
        "test_input_required_result_capabilities" => {
            let declared = asked.meta.client_capabilities().unwrap_or_default();
            let has = [declared.elicitation.is_some(), declared.sampling.is_some(), declared.roots.is_some()];
            let all = [name, ("greeting", sampling("Greet me")), ("client_roots", roots())];
            let wanted: Vec<_> = all.into_iter().zip(has).filter(|it| it.1).map(|it| it.0).collect();
            if responses.is_some() || wanted.is_empty() {
                return Ok(said("nothing more is wanted").into());
            }
            Ok(asks(&wanted, None)?.into())
        }
        name => Err(ErrorData::invalid_params(format!("there is no tool {name}"), None)),
    }
}

/// Three questions at once, and a state beside them.
fn several(fixtures: &Fixtures, call: &CallToolRequestParams) -> Answer {
    let is_retried = opened(fixtures, call)?.is_some();
    let all = ["user_name", "greeting", "client_roots"];
    if is_retried && all.iter().all(|key| given(call.input_responses.as_ref(), key).is_some()) {
        return Ok(said("All of it is there").into());
    }
    let wanted = [
        ("user_name", form("What is your name?", "name", "string")),
        ("greeting", sampling("Greet me")),
        ("client_roots", roots()),
    ];
    Ok(asks(&wanted, Some(sealed(fixtures, json!({"asked": 3}))?))?.into())
}

/// One question after the other; where we are the client carries.
fn rounds(fixtures: &Fixtures, call: &CallToolRequestParams) -> Answer {
    let round = opened(fixtures, call)?.and_then(|it| it["round"].as_u64()).unwrap_or(0);
    let (key, form) = match round {
        0 => ("step1", form("Your name?", "name", "string")),
        1 => ("step2", form("Your colour?", "color", "string")),
        _ => return Ok(said("That was all").into()),
    };
    Ok(asks(&[(key, form)], Some(sealed(fixtures, json!({"round": round + 1}))?))?.into())
}

/// Makes a prompt, once it is known for what.
pub(crate) fn prompt(wanted: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    match given(wanted.input_responses.as_ref(), "user_context") {
        Some(given) => {
            let text = format!("With this in mind: {}", word(given, &["content", "context"]));
            let message = json!({"role": "user", "content": {"type": "text", "text": text}});
            complete::<GetPromptResult>(json!({"description": "made", "messages": [message]})).map(Into::into)
        }
        None => Ok(asks(&[("user_context", form("With what in mind?", "context", "string"))], None)?.into()),
    }
}

fn sealed(fixtures: &Fixtures, state: Value) -> Result<String, ErrorData> {
    fixtures.codec.seal_json(&state).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// Opens what a client carried for us; whatever it made of it itself is refused.
fn opened(fixtures: &Fixtures, call: &CallToolRequestParams) -> Result<Option<Value>, ErrorData> {
    let Some(state) = &call.request_state else { return Ok(None) };
    let opened = fixtures.codec.open_json(state);
    opened.map(Some).map_err(|_| ErrorData::invalid_params("this state is not ours", None))
}
