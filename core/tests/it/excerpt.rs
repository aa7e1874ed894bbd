//! Stories of the excerpt.

use cotty_core::excerpt::{Excerpt, Hidden, escaped_len};
use cotty_core::text::Sink;
use proptest::prelude::*;

use crate::laws::tried;

#[test]
fn what_fits_is_shown_whole() {
    let mut excerpt = Excerpt::new(100);
    excerpt.line("a");
    excerpt.line("b");
    let cut = excerpt.finish();
    assert_eq!((cut.head, cut.hidden, cut.tail, cut.lines), (vec!["a".into(), "b".into()], None, vec![], 2));
}

#[test]
fn of_a_long_output_head_and_tail_are_shown() {
    let mut excerpt = Excerpt::new(40);
    (1..=100).for_each(|it| excerpt.line(&format!("line {it}")));
    let cut = excerpt.finish();
    assert_eq!(cut.head, ["line 1", "line 2"]);
    assert_eq!(cut.hidden, Some(Hidden { from_line: 3, lines: 96 }));
    assert_eq!(cut.tail, ["line 99", "line 100"]);
}

#[test]
fn a_line_that_is_too_long_is_cut_in_its_middle() {
    let mut excerpt = Excerpt::new(200);
    excerpt.line(&"é".repeat(1000));
    let cut = excerpt.finish();
    assert_eq!(cut.hidden, None);
    let line = cut.head.iter().chain(&cut.tail).next().unwrap();
    assert!(line.starts_with('é') && line.ends_with('é') && line.contains(" characters hidden …"), "{line}");
}

proptest! {
    #![proptest_config(tried(256))]
    #[test]
    fn the_budget_is_kept(lines in prop::collection::vec(".{0,200}", 0..60), budget in 100usize..2000) {
        let mut excerpt = Excerpt::new(budget);
        lines.iter().for_each(|it| excerpt.line(it));
        let cut = excerpt.finish();
        let taken: usize = cut.head.iter().chain(&cut.tail).map(|it| escaped_len(it) + 2).sum();
        prop_assert!(taken <= budget, "{} > {}", taken, budget);
        let hidden = cut.hidden.map_or(0, |it| it.lines);
        prop_assert_eq!(cut.head.len() as u64 + cut.tail.len() as u64 + hidden, lines.len() as u64);
    }

    #[test]
    fn lines_that_come_together_are_taken_as_one_by_one(
        blocks in prop::collection::vec(prop::collection::vec("[ -~\t]{0,120}", 0..40), 0..6),
        budget in 4usize..2000,
    ) {
        let (mut single, mut together) = (Excerpt::new(budget), Excerpt::new(budget));
        for block in &blocks {
            block.iter().for_each(|it| single.line(it));
            together.plain_lines(&block.iter().map(|it| format!("{it}\r\n")).collect::<String>());
        }
        prop_assert_eq!(together.finish(), single.finish());
    }
}
