//! Stories of the filter.

use cotty_core::filter::Filter;
use cotty_core::marks::Key;
use proptest::prelude::*;

use crate::laws::tried;
use crate::streams::{cuts, pieces, stream};

fn filtered(stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Filter::new(Key::new("key")).feed(stream, &mut out);
    out
}

#[track_caller]
fn is_removed(sequence: &[u8]) {
    let stream = [b"a", sequence, b"b"].concat();
    assert_eq!(filtered(&stream), b"ab", "{:?}", String::from_utf8_lossy(sequence));
}

#[track_caller]
fn passes(stream: &[u8]) {
    assert_eq!(filtered(stream), stream, "{:?}", String::from_utf8_lossy(stream));
}

#[test]
fn what_makes_a_terminal_answer_is_removed() {
    for query in [
        "\x1b[c",
        "\x1b[>c",
        "\x1b[=0c",
        "\x1b[6n",
        "\x1b[?6n",
        "\x1b[?25$p",
        "\x1b[4$p",
        "\x1bP$qm\x1b\\",
        "\x1bP+q544e\x1b\\",
        "\x1b[>q",
        "\x1b[>0q",
        "\x1b[18t",
        "\x1b[21t",
        "\x05",
        "\x1b]4;1;?\x07",
        "\x1b]10;?\x1b\\",
        "\x1b]11;?\x07",
        "\x1b[?u",
        "\x1bZ",
    ] {
        is_removed(query.as_bytes());
    }
}

#[test]
fn what_acts_outside_of_the_screen_is_removed() {
    for act in [
        "\x1b]52;c;aGk=\x07",
        "\x1b[5i",
        "\x1b[?4i",
        "\x1b]9;hello\x07",
        "\x1b]99;;hi\x1b\\",
        "\x1b]777;notify;a;b\x07",
        "\x1b]1337;File=name=eA==:aGk=\x07",
        "\x1bP0|17/aa\x1b\\",
        "\x1b_Gf=100;\x1b\\",
        "\x1b^pm\x1b\\",
        "\x1bXsos\x1b\\",
        "\x1b]133;A\x07",
        "\x1b]633;A\x07",
        "\x1b]7;file:///\x07",
        "\x1b]3008;start=x\x1b\\",
        "\x1b]133;D;0;k=key\x07",
        "\u{9b}",
    ] {
        is_removed(act.as_bytes());
    }
}

#[test]
fn what_draws_passes_as_it_is() {
    passes("plain\r\n\ttext é 漢字 ©\x08\x07\x1b[1;38:2::1:2:3m\x1b[2J\x1b[H\x1b[?1049h\x1b(0\x1b7\x1b[2 q\x1b[!p\x1b[22;0t".as_bytes());
    passes(b"\x1b]0;a title\x07\x1b]2;b\x1b\\\x1b]8;id=1;https://example.com/a;b\x1b\\x\x1b]8;;\x1b\\\x1b]4;1;rgb:00/00/00\x07\xff\xfe");
}

#[test]
fn a_title_is_short_and_holds_no_control() {
    let long = "t".repeat(300);
    let out = filtered(format!("\x1b]2;a\u{85}\x7fb{long}\x07").as_bytes());
    assert_eq!(out, format!("\x1b]2;ab{}\x07", "t".repeat(254)).as_bytes());
}

#[test]
fn a_link_leads_to_the_web_only() {
    is_removed(b"\x1b]8;;file:///etc/passwd\x07");
    is_removed(b"\x1b]8;;javascript:alert(1)\x1b\\");
}

#[test]
fn a_sequence_without_end_is_swallowed_and_takes_no_memory() {
    let mut filter = Filter::new(Key::new("key"));
    let mut out = Vec::new();
    filter.feed(b"\x1b]2;", &mut out);
    for _ in 0..1000 {
        filter.feed(&[b'x'; 1024], &mut out);
    }
    filter.feed(b"\x07after", &mut out);
    assert_eq!(out, b"after");
}

proptest! {
    #![proptest_config(tried(1000))]
    #[test]
    fn bytes_cut_anywhere_give_the_same_view(stream in stream(), cuts in cuts()) {
        let mut filter = Filter::new(Key::new("key"));
        let mut out = Vec::new();
        for piece in pieces(&stream, &cuts) {
            filter.feed(piece, &mut out);
        }
        prop_assert_eq!(out, filtered(&stream));
    }

    #[test]
    fn what_was_filtered_passes_again(stream in stream()) {
        // The end is held back where it is unfinished, so it is finished here.
        let once = filtered(&[&stream[..], b"\x18."].concat());
        prop_assert_eq!(filtered(&once), once);
    }
}
