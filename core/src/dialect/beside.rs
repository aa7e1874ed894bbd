//! How a new shell becomes like another one beside it: the variables that this exports, and its umask.
//!
//! Both are read from a process of that shell, and go from there into the new shell's memory and nowhere else: not into
//! what is typed, printed or given to a program. What belongs to a terminal or to one shell stays the new shell's own.

/// The process that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Its id.
    pub pid: u32,
    /// Whether the other shell gave it its variables of now; else there is only the umask to take.
    pub variables: Variables,
}

/// Whether there are variables to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    /// There are: the process waits to be read, and is ended then.
    Waiting,
    /// There are none.
    None,
}

/// The command in whose exported variables any shell shows its own. It waits in the background, tells its process and
/// ends by itself.
pub const WAITING: &str = "sh -c 'sleep 60 </dev/null >/dev/null 2>&1 & echo $!'";

/// A copy that misses something exits with this much, and more.
const MISSES: i32 = 100;
/// So much more for the variables.
const NO_VARIABLES: i32 = 1;
/// And for the umask.
const NO_UMASK: i32 = 2;

/// What could not be copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The variables.
    pub variables: bool,
    /// The umask.
    pub umask: bool,
}

impl Missing {
    /// Reads it from the exit code of the copy.
    #[must_use]
    pub fn of_exit(exit: i32) -> Self {
        let missing = match exit {
            0 => 0,
            exit if (MISSES..=MISSES + NO_VARIABLES + NO_UMASK).contains(&exit) => exit - MISSES,
            _ => NO_VARIABLES + NO_UMASK,
        };
        Self { variables: missing & NO_VARIABLES != 0, umask: missing & NO_UMASK != 0 }
    }
}

/// What the terminal, the login or the shell itself says, in the notation of `case`. `__` and `COTTY_` begin what is ours.
const OWN: &str = "_|__*|COTTY_*|PWD|OLDPWD|SHLVL|TERM|COLUMNS|LINES|TTY|GPG_TTY|SSH_TTY|SSH_CLIENT|SSH_CONNECTION|\
                   PS[0-9]|PROMPT_*|SHELLOPTS|BASHOPTS|UID|EUID|GID|EGID|PPID|USERNAME";

/// The copy for a shell that reads up to a zero byte: a trap that shows commands shows no value.
pub(super) fn by_reading(beside: Beside) -> String {
    let names = format!("{OWN}|*[!A-Za-z0-9_]*|[0-9]*|''");
    script(
        beside,
        &format!(
            r#"while IFS= read -r -d '' __fv;do case ${{__fv%%=*}} in {names});;*)export "$__fv";;esac;done </proc/$__fp/environ"#
        ),
    )
}

/// The copy for a shell that knows lines only: the values are quoted on the way.
pub(super) fn by_quoting(beside: Beside) -> String {
    let own: Vec<String> = OWN.split('|').map(|it| format!("/^{}=/d", it.replace('*', "[^=]*"))).collect();
    let quoted = [
        own.join(";").as_str(),
        r"/^[A-Za-z_][A-Za-z0-9_]*=/!d",
        r"s/'/'\\''/g",
        r"s/^\([^=]*\)=\(.*\)$/export \1='\2'/",
    ]
    .join(";");
    let quoted = super::quote::single(&quoted);
    script(
        beside,
        &format!(
            r#"eval "$(LC_ALL=C;export LC_ALL;tr '\n\000' '\001\n' </proc/$__fp/environ|sed {quoted}|tr '\001' '\n')""#
        ),
    )
}

/// The copy for fish.
pub(super) fn by_splitting(Beside { pid, variables }: Beside) -> String {
    let own = OWN.replace("PS[0-9]", "PS?").replace('|', "' '");
    let take = match variables {
        Variables::Waiting => format!(
            "if test (cat /proc/$fp/comm) = sleep -a -r /proc/$fp/environ;for fv in (string split0 </proc/$fp/environ);\
             set -l fn (string replace -r '(?s)=.*' '' -- $fv|string collect);switch $fn;case '{own}';case '*';\
             string match -qr '^[A-Za-z_][A-Za-z0-9_]*$' -- $fn;\
             and set -gx $fn (string replace -r '(?s)^[^=]*=' '' -- $fv|string collect);end;end;kill $fp;\
             else;set fs {};end;",
            MISSES + NO_VARIABLES
        ),
        Variables::None => String::new(),
    };
    format!(
        "begin;set -l fs 0;set -l fp {pid};set -l fu (sed -n 's/^Umask:[^0-9]*//p' /proc/$fp/status);{take}\
         test -n \"$fu\";and umask $fu;or set fs (math $fs % {MISSES} + {});sh -c \"exit $fs\";end 2>/dev/null",
        MISSES + NO_UMASK
    )
}

fn script(Beside { pid, variables }: Beside, take: &str) -> String {
    // No name is one of the hook's. Before it has become the program that waits its variables are not yet those.
    let take = match variables {
        Variables::Waiting => format!(
            r#"__fc=;read -r __fc </proc/$__fp/comm;if [ "$__fc" = sleep ]&&[ -r /proc/$__fp/environ ];then {take};kill $__fp;else __fs={};fi;"#,
            MISSES + NO_VARIABLES
        ),
        Variables::None => String::new(),
    };
    let umask = r"__fu=$(sed -n 's/^Umask:[^0-9]*//p' /proc/$__fp/status)";
    [
        "{ ".to_owned(),
        // A shell that traces what it does would print the values.
        r"case $- in *x*)set +x;__fx=x;;*)__fx=;;esac;".to_owned(),
        format!("__fs=0;__fp={pid};{umask};"),
        take,
        format!(
            r#"if [ -n "$__fu" ];then umask "$__fu";else __fs=$((__fs%{MISSES}+{}));fi;"#,
            MISSES + NO_UMASK
        ),
        r#"eval "unset __fc __fp __fs __fu __fv __fx;${__fx:+set -x;}(exit $__fs)";} 2>/dev/null"#.to_owned(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_tells_what_is_missing_and_any_other_that_all_is() {
        let missing = |exit| {
            let Missing { variables, umask } = Missing::of_exit(exit);
            (variables, umask)
        };
        assert_eq!(
            [0, 101, 102, 103].map(missing),
            [(false, false), (true, false), (false, true), (true, true)]
        );
        assert_eq!([1, 2, 127, -1].map(missing), [(true, true); 4]);
    }
}
