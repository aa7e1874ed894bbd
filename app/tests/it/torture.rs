//! The torture bench: programs made by chance come to the same in a session as by the same shell's `-c`, and every case
//! of the table is told right, wherever its shell is.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use cotty_testkit::torture::found;
use cotty_testkit::torture::reference::without_notices;
use cotty_testkit::torture::table::{CASES, Case, End, LONG, Says, Turn};
use cotty_testkit::torture::{Order, Places, bench};
use cotty_testkit::{Home, Mcp, Sshd, have, not_run};

use crate::desk::{Desk, SHELLS, dialect, here_and_there, in_every_shell, shells};

/// So many programs take about half a minute on two cores. `cargo xtask torture` runs as many as one likes.
const COUNT: usize = 480;

#[test]
fn what_a_session_tells_is_what_the_shell_would_have_done() {
    let order = Order { count: COUNT, seed: 1, shells: SHELLS.to_vec(), places: Places::Both, record: None };
    let tally = bench("what_a_session_tells_is_what_the_shell_would_have_done", &order);
    assert!(tally.is_clean(), "what was found stands above\n{tally}");
}

#[test]
fn what_chance_has_found_is_answered_right() {
    let wrong = found::again("what_chance_has_found_is_answered_right");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_line_of_any_length_is_told_from_its_output() {
    in_every_shell(|desk, shell| {
        // Elsewhere a mark tells where the output begins.
        let lengths = if dialect(shell).marks_starts() { 0..0 } else { 60..160 };
        for letters in lengths.map(|it| "y".repeat(it)) {
            let said = desk.run_as_it_is(shell, &format!("echo {letters}; echo end"), 25);
            assert_eq!(said.output(), format!("{letters}\nend"), "{shell}: {said:?}");
        }
    });
}

/// Where a case is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// The kernel shows what is in front.
    Clear,
    /// All but the system calls.
    WithoutCalls,
    /// It does not: a program that waits is one that runs.
    None,
}

/// Tells one case in a session, and asks afterwards whether it is still exact. Returns whether the shell has ended.
fn told(desk: &mut Desk, session: &str, shell: &str, case: &Case, sight: Sight) -> bool {
    let Says::Command(command) = case.says(dialect(shell)) else { return false };
    if !have(case.needs, &format!("{} in {shell}", case.name)) {
        return false;
    }
    // A reader with a socket open is lost there, knowingly.
    let is_lost = (case.shell_reads && !dialect(shell).edits_lines())
        || (case.needs == "less" && dialect(shell).pipes_are_sockets());
    if sight == Sight::WithoutCalls && is_lost {
        return false;
    }
    // What was typed ahead of its prompt a shell without a line editor reads without a sign.
    let types = |it: &Turn| matches!(it, Turn::Line(_)) || matches!(it, Turn::Key(key) if *key != "ctrl-c");
    if sight == Sight::None && !dialect(shell).edits_lines() && case.turns.iter().any(types) {
        return false;
    }
    let at = format!("{} in {shell} ({session})", case.name);
    // Where nothing tells that it waits there is no use in waiting for it.
    let wait_s = match (case.turns.first(), sight) {
        (Some(Turn::Runs), _) | (Some(_), Sight::None) => 1,
        _ => 25,
    };
    let mut said = desk.run_as_it_is(session, &command.replace('@', &"y".repeat(LONG)), wait_s);
    for turn in case.turns {
        match turn {
            Turn::Needs(kind) if sight != Sight::None => {
                assert!(said.state().starts_with(&format!("needs input ({kind})")), "{at}: {said:?}");
            }
            Turn::Needs(_) | Turn::Runs => assert!(said.state().starts_with("running"), "{at}: {said:?}"),
            Turn::Line(text) => said = desk.send(session, text),
            Turn::Key(key) => said = desk.press(session, key),
        }
    }
    match case.end {
        End::Prints(exit, output) => {
            assert_eq!(
                (said.exit(), without_notices(&said.output()).as_str()),
                (Some(exit), output),
                "{at}: {said:?}"
            );
        }
        End::Says(exit, words) => {
            assert!(said.exit() == Some(exit) && said.output().contains(words), "{at}: {}", said.text);
        }
        End::Interrupted => assert!(said.state().starts_with("interrupted by SIGINT"), "{at}: {said:?}"),
        End::Nothing => assert!(said.state().starts_with("ran nothing"), "{at}: {said:?}"),
        End::Leaves(exit) => {
            let ended = [format!("shell exited {exit}"), format!("nested shell left, exit {exit}")];
            assert!(ended.iter().any(|it| said.state().starts_with(it)), "{at}: {said:?}");
            return true;
        }
    }
    if case.turns.contains(&Turn::Needs("secret")) {
        desk.run(session, "stty echo");
    }
    // A shell may tell of a job that is done before any prompt.
    let said = desk.run(session, "echo next-$((40 + 2)); (exit 6)");
    assert_eq!(
        (said.exit(), without_notices(&said.output()).as_str()),
        (Some(6), "next-42"),
        "{at}: {said:?}"
    );
    false
}

/// Tells all cases to a session; `anew` opens the shell again that one of them has ended.
fn all_told(desk: &mut Desk, session: &str, shell: &str, sight: Sight, anew: impl Fn(&mut Desk)) {
    for case in CASES {
        if told(desk, session, shell, case, sight) {
            anew(desk);
        }
    }
}

#[test]
fn every_case_of_the_table_is_told_right_in_every_shell() {
    in_every_shell(|desk, shell| {
        all_told(desk, shell, shell, Sight::Clear, |desk| drop(desk.open(shell, shell)));
    });
}

#[test]
fn every_case_is_told_right_where_system_calls_are_hidden() {
    let home = Home::new();
    let mut command = home.cotty(&["mcp"]);
    command.env("COTTY_TEST_NO_SYSCALL", "1");
    let mut agent = Mcp::start(command);
    agent.initialize();
    let mut desk = Desk::of(agent, home);
    for shell in shells() {
        desk.open(shell, shell);
        all_told(&mut desk, shell, shell, Sight::WithoutCalls, |desk| drop(desk.open(shell, shell)));
    }
}

/// The words that start a shell from another one.
fn starts(shell: &str) -> &str {
    match shell {
        "ash" => "busybox ash",
        // It greets an ordinary user whose home is empty with a menu.
        "zsh" => "zsh -f",
        shell => shell,
    }
}

/// Opens a shell inside a session of bash, tells it all cases, and leaves it.
fn told_inside(desk: &mut Desk, name: &str, shell: &str, opens: &str, sight: Sight) {
    desk.open(name, "bash");
    let enter = |desk: &mut Desk| {
        let opened = desk.run_as_it_is(name, opens, 25);
        assert!(
            opened.state().starts_with("nested shell (") && opened.state().contains("at its prompt"),
            "{opens}: {opened:?}"
        );
        desk.speaks(name, shell);
    };
    enter(desk);
    all_told(desk, name, shell, sight, |desk| {
        desk.speaks(name, "bash");
        desk.is_exact(name);
        enter(desk);
    });
    let left = desk.run_as_it_is(name, "exit 4", 25);
    assert!(left.state().starts_with("nested shell left, exit 4"), "{left:?}");
    desk.speaks(name, "bash");
    desk.is_exact(name);
}

#[test]
fn every_case_is_told_right_in_another_user_s_shell() {
    let test = "every_case_is_told_right_in_another_user_s_shell";
    if !rustix::process::geteuid().is_root() {
        return not_run(test, "su asks an ordinary user for a password");
    }
    // su takes the name of a program alone, and goes by it.
    let programs = tempfile::tempdir().unwrap();
    std::fs::set_permissions(programs.path(), Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("/bin/busybox", programs.path().join("ash")).unwrap();
    let programs = programs.path().display();
    here_and_there(|desk| {
        for shell in shells() {
            let opens = format!("su -s $(PATH=$PATH:{programs} command -v {shell}) nobody");
            told_inside(desk, &format!("su{shell}"), shell, &opens, Sight::Clear);
        }
    });
}

#[test]
fn every_case_is_told_right_in_a_shell_of_sudo() {
    let test = "every_case_is_told_right_in_a_shell_of_sudo";
    if !rustix::process::geteuid().is_root() {
        return not_run(test, "sudo asks an ordinary user for a password");
    }
    if !have("sudo", test) {
        return;
    }
    let story = |sight| {
        move |desk: &mut Desk, shell: &str| {
            let opens = format!("sudo -n -u nobody {}", starts(shell));
            told_inside(desk, &format!("sudo{shell}"), shell, &opens, sight);
        }
    };
    side_by_side(Desk::new, story(Sight::Clear));
    if let Some(sshd) = Sshd::start(test) {
        // sudo gives the shell a terminal of its own, into which only a holder sees.
        side_by_side(|| Desk::over(&sshd), story(Sight::None));
    }
}

#[test]
fn every_case_is_told_right_beyond_a_hop() {
    let Some(sshd) = Sshd::start("every_case_is_told_right_beyond_a_hop") else { return };
    side_by_side(Desk::new, |desk, shell| told_beyond(desk, &sshd, shell));
}

#[test]
fn every_case_is_told_right_beyond_a_second_hop() {
    let Some(sshd) = Sshd::start("every_case_is_told_right_beyond_a_second_hop") else { return };
    side_by_side(|| Desk::over(&sshd), |desk, shell| told_beyond(desk, &sshd, shell));
}

/// Goes on from a session by ssh, and tells a shell there all cases.
fn told_beyond(desk: &mut Desk, sshd: &Sshd, shell: &str) {
    // There the account's own shell is asked for.
    let starts = format!("env SHELL=/bin/{shell} {}", starts(shell));
    let opens = format!(
        "ssh -tt -F none -o UserKnownHostsFile={} -o IdentitiesOnly=yes -i {} -p {} {}@127.0.0.1 exec {starts}",
        sshd.known_hosts().display(),
        sshd.file("user_ed25519").display(),
        sshd.port(),
        sshd.user()
    );
    told_inside(desk, &format!("hop{shell}"), shell, &opens, Sight::None);
}

/// Tells a story in every shell, a few at once, each at a desk of its own: most of it is waiting.
fn side_by_side(desk: impl Fn() -> Desk + Sync, story: impl Fn(&mut Desk, &str) + Sync) {
    let name = std::thread::current().name().unwrap_or("a story side by side").to_owned();
    let all = shells();
    let tell = |some: &[&str]| {
        let mut desk = desk();
        some.iter().for_each(|shell| story(&mut desk, shell));
    };
    std::thread::scope(|scope| {
        let begin = |some| {
            let named = std::thread::Builder::new().name(name.clone());
            let tell = &tell;
            named.spawn_scoped(scope, move || tell(some)).unwrap()
        };
        let begun: Vec<_> = all.chunks(2).map(begin).collect();
        for told in begun {
            if let Err(panic) = told.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}
