//! What belongs to a command's output, and what is only its echo or the shell's own drawing.

use cotty_core::dialect::Shell;
use cotty_core::marks::Key;
use cotty_core::run::RunState;
use cotty_core::session::Seen;

use super::played::{Played, mark, prompt};

#[test]
fn zshs_own_mark_of_an_open_line_is_no_output() {
    let mut it = Played::at_prompt(Shell::Zsh);
    let run = it.run("printf x");
    it.prints(format!("printf x\r\n{}x", mark("C;c=1")));
    let blanks = " ".repeat(39);
    it.prints(format!("\x1b]133;E;k=key\x07\x1b[1m\x1b[7m%\x1b[27m\x1b[1m\x1b[0m{blanks}\r \r"));
    it.prints(prompt(Shell::Zsh, 0, 1, 2));
    assert_eq!(it.output(run), "x");
    assert!(it.look(run).eol_mark);
}

#[test]
fn an_end_of_line_mark_that_was_printed_long_before_the_end_ends_nothing() {
    let mut it = Played::at_prompt(Shell::Zsh);
    let run = it.run("cat capture");
    let printed = format!("\x1b]133;E;k=key\x07{}", "text\r\n".repeat(100));
    it.prints(format!("cat capture\r\n{}{printed}", mark("C;c=1")));
    it.prints(prompt(Shell::Zsh, 0, 1, 2));
    assert_eq!(it.output(run), printed);
    assert!(!it.look(run).eol_mark);
}

#[test]
fn the_echo_of_one_line_is_no_output() {
    let mut it = Played::at_prompt(Shell::Dash);
    let run = it.run("echo a");
    for piece in ["ec", "ho a\r", "\na\r", "\n"] {
        it.prints(piece);
    }
    it.prints(prompt(Shell::Dash, 0, 2, 0));
    assert_eq!(it.output(run), "a\r\n");
}

#[test]
fn the_echo_of_many_pieces_is_no_output_in_whatever_order_it_comes() {
    let command = "echo one\necho two\n".repeat(120);
    let second = "\x1b]133;S;k=key\x07> \x1b]133;T;k=key\x07";
    let typed = Shell::Dash.submit(&command, &Key::new("key"), false);
    let echo = String::from_utf8(typed.keys).unwrap().replace('\n', "\r\n");
    let lines: Vec<&str> = echo.split_inclusive('\n').collect();
    assert!(lines.len() > 3);
    // The terminal echoes all at once and the shell prompts as it reads; or each as the other waits for it.
    let at_once = echo.clone() + &second.repeat(lines.len() - 1);
    let in_turn = lines.join(second);
    for drawn in [at_once, in_turn] {
        let mut it = Played::at_prompt(Shell::Dash);
        let run = it.run(&command);
        it.prints(&drawn);
        it.prints("one\r\ntwo\r\n");
        it.prints(prompt(Shell::Dash, 0, 2, 0));
        assert_eq!(it.output(run), "one\r\ntwo\r\n");
        assert_eq!(it.state(run), &RunState::Completed { exit: 0 });
    }
}

#[test]
fn where_the_terminal_does_not_echo_all_is_output() {
    let mut it = Played::at_prompt(Shell::Dash);
    let run = it.run("echo a");
    it.session.handle_applied(7, Some(Seen { echo: false, whole_lines: true }));
    it.prints("a\r\nb\r\n");
    it.prints(prompt(Shell::Dash, 0, 2, 0));
    assert_eq!(it.output(run), "a\r\nb\r\n");
}

#[test]
fn what_was_drawn_before_a_mark_of_the_start_is_no_output() {
    let mut it = Played::at_prompt(Shell::Bash);
    let run = it.run("echo a");
    it.prints("\x1b[?2004lecho a\r\nnot yet\r\n");
    it.prints(format!("{}a\r\n", mark("C;c=1")));
    it.prints(prompt(Shell::Bash, 0, 1, 2));
    assert_eq!(it.output(run), "a\r\n");
}
