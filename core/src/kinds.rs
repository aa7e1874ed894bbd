//! What kind of line is wanted: the words on the screen say more about a wait that the kernel has proven.
//!
//! Words only refine `line`. They never say that a program waits, and never that it asks for anything but a line.

use crate::facts::Facts;
use crate::names::InputKind;
use crate::probe;
use crate::screen::Screen;

/// So many rows above the cursor may belong to a menu.
const MENU_ROWS: usize = 24;
/// A longer line is no question.
const QUESTION_CHARS_MAX: usize = 400;
/// Programs that ask whether the key of a host is to be trusted.
const ASK_ABOUT_KEYS: [&str; 3] = ["ssh", "sftp", "scp"];
/// What programs write where they take any key, or Enter.
const PRESS: [&str; 9] = [
    "press any key",
    "press enter",
    "press return",
    "press [enter]",
    "press <enter>",
    "press space",
    "hit any key",
    "hit enter",
    "any key to continue",
];
/// Words that stand in the last line of a menu.
const CHOOSE: [&str; 7] = ["choice", "choose", "select", "selection", "option", "number", "pick"];

/// Returns what a program asks for that waits for `kind`, by what stands on the screen.
#[must_use]
pub fn refine(kind: InputKind, facts: &Facts, screen: &Screen) -> InputKind {
    if kind != InputKind::Line {
        return kind;
    }
    let line = screen.line_at_cursor();
    let rows = screen.text();
    let above = &rows[..usize::from(screen.cursor().1).min(rows.len())];
    of_words(&line, above, asks_about_keys(facts))
}

/// Returns the words with which a program asks for this: the line at the cursor. Where any key will do, they may stand
/// in the line above.
#[must_use]
pub fn question(kind: InputKind, screen: &Screen) -> Option<String> {
    let mut line = screen.line_at_cursor();
    if kind == InputKind::PressKey && line.trim().is_empty() {
        let rows = screen.text();
        let above = &rows[..usize::from(screen.cursor().1).min(rows.len())];
        line.clone_from(above.iter().rev().find(|row| !row.trim().is_empty())?);
    }
    let words = line.trim_end();
    (kind.asks_in_words() && !words.is_empty()).then(|| words.chars().take(QUESTION_CHARS_MAX).collect())
}

fn asks_about_keys(facts: &Facts) -> bool {
    let members = &probe::innermost(facts).unwrap_or(facts).members;
    members.iter().any(|it| ASK_ABOUT_KEYS.contains(&it.program.comm.as_str()))
}

fn of_words(line: &str, above: &[String], by_ssh: bool) -> InputKind {
    let line = line.trim().to_lowercase();
    let last = above.iter().rev().map(|row| row.trim().to_lowercase()).find(|row| !row.is_empty());
    let last = last.unwrap_or_default();
    if line.chars().count() > QUESTION_CHARS_MAX {
        return InputKind::Line;
    }
    if by_ssh && asks_about_a_key(&line) {
        return InputKind::HostKey;
    }
    let presses = |words: &str| PRESS.iter().any(|it| words.contains(it));
    if presses(&line) || (line.is_empty() && presses(&last)) {
        return InputKind::PressKey;
    }
    if confirms(&line) {
        return InputKind::Confirm;
    }
    if chooses(&line) && options(above) >= 2 {
        return InputKind::Menu;
    }
    InputKind::Line
}

/// ssh's own question, and what it says to an answer that it did not understand.
fn asks_about_a_key(line: &str) -> bool {
    line.ends_with("(yes/no/[fingerprint])?")
        || line.ends_with("(yes/no)?")
        || line.starts_with("please type 'yes', 'no' or the fingerprint")
        || line.starts_with("please type 'yes' or 'no'")
}

/// Ends in brackets with a yes and a no (`[Y/n]`, `(yes/no)`, `[y/n/q]?`), or asks for the word.
fn confirms(line: &str) -> bool {
    let end = line.trim_end_matches([' ', ':', '?', '>', '.']);
    let inner = [('[', ']'), ('(', ')'), ('<', '>')].iter().find_map(|&(opens, closes)| {
        let end = end.strip_suffix(closes).or_else(|| (closes == '>').then_some(end))?;
        let (_, inner) = end.rsplit_once(opens)?;
        Some(inner)
    });
    let bare = end.rsplit(' ').next().unwrap_or_default();
    let is_choice = |words: &str| {
        let mut words = words.split(['/', '|', ',']).map(str::trim);
        let (first, second) = (words.next(), words.next());
        let yes = |word: Option<&str>| matches!(word, Some("y" | "yes"));
        let no = |word: Option<&str>| matches!(word, Some("n" | "no"));
        (yes(first) && no(second)) || (no(first) && yes(second))
    };
    let asks_for_yes = ["type yes", "type 'yes'", "type \"yes\"", "enter yes", "enter 'yes'"]
        .iter()
        .any(|it| line.contains(it));
    inner.is_some_and(is_choice) || is_choice(bare) || asks_for_yes
}

fn chooses(line: &str) -> bool {
    let end = line.trim_end_matches([' ', ':', '?', '>', ']', ')']);
    line.starts_with("#?") || CHOOSE.iter().any(|word| end.contains(word)) || end.ends_with('#')
}

/// Returns how many rows right above begin like an entry of a list: `1) `, `[2] `, `a. `.
fn options(above: &[String]) -> usize {
    let entry = |row: &&String| {
        let row = row.trim_start().trim_start_matches(['[', '(']);
        let label: String = row.chars().take_while(char::is_ascii_alphanumeric).collect();
        let short = label.len() == 1 || (label.len() < 4 && label.bytes().all(|it| it.is_ascii_digit()));
        let rest = row.get(label.len()..).unwrap_or_default();
        short && rest.starts_with([')', '.', ':', ']']) && rest.len() > 1
    };
    above.iter().rev().take(MENU_ROWS).filter(entry).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str, above: &[&str]) -> InputKind {
        let above: Vec<String> = above.iter().map(|it| (*it).to_owned()).collect();
        of_words(line, &above, false)
    }

    #[test]
    fn a_yes_or_no_is_told_from_a_line() {
        for line in [
            "Do you want to continue? [Y/n] ",
            "Proceed (yes/no)? ",
            "Is this ok [y/N]: ",
            "Remove it? (y/n/q) ",
            "really? y/n ",
            "rm: remove regular file 'x'? [no/yes]",
            "Type 'yes' to confirm: ",
        ] {
            assert_eq!(kind(line, &[]), InputKind::Confirm, "{line}");
        }
        for line in
            ["", "> ", "name: ", "path [/srv/n]: ", "y", "a list of yes/no answers follows", "ratio (1/2): "]
        {
            assert_eq!(kind(line, &[]), InputKind::Line, "{line}");
        }
    }

    #[test]
    fn a_key_to_be_pressed_stands_at_the_cursor_or_right_above() {
        assert_eq!(kind("Press any key to continue . . . ", &[]), InputKind::PressKey);
        assert_eq!(kind("", &["Done.", "Press ENTER to go on"]), InputKind::PressKey);
        assert_eq!(kind("name: ", &["Press ENTER to go on"]), InputKind::Line);
    }

    #[test]
    fn a_menu_has_entries_and_asks_to_choose() {
        assert_eq!(kind("#? ", &["1) alpha", "2) beta"]), InputKind::Menu);
        assert_eq!(kind("Enter your choice [1-3]: ", &["  [1] a", "  [2] b", "  [3] c"]), InputKind::Menu);
        assert_eq!(kind("Enter your choice: ", &["hello"]), InputKind::Line);
        assert_eq!(kind("sql> ", &["1) alpha", "2) beta"]), InputKind::Line);
    }

    #[test]
    fn the_question_about_a_key_is_ssh_s_own() {
        let line = "Are you sure you want to continue connecting (yes/no/[fingerprint])? ";
        assert_eq!(of_words(line, &[], true), InputKind::HostKey);
        assert_eq!(of_words(line, &[], false), InputKind::Confirm);
        assert_eq!(of_words("name: ", &[], true), InputKind::Line);
    }

    #[test]
    fn words_grant_nothing_but_a_kind_of_line() {
        let mut screen = Screen::new(40, 4);
        screen.feed(b"Continue? [Y/n] ");
        let facts = Facts::default();
        for kind in [InputKind::Secret, InputKind::Pager, InputKind::Editor, InputKind::IncompleteSyntax] {
            assert_eq!(refine(kind, &facts, &screen), kind);
        }
        assert_eq!(refine(InputKind::Line, &facts, &screen), InputKind::Confirm);
        assert_eq!(question(InputKind::Confirm, &screen).as_deref(), Some("Continue? [Y/n]"));
    }
}
