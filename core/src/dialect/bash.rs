//! bash 5.1 and newer.
//!
//! `PS0` counts commands and marks their start; a hook high in the `PROMPT_COMMAND` array marks their end,
//! and so does a copy in `PS1`, because a user's `PROMPT_COMMAND=…` replaces index 0 and some replace all.
//! The copy carries the number of the prompt (`n=`): readline prints a prompt again when it redraws a line,
//! with the same number, and only a new number is a new prompt. The hook mends `PS0` and `PS1` where a user or
//! another hook has replaced them: a prompt that is not signed would never be known for one. bash keeps `$?` and `$_` over
//! `PROMPT_COMMAND` by itself (bash 5.2).

use super::quote;

pub(super) fn hook(key: &str) -> String {
    let mark = |body: &str| format!(r"\e]133;{body};k={key}");
    let ended = format!(r"\033]133;P;k={key};d=%s\007\033]133;D;%s;c=%s;k={key};p=%s;t=%s\007");
    let again = format!(r"\e]133;D;$?;c=$__c;k={key};p=$BASHPID;t=$__t;n=$((__n+=1))\a{}\a", mark("B"));
    [
        r" __c=0;__n=0;__t=$(tty);".to_owned(),
        format!(r#"__0=$'\e]133;C;c=$((__c+=1));k={key};p=$BASHPID\a';__1='\[{again}\]';"#),
        format!(r#"__m(){{ local s=$?;printf '{ended}' "$PWD" "$s" "$__c" "$BASHPID" "$__t";__b;}};"#),
        format!(r#"__b(){{ [[ $PS0 = *{key}* ]]||PS0=$__0$PS0;[[ $PS1 = *{key}* ]]||PS1=$PS1$__1;}};"#),
        "PROMPT_COMMAND[99]=__m;__b;".to_owned(),
        format!(r#"PS2='\[{}\a\]'"$PS2"'\[{}\a\]';"#, mark("S"), mark("T")),
        format!("[[ $(history 1) = *{key}* ]]&&history -d -1"),
        "\r".to_owned(),
    ]
    .concat()
}

pub(super) fn submit(command: &str, paste: bool) -> String {
    quote::for_line_editor(command, paste, &[])
}
