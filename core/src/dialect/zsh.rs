//! zsh 5.
//!
//! `preexec` counts commands and marks their start, `precmd` marks their end. Before `precmd` zsh draws its own
//! end-of-line mark (`PROMPT_SP`); a mark of ours in front of it tells where the output ended. The last `precmd`
//! mends a prompt that a user or a theme has replaced: one that is not signed would never be known for a prompt.
//! At the prompt a `#` is no comment, so commands with one go through `eval`, where it is. In a substitution within
//! that it is none again (5.9): while such a command runs the option is set, unless it speaks of options itself.
//!
//! zsh has stored the typed line before it runs. At the start of a session the history is what the file holds,
//! so a list pushed by `fc -p` and read again from that file is the same without our line; the one below it is
//! told to save nothing. Where the line is in the file already (`INC_APPEND_HISTORY`, `SHARE_HISTORY`) zsh itself writes
//! the file without it, under its own lock. What is wrapped in `eval` is put into the history as it was meant.

use super::quote;

pub(super) fn hook(key: &str) -> String {
    let ended = format!(r"\033]133;P;k={key};d=%s\007\033]133;D;%s;c=%s;k={key};p=%s;t=%s;n=%s\007");
    let in_prompt = |letter: &str| format!(r"$'%{{\e]133;{letter};k={key}\a%}}'");
    [
        " typeset -g __c=0 __n=0 __i=0 __t=$(tty);".to_owned(),
        format!(
            r#"__m(){{ local s=$?;((__i))&&{{ __i=0;unsetopt interactivecomments;}};printf '{ended}' "$PWD" "$s" "$__c" "$$" "$__t" "$((__n+=1))";return $s;}};"#
        ),
        format!(
            r"__x(){{ printf '\033]133;C;c=%s;k={key}\007' $((__c+=1));[[ -o interactivecomments || $3 != eval\ *\#* || $3 = *opt*omment* ]]||{{ __i=1;setopt interactivecomments;}};}};"
        ),
        format!(r#"__b(){{ [[ $PS1 = *{key}* ]]||PS1="$PS1"{};}};"#, in_prompt("B")),
        "precmd_functions=(__m $precmd_functions __b);preexec_functions+=(__x);".to_owned(),
        format!(r#"PS2={}"$PS2"{};"#, in_prompt("S"), in_prompt("T")),
        format!(r#"PROMPT_EOL_MARK={}"${{PROMPT_EOL_MARK-%B%S%#%s%b}}";"#, in_prompt("E")),
        r#"__a(){ local w=(${(z)1});[[ $#w -le 3 && $w[1] = eval && $w[2] = "''"[\$\']* ]]||return 0;print -sr -- "${(Q)w[2]}";return 1;};"#.to_owned(),
        "zshaddhistory_functions+=(__a);".to_owned(),
        format!(r#"__e(){{ local HISTORY_IGNORE='*{key}*';fc -p "$HISTFILE" 999999999 999999999;fc -W;SAVEHIST=0;fc -P;}};"#),
        format!(r#"if [[ -n $HISTFILE ]];then __h=$SAVEHIST;SAVEHIST=0;[[ -r $HISTFILE && $(<$HISTFILE) = *{key}* ]]&&__e;fc -p "$HISTFILE" $HISTSIZE $__h;"#),
        "else __h=$HISTSIZE;fc -p;HISTSIZE=$__h;fi;unset __h;unfunction __e".to_owned(),
        "\r".to_owned(),
    ]
    .concat()
}

pub(super) fn submit(command: &str, paste: bool) -> String {
    quote::for_line_editor(command, paste, &['#'], "eval ''")
}
