//! A session gets another name: all who have it keep it, the old name says where it went, and no name or place means two things.

use cotty_testkit::home::Home;
use serde_json::json;

use crate::desk::Desk;
use crate::http::Door;

fn person(home: &Home, arguments: &[&str]) -> (Option<i32>, String) {
    home.run_as_person(arguments)
}

fn history(home: &Home, session: &str) -> String {
    String::from_utf8_lossy(&home.run(&["read", session, "--view", "history"]).stdout).into_owned()
}

#[test]
fn a_session_that_is_renamed_goes_on_and_its_old_name_says_where_it_went() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    assert_eq!(desk.run("web1", "kept=42").exit(), Some(0));
    let home = desk.home.clone();
    let watching = home.tty(&["attach", "web1"]);
    watching.wait_text(" web1 | human-first");
    let (code, text) = person(&home, &["rename", "web1", "build", "--label", "the nightly one"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("web1 is build now"), "{text}");
    // Who watches is told, and so is whoever still uses the old name.
    watching.wait_text(" build | human-first");
    let called = ["session web1 is called build now", "the same call with session=build"];
    desk.run("web1", "echo lost").refuses("session-not-found", &called);
    desk.tool("ssh_read", json!({"session": "web1"})).refuses("session-not-found", &called);
    assert_eq!(desk.run("build", "echo $kept").output(), "42");
    let noted = history(&home, "build");
    assert!(noted.contains("renamed web1 to build") && noted.contains("the nightly one"), "{noted}");
    // The daemon that knew of it is killed: the next one knows, too.
    crate::daemon::kill(crate::daemon::pid(&home));
    assert_eq!(desk.run("build", "echo $kept").output(), "42");
    watching.wait_text("back again");
    desk.run("web1", "echo lost").refuses("session-not-found", &called);
    let listed = String::from_utf8_lossy(&home.run(&["ls", "--json"]).stdout).into_owned();
    assert!(listed.contains("\"label\":\"the nightly one\""), "{listed}");
    // A new one of the old name says that it is another one, and its places in the output are others, too.
    let said = desk.open("web1", "bash");
    assert!(said.text.contains("session web1 is called build now"), "{said:?}");
    let said = desk.tool("ssh_status", json!({"session": "web1"}));
    assert!(said.text.contains("2:"), "the first epoch of this name was another session's: {said:?}");
    assert_eq!(desk.run("web1", "echo $kept.").output(), ".");
    // What has a name takes it to its end.
    assert_eq!(person(&home, &["close", "build"]).0, Some(0));
    desk.run("build", "true").refuses("shell-exited", &["session build is closed"]);
    assert_eq!(desk.run("web1", "echo here").output(), "here");
}

#[test]
fn a_name_is_given_by_a_person_and_by_the_rules_of_a_new_one() {
    let home = Home::new();
    for name in ["web1", "web2", "old"] {
        assert!(home.run(&["up", name]).status.success());
    }
    assert!(home.run(&["close", "old"]).status.success());
    let refused = home.run(&["rename", "web1", "build"]);
    assert_eq!(refused.status.code(), Some(77), "an agent names nothing anew: {refused:?}");
    for (name, code, why) in [
        ("web2", 65, "exists already as a session on local"),
        ("old", 65, "has ended and is still read"),
        ("all", 64, "means something else already"),
        ("c7", 64, "means something else already"),
        ("-x", 64, "it must begin with"),
        ("a b", 64, "letters, digits and"),
        (&"x".repeat(65), 64, "has 65 bytes"),
    ] {
        let (ended, text) = person(&home, &["rename", "web1", "--", name]);
        assert_eq!(ended, Some(code), "{name}: {text}");
        assert!(text.contains(why), "{name}: {text}");
    }
    let (code, text) = person(&home, &["rename", "nobody", "build"]);
    assert!(code == Some(65) && text.contains("there is no session \"nobody\""), "{text}");
    assert_eq!(person(&home, &["rename", "web1"]).0, Some(64), "neither a name nor a label");
    let (code, text) = person(&home, &["rename", "web1", "--label", "one\u{1b}[31mtwo"]);
    assert!(code == Some(64) && text.contains("without control characters"), "{text}");
    // Its own name is no other one, and it may come back to the one that it had.
    for (before, name) in [("web1", "web1"), ("web1", "build"), ("build", "web1")] {
        let (code, text) = person(&home, &["rename", before, name]);
        assert_eq!(code, Some(0), "{before} {name}: {text}");
    }
    let listed = String::from_utf8_lossy(&home.run(&["ls", "--json"]).stdout).into_owned();
    assert!(listed.contains("\"name\":\"web1\"") && !listed.contains("\"name\":\"build\""), "{listed}");
}

#[test]
fn a_login_of_one_session_stays_with_it_under_its_new_name() {
    let door = Door::open();
    let login = door.log_in(&["web1"]);
    let bearer = login["bearer"].as_str().unwrap().to_owned();
    let order = "{\"session\":\"web1\",\"name\":\"build\"}";
    let shut = door.post("/api/v1/rename", &bearer, order);
    assert_eq!(shut.status, 403, "a login of one session names nothing: {}", shut.text);
    let watches = door.token(&["--role", "viewer_write"]);
    assert_eq!(door.post("/api/v1/rename", &watches, order).status, 403);
    let operator = door.token(&["--role", "operator"]);
    let renamed = door.post("/api/v1/rename", &operator, order);
    assert_eq!(renamed.status, 200, "{}", renamed.text);
    assert_eq!(renamed.json()["name"], "build");
    assert_eq!(door.post("/api/v1/rename", &operator, order).status, 404, "the old name is nobody's");
    assert_eq!(door.post("/api/v1/rename", &operator, "{\"session\":\"build\"}").status, 400);
    let sees_it = || {
        assert_eq!(door.get("/api/v1/me", &bearer).json()["session"], "build");
        let seen = door.get("/api/v1/sessions", &bearer).json();
        assert_eq!(seen["sessions"].as_array().map(Vec::len), Some(1), "{seen}");
        assert_eq!(door.get("/api/v1/status?session=build", &bearer).status, 200);
        assert_eq!(door.get("/api/v1/status?session=web1", &bearer).status, 403);
    };
    sees_it();
    assert_eq!(door.home.run_as_person(&["restart"]).0, Some(0));
    assert!(door.home.run(&["ls"]).status.success());
    sees_it();
}
