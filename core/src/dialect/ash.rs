//! busybox ash: dash's prompt and a line editor, which holds 1,023 bytes a line.
//!
//! The serial is the number of the prompt. What has no width stands between `\[` and `\]`. The editor prints a prompt
//! again as it was expanded, so its number tells that it is the same.
//!
//! The editor keeps every line that it reads, and cannot forget one. Without echo ash reads without it (1.35), so two
//! lines are typed: only `stty -echo` is kept.

use super::pieces;

/// A command up to this length is typed as it is.
const LINE_BYTES_MAX: usize = 900;

pub(super) fn hook(key: &str) -> String {
    let count = super::count(key);
    let ended = format!(r"${{__e}}D;\$?;c=\$(({count}={count}+1));k={key};p=\$\$;t=$__t;n=\${count}$__b");
    [
        " stty -echo\n".to_owned(),
        format!(r" __e='\['$(printf '\033]133;');__b=$(printf '\007')'\]';__t=$(tty);{count}=0;"),
        format!(r#"PS1="${{__e}}P;k={key};d=\$PWD$__b{ended}$PS1${{__e}}B;k={key};p=\$\$$__b";"#),
        format!(r#"PS2="${{__e}}S;k={key}$__b$PS2${{__e}}T;k={key}$__b";"#),
        "stty echo\n".to_owned(),
    ]
    .concat()
}

pub(super) fn submit(command: &str, key: &str) -> String {
    if pieces::is_plain(command, LINE_BYTES_MAX) {
        format!("{command}\n")
    } else {
        pieces::escaped(command, key)
    }
}
/// The line editor asks for the cursor's place after each prompt, and takes `ESC [ 1 ; 1 R` for no answer, but for one
/// that goes on with what is typed next (busybox 1.35). With two digits each it reads it.
pub(super) fn readable(answers: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(answers.len() + 2);
    let mut rest = answers;
    while let [first, after @ ..] = rest {
        match *rest {
            [0x1b, b'[', row @ b'0'..=b'9', b';', column @ b'0'..=b'9', b'R', ..] => {
                out.extend_from_slice(&[0x1b, b'[', b'0', row, b';', b'0', column, b'R']);
                rest = &rest[6..];
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}
