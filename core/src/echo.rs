//! Where the echo of a typed command ends, in a shell that marks no starts.

mod drawn;

use crate::dialect::Echoes;

use drawn::Drawn;

/// Finds the end of the echo: so many line ends, and a second prompt before each line but the first. The terminal
/// echoes what is typed when it is typed, the shell prompts when it reads, so the two come in any order.
///
/// A line editor draws one line, perhaps over several rows; what it draws is not compared but for its beginning. Where it
/// begins a new row by itself it does so behind the last character too, if the row is full, and then sends the line without
/// a line end (busybox 1.35): there it is followed character by character.
///
/// A terminal far away does not tell in time whether it echoes. Until it does, the first line is compared: what is
/// not the text that was typed is output.
#[derive(Clone, Debug)]
pub(crate) struct EchoSkip {
    line_ends: usize,
    second_prompts: usize,
    in_second_prompt: bool,
    /// What is left of the first line's text to be seen, while it is not known whether the terminal echoes.
    unproven: Option<Vec<u8>>,
    echoes: Echoes,
    /// The last two bytes.
    last: [u8; 2],
    /// The line, where its editor wraps it.
    drawn: Option<Drawn>,
    /// The line, where its editor may draw it once more.
    line: Option<Vec<u8>>,
    /// What is left of it to be drawn, for as long as nothing else was.
    row: Option<Vec<u8>>,
    /// What is left of it to be seen once more.
    again: Option<Vec<u8>>,
    /// The beginning of the line, where the terminal has shown it and its editor is to draw it below.
    below: Option<Vec<u8>>,
}

/// So much of a line tells that it is drawn once more.
const TELLING_BYTES: usize = 6;

/// What output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// Echo so far, or the shell's own prompt.
    On,
    /// The echo ends after so many bytes of it.
    Ends(usize),
    /// There was no echo: what came since the keys were typed is output.
    None,
    /// What was told stands.
    Over,
}

impl EchoSkip {
    /// These keys were typed; none where a mark tells where the output begins.
    pub(crate) fn new(keys: &[u8], echoes: Echoes) -> Option<Self> {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let lines = keys.iter().filter(|byte| is_end(byte)).count();
        let first = keys.iter().take_while(|byte| !is_end(byte)).copied();
        let mut first: Vec<u8> = match echoes {
            Echoes::Marked => return None,
            Echoes::Terminal => first.collect(),
            Echoes::Editor { .. } => first.take(1).filter(u8::is_ascii_alphanumeric).collect(),
        };
        first.reverse();
        let is_late = echoes == Echoes::Editor { wraps: false, late: true };
        let wraps = matches!(echoes, Echoes::Editor { wraps: true, .. });
        Some(Self {
            line_ends: lines,
            second_prompts: lines.saturating_sub(1),
            in_second_prompt: false,
            unproven: Some(first),
            echoes,
            last: [0; 2],
            drawn: wraps.then(|| Drawn::new(whole_line(keys))),
            row: is_late.then(|| whole_line(keys)),
            line: is_late.then(|| whole_line(keys)),
            again: None,
            below: None,
        })
    }

    /// Takes in output.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Echo {
        if self.again.is_some() {
            return self.feed_again(bytes);
        }
        if self.is_over() {
            return Echo::Ends(0);
        }
        if self.in_second_prompt {
            return Echo::On;
        }
        let is_drawn = matches!(self.echoes, Echoes::Editor { .. });
        for (place, byte) in bytes.iter().enumerate() {
            if self.line_ends == 1 && !self.is_drawn_below(&bytes[place..]) {
                self.line_ends = 0;
                return Echo::Ends(place);
            }
            if let Some(left) = &mut self.unproven {
                match left.pop() {
                    Some(typed) if typed == *byte => {}
                    // An editor draws its prompt anew first, where the size has changed.
                    Some(_) if is_drawn && *byte == 0x1b => self.unproven = None,
                    Some(typed) if is_drawn && matches!(*byte, b'\r' | b' ' | b'\x08') => left.push(typed),
                    Some(_) => return Echo::None,
                    None => self.unproven = None,
                }
            }
            if !self.draws(*byte) && *byte == b'\n' && !self.wraps_here() {
                self.line_ends = self.line_ends.saturating_sub(1);
                if self.is_over() {
                    self.again = self.line.take();
                    return match self.feed_again(&bytes[place + 1..]) {
                        Echo::Ends(more) => Echo::Ends(place + 1 + more),
                        _ => Echo::Ends(place + 1),
                    };
                }
            }
            self.last = [self.last[1], *byte];
            if let Some(drawn) = &mut self.drawn {
                drawn.feed(*byte);
            }
        }
        Echo::On
    }

    /// Takes a byte for one of the line, and tells whether it was. Where a row is full at a blank ksh93 begins a new one in
    /// its place, with `\r\n\r` (93u+m 1.0.4).
    fn draws(&mut self, byte: u8) -> bool {
        let Some(row) = &mut self.row else { return false };
        let is_next = row.last() == Some(&byte) || (byte == b'\n' && row.last() == Some(&b' '));
        if is_next {
            row.pop();
        } else if byte != b'\r' {
            self.row = None;
        }
        is_next
    }

    /// Looks once at what stands below the line that the terminal has shown. Its editor was to draw it there; seldom it took
    /// the line as the terminal gave it, and what stands there is output.
    fn is_drawn_below(&mut self, bytes: &[u8]) -> bool {
        let Some(mut left) = self.below.take() else { return true };
        for byte in bytes {
            match left.pop() {
                Some(typed) if typed == *byte => {}
                Some(typed) if matches!(*byte, b' ' | b'\x08') => left.push(typed),
                // The prompt is drawn too.
                Some(_) => return matches!(*byte, b'\r' | 0x1b),
                None => return true,
            }
        }
        true
    }

    /// The terminal has shown the line, and now its editor may read and draw it.
    fn feed_again(&mut self, bytes: &[u8]) -> Echo {
        for (place, byte) in bytes.iter().enumerate() {
            let Some(left) = &mut self.again else { return Echo::Over };
            match left.pop() {
                Some(typed) if typed == *byte => {}
                // It draws some letters twice: a blank, one back, the letter.
                Some(typed) if *byte == b' ' || *byte == b'\x08' => left.push(typed),
                // A new row in place of a blank.
                Some(b' ') if *byte == b'\n' => {}
                Some(typed) if *byte == b'\r' => left.push(typed),
                None if *byte == b'\r' => left.clear(),
                None if *byte == b'\n' => {
                    self.again = None;
                    return Echo::Ends(place + 1);
                }
                _ => self.again = None,
            }
        }
        if self.again.is_some() { Echo::On } else { Echo::Over }
    }

    /// Returns whether more output may still change what was told.
    pub(crate) fn is_open(&self) -> bool {
        self.again.is_some()
    }

    /// Tells whether a line feed here only begins a new row, and the line goes on.
    fn wraps_here(&self) -> bool {
        self.last == [b'\r'; 2] && self.drawn.as_ref().is_some_and(|it| !it.is_whole())
    }

    /// The prompt was printed again, and the line is drawn anew behind it.
    pub(crate) fn draw_again(&mut self) {
        if let Some(drawn) = &mut self.drawn {
            drawn.begin_again();
        }
    }

    pub(crate) fn begin_second_prompt(&mut self) {
        self.in_second_prompt = true;
    }

    pub(crate) fn end_second_prompt(&mut self) {
        self.in_second_prompt = false;
        self.second_prompts = self.second_prompts.saturating_sub(1);
    }

    /// The terminal was seen to echo, or not to. A line editor turns the echo off and draws by itself.
    pub(crate) fn note_echo(&mut self, echo: bool, whole_lines: bool) {
        if whole_lines
            && echo
            && let Some(mut line) = self.line.take()
        {
            self.line_ends += 1; // The editor had not begun: it reads the line, and draws it, afterwards.
            line.drain(..line.len().saturating_sub(TELLING_BYTES));
            self.below = Some(line);
        } else if whole_lines {
            self.echoes = Echoes::Terminal;
        } else {
            (self.line, self.unproven) = (None, None);
        }
        if self.echoes == Echoes::Terminal {
            self.unproven = None;
            if !echo {
                self.line_ends = 0;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.line_ends == 0 && self.second_prompts == 0 && !self.in_second_prompt
    }
}

/// The text of the line, last byte first.
fn whole_line(keys: &[u8]) -> Vec<u8> {
    let mut line: Vec<u8> = keys.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).copied().collect();
    line.reverse();
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(keys: &[u8]) -> EchoSkip {
        EchoSkip::new(keys, Echoes::Terminal).unwrap()
    }

    #[test]
    fn an_editor_that_wraps_its_line_sends_it_once() {
        let mut echo = EchoSkip::new(b"echo xyz\n", Echoes::Editor { wraps: true, late: false }).unwrap();
        echo.note_echo(false, false);
        assert_eq!(echo.feed(b"echo x\r"), Echo::On);
        assert_eq!(echo.feed(b"\r\nyz\r\nout"), Echo::Ends(6));
        let mut echo = EchoSkip::new(b"echo\n", Echoes::Editor { wraps: false, late: false }).unwrap();
        assert_eq!(echo.feed(b"echo\r\r\nout"), Echo::Ends(7));
        let late = || EchoSkip::new(b"echo a_b\n", Echoes::Editor { wraps: false, late: true }).unwrap();
        assert_eq!(late().feed(b"echo a_b\r\necho a \x08_b\r\nout"), Echo::Ends(22));
        assert_eq!(late().feed(b"echo a_b\r\nout\r\n"), Echo::Ends(10), "drawn once, by whichever of them");
        let mut echo = late();
        assert_eq!(echo.feed(b"echo a_b\r\n"), Echo::Ends(10));
        assert!(echo.is_open());
        assert_eq!(echo.feed(b"echo a"), Echo::On);
        assert_eq!(echo.feed(b"x"), Echo::Over);
        assert!(!echo.is_open());
        let rows = |it: &mut EchoSkip| it.feed(b"echo\r\n\ra_b\r\nout");
        assert_eq!(rows(&mut late()), Echo::Ends(12));
        let mut echo = late();
        assert_eq!(echo.feed(b"echo a_b\r\n"), Echo::Ends(10));
        assert_eq!(rows(&mut echo), Echo::Ends(12));
        let mut echo = late();
        echo.note_echo(true, true);
        assert_eq!(echo.feed(b"echo a_b\r\n\r# echo a_b\r\nout"), Echo::Ends(23));
    }

    #[test]
    fn a_line_that_fills_its_last_row_ends_where_the_next_row_begins() {
        let wrapped = |line: &[u8]| EchoSkip::new(line, Echoes::Editor { wraps: true, late: false }).unwrap();
        let mut echo = wrapped(b"echo xyz\n");
        assert_eq!(echo.feed(b"echo\r\r\n xyz\r\r\nout\r\n"), Echo::Ends(14));
        // With characters that the editor has no glyph for, and in a locale in which each byte is a character.
        let mut echo = wrapped("echo a😀é\n".as_bytes());
        assert_eq!(echo.feed("echo\r\r\n a?é\r\r\nout".as_bytes()), Echo::Ends(15));
        let mut echo = wrapped("echo é\n".as_bytes());
        assert_eq!(echo.feed(b"echo \xc3\r\r\n\xa9\r\nout"), Echo::Ends(12));
        // The window was resized meanwhile.
        let mut echo = wrapped(b"echo xyz\n");
        assert_eq!(echo.feed(b"echo x\x1b[1A\r$ "), Echo::On);
        echo.draw_again();
        assert_eq!(echo.feed(b"echo x\x1b[Jyz\r\r\nout\r\n"), Echo::Ends(14));
        // What is drawn in another way ends with the first line end that begins no row.
        let mut echo = wrapped(b"echo xyz\n");
        assert_eq!(echo.feed(b"echo z\r\r\nyx\r\nout"), Echo::Ends(13));
    }

    #[test]
    fn what_stands_below_a_line_that_the_terminal_showed_is_the_line_again_or_output() {
        let shown = || {
            let mut echo =
                EchoSkip::new(b"echo yyy; echo end\n", Echoes::Editor { wraps: false, late: true }).unwrap();
            echo.note_echo(true, true);
            echo
        };
        assert_eq!(shown().feed(b"echo yyy; echo end\r\necho yyy; echo end\r\nyyy\r\n"), Echo::Ends(40));
        assert_eq!(shown().feed(b"echo yyy; echo end\r\nyyy\r\nend\r\n"), Echo::Ends(20));
        let mut echo = shown();
        assert_eq!(echo.feed(b"echo yyy; echo end\r\n"), Echo::On);
        assert_eq!(echo.feed(b"yyy\r\nend\r\n"), Echo::Ends(0));
    }

    #[test]
    fn the_echo_of_one_line_ends_with_its_line_end() {
        let mut echo = skip(b"true\n");
        assert_eq!(echo.feed(b"true"), Echo::On);
        assert_eq!(echo.feed(b"\r\nout"), Echo::Ends(2));
    }

    #[test]
    fn second_prompts_and_echoes_come_in_any_order() {
        let mut echo = skip(b"a\nb\n");
        assert_eq!(echo.feed(b"a\r\nb\r\n"), Echo::On);
        echo.begin_second_prompt();
        assert_eq!(echo.feed(b"> "), Echo::On);
        echo.end_second_prompt();
        assert_eq!(echo.feed(b"out"), Echo::Ends(0));
    }

    #[test]
    fn what_is_not_the_typed_text_is_output_unless_the_terminal_is_known_to_echo() {
        let mut echo = skip(b"echo still\n");
        assert_eq!(echo.feed(b"still\r\n"), Echo::None);
        let mut echo = skip(b"echo still\n");
        assert_eq!(echo.feed(b"echo s"), Echo::On);
        assert_eq!(echo.feed(b"x"), Echo::None);
        let mut echo = skip(b"true\n");
        echo.note_echo(true, true);
        assert_eq!(echo.feed(b"job done\r\n"), Echo::Ends(10));
    }
}
