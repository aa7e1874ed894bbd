//! dash: no line editor, no hook before a command, `PS1` expanded at every prompt.
//!
//! The serial is the number of the prompt. BEL ends the marks: `ESC \` inside a prompt is eaten by relatives of
//! this shell. The kernel's line discipline holds 4,095 bytes a line, so long or multi-line commands go as
//! quoted pieces in one group, which is one command with one prompt after it.

use super::quote;

/// A typed line stays far below what the line discipline holds, also with its quoting.
const PIECE_BYTES_MAX: usize = 900;
/// A command up to this length is typed as it is.
const LINE_BYTES_MAX: usize = 3_500;

pub(super) fn hook(key: &str) -> String {
    // `$$` is the reader's own: a nested shell that inherits PS1 signs with its own number. A count has a name of its own:
    // what was inherited goes on counting.
    let count = format!("__c{}", &key[key.len().saturating_sub(6)..]);
    let mark = |body: &str| format!(r"$__e]133;{body};k={key};p=\$\$");
    let ended = format!(r"$__e]133;D;\$?;c=\$(({count}={count}+1));k={key};p=\$\$;t=$__t$__b");
    [
        r" __e=$(printf '\033');__b=$(printf '\007');__t=$(tty);".to_owned(),
        format!("{count}=0;"),
        format!(r#"PS1="$__e]133;P;k={key};d=\$PWD$__b{ended}$PS1{}$__b";"#, mark("B")),
        format!(r#"PS2="{}$__b$PS2{}$__b""#, mark("S"), mark("T")),
        "\n".to_owned(),
    ]
    .concat()
}

pub(super) fn submit(command: &str) -> String {
    let plain =
        command.len() <= LINE_BYTES_MAX && !command.contains('\n') && !quote::ends_in_backslash(command);
    if plain {
        return format!("{command}\n");
    }
    let mut typed = String::from("{ __q=");
    for (place, piece) in pieces(command).into_iter().enumerate() {
        if place > 0 {
            typed.push_str("\n__q=$__q");
        }
        typed.push_str(&quote::single(&piece));
    }
    // The group's text is expanded before it runs, so the variable can go first.
    typed.push_str("\neval \"unset __q\n$__q\"; }\n");
    typed
}

/// Cuts the text so that each piece, quoted, stays below the limit; never inside a character.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut quoted_bytes = 0;
    for it in text.chars() {
        let cost = if it == '\'' { 4 } else { it.len_utf8() };
        if quoted_bytes + cost > PIECE_BYTES_MAX {
            pieces.push(String::new());
            quoted_bytes = 0;
        }
        quoted_bytes += cost;
        if let Some(last) = pieces.last_mut() {
            last.push(it);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_typed_line_is_longer_than_the_line_discipline_holds() {
        for command in ["x".repeat(5_000), "'".repeat(5_000), "a\nb".to_owned(), "é".repeat(3_000)] {
            let typed = submit(&command);
            assert!(typed.lines().all(|line| line.len() < 1_024), "{typed}");
            assert!(typed.ends_with("; }\n"));
        }
    }
}
