//! bash 3.2 and newer.
//!
//! `PS0` counts commands and marks their start; a hook high in the `PROMPT_COMMAND` array marks their end,
//! and so does a copy in `PS1`, because a user's `PROMPT_COMMAND=…` replaces index 0 and some replace all.
//! The copy carries the number of the prompt (`n=`): readline prints a prompt again when it redraws a line,
//! with the same number, and only a new number is a new prompt. The hook mends `PS0` and `PS1` where a user or
//! another hook has replaced them: a prompt that is not signed would never be known for one. bash keeps `$?` and `$_` over
//! `PROMPT_COMMAND` by itself (bash 5.2).
//!
//! Older ones lack the array (before 5.1, as `SRANDOM`) or `PS0` (before 4.4, as `mapfile -d`), and are asked for
//! what came with it. Without the array the hook is a line of the string. Without `PS0` prompts are counted, and the first
//! command after one marks its start from a `DEBUG` trap, beside the user's own; a subshell comes without.

use super::quote;

/// Puts what is wrapped into the history as it was meant, before anything else can write it to a file, and keeps `$?`
/// and `$_`.
const EVAL: &str = r#"__k "$_" 2>/dev/null;eval "#;

pub(super) fn hook(key: &str) -> String {
    let count = super::count(key);
    let mark = |body: &str| format!(r"\e]133;{body};k={key}");
    let ended = format!(r"\033]133;P;k={key};d=%s\007\033]133;D;%s;c=%s;k={key};p=%s;t=%s\007");
    let again = |serial: &str, number: &str| {
        format!(
            r"'\[\e]133;D;$?;c={serial};k={key};p=${{BASHPID-$$}};t=$__t;n=$(({number}))\a{}\a\]'",
            mark("B")
        )
    };
    [
        format!(" {count}=0;__n=0;__f=0;__a=0;__t=$(tty);"),
        // `history -s` replaces the line that runs it. With `set -e` a status that is none of a failure now would end the shell.
        r#"__k(){ local s=$? h=$(HISTTIMEFORMAT=;history 1);[[ ${h%%\'*} = *'__k "'* ]]&&eval "h=${h#*eval }"&&history -s -- "$h";"#.to_owned(),
        "[[ $- = *e* ]]&&s=0;return $s;};".to_owned(),
        "if mapfile -d '' __v </dev/null 2>/dev/null;then ".to_owned(),
        format!(r#"__0=$'\e]133;C;c=$(({count}+=1));k={key};p=$BASHPID\a';__1={};"#, again(&format!("${count}"), "__n+=1")),
        format!("else __f=1;__0=;__1={};", again(&format!("$(({count}+=1))"), "__a=1,__n+=1")),
        format!(
            r#"__x(){{ [[ $BASH_COMMAND = __r ]]&&__a=0;((__a))&&{{ __a=0;printf '\033]133;C;c=%s;k={key}\007' "$(({count}+1))";}};: "$1";}};"#
        ),
        r#"__o=$(trap -p DEBUG);__o=${__o#trap -- };eval "__o=${__o% DEBUG}";trap '__x "$_";'"$__o" DEBUG;fi;"#
            .to_owned(),
        format!(
            r#"__m(){{ local s=${{__s-$?}};unset __s;printf '{ended}' "$PWD" "$s" "$(({count}+__f))" "${{BASHPID-$$}}" "$__t";__b;}};"#
        ),
        format!(r#"__b(){{ [[ $__f = 1 || $PS0 = *{key}* ]]||PS0=$__0$PS0;[[ $PS1 = *{key}* ]]||PS1=$PS1$__1;}};"#),
        "if [[ $__f = 0 && ${SRANDOM-} ]];then PROMPT_COMMAND[99]=__m;".to_owned(),
        // What stands before it in the string would leave it another status.
        r"else __r(){ __s=$?;return $__s;};PROMPT_COMMAND=__r$'\n'$PROMPT_COMMAND$'\n'__m;fi;__b;".to_owned(),
        format!(r#"PS2='\[{}\a\]'"$PS2"'\[{}\a\]';"#, mark("S"), mark("T")),
        // A question for the shell's name, which went before, is another such line.
        format!("while __h=$(history 1);[[ $__h = *{key}* && $__h =~ [0-9]+ ]]&&history -d $BASH_REMATCH;do :;done;unset __h"),
        "\r".to_owned(),
    ]
    .concat()
}

pub(super) fn submit(command: &str, paste: bool) -> String {
    quote::for_line_editor(command, paste, &[], EVAL)
}
