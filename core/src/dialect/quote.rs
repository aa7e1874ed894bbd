//! Quoting that POSIX-like shells share.

/// Wraps `text` in single quotes.
pub(super) fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Writes `text` as `$'…'`, on one line and without anything that a line editor or history expansion obeys.
pub(super) fn ansi_c(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 8);
    quoted.push_str("$'");
    for it in text.chars() {
        match it {
            '\\' => quoted.push_str(r"\\"),
            '\'' => quoted.push_str(r"\'"),
            '\n' => quoted.push_str(r"\n"),
            '\t' => quoted.push_str(r"\t"),
            '!' => quoted.push_str(r"\041"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// The same with each byte beyond ASCII as three octal digits.
pub(super) fn ansi_c_ascii(text: &str) -> String {
    let mut quoted = String::new();
    for it in ansi_c(text).chars() {
        if it.is_ascii() {
            quoted.push(it);
        } else {
            let mut bytes = [0; 4];
            quoted.extend(it.encode_utf8(&mut bytes).bytes().map(|byte| format!("\\{byte:03o}")));
        }
    }
    quoted
}

/// Returns how many bytes [`ansi_c`] makes of a character.
pub(super) fn ansi_c_bytes(it: char) -> usize {
    match it {
        '\\' | '\'' | '\n' | '\t' => 2,
        '!' => 4,
        other => other.len_utf8(),
    }
}

/// Marks the text as pasted, so that the line editor inserts it as it is.
pub(super) fn pasted(text: &str) -> String {
    format!("\x1b[200~{text}\x1b[201~")
}

/// Returns whether the last backslash would continue the line at a prompt, which it does not in `-c`.
pub(super) fn ends_in_backslash(text: &str) -> bool {
    text.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

/// How a shell with a line editor and history expansion is given a command: as it is where that means the
/// same as `-c`, else through `eval`. `differs` names what else is read in another way at the prompt. `eval` is what
/// stands in front of the quotes: the shell's hook knows by it what is not to stay in the history like that.
pub(super) fn for_line_editor(command: &str, paste: bool, differs: &[char], eval: &str) -> String {
    /// Above this the line editor redraws too often while it takes single characters.
    const TYPED_BYTES_MAX: usize = 256;
    let expands = command.contains('!') || command.starts_with('^') || command.contains("\n^");
    let needs_eval =
        expands || command.contains('\n') || command.contains(differs) || ends_in_backslash(command);
    let tabs = command.contains('\t');
    let text = if needs_eval && (expands || !paste) {
        format!("{eval}{}", ansi_c(command))
    } else if needs_eval {
        format!("{eval}{}", single(command))
    } else if tabs && !paste {
        format!("{eval}{}", ansi_c(command))
    } else {
        command.to_owned()
    };
    let wants_paste = text.contains(['\n', '\t']) || text.len() > TYPED_BYTES_MAX;
    let text = if paste && wants_paste { pasted(&text) } else { text };
    format!("{text}\r")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_commands_are_typed_as_they_are() {
        assert_eq!(for_line_editor("ls -l", true, &[], "eval ''"), "ls -l\r");
    }

    #[test]
    fn history_expansion_is_kept_away() {
        assert_eq!(for_line_editor("echo \"a!b\"", true, &[], "eval ''"), "eval ''$'echo \"a\\041b\"'\r");
        assert_eq!(for_line_editor("^a^b", true, &[], "eval ''"), "eval ''$'^a^b'\r");
        assert_eq!(for_line_editor("echo 'a\n^b'", true, &[], "eval ''"), "eval ''$'echo \\'a\\n^b\\''\r");
    }

    #[test]
    fn several_lines_are_one_command() {
        assert_eq!(
            for_line_editor("a\nb 'c'", true, &[], "eval ''"),
            "\x1b[200~eval '''a\nb '\\''c'\\'''\x1b[201~\r"
        );
        assert_eq!(for_line_editor("a\nb", false, &[], "eval ''"), "eval ''$'a\\nb'\r");
    }

    #[test]
    fn a_last_backslash_continues_nothing() {
        assert!(ends_in_backslash("a\\") && !ends_in_backslash("a\\\\"));
        assert_eq!(for_line_editor("echo a\\", true, &[], "eval ''"), "eval '''echo a\\'\r");
    }
}
