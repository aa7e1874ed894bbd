//! A new shell beside a session: what it has of that one, and what it says that it has not.

use std::fs;
use std::path::Path;

use cotty_core::dialect::beside::{Beside, Variables};
use cotty_testkit::Sshd;
use serde_json::json;

use crate::desk::{Desk, dialect, in_every_shell, in_words_of};

/// What must stand in no reply and in no file of ours.
const CANARY: &str = "cana'ry-9f3b";

/// To ask whether a shell can take anything over.
const NOBODY: Beside = Beside { pid: 0, variables: Variables::None };

pub(crate) fn holds(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holds(&path, text));
        } else if fs::read(&path).is_ok_and(|it| it.windows(text.len()).any(|it| it == text.as_bytes())) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_new_shell_beside_a_session_has_its_place_its_variables_and_its_umask() {
    in_every_shell(|desk, shell| {
        let place = desk.home.work().join("a place");
        fs::create_dir_all(&place).unwrap();
        fs::write(desk.home.work().join("secret"), format!("{CANARY}\nb=\\ \"$x\"")).unwrap();
        if dialect(shell).take_over(NOBODY).is_none() {
            let said = desk.tool("ssh_connect", json!({"fork": shell}));
            let note = "not copied: its umask and variables";
            assert!(said.notes().iter().any(|it| it.contains(note)), "{said:?}");
            desk.is_exact(&format!("{shell}#2"));
            desk.tool("ssh_close", json!({"id": format!("{shell}#2")}));
            return;
        }
        let set =
            "export TOKEN=\"$(cat secret)\" GONE=; export PS1=\"$PS1\"; KEPT=1; umask 027; cd 'a place'";
        let set_in_fish =
            "set -gx TOKEN (cat secret|string collect); set -gx GONE; set KEPT 1; umask 027; cd 'a place'";
        let said = desk.run_as_it_is(shell, in_words_of(shell, set, set_in_fish, ""), 25);
        assert_eq!(said.exit(), Some(0), "{said:?}");
        let said = desk.tool("ssh_connect", json!({"fork": shell}));
        let new = format!("{shell}#2");
        assert!(said.head().starts_with(&format!("[{new}] opened: ready, {shell} on ")), "{said:?}");
        for note in ["its exported variables and its umask", "not copied: functions, aliases"] {
            assert!(said.notes().iter().any(|it| it.contains(note)), "{note}: {said:?}");
        }
        let ask = "pwd; umask; printf '%s' \"$TOKEN\" | cksum; echo \"${GONE-no}${KEPT-none}${__fp-}\"";
        let here = desk.run(&new, ask);
        let there = desk.run(shell, &ask.replace("KEPT", "NONE"));
        assert_eq!(here.output(), there.output(), "{said:?}");
        assert!(here.output().starts_with(&place.display().to_string()), "{here:?}");
        desk.is_exact(&new);
        // The process that showed the variables has gone.
        let showed = said.notes()[1].trim_start_matches('(').split(' ').next().unwrap().to_owned();
        let pid = desk.tool("ssh_read", json!({"command": showed, "view": "command"})).output();
        assert!(pid.parse::<u32>().is_ok(), "{pid}");
        // Its parent, which may be nobody's business here, perhaps never takes note of its end.
        let left = desk.run(&new, &format!("ps -o stat= -p {pid} | grep -v Z"));
        assert_eq!(left.exit(), Some(1), "{left:?}");
        assert_eq!(holds(&desk.home.state(), &CANARY[..7]), Vec::<String>::new());

        // While something runs there its variables cannot be asked for; all else is had.
        let busy =
            desk.tool("ssh_run", json!({"session": shell, "command": "sleep 100", "background": true}));
        let said = desk.tool("ssh_connect", json!({"fork": shell, "name": format!("{shell}-b")}));
        let why = format!("not copied: its exported variables, since {} runs there", busy.handle());
        assert!(said.text.contains(&why) && said.text.contains(": its umask"), "{said:?}");
        assert!(desk.run(&format!("{shell}-b"), "umask; pwd").output().contains("27\n/"), "{said:?}");
        desk.tool("ssh_close", json!({"id": busy.handle()}));
        for name in [new, format!("{shell}-b")] {
            desk.tool("ssh_close", json!({"id": name}));
        }
    });
}

#[test]
fn a_shell_that_traces_what_it_does_shows_no_value_of_a_variable() {
    let Some(sshd) = Sshd::start("a_shell_that_traces_what_it_does_shows_no_value") else { return };
    let mut desk = Desk::over(&sshd);
    fs::write(desk.home.work().join("secret"), CANARY).unwrap();
    desk.open("web1", "bash");
    let rc = "trap 'echo \"doing $BASH_COMMAND\"' DEBUG; set -x\n";
    sshd.write("home/.bash_profile", rc);
    desk.run("web1", "export TOKEN=\"$(cat secret)\"");
    let said = desk.tool("ssh_connect", json!({"fork": "web1"}));
    assert!(said.text.contains("its exported variables and its umask"), "{said:?}");
    let said = desk.run("web1#2", "[ ${#TOKEN} = 12 ] && echo right-$-");
    assert!(said.output().contains("right-") && said.output().contains('x'), "{said:?}");
    assert_eq!(holds(&desk.home.state(), &CANARY[..7]), Vec::<String>::new());
}

#[test]
fn what_cannot_be_beside_a_session_is_refused() {
    let mut desk = Desk::new();
    desk.open("one", "bash");
    desk.tool("ssh_connect", json!({"fork": "nobody"})).refuses("session-not-found", &["nobody"]);
    let elsewhere = json!({"fork": "one", "target": "web9"});
    desk.tool("ssh_connect", elsewhere).refuses("invalid-argument", &["one is on local"]);
    let said = desk.tool("ssh_connect", json!({"fork": "one", "name": "one"}));
    assert!(said.text.contains("nothing was copied from one: a new shell needs another name"), "{said:?}");
    let (code, text) = desk.home.run_as_person(&["mode", "one", "human-only"]);
    assert_eq!(code, Some(0), "{text}");
    desk.tool("ssh_connect", json!({"fork": "one"})).refuses("input-locked", &["one"]);
    let said = desk.tool("ssh_list", json!({}));
    assert!(said.text.starts_with("1 session"), "{said:?}");
}
