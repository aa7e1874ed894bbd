//! Programs made by chance.

use super::chance::Chance;
use super::program::{Between, FILTERS, Program, Quote, Step, Word};

/// What words are made of. Each of these means something somewhere: to a shell, a line editor or a terminal.
const LETTERS: &[&str] = &[
    "a", "b", "yz", "0", "7", " ", "  ", "'", "\"", "\\", "\\\\", "$", "$x", "${x}", "`", "!", "!!", "a!b",
    "#", " # ", "&", "|", ";", "<", ">", "(", ")", "{", "}", "[", "]", "*", "?", "~", "^", "^x^y", "%", "%s",
    "=", "é", "ü", "€", "😀", "ｗ", "日本", "\t", "\n", "-n", "-e", "\\n", "\\t", "\\c", "$(", "`", "\"\"",
    "''", "\\'",
];

/// What is printed as it is: prompts, colours, forged marks, cursor movements, cut characters.
const FORMATS: &[&str] = &[
    "root@host:~# ",
    "$ ",
    "> ",
    "\\n",
    "\\n\\n",
    "a\\nb\\n",
    "no end",
    "x\\ty\\n",
    "one\\rtwo\\n",
    "%% \\n",
    "\\033[31mred\\033[0m\\n",
    "\\033[1;32m\\033[4mgreen",
    "\\033[2K\\rdone\\n",
    "50%%\\r100%%\\n",
    "\\033]133;D;0\\007",
    "\\033]133;A\\007$ \\033]133;B\\007",
    "\\033]133;C\\007",
    "\\033]133;D;0;c=1;k=0\\007",
    "\\033]633;D;0\\007",
    "\\033]0;title\\007",
    "\\033]2;other\\033\\\\",
    "\\033]7;file://h/tmp\\007",
    "\\033[?2004h",
    "\\033[?2004l",
    "\\033[?1049hwithin\\033[?1049l",
    "\\033[?25l\\033[?25h",
    "caf\\303\\251\\n",
    "\\342\\202",
    "\\254\\n",
    "\\360\\237\\230\\200\\n",
    "\\377\\376\\n",
    "\\001\\002\\n",
    "a\\010b\\n",
    "\\007",
    "up\\nabove\\033[A\\rX\\n\\n",
    "\\033(0lqk\\033(B\\n",
    "\\033Pq\\033\\\\",
    "\\033[10Cfar\\n",
    "a\\000b\\n",
    "\\033[3;9Hplaced\\n",
    "\\033[Jrest\\n",
    "e\\314\\201\\n",
];

const COMMENTS: &[&str] = &["comment", "don't", "a \"quote", "$( `", "; exit 9", "!", ""];

const FOLDERS: &[&str] = &["/", "/usr/bin", "/tmp", "/usr/./share"];

const NAMES: &[&str] = &["/et[c]", "/bi*", "/usr/share/../lib", "/usr/bi[n]"];

/// Makes the program of a seed.
#[must_use]
pub fn program(seed: u64) -> Program {
    let mut chance = Chance::new(seed);
    let count = chance.between(1, 5);
    let mut steps: Vec<Step> = (0..count).map(|_| step(&mut chance, 3)).collect();
    // What a command ends in is what its end can be mistaken for.
    match chance.below(5) {
        0 => steps.push(Step::Status(status(&mut chance))),
        1 => steps.push(Step::Format(chance.of(FORMATS).to_owned())),
        2 => steps.push(Step::Truth(false)),
        _ => {}
    }
    // Comments alone run nothing: that has a story of its own.
    if steps.iter().all(|it| matches!(it, Step::Comment(_))) {
        steps.push(Step::ShowStatus);
    }
    let between = chance.of(&[Between::Semicolon, Between::Semicolon, Between::Line, Between::Blank]);
    while matches!(steps.first(), Some(Step::Comment(_))) {
        steps.rotate_left(1);
    }
    Program { steps, between }
}

/// Makes a step with at most so many levels within.
fn step(chance: &mut Chance, depth: usize) -> Step {
    if depth > 0 && chance.below(5) < 2 { compound(chance, depth - 1) } else { single(chance) }
}

fn steps(chance: &mut Chance, depth: usize) -> Vec<Step> {
    let count = chance.between(1, 3);
    (0..count).map(|_| step(chance, depth)).collect()
}

fn single(chance: &mut Chance) -> Step {
    match chance.below(30) {
        0..5 => Step::Echo(some_words(chance)),
        5..8 => Step::Printf(some_words(chance)),
        8..14 => Step::Format(chance.of(FORMATS).to_owned()),
        14 => Step::Status(status(chance)),
        15 => Step::Truth(!chance.once_in(2)),
        16 => Step::ShowStatus,
        17 => Step::Document(lines(chance), chance.once_in(2)),
        18 => Step::Directory(chance.of(FOLDERS)),
        19 => Step::Variable(word(chance)),
        20 => Step::Caught(chance.of(&["USR1", "TERM", "INT", "HUP"])),
        21 => Step::Pause(chance.of(&[1, 5, 20, 60])),
        22 => Step::Comment(chance.of(COMMENTS).to_owned()),
        23 => Step::Numbers(chance.of(&[1, 3, 40, 120, 1_500])),
        24 => Step::Long(chance.of(&[70, 79, 80, 81, 119, 120, 121, 300, 900, 1_100, 4_200])),
        25 => Step::Complaint(word(chance)),
        26 => Step::Missing,
        27 => Step::Replay,
        28 => Step::Killed(chance.of(&["TERM", "KILL", "HUP", "USR2"])),
        _ => other(chance),
    }
}

fn other(chance: &mut Chance) -> Step {
    match chance.below(3) {
        0 => Step::Continued("one".to_owned(), "two".to_owned()),
        1 => Step::Sum(u16::try_from(chance.below(1000)).unwrap_or_default(), 13),
        _ => Step::Names(chance.of(NAMES)),
    }
}

fn compound(chance: &mut Chance, depth: usize) -> Step {
    let truth = chance.once_in(2);
    match chance.below(18) {
        0 => Step::Group(steps(chance, depth)),
        1 | 2 => Step::Pipe(steps(chance, depth), chance.of(&FILTERS)),
        3 => Step::And(step(chance, depth).into(), step(chance, depth).into()),
        4 => Step::Or(step(chance, depth).into(), step(chance, depth).into()),
        5 => Step::Not(step(chance, depth).into()),
        6 => Step::If(truth, steps(chance, depth), steps(chance, depth)),
        7 => Step::For(vec!["one".to_owned(), "2".to_owned()], steps(chance, depth)),
        8 => Step::While(2, steps(chance, depth)),
        9 => Step::Function(steps(chance, depth)),
        10 => Step::Case("abc".to_owned(), steps(chance, depth)),
        11 => Step::Substitution(steps(chance, depth)),
        12 => Step::Background(steps(chance, depth)),
        13 => Step::AtExit(steps(chance, depth)),
        14 => Step::Strict(steps(chance, depth)),
        15 => Step::Script(chance.of(&["sh", "bash", "zsh"]), steps(chance, depth)),
        16 => {
            if truth {
                Step::Unechoed(steps(chance, depth))
            } else {
                Step::File(steps(chance, depth))
            }
        }
        _ => {
            if truth {
                Step::Remark(step(chance, depth).into(), chance.of(COMMENTS).to_owned())
            } else {
                Step::Subshell(steps(chance, depth))
            }
        }
    }
}

fn status(chance: &mut Chance) -> u8 {
    chance.of(&[0, 1, 2, 3, 5, 42, 100, 126, 127, 128, 129, 130, 137, 143, 192, 254, 255])
}

fn some_words(chance: &mut Chance) -> Vec<Word> {
    let count = chance.between(1, 3);
    (0..count).map(|_| word(chance)).collect()
}

fn word(chance: &mut Chance) -> Word {
    let count = chance.between(1, 5);
    let text = (0..count).map(|_| chance.of(LETTERS)).collect();
    Word { text, quote: chance.of(&[Quote::Single, Quote::Double, Quote::Backslash]) }
}

fn lines(chance: &mut Chance) -> Vec<String> {
    // No expansion: what a document expands to differs between shells, and errors name them.
    const LINES: &[&str] =
        &["one", "  two $((1 + 1))", "it's", "a\"b", "# no comment", "a!b !!", "", "€ 😀", "\tx", "~"];
    let count = chance.between(1, 4);
    (0..count).map(|_| chance.of(LINES).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use cotty_core::dialect::Shell;

    use super::super::words::Reader;
    use super::*;

    #[test]
    fn a_seed_makes_the_same_program_again() {
        assert!((0..50).all(|seed| program(seed) == program(seed)));
        assert!((0..50).any(|seed| program(seed) != program(seed + 1)));
    }

    #[test]
    fn every_shell_has_words_for_many_of_them() {
        for shell in ["bash", "fish", "tcsh"] {
            let reader =
                Reader { shell: Shell::of_program(shell).expect("known"), folder: Path::new("/tmp") };
            let worded = (0..200).filter(|seed| program(*seed).text(reader).is_some()).count();
            assert!(worded > 20, "{shell}: {worded}");
        }
    }
}
