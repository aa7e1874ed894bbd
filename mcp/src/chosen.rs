//! Which tools a client is offered, where whoever set it up chose: by set, one by one, or only those that change nothing.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::arguments::aliases;
use crate::lists::Answer;
use crate::tools;

/// The sets that there are. What is not built yet is in none of them.
const SETS: [&str; 2] = ["core", "all"];

/// What was said about the tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Only tools that change nothing; wins over all else.
    pub read_only: bool,
    /// Sets of tools, with commas between.
    pub toolsets: Option<String>,
    /// Tools, with commas between: besides the sets where any are named, else these alone.
    pub tools: Option<String>,
}

/// The tools that are offered, where these are not all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen(BTreeSet<&'static str>);

impl Chosen {
    /// Takes a wish; nothing where it leaves all tools.
    ///
    /// # Errors
    ///
    /// Says which name there is not, or that nothing is left.
    pub fn of(wish: &Wish) -> Result<Option<Self>, String> {
        let names = |said: &Option<String>| -> Vec<String> {
            let said = said.iter().flat_map(|it| it.split(','));
            said.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
        };
        let (sets, single) = (names(&wish.toolsets), names(&wish.tools));
        if let Some(set) = sets.iter().find(|it| !SETS.contains(&it.as_str())) {
            return Err(format!("there is no toolset {set:?}; there are {}", SETS.join(", ")));
        }
        let known = tools::ALL.map(|it| it.name);
        if let Some(tool) = single.iter().find(|it| !known.contains(&it.as_str())) {
            return Err(format!("there is no tool {tool:?}; there are {}", known.join(", ")));
        }
        let is_in_sets = !sets.is_empty() || single.is_empty();
        let is_chosen = |it: &&&tools::Definition| {
            let is_named = is_in_sets || single.iter().any(|name| name == it.name);
            is_named && (it.read_only || !wish.read_only)
        };
        let chosen: BTreeSet<_> = tools::ALL.iter().filter(is_chosen).map(|it| it.name).collect();
        if chosen.is_empty() {
            return Err(
                "no tool is left: what is named changes things, and only reading is allowed".to_owned()
            );
        }
        Ok((chosen.len() < tools::ALL.len()).then_some(Self(chosen)))
    }

    /// Returns whether a call is of one of them, by any name that it goes by.
    #[must_use]
    pub fn has(&self, name: &str, arguments: Option<&Map<String, Value>>) -> bool {
        let name = aliases::tool(name, &mut arguments.cloned().unwrap_or_default());
        // What is no tool at all is refused where all are.
        self.0.contains(&*name) || !tools::ALL.iter().any(|it| it.name == name)
    }

    /// Returns the list of tools with these alone.
    #[must_use]
    pub fn list(&self, list: Answer) -> String {
        let Ok(mut list) = serde_json::from_str::<Value>(list.text()) else { return "{}".to_owned() };
        if let Some(tools) = list["tools"].as_array_mut() {
            tools.retain(|it| it["name"].as_str().is_some_and(|it| self.0.contains(it)));
        }
        list.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(read_only: bool, toolsets: &str, tools: &str) -> Result<Vec<&'static str>, String> {
        let said = |it: &str| Some(it.to_owned()).filter(|it| !it.is_empty());
        let wish = Wish { read_only, toolsets: said(toolsets), tools: said(tools) };
        Ok(match Chosen::of(&wish)? {
            Some(chosen) => chosen.0.into_iter().collect(),
            None => vec!["all"],
        })
    }

    #[test]
    fn what_is_chosen_is_what_was_named_and_reading_wins() {
        assert_eq!(chosen(false, "", ""), Ok(vec!["all"]));
        assert_eq!(chosen(false, "core", "ssh_run"), Ok(vec!["all"]));
        assert_eq!(chosen(false, " all ,", ""), Ok(vec!["all"]));
        assert_eq!(chosen(false, "", "ssh_run, ssh_wait"), Ok(vec!["ssh_run", "ssh_wait"]));
        assert_eq!(chosen(true, "", ""), Ok(vec!["ssh_list", "ssh_read", "ssh_status", "ssh_wait"]));
        assert_eq!(chosen(true, "all", "ssh_run"), chosen(true, "", ""));
        assert_eq!(chosen(true, "", "ssh_run,ssh_read"), Ok(vec!["ssh_read"]));
    }

    #[test]
    fn a_name_that_there_is_not_is_told_with_those_that_there_are() {
        assert!(chosen(false, "fleet", "").unwrap_err().contains("core, all"));
        assert!(chosen(false, "", "ssh_rum").unwrap_err().contains("ssh_run, ssh_wait"));
        assert!(chosen(true, "", "ssh_run").unwrap_err().contains("no tool is left"));
    }

    #[test]
    fn a_tool_that_is_left_out_is_left_out_under_all_its_names() {
        let wish = Wish { read_only: true, ..Wish::default() };
        let chosen = Chosen::of(&wish).unwrap().unwrap();
        for (name, has) in
            [("ssh_run", false), ("execute_command", false), ("ssh_read", true), ("read_screen", true)]
        {
            assert_eq!(chosen.has(name, None), has, "{name}");
        }
        let list: Value = serde_json::from_str(&chosen.list(Answer::ToolsStateless)).unwrap();
        assert_eq!(list["tools"].as_array().unwrap().len(), 4);
        assert_eq!(list["resultType"], "complete");
    }
}
