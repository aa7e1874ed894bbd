//! What a verdict rests on can be looked at: by an agent, by a person, and after a restart.

use cotty_testkit::home::Home;
use cotty_testkit::wait::until;
use serde_json::{Value, json};

use crate::desk::{Desk, in_every_shell};
use crate::survival::kill_daemon;

fn why(home: &Home, run: &str) -> Value {
    let output = home.run(&["why", run, "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The steps of a kind.
fn steps(proof: &Value, kind: &str) -> Vec<Value> {
    let steps = proof["evidence"].as_array().expect("steps");
    steps.iter().filter(|step| step["kind"] == kind).map(|step| step["details"].clone()).collect()
}

#[test]
fn a_proven_end_shows_the_mark_that_proves_it() {
    in_every_shell(|desk, shell| {
        let run = desk.run(shell, "echo hi; (exit 3)").handle();
        let said = desk.tool("ssh_read", json!({"command": run, "view": "evidence"}));
        assert!(said.head().contains("evidence: exit 3 (exact), typed "), "{said:?}");
        let proof = why(&desk.home, &run);
        assert_eq!(
            (&proof["run"]["exit"], &proof["run"]["boundary"]),
            (&json!(3), &json!("exact")),
            "{proof}"
        );
        let awaited = steps(&proof, "typed")[0]["awaited"].clone();
        let marks = steps(&proof, "mark");
        let done = marks.iter().find(|it| it["letter"] == "D").unwrap_or_else(|| panic!("{proof}"));
        assert_eq!((&done["status"], &done["serial"]), (&json!("3"), &awaited), "{proof}");
        let status = desk.tool("ssh_status", json!({"session": shell}));
        let pid = done["pid"].as_str().unwrap_or_default();
        assert!(!pid.is_empty() && status.text.contains(pid), "{status:?} {proof}");
        assert!(done["tty"].as_str().is_some_and(|it| it.starts_with("/dev/")), "{proof}");
        // The mark stands where the output ends, or after what the shell says of its directory.
        let place = |it: &Value| it.as_str().unwrap().rsplit(':').next().unwrap().parse::<u64>().unwrap();
        assert!(place(&done["from"]) >= place(&proof["run"]["to"]) && done["to"] != done["from"], "{proof}");
        let verdict = steps(&proof, "verdict").pop().unwrap_or_else(|| panic!("{proof}"));
        assert_eq!(
            (&verdict["verdict"], &verdict["grade"]),
            (&json!("completed with exit 3"), &json!("exact"))
        );
        assert!(!proof.to_string().contains("k="), "no key: {proof}");
    });
}

#[test]
fn what_is_waited_for_shows_what_the_kernel_said() {
    in_every_shell(|desk, shell| {
        let run = desk.run(shell, "cat; (exit 4)").handle();
        let proof = why(&desk.home, &run);
        let facts = steps(&proof, "facts").pop().unwrap_or_else(|| panic!("{proof}"));
        let said = |name: &str| facts[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (said("verdict"), said("grade"), said("answers")),
            ("waits for line".into(), "probed".into(), "2".into())
        );
        assert_eq!((said("canonical"), said("echo")), ("true".into(), "true".into()), "{proof}");
        assert!(said("members").contains(" cat S ") && !said("foreground").is_empty(), "{proof}");
        let lines = desk.home.run(&["why", &run]);
        let lines = String::from_utf8_lossy(&lines.stdout).into_owned();
        assert!(lines.contains("needs input (line)") && lines.contains("facts"), "{lines}");
        assert_eq!(desk.press(shell, "ctrl-d").exit(), Some(4));
        // What was seen on the way to the end may be more; what was answered then is still there.
        let kept = steps(&why(&desk.home, &run), "facts");
        assert!(kept.contains(&facts), "{kept:?}");
    });
}

#[test]
fn a_persons_command_has_its_evidence_too_and_all_of_it_outlives_the_daemon() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let mine = desk.run("web1", "(exit 5)").handle();
    let person = desk.home.tty(&["attach", "web1"]);
    person.wait_text("pen");
    person.line("(exit 7)");
    let theirs = until("it is kept", || {
        let list = desk.home.run(&["ls", "--runs", "--json"]);
        let list: Value = serde_json::from_slice(&list.stdout).ok()?;
        let run = list["runs"].as_array()?.iter().find(|it| it["exit"] == 7)?;
        run["id"].as_str().map(str::to_owned)
    });
    assert!(theirs.starts_with('h'), "{theirs}");
    let before = [why(&desk.home, &mine), why(&desk.home, &theirs)];
    assert_eq!(before[1]["who"]["role"], "operator", "{}", before[1]);
    assert!(
        steps(&before[1], "mark").iter().any(|it| it["letter"] == "D" && it["status"] == "7"),
        "{}",
        before[1]
    );
    drop(person);
    kill_daemon(&desk);
    let after = [why(&desk.home, &mine), why(&desk.home, &theirs)];
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["evidence"], after["evidence"]);
        assert_eq!(before["run"]["boundary"], after["run"]["boundary"]);
    }
    desk.is_exact("web1");
}

#[test]
fn a_command_beside_the_terminal_tells_how_its_end_was_heard() {
    let desk = &mut Desk::new();
    let said = desk.tool("ssh_run", json!({"target": "local", "command": "exit 9", "isolated": true}));
    let proof = why(&desk.home, &said.handle());
    let words: Vec<_> = steps(&proof, "said").iter().map(|it| it["words"].to_string()).collect();
    assert!(words.iter().any(|it| it.contains("it exited with 9")), "{proof}");
}
