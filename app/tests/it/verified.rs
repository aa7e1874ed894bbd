//! Recorded runs are judged again by a program that shares no code with ours, and what was tampered with is caught.

use std::fs;
use std::path::PathBuf;

use cotty_testkit::not_run::have;
use cotty_testkit::recording::{decode, encode, record, verify};
use cotty_testkit::{Sshd, until};
use serde_json::{Value, json};

use crate::daemon::{kill, pid};
use crate::desk::{Desk, ask_secret, in_every_shell, in_words_of, posix};

/// Recordings that are judged together: what each is of, and whether the verifier must agree.
#[derive(Default)]
struct Judged {
    files: Vec<(PathBuf, String)>,
}

impl Judged {
    /// Records a run as it stands.
    fn keep(&mut self, desk: &Desk, run: &str, state: &str) -> Value {
        let recording = record(&desk.home, run);
        assert_eq!(recording["why"]["run"]["state"], state, "{}", recording["why"]);
        self.keep_one(desk, &recording, &format!("{run} {state}"));
        recording
    }

    fn keep_one(&mut self, desk: &Desk, recording: &Value, what: &str) {
        let file = desk.home.path().join(format!("recording-{}.json", self.files.len()));
        fs::write(&file, recording.to_string()).unwrap();
        self.files.push((file, what.to_owned()));
    }

    /// Asserts that each is judged so.
    fn all(&self, word: &str) {
        let files: Vec<PathBuf> = self.files.iter().map(|(file, _)| file.clone()).collect();
        let (_, said) = verify(&files);
        assert_eq!(said.lines().count(), files.len(), "{said}");
        for (line, (file, what)) in said.lines().zip(&self.files) {
            let recording = || fs::read_to_string(file).unwrap();
            assert!(line.starts_with(&format!("{word}: ")), "{what}: {line}\n{}", recording());
        }
    }
}

#[test]
fn runs_of_every_kind_are_judged_alike_by_a_program_of_its_own() {
    if !have("python3", "runs_of_every_kind_are_judged_alike") {
        return;
    }
    in_every_shell(|desk, shell| {
        let (mut judged, mut raw) = (Judged::default(), String::new());
        for (command, state) in [
            ("true", "completed"),
            ("(exit 3)", "completed"),
            ("no-such-program; (exit 127)", "completed"),
            ("# nothing", "ran_nothing"),
            ("echo one\necho two; (exit 4)", "completed"),
            (r"printf '\033]133;D;0\007\033]133;D;0;c=9999;k=0;p=1\007'; (exit 5)", "completed"),
        ] {
            let command = if command.starts_with('#') { command.to_owned() } else { posix(shell, command) };
            let run = desk.run_as_it_is(shell, &command, 25).handle();
            raw = judged.keep(desk, &run, state)["raw"].as_str().unwrap().to_owned();
        }
        // A program that asks the terminal is another story.
        let replayed: Vec<u8> = decode(&raw).into_iter().filter(|byte| *byte != b'[').collect();
        fs::write(desk.home.work().join("capture"), replayed).unwrap();
        let run = desk.run(shell, "cat capture; (exit 7)").handle();
        judged.keep(desk, &run, "completed");
        let run = desk.run_for(shell, "echo up; sleep 100", 1).handle();
        judged.keep(desk, &run, "running");
        desk.tool("ssh_close", json!({"id": run}));
        judged.keep(desk, &run, "interrupted");
        judged.all("AGREES");
    });
}

#[test]
fn what_a_run_waits_for_is_judged_alike_from_the_facts_alone() {
    if !have("python3", "what_a_run_waits_for_is_judged_alike") || !have("less", "…") || !have("vim", "…")
    {
        return;
    }
    in_every_shell(|desk, shell| {
        let mut judged = Judged::default();
        let begun = in_words_of(shell, "for i in 1 2; do", "for i in 1 2", "foreach i (1 2)");
        let waits = [
            ("cat", "line", "ctrl-c"),
            (ask_secret(shell), "secret", "ctrl-c"),
            ("sh -c 'printf \"Go on? [y/n] \"; read x'", "confirm", "ctrl-c"),
            ("sh -c 'printf \"Press any key\"; read x'", "press_key", "ctrl-c"),
            ("sh -c 'printf \"1) a\\n2) b\\nYour choice: \"; read x'", "menu", "ctrl-c"),
            ("seq 999 | less", "pager", "q"),
            ("vim -u NONE -i NONE text", "editor", ""),
            (begun, "incomplete_syntax", "ctrl-c"),
        ];
        // What words refine is the same in all of them.
        let refined = |kind: &str| matches!(kind, "press_key" | "menu") && shell != "bash";
        for (command, kind, leave) in waits.into_iter().filter(|(_, kind, _)| !refined(kind)) {
            let command =
                if kind == "incomplete_syntax" { command.to_owned() } else { posix(shell, command) };
            let said = desk.run_as_it_is(shell, &command, 25);
            said.needs(kind);
            let recording = judged.keep(desk, &said.handle(), "needs_input");
            assert_eq!(recording["why"]["run"]["input"], kind);
            if leave.is_empty() {
                desk.send(shell, ":q!");
            } else {
                desk.press(shell, leave);
            }
            let ended = until("it is over", || {
                let said = desk.tool("ssh_wait", json!({"command": said.handle(), "wait_s": 10}));
                let over = said.exit().is_some() || said.state().starts_with("interrupted");
                over.then(|| record(&desk.home, &said.handle()))
            });
            judged.keep_one(desk, &ended, &format!("the end of {command}"));
        }
        judged.all("AGREES");
    });
}

#[test]
fn shells_inside_shells_and_the_ends_of_shells_are_judged_alike() {
    if !have("python3", "shells_inside_shells_and_the_ends_of_shells_are_judged_alike") {
        return;
    }
    in_every_shell(|desk, shell| {
        let mut judged = Judged::default();
        let opened = desk.run(shell, "dash").handle();
        judged.keep(desk, &opened, "nested");
        desk.speaks(shell, "dash");
        let inside = desk.run(shell, "echo inside; (exit 3)").handle();
        judged.keep(desk, &inside, "completed");
        let waits = desk.run(shell, "cat").handle();
        judged.keep(desk, &waits, "needs_input");
        desk.press(shell, "ctrl-c");
        judged.keep(desk, &waits, "interrupted");
        let left = desk.run(shell, "exit 6").handle();
        judged.keep(desk, &left, "left");
        desk.speaks(shell, shell);
        desk.tool("ssh_wait", json!({"command": opened, "wait_s": 10}));
        judged.keep(desk, &opened, "completed");
        desk.is_exact(shell);
        let kills = in_words_of(shell, "kill -9 $$", "kill -9 $fish_pid", "kill -9 $$");
        for command in ["exit 5", kills] {
            let run = desk.run_as_it_is(shell, command, 25).handle();
            judged.keep(desk, &run, "shell_exited");
            desk.open(shell, shell);
        }
        judged.all("AGREES");
    });
}

#[test]
fn what_was_lost_and_what_a_person_ran_are_judged_alike() {
    let test = "what_was_lost_and_what_a_person_ran_are_judged_alike";
    let Some(sshd) = Sshd::start(test) else { return };
    if !have("python3", test) {
        return;
    }
    let mut judged = Judged::default();
    let mut desk = Desk::over(&sshd);
    for (shell, cut) in [("bash", true), ("dash", false)] {
        desk.open(shell, shell);
        let server = desk.run(shell, "echo $PPID").output().parse().unwrap();
        let person = desk.home.tty(&["attach", shell]);
        person.wait_text("pen");
        person.line("(exit 7)");
        let theirs = until("it is kept", || {
            let list = desk.home.run(&["ls", "--runs", "--json"]);
            let list: Value = serde_json::from_slice(&list.stdout).ok()?;
            let mut runs = list["runs"].as_array()?.iter();
            let run = runs.find(|it| it["exit"] == 7 && it["session"] == shell)?;
            run["id"].as_str().map(str::to_owned)
        });
        judged.keep(&desk, &theirs, "completed");
        drop(person);
        let run = until("nobody types", || {
            let said = desk.run_for(shell, "echo begun; sleep 100", 1);
            (!said.is_error).then(|| said.handle())
        });
        kill(if cut { server } else { pid(&desk.home) });
        desk.tool("ssh_wait", json!({"command": run}));
        judged.keep(&desk, &run, "lost");
    }
    judged.all("AGREES");
}

#[test]
fn a_recording_that_was_tampered_with_is_caught() {
    if !have("python3", "a_recording_that_was_tampered_with_is_caught") {
        return;
    }
    for shell in ["bash", "dash"] {
        let desk = &mut Desk::new();
        desk.open(shell, shell);
        let mut judged = Judged::default();
        let proven = desk.run(shell, "echo hi; (exit 3)").handle();
        let proven = record(&desk.home, &proven);
        let run = desk.run(shell, "cat").handle();
        let waits = record(&desk.home, &run);
        desk.press(shell, "ctrl-c");
        let interrupted = record(&desk.home, &run);
        let run = desk.run_for(shell, "sleep 100", 1).handle();
        let running = record(&desk.home, &run);
        desk.press(shell, "ctrl-c");
        for (what, recording) in tampered(&proven, &waits, &interrupted, &running) {
            judged.keep_one(desk, &recording, what);
        }
        judged.all("DISAGREES");
    }
}

/// Every way in which somebody might make of a run what it was not.
fn tampered(
    proven: &Value,
    waits: &Value,
    interrupted: &Value,
    running: &Value,
) -> Vec<(&'static str, Value)> {
    let set = |recording: &Value, path: &str, value: Value| {
        let mut recording = recording.clone();
        *recording.pointer_mut(path).unwrap_or_else(|| panic!("no {path}")) = value;
        recording
    };
    let step = |recording: &Value, kind: &str| {
        let steps = recording["why"]["evidence"].as_array().unwrap();
        steps.iter().rposition(|it| it["kind"] == kind && it["details"]["letter"] != "C").unwrap()
    };
    let detail = |recording: &Value, kind: &str, name: &str, value: &str| {
        let path = format!("/why/evidence/{}/details/{name}", step(recording, kind));
        set(recording, &path, json!(value))
    };
    let state = |recording: &Value, state: Value| {
        let mut recording = recording.clone();
        let run = recording["why"]["run"].as_object_mut().unwrap();
        ["exit", "signal", "input", "reason"].iter().for_each(|it| drop(run.remove(*it)));
        run.extend(state.as_object().unwrap().clone());
        recording
    };
    let bytes = |recording: &Value, change: &dyn Fn(&mut Vec<u8>)| {
        let mut recording = recording.clone();
        let mut raw = decode(recording["raw"].as_str().unwrap());
        change(&mut raw);
        let encoded = encode(&raw);
        recording["raw"] = json!(encoded);
        recording
    };
    let awaited = proven["why"]["evidence"][0]["details"]["awaited"].as_str().unwrap().to_owned();
    let serial = format!(";c={awaited};");
    let all_marks = |raw: &mut Vec<u8>, from: &str, to: &str| *raw = replace(raw, from, to);
    let next = format!(";c={};", awaited.parse::<u64>().unwrap() + 1);
    let exact = json!({"state": "completed", "exit": 0, "boundary": "exact"});
    vec![
        ("another exit code", set(proven, "/why/run/exit", json!(0))),
        ("another exit code in the mark's step", detail(proven, "mark", "status", "0")),
        ("another exit code in the bytes", bytes(proven, &|raw| all_marks(raw, "133;D;3", "133;D;0"))),
        ("the mark removed", bytes(proven, &|raw| all_marks(raw, "\u{1b}]133;D;", ""))),
        ("the mark made somebody else's", bytes(proven, &|raw| all_marks(raw, ";k=", ";k=0"))),
        ("the serial moved", bytes(proven, &|raw| all_marks(raw, &serial, &next))),
        ("another serial awaited", detail(proven, "typed", "awaited", "7777")),
        ("another process awaited", detail(proven, "typed", "pid", "1")),
        ("the end called an interrupt", {
            state(proven, json!({"state": "interrupted", "exit": 130, "signal": 2}))
        }),
        ("the end called a silence", state(proven, json!({"state": "running", "boundary": "probed"}))),
        ("the first byte cut", bytes(proven, &|raw| *raw = raw.split_off(1))),
        ("the output cut short", bytes(proven, &|raw| raw.truncate(raw.len() / 3))),
        ("a mark's step made up", detail(proven, "mark", "from", "1")),
        ("a verdict without a proof", state(running, exact.clone())),
        ("a verdict on what waits", state(waits, exact)),
        (
            "a loss without a proof",
            state(running, json!({"state": "lost", "reason": "gone", "boundary": "exact"})),
        ),
        ("an end of the shell without a proof", {
            state(running, json!({"state": "shell_exited", "exit": 0, "boundary": "exact"}))
        }),
        ("a question without facts", {
            let mut recording = state(running, json!({"state": "needs_input", "input": "line"}));
            recording["why"]["evidence"].as_array_mut().unwrap().retain(|it| it["kind"] != "facts");
            recording
        }),
        ("another question", set(waits, "/why/run/input", json!("secret"))),
        ("a surer question", set(waits, "/why/run/boundary", json!("exact"))),
        ("facts that tell of a secret", detail(waits, "facts", "echo", "false")),
        ("facts that tell of no wait", {
            let members = format!("{} cat R does not wait for it", waits["why"]["at_ms"]);
            detail(waits, "facts", "members", &members)
        }),
        ("facts seen once", detail(waits, "facts", "answers", "1")),
        ("something printed after the facts", bytes(waits, &|raw| raw.extend(b"more"))),
        ("an interrupt that nobody asked for", {
            let mut recording = interrupted.clone();
            recording["why"]["evidence"].as_array_mut().unwrap().retain(|it| it["kind"] != "signal");
            recording
        }),
        ("steps in another order", {
            let mut recording = proven.clone();
            recording["why"]["evidence"].as_array_mut().unwrap().reverse();
            recording
        }),
        ("no evidence at all", set(proven, "/why/evidence", json!([]))),
    ]
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            out.extend(to.as_bytes());
            at += from.len();
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    assert_ne!(out, bytes, "{from:?} was there to be replaced");
    out
}
