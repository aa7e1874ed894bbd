//! Where the echo of a typed command ends, in a shell that marks no starts.

/// Finds the end of the echo: so many line ends, and a second prompt before each line but the first. The terminal
/// echoes what is typed when it is typed, the shell prompts when it reads, so the two come in any order.
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
}

/// What output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// Echo so far, or the shell's own prompt.
    On,
    /// The echo ends after so many bytes of it.
    Ends(usize),
    /// There was no echo: what came since the keys were typed is output.
    None,
}

impl EchoSkip {
    /// These keys were typed.
    pub(crate) fn new(keys: &[u8]) -> Self {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let lines = keys.iter().filter(|byte| is_end(byte)).count();
        let mut first: Vec<u8> = keys.iter().take_while(|byte| !is_end(byte)).copied().collect();
        first.reverse();
        Self {
            line_ends: lines,
            second_prompts: lines.saturating_sub(1),
            in_second_prompt: false,
            unproven: Some(first),
        }
    }

    /// Takes in output.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Echo {
        if self.is_over() {
            return Echo::Ends(0);
        }
        if self.in_second_prompt {
            return Echo::On;
        }
        for (place, byte) in bytes.iter().enumerate() {
            if let Some(left) = &mut self.unproven {
                match left.pop() {
                    Some(typed) if typed == *byte => {}
                    Some(_) => return Echo::None,
                    None => self.unproven = None,
                }
            }
            if *byte == b'\n' {
                self.line_ends = self.line_ends.saturating_sub(1);
                if self.is_over() {
                    return Echo::Ends(place + 1);
                }
            }
        }
        Echo::On
    }

    pub(crate) fn begin_second_prompt(&mut self) {
        self.in_second_prompt = true;
    }

    pub(crate) fn end_second_prompt(&mut self) {
        self.in_second_prompt = false;
        self.second_prompts = self.second_prompts.saturating_sub(1);
    }

    /// The terminal was seen to echo, or not to.
    pub(crate) fn note_echo(&mut self, echo: bool) {
        self.unproven = None;
        if !echo {
            self.line_ends = 0;
        }
    }

    fn is_over(&self) -> bool {
        self.line_ends == 0 && self.second_prompts == 0 && !self.in_second_prompt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_of_one_line_ends_with_its_line_end() {
        let mut echo = EchoSkip::new(b"true\n");
        assert_eq!(echo.feed(b"true"), Echo::On);
        assert_eq!(echo.feed(b"\r\nout"), Echo::Ends(2));
    }

    #[test]
    fn second_prompts_and_echoes_come_in_any_order() {
        let mut echo = EchoSkip::new(b"a\nb\n");
        assert_eq!(echo.feed(b"a\r\nb\r\n"), Echo::On);
        echo.begin_second_prompt();
        assert_eq!(echo.feed(b"> "), Echo::On);
        echo.end_second_prompt();
        assert_eq!(echo.feed(b"out"), Echo::Ends(0));
    }

    #[test]
    fn what_is_not_the_typed_text_is_output_unless_the_terminal_is_known_to_echo() {
        let mut echo = EchoSkip::new(b"echo still\n");
        assert_eq!(echo.feed(b"still\r\n"), Echo::None);
        let mut echo = EchoSkip::new(b"echo still\n");
        assert_eq!(echo.feed(b"echo s"), Echo::On);
        assert_eq!(echo.feed(b"x"), Echo::None);
        let mut echo = EchoSkip::new(b"true\n");
        echo.note_echo(true);
        assert_eq!(echo.feed(b"job done\r\n"), Echo::Ends(10));
    }
}
