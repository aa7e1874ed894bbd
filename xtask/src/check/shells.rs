//! What differs between shells stands in `core/dialect`, one file a shell: nobody else asks which one it is.

use std::fs;

use regex::Regex;

use crate::source::Source;
use crate::tree::{CRATES, from_root, root, rust_files};

/// Asking for a variant: an arm, a comparison, `matches!`, `if let`. To *name* one (as a default, say) is free.
const ASKS_THE_VARIANT: &str = r"(?x)
    \bShell::[A-Z]\w*\s*(=>|\||if\b)
  | [=!]=\s*(\w+::)*Shell::[A-Z]
  | \b(Some|Ok)\(\s*(\w+::)*Shell::[A-Z]\w*\s*\)\s*=>
  | \bmatches!\([^;]*\bShell::[A-Z]
  | \blet\s+(\w+::)*Shell::[A-Z]";

/// Asking for the name, which comes to the same.
const ASKS_THE_NAME: &str = r#"(?x)
    "(bash|zsh|dash|fish|ksh|mksh|ash|pwsh|powershell)"\s*(=>|\|)
  | [=!]=\s*"(bash|zsh|dash|fish|ksh|mksh|ash|pwsh|powershell)""#;

/// Lists the places outside `core/dialect` where somebody asks which shell it is.
#[must_use]
pub fn outside_dialect() -> Vec<String> {
    let rooms = CRATES.iter().filter(|name| !matches!(**name, "xtask" | "testkit"));
    let files = rooms.flat_map(|name| rust_files(&root().join(name).join("src")));
    files
        .map(|path| (from_root(&path), path))
        .filter(|(name, _)| !name.starts_with("core/src/dialect"))
        .flat_map(|(name, path)| asked_in(&name, &fs::read_to_string(path).unwrap_or_default()))
        .collect()
}

/// The places in one file.
fn asked_in(name: &str, text: &str) -> Vec<String> {
    let source = Source::of(text);
    let rules = [(ASKS_THE_VARIANT, &source.code), (ASKS_THE_NAME, &source.spoken)];
    let mut found = Vec::new();
    for (rule, text) in rules {
        let Ok(rule) = Regex::new(rule) else { return vec![format!("not a regular expression: {rule}")] };
        for place in rule.find_iter(text) {
            let line = text[..place.start()].matches('\n').count() + 1;
            let asked = place.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
            found.push(format!(
                "{name}:{line}: `{asked}` asks which shell it is; that belongs to core/dialect"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_is_found() {
        for text in [
            "match shell { Shell::Bash => 1, _ => 2 }",
            "match shell { Shell::Zsh | other => 1 }",
            "if shell == Shell::Dash { }",
            "matches!(self.shell, Shell::Bash)",
            "if let Shell::Bash = shell {}",
            "match name { \"zsh\" => 1, _ => 2 }",
            "if name == \"fish\" {}",
            "match it { Some(Shell::Bash) => 1 }",
        ] {
            assert_eq!(asked_in("a.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn naming_is_free() {
        for text in [
            "let shell = Shell::Bash;",
            "Frame { shell: Shell::Posix, depth: 1 }",
            "for shell in Shell::ALL {}",
            "run(\"bash\"); // Shell::Bash => here",
            "#[cfg(test)]\nmod tests { fn a() { assert!(shell == Shell::Bash); } }",
        ] {
            assert!(asked_in("a.rs", text).is_empty(), "{text}");
        }
    }
}
