//! Whole-screen programs and questions, each driven to its end by a client that has nothing but the tools. Every story
//! follows the replies: it reads what is asked for, and does what the head line names.

use std::fs;

use cotty_testkit::not_run::have;
use cotty_testkit::wait::until;
use serde_json::json;

use crate::desk::{Desk, Said, in_every_shell};

/// A REPL with a prompt of its own, an unfinished statement, a pager-like table and a question at its end.
pub(crate) const SQL: &str = r#"
import readline, sys
print("Welcome. Statements end with ;")
statement = ""
while True:
    try:
        statement += input("sql> " if not statement else "   -> ") + " "
    except EOFError:
        sys.exit(0)
    if statement.strip() in ("exit", "quit", "\\q"):
        print("Bye")
        sys.exit(4)
    if statement.rstrip().endswith(";"):
        if statement.lower().startswith("drop"):
            if input("Really drop? [y/N] ") == "y":
                print("dropped")
        else:
            print("+---+\n| 1 |\n+---+\n1 row in set")
        statement = ""
"#;

/// Asks as package managers do, and works for a moment after the answer.
pub(crate) const INSTALL: &str = r#"
echo 'Reading package lists... Done'
echo 'The following NEW packages will be installed:'
echo '  hello'
printf 'Do you want to continue? [Y/n] '
read -r answer
case "$answer" in
    n*) echo Abort.; exit 1 ;;
esac
for step in 10 50 100; do printf '\rProgress: [%3d%%]' $step; sleep 0.1; done
printf '\nSetting up hello\n'
"#;

fn screen(desk: &mut Desk, session: &str) -> Said {
    desk.tool("ssh_read", json!({"session": session, "view": "screen"}))
}

fn shows(desk: &mut Desk, session: &str, what: &str) -> Said {
    until(what, || Some(screen(desk, session)).filter(|it| it.text.contains(what)))
}

#[test]
fn a_pager_is_paged_searched_and_left_and_its_pages_are_kept() {
    if !have("less", "a_pager_is_paged_searched_and_left_and_its_pages_are_kept") {
        return;
    }
    in_every_shell(|desk, shell| {
        let said = desk.run(shell, "seq -f 'line %g' 500 | less; (exit 2)");
        said.needs("pager");
        let first = shows(desk, shell, "line 1\n");
        assert!(first.head().contains("alternate screen 120x40, cursor in row 40"), "{first:?}");
        desk.press(shell, "space").needs("pager");
        shows(desk, shell, "line 60\n");
        let order = json!({"session": shell, "text": "/line 444", "expect": "line 444"});
        assert!(desk.tool("ssh_send", order).head().contains("expect was seen"));
        shows(desk, shell, "line 444\n");
        let said = desk.press(shell, "q");
        assert_eq!(said.exit(), Some(2), "{said:?}");
        // What was turned past is kept, without what was erased on the way.
        let all = desk.tool("ssh_read", json!({"command": said.handle(), "max_chars": 60_000})).output();
        for line in ["line 1", "line 60", "line 444"] {
            assert!(all.lines().any(|it| it == line), "{line}: {all}");
        }
        assert!(!all.contains('\u{1b}') && !screen(desk, shell).head().contains("alternate"), "{all}");
    });
}

#[test]
fn an_editor_opens_types_saves_and_leaves() {
    if !have("vim", "an_editor_opens_types_saves_and_leaves") {
        return;
    }
    in_every_shell(|desk, shell| {
        desk.run(shell, "vim -u NONE -i NONE driven").needs("editor");
        desk.tool("ssh_send", json!({"session": shell, "text": "ione\ntwo\nthree", "enter": "none"}));
        shows(desk, shell, "three");
        desk.press(shell, "esc").needs("editor");
        desk.tool("ssh_send", json!({"session": shell, "keys": ["up", "home", "d", "d"]})).needs("editor");
        let said = desk.send(shell, ":wq");
        assert_eq!(said.exit(), Some(0), "{said:?}");
        assert_eq!(desk.run(shell, "cat driven; rm driven").output(), "one\nthree");
    });
}

#[test]
fn a_monitor_is_read_and_left() {
    for (program, leave) in [("top", "q"), ("htop", "f10")] {
        if !have(program, "a_monitor_is_read_and_left") {
            continue;
        }
        in_every_shell(|desk, shell| {
            let said = desk.run(shell, program);
            said.needs("full_screen");
            assert!(said.head().contains("view=screen"), "{said:?}");
            shows(desk, shell, "PID");
            let said = desk.press(shell, leave);
            assert_eq!(said.exit(), Some(0), "{program}: {said:?}");
        });
    }
}

#[test]
fn a_package_manager_s_question_is_answered_and_its_progress_folded() {
    in_every_shell(|desk, shell| {
        fs::write(desk.home.work().join("install.sh"), INSTALL).unwrap();
        let said = desk.run(shell, "sh install.sh");
        said.needs("confirm");
        assert!(said.output().ends_with("Do you want to continue? [Y/n]"), "{said:?}");
        let said = desk.send(shell, "y");
        assert_eq!(said.exit(), Some(0), "{said:?}");
        assert!(said.output().contains("Progress: [100%]") && !said.output().contains("[ 10%]"), "{said:?}");
        desk.run(shell, "sh install.sh").needs("confirm");
        desk.send(shell, "n");
        let said = until("it has ended", || Some(desk.wait(shell)).filter(|it| it.exit().is_some()));
        assert_eq!(said.exit(), Some(1), "{said:?}");
    });
}

#[test]
fn a_database_s_prompt_takes_statements_questions_and_its_end() {
    if !have("python3", "a_database_s_prompt_takes_statements_questions_and_its_end") {
        return;
    }
    in_every_shell(|desk, shell| {
        fs::write(desk.home.work().join("sql.py"), SQL).unwrap();
        let said = desk.run(shell, "python3 sql.py");
        said.needs("line");
        assert!(said.output().ends_with("sql>"), "{said:?}");
        let said = desk.send(shell, "select 1");
        said.needs("line");
        assert!(said.output().ends_with("->"), "{said:?}");
        let said = desk.send(shell, ";");
        assert!(said.output().contains("1 row in set") && said.output().ends_with("sql>"), "{said:?}");
        desk.send(shell, "drop table x;").needs("confirm");
        let said = desk.send(shell, "y");
        assert!(said.output().contains("dropped"), "{said:?}");
        assert_eq!(desk.send(shell, "exit").exit(), Some(4));
    });
}

#[test]
fn a_rebase_is_edited_in_the_editor_that_it_opens() {
    let story = "a_rebase_is_edited_in_the_editor_that_it_opens";
    if !have("git", story) || !have("vim", story) {
        return;
    }
    in_every_shell(|desk, shell| {
        let mine = "git -c user.name=me -c user.email=me@example.org";
        let commits = format!(
            "rm -rf repo && mkdir repo && cd repo && git init -q . && for n in 1 2 3; do echo $n > f$n && git add . && \
             {mine} commit -qm \"commit $n\"; done; cd .."
        );
        assert_eq!(desk.run(shell, &commits).exit(), Some(0));
        let rebase = format!("GIT_EDITOR='vim -u NONE -i NONE' {mine} -C repo rebase -i HEAD~2");
        desk.run(shell, &rebase).needs("editor");
        shows(desk, shell, "commit 3");
        // The second commit of the list goes into the first, and the editor opens again for their message.
        desk.tool("ssh_send", json!({"session": shell, "keys": ["j", "c", "w"]})).needs("editor");
        desk.tool("ssh_send", json!({"session": shell, "text": "squash", "enter": "none"})).needs("editor");
        desk.press(shell, "esc").needs("editor");
        let said = desk.send(shell, ":wq");
        said.needs("editor");
        shows(desk, shell, "combination of 2 commits");
        let said = desk.send(shell, ":wq");
        assert_eq!(said.exit(), Some(0), "{said:?}");
        assert_eq!(
            desk.run(shell, "git -C repo --no-pager log --format=%s; rm -rf repo").output(),
            "commit 2\ncommit 1"
        );
    });
}
