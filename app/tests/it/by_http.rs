//! MCP by HTTP: the same answers as over a shim's pipe, in both eras, and only for who shows a token.

use std::io::Write;
use std::time::{Duration, Instant};

use cotty_testkit::wait::until;
use serde_json::{Value, json};

use crate::http::Door;
use crate::talk::{Coming, Talk};

/// What differs between two answers by its nature: the random word, how long it took, and the number of a command.
fn alike(text: &str) -> String {
    let mut alike = String::new();
    for line in text.lines() {
        let line = if line.starts_with("--- ") { "---" } else { line };
        let line = line.split(" in ").next().unwrap_or_default();
        alike += &line.split("offset").next().unwrap_or_default().replace(|it: char| it.is_ascii_digit(), "");
        alike.push('\n');
    }
    alike
}

#[test]
fn every_tool_answers_by_http_as_it_does_over_a_pipe() {
    let door = Door::open();
    let token = door.token(&["--role", "session_admin"]);
    let mut pipe = door.home.mcp();
    pipe.initialize();
    let (legacy, modern) = (Talk::legacy(&door, &token), Talk::modern(&door, &token));
    let listed =
        |talk: &Talk| talk.ask(1, "tools/list", json!({})).answer(&json!(1))["result"]["tools"].clone();
    let tools = Value::Array(pipe.tools());
    assert_eq!(listed(&legacy), tools);
    assert_eq!(listed(&modern), tools);
    for (tool, arguments) in [
        ("ssh_connect", json!({"name": "web1"})),
        ("ssh_run", json!({"session": "web1", "command": "echo printed; (exit 3)"})),
        ("ssh_run", json!({"session": "web1", "command": "echo apart", "isolated": true})),
        ("ssh_run", json!({"session": "nobody", "command": "true"})),
        ("ssh_run", json!({"password": "x"})),
        ("ssh_read", json!({"session": "web1", "view": "command"})),
        ("ssh_send", json!({"session": "web1", "keys": ["no such key"]})),
        ("ssh_wait", json!({"command": "c1"})),
        ("ssh_list", json!({"kind": "commands", "filter": "nothing like it"})),
        ("ssh_status", json!({"session": "nobody"})),
        ("ssh_close", json!({"id": "c999"})),
    ] {
        let by_pipe = pipe.call(tool, arguments.clone());
        for talk in [&legacy, &modern] {
            let result = talk.call(tool, arguments.clone());
            let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{result}"));
            assert_eq!(alike(text), alike(&by_pipe.text), "{tool} {arguments}");
            assert_eq!(result["isError"].as_bool().unwrap_or(false), by_pipe.is_error, "{tool} {arguments}");
            let structured = result.get("structuredContent").is_some_and(|it| !it.is_null());
            assert_eq!(structured, by_pipe.structured.is_some(), "{tool} {arguments}");
        }
    }
    let unknown = modern.ask(3, "tools/call", json!({"name": "nothing", "arguments": {}})).answer(&json!(3));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
}

#[test]
fn who_comes_from_afar_with_an_agents_token_starts_nothing_on_this_machine() {
    let door = Door::open();
    let (agent, admin) = (door.token(&[]), door.token(&["--role", "session_admin"]));
    let agent = Talk::modern(&door, &agent);
    for (tool, arguments) in [
        ("ssh_connect", json!({"target": "local", "name": "mine"})),
        ("ssh_connect", json!({"name": "mine"})),
        ("ssh_connect", json!({"fork": "web1"})),
        ("ssh_run", json!({"target": "local", "command": "true", "isolated": true})),
        ("ssh_run", json!({"session": "web1", "command": "true", "isolated": true})),
    ] {
        let result = agent.call(tool, arguments.clone());
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        assert_eq!(result["isError"], true, "{tool} {arguments}: {text}");
        assert!(text.contains("session_admin"), "{tool} {arguments}: {text}");
    }
    assert!(!agent.said("ssh_list", json!({"kind": "commands"})).contains("isolated"));
    // Where a person has opened one, it runs what it likes, as an agent.
    assert!(agent.said("ssh_run", json!({"session": "web1", "command": "(exit 5)"})).contains("exit 5"));
    let admin = Talk::modern(&door, &admin);
    let said = admin.said("ssh_run", json!({"target": "local", "command": "pwd; (exit 6)"}));
    // It stands nowhere, so its shell begins at home.
    assert!(said.contains("exit 6") && said.contains(&door.home.path().display().to_string()), "{said}");
    let relative = admin.said("ssh_connect", json!({"target": "local", "name": "there", "cwd": "work"}));
    assert!(relative.contains("is not a directory"), "{relative}");
    let mode = admin.said("ssh_run", json!({"session": "web1", "command": "cotty mode web1 agent-only"}));
    assert!(mode.contains("exit"), "{mode}");
    let person_only = door.home.run(&["status", "web1", "--json"]);
    assert!(String::from_utf8_lossy(&person_only.stdout).contains("human-first"), "{person_only:?}");
}

#[test]
fn a_token_that_ends_takes_its_streams_with_it() {
    let door = Door::open();
    let (revoked, expiring) = (door.token(&[]), door.token(&["--expires", "8s"]));
    let open = |token: &str| {
        let legacy = Talk::legacy(&door, token);
        let unasked = legacy.listen();
        assert_eq!(unasked.status, 200, "{}", unasked.head);
        // It is told of after 2 s, and then its stream is there.
        let slow = json!({"name": "ssh_wait", "_meta": {"progressToken": 1},
            "arguments": {"session": "web1", "until": "output", "wait_s": 50}});
        let call = legacy.ask(1, "tools/call", slow.clone());
        let modern = Talk::modern(&door, token).ask(1, "tools/call", slow);
        [unasked, call, modern]
    };
    let streams = open(&expiring);
    let (all, ids) = (open(&revoked), Talk::legacy(&door, &revoked));
    let before = Instant::now();
    for stream in streams {
        // Each has an end: the read would give up after 20 s only.
        let rest = stream.rest();
        assert!(!rest.contains("\"result\""), "{rest}");
    }
    assert!(before.elapsed() < Duration::from_secs(18), "{:?}", before.elapsed());
    door.person(&["token", "revoke", "t1"]);
    let before = Instant::now();
    for stream in all {
        let rest = stream.rest();
        assert!(!rest.contains("\"result\""), "{rest}");
    }
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    assert_eq!(ids.ask(2, "tools/list", json!({})).status, 401);
}

#[test]
fn what_one_token_began_no_other_goes_on_with() {
    let door = Door::open();
    let (own, other) = (door.token(&[]), door.token(&["--role", "operator"]));
    let (own, other) = (Talk::legacy(&door, &own), Talk::legacy(&door, &other));
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    assert_eq!(other.post(&own.named(), &ping).status, 404);
    drop(other.delete(&own.named()));
    assert_eq!(own.post(&own.named(), &ping).status, 200, "another's DELETE ends nothing");
    assert_eq!(own.delete(&own.named()).status, 204);
    assert_eq!(own.post(&own.named(), &ping).status, 404);
    assert_eq!(other.post(&other.named(), &ping).status, 200);
}

#[test]
fn of_too_many_connections_of_a_token_the_one_unused_for_longest_goes() {
    let door = Door::open();
    let token = door.token(&[]);
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let (first, second) = (Talk::legacy(&door, &token), Talk::legacy(&door, &token));
    for _ in 2..cotty_mcp::http::TALKS_MAX {
        drop(Talk::legacy(&door, &token));
    }
    assert_eq!(first.post(&first.named(), &ping).status, 200);
    let last = Talk::legacy(&door, &token);
    assert_eq!(second.post(&second.named(), &ping).status, 404, "it was not used since");
    assert_eq!(first.post(&first.named(), &ping).status, 200);
    assert_eq!(last.post(&last.named(), &ping).status, 200);
}

#[test]
fn a_long_call_is_told_of_and_can_be_given_up() {
    let door = Door::open();
    let token = door.token(&[]);
    let long = json!({"name": "ssh_run", "_meta": {"progressToken": "p"},
        "arguments": {"session": "web1", "command": "echo begun; sleep 300", "wait_s": 50}});
    let legacy = Talk::legacy(&door, &token);
    let mut call = legacy.ask(5, "tools/call", long.clone());
    let told = call.next().expect("it goes on");
    assert_eq!(told["method"], "notifications/progress", "{told}");
    assert_eq!(told["params"]["progressToken"], "p", "{told}");
    let given_up = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}});
    assert_eq!(legacy.post(&legacy.named(), &given_up).status, 202);
    // What was typed stays typed: the command has a handle.
    let modern = Talk::modern(&door, &token);
    assert!(modern.said("ssh_list", json!({"kind": "commands"})).contains("c1"));
    let two = json!({"session": "web1", "command": "true"});
    assert!(modern.said("ssh_run", two).starts_with("busy"), "another caller is told so");
    let closed = modern.said("ssh_close", json!({"id": "c1"}));
    assert!(closed.contains("interrupted"), "{closed}");
    // In the other era whoever hangs up gives up.
    let mut call = modern.ask(6, "tools/call", long);
    assert_eq!(call.next().unwrap()["method"], "notifications/progress");
    call.hang_up();
    let closed = modern.said("ssh_close", json!({"id": "c2"}));
    assert!(closed.contains("interrupted"), "{closed}");
}

#[test]
fn what_is_no_message_is_refused_in_plain_words() {
    let door = Door::open();
    let token = door.token(&[]);
    let talk = Talk::modern(&door, &token);
    let own = talk.own();
    let ask = |method: &str, path: &str, headers: &str, body: &str| door.ask(method, path, headers, body);
    let batch = ask("POST", "/mcp", &own, " [{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]");
    assert!(batch.status == 400 && batch.text.contains("batches"), "{}", batch.text);
    let old = own.replace("application/json, text/event-stream", "text/event-stream");
    for (method, path) in [("GET", "/mcp"), ("GET", "/sse"), ("POST", "/sse")] {
        let answer = ask(method, path, &old, "");
        assert!(matches!(answer.status, 400 | 410), "{method} {path}: {}", answer.text);
        assert!(answer.text.contains("streamable HTTP"), "{method} {path}: {}", answer.text);
    }
    for (body, status) in [("", 415), ("{", 415), ("\u{0}", 415), ("{}", 415), ("3", 415), ("null", 415)] {
        assert_eq!(ask("POST", "/mcp", &own, body).status, status, "{body}");
    }
    let long = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{}\"}}", "x".repeat(1024 * 1024));
    assert_eq!(ask("POST", "/mcp", &own, &long).status, 413);
    assert_eq!(ask("PUT", "/mcp", &own, "{}").status, 404);
    assert_eq!(ask("OPTIONS", "/mcp", &own, "").status, 404);
    for path in ["/mcp/%ff", "/%ff/mcp", &format!("/mcp/{}", "x".repeat(1024 * 1024))] {
        let status = ask("POST", path, &own, "{}").status;
        assert!(matches!(status, 400 | 404 | 414 | 431), "{path:.30}: {status}");
    }
    let unknown = talk.post("Mcp-Session-Id: %ff\r\n", &json!({"jsonrpc": "2.0", "id": 3, "method": "ping"}));
    assert_eq!(unknown.status, 404);
    assert!(talk.said("ssh_list", json!({})).contains("web1"));
}

#[test]
fn a_body_that_stops_in_the_middle_holds_nobody_up() {
    let door = Door::open();
    let token = door.token(&[]);
    let talk = Talk::modern(&door, &token);
    let halves: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = door.connect();
            let head =
                format!("POST /mcp HTTP/1.1\r\nContent-Length: 400\r\n{}\r\n{{\"jsonrpc\"", talk.own());
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert!(talk.said("ssh_list", json!({})).contains("web1"));
    drop(halves);
    assert!(talk.said("ssh_list", json!({})).contains("web1"));
}

#[test]
fn a_hundred_callers_at_once_are_all_answered() {
    let door = Door::open();
    let token = door.token(&[]);
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ssh_list", "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}})
    .to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: tools/call\r\nMcp-Name: ssh_list\r\n{}\r\n",
        list.len(),
        Talk::modern(&door, &token).own()
    );
    // All are there before the first of them says a word.
    let mut streams: Vec<_> = (0..100).map(|_| door.connect()).collect();
    for stream in &mut streams {
        stream.write_all(head.as_bytes()).unwrap();
    }
    for stream in &mut streams {
        stream.write_all(list.as_bytes()).unwrap();
    }
    for stream in streams {
        let mut coming = Coming::read(stream);
        assert_eq!(coming.status, 200, "{}", coming.head);
        assert!(coming.answer(&json!(1))["result"]["content"][0]["text"].as_str().unwrap().contains("web1"));
    }
    until("the daemon serves on", || (door.get("/livez", "").status == 200).then_some(()));
}
