//! A person's unsent line stands aside for an agent's command and comes back as it was.

use cotty_testkit::Sshd;
use cotty_testkit::wait::until;
use serde_json::json;

use crate::desk::{Desk, Said, shells};

fn has_draft(desk: &mut Desk, session: &str) {
    until("the draft is known", || {
        let status = desk.tool("ssh_status", json!({"session": session}));
        status.text.contains("a draft is on the line").then_some(())
    });
}

fn story(mut desk: Desk) {
    desk.home.write_config("[session]\npark_drafts = \"1s\"\n");
    for shell in shells() {
        desk.open(shell, shell);
        let person = desk.home.tty(&["attach", shell]);
        person.wait_text("pen");
        person.send("echo dra");
        has_draft(&mut desk, shell);
        let refused = desk.run(shell, "echo never");
        refused.refuses("input-locked", &["unsent line"]);
        let mut run = |command: &str| -> Said {
            until("the person has been quiet", || Some(desk.run(shell, command)).filter(|it| !it.is_error))
        };
        for number in 1..=2 {
            let said = run(&format!("echo agent-{number}; (exit {number})"));
            assert_eq!((said.exit(), said.output()), (Some(number), format!("agent-{number}")), "{said:?}");
            assert!(said.notes().join(" ").contains("was put aside for this and is put back"), "{said:?}");
        }
        has_draft(&mut desk, shell);
        person.line("ft-\"4\"2");
        person.wait_text("draft-42");
        drop(person);
        until("the person's command has ended", || {
            let status = desk.tool("ssh_status", json!({"session": shell}));
            status.text.contains("] ready").then_some(())
        });
        desk.is_exact(shell);
    }
}

#[test]
fn an_unsent_line_stands_aside_after_quiet_and_comes_back_as_it_was() {
    let sshd = Sshd::start("an_unsent_line_stands_aside_after_quiet_and_comes_back_as_it_was");
    std::thread::scope(|scope| {
        scope.spawn(|| story(Desk::new()));
        if let Some(sshd) = &sshd {
            scope.spawn(|| story(Desk::over(sshd)));
        }
    });
}
