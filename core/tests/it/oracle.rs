//! Another terminal as the reader of our repaints: xterm, as the page has it.
//!
//! It is looked for in `COTTY_ORACLE`, else beside `oracle/show.mjs`, where `npm install` puts it.
#![expect(clippy::disallowed_methods, reason = "a test may look around and start another terminal")]
#![expect(clippy::print_stderr, reason = "a test that could not run says so")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cotty_core::screen::Screen;

const COLS: u16 = 30;
const ROWS: u16 = 8;

/// Screens as programs leave them, on which both terminals agree.
const SCREENS: &[&str] = &[
    "plain\r\ntext\r\n$ ",
    "\x1b[1;31mred\x1b[m \x1b[4;38;5;200mpink\x1b[0;7m inverse\x1b[m\x1b[48;2;1;2;3mback",
    "a line that is longer than the terminal is wide\r\nnext 漢字 é e\u{301}",
    "exactly thirty columns of text",
    "main\r\n$ vim\r\n\x1b[?1049h\x1b[H\x1b[2J\x1b[7mvim\x1b[m\r\n~\r\n~\x1b[?1h\x1b=\x1b[?2004h\x1b[3;5H",
    "1\r\n2\r\n3\r\n4\r\n5\r\n6\x1b[2;5r\x1b[5;3H",
    "\x1b[2;5r\x1b[?6h\x1b[2;2Hin the region",
    "a\x1b[3;4H\x1b[32m\x1b7\x1b[m\x1b[6;1Hb",
    "\x1b)0lines \x0eqqqq",
    "\x1b[3g\x1b[1;5H\x1bH\x1b[1;11H\x1bH\r",
    "\x1b[4habc\x1b[1;1H",
    "\x1b[?25l\x1b[?1002h\x1b[?1006h\x1b[?1004h",
    "\x1b[41m\x1b[2Jred ground\x1b[K",
    "cut \x1b[3",
    "cut \x1b]2;tit",
];

/// What comes after.
const MORE: &[&str] = &[
    "",
    "1mx\r\ny",
    "qqq\r\n\n\n\n\n\n\ndown",
    "\tt\tu",
    "\x1b8saved",
    "\x1b[?1049lback\r\nmore",
    "\x1b[Hhome\x1bMup",
    "漢",
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut all, it| {
        let _ = write!(all, "{it:02x}");
        all
    })
}

/// Says that a test could not be run: on the output, and in the file that the run collects such tests in.
fn not_run(test: &str, reason: &str) {
    eprintln!("{test} was not run: {reason}");
    let Ok(file) = std::env::var("COTTY_NOT_RUN") else { return };
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
    writeln!(file, "{test}: {reason}").unwrap();
}

/// Shows streams to xterm, all at once.
fn show(home: &Path, streams: &[Vec<u8>]) -> Option<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/show.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(home).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = node.spawn().ok()?;
    let mut input = child.stdin.take().unwrap();
    let lines: String =
        streams.iter().fold(String::new(), |all, it| all + &format!("{COLS} {ROWS} {}\n", hex(it)));
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[test]
fn another_terminal_shows_the_same_after_a_repaint() {
    let test = "another_terminal_shows_the_same_after_a_repaint";
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
    let home = std::env::var_os("COTTY_ORACLE").map_or(here, PathBuf::from);
    if !home.join("node_modules/@xterm/headless").exists() {
        return not_run(test, "@xterm/headless is not installed in core/tests/oracle");
    }
    let mut streams = Vec::new();
    for stream in SCREENS {
        let mut screen = Screen::new(COLS, ROWS);
        screen.feed(stream.as_bytes());
        let repaint = screen.repaint();
        for more in MORE {
            streams.push([stream.as_bytes(), more.as_bytes()].concat());
            streams.push(
                [b"dirt\x1b[7m\x1b[3;4r\x1b[?6h\x1b[4h\x1b(0\x1b[?1049hmore", &repaint[..], more.as_bytes()]
                    .concat(),
            );
        }
    }
    let Some(looks) = show(&home, &streams) else { return not_run(test, "node is not installed") };
    assert_eq!(looks.len(), streams.len());
    let mut wrong = Vec::new();
    for (index, pair) in looks.chunks(2).enumerate() {
        if pair[0] != pair[1] {
            wrong.push(format!("{:?} then {:?}", SCREENS[index / MORE.len()], MORE[index % MORE.len()]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), streams.len() / 2, wrong.join("\n"));
}
