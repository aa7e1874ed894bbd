//! Prompts as people have them, and shells that lack what ours rests on: each stays what it is, and exact.

use std::fs;

use cotty_testkit::not_run::have;
use cotty_testkit::prompts::{PROMPTS, Prompt};
use serde_json::json;

use crate::desk::{Desk, program};

/// A desk with start-up files in its home.
fn desk_with(files: &[(&str, &str)]) -> Desk {
    let desk = Desk::new();
    for (file, text) in files {
        let path = desk.home.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    desk
}

#[test]
fn a_prompt_of_any_kind_stays_what_it_is_and_proves_the_end() {
    for Prompt { name, shell, file, text, sign } in PROMPTS {
        if !have(program(shell), &format!("a prompt {name} in {shell}")) {
            continue;
        }
        let mut desk = desk_with(&[(file, text)]);
        desk.open(shell, shell);
        let person = desk.home.tty(&["attach", shell]);
        person.wait_text(sign);
        for round in 0..3 {
            desk.is_exact(shell);
            let said = desk.run(shell, "printf 'a\\nb'; (exit 4)");
            assert_eq!((said.exit(), said.output().as_str()), (Some(4), "a\nb"), "{name} {round}: {said:?}");
            let said = desk.run(shell, "sleep 0.1");
            assert_eq!((said.exit(), said.output().as_str()), (Some(0), ""), "{name} {round}: {said:?}");
        }
        let said = desk.run_as_it_is(shell, "cd /usr", 25);
        assert!(said.head().ends_with("cwd /usr"), "{name}: {said:?}");
        let screen = desk.tool("ssh_read", json!({"session": shell, "view": "screen"})).text;
        assert!(
            screen.contains(sign) && !screen.contains("133;") && !screen.contains("__"),
            "{name}: {screen}"
        );
        drop(person);
    }
}

#[test]
fn an_older_bash_is_exact_too_and_its_users_hooks_go_on() {
    let own = "PS1='» '\nPROMPT_COMMAND='prompts=$((prompts + 1)); '\n";
    // What came with the array of hooks, and with the hook before a command.
    let (no_array, no_start) = ("unset SRANDOM\n", "enable -n mapfile\ntrap 'seen=$((seen + 1))' DEBUG\n");
    for lacks in [no_array.to_owned(), no_start.to_owned(), format!("{no_array}{no_start}")] {
        let mut desk = desk_with(&[(".bash_profile", &format!("{own}{lacks}"))]);
        desk.open("bash", "bash");
        for _ in 0..3 {
            desk.is_exact("bash");
        }
        for (command, exit, output) in [
            ("(exit 3)", 3, ""),
            ("(echo sub)", 0, "sub"),
            ("echo a\necho b; false", 1, "a\nb"),
            ("echo \"a!b\"", 0, "a!b"),
            ("[ $prompts -gt 3 ] && echo hooked", 0, "hooked"),
            ("history 9 | grep -c '13[3];D'", 1, "0"),
        ] {
            let said = desk.run("bash", command);
            assert_eq!(
                (said.exit(), said.output().as_str()),
                (Some(exit), output),
                "{lacks}{command}: {said:?}"
            );
        }
        let said = desk.run("bash", "# nothing");
        assert!(said.state().starts_with("ran nothing"), "{lacks}: {said:?}");
        if lacks.contains("seen") {
            assert_eq!(desk.run("bash", "[ $seen -gt 3 ]").exit(), Some(0), "{lacks}");
        }
        desk.run("bash", "cat").needs("line");
        assert_eq!(desk.press("bash", "ctrl-d").exit(), Some(0), "{lacks}");
    }
}
