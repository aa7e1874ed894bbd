//! A person and an agent in one terminal.

use cotty_testkit::tty::Tty;
use cotty_testkit::wait::until;
use serde_json::json;

use crate::desk::{Desk, in_every_shell};

/// A person at a session.
fn person(desk: &Desk, session: &str) -> Tty {
    let tty = desk.home.tty(&["attach", session]);
    tty.wait_text("pen free");
    tty
}

/// Lets a person choose who may write.
fn choose(desk: &Desk, session: &str, mode: &str) {
    let (code, text) = desk.home.run_as_person(&["mode", session, mode]);
    assert_eq!(code, Some(0), "{text}");
}

fn runs(desk: &mut Desk) -> String {
    desk.tool("ssh_list", json!({"kind": "commands"})).text
}

#[test]
fn what_a_person_runs_has_a_number_and_is_told_to_the_agent_once() {
    in_every_shell(|desk, shell| {
        choose(desk, shell, "common");
        let tty = person(desk, shell);
        tty.line("sh -c 'echo by-a-person; exit 4'");
        let listed = until("it is listed", || {
            let runs = runs(desk);
            runs.lines().find(|it| it.contains(&format!(" {shell}: exit 4"))).map(str::to_owned)
        });
        assert!(listed.starts_with('h') && listed.contains("sh -c 'echo by-a-person; exit 4'"), "{listed}");
        let handle = listed.split(' ').next().unwrap();
        let said = desk.run(shell, "echo by-an-agent");
        let news = said.notes().join(" ");
        assert!(news.contains(&format!("a person ran a command, {handle}")), "{said:?}");
        assert!(news.contains("last exit 4"), "{said:?}");
        assert_eq!(said.output(), "by-an-agent");
        assert!(desk.run(shell, "true").notes().is_empty());
        let read = desk.tool("ssh_read", json!({"command": handle}));
        assert_eq!((read.exit(), read.output().as_str()), (Some(4), "by-a-person"), "{read:?}");
        tty.wait_text("by-an-agent");
    });
}

#[test]
fn an_agents_command_is_never_typed_onto_a_persons_line() {
    in_every_shell(|desk, shell| {
        choose(desk, shell, "common");
        let tty = person(desk, shell);
        tty.send("echo unse");
        until("the line is known", || {
            let status = desk.tool("ssh_status", json!({"session": shell}));
            status.text.contains("a draft is on the line").then_some(())
        });
        let said = desk.run_for(shell, "touch never", 1);
        said.refuses("input-locked", &["unsent line", "nothing was typed", &format!("cotty attach {shell}")]);
        tty.send("nt\r");
        let read = until("the person's line ran", || {
            let read = desk.tool("ssh_read", json!({"session": shell, "view": "command"}));
            (read.exit() == Some(0)).then_some(read)
        });
        assert_eq!(read.output(), "unsent", "{read:?}");
        desk.run(shell, "true");
        assert!(!desk.home.work().join("never").exists());
    });
}

#[test]
fn in_human_first_mode_an_agent_waits_for_a_person_who_has_just_typed() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let tty = person(&desk, "web1");
    tty.line("echo per''son");
    tty.wait_text("person");
    let said = desk.run_for("web1", "echo too-early", 0);
    said.refuses("input-locked", &["agents wait 5 s", "in a few seconds"]);
    let said = desk.run("web1", "echo in-time");
    assert_eq!((said.exit(), said.output().as_str()), (Some(0), "in-time"), "{said:?}");
    desk.is_exact("web1");
}

#[test]
fn what_a_person_closed_to_agents_stays_closed() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    desk.open("web2", "bash");
    let said = desk.run_for("web1", "sleep 1; echo begun before", 0);
    choose(&desk, "web1", "human-only");
    let said = desk.tool("ssh_wait", json!({"command": said.handle()}));
    assert_eq!(said.exit(), Some(0), "{said:?}");
    let refused = desk.run("web1", "true");
    refused.refuses("input-locked", &["human-only", "agents may not write", "cotty mode web1 human-first"]);
    desk.send("web1", "x").refuses("input-locked", &["human-only"]);
    assert!(!desk.tool("ssh_read", json!({"session": "web1"})).is_error);
    desk.is_exact("web2");
    choose(&desk, "web1", "human-first");
    desk.is_exact("web1");
    choose(&desk, "web1", "agent-only");
    let tty = desk.home.tty(&["attach", "web1"]);
    tty.wait_text("web1");
    tty.line("touch by-a-person");
    desk.is_exact("web1");
    assert!(!desk.home.work().join("by-a-person").exists());
}

#[test]
fn a_person_may_always_interrupt() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    choose(&desk, "web1", "agent-only");
    let tty = desk.home.tty(&["attach", "web1"]);
    tty.wait_text("web1");
    // The shell of its own prints, so that the keys go to a group that is in the foreground by then: between two
    // commands of a list bash itself is, and the next command would still begin.
    let ticket = desk.begin("web1", "sh -c 'echo u''p; exec sleep 100'");
    tty.wait_for("the command printed", |text| text.contains("up"));
    tty.send(b"\x03");
    let said = desk.finish(ticket);
    assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
}

#[test]
fn history_tells_who_typed_what() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    choose(&desk, "web1", "common");
    let tty = person(&desk, "web1");
    desk.run("web1", "echo from the agent");
    tty.line("echo from the person");
    tty.wait_for("it ran", |text| text.matches("from the person").count() > 1);
    desk.run("web1", "cat").needs("line");
    desk.tool(
        "ssh_send",
        json!({"session": "web1", "text": "an answer", "expect": "an answer\\s+an answer"}),
    );
    desk.press("web1", "ctrl-d");
    let history = desk.tool("ssh_read", json!({"session": "web1", "view": "history"})).output();
    let of = |who: &str, what: &str| {
        history.lines().any(|line| line.contains(who) && line.contains(what)).then_some(())
    };
    of("agent testkit 1", "echo from the agent").unwrap_or_else(|| panic!("{history}"));
    of("operator attach", "typed echo from the person<enter>").unwrap_or_else(|| panic!("{history}"));
    of("agent testkit 1", "typed an answer").unwrap_or_else(|| panic!("{history}"));
    of("operator attach", "attached").unwrap_or_else(|| panic!("{history}"));
}
