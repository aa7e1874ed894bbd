//! Modules form no circle: who stands below does not name who stands above.
//!
//! Compared are siblings, each with all that stands in it: `gate` and `run` of one crate, or `posix` and `fish`
//! of `dialect`. A module and its own children are one room and may name each other. Read as text: paths that
//! begin with `crate`, `super` or `self`, followed through `pub use`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::source::Source;
use crate::tree::{CRATES, root, rust_files};

mod paths;

use paths::{Leaf, leaves};

/// Where a module stands: the names on the way from the crate's root.
type Place = Vec<String>;

/// Which sibling names which, for the children of one module.
type Edges = BTreeMap<String, BTreeSet<String>>;

/// How often a name is followed through `pub use` before we give up.
const HOPS_MAX: usize = 8;

/// Lists the circles of every crate.
#[must_use]
pub fn in_all_crates() -> Vec<String> {
    CRATES.iter().flat_map(|name| in_crate(name, &root().join(name).join("src"))).collect()
}

/// Lists the circles of one crate.
fn in_crate(name: &str, folder: &Path) -> Vec<String> {
    let files = rust_files(folder).into_iter().filter_map(|path| {
        let place = place_of(path.strip_prefix(folder).ok()?);
        Some((place, fs::read_to_string(&path).ok()?))
    });
    let circles = circles(&Modules::of(files.collect()));
    circles.into_iter().map(|circle| format!("{name}: {}", circle.join(" → "))).collect()
}

/// `run/text.rs` is `run::text`; `run/mod.rs` and `run.rs` are `run`; `lib.rs` is the root.
fn place_of(file: &Path) -> Place {
    let mut place: Place =
        file.with_extension("").iter().map(|it| it.to_string_lossy().into_owned()).collect();
    if place.last().is_some_and(|last| matches!(last.as_str(), "lib" | "main" | "mod")) {
        place.pop();
    }
    place
}

/// The modules of a crate that are no tests.
struct Modules {
    /// What each one names.
    named: BTreeMap<Place, Vec<Place>>,
    /// What each one passes on under a name of its own.
    passed_on: BTreeMap<Place, BTreeMap<String, Place>>,
    /// What each one passes on whole.
    passed_whole: BTreeMap<Place, Vec<Place>>,
}

impl Modules {
    fn of(files: Vec<(Place, String)>) -> Self {
        let sources: Vec<(Place, Source)> =
            files.into_iter().map(|(place, text)| (place, Source::of(&text))).collect();
        let tests: BTreeSet<Place> = sources
            .iter()
            .flat_map(|(place, source)| source.test_modules.iter().map(|name| child(place, name)))
            .collect();
        let is_test = |place: &Place| {
            place.iter().any(|it| it == "tests") || (1..=place.len()).any(|end| tests.contains(&place[..end]))
        };
        let mut modules =
            Self { named: BTreeMap::new(), passed_on: BTreeMap::new(), passed_whole: BTreeMap::new() };
        for (place, source) in sources.iter().filter(|(place, _)| !is_test(place)) {
            modules.read(place, &source.code);
        }
        modules
    }

    /// Reads one module.
    fn read(&mut self, place: &Place, code: &str) {
        let named = self.named.entry(place.clone()).or_default();
        for found in matches(r"(?:^|[^\w:$])((?:crate|self|super)\s*::)", code) {
            named.extend(leaves(&code[found..]).into_iter().map(|leaf| absolute(place, leaf.path)));
        }
        for found in matches(r"\bpub(?:\([^)]*\))?\s+use\s+(\S)", code) {
            for Leaf { path, name } in leaves(&code[found..]) {
                let target = absolute(place, path);
                if name == "*" {
                    self.passed_whole.entry(place.clone()).or_default().push(target);
                } else {
                    self.passed_on.entry(place.clone()).or_default().insert(name, target);
                }
            }
        }
    }

    /// The module in which the thing stands that a path names.
    fn home_of(&self, path: &[String], hops: usize) -> Place {
        let mut at = Place::new();
        for (step, name) in path.iter().enumerate() {
            let below = child(&at, name);
            if self.named.contains_key(&below) {
                at = below;
                continue;
            }
            let target = self.passed_on.get(&at).and_then(|names| names.get(name)).cloned().or_else(|| {
                let whole = self.passed_whole.get(&at)?;
                (whole.len() == 1).then(|| child(&whole[0], name))
            });
            return match target {
                Some(target) if hops < HOPS_MAX && target != path[..=step] => {
                    let rest = path[step + 1..].iter().cloned();
                    self.home_of(&target.into_iter().chain(rest).collect::<Place>(), hops + 1)
                }
                _ => at,
            };
        }
        at
    }

    /// For each module with children: which of them names which.
    fn edges(&self) -> BTreeMap<Place, Edges> {
        let mut all: BTreeMap<Place, Edges> = BTreeMap::new();
        for (from, paths) in &self.named {
            for path in paths {
                let to = self.home_of(path, 0);
                let common = from.iter().zip(&to).take_while(|(left, right)| left == right).count();
                if let (Some(left), Some(right)) = (from.get(common), to.get(common)) {
                    let edges = all.entry(from[..common].to_vec()).or_default();
                    edges.entry(left.clone()).or_default().insert(right.clone());
                }
            }
        }
        all
    }
}

/// The start of the first group of every match.
fn matches(pattern: &str, code: &str) -> Vec<usize> {
    let Ok(pattern) = Regex::new(pattern) else { return Vec::new() };
    pattern.captures_iter(code).filter_map(|found| found.get(1).map(|group| group.start())).collect()
}

fn child(place: &[String], name: &str) -> Place {
    place.iter().cloned().chain([name.to_owned()]).collect()
}

/// The path from the crate's root. A path that begins with none of the three words begins here.
fn absolute(place: &[String], path: Place) -> Place {
    let mut base = place.to_vec();
    let mut words = path.into_iter().peekable();
    while let Some(word) = words.next_if(|it| matches!(it.as_str(), "crate" | "self" | "super")) {
        match word.as_str() {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            _ => {}
        }
    }
    base.extend(words);
    base
}

/// Finds one circle for each knot of siblings that name each other.
fn circles(modules: &Modules) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (parent, edges) in modules.edges() {
        let mut told = BTreeSet::new();
        for start in edges.keys() {
            if told.contains(start) {
                continue;
            }
            let Some(circle) = way_back(&edges, start) else { continue };
            told.extend(circle.iter().cloned());
            let name = |it: &String| child(&parent, it).join("::");
            found.push(circle.iter().map(name).collect());
        }
    }
    found
}

/// The shortest way from a module over others back to itself.
fn way_back(edges: &Edges, start: &String) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.clone()]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in &ways {
            for next in way.last().and_then(|last| edges.get(last)).into_iter().flatten() {
                let further: Vec<String> = way.iter().cloned().chain([next.clone()]).collect();
                if next == start {
                    return Some(further);
                }
                if seen.insert(next.clone()) {
                    longer.push(further);
                }
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(name, text)| (place_of(Path::new(name)), (*text).to_owned()));
        circles(&Modules::of(files.collect())).iter().map(|circle| circle.join(" → ")).collect()
    }

    #[test]
    fn a_circle_is_found_through_groups_and_paths() {
        let files = [
            ("lib.rs", "pub mod a; pub mod b; pub mod c;"),
            ("a.rs", "use crate::{b::{B, Other}, names::Name};"),
            ("b.rs", "fn it() -> u8 { crate::c::count() }"),
            ("c.rs", "use super::a::A;"),
        ];
        assert_eq!(found(&files), ["a → b → c → a"]);
        assert!(found(&files[..3]).is_empty());
    }

    #[test]
    fn what_the_root_passes_on_is_followed() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use b::B as Bee; pub(crate) use a::*;"),
            ("a.rs", "use crate::Bee;"),
            ("b.rs", "use crate::Whole;"),
        ];
        assert_eq!(found(&files), ["a → b → a"]);
    }

    #[test]
    fn siblings_in_a_folder_are_compared_and_parents_are_not() {
        let files = [
            ("lib.rs", "mod room;"),
            ("room.rs", "mod left; mod right; use left::Left;"),
            ("room/left.rs", "use super::{Room, right::Right};"),
            ("room/right.rs", "use crate::room::left::Left;"),
        ];
        assert_eq!(found(&files), ["room::left → room::right → room::left"]);
        let files = [
            ("lib.rs", "mod room;"),
            ("room.rs", "mod left; use left::Left;"),
            ("room/left.rs", "use super::Room;"),
        ];
        assert!(found(&files).is_empty());
    }

    #[test]
    fn tests_and_comments_name_nobody() {
        let files = [
            ("lib.rs", "mod a; mod b; #[cfg(test)] mod laws;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "// crate::a::A\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
            ("laws.rs", "use crate::a::A;"),
            ("b/tests.rs", "use crate::a::A;"),
        ];
        assert!(found(&files).is_empty());
    }
}
