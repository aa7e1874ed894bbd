//! What a command asks for is part of the answer: its kind, its words and the next call; and what only a person may
//! answer takes nothing from an agent.

use cotty_testkit::Sshd;
use cotty_testkit::not_run::have;
use cotty_testkit::wait::until;
use serde_json::json;

use crate::desk::{Desk, ask_secret, in_every_shell, posix};

#[test]
fn each_kind_of_line_comes_with_its_words_and_the_next_call() {
    in_every_shell(|desk, shell| {
        let table = [
            ("confirm", "printf 'Do it? [Y/n] '", "Do it? [Y/n]", "ssh_send", "y"),
            ("press_key", "printf 'Press ENTER to go on'", "Press ENTER to go on", "keys=enter", ""),
            ("menu", "printf '1) one\\n2) two\\nYour choice: '", "Your choice:", "ssh_send", "2"),
            ("line", "printf 'name: '", "name:", "text=...", "me"),
        ];
        for (kind, asks, words, next, answer) in table {
            let said = desk.run(shell, &format!("{asks}; read -r x; echo \"got-[$x]\""));
            said.needs(kind);
            assert!(said.head().contains(next) && !said.head().contains(words), "{said:?}");
            assert_eq!(said.output().lines().last().map(str::trim_end), Some(words), "{said:?}");
            // It is told again where nothing new was printed.
            let said = desk.tool("ssh_wait", json!({"session": shell, "until": "input", "wait_s": 10}));
            said.needs(kind);
            assert!(said.head().contains("it waits for input") && said.output().contains(words), "{said:?}");
            let said = desk.send(shell, answer);
            assert_eq!(said.exit(), Some(0), "{said:?}");
            assert!(said.output().contains(&format!("got-[{answer}]")), "{said:?}");
        }
        let said = desk.run_for(shell, "echo '[Y/n]'; printf 'Continue? [Y/n] '; sleep 3", 1);
        assert!(said.state().starts_with("running"), "words grant nothing: {said:?}");
        assert_eq!(desk.wait(shell).exit(), Some(0));
    });
}

#[test]
fn a_wait_for_input_says_where_none_was_asked_for() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    desk.run_for("web1", "sleep 1; (exit 3)", 0);
    let said = desk.tool("ssh_wait", json!({"session": "web1", "until": "input", "wait_s": 10}));
    assert_eq!(said.exit(), Some(3), "{said:?}");
    assert!(said.head().contains("it asks for nothing"), "{said:?}");
}

#[test]
fn a_question_for_a_secret_takes_nothing_from_an_agent_whichever_way_it_comes() {
    in_every_shell(|desk, shell| {
        // Nobody waits for the command, so nobody has looked at what it does when the keys come.
        let command = posix(shell, &format!("printf 'Pass%s: ' word; {}", ask_secret(shell)));
        let order = json!({"session": shell, "command": command, "background": true});
        desk.tool("ssh_run", order);
        let seen = json!({"session": shell, "until": "pattern", "pattern": "Password", "wait_s": 10});
        assert!(desk.tool("ssh_wait", seen).head().contains("the pattern was seen"));
        let ways = [
            json!({"session": shell, "text": "guess"}),
            json!({"session": shell, "text": "guess", "enter": "none", "expect": "got", "wait_s": 1}),
            json!({"session": shell, "keys": ["g", "enter"], "wait_s": 0}),
            json!({"session": shell, "keys": ["enter"], "wait_s": 0}),
            json!({"session": shell, "text": "two\nlines", "enter": "lf"}),
        ];
        for way in ways {
            desk.tool("ssh_send", way)
                .refuses("secret-needed", &["an agent never types one", "cotty attach"]);
        }
        let person = desk.home.tty(&["attach", shell]);
        person.wait_text("pen");
        person.line("theirs");
        let said = until("the answer arrived", || Some(desk.wait(shell)).filter(|it| it.exit().is_some()));
        assert!(said.output().ends_with("got-[theirs]"), "{said:?}");
        let history = desk.tool("ssh_read", json!({"session": shell, "view": "history"})).output();
        assert!(!history.contains("guess") && !history.contains("theirs"), "{history}");
        drop(person);
    });
}

#[test]
fn whether_a_host_is_trusted_is_a_persons_to_say() {
    let name = "whether_a_host_is_trusted_is_a_persons_to_say";
    if !have("ssh", name) {
        return;
    }
    let Some(sshd) = Sshd::start(name) else { return };
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let (target, port) = (crate::remote::target(&sshd), sshd.port());
    let host = target.split(':').next().unwrap_or_default();
    let files = "-o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/dev/null";
    let said = desk.run("web1", &format!("ssh -F none {files} -p {port} {host} true"));
    said.needs("host_key");
    assert!(said.head().contains("A person must judge this key: cotty attach web1"), "{said:?}");
    assert!(said.output().contains("yes/no"), "{said:?}");
    desk.send("web1", "yes").refuses("host-key", &["an agent never says so", "cotty attach web1"]);
    desk.press("web1", "ctrl-c");
    desk.is_exact("web1");
}

#[test]
fn a_living_session_is_resized() {
    in_every_shell(|desk, shell| {
        let said = desk.tool("ssh_connect", json!({"name": shell, "cols": 91, "rows": 17}));
        assert!(said.text.contains("size is 91x17"), "{said:?}");
        assert_eq!(desk.run(shell, "stty size").output(), "17 91");
    });
}

#[test]
fn the_screen_is_a_grid_with_its_cursor_its_title_and_its_kind() {
    in_every_shell(|desk, shell| {
        let draws = "printf '\\033]2;my title\\007\\033[?1049h\\033[2J\\033[3;5Hhere'; read -r x; printf '\\033[?1049l'";
        desk.run(shell, draws).needs("line");
        let screen = desk.tool("ssh_read", json!({"session": shell, "view": "screen"}));
        assert!(screen.head().ends_with("alternate screen 120x40, cursor in row 3 column 9"), "{screen:?}");
        assert_eq!(screen.output(), "title: my title\n\n\n    here", "{screen:?}");
        assert_eq!(desk.press(shell, "enter").exit(), Some(0));
        let screen = desk.tool("ssh_read", json!({"session": shell, "view": "screen"}));
        assert!(screen.head().contains("] screen 120x40, cursor in row "), "{screen:?}");
    });
}

#[test]
fn no_pager_is_forced_on_a_shared_shell() {
    in_every_shell(|desk, shell| {
        assert_eq!(desk.run(shell, "env | grep -c PAGER=").output(), "0");
    });
}
