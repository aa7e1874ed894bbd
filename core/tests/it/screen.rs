//! Stories of the screen.

use cotty_core::screen::{Screen, clamp};
use proptest::prelude::*;

use crate::laws::tried;
use crate::streams::{cuts, pieces, stream};

fn screen(stream: &[u8]) -> Screen {
    let mut screen = Screen::new(20, 6);
    screen.feed(stream);
    screen
}

/// Some thousand bytes of lines, most of them ended as a terminal ends them.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        8 => "[ -~\t]{0,60}\r\n",
        1 => "[ -~漢é]{0,60}\r\n",
        1 => Just("\r\n".to_owned()),
    ];
    let odd = prop_oneof![
        Just(String::new()),
        Just("no return\n".to_owned()),
        Just("bell \x07\r\n".to_owned()),
        Just("\x0e charset\r\n".to_owned()),
        Just("\u{85}next line\r\n".to_owned()),
    ];
    (prop::collection::vec(line, 150..300), odd, any::<prop::sample::Index>()).prop_map(
        |(mut lines, odd, at)| {
            lines.insert(at.index(lines.len()), odd);
            lines.concat().into_bytes()
        },
    )
}

type Look = (Vec<String>, (u16, u16), Option<String>, String, String);

/// All that can be seen of a screen; its repaint says the rest: colours, saved cursor, modes, tab stops.
fn look(screen: &mut Screen) -> Look {
    let repaint = screen.repaint().escape_ascii().to_string();
    let title = screen.title().filter(|it| !it.is_empty()).map(str::to_owned);
    (screen.text(), screen.cursor(), title, screen.line_at_cursor(), repaint)
}

#[test]
fn a_size_is_clamped_in_one_place() {
    assert_eq!((clamp(0, 0), clamp(9999, 9999)), ((2, 1), (1000, 500)));
    assert_eq!(Screen::new(1, 0).size(), (2, 1));
}

#[test]
fn text_has_one_tab_for_a_tab_and_no_half_of_a_wide_character() {
    assert_eq!(screen("a\tb  \r\n漢字x".as_bytes()).text()[..2], ["a\tb", "漢字x"]);
}

#[test]
fn a_query_is_answered_once_and_the_clipboard_never() {
    let mut screen = screen(b"ab\x1b[6n\x1b]52;c;?\x07\x1b]11;?\x07");
    assert_eq!(screen.take_answers(), b"\x1b[1;3R");
    assert_eq!(screen.take_answers(), b"");
}

#[test]
fn answers_are_bounded() {
    assert!(screen(&b"\x1b[c".repeat(10_000)).take_answers().len() <= 4096);
}

#[test]
fn the_question_is_the_line_up_to_the_cursor_though_it_wraps() {
    assert_eq!(
        screen(b"x\r\nDo you really want to go on? ").line_at_cursor(),
        "Do you really want to go on? "
    );
}

#[test]
fn a_program_that_draws_by_address_is_seen_until_forgotten() {
    let mut top = screen(b"\x1b[H\x1b[Jtop");
    assert!(top.modes().addressed && !top.modes().alternate);
    top.forget_addressed();
    top.feed(b"\r\x1b[5Gprompt\x1b[K");
    assert!(!top.modes().addressed);
}

#[test]
fn a_title_is_tidy() {
    let long = "t".repeat(1000);
    assert_eq!(screen(format!("\x1b]2;a\u{85}b{long}\x07").as_bytes()).title().map(str::len), Some(256));
}

#[test]
fn a_command_without_end_does_not_grow() {
    let mut screen = screen(b"\x1b]2;");
    for _ in 0..200 {
        screen.feed(&[b'x'; 4096]);
    }
    assert!(screen.repaint().len() < 2000);
    screen.feed(b"\x07after");
    assert_eq!(screen.text()[0], "after");
    assert_eq!(screen.title(), None);
}

#[test]
fn zero_width_characters_do_not_heap_up() {
    let mut heap = screen(b"a");
    heap.feed("\u{301}\x1b[H\x1b[C".repeat(1000).as_bytes());
    assert_eq!(heap.text()[0].chars().count(), 17);
}

#[test]
fn the_main_screen_stands_behind_the_alternate_one() {
    let mut first = screen(b"main\r\n\x1b[31m$ \x1b[?1049h\x1b[Hvim");
    let mut second = screen(&first.repaint());
    assert_eq!(second.text()[0], "vim");
    second.feed(b"\x1b[?1049l");
    assert_eq!(second.text()[..2], ["main", "$"]);
    assert_eq!(second.cursor(), (2, 1));
}

#[test]
fn a_wide_character_pushed_halfway_over_the_edge_is_gone() {
    let mut first = screen("\x1b[4h\x1b[1;17H漢字\r.".as_bytes());
    assert_eq!(first.text()[0], format!(".{}漢", " ".repeat(16)));
    assert_eq!(look(&mut screen(&first.repaint())), look(&mut first));
}

#[test]
fn a_cursor_that_came_back_to_the_edge_of_a_wrapped_row_waits_there_again() {
    for back in ["\x1bM", "\x1b8"] {
        let row = "x".repeat(20);
        let mut first = screen(format!("{row}\x1b7{row}{back}").as_bytes());
        first.repaint();
        let mut second = screen(&first.repaint());
        assert_eq!(look(&mut second), look(&mut first));
        second.feed(b"y");
        first.feed(b"y");
        assert_eq!(look(&mut second), look(&mut first));
    }
}

#[test]
fn a_saved_cursor_may_wait_where_a_wide_character_has_wrapped() {
    let row = "x".repeat(20);
    let mut first = screen(format!("{row}\x1b7\x1b[H{}漢字", "y".repeat(19)).as_bytes());
    assert_eq!(look(&mut screen(&first.repaint())), look(&mut first));
}

#[test]
fn in_origin_mode_the_cursor_stays_in_the_region() {
    for (moves, place) in [
        ("\x1b[9A", (0, 1)),
        ("\x1b[9B", (0, 3)),
        ("\x1b[2B\x1b[5G", (4, 3)),
        ("\x1b[B\x1b[F", (0, 1)),
        ("\x1b8", (2, 3)),
    ] {
        let mut first = screen(format!("\x1b[6;3H\x1b7\x1b[2;4r\x1b[?6h{moves}").as_bytes());
        assert_eq!(first.cursor(), place, "{moves:?}");
        assert_eq!(look(&mut screen(&first.repaint())), look(&mut first));
    }
}

proptest! {
    #![proptest_config(tried(800))]
    #[test]
    fn bytes_cut_anywhere_give_the_same_screen(stream in stream(), cuts in cuts()) {
        let mut cut = Screen::new(20, 6);
        pieces(&stream, &cuts).into_iter().for_each(|it| cut.feed(it));
        prop_assert_eq!(look(&mut cut), look(&mut screen(&stream)));
        prop_assert_eq!(cut.take_answers(), screen(&stream).take_answers());
    }

    #[test]
    fn lines_that_only_pass_by_leave_the_screen_as_if_each_had_been_drawn(
        before in stream(), lines in lines(), after in stream()
    ) {
        let stream = [before, lines, after].concat();
        let mut drawn = Screen::new(20, 6);
        // Too little at a time for anything to pass by.
        stream.chunks(1000).for_each(|it| drawn.feed(it));
        prop_assert_eq!(look(&mut screen(&stream)), look(&mut drawn), "{}", stream.escape_ascii());
    }

    #[test]
    fn a_repaint_gives_the_same_screen(stream in stream(), dirt in stream()) {
        let mut first = screen(&stream);
        let mut second = screen(&dirt);
        second.feed(&first.repaint());
        prop_assert_eq!(look(&mut second), look(&mut first), "{}", stream.escape_ascii());
    }

    #[test]
    fn nothing_makes_the_screen_panic(streams in prop::collection::vec((stream(), 0u16..40, 0u16..12), 1..5)) {
        let mut screen = Screen::new(20, 6);
        for (stream, cols, rows) in streams {
            screen.feed(&stream);
            screen.resize(cols, rows);
            let repaint = screen.repaint();
            prop_assert!(repaint.len() < 100_000);
        }
    }
}
