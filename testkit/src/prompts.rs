//! Prompts as people have them: drawn by a program over two lines, on the right too, drawn anew once the line is sent, or
//! when something is known later. Each is a start-up file of its shell.

/// A start-up file that makes a prompt.
#[derive(Clone, Copy, Debug)]
pub struct Prompt {
    /// What kind it is.
    pub name: &'static str,
    /// Its shell.
    pub shell: &'static str,
    /// The file, below the home.
    pub file: &'static str,
    /// What stands in it.
    pub text: &'static str,
    /// What the prompt ends in.
    pub sign: &'static str,
}

/// All of them.
pub const PROMPTS: [Prompt; 8] = [
    Prompt {
        name: "made anew by a program each time",
        shell: "bash",
        file: ".bash_profile",
        text: r#"draw() { local s=$?; PS1=$'\n\[\e[1;36m\]work\[\e[0m\] took 1s ['"$s"$']\n\[\e[1;32m\]»\[\e[0m\] '; return $s; }
PROMPT_COMMAND=draw
PS2='... '
"#,
        sign: "»",
    },
    Prompt {
        name: "with hooks of its own before and after a command",
        shell: "bash",
        file: ".bash_profile",
        text: r#"commands=0
count() { commands=$((commands + 1)); }
trap count DEBUG
PS0='$(:)'
PROMPT_COMMAND=('true' 'history -a')
PS1='\u \w\n» '
"#,
        sign: "»",
    },
    Prompt {
        name: "of two lines, on the right, short once it is sent",
        shell: "zsh",
        file: ".zshrc",
        text: r#"setopt prompt_subst
draw() { PROMPT=$'\n%F{blue}%~%f main\n%(?.%F{green}.%F{red})»%f '; RPROMPT='%F{242}right%f' }
precmd_functions+=(draw)
zle-line-finish() { PROMPT='» '; RPROMPT=; zle reset-prompt }
zle -N zle-line-finish
"#,
        sign: "»",
    },
    Prompt {
        name: "drawn again when its branch is known",
        shell: "zsh",
        file: ".zshrc",
        text: r#"setopt prompt_subst
branch=...
PROMPT='%~ ${branch} » '
ask() { exec {answer}< <(sleep 0.05; echo main); zle -F $answer told }
told() { read -r branch <&$1; zle -F $1; exec {1}<&-; zle reset-prompt }
precmd_functions+=(ask)
"#,
        sign: "»",
    },
    Prompt {
        name: "of two lines and on the right",
        shell: "fish",
        file: ".config/fish/config.fish",
        text: r#"function fish_greeting; end
function fish_prompt; echo; set_color blue; prompt_pwd; set_color normal; printf '[%s] » ' $status; end
function fish_right_prompt; echo right; end
"#,
        sign: "»",
    },
    Prompt {
        name: "drawn again when its branch is known",
        shell: "fish",
        file: ".config/fish/config.fish",
        text: r#"function fish_greeting; end
set -g branch ...
function fish_prompt; echo $branch '» '; end
function told --on-signal USR1; set -g branch main; commandline -f repaint; end
function ask --on-event fish_prompt; sh -c "sleep 0.05; kill -USR1 $fish_pid" & disown; end
"#,
        sign: "»",
    },
    Prompt {
        name: "made anew each time",
        shell: "tcsh",
        file: ".tcshrc",
        text: "alias precmd 'set prompt=\"%B%~%b > \"'\nalias postcmd 'set begun=1'\n",
        sign: ">",
    },
    Prompt {
        name: "with colours and the directory",
        shell: "mksh",
        file: ".profile",
        text: "PS1=$'\\001\\r\\001\\e[34m\\001$PWD\\001\\e[0m\\001 » '\n",
        sign: "»",
    },
];
