//! Stories of the text of a command.

use cotty_core::text::{LastLine, Lines};
use proptest::prelude::*;

use crate::laws::tried;
use crate::streams::{cuts, pieces, stream};

fn lines_of<'a>(cols: u16, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, LastLine) {
    let mut found = Vec::new();
    let mut sink = |line: &str| found.push(line.to_owned());
    let mut lines = Lines::new(cols);
    for piece in pieces {
        lines.feed(piece, &mut sink);
    }
    let last = lines.finish(&mut sink);
    (found, last)
}

fn lines(stream: &str) -> Vec<String> {
    lines_of(80, [stream.as_bytes()]).0
}

#[test]
fn plain_lines_come_as_they_are() {
    assert_eq!(lines("a\r\n\r\n  b\tc  \r\n"), ["a", "", "  b\tc  "]);
}

#[test]
fn a_last_line_without_line_feed_is_kept_and_told() {
    assert_eq!(lines_of(80, [&b"a\r\nb"[..]]), (vec!["a".into(), "b".into()], LastLine::Open));
    assert_eq!(lines_of(80, [&b"a\r\n\x1b[31mb"[..]]), (vec!["a".into(), "b".into()], LastLine::Open));
    assert_eq!(lines_of(80, [&b"a\r\n"[..]]), (vec!["a".into()], LastLine::Whole));
    assert_eq!(lines_of(80, []), (vec![], LastLine::Whole));
}

#[test]
fn a_progress_bar_is_its_last_state() {
    assert_eq!(lines("start\r\n 10%\r 50%\r100%\r\ndone\r\n"), ["start", "100%", "done"]);
}

#[test]
fn a_cursor_movement_reaches_lines_that_came_as_they_were() {
    let many = (0..500).fold(String::new(), |all, it| all + &format!("line {it}\r\n"));
    let found = lines(&format!("{many}\x1b[2A\x1b[2Kchanged\r\n\n"));
    assert_eq!(found.len(), 500);
    assert_eq!(found[498], "changed");
    assert_eq!(found[499], "line 499");
}

#[test]
fn clearing_the_screen_loses_no_line() {
    for clear in ["\x1b[H\x1b[2J\x1b[3J", "\x1b[H\x1b[J", "\x1bc"] {
        assert_eq!(lines(&format!("a\r\nb\r\n{clear}c\r\n")), ["a", "b", "c"], "{clear:?}");
    }
}

#[test]
fn a_full_screen_program_leaves_nothing() {
    assert_eq!(lines("a\r\n\x1b[?1049h\x1b[Hsecret\r\n\n\n\x1b[?1049lb\r\n"), ["a", "b"]);
    assert_eq!(lines("a\r\n\x1b[?1049h\x1b[Hsecret"), ["a"]);
}

#[test]
fn a_line_of_a_megabyte_is_one_line() {
    let long = "x".repeat(1 << 20);
    assert_eq!(lines(&format!("a\r\n{long}\r\nb\r\n")), ["a", &long, "b"]);
    let colored = lines(&format!("a\r\n\x1b[31m{long}\x1b[m\r\nb\r\n"));
    assert_eq!(colored.iter().map(String::len).collect::<Vec<_>>(), [1, 1 << 20, 1]);
}

#[test]
fn no_line_is_lost_between_plain_and_coloured_ones() {
    let stream: String = (0..3000)
        .map(|it| {
            if it % 7 < 3 {
                format!("\x1b[3{}mline {it}\x1b[m\r\n", it % 8)
            } else {
                format!("line {it}\r\n")
            }
        })
        .collect();
    let wanted: Vec<_> = (0..3000).map(|it| format!("line {it}")).collect();
    assert_eq!(lines(&stream), wanted);
}

#[test]
fn what_is_not_seen_is_not_there() {
    assert_eq!(
        lines("a\u{202e}b\u{200b}c\u{feff}d\u{2066}\r\ne\u{301}\r\n👩\u{200d}💻\r\n"),
        ["abcd", "e\u{301}", "👩\u{200d}💻"]
    );
    assert_eq!(lines_of(80, [&b"a\xffb\r\n"[..]]).0, ["a\u{fffd}b"]);
}

proptest! {
    #![proptest_config(tried(600))]
    #[test]
    fn bytes_cut_anywhere_give_the_same_text(stream in stream(), cuts in cuts(), cols in 2u16..100) {
        let whole = lines_of(cols, [&stream[..]]);
        prop_assert_eq!(lines_of(cols, pieces(&stream, &cuts)), whole);
    }
}

#[test]
fn the_pages_of_a_pager_are_lines_without_what_it_erased() {
    let stream = "\x1b[?1049h\x1b[?1h\x1b=\rone\r\ntwo\r\n:\x1b[K\r\x1b[Kthree\r\nfour\r\n\x1b[7m(END)\x1b[27m\x1b[K\r\x1b[K\x1b[?1l\x1b>\x1b[?1049lafter\r\n";
    let render = |paged: Option<u16>| {
        let mut found = Vec::new();
        let mut sink = |line: &str| found.push(line.to_owned());
        let mut lines = Lines::new(80).of_a_pager(paged);
        lines.feed(stream.as_bytes(), &mut sink);
        lines.finish(&mut sink);
        found
    };
    assert_eq!(render(Some(10)), ["one", "two", "three", "four", "after"]);
    assert_eq!(render(None), ["after"]);
}

#[test]
fn a_pager_that_paints_its_screen_again_leaves_each_line_once() {
    // As less 590 does on 4 rows: two pages, then a search that paints what it shows once more and skips.
    let stream = "\x1b[?1049h\r1\r\n2\r\n3\r\n:\x1b[K\r\x1b[K4\r\n5\r\n6\r\n:\x1b[K\r\x1b[K\x1b[1;1H4\r\n\x1b[2;1H5\r\n\x1b[3;1H6\r\n\
                  \x1b[4;1H...skipping...\r\n90\r\n91\r\n:\x1b[K\r\x1b[K\x1b[?1049l";
    let mut found = Vec::new();
    let mut sink = |line: &str| found.push(line.to_owned());
    let mut lines = Lines::new(80).of_a_pager(Some(4));
    lines.feed(stream.as_bytes(), &mut sink);
    lines.finish(&mut sink);
    assert_eq!(found, ["1", "2", "3", "4", "5", "6", "...skipping...", "90", "91"]);
}
