//! mksh: a line editor, `PS1` expanded at every prompt, no hook before a command.
//!
//! The serial is the number of the prompt. What has no width stands between two of a character that the prompt itself
//! names: it begins with that character and a carriage return. `PS2` is not expanded. The editor prints a prompt again as
//! it was expanded, so its number tells that it is the same. A line that begins with a blank is not kept (59).

use super::pieces;

/// A command up to this length is typed as it is. The editor holds 4,096 bytes, and draws each key anew.
const LINE_BYTES_MAX: usize = 900;

pub(super) fn hook(key: &str) -> String {
    let count = super::count(key);
    let ended = format!(r"${{__e}}D;\$?;c=\$(({count}={count}+1));k={key};p=\$\$;t=$__t;n=\${count}$__b");
    [
        format!(r" __e=$'\033]133;';__b=$'\007';__t=$(tty);{count}=0;"),
        r"case $PS1 in ?$'\r'*)__z=${PS1%%$'\r'*};;*)__z=$'\001';PS1=$__z$'\r'$PS1;;esac;".to_owned(),
        format!(r#"PS1=$__z$'\r'"$__z${{__e}}P;k={key};d=\$PWD$__b{ended}$__z${{PS1#??}}"#),
        format!(r#"$__z${{__e}}B;k={key};p=\$\$$__b$__z";"#),
        format!(r#"PS2="${{__e}}S;k={key}$__b$PS2${{__e}}T;k={key}$__b""#),
        "\n".to_owned(),
    ]
    .concat()
}

pub(super) fn submit(command: &str, key: &str) -> String {
    if pieces::is_plain(command, LINE_BYTES_MAX) {
        return format!("{command}\n");
    }
    pieces::read(command, key)
}
