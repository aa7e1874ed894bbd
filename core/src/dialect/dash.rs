//! dash: no line editor, no hook before a command, `PS1` expanded at every prompt.
//!
//! The serial is the number of the prompt. BEL ends the marks: `ESC \` inside a prompt is eaten by relatives of
//! this shell. The kernel's line discipline holds 4,095 bytes a line, so long or multi-line commands go in pieces.

use super::{pieces, quote};

/// A command up to this length is typed as it is.
const LINE_BYTES_MAX: usize = 3_500;

pub(super) fn hook(key: &str) -> String {
    // `$$` is the reader's own: a nested shell that inherits PS1 signs with its own number.
    let count = super::count(key);
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
    if plain { format!("{command}\n") } else { pieces::plain(command) }
}
