//! An open session costs nothing while nothing happens: nobody wakes to look at it, neither here nor on the host.

use std::collections::BTreeSet;
use std::time::Duration;

use cotty_testkit::wait::until;
use cotty_testkit::{Sshd, switches};
use serde_json::json;

use crate::desk::Desk;

/// Longer than any pause between two looks at a command that works, shorter than that between two signs of life of a connection.
const SPAN: Duration = Duration::from_millis(1_500);

/// Waits for a span in which none of the processes of this home, and none below these, woke.
fn sleeps(desk: &Desk, roots: &[u32], what: &str) {
    let all = || -> BTreeSet<(u32, u64)> {
        let there = roots.iter().flat_map(|it| switches::below(*it));
        desk.home.processes().into_iter().chain(there).map(|pid| (pid, switches::of(pid))).collect()
    };
    until(what, || {
        let before = all();
        std::thread::sleep(SPAN);
        (all() == before).then_some(())
    });
}

fn costs_nothing(mut desk: Desk, roots: &[u32]) {
    desk.open("web1", "bash");
    desk.run("web1", "true");
    sleeps(&desk, roots, "nobody wakes while a session stands at its prompt");
    let said = desk.tool("ssh_run", json!({"session": "web1", "command": "sleep 1000", "background": true}));
    sleeps(&desk, roots, "nobody wakes while a command works for which nobody waits");
    desk.tool("ssh_close", json!({"id": said.handle()}));
    desk.is_exact("web1");
}

#[test]
fn a_session_at_rest_wakes_nobody() {
    costs_nothing(Desk::new(), &[]);
}

#[test]
fn a_session_at_rest_wakes_nobody_on_its_host_either() {
    let Some(sshd) = Sshd::start("a_session_at_rest_wakes_nobody_on_its_host_either") else { return };
    costs_nothing(Desk::over(&sshd), &[sshd.pid()]);
}
