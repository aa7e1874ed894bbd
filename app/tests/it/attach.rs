//! A person's terminal at a session.

use cotty_testkit::home::Home;
use cotty_testkit::tty::Tty;
use cotty_testkit::wait::until;

const CTRL_RIGHT_BRACKET: &[u8] = b"\x1d";

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn up_opens_a_session_and_attaches_and_ctrl_bracket_leaves_it_alive() {
    let home = Home::new();
    let mut tty = home.tty(&["up", "web1"]);
    tty.wait_text("claude mcp add --scope user cotty -- /");
    tty.wait_text("web1 | human-first");
    tty.line("echo $((40 + 2))-here");
    tty.wait_text("42-here");
    tty.send(CTRL_RIGHT_BRACKET);
    assert!(tty.wait_exit().success());
    assert!(tty.rest().contains("[detached; cotty attach web1 comes back]"), "{}", tty.rest());
    assert!(tty.is_cooked());
    assert!(stdout(&home.run(&["ls", "--json"])).contains(r#""name":"web1""#));
}

#[test]
fn the_agents_command_is_seen_in_the_terminal_and_named_in_the_status_line() {
    let home = Home::new();
    let tty = home.tty(&["up", "web1"]);
    tty.wait_text("pen free");
    let mut running = home.cotty(&["run", "web1", "--", "echo from-the-agent; read -r x; echo got-$x"]);
    let running = running.stdout(std::process::Stdio::piped()).spawn().unwrap();
    tty.wait_text("from-the-agent");
    // Typed earlier, the line would meet a terminal that the shell has not made canonical yet.
    tty.wait_for("the status line names the command", |text| text.contains(": echo from-the-agent"));
    tty.wait_text("(needs line)");
    tty.line("an answer");
    tty.wait_text("got-an answer");
    let output = running.wait_with_output().unwrap();
    assert!(stdout(&output).contains("from-the-agent"), "{output:?}");
}

#[test]
fn the_session_is_a_row_shorter_than_the_terminal_and_follows_it() {
    let home = Home::new();
    let tty = Tty::start_sized(&home.cotty(&["up", "web1"]), 100, 30);
    tty.wait_text("pen free");
    tty.line("stty size");
    tty.wait_text("29 100");
    tty.resize(90, 20);
    until("the session has the new size", || {
        stdout(&home.run(&["ls", "--json"])).contains(r#""cols":90,"rows":19"#).then_some(())
    });
}

#[test]
fn of_two_windows_the_size_follows_the_one_that_was_typed_in_last() {
    let home = Home::new();
    let sized = |cols: u16, rows: u16| {
        let size = format!(r#""cols":{cols},"rows":{rows}"#);
        until(&size, || stdout(&home.run(&["ls", "--json"])).contains(&size).then_some(()));
    };
    let mine = Tty::start_sized(&home.cotty(&["up", "web1"]), 100, 30);
    mine.wait_text("pen free");
    let other = Tty::start_sized(&home.cotty(&["attach", "web1"]), 80, 24);
    other.wait_text("pen free");
    sized(100, 29);
    other.line("echo mine-$((40 + 2))");
    mine.wait_text("mine-42");
    sized(80, 23);
    other.resize(70, 20);
    sized(70, 19);
    mine.line("echo other-$((40 + 2))");
    other.wait_text("other-42");
    sized(100, 29);
    mine.resize(90, 25);
    sized(90, 24);
}

#[test]
fn a_terminal_of_one_cell_does_no_harm() {
    let home = Home::new();
    for (cols, rows) in [(1, 1), (65535, 65535)] {
        let mut tty = Tty::start_sized(&home.cotty(&["up", "web1"]), cols, rows);
        until("the person is there", || {
            let list = stdout(&home.run(&["ls", "--json"]));
            (list.contains("\"viewers\":[\"") || tty.has_ended()).then_some(())
        });
        assert!(!tty.has_ended(), "{}", tty.text());
        tty.send(CTRL_RIGHT_BRACKET);
        assert!(tty.wait_exit().success());
    }
}

#[test]
fn the_terminal_is_given_back_when_attach_is_told_to_end() {
    let home = Home::new();
    let mut tty = home.tty(&["up", "web1"]);
    tty.wait_text("pen free");
    let pid = rustix::process::Pid::from_raw(tty.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(tty.wait_exit().code(), Some(143));
    assert!(tty.is_cooked());
}

#[test]
fn a_daemon_that_is_killed_is_found_again_without_losing_the_terminal() {
    let home = Home::new();
    let mut tty = home.tty(&["up", "web1"]);
    tty.wait_text("pen free");
    tty.line("echo be''fore");
    tty.wait_text("before");
    crate::daemon::kill(crate::daemon::pid(&home));
    tty.wait_text("back again");
    tty.line("echo af''ter");
    tty.wait_text("after");
    tty.send(CTRL_RIGHT_BRACKET);
    assert!(tty.wait_exit().success());
}

#[test]
fn the_end_of_the_shell_ends_attach() {
    let home = Home::new();
    let mut tty = home.tty(&["up", "web1"]);
    tty.wait_text("pen free");
    tty.line("exit 4");
    assert!(tty.wait_exit().success());
    assert!(tty.rest().contains("[session web1 ended"), "{}", tty.rest());
    assert!(tty.is_cooked());
}

#[test]
fn a_program_of_the_whole_screen_leaves_the_status_line_alone() {
    let home = Home::new();
    let tty = Tty::start_sized(&home.cotty(&["up", "web1"]), 80, 24);
    tty.wait_text("pen free");
    tty.line(r"printf '\033[?1049h\033[r\033[2J\033[999;999Hcor''ner'; sleep 0.2; printf '\033[?1049l'; echo do''ne");
    tty.wait_text("done");
    let bytes = tty.bytes();
    let printed = String::from_utf8_lossy(&bytes);
    assert!(printed.contains("\x1b[23;999Hcorner"), "{printed:?}");
    assert!(!printed.contains("\x1b[999;999H"));
}

#[test]
fn attach_without_a_terminal_says_what_to_do() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let output = home.run(&["attach", "web1"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs a terminal"), "{output:?}");
}

#[test]
fn lines_that_a_shell_would_take_one_by_one_are_pasted_after_a_clear_word_only() {
    let home = Home::new();
    let mut tty = home.tty(&["up", "web1", "--shell", "dash"]);
    tty.wait_text("pen free");
    tty.send("\x1b[200~echo al''pha\recho be''ta\r\x1b[201~");
    tty.wait_text("paste 2 lines, each of them taken at once?");
    tty.send("n");
    tty.wait_text("the paste was not typed");
    tty.send("\x1b[200~echo th''ird\recho fou''rth\recho fif''th\r\x1b[201~");
    tty.wait_text("paste 3 lines, each of them taken at once?");
    tty.send("y");
    tty.wait_text("fifth");
    // One line is typed as it is, and what is typed after it is not held up.
    tty.send("\x1b[200~echo six''th\x1b[201~\r");
    tty.wait_text("sixth");
    let text = tty.text();
    assert!(text.contains("third") && text.contains("fourth"), "{text}");
    assert!(!text.contains("alpha") && !text.contains("beta"), "{text}");
    tty.send(CTRL_RIGHT_BRACKET);
    assert!(tty.wait_exit().success());
    drop(tty.rest()); // All of it is there.
    assert!(
        String::from_utf8_lossy(&tty.bytes()).contains(";2004;"),
        "the terminal's own mode is given back"
    );
}

#[test]
fn a_paste_stands_on_the_line_of_a_shell_that_asks_for_brackets() {
    let home = Home::new();
    let tty = home.tty(&["up", "web1", "--shell", "bash"]);
    // At its prompt it has asked for them.
    until("it stands at its prompt", || {
        stdout(&home.run(&["ls", "--json"])).contains(r#""state":"ready""#).then_some(())
    });
    tty.send("\x1b[200~echo al''pha\recho be''ta\x1b[201~");
    tty.wait_text("echo be''ta");
    assert!(!tty.text().contains("alpha"), "nothing was taken yet: {}", tty.text());
    tty.send("\r");
    tty.wait_text("beta");
    assert!(tty.text().contains("alpha") && !tty.text().contains("taken at once"), "{}", tty.text());
}
