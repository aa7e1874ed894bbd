//! What chance has found and was mended: the smallest programs that were answered wrongly, each in its shell.

use super::bench::compared;
use super::reference;
use super::seat::Seat;
use super::table::LONG;
use crate::home::Home;
use crate::not_run::have;
use crate::sshd::{Sshd, admit};

/// A shell and a program; `@` stands for [`LONG`] letters.
const FOUND: &[(&str, &str)] = &[
    // With the prompt it fills its row to the last column.
    (
        "ash",
        r"n=0; while [ $n -lt 2 ]; do n=$((n+1)); sh -c 'trap '\''echo caught'\'' TERM; kill -TERM $$; echo after; exit 3'; done",
    ),
    ("mksh", "( set -e; ( trap 'echo bye' EXIT; no-such-program 2>/dev/null))\nprintf x"),
    ("mksh", "( set -e; ( trap 'echo bye' EXIT; # \nsh -c 'exit 3'))"),
    ("tcsh", "printf '%s\\n' '\\\n\\'\necho @"),
    ("tcsh", "zsh -c 'echo one \\\\\n  two; cat <<E\\\nit'\\''s\\\nE\\\n'"),
    ("tcsh", "true; foreach i (one 2)\necho \"i=$i\"\necho \"s=$status\"\nend\n(exit 255)"),
    ("tcsh", "foreach i (one 2)\necho \"i=$i\"\necho \\\\\nend"),
    ("tcsh", "foreach i (one 2)\necho '\t' \"$i\" '\\\n'\nend"),
    ("tcsh", "echo @; printf '%s\\n' '\t-e'; (exit 126)"),
    ("ash", "echo; ( sleep 0.001; echo ) & wait\nprintf '> '"),
    ("dash", "echo; ( printf 'one\\rtwo\\n'; echo ) & wait; printf '$ '"),
    ("tcsh", "stty -echo; printf '> '; stty echo\necho\n( printf x; echo ) & wait"),
];

/// Runs them here and on a host, and tells what is wrong.
#[must_use]
pub fn again(test: &str) -> Vec<String> {
    let home = Home::new();
    let sshd = Sshd::start(test);
    admit(&home, &sshd.iter().collect::<Vec<_>>());
    let targets = [("here", Some("local".to_owned())), ("there", sshd.as_ref().map(Sshd::target))];
    let mut shells: Vec<&str> = FOUND.iter().map(|it| it.0).collect();
    shells.sort_unstable();
    shells.dedup();
    let mut wrong = Vec::new();
    for shell in shells.into_iter().filter(|it| have(reference::program(it).0, &format!("{test} in {it}"))) {
        for (place, target) in targets.iter().filter_map(|(place, target)| Some((place, target.as_ref()?))) {
            let mut seat = Seat::open(&home, target, shell, &format!("{shell}-{place}"));
            for (_, text) in FOUND.iter().filter(|it| it.0 == shell) {
                let text = text.replace('@', &"y".repeat(LONG));
                if let (Some(found), _) = compared(&home, &mut seat, &text) {
                    wrong.push(format!("{shell} {place}:\n{text}\n{}", found.what));
                    seat.reopen_as_it_was();
                }
            }
        }
    }
    wrong
}
