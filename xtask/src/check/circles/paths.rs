//! Reading a path or a tree of paths, as in `a::{b::C, d as e}`.

/// One path of a tree, and the name under which it arrives: its last word, what stands after `as`, or `*`.
#[derive(Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its words; without the `*`.
    pub path: Vec<String>,
    /// The name it gets.
    pub name: String,
}

/// Reads the tree that begins the text.
#[must_use]
pub fn leaves(text: &str) -> Vec<Leaf> {
    let mut found = Vec::new();
    Reader { rest: text }.tree(&[], &mut found);
    found
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Reads one branch: words, then a word, a star or a group.
    fn tree(&mut self, before: &[String], found: &mut Vec<Leaf>) {
        let mut path = before.to_vec();
        loop {
            if self.take("{") {
                return self.group(&path, found);
            }
            if self.take("*") {
                found.push(Leaf { path, name: "*".to_owned() });
                return;
            }
            let Some(word) = self.word() else { break };
            // `{self}` in a group is the module itself.
            if word != "self" || path.is_empty() {
                path.push(word);
            }
            if !self.take("::") {
                break;
            }
        }
        if let Some(last) = path.last() {
            let last = last.clone();
            let name = if self.take("as ") { self.word().unwrap_or(last) } else { last };
            found.push(Leaf { path, name });
        }
    }

    /// Reads the branches of a group up to its brace.
    fn group(&mut self, before: &[String], found: &mut Vec<Leaf>) {
        while !self.take("}") {
            let left = self.rest.len();
            self.tree(before, found);
            self.take(",");
            if self.rest.len() == left {
                return;
            }
        }
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        let after = rest.strip_prefix(token);
        self.rest = after.unwrap_or(rest);
        after.is_some()
    }

    fn word(&mut self) -> Option<String> {
        let rest = self.rest.trim_start();
        let rest = rest.strip_prefix("r#").unwrap_or(rest);
        let length = rest.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(rest.len());
        self.rest = &rest[length..];
        (length > 0).then(|| rest[..length].to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_gives_each_of_its_paths() {
        let found = leaves("crate::{a::{self, B}, c as d,\n e::*, };");
        let said: Vec<String> =
            found.iter().map(|leaf| format!("{} {}", leaf.path.join("."), leaf.name)).collect();
        assert_eq!(said, ["crate.a a", "crate.a.B B", "crate.c d", "crate.e *"]);
    }

    #[test]
    fn a_path_in_the_middle_of_code_ends_where_it_ends() {
        let found = leaves("crate::a::count::<u8>(crate::b::c)");
        assert_eq!(found[0].path, ["crate", "a", "count"]);
    }
}
