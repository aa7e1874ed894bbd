//! Programs made by chance: each comes to the same in a session as by the same shell's `-c`.

use cotty_testkit::torture::{Order, Places, bench};

use crate::desk::SHELLS;

/// So many programs take about half a minute on two cores. `cargo xtask torture` runs as many as one likes.
const COUNT: usize = 480;

#[test]
fn what_a_session_tells_is_what_the_shell_would_have_done() {
    let order = Order { count: COUNT, seed: 1, shells: SHELLS.to_vec(), places: Places::Both, record: None };
    let tally = bench("what_a_session_tells_is_what_the_shell_would_have_done", &order);
    assert!(tally.is_clean(), "what was found stands above\n{tally}");
    eprintln!("{tally}");
}
