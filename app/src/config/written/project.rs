//! What a project may say of itself: less of what agents may name, fewer devices, hidden ones, shorter times.

use std::collections::BTreeSet;
use std::time::Duration;

use cotty_engine::hosts::device::Targets;
use cotty_engine::hosts::workspace::Hide;
use toml_edit::{Document, Item, TableLike};

use super::values::{Fault, duration, fault, line};
use super::{Wrong, not_toml, targets};

/// The words that hold of themselves.
pub(super) const NARROWS: &[&str] = &["targets", "hide", "show", "idle_timeout"];

/// Other words are told up to this length: whoever wrote them is a stranger.
const WORD_CHARS_MAX: usize = 20;
/// And so many.
const WORDS_MAX: usize = 8;

/// What holds of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Project {
    /// `targets`
    pub(crate) targets: Option<Targets>,
    /// `hide`
    pub(crate) hide: Hide,
    /// `show`
    pub(crate) show: Option<BTreeSet<String>>,
    /// `idle_timeout`
    pub(crate) idle_timeout: Option<Duration>,
    /// The words of it that do not.
    pub(crate) more: Vec<String>,
}

impl Project {
    /// Reads what holds of itself, and names the rest.
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        let document = Document::parse(text).map_err(|error| not_toml(text, &error))?;
        let read = Self::top(document.as_table());
        read.map_err(|(span, what, remedy)| Wrong { line: line(text, span.start), what, remedy })
    }

    fn top(table: &dyn TableLike) -> Result<Self, Fault> {
        let mut project = Self::default();
        let mut more = BTreeSet::new();
        for (key, item) in table.iter() {
            match key {
                "targets" => project.targets = Some(targets(key, item)?),
                "hide" => project.hide = hide(key, item)?,
                "show" => project.show = Some(devices(key, item)?),
                "idle_timeout" => project.idle_timeout = Some(shorter(key, item)?),
                other => {
                    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-".contains(it);
                    let plain =
                        !other.is_empty() && other.chars().all(is_plain) && other.len() <= WORD_CHARS_MAX;
                    more.insert(if plain { other.to_owned() } else { "a word that is none".to_owned() });
                }
            }
        }
        project.more = more.into_iter().take(WORDS_MAX).collect();
        Ok(project)
    }
}

fn hide(key: &str, item: &Item) -> Result<Hide, Fault> {
    match item.as_bool() {
        Some(true) => Ok(Hide::All),
        Some(false) => Err(fault(item, key, "true or a list of devices", "Remove the line")),
        None => devices(key, item).map(Hide::Named),
    }
}

fn devices(key: &str, item: &Item) -> Result<BTreeSet<String>, Fault> {
    let names: Option<BTreeSet<String>> =
        item.as_array().and_then(|list| list.iter().map(|it| it.as_str().map(str::to_owned)).collect());
    names.ok_or_else(|| fault(item, key, "a list of devices", &format!("Write {key} = [\"shop\"]")))
}

/// A time: `off` would be longer than any.
fn shorter(key: &str, item: &Item) -> Result<Duration, Fault> {
    let said = duration(key, item)?;
    said.ok_or_else(|| fault(item, key, "a time", &format!("Write {key} = \"30m\"")))
}
