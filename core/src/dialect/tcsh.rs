//! tcsh 6.
//!
//! `precmd` counts prompts and marks the end of a command, `postcmd` its start. tcsh calls that for every part of an
//! `eval` or a loop too; only the first is marked, for a mark must not stand within output. `%{…%}` belongs to the character that follows it and cannot be the last in a
//! prompt, so the mark of a prompt's end goes before its last character and is printed as if it stood behind it.
//! tcsh keeps `$status` over its hooks. An interrupted command leaves 1.
//!
//! The history is emptied after our line and read again from its file, if it was read from there at all.
//!
//! A prompt knows no comments and repeats what `!` names; `-c` has comments and nothing to repeat. So comments are left
//! out here and `!` is quoted. Several lines go as one `eval`; that reads no loop and no here-document, so these go into
//! the body of a loop of one turn (6.24). Between double quotes the value of a variable loses a backslash before a line
//! feed, so none is written there.

pub(super) fn hook(key: &str) -> String {
    let mark = |body: &str| format!("${{__e}}{body};k={key};p=$__p");
    [
        " set __f='\\\r';".to_owned(),
        r#"set __v="`printf '\t'`" __e="`printf '\033]133;'`" __b="`printf '\007'`" __t="`tty`" __p=$$ __c=0 __d=1 __r=x;"#
            .to_owned(),
        format!(r#"set __k="`printf '%%{{\033[C\033]133;B;k={key}\007\033[D%%}}'`";"#),
        "if(! $?echo_style)set echo_style=both;".to_owned(),
        r"alias __w 'set __o=$echo_style;set echo_style=bsd;echo -n \!:1;set echo_style=$__o';".to_owned(),
        format!("alias __j '{}';", marked("prompt", "")),
        format!("alias __l '{}';", marked("prompt2", r"|sed s/B\;k/T\;k/")),
        format!(r#"alias __n 'if("$prompt:q" \!~ *{key}*)set prompt="`__j`"';"#),
        r#"alias __z 'set __s=$status';alias __y '(exit $__s)';alias __m 'if("$__r" != x)set __s=$__r;set __r=x;@ __c++;@ __d=$__c + 1;set __g="`__x`";"#
            .to_owned(),
        format!(r#"__w "${{__e}}P;k={key};d=$cwd:q$__b{};t=$__t;n=$__c$__b";__n';"#, mark("D;$__s;c=$__c")),
        format!(r#"alias __x '__w "{}$__b"';alias __u '__w "$__g";set __g=';set __g=;set __n=;"#, mark("C;c=$__d")),
        // What the user does there still sees the status, and may change it.
        adopt("precmd", "__z;", "__y;", "__m"),
        adopt("postcmd", "", "", "__u"),
        format!(r#"set prompt2="%{{${{__e}}S;k={key}$__b%}}`__l`";"#),
        "if(`history|wc -l` > 1)set __h;history -c;if($?__h)history -L;unset __h".to_owned(),
        "\r".to_owned(),
    ]
    .concat()
}

/// Prints a prompt with the mark before its last character. In an alias nothing of it is read as a command.
fn marked(prompt: &str, then: &str) -> String {
    format!(r#"printf %s "${prompt}:q"|sed -E "s/^((%.|[^%])*)(%.|[^%])/\1$__k:q\3/"{then}"#)
}

/// Puts `after` behind what the user has there, and `before` in front of it.
fn adopt(event: &str, before: &str, between: &str, after: &str) -> String {
    format!(
        r#"if("`alias {event}`" != "")alias {event} "{before}{between}`alias {event}`;{after}";if("`alias {event}`" == "")alias {event} "{before}{after}";"#
    )
}

pub(super) fn submit(command: &str) -> String {
    let logical = logical_lines(command);
    let has_document = logical.iter().any(|line| bare(line).contains("<<"));
    let lines: Vec<String> = logical
        .iter()
        .map(|line| if has_document { line.clone() } else { without_comment(line) })
        .flat_map(|line| if has_document { vec![line] } else { apart(&line) })
        .filter(|line| has_document || !line.trim().is_empty())
        .map(|line| without_events(&line))
        .collect();
    let is_body = has_document || lines.iter().any(|line| is_block(line));
    let is_long = lines.iter().any(|line| line.len() > LINE_BYTES_MAX);
    match lines.as_slice() {
        [] => "\r".to_owned(),
        [line] if !is_long && !has_late_tab(line) => format!("{}\r", typed(line)),
        lines if is_body || is_long => in_body(&lines.iter().map(|it| in_pieces(it)).collect::<String>()),
        lines => {
            let quoted = quoted(&lines.join("\n"));
            if quoted.len() <= LINE_BYTES_MAX {
                format!("eval {quoted}\r")
            } else {
                in_body(&put_together(&lines.join("\n")))
            }
        }
    }
}

/// A loop of one turn around these typed lines.
fn in_body(typed: &str) -> String {
    format!("foreach __i (1)\r__x\r{typed}set __r=$status\rend\r")
}

/// What the editor takes in one line; what is longer it cuts, with a beep, and runs the rest.
const LINE_BYTES_MAX: usize = 900;

/// A line of a loop's body; one that is long, or would be misread there, is put together first. Within a quote the editor
/// would have to be told of a tab, and it may not have begun yet.
fn in_pieces(line: &str) -> String {
    let is_misread = line.contains(r"\'") || line.ends_with('\\') || line.contains(['\n', '\t']);
    if is_block(line) || (line.len() <= LINE_BYTES_MAX && !is_misread) {
        typed(line) + "\r"
    } else {
        put_together(line)
    }
}

/// Text that is put together in a variable, and then read as a command.
fn put_together(text: &str) -> String {
    let cost = |it: char| match it {
        '\'' | '!' => 4,
        '\n' | '\t' => 8,
        '\\' => 10,
        other => other.len_utf8(),
    };
    let pieces = super::pieces::cut(text, cost);
    let assigned = pieces.iter().enumerate().map(|(place, piece)| {
        let before = if place == 0 { "" } else { "$__q:q" };
        format!("set __q={before}{}\r", quoted(piece))
    });
    assigned.collect::<String>() + "eval $__q:q\r"
}

/// Quotes a text. A backslash before a quote stands outside of ours, and apart from the next: in the body of a loop a quote
/// that follows one is not counted, wherever it stands (6.24). `$__n` is empty,
/// `$__f` a line feed and `$__v` a tab.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    let mut backslashes = 0;
    let mut rest = text.chars().peekable();
    while let Some(it) = rest.next() {
        match it {
            '\\' => backslashes += 1,
            '\'' => quoted.push_str(r"'\''"),
            '!' => quoted.push_str(r"'\!'"),
            '\n' => quoted.push_str("'$__f:q'"),
            '\t' => quoted.push_str("'$__v:q'"),
            other => quoted.push(other),
        }
        if backslashes > 0 && rest.peek() != Some(&'\\') {
            let is_before_quote = matches!(rest.peek(), None | Some('\'' | '!' | '\n' | '\t'));
            let outside = || format!("'{}$__n:q'", r"\\".repeat(backslashes));
            quoted.push_str(&if is_before_quote { outside() } else { r"\".repeat(backslashes) });
            backslashes = 0;
        }
    }
    quoted.push('\'');
    quoted
}

/// Cuts the text into lines; one that ends in a backslash goes on. Within quotes a backslash is none for the next.
fn logical_lines(command: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in command.lines() {
        match lines.last_mut().filter(|_| goes_on) {
            Some(last) => {
                last.push('\n');
                last.push_str(line);
            }
            None => lines.push(line.to_owned()),
        }
        let is_open = || lines.last().is_some_and(|it| bare(&format!("{it} ")).ends_with('x'));
        goes_on = super::quote::ends_in_backslash(line) || (line.ends_with('\\') && is_open());
    }
    lines
}

/// The editor completes at a tab, unless it is quoted.
fn typed(line: &str) -> String {
    line.replace('\t', "\x16\t").replace('\n', "\r")
}

/// Returns whether a tab may stand in a later row, where the editor may not be there to be told of it.
fn has_late_tab(line: &str) -> bool {
    line.contains('\n') && line.contains('\t')
}

/// Returns whether the line begins or ends what is read over several lines.
fn is_block(line: &str) -> bool {
    const WORDS: [&str; 9] =
        ["foreach", "while", "switch", "end", "endif", "endsw", "else", "case", "breaksw"];
    let line = bare(line);
    let first = line.split(|it: char| !it.is_ascii_alphanumeric()).find(|word| !word.is_empty());
    let opens = line.trim_end().ends_with(" then") || line.trim_end().ends_with(")then");
    opens || first.is_some_and(|word| WORDS.contains(&word))
}

/// Puts on a line of its own what begins a block behind a semicolon: in the body of a loop its end would not be found (6.24).
fn apart(line: &str) -> Vec<String> {
    let mut lines = vec![line.to_owned()];
    for place in bare(line).rmatch_indices(';').map(|it| it.0) {
        let after = lines[0][place + 1..].trim_start().to_owned();
        if is_block(&after) {
            lines[0].truncate(place);
            lines.insert(1, after);
        }
    }
    lines
}

/// Leaves out a comment.
fn without_comment(line: &str) -> String {
    bare(line).find(COMMENT).map_or(line, |place| line[..place].trim_end()).to_owned()
}

/// What stands for the `#` that begins a comment.
const COMMENT: char = '\0';

/// Returns the line with `x` for every byte that is quoted.
fn bare(line: &str) -> String {
    let (mut quote, mut escaped, mut begins) = (None, false, true);
    let mut bare = String::with_capacity(line.len());
    for it in line.chars() {
        let is_quoted = escaped || quote.is_some();
        let shown = if it == '#' && begins && !is_quoted { COMMENT } else { it };
        (0..it.len_utf8()).for_each(|_| bare.push(if is_quoted || it.len_utf8() > 1 { 'x' } else { shown }));
        begins = !is_quoted && (it.is_whitespace() || ";&|()<>".contains(it));
        match quote {
            Some(open) if it == open && !escaped => quote = None,
            None if !escaped && matches!(it, '\'' | '"' | '`') => quote = Some(it),
            _ => {}
        }
        escaped = it == '\\' && !escaped && quote.is_none();
    }
    bare
}

/// Quotes each `!` that would name an event of the history.
fn without_events(line: &str) -> String {
    let mut quoted = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    let mut escaped = false;
    while let Some(it) = characters.next() {
        let next = characters.peek().copied();
        let names = !matches!(next, None | Some(' ' | '\t' | '\n' | '=' | '(' | '~'));
        if it == '!' && names && !escaped {
            quoted.push('\\');
        }
        quoted.push(it);
        escaped = it == '\\' && !escaped;
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_left_out_and_no_event_is_named() {
        assert_eq!(submit("echo hi # don't"), "echo hi\r");
        assert_eq!(submit("echo '# a' a#b \\# c"), "echo '# a' a#b \\# c\r");
        assert_eq!(submit("# only"), "\r");
        assert_eq!(submit("echo wow! a!b \\!c"), "echo wow! a\\!b \\!c\r");
    }

    #[test]
    fn no_quote_follows_a_backslash_but_one_that_it_quotes() {
        assert_eq!(quoted("a\\\nb"), r"'a'\\$__n:q''$__f:q'b'");
        assert_eq!(quoted(r"a\b"), r"'a\b'");
        assert_eq!(quoted(r"'x\\'"), r"''\''x'\\\\$__n:q''\'''");
        assert_eq!(quoted(r"\!"), r"''\\$__n:q''\!''");
    }

    #[test]
    fn several_lines_are_one_command() {
        assert_eq!(
            submit("echo 'a'\necho\tb"),
            r"eval 'echo '\''a'\'''$__f:q'echo'$__v:q'b'".to_owned() + "\r"
        );
        let quoted = r"eval 'echo a'$__f:q'echo '\''b'\\$__n:q''$__f:q'c'\'''".to_owned() + "\r";
        assert_eq!(submit("echo a\necho 'b\\\nc'"), quoted);
        let within = "zsh -c 'echo a \\\\\n  b'";
        assert_eq!(logical_lines(within), [within]);
        assert_eq!(logical_lines("echo a\\\\\nb"), ["echo a\\\\", "b"]);
        let long = submit(&format!("echo {}\necho b", "'".repeat(300)));
        assert!(
            long.starts_with("foreach __i (1)\r__x\rset __q='echo ")
                && long.split('\r').all(|it| it.len() < 1_000)
        );
        assert_eq!(apart("true; a ';end'; foreach i (1)"), ["true; a ';end'", "foreach i (1)"]);
        for block in ["foreach i (1 2)\necho $i\nend", "true; foreach i (1 2)\necho $i\nend", "cat <<E\na\nE"]
        {
            let typed = submit(block);
            assert!(typed.starts_with("foreach __i (1)\r__x\r"), "{typed}");
        }
        assert_eq!(submit("echo 'b\\\nc <<d'"), "echo 'b\\\rc <<d'\r");
    }
}
