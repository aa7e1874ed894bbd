//! The commands of the command line, their documents and their exit codes.

use cotty_testkit::home::Home;
use serde_json::Value;

fn json(home: &Home, order: &[&str]) -> Value {
    let output = home.run(order);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{order:?}: {error}: {output:?}"))
}

#[test]
fn run_passes_the_exit_code_and_the_output_through() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let output = home.run(&["run", "web1", "--", "echo one; echo two; (exit 7)"]);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "one\ntwo\n");
    assert_eq!(home.run(&["run", "web1", "--", "true"]).status.code(), Some(0));
    assert_eq!(home.run(&["run", "web1", "--wait", "0", "--", "sleep 5"]).status.code(), Some(124));
    assert_eq!(home.run(&["run", "web1", "--", "true"]).status.code(), Some(75));
    assert_eq!(home.run(&["run", "nowhere", "--", "true"]).status.code(), Some(65));
}

#[test]
fn every_command_has_one_document() {
    let home = Home::new();
    assert_eq!(json(&home, &["up", "web1", "--json"])["created"], true);
    let ran = json(&home, &["run", "web1", "--json", "--", "echo hi"]);
    assert_eq!(ran["run"]["exit"], 0);
    let run = ran["run"]["id"].as_str().unwrap();
    assert_eq!(json(&home, &["read", "web1", "--json", "--run", run])["text"]["head"][0], "hi");
    assert!(json(&home, &["read", "web1", "--json", "--view", "screen"])["screen"].is_array());
    assert!(json(&home, &["read", "web1", "--json", "--view", "history"])["history"].is_array());
    assert!(json(&home, &["why", run, "--json"])["evidence"].is_array());
    assert!(json(&home, &["ls", "--runs", "--json"])["runs"].is_array());
    assert_eq!(json(&home, &["status", "web1", "--json"])["name"], "web1");
    assert_eq!(json(&home, &["status", "--json"])["daemon"]["you"]["role"], "agent");
    assert_eq!(json(&home, &["stop", "--json"])["failure"]["kind"], "policy-blocked");
    assert_eq!(json(&home, &["close", "web1", "--json"])["sessions"][0], "web1");
    assert!(json(&home, &["config", "path", "--json"])["path"].is_string());
    assert_eq!(
        json(&home, &["--instance", "work", "setup", "--json"])["args"],
        serde_json::json!(["mcp", "--instance", "work"])
    );
}

#[test]
fn a_session_is_told_with_its_target_its_age_and_who_is_there() {
    let home = Home::new();
    assert!(home.run(&["up", "web1", "--label", "the shop"]).status.success());
    let person = home.tty(&["attach", "web1"]);
    person.wait_text("pen free");
    let said = |order: &[&str]| String::from_utf8_lossy(&home.run(order).stdout).into_owned();
    let list = said(&["ls"]);
    for word in ["ON", "local", "HERE", "attach pts/", "the shop"] {
        assert!(list.contains(word), "{word}: {list}");
    }
    let status = said(&["status", "web1"]);
    for line in ["target    local", "label     the shop", "opened    ", "idle      0 s", "here      "] {
        assert!(status.contains(line), "{line}: {status}");
    }
}

#[test]
fn what_was_sent_is_typed() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let ran = json(&home, &["run", "web1", "--wait", "0", "--json", "--", "cat"]);
    assert_eq!(ran["run"]["state"], "running");
    let output = home.run(&["send", "web1", "hello"]);
    assert!(output.status.success(), "{output:?}");
    let output = home.run(&["send", "web1", "--keys", "ctrl-d"]);
    assert!(output.status.success(), "{output:?}");
    let output = home.run(&["read", "web1", "--run", ran["run"]["id"].as_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("hello"), "{output:?}");
}

#[test]
fn wrong_arguments_are_usage() {
    let home = Home::new();
    for order in [&["nonsense"][..], &["mode", "web1"], &["run", "web1"], &[]] {
        assert_eq!(home.run(order).status.code(), Some(64), "{order:?}");
    }
    assert!(home.run(&["--help"]).status.success());
    assert!(home.run(&["completions", "bash"]).status.success());
}

#[test]
fn a_name_that_cannot_be_is_refused_and_does_no_harm() {
    let home = Home::new();
    let long = "n".repeat(100_000);
    for name in ["", "a b", "../x", "a\u{1b}[2Jb", "-x", "ä", &long] {
        let output = home.run(&["up", "--", name]);
        assert!(!output.status.success(), "{name:.20}: {output:?}");
        assert!(!output.stderr.contains(&0x1b), "{name:.20}");
    }
    assert!(home.run(&["up", "web1"]).status.success());
}
