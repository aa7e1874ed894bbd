//! Stories of the marks.

use cotty_core::marks::{Found, Key, Mark, MarkKind, Marks};
use proptest::prelude::*;

use crate::laws::tried;
use crate::streams::{cuts, pieces, stream};

fn find(stream: &[u8]) -> Vec<Found> {
    Marks::new(Key::new("key"), 0).feed(stream)
}

fn only(stream: &[u8]) -> Mark {
    let mut found = find(stream);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0).mark
}

#[test]
fn a_mark_says_its_status_serial_pid_and_terminal() {
    let mark = only(b"out\x1b]133;D;130;c=7;k=key;p=4711;t=/dev/pts/3\x07");
    assert_eq!(mark.kind, MarkKind::Done { status: 130 });
    assert_eq!((mark.serial, mark.pid, mark.tty.as_deref()), (Some(7), Some(4711), Some("/dev/pts/3")));
}

#[test]
fn a_mark_is_placed_by_absolute_offsets_though_it_began_in_an_earlier_chunk() {
    let mut marks = Marks::new(Key::new("key"), 1000);
    assert_eq!(marks.feed(b"abc\x1b]133;B;"), []);
    let found = marks.feed(b"k=key\x07rest");
    assert_eq!((found[0].start, found[0].end, marks.at()), (1003, 1017, 1021));
}

#[test]
fn a_mark_without_the_key_is_no_mark() {
    assert_eq!(find(b"\x1b]133;D;0\x07\x1b]133;D;0;k=ke\x07\x1b]133;D;0;c=1;k=keys\x07\x1b]133;C\x07"), []);
}

#[test]
fn a_directory_may_hold_what_separates_fields() {
    let path = "/tmp/a;k=x;d=y".to_owned();
    assert_eq!(only(b"\x1b]133;P;k=key;d=/tmp/a;k=x;d=y\x1b\\").kind, MarkKind::Directory { path });
}

#[test]
fn a_bell_in_a_directory_costs_the_directory_and_not_the_verdict() {
    let found = find(b"\x1b]133;P;k=key;d=/a\nb\x07\x1b]133;D;3;c=1;k=key\x07");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].mark.kind, MarkKind::Done { status: 3 });
}

#[test]
fn a_mark_that_is_too_long_is_none_and_a_long_directory_is_one() {
    let long = "x".repeat(5000);
    assert_eq!(find(format!("\x1b]133;D;0;k=key;t={long}\x07").as_bytes()), []);
    assert_eq!(
        only(format!("\x1b]133;P;k=key;d=/{long}\x07").as_bytes()).kind,
        MarkKind::Directory { path: format!("/{long}") }
    );
    assert_eq!(find(format!("\x1b]133;P;k=key;d=/{long}{long}\x07").as_bytes()), []);
}

#[test]
fn a_mark_that_another_one_interrupts_is_dropped() {
    let found = find(b"\x1b]133;D;0;c=1;k=k\x1b]133;D;5;c=1;k=key\x07\x1b\x1b]133;C;k=key\x07");
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].start, found[1].start), (17, 38));
}

#[test]
fn the_key_is_not_shown() {
    assert!(!format!("{:?}", Marks::new(Key::new("topsecret"), 0)).contains("topsecret"));
}

proptest! {
    #![proptest_config(tried(1000))]
    #[test]
    fn bytes_cut_anywhere_give_the_same_marks(stream in stream(), cuts in cuts()) {
        let mut marks = Marks::new(Key::new("key"), 0);
        let found: Vec<_> = pieces(&stream, &cuts).into_iter().flat_map(|it| marks.feed(it)).collect();
        prop_assert_eq!(found, find(&stream));
    }
}
