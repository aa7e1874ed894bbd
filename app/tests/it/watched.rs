//! What programs learn that watch a daemon or want to speak with it: probes, numbers, and the description of the API.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use cotty_testkit::wait::until;
use cotty_web::routes::table;
use serde_json::Value;

use crate::http::Door;

/// The rows of the numbers.
fn numbers(door: &Door, token: &str) -> BTreeMap<String, u64> {
    let answer = door.get("/metrics", token);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (head, body) = answer.text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    let rows = body.lines().filter(|it| !it.starts_with("# "));
    let number = |row: &str| {
        let (name, value) = row.rsplit_once(' ').unwrap_or_else(|| panic!("{row}"));
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{row}")))
    };
    rows.map(number).collect()
}

#[test]
fn the_numbers_say_how_much_there_is_and_of_whom_nothing() {
    let door = Door::open();
    let token = door.token(&["--label", "very-own-label"]);
    let before = numbers(&door, &token);
    assert_eq!(before["cotty_sessions{state=\"ready\"}"], 1, "{before:?}");
    assert_eq!(before["cotty_viewers"], 0, "{before:?}");
    assert_eq!(before["cotty_logins{kind=\"token\"}"], 1, "{before:?}");
    assert!(before["process_resident_memory_bytes"] > 1024 * 1024, "{before:?}");
    let person = door.home.tty(&["attach", "web1"]);
    let run = door.home.run(&["run", "web1", "--", "echo very-own-output"]);
    assert!(run.status.success(), "{run:?}");
    assert_eq!(door.get("/api/v1/sessions", "cotty_wrong").status, 401);
    let evil = format!("Host: evil.example\r\nAuthorization: Bearer {token}\r\n");
    assert_eq!(door.ask("GET", "/metrics", &evil, "").status, 421);
    let after =
        until("the viewer is counted", || Some(numbers(&door, &token)).filter(|it| it["cotty_viewers"] == 1));
    let more = |name: &str| after[name] - before[name];
    assert_eq!(more("cotty_commands_total"), 1, "{after:?}");
    assert_eq!(more("cotty_http_refusals_total{reason=\"host\"}"), 1, "{after:?}");
    assert_eq!(more("cotty_http_refusals_total{reason=\"wrong_credential\"}"), 1, "{after:?}");
    assert_eq!(more("cotty_http_responses_total{listener=\"tcp\",status=\"4xx\"}"), 2, "{after:?}");
    assert!(more("cotty_http_responses_total{listener=\"unix\",status=\"2xx\"}") >= 1, "{after:?}");
    assert!(more("cotty_output_bytes") > 0, "{after:?}");
    let text = door.get("/metrics", &token).text;
    for own in ["web1", "very-own", &token, &door.home.path().display().to_string()] {
        assert!(!text.contains(own), "{own} in {text}");
    }
    drop(person);
    // Over the unix socket they are there as well.
    assert!(unix(&door, "GET", "/metrics").contains("hello"), "every request says hello there");
}

/// Asks over the unix socket, without a hello.
fn unix(door: &Door, method: &str, path: &str) -> String {
    let mut stream = UnixStream::connect(door.home.state().join("daemon.sock")).unwrap();
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: cotty\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// All references of a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|it| references(it, found));
        }
        Value::Array(items) => items.iter().for_each(|it| references(it, found)),
        _ => {}
    }
}

#[test]
fn the_description_is_of_what_there_is_and_of_nothing_else() {
    let door = Door::open();
    let token = door.token(&[]);
    let document = door.get("/openapi.json", &token).json();
    assert_eq!(document, cotty_web::routes::described());
    let paths = document["paths"].as_object().unwrap();
    let described = |path: &str, method: &str| paths.get(path).is_some_and(|it| it.get(method).is_some());
    // What is in the table is described.
    for row in table() {
        let is_meant = row.path.starts_with("/api/") || ["/livez", "/metrics"].contains(&row.path);
        let method = row.method.as_str().to_lowercase();
        assert!(!is_meant || described(row.path, &method), "{method} {} is not described", row.path);
    }
    // What is described is there, on the listeners that are named, and nowhere else.
    let mut names = BTreeSet::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name), "{operation}");
            let host = format!("Host: {}\r\nContent-Type: application/json\r\n", door.host());
            let by_tcp = door.ask(&method.to_uppercase(), path, &host, "{}").text;
            let nothing = by_tcp.contains("there is nothing here");
            assert_eq!(nothing, operation["x-cotty-tcp"].is_null(), "{method} {path}: {by_tcp}");
            let by_unix = unix(&door, &method.to_uppercase(), path);
            let nothing = by_unix.contains("there is no");
            assert_eq!(nothing, operation["x-cotty-unix"].is_null(), "{method} {path}: {by_unix}");
        }
    }
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let path = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(path).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn a_probe_says_whether_it_lives_and_nothing_more() {
    let door = Door::open();
    for (path, word) in [("/livez", "alive"), ("/readyz", "ready"), ("/health", "ready")] {
        let answer = door.get(path, "");
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.text.split_once("\r\n\r\n").unwrap().1.trim(), word);
        assert!(unix(&door, "GET", path).ends_with(&format!("{word}\n")));
    }
}

#[test]
fn what_was_printed_long_ago_is_found_again() {
    let door = Door::open();
    let many = "echo 'A Need''le, early'; seq -f 'line %g of a session that prints many of them' 12000; echo 'the need''le, late'";
    assert!(door.home.run(&["run", "web1", "--", many]).status.success());
    let found = door.home.run(&["read", "web1", "--find", "needle"]);
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    let (early, late) = (text.find("A Needle, early"), text.find("the needle, late"));
    assert!(early.is_some() && early < late, "{found:?}");
    let line: Option<u64> = text.lines().find_map(|it| it.strip_suffix(": the needle, late")?.parse().ok());
    assert!(line.is_some_and(|it| it > 12_000), "its line is told: {text}");
    let none = door.home.run(&["read", "web1", "--find", "nee.le"]);
    assert!(
        String::from_utf8_lossy(&none.stderr).contains("None of the 120"),
        "a text is no pattern: {none:?}"
    );
    // By TCP as the page asks: the newest of many, and not without end.
    let token = door.token(&["--role", "viewer_read"]);
    let found = door.get("/api/v1/search?session=web1&find=PRINTS%20MANY&limit=3", &token).json();
    let lines: Vec<_> =
        found["found"].as_array().unwrap().iter().map(|it| it["text"].as_str().unwrap()).collect();
    assert_eq!(lines.len(), 3, "{found}");
    assert!(lines[2].starts_with("line 12000 of"), "{lines:?}");
    assert_eq!(found["more"], true);
    let long = "x".repeat(501);
    for wrong in ["", "a%0Ab", &long] {
        let answer = door.get(&format!("/api/v1/search?session=web1&find={wrong}"), &token);
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
}
