//! The rules of prediction, told with a played terminal at the far end of a slow line.

use super::*;

const LAG: Duration = Duration::from_millis(100);
const COLS: usize = 80;

/// What is sent arrives after a lag, and its echo after another; the daemon is near, as it is to a session over SSH.
struct Far {
    it: Predictor,
    now: Instant,
    seq: u64,
    row: usize,
    col: usize,
    cells: Vec<char>,
    /// Every text that was ever shown.
    ever: String,
    echoes: bool,
    due: Vec<(Instant, u64, Option<&'static str>)>,
}

impl Far {
    fn new() -> Self {
        let mut far = Self {
            it: Predictor::default(),
            now: Instant::now(),
            seq: 0,
            row: 0,
            col: 2,
            cells: vec![' '; COLS],
            ever: String::new(),
            echoes: true,
            due: Vec::new(),
        };
        far.it.begin(0);
        far.it.stands(true);
        far
    }

    fn see<T>(&mut self, act: impl FnOnce(&mut Predictor, &Sight<'_>, Instant) -> T) -> T {
        let free_from = self.cells.iter().rposition(|it| *it != ' ').map_or(0, |it| it + 1).max(self.col);
        let sight = Sight { cursor: (self.col, self.row), cells: &self.cells, free_from };
        let done = act(&mut self.it, &sight, self.now);
        self.ever.push_str(&self.it.shown(self.now).unwrap_or_default());
        done
    }

    fn shown(&mut self) -> String {
        self.it.shown(self.now).unwrap_or_default()
    }

    /// A key, and what it prints two lags later.
    fn key(&mut self, key: &'static str) {
        self.prints(key, key);
    }

    fn prints(&mut self, key: &'static str, printed: &'static str) {
        self.seq += 1;
        let seq = self.seq;
        self.see(|it, sight, now| it.typed(seq, key.as_bytes(), sight, now));
        let printed = self.echoes.then_some(printed);
        self.due.push((self.now + 2 * LAG, seq, printed));
        self.it.applied(seq, true);
    }

    fn types(&mut self, text: &'static str) -> usize {
        (0..text.len())
            .filter(|at| {
                let key = &text[*at..=*at];
                self.key(key);
                let at_once = self.shown().ends_with(key);
                self.pass(60);
                at_once
            })
            .count()
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        self.due.sort_by_key(|it| (it.0, it.1));
        while let Some((at, _, printed)) = self.due.first().copied().filter(|it| it.0 <= until) {
            self.due.remove(0);
            self.now = at;
            self.print(printed.unwrap_or_default());
        }
        self.now = until;
        self.see(|_, _, _| ());
    }

    fn print(&mut self, text: &str) {
        for char in text.chars() {
            match char {
                '\r' => {
                    (self.row, self.col) = (self.row + 1, 0);
                    self.cells = vec![' '; COLS];
                }
                '\x7f' => {
                    self.col -= 1;
                    self.cells[self.col] = ' ';
                }
                char => {
                    self.cells[self.col] = char;
                    self.col += 1;
                }
            }
        }
        self.see(|it, sight, now| it.printed(sight, now));
    }

    fn line(&self) -> String {
        self.cells.iter().collect::<String>().trim().to_owned()
    }
}

#[test]
fn keys_are_shown_at_once_after_the_first_echo_of_a_line_and_stand_where_the_echo_puts_them() {
    let mut far = Far::new();
    let at_once = far.types("echo aa hello, aa brave new world");
    // The first four were typed before the first echo came.
    assert!(at_once >= 28, "{at_once}");
    far.pass(1000);
    assert_eq!((far.shown().as_str(), far.line().as_str()), ("", "echo aa hello, aa brave new world"));
}

#[test]
fn whoever_takes_back_or_types_ahead_is_shown_the_rest_of_the_line() {
    let mut far = Far::new();
    far.types("ech");
    far.key("\x7f");
    far.pass(60);
    let at_once = far.types("ho hello, brave new world");
    assert!(at_once >= 12, "{at_once}");
    far.pass(1000);
    assert_eq!(far.line(), "echo hello, brave new world");
    // Before it is known that the prompt stands there nothing is shown, and then the rest is.
    let mut far = Far::new();
    far.it.begin(0);
    assert_eq!(far.types("echo "), 0);
    far.it.stands(true);
    assert!(far.types("hello, brave new world") >= 10);
    far.pass(1000);
    assert_eq!(far.line(), "echo hello, brave new world");
}

#[test]
fn a_password_is_never_shown_however_early_it_is_typed() {
    for (pause, echoes) in [(0, false), (100, false), (250, true), (400, false), (0, true)] {
        let mut far = Far::new();
        assert!(far.types("sudo id") > 0);
        far.pass(1000);
        far.ever.clear();
        far.key("\r");
        // What the daemon had said of the line before holds no longer.
        far.it.applied(far.seq - 1, true);
        far.it.stands(false);
        far.pass(pause);
        far.echoes = echoes;
        far.types("secret");
        far.key("\r");
        far.pass(1000);
        assert_eq!(far.ever, "", "after {pause} ms");
    }
}

#[test]
fn what_the_daemon_said_before_a_line_was_sent_counts_for_nothing() {
    let mut far = Far::new();
    far.types("read -s x");
    far.pass(1000);
    far.ever.clear();
    far.seq += 1;
    let seq = far.seq;
    far.see(|it, sight, now| it.typed(seq, b"\r", sight, now));
    far.it.stands(true); // It was on its way.
    far.types("secret");
    far.pass(3000);
    assert_eq!(far.ever, "");
}

#[test]
fn nothing_is_shown_where_nothing_is_certain() {
    // Where the echo is near.
    let mut far = Far::new();
    for key in ["e", "c", "h", "o"] {
        far.key(key);
        far.due.iter_mut().for_each(|it| it.0 = far.now + Duration::from_millis(10));
        far.pass(60);
    }
    assert_eq!(far.ever, "");
    // While somebody else types.
    let mut far = Far::new();
    far.types("echo ");
    assert_ne!(far.shown(), "");
    let now = far.now;
    far.it.wrote(now);
    far.ever.clear();
    far.types("hello");
    assert_eq!(far.ever, "");
    // Where the row ends.
    let mut far = Far::new();
    far.col = COLS - 6;
    far.types("abc");
    far.pass(1000);
    far.ever.clear();
    far.types("defgh");
    assert!(!far.ever.contains('g'), "{}", far.ever);
    // Where something stands behind the cursor: a line is changed in its middle.
    let mut far = Far::new();
    far.cells[20] = '|';
    far.types("echo");
    assert_eq!(far.ever, "");
    // Where something else comes than was typed.
    let mut far = Far::new();
    far.types("echo ");
    far.pass(1000);
    far.prints("x", "y");
    far.pass(1000);
    far.ever.clear();
    far.prints("z", "z");
    assert_eq!(far.ever, "", "nothing of this line is confirmed any more");
    // Where no echo comes at all.
    let mut far = Far::new();
    far.types("echo ");
    far.echoes = false;
    far.key("x");
    assert!(far.shown().contains('x'));
    far.pass(2500);
    assert_eq!(far.shown(), "");
}
