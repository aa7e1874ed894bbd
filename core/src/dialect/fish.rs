//! fish 3 and newer.
//!
//! `fish_preexec` counts commands and marks their start, `fish_prompt` marks their end, and the function that draws the
//! prompt is wrapped so that it ends in a mark; where it is replaced it is wrapped again before the next prompt.
//! fish marks a last line without a line feed before that; a mark of ours in front of it tells where the output ended.
//! fish keeps `$status` over its events. There is no second prompt: an open command is edited on. A cancelled line gets no
//! new prompt of its own, so `fish_cancel` marks it. A signal at the wrong moment loses what `printf` prints (3.6: `write:
//! Interrupted system call`), so a mark of an end that failed is printed again. A line that begins with a blank is kept
//! until the next command only, and our line takes it back at once.

/// Above this the line editor redraws too often while it takes single characters.
const TYPED_BYTES_MAX: usize = 256;

pub(super) fn hook(key: &str) -> String {
    let ended = format!(r"\e]133;D;%s;c=%s;k={key};p=%s;t=%s;n=%s\a");
    let rest = "$__c $fish_pid $__t $__n";
    [
        " set -g __c 0;set -g __n 0;set -g __t (tty);".to_owned(),
        format!(
            r"function __m --on-event fish_prompt;set -l s $status;set __n (math $__n + 1);__b;printf '\e]133;P;k={key};d=%s\a{ended}' $PWD $s {rest};or printf '{ended}' $s {rest};end;"
        ),
        format!(
            r"function __y --on-event fish_cancel;set __n (math $__n + 1);printf '{ended}' 130 {rest};or printf '{ended}' 130 {rest};end;"
        ),
        format!(
            r"function __x --on-event fish_preexec;set __c (math $__c + 1);printf '\e]133;C;c=%s;k={key};p=%s\a' $__c $fish_pid;end;"
        ),
        format!(r"function __z --on-event fish_postexec;printf '\e]133;E;k={key}\a';end;"),
        format!(
            r"function __b;functions fish_prompt|string match -q '*{key}*';or begin;functions -e __p;functions -c fish_prompt __p;"
        ),
        format!(r"function fish_prompt;printf '%s\e]133;B;k={key}\a' (__p|string collect);end;end;end;"),
        "__b;history clear-session >/dev/null 2>&1".to_owned(),
        "\r".to_owned(),
    ]
    .concat()
}

pub(super) fn submit(command: &str, paste: bool) -> String {
    // A tab completes, also within a paste.
    let means_more = super::quote::ends_in_backslash(command) || command.contains('\t');
    let typed = if means_more || (!paste && command.contains('\n')) {
        format!(" eval {}", quoted(command)) // The blank keeps it out of the history.
    } else {
        command.to_owned()
    };
    let wants_paste = typed.contains('\n') || typed.len() > TYPED_BYTES_MAX;
    let typed = if paste && wants_paste { super::quote::pasted(&typed) } else { typed };
    format!("{typed}\r")
}

/// Quotes the text on one line: a line feed or a tab is written outside of the quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for it in text.chars() {
        match it {
            '\\' => quoted.push_str(r"\\"),
            '\'' => quoted.push_str(r"\'"),
            '\n' => quoted.push_str(r"'\n'"),
            '\t' => quoted.push_str(r"'\t'"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_prompt_reads_as_a_script_does_is_typed_as_it_is() {
        assert_eq!(submit("echo 'a!b' # c", true), "echo 'a!b' # c\r");
        assert_eq!(submit("a\nb", true), "\x1b[200~a\nb\x1b[201~\r");
        assert_eq!(submit("a\nb", false), " eval 'a'\\n'b'\r");
        assert_eq!(submit("echo a\\", true), " eval 'echo a\\\\'\r");
    }
}
