//! Who may do what only a person may: judged from the process, whatever it does to look like a person.

use cotty_testkit::home::{Home, binary};

#[test]
fn a_person_at_a_terminal_may_choose_who_writes() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let (code, text) = home.run_as_person(&["mode", "web1", "human-only"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("web1 is human-only"), "{text}");
}

#[test]
fn without_a_terminal_nobody_is_a_person() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    for order in [&["stop"][..], &["restart"], &["mode", "web1", "agent-only"]] {
        let output = home.run(order);
        assert_eq!(output.status.code(), Some(77), "{order:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("no controlling terminal"), "{output:?}");
    }
}

#[test]
fn from_inside_a_session_nothing_helps() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let cotty = binary();
    let cotty = cotty.display();
    let out = home.path().join("out");
    let state = home.state();
    let state = state.display();
    let mode = format!("env COTTY_STATE_DIR={state} {cotty} mode web1 agent-only");
    for way in [
        format!("{mode} >{0} 2>&1", out.display()),
        format!("setsid -w {mode} >{0} 2>&1", out.display()),
        format!("nohup {mode} >{0} 2>&1", out.display()),
        format!("script -qec '{mode}' /dev/null >{0} 2>&1", out.display()),
        format!(
            "(setsid sh -c '(sleep 0.1; script -qec \"{mode}\" /dev/null >{0}.tmp 2>&1; mv {0}.tmp {0}) &' &)",
            out.display()
        ),
    ] {
        drop(std::fs::remove_file(&out));
        let output = home.run(&["run", "web1", "--", &way]);
        let text = cotty_testkit::wait::until("it was tried", || {
            std::fs::read_to_string(&out).ok().filter(|it| it.contains("cotty") || it.contains(" is "))
        });
        assert!(text.contains("a person's to do"), "{way}\n{text}\n{output:?}");
    }
    assert!(
        String::from_utf8_lossy(&home.run(&["ls", "--json"]).stdout).contains("\"mode\":\"human-first\"")
    );
}

#[test]
fn a_terminal_within_a_terminal_of_a_person_is_a_persons() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let mode = format!("{} mode web1 common", binary().display());
    let mut command = home.program("script");
    command.args(["-qec", &mode, "/dev/null"]);
    let mut tty = cotty_testkit::tty::Tty::start(&command);
    tty.wait_exit();
    assert!(tty.rest().contains("web1 is common"), "{}", tty.rest());
}
