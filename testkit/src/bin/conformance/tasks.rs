//! Tools that may go on as tasks, for clients that can follow them.

use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
    CreateTaskResult, ErrorData, Task,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::task_manager::{TaskExit, TaskOptions};
use serde_json::{Value, json};

use crate::asking::{asks, form, given};
use crate::known::{Fixtures, made, said};

/// All of them.
pub(crate) const NAMES: [&str; 7] = [
    "greet",
    "slow_compute",
    "failing_job",
    "protocol_error_job",
    "confirm_delete",
    "multi_input",
    "test_tool_with_task",
];

/// Those that are of no use to a client that cannot follow a task.
const ONLY_TASKS: [&str; 4] = ["failing_job", "confirm_delete", "multi_input", "test_tool_with_task"];

/// Answers a call of one of them.
pub(crate) async fn call(
    fixtures: &Fixtures,
    call: CallToolRequestParams,
    asked: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let follows = asked.client_capabilities().is_some_and(|it| it.supports_tasks());
    let name = &*call.name;
    if ONLY_TASKS.contains(&name) && !follows {
        let wanted = ClientCapabilities::builder().enable_tasks().build();
        return Err(ErrorData::missing_required_client_capability(wanted));
    }
    let arguments = call.arguments.clone().unwrap_or_default();
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or("somebody").to_owned();
    let task = match name {
        "greet" => return Ok(said(&format!("Hello, {}!", text("name"))).into()),
        "slow_compute" => {
            let pause =
                Duration::from_secs_f64(arguments.get("seconds").and_then(Value::as_f64).unwrap_or(1.0));
            if !follows {
                tokio::time::sleep(pause).await;
                return Ok(said("computed").into());
            }
            slow(fixtures, pause)
        }
        "failing_job" => failing(fixtures),
        "protocol_error_job" if follows => broken(fixtures),
        "protocol_error_job" => return Err(ErrorData::internal_error("it broke, as it should", None)),
        "confirm_delete" => asking(fixtures, &["confirm"], "boolean"),
        "multi_input" => asking(fixtures, &["input-a", "input-b"], "string"),
        _ => match given(call.input_responses.as_ref(), "user_name") {
            None => {
                return Ok(asks(&[("user_name", form("What is your name?", "name", "string"))], None)?.into());
            }
            Some(given) => {
                let name = given.get("content").and_then(|it| it["name"].as_str()).unwrap_or("somebody");
                greeting(fixtures, format!("Hello, {name}!"))
            }
        },
    };
    Ok(CreateTaskResult::new(task).into())
}

/// One that takes as long as it is told, and can be given up.
fn slow(fixtures: &Fixtures, pause: Duration) -> Task {
    fixtures.tasks.spawn(TaskOptions::default(), move |task| {
        Box::pin(async move {
            tokio::select! {
                _ = task.cancelled() => Err(TaskExit::Cancelled),
                () = tokio::time::sleep(pause) => Ok(said("computed")),
            }
        })
    })
}

/// One whose tool fails.
fn failing(fixtures: &Fixtures) -> Task {
    fixtures.tasks.spawn(TaskOptions::default(), |_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            Ok(CallToolResult::error(vec![ContentBlock::text("it failed, as it should")]))
        })
    })
}

/// One that fails below its tool.
fn broken(fixtures: &Fixtures) -> Task {
    fixtures.tasks.spawn(TaskOptions::default(), |_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Err(TaskExit::Error(ErrorData::internal_error("it broke, as it should", None)))
        })
    })
}

/// One that asks for all of these at once.
fn asking(fixtures: &Fixtures, keys: &'static [&'static str], kind: &'static str) -> Task {
    fixtures.tasks.spawn(TaskOptions::default(), move |task| {
        Box::pin(async move {
            let field = if kind == "boolean" { "confirm" } else { "value" };
            let ask = |key: &'static str| {
                let form = made(form(&format!("What is {key}?"), field, kind));
                let task = &task;
                async move { task.request_input(key, form.map_err(TaskExit::Error)?).await }
            };
            let answers = futures_util::future::try_join_all(keys.iter().map(|key| ask(key))).await?;
            let contents: Vec<Value> =
                answers.iter().map(|it| it.get("content").cloned().unwrap_or_default()).collect();
            Ok(said(&json!(contents).to_string()))
        })
    })
}

/// One that greets after a moment.
fn greeting(fixtures: &Fixtures, words: String) -> Task {
    fixtures.tasks.spawn(TaskOptions::default(), move |_| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(said(&words))
        })
    })
}
