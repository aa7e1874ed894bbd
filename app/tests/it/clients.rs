//! The official MCP clients, as their users run them: every way in which they speak to a server.

use std::path::PathBuf;

use cotty_testkit::{Home, binary, not_run};
use serde_json::Value;

use crate::http::Door;

/// Returns where the test run has installed the clients, if it could: it notes there what it has installed.
fn clients(test: &str, note: &str) -> Option<PathBuf> {
    let place = std::env::var_os("COTTY_TEST_CLIENTS").map(PathBuf::from);
    let place = place.filter(|it| it.join(note).is_file());
    if place.is_none() {
        not_run(test, "the MCP clients are not installed: cargo xtask test installs them");
    }
    place
}

fn script(name: &str) -> String {
    format!("{}/tests/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The two ways to a server: what a client is told to start, or an address and a token.
fn ways(door: &Door) -> [[String; 2]; 2] {
    let url = format!("http://127.0.0.1:{}/mcp", door.port);
    let token = door.token(&["--role", "session_admin"]);
    [[binary().display().to_string(), "mcp".to_owned()], [url, token]]
}

/// Runs a client; what it printed is its report.
fn speak(home: &Home, clients: &PathBuf, program: &str, arguments: &[&str], way: &[String; 2]) -> Value {
    let mut command = home.program(program);
    command.env("COTTY_TEST_CLIENTS", clients).args(arguments).args(way);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {output:?}"))
}

fn is_right(report: &Value, word: &str) {
    assert_eq!(report["tools"], 8, "{report}");
    assert_eq!(report["is_error"], false, "{report}");
    let text = report["text"].as_str().unwrap();
    assert!(text.contains("exit 3 in") && text.contains(word), "{report}");
}

#[test]
fn the_python_client_gets_an_exact_answer_in_every_mode() {
    let Some(clients) = clients("the_python_client_gets_an_exact_answer_in_every_mode", "python/.provided")
    else {
        return;
    };
    let door = Door::open();
    let python = clients.join("python/bin/python").display().to_string();
    for way in ways(&door) {
        for mode in ["legacy", "auto", "2026-07-28"] {
            let report = speak(&door.home, &clients, &python, &[&script("client.py"), mode], &way);
            is_right(&report, "from-python");
        }
    }
}

#[test]
fn the_typescript_clients_get_an_exact_answer_in_every_mode() {
    let test = "the_typescript_clients_get_an_exact_answer_in_every_mode";
    let Some(clients) = clients(test, "node/node_modules/.provided") else { return };
    let door = Door::open();
    for way in ways(&door) {
        for (sdk, mode) in [("v1", "legacy"), ("v2", "legacy"), ("v2", "auto"), ("v2", "2026-07-28")] {
            let report = speak(&door.home, &clients, "node", &[&script("client.mjs"), sdk, mode], &way);
            is_right(&report, "from-typescript");
        }
    }
}
