//! ksh93: a line editor, `PS1` expanded at every prompt, no hook before a command.
//!
//! The serial is the number of the prompt, and a discipline of `PS1` signs a prompt that replaces ours. A status of a
//! signal is 256 and its number here; other programs see 128 and its number, and so do we. The editor prints a
//! prompt again without its sequences (93u+m 1.0.4). Before a character beyond ASCII it takes a backslash for its own, and
//! it loses keys that come while it draws one: such a command goes in pieces of ASCII.
//!
//! Every line is in the history file before it runs. So the file is cut where our line begins, by the shell itself, and
//! read again; that happens only when the name of the file changes. Pieces of a longer command are treated like that,
//! and the command is put in their place.

use super::pieces;

/// A command up to this length is typed as it is.
const LINE_BYTES_MAX: usize = 900;

pub(super) fn hook(key: &str) -> String {
    let count = super::count(key);
    let status = r"\$((\$?>256?\$?-128:\$?))";
    let ended =
        format!(r"${{__e}}D;{status};c=\$(({count}={count}+1));k={key};p=\$\$;t=$__t;n=\${count}$__b");
    let signed = format!(r#""${{__e}}P;k={key};d=\$PWD$__b{ended}$1${{__e}}B;k={key};p=\$\$$__b""#);
    [
        format!(r" __e=$'\033]133;';__b=$'\007';__t=$(tty);{count}=0;"),
        format!("function __s {{ __r={signed};}};__s \"$PS1\";PS1=$__r;"),
        format!("function PS1.set {{ [[ ${{.sh.value}} = *{key}* ]]||{{ __s \"${{.sh.value}}\";.sh.value=$__r;}};}};"),
        format!(r#"PS2="${{__e}}S;k={key}$__b$PS2${{__e}}T;k={key}$__b";"#),
        format!("function __k {{ {}", forget(key)),
        r#"[[ $1 ]]&&print -sr -- "$1";};__k"#.to_owned(),
        "\n".to_owned(),
    ]
    .concat()
}

/// Cuts the history file where the first line with this key begins.
fn forget(key: &str) -> String {
    format!(
        r#"typeset h=${{HISTFILE:-$HOME/.sh_history}};eval 'true 3<>;"$h" 3<#*{key}*' 2>/dev/null;HISTFILE=/dev/null;HISTFILE=$h;"#
    )
}

pub(super) fn submit(command: &str, key: &str) -> String {
    if command.is_ascii() && pieces::is_plain(command, LINE_BYTES_MAX) {
        return format!("{command}\n");
    }
    pieces::ascii_and_signed(command, key, r#"__k "$__q";"#)
}
