//! A command is ended in the way of its kind, and the session answers rightly afterwards.

use cotty_testkit::not_run::have;
use cotty_testkit::wait::until;
use serde_json::json;

use crate::desk::{Desk, Said, ask_secret, in_every_shell, in_words_of, posix};

fn end(desk: &mut Desk, said: &Said) -> Said {
    desk.tool("ssh_close", json!({"id": said.handle()}))
}

#[test]
fn a_pager_and_an_editor_are_left_by_their_keys() {
    if !have("less", "a_pager_and_an_editor_are_left_by_their_keys") {
        return;
    }
    in_every_shell(|desk, shell| {
        let said = desk.run(shell, "seq 999 | less; (exit 3)");
        said.needs("pager");
        let said = end(desk, &said);
        assert_eq!(said.exit(), Some(3), "{said:?}");
        for editor in ["vim -u NONE -i NONE", "nano"] {
            if !have(editor.split(' ').next().unwrap_or_default(), "an editor is left by its keys") {
                continue;
            }
            let said = desk.run(shell, &format!("{editor} left"));
            said.needs("editor");
            desk.tool("ssh_send", json!({"session": shell, "text": "ihello", "enter": "none"}))
                .needs("editor");
            let said = end(desk, &said);
            assert_eq!(said.exit(), Some(0), "{editor}: {said:?}");
            assert!(!desk.home.work().join("left").exists(), "nothing is saved");
        }
    });
}

#[test]
fn nobody_need_have_looked_before_a_program_is_left_as_its_kind_is() {
    if !have("less", "nobody_need_have_looked_before_a_program_is_left_as_its_kind_is") {
        return;
    }
    in_every_shell(|desk, shell| {
        let command = posix(shell, "seq 999 | less; (exit 3)");
        let order = json!({"session": shell, "command": command, "background": true});
        let said = desk.tool("ssh_run", order);
        let seen = json!({"session": shell, "until": "pattern", "pattern": "^30$", "wait_s": 10});
        assert!(desk.tool("ssh_wait", seen).head().contains("the pattern was seen"));
        let said = end(desk, &said);
        assert_eq!(said.exit(), Some(3), "{said:?}");
    });
}

#[test]
fn the_rest_of_a_command_a_line_and_a_secret_are_interrupted_and_the_echo_comes_back() {
    in_every_shell(|desk, shell| {
        let open = in_words_of(shell, "echo \"open", "echo \"open", "foreach i (1 2)");
        let said = desk.run_as_it_is(shell, open, 25);
        said.needs("incomplete_syntax");
        let said = end(desk, &said);
        assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
        let said = desk.run(shell, "cat");
        said.needs("line");
        let said = end(desk, &said);
        assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
        let said = desk.run(shell, ask_secret(shell));
        said.needs("secret");
        let said = end(desk, &said);
        assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
        // On a host that goes its own way.
        until("the echo is on", || {
            desk.run(shell, "stty -a").output().split_whitespace().any(|it| it == "echo").then_some(())
        });
    });
}
