//! Long and multi-line commands for shells whose lines are short: quoted pieces in one group, which is one command
//! with one prompt after it.

use super::quote;

/// A typed line stays below 1,023 bytes, also with its quoting: so much does the editor of busybox ash hold, and a
/// terminal's line discipline holds four times that.
const PIECE_BYTES_MAX: usize = 900;

/// The pieces between single quotes, for a shell that reads whole lines of its terminal.
pub(super) fn plain(command: &str) -> String {
    let cost = |it: char| if it == '\'' { 4 } else { it.len_utf8() };
    // The group's text is expanded before it runs, so the variable can go first.
    group("", &cut(command, cost), quote::single, "eval \"unset __q\n$__q\"")
}

/// The pieces between `$'` and `'`, for a shell that edits its line: no key in them means anything to an editor. What
/// is drawn meanwhile tells nothing, so the group marks by itself where its command starts.
pub(super) fn escaped(command: &str, key: &str) -> String {
    let cost = |it: char| quote::ansi_c_bytes(it);
    marked(&cut(command, cost), quote::ansi_c, key, "")
}

/// The same for a shell whose editor takes only ASCII as it is, and which keeps all lines: its own can be found by the key
/// that stands in the first, and `keep` puts the command itself into the history.
pub(super) fn ascii_and_signed(command: &str, key: &str, keep: &str) -> String {
    let cost = |it: char| if it.is_ascii() { quote::ansi_c_bytes(it) } else { 4 * it.len_utf8() };
    let pieces = cut(command, cost);
    marked(&pieces, quote::ansi_c_ascii, key, keep).replacen("{ ", &format!("{{ : {key};"), 1)
}

/// Pieces that are read by a builtin and not as a command, for a shell whose history takes all but the first line of one:
/// the first begins with a blank, and the command is put into the history by itself.
pub(super) fn read(command: &str, key: &str) -> String {
    let pieces = cut(command, quote::ansi_c_bytes);
    let lines: String = pieces.iter().map(|piece| quote::ansi_c(piece) + "\n").collect();
    let gather = r#"while IFS= read -r __p&&[[ $__p != . ]];do eval "__q=\$__q$__p";done"#;
    let start = start(key);
    let run = if defers_traps(command) {
        r#"eval "__f() { unset -f __f;unset __q __p;"$'\n'"$__q"$'\n}'&&__f "$@""#
    } else {
        r#"eval "unset __q __p;$__q""#
    };
    format!(" __q=;{gather};print -sr -- \"$__q\";{start};{run}\n{lines}.\n")
}

/// In an `eval` mksh leaves a trap out where `set -e` ends a subshell (59): what may have both is run as a function, in
/// which a `typeset` is its own.
fn defers_traps(command: &str) -> bool {
    command.contains("trap") && command.contains("set -")
}

fn marked(pieces: &[String], quoted: impl Fn(&str) -> String, key: &str, keep: &str) -> String {
    let run = format!(r#"{keep}{};eval "unset __q;$__q""#, start(key));
    group(" ", pieces, quoted, &run)
}

/// Marks the start of a command where the shell has no hook for it.
fn start(key: &str) -> String {
    let count = super::count(key);
    format!(r"printf '\033]133;C;c=%s;k={key}\007' $(({count}+1))")
}

fn group(before: &str, pieces: &[String], quoted: impl Fn(&str) -> String, run: &str) -> String {
    let again = format!("\n{before}__q=$__q");
    let assigned = pieces.iter().map(|piece| quoted(piece)).collect::<Vec<_>>().join(&again);
    format!("{before}{{ __q={assigned}\n{before}{run}; }}\n")
}

/// Cuts the text so that each piece, quoted, stays below the limit; never inside a character.
pub(super) fn cut(text: &str, cost: impl Fn(char) -> usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut quoted_bytes = 0;
    for it in text.chars() {
        if quoted_bytes + cost(it) > PIECE_BYTES_MAX {
            pieces.push(String::new());
            quoted_bytes = 0;
        }
        quoted_bytes += cost(it);
        if let Some(last) = pieces.last_mut() {
            last.push(it);
        }
    }
    pieces
}

/// Returns whether a shell that edits its line, and has no bracketed paste, takes a command as it is.
pub(super) fn is_plain(command: &str, line_bytes_max: usize) -> bool {
    command.len() <= line_bytes_max && !command.contains(['\n', '\t']) && !quote::ends_in_backslash(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_typed_line_is_longer_than_the_shortest_editor_holds() {
        for command in ["x".repeat(5_000), "'".repeat(5_000), "a\nb".to_owned(), "é\t\\".repeat(3_000)] {
            assert!(read(&command, "k").lines().all(|line| line.len() < 1_023));
            for typed in [
                plain(&command),
                ascii_and_signed(&command, "0123456789abcdef0123456789abcdef0123456789abcdef", "keep;"),
            ] {
                assert!(typed.lines().all(|line| line.len() < 1_023), "{typed}");
                assert!(typed.ends_with("; }\n"));
            }
        }
    }

    #[test]
    fn what_has_traps_and_ends_with_a_failure_is_no_eval_in_mksh() {
        let typed = |command: &str| read(command, "k");
        assert!(typed("( set -e\ntrap 'echo bye' EXIT\nfalse )").contains("&&__f \"$@\"\n"));
        assert!(!typed("( set -e\nfalse )").contains("__f"));
    }

    #[test]
    fn where_only_ascii_is_taken_the_rest_goes_byte_by_byte() {
        let typed = ascii_and_signed("'é'", "k", "");
        assert!(typed.starts_with(r" { : k;__q=$'\'\303\251\''"), "{typed}");
        assert!(ascii_and_signed(&"€".repeat(2_000), "k", "").lines().all(|line| line.len() < 1_023));
    }

    #[test]
    fn no_key_of_an_editor_is_in_what_is_typed() {
        let typed = escaped("a\tb\nc\\", "k");
        assert!(typed.starts_with(r" { __q=$'a\tb\nc\\'"), "{typed}");
    }
}
